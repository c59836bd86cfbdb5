"""Reads and dismisses pops, lets time do its part, and states to every screen what is true."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import sqlalchemy as sa

from hub.availability import Rota, now_read
from hub.contracts import Unavailable
from hub.live import Live, LiveEvent
from hub.match import match
from hub.pops import rows
from hub.pops.audience import turns
from hub.pops.states import GIVEN_UP, QUEUE_SECONDS, RINGING_SECONDS, Pop
from hub.pops.telling import news, shown
from hub.store import Lane, Store
from hub.vocabulary import Match

log = logging.getLogger(__name__)


class UnrecordedPops(Protocol):
    """The pops of calls that may not be recorded (`hub.unrecorded`)."""

    def shown(self) -> Mapping[str, list[Pop]]:
        """Those on screens now, by agent."""

    def dismiss(self, pop_id: int, agent: str) -> Pop | None:
        """Clear one; `None` where it is not one of these."""


class Pops:
    """Reads and dismisses pops, and once a second lets time do its part and tells every screen which of its pops are
    true. *rota* says who works when."""

    def __init__(self, store: Store, live: Live, unrecorded: UnrecordedPops, rota: Rota | None = None) -> None:
        self._store = store
        self._live = live
        self._unrecorded = unrecorded
        self._rota = rota or Rota()

    async def ringing(self, agent: str) -> list[dict[str, Any]]:
        """The pops that stand on *agent*'s screen now, oldest first."""
        recorded = await self._store.read(lambda conn: self._shown(conn, rows.of_agents(conn, [agent])))
        return recorded + [shown(pop, Match(pop.handle)) for pop in self._unrecorded.shown().get(agent, ())]

    async def one(self, pop_id: int, agent: str) -> dict[str, Any] | None:
        """One pop of *agent*, in whatever state; `None` where she has no such pop."""

        def work(conn: sa.Connection) -> list[dict[str, Any]]:
            return self._shown(conn, [pop for pop in rows.by_id(conn, [pop_id]) if pop.agent == agent])

        found = await self._store.read(work)
        found += [shown(pop, Match(pop.handle)) for pop in self._unrecorded.shown().get(agent, ()) if pop.id == pop_id]
        return found[0] if found else None

    async def dismiss(self, pop_id: int, agent: str) -> bool:
        """Clear a ringing pop from all of *agent*'s screens. False where it does not ring there (any more)."""

        if unrecorded := self._unrecorded.dismiss(pop_id, agent):
            self._live.publish(news([unrecorded], {}))
            return True

        def work(conn: sa.Connection) -> list[Pop]:
            changed = []
            for pop in rows.by_id(conn, [pop_id]):
                if pop.agent == agent and pop.state == "ringing":
                    changed.append(pop.moved("dismissed"))
            rows.move(conn, changed)
            return changed

        changed = await self._store.write(work, Lane.CALLS)
        self._live.publish(news(changed, {}))
        return bool(changed)

    async def run(self) -> None:
        """Once a second, until cancelled: end what has expired, show what waited, state to each screen what is true."""
        down = False
        while True:
            started = time.monotonic()
            try:
                await self._pass_time()
                await self._state(started)
                down = False
            except Unavailable as error:
                if not down:
                    log.warning("screens cannot be told what rings: %s", error)
                down = True
            except Exception:
                log.exception("screens could not be told what rings")
            await asyncio.sleep(max(0.0, 1 - (time.monotonic() - started)))

    async def _pass_time(self) -> None:
        """End what has expired, and show what waits to whom it is due."""
        now = time.time_ns() // 1000
        if not await self._store.read(lambda conn: any(self._due(conn, now))):
            return

        def work(conn: sa.Connection) -> list[LiveEvent]:
            late, due = self._due(conn, now)
            gone = [pop.moved("over", expires_at=GIVEN_UP) for pop in late]
            ringing = [pop.moved("ringing", expires_at=now + _lasts(pop) * 1_000_000) for pop in due]
            rows.move(conn, [*gone, *ringing])
            before = {(pop.interaction_id, pop.agent): pop for pop in (*late, *due)}
            return news([*gone, *ringing], match(conn, {pop.handle for pop in ringing}), before, self._rota.agents)

        self._live.publish(await self._store.write(work, Lane.CALLS))

    def _due(self, conn: sa.Connection, now: int) -> tuple[list[Pop], list[Pop]]:
        """The pops that are over by now, and those that waited and are to ring."""
        unsettled = rows.unsettled(conn, now)
        late = [pop for pop in unsettled if pop.expires_at < now]
        waiting = [pop for pop in unsettled if pop.expires_at >= now]
        if not waiting:
            return late, []
        standings = now_read(conn, self._rota, datetime.now(UTC), {pop.agent for pop in waiting})
        return late, turns(waiting, standings, now)

    async def _state(self, started: float) -> None:
        """One query for all screens here. What was sent after the query began counts as true."""
        agents = self._live.agents()
        if not agents:
            return

        def work(conn: sa.Connection) -> list[tuple[Pop, dict[str, Any]]]:
            current = rows.of_agents(conn, sorted(agents))
            return list(zip(current, self._shown(conn, current), strict=True))

        truth: dict[str, dict[str, tuple[Pop, dict[str, Any]]]] = defaultdict(dict)
        for pop, payload in await self._store.read(work):
            truth[pop.agent][payload["id"]] = (pop, payload)
        for agent, group in self._unrecorded.shown().items():
            truth[agent].update({str(pop.id): (pop, shown(pop, Match(pop.handle))) for pop in group})
        async for screen in self._live.in_turns():
            if not screen.agent:
                continue
            true = {id: entry for id, entry in truth[screen.agent].items() if id not in screen.withdrawn}
            for id, (_, payload) in true.items():
                if id not in screen.shown:
                    self._live.tell(screen, LiveEvent("pop", payload, screen.agent))
            for id, sent in list(screen.shown.items()):
                if id not in true and sent < started:
                    self._live.tell(screen, LiveEvent("pop-withdrawn", {"id": id, "reason": "over"}, screen.agent))
            stated = [[id, true[id][0].revision if id in true else 1] for id in screen.shown]
            self._live.tell(screen, LiveEvent("ringing", {"pops": stated}, screen.agent))

    def _shown(self, conn: sa.Connection, current: Sequence[Pop]) -> list[dict[str, Any]]:
        who = match(conn, {pop.handle for pop in current})
        return [shown(pop, who.get(pop.handle, Match(pop.handle)), self._rota.agents) for pop in current]


def _lasts(pop: Pop) -> int:
    return QUEUE_SECONDS if pop.queue else RINGING_SECONDS
