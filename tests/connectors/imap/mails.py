"""The mailbox and the mails of these tests."""

from __future__ import annotations

import re

import hub
from connectors.imap.settings import ImapSettings


def settings(port: int, **changes: object) -> ImapSettings:
    """Alice's mailbox on the test's own Dovecot."""
    common = {"host": "127.0.0.1", "port": port, "security": "none", "username": "alice", "password": "secret-a"}
    return ImapSettings.model_validate({**common, **changes})


def mail(subject: str, body: str = "Hello") -> bytes:
    """A small mail."""
    return (
        f"From: Bob <bob@example.net>\r\nTo: alice@example.test\r\nSubject: {subject}\r\n"
        f"Message-ID: <{subject}@example.net>\r\nDate: Mon, 3 Nov 2025 10:00:00 +0000\r\n\r\n{body}\r\n"
    ).encode()


def subject(item: hub.Item) -> str:
    """The subject of a mail that `mail` made."""
    assert isinstance(item, hub.RawMail | hub.Unreadable)
    found = re.search(rb"^Subject: (.*?)\r$", item.raw, re.MULTILINE)
    assert found is not None
    return found[1].decode()
