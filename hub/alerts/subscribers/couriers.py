"""Sends webhooks to their subscribers: to each over a lane of its own, so that one that is down delays no other."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from sqlalchemy import Connection

from hub.alerts.subscribers import claims, events, rows
from hub.alerts.subscribers.claims import Attempt, Due
from hub.alerts.subscribers.rows import Sealing
from hub.alerts.subscribers.sending import attempt
from hub.contracts import Misconfigured, Unavailable
from hub.courier import Courier, Pace, Status, fault
from hub.http import Guarded
from hub.live import Live, LiveEvent
from hub.store import Lane, Store

log = logging.getLogger(__name__)

CLEANING_SECONDS = 3600.0
RAISED_SECONDS = 0.05
"""How long it may take until what became of an alert is looked at, so that one look serves a flood."""

SWEEP_SECONDS = 60.0
SWEPT, SWEPT_AT_START = timedelta(minutes=10), timedelta(days=7)
"""How far back it is looked for what was not told."""

Off = Callable[[Connection, Sequence[int]], list[LiveEvent]]
"""Called in the transaction in which the hub switched subscribers off; answers what to tell the screens."""


@dataclass(frozen=True, slots=True)
class WebhooksPace(Pace):
    """As `Pace`. *delays* are the seconds after which a webhook is tried again."""

    claim: float = 90
    at_once: int = 8
    delays: tuple[float, ...] = claims.DELAYS


class Couriers:
    """`async with Couriers(...)` sends what is due until the end of the block."""

    def __init__(
        self,
        store: Store,
        live: Live,
        web: Guarded,
        sealing: Sealing,
        public_url: str,
        off: Off,
        *,
        pace: WebhooksPace | None = None,
    ) -> None:
        self._store = store
        self._live = live
        self._web = web
        self._sealing = sealing
        self._public_url = public_url
        self._off = off
        self._pace = pace or WebhooksPace()
        self._lanes: dict[int, _Courier] = {}
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._cleaned_at = float("-inf")
        self._swept_at = float("-inf")
        self._heard: set[int] = set()

    async def __aenter__(self) -> Self:
        if self._store.dialect == "sqlite":
            await self._store.write(claims.forget_claims, Lane.BULK)
        for kind in ("alert", "alert-gone"):
            self._live.overhear(kind, self._hear)
        self._tasks = [asyncio.create_task(self._watch(), name="webhooks")]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(lane.stop() for lane in self._lanes.values()))

    def look(self) -> None:
        """Something is due now: do not wait for the next look."""
        self._news.set()

    def statuses(self) -> dict[int, Status]:
        """How each subscriber does to whom this hub has sent something."""
        return {number: lane.status for number, lane in self._lanes.items()}

    async def attempted(self, due: Due, subscriber: rows.Subscriber) -> Attempt:
        """Send *due* now, whatever else waits. Raises `WrongKey`."""
        secrets = self._sealing.of(subscriber, datetime.now(UTC))
        return await attempt(self._web, subscriber.url, due, secrets, self._public_url)

    async def settled(self, attempts: Sequence[Attempt]) -> None:
        """Write down how attempts ended. Raises `Unavailable`."""
        numbered = [(self._store.ids(), each) for each in attempts]

        def work(conn: Connection) -> list[LiveEvent]:
            off = claims.settle(conn, numbered, self._pace.delays)
            return self._off(conn, off) if off else []

        self._live.publish(await self._store.write(work, Lane.BULK))

    async def _watch(self) -> None:
        while True:
            for number in await self._due():
                if number not in self._lanes:
                    self._lanes[number] = _Courier(number, self, self._store, self._pace)
                self._lanes[number].go()
            try:
                async with asyncio.timeout(self._pace.look):
                    await self._news.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(RAISED_SECONDS)
            self._news.clear()

    def _hear(self, event: LiveEvent) -> None:
        """Something became of an alert."""
        if str(ident := event.data.get("id", "")).isdigit():
            self._heard.add(int(ident))
            self.look()

    async def _catch_up(self) -> None:
        """Write down what is to be told of alerts: of those that were heard of at once, and now and then of all that
        changed, for a hub may have ended before it was heard. Raises `Unavailable`."""
        heard, now = self._heard, datetime.now(UTC)
        sweep = time.monotonic() > self._swept_at + SWEEP_SECONDS
        if not heard and not sweep:
            return
        since = now - (SWEPT if self._swept_at > 0 else SWEPT_AT_START)

        def work(conn: Connection) -> None:
            listed = sorted(heard)
            for start in range(0, len(listed), events.MOST_AT_ONCE):
                events.caught_up(conn, self._store.ids, now, ids=listed[start : start + events.MOST_AT_ONCE])
            if sweep:
                events.caught_up(conn, self._store.ids, now, since=since)

        self._heard = set()
        try:
            if await self._store.read(events.anybody_listens):
                await self._store.write(work, Lane.BULK)
        except Exception:
            self._heard |= heard
            raise
        if sweep:
            self._swept_at = time.monotonic()

    async def _due(self) -> list[int]:
        try:
            await self._catch_up()
            if time.monotonic() > self._cleaned_at + CLEANING_SECONDS:
                self._cleaned_at = time.monotonic()
                await self._store.write(lambda conn: claims.tidy(conn, datetime.now(UTC)), Lane.BULK)
            return await self._store.read(claims.due_subscribers)
        except Unavailable as verdict:
            log.warning("webhooks: %s", verdict)
        except Exception:
            log.exception("webhooks: what is due cannot be read")
        return []


class _Courier(Courier):
    """Sends what is due to one subscriber, several at once."""

    def __init__(self, number: int, couriers: Couriers, store: Store, pace: WebhooksPace) -> None:
        super().__init__(f"subscriber/{number}", store, pace, log)
        self._number = number
        self._couriers = couriers
        self._run: asyncio.Task[None] | None = None

    def go(self) -> None:
        """Send what is due, unless that is under way, or this is no time for it."""
        if self._rest() or (self._run is not None and not self._run.done()):
            return
        self._run = asyncio.create_task(self._round(), name=self._called)
        self._run.add_done_callback(self._check)

    async def stop(self) -> None:
        """End. What is under way gets a moment to end well."""
        if self._run is not None:
            self._run.cancel()
            await asyncio.gather(self._run, return_exceptions=True)

    async def _round(self) -> None:
        while not self._rest():
            subscriber, claimed = await self._claimed()
            if subscriber is None or not claimed:
                return
            sending = [asyncio.create_task(self._attempt(each, subscriber)) for each in claimed]
            try:
                await asyncio.wait(sending)
            finally:
                if not all(task.done() for task in sending):
                    await asyncio.wait(sending, timeout=self._pace.grace)
                for task in sending:
                    task.cancel()
                await asyncio.gather(*sending, return_exceptions=True)
                ended = [task.result() for task in sending if not task.cancelled() and task.exception() is None]
                await self._written(ended)

    async def _claimed(self) -> tuple[rows.Subscriber | None, list[Due]]:
        number, pace = self._number, self._pace

        def work(conn: Connection) -> tuple[rows.Subscriber | None, list[Due]]:
            claimed = claims.claim(conn, number, pace.at_once, pace.claim)
            return rows.by_id(conn, number), claimed

        try:
            if number in await self._store.read(claims.due_subscribers):
                return await self._store.write(work, Lane.BULK)
        except Unavailable as verdict:
            self._wait(str(verdict))
        return None, []

    async def _attempt(self, due: Due, subscriber: rows.Subscriber) -> Attempt:
        """Try once."""
        try:
            ended = await self._couriers.attempted(due, subscriber)
        except Misconfigured as verdict:
            ended = Attempt(due, datetime.now(UTC), reason=str(verdict))
        except Exception as error:
            log.exception("%s: webhook/%s cannot be sent", self._called, due.id)
            ended = Attempt(due, datetime.now(UTC), reason=fault(error))
        if not ended.reason:
            self._good()
        elif not ended.never:
            self._wait(ended.reason, ended.wait)
        return ended

    async def _written(self, ended: Sequence[Attempt]) -> None:
        """Write it down, however long the store is away."""
        while ended:
            try:
                return await self._couriers.settled(ended)
            except Unavailable as verdict:
                log.warning("%s: %s", self._called, verdict)
                await asyncio.sleep(self._pace.look)
        return None
