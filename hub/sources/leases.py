"""Leases: which hub listens to a source. One hub renews all of its own with one statement.

A lease ends by itself when its holder stops renewing it, and its *epoch* grows whenever it is taken, so that what a
former holder still has in its hands can be told from what is ours (`hub.record`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.contracts import Unavailable
from hub.ingest import LeaseLost
from hub.sources.gathered import Gathered
from hub.sources.pace import Pace
from hub.sources.states import make
from hub.store import Store
from hub.store.clock import clock
from hub.store.schema import sources
from hub.store.sets import Run

_RELEASE = Run("UPDATE sources SET holder = '', leased_until = NULL WHERE name = ? AND epoch = ? AND holder = ?")


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to listen to a source. *cursor* is where to go on, *until* the end of the lease if nobody renews it,
    *reading* whether its first reading was under way."""

    source: str
    holder: str
    epoch: int
    cursor: str | None
    until: datetime
    reading: bool = False


@dataclass(slots=True, eq=False)
class Held:
    """A lease that this hub has. *lost* raises `LeaseLost` once it may be another hub's."""

    lease: Lease
    renewed: float
    lost: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def lose(self, why: str) -> None:
        """Tell whoever listens with it."""
        if not self.lost.done():
            self.lost.set_exception(LeaseLost(why))
            self.lost.exception()  # whoever listened may have gone already; nobody is to blame


def holder(dialect: str) -> str:
    """The name under which this process holds leases.

    On SQLite the store's own lock lets one process in: there a lease left behind by a crash is ours at once.
    """
    return "local" if dialect == "sqlite" else f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def take(conn: Connection, names: Sequence[str], holder: str, seconds: float, now: datetime) -> dict[str, Lease]:
    """Take the leases of the sources *names* for *seconds*, where no other holder's lease runs.

    The same holder may take them again at any time. The epoch grows each time.
    """
    make(conn, names)
    until = now + timedelta(seconds=seconds)
    free = sa.or_(sources.c.leased_until.is_(None), sources.c.leased_until < now, sources.c.holder == holder)
    locked = sa.select(sources.c.name).where(sources.c.name.in_(names), free).order_by(sources.c.name).with_for_update()
    rows = conn.execute(
        sources.update()
        .where(sources.c.name.in_(locked), free)
        .values(holder=holder, leased_until=until, epoch=sources.c.epoch + 1)
        .returning(sources.c.name, sources.c.epoch, sources.c.cursor, sources.c.backfill_total)
    )
    return {
        row.name: Lease(row.name, holder, row.epoch, row.cursor, until, row.backfill_total is not None) for row in rows
    }


def renew(conn: Connection, held: Sequence[Lease], seconds: float, now: datetime) -> tuple[set[str], set[str]]:
    """Hold leases of one holder for *seconds* from now. Answers the sources where that went well, and those that
    another hub has taken. In neither are rows that a batch just writes: they are to be tried again soon."""
    epochs = {lease.source: lease.epoch for lease in held}
    mine = sa.select(sources.c.name).where(sources.c.name.in_(epochs), sources.c.holder == held[0].holder)
    rows = conn.execute(
        sources.update()
        .where(sources.c.name.in_(mine.order_by(sources.c.name).with_for_update(skip_locked=True)))
        .values(leased_until=now + timedelta(seconds=seconds))
        .returning(sources.c.name, sources.c.epoch)
    )
    ours = {row.name for row in rows if row.epoch == epochs[row.name]}
    missed = epochs.keys() - ours
    if not missed:
        return ours, missed
    known = conn.execute(sa.select(sources.c.name, sources.c.holder, sources.c.epoch).where(sources.c.name.in_(missed)))
    same = {row.name for row in known if (row.holder, row.epoch) == (held[0].holder, epochs[row.name])}
    return ours, missed - same


def release(conn: Connection, held: Sequence[Lease]) -> None:
    """Give leases back, so that other hubs need not wait for their end."""
    _RELEASE.many(conn, [(lease.source, lease.epoch, lease.holder) for lease in held])


class Leases:
    """The leases of this hub. `async with Leases(...)` renews them until the end of the block."""

    def __init__(self, store: Store, holder: str, pace: Pace) -> None:
        self._store = store
        self._pace = pace
        self._held: dict[str, Held] = {}

        def take_all(conn: Connection, names: Sequence[str]) -> list[Lease | None]:
            taken = take(conn, sorted(set(names)), holder, pace.lease, clock(conn))
            return [taken.get(name) for name in names]

        def release_all(conn: Connection, held: Sequence[Lease]) -> list[None]:
            release(conn, held)
            return [None] * len(held)

        self._take = Gathered(store, take_all)
        self._release = Gathered(store, release_all)

    async def __aenter__(self) -> Self:
        self._renewing = asyncio.create_task(self._renew(), name="leases")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._renewing.cancel()
        await asyncio.gather(self._renewing, return_exceptions=True)

    async def take(self, source: str) -> Held | None:
        """The lease of *source*; `None` while another hub has it. Raises `Unavailable`."""
        asked = asyncio.get_running_loop().time()
        lease = await self._take(source)
        if lease is None:
            return None
        held = self._held[source] = Held(lease, asked)
        return held

    async def release(self, held: Held) -> None:
        """Give it back. Where the store cannot take that, it ends by itself."""
        if self._held.get(held.lease.source) is held:
            del self._held[held.lease.source]
        with contextlib.suppress(Unavailable):
            await self._release(held.lease)

    async def _renew(self) -> None:
        """Renew all leases in good time, and say which may be another hub's by now."""
        loop, pace = asyncio.get_running_loop(), self._pace
        wait = pace.lease / 3
        while True:
            await asyncio.sleep(wait)
            wait = pace.lease / 3
            held = dict(self._held)
            if not held:
                continue
            asked = loop.time()
            try:
                async with asyncio.timeout_at(min(each.renewed for each in held.values()) + pace.lease):
                    ours, lost = await self._store.write(
                        lambda conn: renew(conn, [each.lease for each in held.values()], pace.lease, clock(conn))  # noqa: B023
                    )
            except (Unavailable, TimeoutError):
                ours, lost = set(), set()
            else:
                if len(ours) + len(lost) < len(held):
                    wait = pace.lease / 15
            for name in ours:
                held[name].renewed = asked
            for name, each in held.items():
                if name in lost:
                    self._lose(name, each, "another hub took the lease")
                elif each.renewed + pace.lease <= loop.time():
                    self._lose(name, each, "the lease could not be renewed in time")

    def _lose(self, name: str, held: Held, why: str) -> None:
        if self._held.get(name) is held:
            del self._held[name]
        held.lose(why)
