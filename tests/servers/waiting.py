"""Waits for what a mail server does by itself, and nobody is told of."""

from __future__ import annotations

import time

from tests.servers.dovecot import Dovecot

SECONDS = 30


def mails_in(dovecot: Dovecot, user: str, number: int, folder: str = "INBOX") -> list[bytes]:
    """The mails of *folder*, as soon as it holds *number*."""
    deadline = time.monotonic() + SECONDS
    with dovecot.login(user) as client:
        while True:
            client.select_folder(folder, readonly=True)
            uids = client.search(["ALL"])
            if len(uids) >= number:
                told = client.fetch(uids, ["BODY.PEEK[]"])
                return [told[uid][b"BODY[]"] for uid in uids]
            assert time.monotonic() < deadline, f"{len(uids)} mails in {folder}, not {number}"
            client.noop()
            time.sleep(0.05)
