"""A phone system that rings: signed callbacks at a fixed rate over kept-alive connections, and the screens they reach.

One process and one uvloop drive both servers that are compared, over raw sockets, so that what is measured is the
server. The time of a pop runs from the first byte of the request to the chunk with its event at the agent's screen.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

_CALLER = re.compile(rb"(?:\+|%2B)(49301\d{8})")


@dataclass(slots=True)
class Clock:
    """When each caller's request left, and how long its pop took (seconds)."""

    sent: dict[bytes, float] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    refused: int = 0
    all_there: asyncio.Event = field(default_factory=asyncio.Event)

    def pop(self, caller: bytes) -> None:
        """A pop of *caller* arrived; the second of one call counts no more."""
        began = self.sent.pop(caller, None)
        if began is not None:
            self.took.append(time.perf_counter() - began)
            if not self.sent:
                self.all_there.set()


class Screen(asyncio.Protocol):
    """One agent's event stream."""

    def __init__(self, request: bytes, clock: Clock) -> None:
        self._request = request
        self._clock = clock
        self._rest = b""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self.transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Look for pops."""
        if not self.ready.done():
            if not data.startswith(b"HTTP/1.1 200"):
                self.ready.set_exception(RuntimeError(data[:300].decode(errors="replace")))
                return
            self.ready.set_result(None)
        data = self._rest + data
        frames, _, self._rest = data.rpartition(b"\n\n")
        for frame in frames.split(b"\n\n"):
            self.event(frame)

    def event(self, frame: bytes) -> None:
        """One server-sent event."""
        if b"event: pop\n" in frame and (found := _CALLER.search(frame)):
            self._clock.pop(found[1])

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        self.lost = True


class Exchange:
    """Posts requests in their order, each over the next connection that is free."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lines: list[Line] = []
        self._free: deque[Line] = deque()
        self._waiting: deque[bytes] = deque()

    def post(self, request: bytes, caller: bytes | None) -> None:
        """Send *request*; the clock of *caller*'s call, if it rings, starts when the request is due."""
        if caller is not None:
            self.clock.sent[caller] = time.perf_counter()
        self._waiting.append(request)
        self._send()

    def free(self, line: Line) -> None:
        """*line* has its answer."""
        self._free.append(line)
        self._send()

    def _send(self) -> None:
        while self._free and self._waiting:
            self._free.popleft().transport.write(self._waiting.popleft())  # type: ignore[attr-defined]


class Line(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to post."""
        self.transport = transport
        self._exchange.lines.append(self)
        self._exchange.free(self)

    def data_received(self, data: bytes) -> None:
        """An answer (all of them are short)."""
        if data.startswith(b"HTTP/"):
            if not data.startswith(b"HTTP/1.1 2"):
                self._exchange.clock.refused += 1
            self._exchange.free(self)


@dataclass(frozen=True, slots=True)
class Target:
    """A server: its port, the request that opens each agent's stream, and the requests of each call."""

    port: int
    screens: Sequence[bytes]
    ring: Callable[[int], tuple[bytes, bytes]]
    """(caller's digits, request) of call number n."""
    end: Callable[[int], bytes]
    more: Callable[[int], Sequence[tuple[float, bytes]]] = lambda number: ()
    """What else is told of call number n: so many seconds after it rings (or before), and the request."""


async def measure(target: Target, rate: int, calls: int, rings_for: float, lines: int = 32) -> Clock:
    """Ring *calls* times at *rate* a second, each ended after *rings_for* seconds; every screen connected."""
    loop = asyncio.get_running_loop()
    clock = Clock()
    screens: list[Screen] = []
    for request in target.screens:
        _, screen = await loop.create_connection(lambda r=request: Screen(r, clock), "127.0.0.1", target.port)  # type: ignore[misc]
        screens.append(screen)
    await asyncio.gather(*(screen.ready for screen in screens))
    exchange = Exchange(clock)
    for _ in range(lines):
        await loop.create_connection(lambda: Line(exchange), "127.0.0.1", target.port)
    rings = [target.ring(number) for number in range(calls)]
    ends = [target.end(number) for number in range(calls)]
    more = [target.more(number) for number in range(calls)]
    offsets = [offset for steps in more for offset, _ in steps]
    begin = loop.time() + 0.5 - min(offsets, default=0.0)
    for number, (caller, request) in enumerate(rings):
        at = begin + number / rate
        loop.call_at(at, exchange.post, request, caller)
        loop.call_at(at + rings_for, exchange.post, ends[number], None)
        for offset, step in more[number]:
            loop.call_at(at + offset, exchange.post, step, None)
    await asyncio.sleep(begin - loop.time() + calls / rate + max([rings_for, *offsets]))
    if clock.sent:
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                clock.all_there.clear()
                await clock.all_there.wait()
    for connection in (*screens, *exchange.lines):
        connection.transport.close()
    if len(clock.took) < calls or clock.refused or any(screen.lost for screen in screens):
        raise RuntimeError(f"{calls - len(clock.took)} pops of {calls} never came, {clock.refused} posts refused")
    return clock
