"""The door itself: a port, and what becomes of the mail that comes in through it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime

import hub
from connectors.smtp.connection import CLOSING, RECORDED, TRY_LATER, Connection, Hall
from connectors.smtp.envelope import with_envelope
from connectors.smtp.settings import SmtpSettings

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 500
MAILS_IN_MEMORY = 4
"""So many mails of the largest size may be on their way in at the same time; many more of the usual size."""

GRACE_SECONDS = 10
"""How long a mail that is on its way in may hold up the end."""


class Door(hub.Door):
    """SMTP (RFC 5321) and LMTP (RFC 2033) with SIZE, 8BITMIME, SMTPUTF8 and PIPELINING, on one port, without TLS.

    Many connections are served at once; each waits until its own mail is recorded. A mail that can't be recorded now
    is answered 451, so that the sender keeps it.
    """

    Settings = SmtpSettings

    def __init__(self, settings: SmtpSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._address = settings.address
        self._recording: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; while it listens, the port that it got where the settings say 0."""
        return self._address

    async def serve(self, record: hub.Record) -> None:
        """Listen until cancelled; then answer the mails that are on their way in, and no more."""
        host, port = self._settings.address
        if not self._settings.is_local and not self._settings.accept:
            raise hub.Misconfigured(
                f"{self._settings.listen} can be reached from outside and would take mail for anybody;"
                f" set sources.{self._source}.accept to your domains, or sources.{self._source}.listen to 127.0.0.1"
            )

        async def take(sender: str, recipients: Sequence[str], raw: bytes) -> str:
            return await self._take(record, with_envelope(raw, sender, recipients))

        hall = Hall(self._settings, socket.gethostname(), take, MAILS_IN_MEMORY * self._settings.max_bytes)

        def enter() -> asyncio.Protocol:
            return Connection(hall) if len(hall.connections) < MOST_CONNECTIONS else _Full()

        try:
            server = await asyncio.get_running_loop().create_server(enter, host, port, backlog=MOST_CONNECTIONS)
        except (OSError, UnicodeError) as error:
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "no such address"
            raise hub.Misconfigured(
                f"cannot listen on {self._settings.listen} ({reason}); change sources.{self._source}.listen"
            ) from error
        self._address = (host, server.sockets[0].getsockname()[1])
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            await _empty(hall)
            self._address = self._settings.address

    async def _take(self, record: hub.Record, raw: bytes) -> str:
        copy = hub.Copy(place="smtp", level=self._settings.level, audience=self._settings.audience)
        recording = asyncio.ensure_future(_done(record, hub.RawMail(raw, copy, datetime.now(UTC))))
        self._recording.add(recording)
        recording.add_done_callback(self._recording.discard)
        try:
            # A sender who hangs up must not tear the mail out of the batch that it shares with others.
            await asyncio.shield(recording)
        except hub.Unavailable as unavailable:
            logger.info("%s: a mail was put off: %s", self._source, unavailable)
            return TRY_LATER
        except Exception:
            logger.exception("%s: a mail could not be recorded; its sender was told to try later", self._source)
            return TRY_LATER
        return RECORDED


async def _done(record: hub.Record, mail: hub.RawMail) -> None:
    await record((mail,))


async def _empty(hall: Hall) -> None:
    if not hall.connections:
        return
    for connection in tuple(hall.connections):
        connection.leave()
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await hall.empty.wait()
    finally:
        for connection in tuple(hall.connections):
            connection.abort()


class _Full(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(CLOSING.encode() + b"\r\n")
        transport.close()
