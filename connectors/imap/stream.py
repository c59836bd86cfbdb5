"""Bytes over a connected socket without a thread: whoever waits leaves nothing on the event loop but one descriptor.

asyncio's own streams keep a quarter of a megabyte for each TLS connection; a thousand mailboxes at rest must not.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

BLOCK = 256 * 1024
"""Bytes that are read at once, and after which others get their turn."""

MAX_LINE = 64 * 1024 * 1024
"""Longest line in bytes: a search in a large mailbox answers in one."""


class Ended(Exception):
    """The server closed the connection."""


class Garbled(Exception):
    """The server said something that is no IMAP."""


class Stream:
    """*sock* is connected and signed in, *ahead* is what was read from it already. Every wait for the server raises
    `TimeoutError` after *patience* seconds."""

    def __init__(self, sock: socket.socket, ahead: bytes, patience: float) -> None:
        sock.setblocking(False)
        self.patience = patience
        self._sock = sock
        self._buffer = bytearray(ahead)
        self._at = 0
        self._streak = 0
        self._waiting: asyncio.Future[bool] | None = None
        self._poked = False

    def close(self) -> None:
        """Close the socket. Nothing is said to the server, which may be gone."""
        self._sock.close()

    def poke(self) -> None:
        """End the `quiet` that is going on, or the next one."""
        self._poked = True
        self._wake(False)

    async def send(self, data: bytes) -> None:
        """Hand *data* to the operating system."""
        left = memoryview(data)
        while left:
            try:
                left = left[self._sock.send(left) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                await self._ready(write=True)
            except ssl.SSLWantReadError:
                await self._ready()

    async def line(self) -> bytes:
        """One line without its end. Raises `Ended`, `Garbled`."""
        searched = self._at
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched - self._at > MAX_LINE:
                raise Garbled("a line without an end")
            searched -= await self._fill()
        line = bytes(memoryview(self._buffer)[self._at : end])
        self._at = end + 1
        return line.removesuffix(b"\r")

    async def literal(self, size: int) -> bytes:
        """Exactly *size* bytes. Raises `Ended`."""
        while (left := size - len(self._buffer) + self._at) > 0:
            if left < BLOCK:
                await self._fill()
                continue
            # A large one is not moved through the buffer.
            blocks = [bytes(memoryview(self._buffer)[self._at :])]
            self._drop()
            while left > 0:
                blocks.append(await self._receive(min(left, BLOCK)))
                left -= len(blocks[-1])
            return b"".join(blocks)
        end = self._at + size
        data = bytes(memoryview(self._buffer)[self._at : end])
        self._at = end
        return data

    async def skip(self, size: int) -> None:
        """Read *size* bytes and forget them. Raises `Ended`."""
        size -= len(self._buffer) - self._at
        if size < 0:
            self._at = len(self._buffer) + size
            return
        self._drop()
        while size > 0:
            size -= len(await self._receive(min(size, BLOCK)))

    async def quiet(self, seconds: float) -> bool:
        """Return true after *seconds* of silence or when poked, false as soon as the server says something.
        Raises `Ended`."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds, self._wake, False)
        try:
            # What makes the descriptor ready may be TLS's own, of which nothing is to be read.
            while not self._peeked():
                if self._poked or not await self._descriptor(loop.add_reader, loop.remove_reader):
                    self._poked = False
                    return True
        finally:
            timer.cancel()
        return False

    def _peeked(self) -> bool:
        """Whether there is something to be read; it is then in the buffer."""
        if self._at < len(self._buffer):
            return True
        self._drop()
        try:
            block = self._sock.recv(BLOCK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        if not block:
            raise Ended
        self._buffer += block
        return True

    async def _fill(self) -> int:
        """Read a block behind what is in the buffer; answers by how much its start moved."""
        moved = self._at
        if moved:
            del self._buffer[:moved]
            self._at = 0
        self._buffer += await self._receive(BLOCK)
        return moved

    def _drop(self) -> None:
        self._buffer = bytearray()
        self._at = 0

    async def _receive(self, most: int) -> bytes:
        while True:
            try:
                block = self._sock.recv(most)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._streak = 0
                await self._ready()
            except ssl.SSLWantWriteError:
                await self._ready(write=True)
            else:
                if not block:
                    raise Ended
                self._streak += len(block)
                if self._streak > BLOCK:
                    self._streak = 0
                    await asyncio.sleep(0)
                return block

    async def _ready(self, *, write: bool = False) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self.patience):
            if write:
                await self._descriptor(loop.add_writer, loop.remove_writer)
            else:
                await self._descriptor(loop.add_reader, loop.remove_reader)

    async def _descriptor(self, add: Callable[..., object], remove: Callable[[int], object]) -> bool:
        """Wait for the descriptor: true once it is ready, false when woken otherwise."""
        descriptor = self._sock.fileno()
        self._waiting = asyncio.get_running_loop().create_future()
        add(descriptor, self._wake, True)
        try:
            return await self._waiting
        finally:
            self._waiting = None
            with suppress(ValueError):
                remove(descriptor)

    def _wake(self, spoken: bool) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(spoken)
