"""Keeps a connector listening while this hub has the lease: what it hears becomes durable, in order."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from datetime import UTC, datetime

from hub.config import Plugins
from hub.contracts import Connector, Unavailable
from hub.sources.alerts import BEHIND
from hub.sources.keeper import Desk, Keeper, Status, first
from hub.sources.leases import Held, Lease
from hub.sources.states import State
from hub.vocabulary import Arrival, Freshness

log = logging.getLogger(__name__)

AHEAD = 2
"""Arrivals a connector may be ahead of what is durable."""


class Listener(Keeper):
    """Keeps a connector listening."""

    def __init__(self, name: str, desk: Desk, connector: Connector) -> None:
        super().__init__(name, desk)
        self._connector = connector
        self._cursor: str | None = None
        self._epoch: int | None = None
        self._held: Held | None = None
        self._unmeasured = ""
        self._behind: Freshness | None = None
        self.heard_at: datetime | None = None

    @property
    def listens(self) -> Held | None:
        """The lease with which it listens, `None` while it does not."""
        return self._held

    async def attempt(self) -> None:
        """Take the lease, and listen with it until something fails."""
        held = await self._lease()
        lease, self._held = held.lease, held
        self._epoch, self._cursor = lease.epoch, lease.cursor
        self.desk.readings.resume(self.name, lease.epoch, reading=lease.reading)
        try:
            await self.say(State.CONNECTING)
            await self.desk.starts.turn()
            self.desk.measures.begin(self)
            await first(self._listen(lease), held.lost)
        finally:
            self._held = None
            await self.desk.leases.release(held)

    async def write(self, status: Status) -> None:
        """Only while nobody took the lease after us: then another hub knows better."""
        if self._epoch is not None and status.state is not State.ELSEWHERE:
            await self.desk.write(status, self._epoch)

    def use(self, plugins: Plugins) -> None:
        """A connector newly built."""
        self._connector = plugins.connector or self._connector

    async def wake(self, word: str = "") -> None:
        """There is news at the provider."""
        if self._held is not None:
            await self._connector.wake(word)

    async def freshness(self) -> Freshness:
        """What the provider has beyond what is durable here."""
        return await self._connector.freshness(self._cursor)

    async def measured(self, freshness: Freshness) -> None:
        """It answers, so it listens; and whoever does not catch up is in trouble."""
        self._unmeasured = ""
        await self.listening()
        before, self._behind = self._behind, freshness
        late = freshness.seconds is not None and freshness.seconds >= self.desk.pace.alarm
        if not freshness.messages:
            self.desk.alerts.over(self.name, BEHIND)
        elif late and not self.desk.readings.under_way(self.name) and _no_better(before, freshness):
            self.desk.alerts.trouble(self.name, BEHIND, BEHIND, f"{freshness.messages} messages")

    def unmeasured(self, why: str, bug: Exception | None = None) -> None:
        """The provider can't say how far behind we are: said once, and no reason to stop."""
        if why != self._unmeasured:
            self._unmeasured = why
            log.warning("source %s: how far it is behind cannot be measured: %s", self.name, why, exc_info=bug)

    async def _lease(self) -> Held:
        """The lease, as soon as no other hub has it."""
        desk = self.desk
        while True:
            try:
                held = await desk.leases.take(self.name)
            except Unavailable as verdict:
                # Our own store: nobody is spared if it is asked less and less often.
                await self.wait(State.WAITING, str(verdict), desk.pace.retry_lease)
                continue
            if held is not None:
                return held
            await self.say(State.ELSEWHERE)
            await self._pause(desk.pace.retry_lease)

    async def _listen(self, lease: Lease) -> None:
        """Take what the connector hears and make it durable, in order, with a little of it under way."""
        slots = asyncio.Semaphore(AHEAD)
        heard: asyncio.Queue[tuple[Arrival, asyncio.Task[None]] | Exception] = asyncio.Queue()
        under_way: set[asyncio.Task[None]] = set()
        ended = False

        async def hear() -> None:
            nonlocal ended
            cursor, before = self._cursor, None
            try:
                async with aclosing(self._connector.listen(lease.cursor)) as arrivals:
                    while await slots.acquire():
                        arrival = await anext(arrivals)
                        after = cursor if arrival.cursor is None else arrival.cursor
                        news = bool(arrival.items) or after != cursor
                        cursor = after
                        before = asyncio.create_task(self._record(arrival, cursor, lease, before, news=news))
                        under_way.add(before)
                        heard.put_nowait((arrival, before))
            except StopAsyncIteration:
                heard.put_nowait(Unavailable("The connection ended."))
            except Exception as error:  # what was heard before it is committed first
                heard.put_nowait(error)
            ended = True

        hearing = asyncio.create_task(hear())
        try:
            while True:
                word = await heard.get()
                if isinstance(word, Exception):
                    raise word
                arrival, recording = word
                await self.listening()
                await recording
                under_way.discard(recording)
                self._recorded(arrival, lease)
                if arrival.cursor is not None and not ended:  # else there is nobody to acknowledge it to
                    await self._connector.committed(arrival.cursor)
                slots.release()
        finally:
            for task in (hearing, *under_way):
                task.cancel()
            await asyncio.gather(hearing, *under_way, return_exceptions=True)

    async def _record(
        self, arrival: Arrival, cursor: str | None, lease: Lease, before: asyncio.Task[None] | None, *, news: bool
    ) -> None:
        """Make *arrival* durable after what was heard *before*: while that is written, this is understood already."""
        if news:
            await self.desk.ingest.record(
                self.name, arrival.items, live=arrival.live, cursor=cursor, epoch=lease.epoch, after=before
            )
            self._cursor = cursor
        elif before is not None:
            await asyncio.wait([before])
            before.result()

    def _recorded(self, arrival: Arrival, lease: Lease) -> None:
        if arrival.items:
            self.heard_at = datetime.now(UTC)
        self.desk.readings.note(self.name, lease.epoch, arrival.backfill)


def _no_better(before: Freshness | None, now: Freshness) -> bool:
    """Whether as much is left as at the last measurement, or more."""
    return before is not None and bool(before.messages) and (now.messages or 0) >= (before.messages or 0)
