"""Sends the tellings that are due: per way a courier of its own, so that a way that is down delays no other.

A way tries once and raises a verdict; here is decided what follows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from sqlalchemy import Connection

from hub.alerts.ways import claims
from hub.alerts.ways.claims import Claimed, Ended
from hub.alerts.ways.way import Gone, Way, What
from hub.contracts import Misconfigured, Rejected, Unavailable, Unsupported
from hub.courier import Courier, Health, Pace, Status, fault, line
from hub.live import Live
from hub.sources.pace import Pace as Backoff
from hub.store import Lane, Store

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 40
"""How often a telling is tried whose way does not take it now: some hours. Most expire before."""

GATHERED_SECONDS = 0.01
"""How long it may take until it is written down that something was told, while more is under way."""

RAISED_SECONDS = 0.05
"""How long it may take until what was raised is looked for: one look then finds all that a flood raises."""

Read = Callable[[Connection, Sequence[Claimed]], Mapping[int, What | str]]
"""What is to be told, by the telling's id; a text where it is not to be told any more, which says why."""


@dataclass(frozen=True, slots=True)
class WaysPace(Pace):
    """As `Pace`; an alert is soon of no use. *again* is how soon one telling is tried again."""

    answer: float = 45
    claim: float = 90
    backoff: Backoff = field(default_factory=lambda: Backoff(first_delay=1, longest_delay=60))
    again: Backoff = field(default_factory=lambda: Backoff(first_delay=4, longest_delay=600))


class Couriers:
    """`async with Couriers(...)` sends what is due by each of *ways* until the end of the block; *read* says what.

    Tellings of a way that is not among them stay as they are.
    """

    def __init__(
        self, store: Store, ways: Mapping[str, Way], read: Read, live: Live, *, pace: WaysPace | None = None
    ) -> None:
        self._store = store
        self._ways = ways
        self._live = live
        self._pace = pace or WaysPace()
        self._couriers = {name: _Courier(name, way, read, store, self._pace) for name, way in ways.items()}
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        if self._store.dialect == "sqlite":
            await self._store.write(claims.forget_claims, Lane.BULK)
        for kind in ("alert", "alert-gone"):
            self._live.overhear(kind, lambda _: self.look())
        self._tasks = [asyncio.create_task(self._watch(), name="ways of alerts")]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(courier.stop() for courier in self._couriers.values()))
        await asyncio.gather(*(way.close() for way in self._ways.values()), return_exceptions=True)

    def statuses(self) -> dict[str, Status]:
        """How each way does, as this hub sees it."""
        return {name: courier.status for name, courier in self._couriers.items()}

    def look(self) -> None:
        """Something is due now: do not wait for the next look."""
        self._news.set()

    async def _watch(self) -> None:
        """One look for all ways."""
        while True:
            for name in await self._due():
                if name in self._couriers:
                    self._couriers[name].go()
            try:
                async with asyncio.timeout(self._pace.look):
                    await self._news.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(RAISED_SECONDS)
            self._news.clear()

    async def _due(self) -> list[str]:
        try:
            return await self._store.read(claims.due_ways)
        except Unavailable as verdict:
            log.warning("ways of alerts: %s", verdict)
        except Exception:
            log.exception("ways of alerts: what is due cannot be read")
        return []


class _Courier(Courier):
    """Sends what is due by one way, several at once."""

    def __init__(self, name: str, way: Way, read: Read, store: Store, pace: WaysPace) -> None:
        super().__init__(f"alerts by {name}", store, pace, log)
        self._name = name
        self._way = way
        self._read = read
        self._again = pace.again
        self._stopping = False
        self._run: asyncio.Task[None] | None = None

    def go(self) -> None:
        """Send what is due, unless that is under way, or this is no time for it."""
        if self._rest() or (self._run is not None and not self._run.done()):
            return
        self._run = asyncio.create_task(self._round(), name=self._called)
        self._run.add_done_callback(self._check)

    async def stop(self) -> None:
        """End. Nothing more is claimed, and what is under way gets a moment to end well."""
        self._stopping = True
        if self._run is not None:
            await asyncio.wait({self._run}, timeout=self._pace.grace)
            self._run.cancel()
            await asyncio.gather(self._run, return_exceptions=True)

    async def _round(self) -> None:
        under_way: set[asyncio.Task[Ended]] = set()
        ended: list[Ended] = []
        try:
            while True:
                free = 0 if self._rest() or self._stopping else self._way.at_once - len(under_way)
                claimed = await self._turn(ended, free)
                ended = []
                for row, what in (await self._told(claimed)).items():
                    if isinstance(what, What):
                        under_way.add(asyncio.create_task(self._send(row, what)))
                    else:
                        ended.append(Ended(row, claims.CANCELLED, what))
                if ended:
                    continue
                if not under_way:
                    return
                done, under_way = await asyncio.wait(
                    under_way, timeout=self._pace.look, return_when=asyncio.FIRST_COMPLETED
                )
                ended = [task.result() for task in done]
                if under_way:
                    # Others end within a moment, too, and one transaction then writes down all of them.
                    await asyncio.sleep(GATHERED_SECONDS)
                    done = {task for task in under_way if task.done()}
                    under_way -= done
                    ended += [task.result() for task in done]
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
            if ended:
                await self._settle(lambda conn: claims.settle(conn, ended))

    async def _turn(self, ended: Sequence[Ended], free: int) -> list[Claimed]:
        """Write down what ended and claim as many as are *free*, in one transaction."""
        name, seconds, repeatable = self._name, self._pace.claim, self._way.repeatable

        def work(conn: Connection) -> list[Claimed]:
            claims.settle(conn, ended)
            return claims.claim(conn, name, free, seconds, repeatable=repeatable) if free > 0 else []

        while True:
            try:
                if not ended and (free <= 0 or not await self._store.read(lambda conn: claims.is_due(conn, name))):
                    return []
                return await self._store.write(work, Lane.BULK)
            except Unavailable as verdict:
                log.warning("%s: %s", self._called, verdict)
                if not ended:
                    self._wait(str(verdict))
                    return []
                await asyncio.sleep(self._pace.look)

    async def _told(self, claimed: Sequence[Claimed]) -> dict[Claimed, What | str]:
        """What is to be told to each as things stand now. What cannot be read now is put back."""
        if not claimed:
            return {}
        try:
            found = await self._store.read(lambda conn: self._read(conn, claimed))
        except Exception as error:
            known = isinstance(error, Unavailable)
            if not known:
                log.exception("%s: what is to be told cannot be read", self._called)
            reason = self._wait(str(error) if known else fault(error))
            back = [Ended(row, claims.QUEUED, reason, wait=self._again.delay(row.attempts + 1)) for row in claimed]
            await self._settle(lambda conn: claims.settle(conn, back))
            return {}
        return {row: found.get(row.id, "There is nothing to tell any more.") for row in claimed}

    async def _send(self, row: Claimed, what: What) -> Ended:
        """Try once."""
        way = self._way
        try:
            async with asyncio.timeout(self._pace.answer):
                provider_id = await way.tell(what)
        except Unavailable as verdict:
            return self._later(row, str(verdict), verdict.retry_after)
        except (Rejected, Misconfigured) as verdict:
            if not way.shared:
                return self._failed(row, str(verdict))
            ended = self._later(row, str(verdict))
            health = Health.REJECTED if isinstance(verdict, Rejected) else Health.MISCONFIGURED
            self.status = Status(health, line(str(verdict)))
            return ended
        except Unsupported as verdict:
            return self._failed(row, str(verdict), gone=isinstance(verdict, Gone))
        except TimeoutError as error:
            reason = line(str(error)) or f"No answer within {self._pace.answer:g} seconds."
            if way.repeatable or (what.known and what.done):
                return self._later(row, reason)
            if way.shared:
                self._wait(reason)
            return self._perhaps(row)
        except Exception as error:
            log.exception("%s: telling/%s cannot be sent", self._called, row.id)
            return self._later(row, fault(error)) if way.repeatable else self._perhaps(row)
        self._good()
        return Ended(row, claims.SENT, provider_id=provider_id)

    def _good(self) -> None:
        if self.status.health.final:
            self.status = Status(Health.WAITING, self.status.cause)
        super()._good()

    def _later(self, row: Claimed, cause: str, retry_after: float | None = None) -> Ended:
        """To be tried again, and with it all others where they go over the same server."""
        reason = self._wait(cause, retry_after) if self._way.shared else line(cause)
        if row.attempts + 1 >= MOST_ATTEMPTS:
            return Ended(row, claims.FAILED, reason)
        return Ended(row, claims.QUEUED, reason, wait=max(self._again.delay(row.attempts + 1), retry_after or 0))

    def _failed(self, row: Claimed, cause: str, *, gone: bool = False) -> Ended:
        log.warning("%s: telling/%s is not taken", self._called, row.id)
        return Ended(row, claims.FAILED, line(cause), gone=gone)

    def _perhaps(self, row: Claimed) -> Ended:
        log.error("%s: telling/%s was perhaps sent, and is not sent again by itself", self._called, row.id)
        return Ended(row, claims.PERHAPS, claims.UNHEARD)
