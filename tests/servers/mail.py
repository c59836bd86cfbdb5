"""A mail server that keeps what it is given, for what the hub sends out."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True, slots=True)
class Received:
    """One mail as it was handed over."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    login: str = ""

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        return message_from_bytes(self.raw, policy=policy.default)


# No slots: aiosmtpd reads every attribute of its handler, and Python 3.11.2 can't read a slotted one's `__weakref__`.
@dataclass
class MailSink:
    """A server on 127.0.0.1 that takes mail, and the mail it took."""

    port: int = 0
    #: Address -> the answer it gets instead of "250 OK", for instance "550 5.1.1 No such user".
    refusals: dict[str, str] = field(default_factory=dict)
    #: What DATA is answered instead of "250 OK", for instance "451 4.3.0 Try later"; empty takes the mail.
    verdict: str = ""
    taken: list[Received] = field(default_factory=list)
    _arrivals: asyncio.Queue[Received] = field(default_factory=asyncio.Queue)

    async def next(self) -> Received:
        """The next mail that nobody asked for yet; waits for it."""
        async with asyncio.timeout(10):
            return await self._arrivals.get()

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: list[str]) -> str:
        """Answer one recipient (RFC 5321, 4.1.1.3)."""
        if refusal := self.refusals.get(address):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take the mail, or give the verdict (RFC 5321, 4.1.1.4)."""
        if self.verdict:
            return self.verdict
        raw = envelope.original_content
        assert raw is not None, "aiosmtpd sets it before it calls us"
        login = str(session.auth_data) if session.authenticated else ""
        mail = Received(envelope.mail_from or "", tuple(envelope.rcpt_tos), raw, login)
        self.taken.append(mail)
        self._arrivals.put_nowait(mail)
        return "250 OK"


@asynccontextmanager
async def mail_sink(logins: Mapping[str, str] | None = None) -> AsyncIterator[MailSink]:
    """A running server. With *logins* (name -> password) it takes mail only after AUTH (RFC 4954)."""
    sink = MailSink()

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, proof: object) -> AuthResult:
        if not isinstance(proof, LoginPassword) or logins is None:
            return AuthResult(success=False, handled=False)
        name, password = proof.login.decode(), proof.password.decode()
        return AuthResult(success=logins.get(name) == password, handled=False, auth_data=name)

    def session() -> SMTP:
        with warnings.catch_warnings():
            # aiosmtpd warns of logins without TLS; this connection never leaves the machine.
            warnings.simplefilter("ignore")
            return SMTP(
                sink,
                hostname="sink.example.test",
                enable_SMTPUTF8=True,
                auth_required=logins is not None,
                auth_require_tls=False,
                authenticator=authenticate if logins is not None else None,
            )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    async with server:
        sink.port = server.sockets[0].getsockname()[1]
        yield sink


@pytest.fixture(name="mail_sink")
async def mail_sink_fixture() -> AsyncIterator[MailSink]:
    """A server of this test's own that takes every mail without a login."""
    async with mail_sink() as sink:
        yield sink
