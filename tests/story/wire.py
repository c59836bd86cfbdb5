"""The line between a browser and the hub: it can be cut and mended, as a laptop's is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from yarl import URL


class Wire:
    """Passes bytes between connections to *url* and the hub behind it."""

    def __init__(self, hub: URL) -> None:
        self._hub = hub
        self._whole = True
        self._ends: set[asyncio.StreamWriter] = set()
        self.url = URL()

    @classmethod
    @asynccontextmanager
    async def to(cls, hub: URL) -> AsyncIterator[Wire]:
        """A whole wire to *hub*."""
        wire = cls(hub)
        server = await asyncio.start_server(wire._connected, "127.0.0.1", 0)
        wire.url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        try:
            yield wire
        finally:
            wire.cut()
            server.close()

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self._whole = False
        for end in self._ends:
            end.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self._whole = True

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._hub.host, self._hub.port)
        self._ends |= {writer, back}
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass(reader, back))
                both.create_task(_pass(there, writer))
        finally:
            self._ends -= {writer, back}


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()
