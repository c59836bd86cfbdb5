"""The door itself: a port, and what becomes of the mail that comes in through it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime

import hub
from connectors.smtp.connection import CLOSING, LOOP, NOTHING_FORWARDED, RECORDED, TRY_LATER, Connection, Hall
from connectors.smtp.entrances import Entrance, Entrances, Purpose
from connectors.smtp.envelope import passed, with_envelope, without_recipients
from connectors.smtp.passed_on import NothingForwarded, mail_address, passed_on
from connectors.smtp.settings import SmtpSettings
from hub.formats.mail import Unreadable

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 500
MAILS_IN_MEMORY = 4
"""So many mails of the largest size may be on their way in at the same time; many more of the usual size."""

MOST_PASSED = 50
"""So many servers a mail may have been through (RFC 5321, 6.3, wants a limit and names 100)."""

SMALL = 1_000_000
"""Bytes up to which a mail is looked through while the other connections wait."""

GRACE_SECONDS = 10
"""How long a mail that is on its way in may hold up the end."""


class Door(hub.Door):
    """SMTP (RFC 5321) and LMTP (RFC 2033) with SIZE, 8BITMIME, SMTPUTF8, PIPELINING and, where the settings say so,
    STARTTLS (RFC 3207) and AUTH (RFC 4954), on one port.

    Every agent has addresses of her own here (`connectors.smtp.entrances`): what she copies to the one is recorded as
    it stands, what she forwards to the other as the mail of whoever wrote it. None of these takes part in a mail.

    Many connections are served at once; each waits until its own mail is recorded. A mail that can't be recorded now
    is answered 451, so that the sender keeps it.
    """

    Settings = SmtpSettings

    def __init__(self, settings: SmtpSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._entrances = Entrances(settings, setup.agents)
        self._ours = frozenset((*setup.ours, *(handle for agent in setup.agents for handle in agent.handles)))
        self._address = settings.address
        self._recording: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; while it listens, the port that it got where the settings say 0."""
        return self._address

    def addresses(self) -> dict[str, dict[str, str]]:
        """Each agent's dropbox and forward address."""
        found: dict[str, dict[str, str]] = {}
        for entrance in self._entrances:
            found.setdefault(entrance.agent.id, {})[entrance.purpose.value] = entrance.address
        return found

    async def serve(self, record: hub.Record) -> None:
        """Listen until cancelled; then answer the mails that are on their way in, and no more."""
        host, port = self._settings.address
        if not self._settings.is_local and self._settings.opens_for_all:
            raise hub.Misconfigured(
                f"{self._settings.listen} can be reached from outside and would take mail for anybody;"
                f" set sources.{self._source}.accept to your domains, or sources.{self._source}.listen to 127.0.0.1"
            )

        async def take(sender: str, recipients: Sequence[str], raw: bytes) -> str:
            if passed(raw) > MOST_PASSED:
                return LOOP
            try:
                if len(raw) < SMALL and not any(map(self._entrances.find, recipients)):
                    mails = self._mails(sender, recipients, raw)
                else:
                    mails = await asyncio.to_thread(self._mails, sender, recipients, raw)
            except NothingForwarded:
                return NOTHING_FORWARDED
            return await self._take(record, mails)

        room = MAILS_IN_MEMORY * self._settings.max_bytes
        hall = Hall(self._settings, socket.gethostname(), self._accepts, take, room, self._tls())

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

    def _accepts(self, address: str) -> bool:
        if self._entrances.looks_like(address):
            return self._entrances.find(address) is not None
        return self._settings.accepts(address)

    def _tls(self) -> ssl.SSLContext | None:
        if not self._settings.cert_file:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self._settings.cert_file, self._settings.key_file or None)
        except OSError as error:  # `ssl.SSLError` is one
            reason = "is no certificate with its key" if isinstance(error, ssl.SSLError) else "cannot be read"
            raise hub.Misconfigured(
                f"{self._settings.cert_file} {reason};"
                f" sources.{self._source}.cert_file and key_file must name PEM files"
            ) from error
        return context

    def _mails(self, sender: str, recipients: Sequence[str], raw: bytes) -> list[bytes]:
        """The mails that one mail is: as it stands for everybody but the forward addresses, and for each of these the
        one it passes on. Raises `NothingForwarded`."""
        found = {recipient: self._entrances.find(recipient) for recipient in recipients}
        if not any(found.values()):
            return [with_envelope(raw, sender, recipients)]
        raw = without_recipients(raw, self._entrances.looks_like)
        forwards = [entrance for entrance in found.values() if entrance and entrance.purpose is Purpose.FORWARD]
        mails = [self._passed_on(sender, raw, entrance) for entrance in forwards]
        if len(forwards) < len(found):
            mails.append(with_envelope(raw, sender, [address for address, entrance in found.items() if not entrance]))
        return list(dict.fromkeys(mails))

    def _passed_on(self, sender: str, raw: bytes, entrance: Entrance) -> bytes:
        try:
            mail = passed_on(raw, entrance, self._ours)
        except Unreadable:  # quarantine has its reason, and the bytes
            mail = None
        if mail is not None:
            return mail
        address = mail_address(entrance)
        return with_envelope(raw, sender, [address] if address else [])

    async def _take(self, record: hub.Record, mails: Sequence[bytes]) -> str:
        copy = hub.Copy(place="smtp", level=self._settings.level, audience=self._settings.audience)
        now = datetime.now(UTC)
        recording = asyncio.ensure_future(_done(record, [hub.RawMail(raw, copy, now) for raw in mails]))
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


async def _done(record: hub.Record, mails: Sequence[hub.RawMail]) -> None:
    await record(mails)


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
