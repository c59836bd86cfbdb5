"""A connection to the Event Socket that is logged in: commands with their answers, and the events between them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from connectors.freeswitch.settings import FreeswitchSettings
from connectors.freeswitch.wire import Frame, Framer, NotAnEventSocket, Told, told
from hub import Misconfigured, Rejected, Unavailable

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 20.0
SKEW_SECONDS = 5.0
"""A clock that differs by less is right: the answer takes its time, too."""

_CHUNK = 1 << 16


class Session:
    """*events* is what was told, and `None` after the connection has ended. *skew* is by how much FreeSWITCH's clock is
    ahead of ours."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        self.events: asyncio.Queue[Told | None] = asyncio.Queue()
        self.skew = timedelta(0)
        self._reader = reader
        self._writer = writer
        self._name = name
        self._greeted: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting: deque[asyncio.Future[Frame]] = deque()
        self._why = ""
        self._reading = asyncio.create_task(self._read(), name=f"freeswitch {name}")

    async def log_in(self, password: str) -> None:
        """Be greeted and log in. Raises `Rejected`, `Unavailable`, `Misconfigured`."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                greeting = await self._greeted
        except TimeoutError:
            raise Unavailable(
                f"{self._name} takes the connection and says nothing: is this the Event Socket?"
            ) from None
        if greeting.kind != "auth/request":
            raise Rejected(
                f"{self._name} turns this machine away: check apply-inbound-acl in event_socket.conf.xml of FreeSWITCH."
            )
        answer = await self._asked(f"auth {password}")
        if not answer.headers.get("Reply-Text", "").startswith("+OK"):
            raise Rejected(f"{self._name} refuses the password: check it against event_socket.conf.xml of FreeSWITCH.")
        epoch = (await self.api("strepoch")).strip()
        if epoch.isascii() and epoch.isdigit():
            skew = datetime.fromtimestamp(int(epoch), UTC) - datetime.now(UTC)
            self.skew = skew if abs(skew.total_seconds()) > SKEW_SECONDS else timedelta(0)

    async def command(self, text: str) -> str:
        """What is answered to a command: its Reply-Text. Raises `Unavailable`, also where no answer came."""
        try:
            return (await self._asked(text)).headers.get("Reply-Text", "")
        except TimeoutError:
            raise Unavailable(f"{self._name} does not answer any more.") from None

    async def begun(self, text: str) -> str:
        """As `command`, of one that must not be repeated: where no answer came it raises `TimeoutError`."""
        try:
            return (await self._asked(text)).headers.get("Reply-Text", "")
        except Unavailable as error:
            raise TimeoutError(f"{self._name} broke off and did not say whether it calls") from error

    async def api(self, text: str) -> str:
        """What is answered to an API command. Raises `Unavailable`."""
        try:
            return (await self._asked(f"api {text}")).body.decode("utf-8", "replace")
        except TimeoutError:
            raise Unavailable(f"{self._name} does not answer any more.") from None

    async def channels(self) -> list[dict[str, str]]:
        """The channels that are alive, as `show channels` lists them."""
        try:
            found: Any = orjson.loads(await self.api("show channels as json"))
        except orjson.JSONDecodeError:
            raise Unavailable(f"{self._name} does not list its channels.") from None
        rows = found.get("rows", []) if isinstance(found, dict) else []
        return [{key: str(value) for key, value in row.items()} for row in rows if isinstance(row, dict)]

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _asked(self, text: str) -> Frame:
        if any(character in text for character in "\r\0") or "\n\n" in text:
            raise ValueError("a command has no empty line")
        if self._why:
            raise Unavailable(self._why)
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self._writer.write(f"{text}\n\n".encode())
        async with asyncio.timeout(ANSWER_SECONDS):
            return await answer

    async def _read(self) -> None:
        framer = Framer()
        why = f"{self._name} closed the connection."
        try:
            while not self._why and (data := await self._reader.read(_CHUNK)):
                for frame in framer.feed(data):
                    self._take(frame)
        except NotAnEventSocket as error:
            why = f"{self._name} is no Event Socket of FreeSWITCH: it sends {error}."
        except OSError as error:
            why = f"{self._name} broke off: {error.strerror or type(error).__name__}."
        finally:
            self._end(why)

    def _take(self, frame: Frame) -> None:
        match frame.kind:
            case "auth/request" | "text/rude-rejection":
                if not self._greeted.done():
                    self._greeted.set_result(frame)
            case "command/reply" | "api/response":
                # One that nobody waits for any more still takes its turn.
                if self._waiting and not (answer := self._waiting.popleft()).done():
                    answer.set_result(frame)
            case "text/disconnect-notice":
                self._end(f"{self._name} says goodbye.")
            case _:
                if (event := told(frame)) is not None:
                    self.events.put_nowait(event)

    def _end(self, why: str) -> None:
        if self._why:
            return
        self._why = why
        for answer in (self._greeted, *self._waiting):
            if not answer.done():
                answer.set_exception(Unavailable(why))
                answer.exception()  # nobody may be waiting
        self.events.put_nowait(None)

    @property
    def ended(self) -> Unavailable:
        """Why the connection ended."""
        return Unavailable(self._why)


@asynccontextmanager
async def connected(settings: FreeswitchSettings) -> AsyncIterator[Session]:
    """A session, closed in the end. Raises `Rejected`, `Unavailable`, `Misconfigured`."""
    name = f"{settings.host}:{settings.port}"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(settings.host, settings.port)
    except TimeoutError:
        raise Unavailable(f"{name} does not take the connection.") from None
    except UnicodeError:
        raise Misconfigured(f"{settings.host!r} cannot be the name of a host.") from None
    except OSError as error:
        raise Unavailable(f"{name} cannot be reached: {error.strerror or 'no such host'}.") from error
    session = Session(reader, writer, name)
    try:
        await session.log_in(settings.password.get_secret_value())
        yield session
    finally:
        await session.close()
