"""Mails and calls that stream into a hub which may go away at any moment, and a ledger of what it accepted.

Whoever sends repeats what was not acknowledged, as mail servers and providers do; every fifth thing is not repeated,
so that it may be there or not, but not twice.
"""

from __future__ import annotations

import asyncio
import smtplib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from typing import Any

import aiohttp
import orjson

from tests.fakes.twilio import InboundCall, Twilio
from tests.servers.dovecot import Dovecot

LINE = "+4930123456"
PBX_LINE = "+4930123460"
"""Not Twilio's: on one line, two calls of one customer would be told of by two systems, and be one."""
PHONE = "+4930123451"
PBX_TOKEN = "pbx-51f0c2a97e"
TWILIO_TOKEN = "twilio-8d20b7e163"
BEGAN = datetime.now(UTC).replace(microsecond=0)
PAUSE = 0.01
LARGE = 100_000
LEASE_SECONDS = 240  # sixteen times what it is, for a machine that has other things to do
ANSWER = aiohttp.ClientTimeout(total=15)


@dataclass(frozen=True, slots=True)
class Customer:
    """Who writes and calls."""

    name: str
    address: str
    number: str


CUSTOMERS = tuple(
    Customer(f"Customer {number}", f"kim@customer-{number}.example", f"+493090182{number}") for number in range(5)
)


def customer(number: int) -> Customer:
    """Whose turn it is."""
    return CUSTOMERS[number % len(CUSTOMERS)]


@dataclass(slots=True)
class Ledger:
    """What was sent, by the name it has on a timeline: a mail's subject, a call's key. *talked* are the seconds of
    the calls that were told to their end."""

    accepted: dict[str, Customer] = field(default_factory=dict)
    perhaps: dict[str, Customer] = field(default_factory=dict)
    talked: dict[str, int] = field(default_factory=dict)
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def deliver(self, name: str, number: int, *steps: Callable[[], Awaitable[None]]) -> bool:
        """Take each of *steps* until it succeeds; every fifth thing is given up as soon as one fails."""
        for step in steps:
            while True:
                try:
                    await step()
                    break
                except (OSError, smtplib.SMTPException, aiohttp.ClientError, TimeoutError):
                    if number % 5 == 4:
                        self.perhaps[name] = customer(number)
                        return False
                    await asyncio.sleep(0.05)
        self.accepted[name] = customer(number)
        return True

    async def numbers(self) -> AsyncIterator[int]:
        """0, 1, 2 … until it is enough."""
        number = 0
        while not self.enough.is_set():
            yield number
            number += 1
            await asyncio.sleep(PAUSE)


def mail(name: str, number: int) -> bytes:
    """A mail of the customer whose turn it is. Some are large, some have no Message-ID, no Date, or neither."""
    message = EmailMessage()
    message["From"] = customer(number).address
    message["To"] = "support@example.org"
    message["Subject"] = name
    if number % 6 not in (1, 5):
        message["Message-ID"] = f"<{name}@customer.example>"
    if number % 6 not in (3, 5):
        message["Date"] = format_datetime(BEGAN + timedelta(seconds=number))
    message.set_content(f"This is {name}.")
    if number % 10 == 0:
        message.add_attachment(name.encode() * (LARGE // len(name)), "application", "octet-stream", filename="plan.bin")
    return message.as_bytes()


class Sender:
    """Speaks SMTP, or LMTP, to the hub's door; after a failure on a new connection."""

    def __init__(self, protocol: type[smtplib.SMTP], port: int) -> None:
        self._protocol = protocol
        self._port = port
        self._connection: smtplib.SMTP | None = None

    def send(self, raw: bytes) -> None:
        """Returns when the mail was accepted. Raises what went wrong."""
        try:
            if self._connection is None:
                self._connection = self._protocol("127.0.0.1", self._port, timeout=15)
            self._connection.sendmail("sender@customer.example", ["support@example.org"], raw)
        except (OSError, smtplib.SMTPException):
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


async def mails_through_the_door(ledger: Ledger, protocol: type[smtplib.SMTP], port: int) -> None:
    """One mail after the other on one connection."""
    sender = Sender(protocol, port)
    async for number in ledger.numbers():
        name = f"{protocol.__name__}-{number}"
        raw = mail(name, number)
        await ledger.deliver(name, number, lambda raw=raw: asyncio.to_thread(sender.send, raw))  # type: ignore[misc]
    sender.close()


async def mails_in_the_mailbox(ledger: Ledger, dovecot: Dovecot) -> None:
    """Single mails by LMTP, and now and then many at once."""
    async for number in ledger.numbers():
        if number % 25 == 24:
            names = [f"burst-{number}-{each}" for each in range(40)]
            mails = [mail(name, each) for each, name in enumerate(names)]
            await asyncio.to_thread(dovecot.append, mails)
            ledger.accepted.update({name: customer(each) for each, name in enumerate(names)})
        else:
            name = f"mailbox-{number}"
            await asyncio.to_thread(dovecot.deliver, mail(name, number))
            ledger.accepted[name] = customer(number)


async def mails_both_ways(ledger: Ledger, dovecot: Dovecot, port: int) -> None:
    """Mails that come through the door and lie in the mailbox as well."""
    sender = Sender(smtplib.SMTP, port)
    async for number in ledger.numbers():
        name, turn = f"both-{number}", 3 * number  # so that each has a Message-ID: only that tells that they are one
        raw = mail(name, turn)
        await ledger.deliver(name, turn, lambda raw=raw: asyncio.to_thread(sender.send, raw))  # type: ignore[misc]
        await asyncio.to_thread(dovecot.deliver, raw)
        ledger.perhaps.pop(name, None)
        ledger.accepted[name] = customer(turn)
    sender.close()


async def calls_at_twilio(ledger: Ledger, url: str) -> None:
    """Calls that are answered, as the phone that `<Dial>` rings and the number tell of them."""
    twilio = Twilio(f"{url}/webhooks/front-desk", TWILIO_TOKEN)
    async with aiohttp.ClientSession(timeout=ANSWER) as session:
        async for number in ledger.numbers():
            seconds = 1 + number % 100
            call = InboundCall(f"CA{number:032d}", customer(number).number, LINE, BEGAN + timedelta(seconds=number))
            told = [call.leg(f"CB{number:032d}", PHONE, status, second)
                    for second, status in enumerate(("initiated", "ringing", "in-progress"))]  # fmt: skip
            told.append(call.leg(f"CB{number:032d}", PHONE, "completed", 2 + seconds, CallDuration=str(seconds)))
            told.append(call.over(3 + seconds))
            name = f"twilio:{call.sid}"
            requests = [twilio.request(fields) for fields in told]
            if await ledger.deliver(name, number, *(partial(_post, session, *request) for request in requests)):
                ledger.talked[name] = seconds


async def calls_at_a_phone_system(ledger: Ledger, url: str) -> None:
    """Calls that are answered, as any phone system tells of them."""
    headers = {"Authorization": f"Bearer {PBX_TOKEN}"}
    async with aiohttp.ClientSession(timeout=ANSWER) as session:
        async for number in ledger.numbers():
            seconds = 1 + number % 100
            call = {"id": f"call-{number}", "from": customer(number).number, "to": PBX_LINE, "agent": "ada"}
            told: list[dict[str, object]] = [{**call, "event": event} for event in ("ringing", "answered")]
            told.append({**call, "event": "ended", "duration": seconds})
            name = f"pbx:call-{number}"
            steps = (partial(_post, session, f"{url}/webhooks/pbx", headers, orjson.dumps(each)) for each in told)
            if await ledger.deliver(name, number, *steps):
                ledger.talked[name] = seconds


async def _post(session: aiohttp.ClientSession, url: str, headers: dict[str, str], body: bytes) -> None:
    async with session.post(url, headers=headers, data=body) as answer:
        answer.raise_for_status()


async def introduce(api: aiohttp.ClientSession) -> None:
    """Make each customer a contact."""
    for one in CUSTOMERS:
        handles = [f"mailto:{one.address}", f"tel:{one.number}"]
        async with api.post("/api/v1/contacts", json={"name": one.name, "handles": handles}) as answer:
            assert answer.status == 201, await answer.text()


async def read(api: aiohttp.ClientSession, ledger: Ledger, dovecot: Dovecot) -> None:
    """Return when the mailbox is read again: what is delivered now has been recorded."""
    name = f"probe-{len(ledger.accepted)}"
    await asyncio.to_thread(dovecot.deliver, mail(name, 0))
    ledger.accepted[name] = CUSTOMERS[0]
    async with asyncio.timeout(LEASE_SECONDS):
        while True:
            async with api.get("/api/v1/interactions", params={"key": f"mail:{name}@customer.example"}) as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.1)


async def timelines(api: aiohttp.ClientSession) -> list[dict[str, Any]]:
    """What stands on the timelines, with the `name` it was sent under and the `customer` whose timeline it is."""
    found = []
    for one in CUSTOMERS:
        async with api.get("/api/v1/contacts", params={"handle": one.address}) as answer:
            (contact,) = (await answer.json())["items"]
        page = f"/api/v1/contacts/{contact['id']}/timeline?limit=200"
        while page:
            async with api.get(page) as answer:
                assert answer.status == 200, await answer.text()
                document = await answer.json()
            found += [entry | {"customer": one.name} for entry in document["items"]]
            page = document.get("next")
    for entry in found:
        entry["name"] = entry["key"] if entry["kind"] == "call" else entry["title"]
    return found


def assert_once(ledger: Ledger, found: list[dict[str, Any]]) -> None:
    """Whether the timelines *found* hold what was accepted, once, and nothing that nobody sent."""
    counts = Counter((entry["name"], entry["customer"]) for entry in found)
    accepted = {(name, one.name) for name, one in ledger.accepted.items()}
    perhaps = {(name, one.name) for name, one in ledger.perhaps.items()}
    assert {what: times for what, times in counts.items() if times > 1} == {}, "there twice"
    assert accepted - set(counts) == set(), "accepted and lost"
    assert set(counts) - accepted - perhaps == set(), "nobody sent this"
