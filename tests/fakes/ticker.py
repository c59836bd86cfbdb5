"""A provider small enough to see through: it tells numbers in order, one line each, over TCP.

A listener says `AFTER 3` and hears `TICK 4`, `TICK 5`, … or a verdict: `NO reason`, `BUSY seconds reason`,
`WRONG reason`, `NONSENSE`; `READ 3 10` says that three of ten old ones are read. It answers `DONE 4` when four is safe.
`BEHIND 3` on another connection is answered by how many ticks there are beyond three. The test holds the other end:
every listener that connects is a `Peer`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import hub

HOST = "127.0.0.1"
DAY = datetime(2026, 5, 4, 12, tzinfo=UTC)


def tick(number: int) -> hub.Event:
    """The message that a tick is to the hub."""
    sender = hub.Participant("mailto:clock@example.org", hub.Role.SENDER)
    facts = hub.Message(participants=(sender,), title=f"Tick {number}", sent_at=DAY)
    return hub.Event(key=f"tick:{number}", id="told", channel=hub.Channel.CHAT, at=DAY, facts=facts)


class Peer:
    """One connected listener, as the provider sees it."""

    def __init__(self, after: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.after = after
        self._reader = reader
        self._writer = writer

    def say(self, *lines: str) -> None:
        """Tell the listener."""
        self._writer.write("".join(f"{line}\n" for line in lines).encode())

    def tick(self, *numbers: int) -> None:
        """Tell the listener some ticks."""
        self.say(*(f"TICK {number}" for number in numbers))

    async def done(self) -> str:
        """The next cursor that the listener says is safe, "" once it has hung up."""
        return (await self._reader.readline()).decode().removeprefix("DONE ").strip()

    async def gone(self) -> None:
        """Wait until the listener has hung up."""
        while await self.done():
            pass

    def hang_up(self) -> None:
        """End the connection."""
        self._writer.close()


class TickServer:
    """The provider. *behind* is what it says to `BEHIND`."""

    def __init__(self) -> None:
        self.behind = "0 0"
        self.port = 0
        self.listeners = 0
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self._measured: asyncio.Queue[str] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def peer(self) -> Peer:
        """The next listener that connects."""
        return await self._peers.get()

    async def measured(self) -> str:
        """The cursor of the next `BEHIND` that was asked."""
        return await self._measured.get()

    async def start(self) -> None:
        """Listen on the same port as before, the first time on any."""
        self._server = await asyncio.start_server(self._met, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everybody and listen no more."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        self._writers.clear()
        await self._server.wait_closed()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        question, _, cursor = (await reader.readline()).decode().strip().partition(" ")
        if question == "AFTER":
            self.listeners += 1
            self._peers.put_nowait(Peer(cursor, reader, writer))
        else:
            writer.write(f"{self.behind}\n".encode())
            writer.close()
            self._measured.put_nowait(cursor)


@asynccontextmanager
async def tick_server() -> AsyncGenerator[TickServer, None]:
    """A running provider."""
    server = TickServer()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class TickerSettings(hub.Settings):
    """Where the provider is."""

    port: int


class Connector(hub.Connector):
    """Listens to ticks. *taken* counts what it was asked for; *woken* how often it was told of news."""

    Settings = TickerSettings

    def __init__(self, settings: TickerSettings, setup: hub.Setup) -> None:
        self._port = settings.port
        self._writer: asyncio.StreamWriter | None = None
        self.taken = 0
        self.woken = asyncio.Event()

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Every tick after *cursor* is an arrival of its own."""
        reader, writer = await self._connect(f"AFTER {cursor or 0}")
        self._writer = writer
        try:
            while line := (await reader.readline()).decode().strip():
                word, _, rest = line.partition(" ")
                if word == "TICK":
                    self.taken += 1
                    yield hub.Arrival((tick(int(rest)),), rest)
                elif word == "SEEN":
                    yield hub.Arrival((), rest, live=False)
                elif word == "READ":
                    done, total = map(int, rest.split())
                    yield hub.Arrival((), None, live=False, backfill=hub.Backfill(done, total))
                elif word == "NO":
                    raise hub.Rejected(rest)
                elif word == "WRONG":
                    raise hub.Misconfigured(rest)
                elif word == "BUSY":
                    seconds, _, reason = rest.partition(" ")
                    raise hub.Unavailable(reason, retry_after=float(seconds))
                else:
                    raise ValueError(f"no word of this protocol: {line}")
            raise hub.Unavailable("The clock hung up.")
        finally:
            self._writer = None
            writer.close()

    async def committed(self, cursor: str) -> None:
        """The provider may forget."""
        assert self._writer is not None
        self._writer.write(f"DONE {cursor}\n".encode())

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many ticks there are beyond *cursor*."""
        reader, writer = await self._connect(f"BEHIND {cursor or 0}")
        try:
            messages, _, seconds = (await reader.readline()).decode().partition(" ")
            return hub.Freshness(int(messages), float(seconds))
        finally:
            writer.close()

    async def wake(self, word: str = "") -> None:
        """There is news."""
        self.woken.set()

    async def _connect(self, question: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            reader, writer = await asyncio.open_connection(HOST, self._port)
        except OSError as error:
            raise hub.Unavailable("The clock does not answer.") from error
        writer.write(f"{question}\n".encode())
        return reader, writer


class DoorSettings(hub.Settings):
    """Where the door is."""

    port: int = 0


class Door(hub.Door):
    """Takes ticks from anybody who connects: `TICK 4` is answered `DONE 4`, `NONSENSE` breaks it."""

    Settings = DoorSettings

    def __init__(self, settings: DoorSettings, setup: hub.Setup) -> None:
        self._port = settings.port
        self._broken = asyncio.Event()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return HOST, self._port

    async def serve(self, record: hub.Record) -> None:
        """Listen until cancelled."""

        async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := (await reader.readline()).decode().strip():
                if line == "NONSENSE":
                    self._broken.set()
                    break
                number = line.removeprefix("TICK ")
                items: Sequence[hub.Item] = [tick(int(number))]
                try:
                    await record(items)
                except hub.Unavailable:
                    writer.write(b"LATER\n")
                else:
                    writer.write(f"DONE {number}\n".encode())
            writer.close()

        try:
            server = await asyncio.start_server(met, HOST, self._port)
        except OSError as error:
            raise hub.Misconfigured(f"Port {self._port} cannot be had. Take another, or stop who has it.") from error
        async with server:
            self._port = server.sockets[0].getsockname()[1]
            await self._broken.wait()
            self._broken.clear()
            raise ValueError("no word of this protocol")
