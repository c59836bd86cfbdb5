"""Signing in: the vectors of the mechanisms, and a real Dovecot that asks whether a token is good."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from imapclient import IMAPClient

import hub
from connectors.imap.login import TokenRefused, login, oauthbearer, xoauth2
from connectors.imap.settings import ImapSettings
from tests.contracts.proxy import Proxy
from tests.servers.dovecot import PASSWORDS, Dovecot

MECHANISMS = ("xoauth2", "oauthbearer")


def settings(dovecot: Dovecot, **values: Any) -> ImapSettings:
    """Alice's mailbox."""
    common = {"host": "127.0.0.1", "port": dovecot.imap_port, "security": "none", "username": "alice"}
    return ImapSettings.model_validate({**common, **values})


@contextmanager
def client(port: int) -> Iterator[IMAPClient]:
    """A connection on which nobody has logged in."""
    connection = IMAPClient("127.0.0.1", port, ssl=False, timeout=10)
    try:
        yield connection
    finally:
        connection.shutdown()


def test_xoauth2_as_google_documents_it() -> None:
    told = xoauth2("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg")

    assert b64encode(told) == (
        b"dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0"
        b"Q2cBAQ=="
    )


def test_oauthbearer_as_rfc_7628_has_it() -> None:
    """Section 4.1 of the RFC."""
    told = oauthbearer("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", "server.example.com", 143)

    assert b64encode(told) == (
        b"bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52"
        b"YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
    )


def test_a_name_with_a_comma() -> None:
    assert oauthbearer("a,b=c", "t", "h", 1).startswith(b"n,a=a=2Cb=3Dc,\x01")


@pytest.mark.parametrize("auth", MECHANISMS)
def test_a_good_token(dovecot: Dovecot, auth: str) -> None:
    dovecot.tokens["good"] = "alice"

    with client(dovecot.imap_port) as connection:
        login(connection, settings(dovecot, auth=auth), "mail", "good")

        assert connection.select_folder("INBOX", readonly=True)[b"EXISTS"] == 0


@pytest.mark.parametrize("auth", MECHANISMS)
@pytest.mark.parametrize("token", ["unknown", "of bob"])
def test_a_refused_token(dovecot: Dovecot, auth: str, token: str) -> None:
    dovecot.tokens["of bob"] = "bob"

    with client(dovecot.imap_port) as connection:
        with pytest.raises(TokenRefused, match="connect mail again on its page under Sources") as told:
            login(connection, settings(dovecot, auth=auth), "mail", token)

        # The challenge was answered, so that the connection is good for another attempt.
        dovecot.tokens["good"] = "alice"
        login(connection, settings(dovecot, auth=auth), "mail", "good")
    assert token not in str(told.value)
    assert told.value.__cause__ is None


async def refused(dovecot: Dovecot, between: Proxy, auth: str, pattern: bytes, instead: bytes) -> hub.Verdict:
    """The verdict about a server that says *instead* where Dovecot says *pattern*."""
    between.edit = lambda block: re.sub(pattern, instead, block)

    def attempt() -> None:
        with client(between.port) as connection:
            login(connection, settings(dovecot, auth=auth), "mail", "unknown")

    with pytest.raises(hub.Verdict) as told:
        await asyncio.to_thread(attempt)
    return told.value


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("[ALERT] Your account is not enabled for IMAP use. (Failure)", hub.Rejected, "IMAP switched off for alice"),
        ("User is authenticated but not connected.", hub.Rejected, "may not open the mailbox of alice"),
        ("[UNAVAILABLE] Temporary authentication failure.", hub.Unavailable, "takes no login now"),
        ("AUTHENTICATE failed.", TokenRefused, "does not take the permission for alice"),
    ],
)
async def test_what_servers_say(
    dovecot: Dovecot, between: Proxy, said: str, kind: type[hub.Verdict], words: str
) -> None:
    pattern = rb"NO \[AUTHENTICATIONFAILED\][^\r]*"

    verdict = await refused(dovecot, between, "xoauth2", pattern, f"NO {said}".encode())

    assert type(verdict) is kind
    assert words in str(verdict)


async def test_a_permission_that_does_not_reach_far_enough(dovecot: Dovecot, between: Proxy) -> None:
    challenge = b"+ " + b64encode(b'{"status":"insufficient_scope","scope":"imap"}')

    verdict = await refused(dovecot, between, "oauthbearer", rb"\+ [A-Za-z0-9+/=]{8,}", challenge)

    assert type(verdict) is hub.Rejected
    assert "does not reach as far as 127.0.0.1 wants" in str(verdict)


async def test_a_server_without_that_mechanism(dovecot: Dovecot, between: Proxy) -> None:
    verdict = await refused(dovecot, between, "xoauth2", rb" AUTH=XOAUTH2", b"")

    assert type(verdict) is hub.Misconfigured
    assert str(verdict) == '127.0.0.1 offers no XOAUTH2; set sources.mail.auth = "oauthbearer"'


def test_a_password_as_before(dovecot: Dovecot) -> None:
    with client(dovecot.imap_port) as connection:
        login(connection, settings(dovecot, password=PASSWORDS["alice"]), "mail", None)

        assert connection.folder_exists("INBOX")
