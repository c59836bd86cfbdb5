"""A TCP proxy on loopback: what a contract suite sees of a connection, and how it breaks one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Passes bytes between whoever connects to `port` and a server.

    `open` counts the connections. *edit* sees each block that the server sends and says what becomes of it; where it
    says `None`, the connection breaks there.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.open = 0
        self.accepted = 0
        self.edit: Callable[[bytes], bytes | None] = lambda block: block
        self.sent = bytearray()
        self._server = (host, port)
        self._clients: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Condition()

    async def until(self, *, open: int) -> None:
        """Return when exactly *open* connections are open, as the client sees it."""
        await self._when(lambda: self.open == open)

    async def until_sent(self, words: bytes) -> None:
        """Return when a client has sent *words* since this was last asked."""
        await self._when(lambda: words in self.sent)
        self.sent.clear()

    def cut(self) -> None:
        """End every connection towards the client, as a server that goes down."""
        for client in self._clients:
            client.close()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its first byte to the end of either side."""
        self._clients.add(writer)
        await self._count(1)
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._server)
            up = asyncio.create_task(_copy(reader, server_writer, self._note))
            down = asyncio.create_task(_copy(server_reader, writer, self._edit))
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            for end, task in ((server_writer, up), (writer, down)):
                end.close()
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        finally:
            self._clients.discard(writer)
            await self._count(-1)

    async def _note(self, block: bytes) -> bytes:
        async with self._changed:
            self.sent += block
            self._changed.notify_all()
        return block

    async def _edit(self, block: bytes) -> bytes | None:
        return self.edit(block)

    async def _when(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(true)

    async def _count(self, change: int) -> None:
        async with self._changed:
            self.open += change
            self.accepted += max(change, 0)
            self._changed.notify_all()


@asynccontextmanager
async def proxy(port: int, host: str = "127.0.0.1") -> AsyncIterator[Proxy]:
    """A running proxy in front of the server on *port*."""
    running = Proxy(host, port)
    async with await asyncio.start_server(running.pass_on, "127.0.0.1", 0) as listener:
        running.port = listener.sockets[0].getsockname()[1]
        try:
            yield running
        finally:
            running.cut()
            await running.until(open=0)


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, edit: Callable[[bytes], Awaitable[bytes | None]]
) -> None:
    with suppress(ConnectionError):
        while (block := await reader.read(64 * 1024)) and (block := await edit(block)):
            writer.write(block)
            await writer.drain()
