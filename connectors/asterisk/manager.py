"""A connection to the manager interface (AMI): banner, login, actions with their answers, and the events between."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors.asterisk.settings import AsteriskSettings
from connectors.asterisk.wire import Framer, Packet, action
from hub import Misconfigured, Rejected, Unavailable

BANNER = b"Asterisk Call Manager/"
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 20.0
CHUNK = 65_536

READ_CLASSES = "call,agent,dialplan"
"""What is asked to be told: calls, queues, and the variables in which applications leave the names of their files."""

SKEW_SECONDS = 5.0
"""A clock that differs by less is right: the answer takes its time, too."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and when it came: by the hub's clock, or by Asterisk's (`timestampevents`), corrected to the hub's."""

    packet: Packet
    at: datetime


@dataclass(slots=True)
class _Listing:
    done: asyncio.Future[None]
    items: list[Packet] = field(default_factory=list)


class Manager:
    """A connection that is logged in. *events* is what was told since, `None` after the connection has ended; *skew*
    is by how much Asterisk's clock is ahead of ours; *version* is that of the interface."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        self.events: asyncio.Queue[Told | None] = asyncio.Queue()
        self.skew = timedelta(0)
        self.version = ""
        self._reader = reader
        self._writer = writer
        self._name = name
        self._numbers = itertools.count(1)
        self._answers: dict[str, asyncio.Future[Packet]] = {}
        self._listings: dict[str, _Listing] = {}
        self._reading: asyncio.Task[None] | None = None
        self._gone = False

    async def action(self, name: str, *, ident: str = "", **fields: str) -> Packet:
        """Ask for something and return the answer, whether it says yes or no. *ident* is the ActionID, which later
        events of it carry. Raises `Unavailable` where the connection ends before anything was asked, and lets
        `TimeoutError` out where no answer came."""
        ident = ident or f"hub-{next(self._numbers)}"
        answer: asyncio.Future[Packet] = asyncio.get_running_loop().create_future()
        self._answers[ident] = answer
        try:
            await self._send(name, ident, fields)
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answer
        finally:
            self._answers.pop(ident, None)

    async def listed(self, name: str, **fields: str) -> list[Packet]:
        """What an action lists, one packet for each. Raises `Misconfigured` where it is not permitted."""
        ident = f"hub-{next(self._numbers)}"
        listing = self._listings[ident] = _Listing(asyncio.get_running_loop().create_future())
        try:
            answer = await self.action(name, ident=ident, **fields)
            if not answer.succeeded:
                raise refused(name, answer)
            async with asyncio.timeout(ANSWER_SECONDS):
                await listing.done
            return listing.items
        finally:
            self._listings.pop(ident, None)

    async def start(self, settings: AsteriskSettings, *, events: bool) -> None:
        """Read the banner and log in; with *events*, be told of calls from then on."""
        await self._banner()
        self._reading = asyncio.create_task(self._read(), name=f"asterisk {self._name}")
        await self._login(settings, READ_CLASSES if events else "off")
        pong = await self.action("Ping")
        if stamp := _time(pong["Timestamp"]):
            skew = stamp - datetime.now(UTC)
            self.skew = skew if abs(skew.total_seconds()) > SKEW_SECONDS else timedelta(0)

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _banner(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                said = await self._reader.readuntil(b"\n")
        except (asyncio.LimitOverrunError, asyncio.IncompleteReadError) as error:
            said = error.partial if isinstance(error, asyncio.IncompleteReadError) else b"a long line"
            if not said:
                raise Unavailable(f"{self._name} closed the connection before it said anything.") from error
        except TimeoutError as error:
            raise Unavailable(
                f"{self._name} takes the connection and says nothing: is this Asterisk's port?"
            ) from error
        except OSError as error:
            raise Unavailable(f"{self._name}: {_why(error)}.") from error
        if not said.startswith(BANNER):
            shown = said[:60].decode("ascii", "replace").strip()
            raise Misconfigured(f"{self._name} is no manager interface of Asterisk; it says {shown!r}.")
        self.version = said.removeprefix(BANNER).decode("ascii", "replace").strip()

    async def _login(self, settings: AsteriskSettings, events: str) -> None:
        secret = settings.secret.get_secret_value()
        who = {"Username": settings.username, "Events": events}
        try:
            challenge = await self.action("Challenge", AuthType="MD5")
            if challenge.succeeded and challenge["Challenge"]:
                # RFC 1321 is what the protocol has; it keeps the secret off the wire, no more.
                key = hashlib.md5((challenge["Challenge"] + secret).encode(), usedforsecurity=False).hexdigest()
                answer = await self.action("Login", AuthType="MD5", Key=key, **who)
            elif settings.tls or _is_loopback(settings.host):
                answer = await self.action("Login", Secret=secret, **who)
            else:
                raise Rejected(
                    f"{self._name} offers no challenge, and the secret is not sent in clear: set tls = true."
                )
        except TimeoutError as error:
            raise Unavailable(f"{self._name} does not answer the login.") from error
        if not answer.succeeded:
            why = answer["Message"] or "no reason"
            raise Rejected(
                f"{self._name} refuses {settings.username} ({why}): check secret, "
                "and permit= of this user in manager.conf."
            )

    async def _send(self, name: str, ident: str, fields: dict[str, str]) -> None:
        if self._gone or self._writer.is_closing():
            raise Unavailable(f"{self._name} closed the connection.")
        self._writer.write(action(name, [("ActionID", ident), *fields.items()]))
        with suppress(OSError):  # the reading end tells why
            await self._writer.drain()

    async def _read(self) -> None:
        framer = Framer()
        with suppress(OSError):
            while data := await self._reader.read(CHUNK):
                now = datetime.now(UTC)
                for packet in framer.feed(data):
                    self._sort(packet, now)
        self._gone = True
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_exception(Unavailable(f"{self._name} closed the connection."))
        for listing in self._listings.values():
            if not listing.done.done():
                listing.done.set_exception(Unavailable(f"{self._name} closed the connection."))
        self.events.put_nowait(None)

    def _sort(self, packet: Packet, now: datetime) -> None:
        ident = packet["ActionID"]
        if not packet.event:
            answer = self._answers.get(ident)
            if answer is not None and not answer.done():
                answer.set_result(packet)
        elif ident in self._listings:
            listing = self._listings[ident]
            if packet["EventList"].lower() in ("complete", "cancelled"):
                if not listing.done.done():
                    listing.done.set_result(None)
            else:
                listing.items.append(packet)
        else:
            stamp = _time(packet["Timestamp"])
            self.events.put_nowait(Told(packet, stamp - self.skew if stamp else now))


@asynccontextmanager
async def connected(settings: AsteriskSettings, *, events: bool = False) -> AsyncIterator[Manager]:
    """A connection that is logged in and ends with the block. Raises `Rejected`, `Unavailable`, `Misconfigured`."""
    host, port = settings.address
    name = f"{host}:{port}"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=_tls(settings))
    except TimeoutError as error:
        raise Unavailable(f"{name} does not answer.") from error
    except ssl.SSLCertVerificationError as error:
        raise Misconfigured(f"{name} shows a certificate that is not trusted: {error.verify_message}.") from error
    except ssl.SSLError as error:
        raise Misconfigured(f"{name} speaks no TLS: check port and tls.") from error
    except OSError as error:
        raise Unavailable(f"{name}: {_why(error)}.") from error
    manager = Manager(reader, writer, name)
    try:
        await manager.start(settings, events=events)
        yield manager
    finally:
        await manager.close()


def refused(name: str, answer: Packet) -> Misconfigured:
    """The verdict on an action that this user may not ask for."""
    why = answer["Message"] or "no reason"
    return Misconfigured(
        f"Asterisk refuses the action {name} ({why}): give the user read = call,agent,dialplan and "
        "write = system,call,reporting,originate in manager.conf."
    )


def _tls(settings: AsteriskSettings) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"ca_file {settings.ca_file} cannot be read.") from error


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _time(stamp: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(stamp), UTC) if stamp else None
    except (ValueError, OverflowError, OSError):
        return None


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
