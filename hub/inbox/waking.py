"""Snoozed conversations come back when their time has come."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.contracts import Unavailable
from hub.inbox import deeds
from hub.live import Live, LiveEvent
from hub.store import Store
from hub.store.schema import conversations, micros

log = logging.getLogger(__name__)

LONGEST_SLEEP = 30.0
"""Seconds. Another hub may have snoozed something meanwhile."""

TIDY_SECONDS = 6 * 3600.0
AT_ONCE = 500


class Waking:
    """Open with `Waking.open(store, live)`."""

    def __init__(self, store: Store, live: Live) -> None:
        self._store = store
        self._live = live
        self._sooner = asyncio.Event()
        self._tidied = time.monotonic()

    @classmethod
    @asynccontextmanager
    async def open(cls, store: Store, live: Live) -> AsyncGenerator[Waking]:
        """A `Waking` that runs until the block ends."""
        waking = cls(store, live)
        running = asyncio.create_task(waking._run(), name="waking")
        try:
            yield waking
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def snoozed(self) -> None:
        """Something was snoozed: it may be due before all else."""
        self._sooner.set()

    async def wake(self, now: datetime) -> list[int]:
        """Open what was snoozed until *now* or before; answers which conversations."""
        due = conversations.c.snoozed_until <= now
        if not await self._store.read(
            lambda conn: conn.execute(sa.select(conversations.c.id).where(due).limit(1)).first()
        ):
            return []

        def work(conn: Connection) -> list[int]:
            ids = sa.select(conversations.c.id).where(due).order_by(conversations.c.id).limit(AT_ONCE)
            statement = conversations.update().where(conversations.c.id.in_(ids), due)
            opened = statement.values(state="open", snoozed_until=None).returning(conversations.c.id)
            return list(conn.execute(opened).scalars())

        woken = await self._store.write(work)
        if woken:
            self._live.publish([LiveEvent("activity", {"conversations": [str(id) for id in woken], "contacts": []})])
        return woken

    async def next_at(self) -> datetime | None:
        """When the next one is due, None where nothing is snoozed."""
        first = sa.select(sa.func.min(conversations.c.snoozed_until))
        return await self._store.read(lambda conn: conn.execute(first).scalar())

    async def _run(self) -> None:
        down = False
        while True:
            self._sooner.clear()
            wait = LONGEST_SLEEP
            try:
                while len(await self.wake(datetime.now(UTC))) == AT_ONCE:
                    pass
                due = await self.next_at()
                if due is not None:
                    wait = min(wait, max(0.0, (micros(due) - micros(datetime.now(UTC))) / 1e6))
                await self._tidy()
                down = False
            except Unavailable as error:
                if not down:
                    log.warning("snoozed conversations cannot be looked at: %s", error)
                down = True
            try:
                await asyncio.wait_for(self._sooner.wait(), wait)
            except TimeoutError:
                continue

    async def _tidy(self) -> None:
        if time.monotonic() - self._tidied >= TIDY_SECONDS:
            self._tidied = time.monotonic()
            await self._store.write(lambda conn: deeds.forget(conn, datetime.now(UTC)))
