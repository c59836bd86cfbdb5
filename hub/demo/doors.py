"""The world outside: a phone company, a phone system and a mail server, each at the hub's own doors."""

from __future__ import annotations

import asyncio
import secrets
import smtplib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson

from hub.formats.signing import hmac_base64
from hub.operation import Failure


@dataclass(frozen=True, slots=True)
class Door:
    """A webhook of the hub: where it is (*address*), and the *public_url* that providers know and sign."""

    client: aiohttp.ClientSession
    name: str
    address: str
    public_url: str

    async def post(self, headers: dict[str, str], body: bytes, query: str = "") -> None:
        """Deliver. Raises `Failure` where the hub does not take it."""
        async with self.client.post(self.address + query, data=body, headers=headers) as answer:
            if answer.status >= 300:
                raise Failure(f"The hub answered {answer.status} to {self.name}: {(await answer.text())[:200]}")


@dataclass(frozen=True, slots=True)
class Twilio:
    """The firm's number at Twilio. It signs what it sends:
    https://www.twilio.com/docs/usage/webhooks/webhooks-security"""

    door: Door
    account: str
    token: str
    line: str

    async def tell(self, query: str = "", **fields: str) -> None:
        """One signed request."""
        told = {"AccountSid": self.account, "ApiVersion": "2010-04-01", **fields}
        signed = self.door.public_url + query + "".join(f"{name}{told[name]}" for name in sorted(told))
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": hmac_base64(self.token, signed.encode(), "sha1"),
        }
        await self.door.post(headers, urlencode(told).encode(), query)

    def call(self, caller: str) -> Call:
        """Somebody dials the number."""
        return Call(self, caller)

    async def text(self, sender: str, words: str) -> None:
        """An SMS to the number."""
        await self.tell(MessageSid=_sid("SM"), From=sender, To=self.line, Body=words, NumMedia="0")


@dataclass(slots=True)
class Call:
    """A call to the number. Each phone that `<Dial>` rings is a child call that tells of itself; the number tells only
    the end. *at* is for calls of the past: when it happened; otherwise it is now."""

    twilio: Twilio
    caller: str
    sid: str = field(default_factory=lambda: _sid("CA"))
    _legs: dict[str, str] = field(default_factory=dict)
    _told: dict[str, int] = field(default_factory=dict)
    _last: dict[str, str] = field(default_factory=dict)

    async def rings(self, *phones: str, at: datetime | None = None) -> None:
        """These phones ring."""
        for phone in phones:
            self._legs[phone] = _sid("CA")
            await self._leg(phone, "initiated", at)
        for phone in phones:
            await self._leg(phone, "ringing", at)

    async def answered(self, phone: str, at: datetime | None = None) -> None:
        """One is picked up, the others stop."""
        await self._leg(phone, "in-progress", at)
        for other in self._legs.keys() - {phone}:
            await self._leg(other, "canceled", at, CallDuration="0")

    async def over(self, phone: str, talked: timedelta, at: datetime | None = None) -> None:
        """They talked for so long, and hung up."""
        await self._leg(phone, "completed", at, CallDuration=str(talked.seconds))
        await self._number("completed", at, CallDuration=str(talked.seconds + 8))

    async def given_up(self, at: datetime | None = None) -> None:
        """Nobody picked up."""
        for phone in self._legs:
            await self._leg(phone, "no-answer", at, CallDuration="0")
        await self._number("completed", at, CallDuration="0")

    async def again(self) -> None:
        """Twilio is not sure that its last callback arrived, and sends it once more."""
        await self.twilio.tell(self._query, **self._last)

    async def transcribed(self, text: str) -> None:
        """A transcription of what was said: genuine, but without the state that Twilio's manual promises."""
        await self.twilio.tell(CallSid=self.sid, TranscriptionSid=_sid("TR"), TranscriptionText=text)

    async def _leg(self, phone: str, status: str, at: datetime | None, **more: str) -> None:
        sid = self._legs[phone]
        await self._tell(sid, phone, status, "outbound-dial", at, ParentCallSid=self.sid, **more)

    async def _number(self, status: str, at: datetime | None, **more: str) -> None:
        await self._tell(self.sid, self.twilio.line, status, "inbound", at, **more)

    async def _tell(self, sid: str, to: str, status: str, direction: str, at: datetime | None, **more: str) -> None:
        number = self._told.get(sid, 0)
        self._told[sid] = number + 1
        self._last = {
            "CallSid": sid,
            "From": self.caller,
            "To": to,
            "Direction": direction,
            "CallStatus": status,
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(number),
            "Timestamp": format_datetime(at or datetime.now(UTC)),
            **more,
        }
        await self.twilio.tell(self._query, **self._last)

    @property
    def _query(self) -> str:
        """What the firm's TwiML adds to the callbacks' URL: a leg does not know which number was called."""
        return "?" + urlencode({"line": self.twilio.line})


@dataclass(frozen=True, slots=True)
class PhoneSystem:
    """The phone system in the showroom: JSON, with a token. docs/TELEPHONY.md describes it."""

    door: Door
    token: str

    async def tell(self, ident: str, event: str, caller: str, called: str, **more: Any) -> None:
        """One event of a call; *more* are `agent`, `at` and `duration`."""
        told = {"id": ident, "event": event, "from": caller, "to": called, **more}
        await self.door.post({"Authorization": f"Bearer {self.token}"}, orjson.dumps(told))


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server that hands on what is for the firm, and what the firm's people send with a blind copy."""

    host: str
    port: int

    async def deliver(self, mail: EmailMessage) -> None:
        """By SMTP, to the firm's own address: the one in `To`, or else the blind copy. Raises `Failure`."""
        recipient = "hub@lumen.example" if "lumen.example" not in mail["To"] else mail["To"].addresses[0].addr_spec
        sender = "" if mail["Auto-Submitted"] else mail["From"].addresses[0].addr_spec
        await asyncio.to_thread(self._send, sender, recipient, mail)

    def _send(self, sender: str, recipient: str, mail: EmailMessage) -> None:
        try:
            with smtplib.SMTP(self.host, self.port, timeout=60) as connection:
                connection.send_message(mail, sender, [recipient])
        except (smtplib.SMTPException, OSError) as error:
            raise Failure(f"The hub's mail door did not take a mail: {error}") from error


def _sid(kind: str) -> str:
    """An id as Twilio writes them."""
    return f"{kind}{secrets.token_hex(16)}"
