"""How far behind each source is: measured in turn, written in sets, and remembered for a day.

"Connected" is not health. What the provider has and we have not is.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.contracts import Unavailable, Verdict
from hub.sources.gathered import Gathered
from hub.sources.pace import Pace, Turns
from hub.sources.states import make
from hub.store import Store
from hub.store.clock import clock
from hub.store.schema import lags, micros
from hub.store.sets import Run, SetWrite
from hub.vocabulary import Freshness

log = logging.getLogger(__name__)

SAMPLE_SECONDS = 300
KEPT = timedelta(hours=25)
PRUNE_SECONDS = 3600
AT_ONCE = 8
FASTEST = 20
"""Measurements that begin in a second when many are due at once: after a start, or an outage."""

_MEASURED = Run("UPDATE sources SET behind_messages = ?, behind_seconds = ?, measured_at = ? WHERE name = ?")
_CURRENT = Run("UPDATE sources SET current_at = ? WHERE name = ?")
_SAMPLE = SetWrite(lags, ("source", "at", "messages", "seconds"), "ON CONFLICT DO NOTHING")


@dataclass(frozen=True, slots=True)
class Measured:
    """How far behind *source* is; *sample* where that is to be remembered for a day."""

    source: str
    freshness: Freshness
    sample: bool = True


def measured(conn: Connection, found: Sequence[Measured], now: datetime) -> None:
    """Write down how far behind the provider we are, as of *now*."""
    make(conn, [each.source for each in found])
    at = micros(now)
    rows = {each.source: (each.freshness.messages, each.freshness.seconds, at, each.source) for each in found}
    _MEASURED.many(conn, [rows[name] for name in sorted(rows)])
    _CURRENT.many(conn, [(at, name) for name, (behind, *_) in sorted(rows.items()) if behind == 0])
    samples = {each.source: each.freshness for each in found if each.sample}
    _SAMPLE(conn, [(name, at, samples[name].messages, samples[name].seconds) for name in sorted(samples)])


def prune(conn: Connection, now: datetime) -> None:
    """Forget what is older than a day."""
    conn.execute(lags.delete().where(lags.c.at < now - KEPT))


def last_day(conn: Connection, since: datetime) -> dict[str, list[tuple[datetime, int]]]:
    """By how many messages each source was behind from *since* on, oldest first; from each time until the next."""
    rows = conn.execute(
        sa.select(lags.c.source, lags.c.at, lags.c.messages)
        .where(lags.c.at >= since)
        .order_by(lags.c.source, lags.c.at)
    )
    found: dict[str, list[tuple[datetime, int]]] = {}
    for row in rows:
        found.setdefault(row.source, []).append((row.at, row.messages or 0))
    return found


class Samples:
    """Which measurements are worth remembering: the first, and every change, at most one in five minutes."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, int | None]] = {}

    def worth(self, source: str, messages: int | None, now: float) -> bool:
        """Whether this one is. *now* is in seconds, by any clock that does not go back."""
        last = self._last.get(source)
        if last is not None and (last[1] == messages or now - last[0] < SAMPLE_SECONDS):
            return False
        self._last[source] = (now, messages)
        return True


class Measurable(Protocol):
    """What is measured: a connector while it listens."""

    name: str

    @property
    def listens(self) -> object:
        """The same object for as long as it listens without interruption, else `None`."""

    async def freshness(self) -> Freshness:
        """Ask the provider."""

    async def measured(self, freshness: Freshness) -> None:
        """It said so, and that is written down."""

    def unmeasured(self, why: str, bug: Exception | None = None) -> None:
        """It could not say."""


class Measures:
    """Measures whoever listens, in turn. `async with Measures(...)` does so until the end of the block.

    *urgent* says whether a source should be looked at sooner than others.
    """

    def __init__(self, store: Store, pace: Pace, urgent: Callable[[str], bool]) -> None:
        self._store = store
        self._pace = pace
        self._urgent = urgent
        self._due: list[tuple[float, int, Measurable, object]] = []
        self._numbers = itertools.count()
        self._more = asyncio.Event()
        self._samples = Samples()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()

        def write(conn: Connection, found: Sequence[Measured]) -> list[None]:
            measured(conn, found, clock(conn))
            return [None] * len(found)

        self._write = Gathered(store, write)

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._run(), name="measures"),
            asyncio.create_task(self._prune(), name="old lags"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [*self._tasks, *self._under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def begin(self, source: Measurable) -> None:
        """It listens: measure it soon, and again for as long as it does."""
        self._add(source, asyncio.get_running_loop().time())

    def _add(self, source: Measurable, due: float) -> None:
        heapq.heappush(self._due, (due, next(self._numbers), source, source.listens))
        if self._due[0][2] is source:
            self._more.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            turns = Turns(max(FASTEST, 2 * len(self._due) / self._pace.rarest))
            wait = self._due[0][0] - loop.time() if self._due else None
            if wait is None or wait > 0:
                self._more.clear()
                try:
                    async with asyncio.timeout(wait):
                        await self._more.wait()
                except TimeoutError:
                    pass
                continue
            while self._due and self._due[0][0] <= loop.time():
                _, _, source, since = heapq.heappop(self._due)
                if since is None or source.listens is not since:
                    continue
                await self._slots.acquire()
                await turns.turn()
                task = asyncio.create_task(self._measure(source, since))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    async def _measure(self, source: Measurable, since: object) -> None:
        """Ask one source how far behind we are. That it can't say is news, and no reason to stop."""
        loop, behind = asyncio.get_running_loop(), False
        try:
            async with asyncio.timeout(self._pace.longest_measure):
                fresh = await source.freshness()
            sample = self._samples.worth(source.name, fresh.messages, loop.time())
            await self._write(Measured(source.name, fresh, sample))
            behind = bool(fresh.messages)
            if source.listens is since:
                await source.measured(fresh)
        except (Verdict, TimeoutError) as error:
            source.unmeasured(str(error) or "it takes too long")
        except Exception as error:
            source.unmeasured(type(error).__name__, bug=error)
        finally:
            self._slots.release()
        if source.listens is since:
            urgent = behind or self._urgent(source.name)
            self._add(source, loop.time() + self._pace.until_measured(len(self._due) + 1, urgent=urgent))

    async def _prune(self) -> None:
        while True:
            try:
                await self._store.write(lambda conn: prune(conn, clock(conn)))
            except Unavailable as error:
                log.debug("old lags stay: %s", error)
            await asyncio.sleep(PRUNE_SECONDS)
