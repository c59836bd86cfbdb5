"""Keeps every source listening: one task for each, with its lease, its cursor, its back-off and its measured freshness.

A plug-in retries nothing and stores nothing; it raises a verdict, and here is decided what follows. Only `Rejected`
and `Misconfigured` end the attempts, until somebody acts; everything else is tried again for ever.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self

from hub import sources
from hub.config import Plugins, Problem
from hub.contracts import Connector, Door, Misconfigured, Rejected, Unavailable, Verdict
from hub.ingest import LeaseLost
from hub.sources import Lease, State
from hub.store import Store
from hub.vocabulary import Arrival, Item

log = logging.getLogger(__name__)

AHEAD = 2
"""Arrivals a connector may be ahead of what is durable."""

KNOCK_SECONDS = 0.02

LONGEST_CAUSE = 500
"""Characters of a cause that are kept: some servers answer with a whole page."""


class Recorder(Protocol):
    """Where arrivals go: what `hub.ingest.Ingest` is to the supervisor."""

    async def record(
        self,
        source: str,
        items: Sequence[Item],
        *,
        live: bool = True,
        cursor: str | None = None,
        epoch: int | None = None,
    ) -> None:
        """Return when *items* are durable. Raises `Unavailable`, or `LeaseLost` where *epoch* is not ours any more."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds. A lease is renewed after a third of its time."""

    lease: float = 15
    retry_lease: float = 3
    freshness: float = 30
    first_delay: float = 1
    longest_delay: float = 300
    healthy: float = 60

    def delay(self, failures: int) -> float:
        """How long to wait after *failures* in a row: twice as long each time, up to the longest, with jitter."""
        full = min(self.longest_delay, self.first_delay * 2.0 ** min(failures - 1, 32))
        return full * random.uniform(0.5, 1)  # noqa: S311  # spreads the load, protects nothing


@dataclass(frozen=True, slots=True)
class Status:
    """How a source does as this hub sees it. *cause* is for people; *next_try* is UTC, set while it waits."""

    source: str
    state: State
    cause: str = ""
    since: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)
    next_try: datetime | None = field(default=None, compare=False)


def holder(dialect: str) -> str:
    """The name under which this process holds leases.

    On SQLite the store's own lock lets one process in: there a lease left behind by a crash is ours at once.
    """
    return "local" if dialect == "sqlite" else f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Supervisor:
    """`async with Supervisor(...)` runs every connector and door until the end of the block."""

    def __init__(
        self,
        store: Store,
        ingest: Recorder,
        plugins: Mapping[str, Plugins],
        problems: Sequence[Problem] = (),
        *,
        holder_name: str = "",
        pace: Pace | None = None,
        on_change: Callable[[Status], None] | None = None,
    ) -> None:
        desk = _Desk(store, ingest, holder_name or holder(store.dialect), pace or Pace(), on_change or _ignore)
        self._desk = desk
        self._connectors = {
            name: _Listener(name, desk, found.connector) for name, found in plugins.items() if found.connector
        }
        self._doors = {name: _DoorKeeper(name, desk, found.door) for name, found in plugins.items() if found.door}
        self._left_out = {
            problem.source: Status(problem.source, State.MISCONFIGURED, str(problem))
            for problem in problems
            if problem.source
        }
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for status in self._left_out.values():
            log.error("source %s is left out: %s", status.source, status.cause)
            await self._desk.write(status)
            self._desk.on_change(status)
        keepers = [*self._doors.values(), *self._connectors.values()]
        self._tasks = [asyncio.create_task(keeper.run(), name=f"source {keeper.name}") for keeper in keepers]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def statuses(self) -> dict[str, Status]:
        """How every source does as this hub sees it. Of one that is both, what is worse: its door or its connector."""
        found = dict(self._left_out)
        for keeper in (*self._doors.values(), *self._connectors.values()):
            other = found.get(keeper.name)
            if other is None or other.state is State.LISTENING:
                found[keeper.name] = keeper.status
        return found

    @property
    def doors_up(self) -> bool:
        """Whether every door can be knocked at."""
        return all(keeper.status.state is State.LISTENING for keeper in self._doors.values())

    async def doors_tried(self) -> None:
        """Return once every door is open, or has failed to open."""
        await asyncio.gather(*(door.tried.wait() for door in self._doors.values()))

    async def wake(self, source: str) -> None:
        """A webhook said that *source* has news. Nothing happens where this hub does not listen to it."""
        if source in self._connectors:
            await self._connectors[source].wake()

    def retry(self, source: str) -> bool:
        """Try *source* at once, whatever it waits for. False where there is nothing to try."""
        keepers = [some[source] for some in (self._doors, self._connectors) if source in some]
        for keeper in keepers:
            keeper.retry()
        return bool(keepers)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the keepers share."""

    store: Store
    ingest: Recorder
    holder: str
    pace: Pace
    on_change: Callable[[Status], None]

    async def write(self, status: Status, epoch: int | None = None) -> None:
        """Write down how a source does. It goes on, whether the store takes this or not."""
        try:
            await self.store.write(lambda conn: sources.state(conn, status.source, status.state, status.cause, epoch))
        except Unavailable as error:
            log.debug("source %s: its state could not be written: %s", status.source, error)
        except Exception:
            log.exception("source %s: its state could not be written", status.source)


class _Keeper(ABC):
    """Keeps one connector or door going."""

    def __init__(self, name: str, desk: _Desk) -> None:
        self.name = name
        self.desk = desk
        self.status = Status(name, State.NEW)
        self.tried = asyncio.Event()
        self._failures = 0
        self._complained: Status | None = None
        self._asked = asyncio.Event()
        self._up = asyncio.Event()

    @abstractmethod
    async def attempt(self) -> None:
        """Run the plug-in until it fails."""

    @abstractmethod
    async def write(self, status: Status) -> None:
        """Write down how it does, where that is ours to say."""

    async def run(self) -> None:
        """Attempt for ever; between two attempts do what the verdict says."""
        try:
            while True:
                self._up.clear()
                self._asked.clear()
                try:
                    await self.attempt()
                    await self._failed(State.WAITING, "The connection ended.")
                except LeaseLost:
                    log.info("source %s: the lease is lost", self.name)
                    await self._pause(self.desk.pace.retry_lease)
                except Unavailable as verdict:
                    await self._failed(State.WAITING, str(verdict), verdict.retry_after)
                except Rejected as verdict:
                    await self._failed(State.REJECTED, str(verdict))
                except Misconfigured as verdict:
                    await self._failed(State.MISCONFIGURED, str(verdict))
                except Exception as error:
                    cause = f"A fault in the hub ({type(error).__name__}). The log has the details."
                    await self._failed(State.FAILED, cause, bug=error)
        finally:
            await self.say(State.OFF)

    def retry(self) -> None:
        """Somebody asks to try at once."""
        self._failures = 0
        self._asked.set()

    async def say(self, state: State, cause: str = "", next_try: datetime | None = None) -> None:
        """Remember and tell how it does, where that is news."""
        status = Status(self.name, state, " ".join(cause.replace("\0", "").split())[:LONGEST_CAUSE], next_try=next_try)
        changed, self.status = status != self.status, status
        if changed:
            await self.write(status)
            self.desk.on_change(status)

    async def listening(self) -> None:
        """It works, as far as can be seen."""
        if not self._up.is_set():
            self._up.set()
            await self.say(State.LISTENING)
            self.tried.set()

    async def settle(self) -> None:
        """After a healthy minute the failures before it are forgotten. Runs beside the plug-in."""
        await self._up.wait()
        await asyncio.sleep(self.desk.pace.healthy)
        self._failures = 0
        if self._complained:
            log.info("source %s: listening again", self.name)
            self._complained = None
        await _for_ever()

    async def _failed(
        self, state: State, cause: str, retry_after: float | None = None, bug: Exception | None = None
    ) -> None:
        """An attempt failed: wait as long as the verdict asks for, and longer after each failure."""
        self._failures += 1
        final = state in (State.REJECTED, State.MISCONFIGURED)
        delay = None if final else self.desk.pace.delay(self._failures)
        if delay is not None and retry_after is not None:
            delay = max(delay, retry_after)
        await self._wait(state, cause, delay, bug)

    async def _wait(self, state: State, cause: str, delay: float | None, bug: Exception | None = None) -> None:
        """Say what is wrong, and wait *delay* seconds (`None`: for ever), or until somebody asks."""
        next_try = None if delay is None else datetime.now(UTC) + timedelta(seconds=delay)
        await self.say(state, cause, next_try)
        if self._complained != self.status:
            self._complained = self.status
            level = logging.ERROR if delay is None or bug else logging.WARNING
            log.log(level, "source %s is %s: %s", self.name, state.value, self.status.cause, exc_info=bug)
        self.tried.set()
        await self._pause(delay)

    async def _pause(self, seconds: float | None) -> None:
        """Wait *seconds* (`None`: for ever), or until somebody asks."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()


class _DoorKeeper(_Keeper):
    """Keeps a door open."""

    def __init__(self, name: str, desk: _Desk, door: Door) -> None:
        super().__init__(name, desk)
        self._door = door

    async def attempt(self) -> None:
        """Serve until the door fails."""
        await self.say(State.CONNECTING)
        await _first(self._door.serve(self._record), self._knock(), self.settle())

    async def write(self, status: Status) -> None:
        """Every hub has a door of its own: the last word counts."""
        await self.desk.write(status)

    async def _record(self, items: Sequence[Item]) -> None:
        await self.desk.ingest.record(self.name, items)

    async def _knock(self) -> None:
        await opened(self._door)
        await self.listening()
        await _for_ever()


class _Listener(_Keeper):
    """Keeps a connector listening while this hub has the lease."""

    def __init__(self, name: str, desk: _Desk, connector: Connector) -> None:
        super().__init__(name, desk)
        self._connector = connector
        self._cursor: str | None = None
        self._epoch: int | None = None
        self._listens = False
        self._unmeasured = ""

    async def attempt(self) -> None:
        """Take the lease, and listen with it until something fails."""
        lease, renewed = await self._lease()
        self._epoch, self._cursor, self._listens = lease.epoch, lease.cursor, True
        try:
            await self.say(State.CONNECTING)
            await _first(self._renew(lease, renewed), self._listen(lease), self._measure(), self.settle())
        finally:
            self._listens = False
            with suppress(Unavailable):  # then it ends by itself
                await self.desk.store.write(lambda conn: sources.release(conn, lease))

    async def write(self, status: Status) -> None:
        """Only while nobody took the lease after us: then another hub knows better."""
        if self._epoch is not None and status.state is not State.ELSEWHERE:
            await self.desk.write(status, self._epoch)

    async def wake(self) -> None:
        """There is news at the provider."""
        if self._listens:
            await self._connector.wake()

    async def _lease(self) -> tuple[Lease, float]:
        """The lease, as soon as no other hub has it, and the time of the loop when it was asked for."""
        desk = self.desk
        while True:
            asked = asyncio.get_running_loop().time()
            try:
                lease = await desk.store.write(
                    lambda conn: sources.lease(conn, self.name, desk.holder, desk.pace.lease, sources.clock(conn))
                )
            except Unavailable as verdict:
                # Our own store: nobody is spared if it is asked less and less often.
                await self._wait(State.WAITING, str(verdict), desk.pace.retry_lease)
                continue
            if lease is not None:
                return lease, asked
            await self.say(State.ELSEWHERE)
            await self._pause(desk.pace.retry_lease)

    async def _renew(self, lease: Lease, renewed: float) -> None:
        """Renew the lease in good time. Raises `LeaseLost` once it may be another hub's."""
        desk, loop = self.desk, asyncio.get_running_loop()
        while True:
            await asyncio.sleep(desk.pace.lease / 3)
            asked = loop.time()
            try:
                async with asyncio.timeout_at(renewed + desk.pace.lease):
                    ours = await desk.store.write(
                        lambda conn: sources.renew(conn, lease, desk.pace.lease, sources.clock(conn))
                    )
            except Unavailable:
                continue
            except TimeoutError:
                raise LeaseLost("the lease could not be renewed in time") from None
            if not ours:
                raise LeaseLost("another hub took the lease")
            renewed = asked

    async def _listen(self, lease: Lease) -> None:
        """Take what the connector hears and make it durable, in order, with a little of it under way."""
        slots = asyncio.Semaphore(AHEAD)
        heard: asyncio.Queue[Arrival | Exception] = asyncio.Queue()
        ended = asyncio.Event()

        async def hear() -> None:
            try:
                async with aclosing(self._connector.listen(lease.cursor)) as arrivals:
                    while await slots.acquire():
                        heard.put_nowait(await anext(arrivals))
            except StopAsyncIteration:
                heard.put_nowait(Unavailable("The connection ended."))
            except Exception as error:  # what was heard before it is committed first
                heard.put_nowait(error)
            ended.set()
            await _for_ever()

        async def commit() -> None:
            while True:
                arrival = await heard.get()
                if isinstance(arrival, Exception):
                    raise arrival
                await self.listening()
                await self._commit(arrival, lease)
                if arrival.cursor is not None and not ended.is_set():  # else there is nobody to acknowledge it to
                    await self._connector.committed(arrival.cursor)
                slots.release()

        await _first(commit(), hear())

    async def _commit(self, arrival: Arrival, lease: Lease) -> None:
        cursor = self._cursor if arrival.cursor is None else arrival.cursor
        if arrival.items or cursor != self._cursor:
            await self.desk.ingest.record(self.name, arrival.items, live=arrival.live, cursor=cursor, epoch=lease.epoch)
            self._cursor = cursor

    async def _measure(self) -> None:
        """Ask the provider now and then how far behind we are. That it can't say is news, and no reason to stop."""
        desk = self.desk
        while True:
            try:
                async with asyncio.timeout(desk.pace.freshness):
                    fresh = await self._connector.freshness(self._cursor)
                await desk.store.write(lambda conn: sources.measured(conn, self.name, fresh, sources.clock(conn)))  # noqa: B023
            except (Verdict, TimeoutError) as error:
                self._cannot_measure(str(error) or "it takes too long")
            except Exception as error:
                self._cannot_measure(type(error).__name__, bug=error)
            else:
                self._unmeasured = ""
                await self.listening()
            await asyncio.sleep(desk.pace.freshness)

    def _cannot_measure(self, why: str, bug: Exception | None = None) -> None:
        if why != self._unmeasured:
            self._unmeasured = why
            log.warning("source %s: how far it is behind cannot be measured: %s", self.name, why, exc_info=bug)


async def opened(door: Door) -> None:
    """Return once somebody answers at *door*, which has no way to say that it is open."""
    while True:
        await asyncio.sleep(KNOCK_SECONDS)  # first, so that a port that somebody else has is refused to us before
        host, port = door.address
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()
            return


async def _first(*parts: Coroutine[Any, Any, None]) -> None:
    """Run *parts* together until one of them ends, end the others, and raise what it raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if task in done:
            task.result()


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def _ignore(_: Status) -> None:
    """Nobody watches."""
