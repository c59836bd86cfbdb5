"""A TCP proxy on loopback: what a contract suite sees of a connection, and how it breaks one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Passes bytes between whoever connects to `port` and a server. `open` counts the connections."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.open = 0
        self.accepted = 0
        self._server = (host, port)
        self._clients: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Condition()

    async def until(self, *, open: int) -> None:
        """Return when exactly *open* connections are open, as the client sees it."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: self.open == open)

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
            up = asyncio.create_task(_copy(reader, server_writer))
            down = asyncio.create_task(_copy(server_reader, writer))
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            for end, task in ((server_writer, up), (writer, down)):
                end.close()
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        finally:
            self._clients.discard(writer)
            await self._count(-1)

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


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while block := await reader.read(64 * 1024):
            writer.write(block)
            await writer.drain()
