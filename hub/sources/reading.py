"""How far first readings are: written at most once a second for all sources, and what that means in rate and time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from hub.contracts import Unavailable
from hub.store import Store
from hub.store.clock import clock
from hub.store.schema import micros
from hub.store.sets import Run
from hub.vocabulary import Backfill

log = logging.getLogger(__name__)

SURE_SECONDS = 2
"""A rate of less than this says nothing yet."""

_NOTE = Run(
    "UPDATE sources SET backfill_done = ?, backfill_total = ?, backfill_began_at = ? WHERE name = ? AND epoch = ?"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """*done* of *total* items of a first reading; *rate* per second and *left* in seconds, `None` while unknown."""

    done: int
    total: int
    rate: float | None
    left: float | None

    @property
    def share(self) -> float:
        """0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


def progress(
    done: int | None, total: int | None, began_at: datetime | None, now: datetime, *, reads: bool = True
) -> Progress | None:
    """What the three columns of a source amount to; `None` where no first reading is under way. Without *reads* it
    stands still, and nobody knows when it ends."""
    if total is None or done is None:
        return None
    seconds = (now - began_at).total_seconds() if began_at else 0.0
    if not reads or seconds < SURE_SECONDS or done <= 0:
        return Progress(done, total, None, None)
    return Progress(done, total, done / seconds, max(0, total - done) * seconds / done)


@dataclass(slots=True)
class _Reading:
    """One source's first reading since this hub has its lease: *first* items were done at the loop's time *since*."""

    epoch: int
    first: int
    since: float
    last: Backfill

    def began(self, now: datetime, time: float) -> datetime | None:
        """When it would have begun, had it always gone as fast as since we read on: so its rate says nothing of the
        time in which nobody read. `None` while there is no telling."""
        seconds, read = time - self.since, self.last.done - self.first
        if read <= 0:
            return None
        return now - timedelta(seconds=min(seconds * self.last.done / read, 1e9))


class Readings:
    """The first readings of this hub's sources."""

    def __init__(self, store: Store, seconds: float, told: Callable[[str], None]) -> None:
        self._store = store
        self._seconds = seconds
        self._told = told
        self._known: dict[str, _Reading] = {}
        self._news: set[str] = set()
        self._over: dict[str, int] = {}
        self._resumed: dict[str, int] = {}
        self._flushing: asyncio.Task[None] | None = None

    def under_way(self, source: str) -> bool:
        """Whether *source* reads for the first time."""
        return source in self._known

    def resume(self, source: str, epoch: int, *, reading: bool) -> None:
        """A lease was taken. *reading*: the store says that a first reading is under way."""
        self._known.pop(source, None)
        self._resumed.pop(source, None)
        if reading:
            self._resumed[source] = epoch

    def note(self, source: str, epoch: int, backfill: Backfill | None) -> None:
        """An arrival said how far it is; `None` where there is no first reading (any more)."""
        resumed = self._resumed.pop(source, None)
        if backfill is None:
            if self._known.pop(source, None) is None and resumed is None:
                return
            self._over[source] = epoch
            self._news.discard(source)
        else:
            self._over.pop(source, None)
            known = self._known.get(source)
            if known is None:
                time = asyncio.get_running_loop().time()
                self._known[source] = _Reading(epoch, backfill.done, time, backfill)
            elif known.last == backfill:
                return
            else:
                known.last = backfill
            self._news.add(source)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush(), name="first readings")

    async def close(self) -> None:
        """Write what is not written yet."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
        await self._write()

    async def _flush(self) -> None:
        try:
            while self._news or self._over:
                await self._write()
                await asyncio.sleep(self._seconds)
        finally:
            self._flushing = None

    async def _write(self) -> None:
        news, self._news = self._news, set()
        over, self._over = self._over, {}
        time = asyncio.get_running_loop().time()
        going = [(name, self._known[name]) for name in news if name in self._known]
        if not going and not over:
            return
        try:
            await self._store.write(lambda conn: _noted(conn, going, over, time))
        except Unavailable as error:
            log.debug("how far first readings are could not be written: %s", error)
            self._news |= news
            self._over = over | self._over
            return
        for name in (*news, *over):
            self._told(name)


def _noted(conn: Connection, going: Sequence[tuple[str, _Reading]], over: dict[str, int], time: float) -> None:
    now = clock(conn)
    rows: list[tuple[int | None, int | None, int | None, str, int]] = []
    for name, each in going:
        began = each.began(now, time)
        rows.append((each.last.done, each.last.total, micros(began) if began else None, name, each.epoch))
    rows += [(None, None, None, name, epoch) for name, epoch in over.items()]
    _NOTE.many(conn, sorted(rows, key=lambda row: row[3]))
