"""A copy of what was sent, in the mailbox's folder of sent mails: once, and not where the server keeps one itself."""

# mypy: allow-untyped-calls
# imapclient annotates only some of its functions.

from __future__ import annotations

import asyncio
import imaplib
import re
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.parser import BytesHeaderParser

from imapclient import IMAPClient
from imapclient.imapclient import SENT

import hub
from connectors.imap.login import TokenRefused, login
from connectors.imap.settings import ImapSettings

ANSWER_SECONDS = 30

LOOKS = (0.0, 2.0, 4.0)
"""Seconds after which it is looked whether the server has kept a copy by itself, one after the other."""

_SAVE_THEMSELVES = re.compile(
    r"(?:^|\.)(?:gmail\.com|googlemail\.com|office365\.com|office\.com|outlook\.com|hotmail\.com)\.?$", re.IGNORECASE
)


class Filing:
    """Files mails in the mailbox of *settings*. Each runs over a connection of its own, in a thread."""

    def __init__(
        self,
        settings: ImapSettings,
        source: str,
        loan: hub.Loan | None,
        *,
        looks: tuple[float, ...] = LOOKS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._source = source
        self._loan = loan
        self._looks = looks
        self._sleep = sleep

    async def file(self, raw: bytes) -> None:
        """See to it that the folder of sent mails holds *raw*. Raises `Rejected`, `Misconfigured`, `Unavailable`, and
        `Unsupported` where the mailbox has no such folder or no room."""
        settings = self._settings
        if settings.save_sent == "no" or (settings.save_sent == "auto" and _SAVE_THEMSELVES.search(settings.host)):
            return
        if settings.auth == "password":
            await asyncio.to_thread(self._file, raw, None)
            return
        if self._loan is None:
            raise hub.Unavailable("signing in by OAuth takes a running hub, which keeps the permission")
        token = await self._loan.access_token()
        try:
            await asyncio.to_thread(self._file, raw, token)
        except TokenRefused:
            another = await self._loan.access_token(token)
            if another == token:
                raise
            await asyncio.to_thread(self._file, raw, another)

    def _file(self, raw: bytes, token: str | None) -> None:
        settings = self._settings
        host, port = settings.address
        try:
            context = ssl.create_default_context(cafile=settings.ca_file or None)
            tls = settings.security == "tls"
            client = IMAPClient(host, port, ssl=tls, ssl_context=context if tls else None, timeout=ANSWER_SECONDS)
        except (OSError, imaplib.IMAP4.error) as error:
            raise hub.Unavailable(f"{host} cannot be reached on port {port}") from error
        try:
            client.normalise_times = False
            if settings.security == "starttls":
                client.starttls(context)
            login(client, settings, self._source, token)
            self._keep(client, raw)
        except (OSError, imaplib.IMAP4.abort) as error:
            raise hub.Unavailable(f"the connection to {host} was lost") from error
        except imaplib.IMAP4.error as error:
            if re.search(r"OVERQUOTA|over quota|TOOBIG|too large", str(error), re.IGNORECASE):
                raise hub.Unsupported("there is no room for it") from error
            raise hub.Unavailable(f"{host} does not take a copy now") from error
        finally:
            client.shutdown()

    def _keep(self, client: IMAPClient, raw: bytes) -> None:
        if self._settings.save_sent == "auto" and client.has_capability("X-GM-EXT-1"):
            return
        folder = client.find_special_folder(SENT)
        if folder is None:
            raise hub.Unsupported("there is no folder for sent mails")
        message_id = BytesHeaderParser().parsebytes(raw)["Message-ID"]
        # Only "auto" waits: the server may be about to keep one.
        for pause in self._looks if self._settings.save_sent == "auto" else (0.0,):
            self._sleep(pause)
            client.select_folder(folder, readonly=True)
            if client.search(["HEADER", "Message-ID", str(message_id).strip()]):
                return
        client.append(folder, raw, [rb"\Seen"], datetime.now(UTC))
