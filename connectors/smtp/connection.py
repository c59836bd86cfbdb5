"""One connection at the door.

aiosmtpd speaks the protocol. Its DATA is replaced: it refuses lines over 1,000 bytes, which real mail has, it takes a
mail line by line, and it sets no limit to what slow senders hold in memory together.
"""

# ruff: noqa: N802
# aiosmtpd finds its commands by these names.

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session, syntax

from connectors.smtp.settings import SmtpSettings
from hub.formats import signing

logger = logging.getLogger(__name__)
# aiosmtpd logs the addresses of every mail; our logs hold none.
logging.getLogger("mail.log").setLevel(logging.ERROR)

BLOCK = 64 * 1024
END = b"\r\n.\r\n"
PATIENCE = 300
"""Seconds a sender has for each command and for each `BLOCK` of a mail (RFC 5321, 4.5.3.2)."""

MOST_RECIPIENTS = 1000

RECORDED = "250 2.0.0 Recorded"
LOOP = "554 5.4.6 The mail has been through too many servers"
NOTHING_FORWARDED = "554 5.6.0 No forwarded mail was found in it; forward it with its header lines, or as a file"
NO_ADDRESS = "553 5.1.3 This is no address"
NOT_OURS = "550 5.1.1 No such address here"
TOO_MANY_RECIPIENTS = "452 4.5.3 Too many recipients"
TOO_LARGE = "552 5.3.4 The mail is too large"
TOO_MUCH = "452 4.3.1 Too much mail at once, try again later"
TRY_LATER = "451 4.3.0 The mail could not be recorded now, try again later"
CLOSING = "421 4.3.2 The hub stops now, try again later"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Take = Callable[[str, Sequence[str], bytes], Awaitable[str]]
"""Makes a mail durable: its sender ("" where there is none), its recipients and its bytes → the answer to DATA."""


@dataclass(slots=True, eq=False)
class Hall:
    """What all connections at one door share. *accepts* says for whom mail is taken, *room* are the bytes of unfinished
    mail they may still hold together, *tls* is for STARTTLS."""

    settings: SmtpSettings
    hostname: str
    accepts: Callable[[str], bool]
    take: Take
    room: int
    tls: ssl.SSLContext | None = None
    connections: set[Connection] = field(default_factory=set)
    empty: asyncio.Event = field(default_factory=asyncio.Event)


class Connection(SMTP):
    """A sender: one of SMTP after HELO or EHLO, one of LMTP after LHLO; both may come to the same port."""

    line_length_limit = BLOCK

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._is_lmtp = False
        self._in_mail = False
        self._leaves = False
        super().__init__(
            Manners(hall),
            data_size_limit=hall.settings.max_bytes,
            enable_SMTPUTF8=True,
            tls_context=hall.tls,
            auth_required=bool(hall.settings.username),
            authenticator=_authenticator(hall.settings),
            hostname=hall.hostname,
            ident="hub",
            timeout=PATIENCE,
            loop=asyncio.get_running_loop(),
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody came in."""
        super().connection_made(transport)
        self._hall.connections.add(self)
        self._hall.empty.clear()

    def connection_lost(self, error: Exception | None) -> None:
        """Somebody went."""
        super().connection_lost(error)
        self._hall.connections.discard(self)
        if not self._hall.connections:
            self._hall.empty.set()

    def leave(self) -> None:
        """End the connection politely: at once, or after the mail that is just coming."""
        self._leaves = True
        if not self._in_mail:
            self._say_goodbye()

    def abort(self) -> None:
        """End the connection now."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    async def handle_exception(self, error: Exception) -> str:
        """A fault of ours: the sender keeps the mail."""
        logger.error("a sender was turned away by a fault", exc_info=error)
        return TRY_LATER

    @syntax("HELO hostname")
    async def smtp_HELO(self, hostname: str) -> None:
        """SMTP without extensions."""
        self._is_lmtp = False
        await super().smtp_HELO(hostname)

    @syntax("EHLO hostname")
    async def smtp_EHLO(self, hostname: str) -> None:
        """SMTP."""
        self._is_lmtp = False
        await super().smtp_EHLO(hostname)

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, hostname: str) -> None:
        """LMTP: the end of a mail is answered once for each recipient (RFC 2033, 4.2)."""
        await super().smtp_EHLO(hostname)
        self._is_lmtp = True

    @syntax("MAIL FROM: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_MAIL(self, arg: str | None) -> None:
        """Begins a mail."""
        if self._leaves:
            self._say_goodbye()
        else:
            await super().smtp_MAIL(arg)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:
        """Takes a mail, and says that it was accepted only after it was recorded."""
        if await self.check_helo_needed():
            return
        envelope = self.envelope
        assert envelope is not None
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        if not envelope.rcpt_tos:
            await self.push("503 5.5.1 Say RCPT first")
            return
        self._in_mail = True
        held = bytearray()
        try:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            answer = await self._receive(held)
            if not answer:
                self._reset_timeout()
                sender = envelope.mail_from or ""
                answer = await self._hall.take("" if sender == "<>" else sender, envelope.rcpt_tos, _unstuffed(held))
        finally:
            self._hall.room += len(held)
            self._in_mail = False
            self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push("\r\n".join([answer] * (len(envelope.rcpt_tos) if self._is_lmtp else 1)))
        if self._leaves:
            # To say QUIT.
            self._reset_timeout(1)

    def _say_goodbye(self) -> None:
        if isinstance(self.transport, asyncio.Transport):
            self.transport.write(CLOSING.encode() + b"\r\n")
            self.transport.close()

    async def _receive(self, held: bytearray) -> str:
        """Fill *held* with a mail as it comes, its end included; where it can't be taken, read on and say why."""
        refusal = ""
        tail = b"\r\n"
        lately = 0
        while tail != END:
            try:
                block = await self._reader.readuntil(b".\r\n")
            except asyncio.LimitOverrunError as error:
                block = await self._reader.readexactly(error.consumed)
            tail = (tail + block[-5:])[-5:]
            lately += len(block)
            if lately >= BLOCK:
                self._reset_timeout()
                lately = 0
            if not refusal:
                if len(held) + len(block) > self._hall.settings.max_bytes + len(END):
                    refusal = TOO_LARGE
                elif len(block) > self._hall.room:
                    refusal = TOO_MUCH
                else:
                    held += block
                    self._hall.room -= len(block)
                    continue
                self._hall.room += len(held)
                held.clear()
        return refusal


class Manners:
    """What aiosmtpd asks about a sender's commands."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        """Commands may come together (RFC 2920; LMTP demands it)."""
        session.host_name = hostname
        said = [answer for answer in answers[1:] if self._hall.settings.username or not answer.startswith("250-AUTH")]
        return [answers[0], "250-PIPELINING", *said]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Anybody may send who may come in."""
        if _CONTROL.search(address):
            return NO_ADDRESS
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Whom the door accepts may be sent to."""
        if _CONTROL.search(address) or address == "<>":
            return NO_ADDRESS
        if not self._hall.accepts(address):
            return NOT_OURS
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return TOO_MANY_RECIPIENTS
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"


def _authenticator(settings: SmtpSettings) -> Callable[[SMTP, Session, Envelope, str, object], AuthResult]:
    """Lets in whoever says the username and password of *settings*; where there are none, nobody is asked."""

    def ask(server: SMTP, session: Session, envelope: Envelope, mechanism: str, said: object) -> AuthResult:
        if settings.password is None or not isinstance(said, LoginPassword):
            return AuthResult(success=False, handled=False)
        known = signing.equal(settings.username, said.login)
        right = signing.equal(settings.password.get_secret_value(), said.password)
        return AuthResult(success=known and right, handled=False)

    return ask


def _unstuffed(held: bytearray) -> bytes:
    """Without the end, and without the dot before each line that begins with one (RFC 5321, 4.5.2)."""
    raw = bytes(memoryview(held)[:-3]).replace(b"\r\n.", b"\r\n")
    return raw[1:] if raw.startswith(b".") else raw
