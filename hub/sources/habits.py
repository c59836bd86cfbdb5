"""When a source is unusually quiet: silence is measured by what the same hours brought a week ago.

A shop's mailbox is quiet at night and a ticket queue on Sundays; only what was busy then and is silent now is a hint.
It is never more than a hint.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.contracts import Unavailable
from hub.store import Store
from hub.store.clock import clock
from hub.store.schema import interactions

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
LOOKED_BACK = timedelta(days=8)
LONGEST_WINDOW = timedelta(days=1)
SHORTEST_SILENCE = HOUR
EXPECTED = 8
"""So many messages must have come in the same hours last week before their absence says something."""
STALE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Quiet:
    """A source is silent since *seconds*, and usually has something every *usual* seconds at this time."""

    seconds: float
    usual: float


class Week:
    """What each source had in each hour of the week before *start* + 8 days."""

    def __init__(self, start: datetime, counts: Mapping[str, array[int]]) -> None:
        self._start = start
        self._counts = counts

    def expected(self, source: str, since: datetime, until: datetime) -> float:
        """How much came a week before the time from *since* to *until*."""
        counts = self._counts.get(source)
        if counts is None:
            return 0.0
        first = (since - WEEK - self._start) / HOUR
        last = (until - WEEK - self._start) / HOUR
        found = 0.0
        for hour in range(max(0, int(first)), min(len(counts), int(last) + 1)):
            found += counts[hour] * (min(hour + 1, last) - max(hour, first))
        return found

    def quiet(self, source: str, last: datetime | None, now: datetime) -> Quiet | None:
        """Whether *source*, whose last message was taken in at *last*, is unusually quiet."""
        if last is None or now - last < SHORTEST_SILENCE:
            return None
        window = min(now - last, LONGEST_WINDOW)
        expected = self.expected(source, now - window, now)
        if expected < EXPECTED:
            return None
        return Quiet((now - last).total_seconds(), window.total_seconds() / expected)


def learned(conn: Connection, now: datetime) -> Week:
    """The week as the interactions on record tell it."""
    start = now - LOOKED_BACK
    since = sa.type_coerce(interactions.c.occurred_at, sa.BigInteger)
    first = sa.cast(sa.bindparam("start", start, interactions.c.occurred_at.type), sa.BigInteger)
    hour = sa.cast((since - first) // sa.literal(3_600_000_000, sa.BigInteger), sa.Integer)
    rows = conn.execute(
        sa.select(interactions.c.source, hour.label("hour"), sa.func.count().label("number"))
        .where(interactions.c.occurred_at >= start, interactions.c.occurred_at <= now)
        .group_by(interactions.c.source, hour)
    )
    counts: dict[str, array[int]] = {}
    hours = LOOKED_BACK // HOUR + 1
    for row in rows:
        if row.source not in counts:
            counts[row.source] = array("L", bytes(array("L").itemsize * hours))
        counts[row.source][min(int(row.hour), hours - 1)] = row.number
    return Week(start, counts)


class Habits:
    """The week, learned anew once an hour when somebody asks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._week: Week | None = None
        self._at = 0.0
        self._learning = asyncio.Lock()

    @property
    def known(self) -> Week | None:
        """The week as it was learned last."""
        return self._week

    async def week(self) -> Week:
        """The week, not older than an hour. Raises `Unavailable` where the store cannot be read."""
        async with self._learning:
            now = asyncio.get_running_loop().time()
            if self._week is None or now - self._at > STALE_SECONDS:
                self._week = await self._store.read(lambda conn: learned(conn, clock(conn)))
                self._at = now
            return self._week

    async def keep(self) -> None:
        """Learn once an hour, for ever."""
        while True:
            try:
                await self.week()
            except Unavailable:
                await asyncio.sleep(60)
            else:
                await asyncio.sleep(STALE_SECONDS)
