"""Keeps how agents can be reached, and tells every screen when it changes.

What is true stands in SQL. Once a second each hub compares it with what its own screens were told: a state that ends
by itself (an hour that strikes, an absence that begins) is told like one that somebody chose.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Self

from hub.availability import rows
from hub.availability.rows import Absence
from hub.availability.states import DECLARED, Declared, Rota, Standing, State
from hub.calls import wrapping
from hub.contracts import Unavailable
from hub.live import Live, LiveEvent
from hub.privacy.visibility import Actor, Authority
from hub.store import Store

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class NotYours(Exception):
    """Only managers enter or remove the absence of somebody else."""


class Refused(ValueError):
    """What was said cannot be. *field* names it, the text says why."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field


class Availability:
    """`async with Availability(...)` watches and tells, until it is left; without it only what is asked is answered."""

    def __init__(self, store: Store, live: Live, rota: Rota, look: float = LOOK_SECONDS) -> None:
        self._store = store
        self._live = live
        self._rota = rota
        self._look = look
        self._told: dict[str, tuple[State, datetime | None, str]] | None = None
        self._looking = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="availability")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def everybody(self) -> dict[str, Standing]:
        """How each agent stands now, in the order of the config."""
        now = datetime.now(UTC)
        return await self._store.read(lambda conn: rows.now_read(conn, self._rota, now))

    async def declare(self, actor: Actor, said: Declared) -> Standing:
        """The agent of *actor* says how she can be reached. Raises `Refused`."""
        now = datetime.now(UTC)
        if said.state not in DECLARED:
            raise Refused("state", "Say available, away or dnd. The rest follows from what you do.")
        if said.until is not None and said.until <= now:
            raise Refused("until", "This is over already. Say a time to come, or none.")
        entry = self._store.ids()
        await self._store.write(lambda conn: rows.declare(conn, actor, entry, actor.agent, said, now))
        await self.look()
        return (await self.everybody())[actor.agent]

    async def absences(self) -> list[Absence]:
        """Those that run now or are to come, the next first."""
        now = datetime.now(UTC)
        return await self._store.read(lambda conn: rows.coming(conn, now))

    async def add(
        self, actor: Actor, agent: str, from_at: datetime, until_at: datetime, stand_in: str = "", note: str = ""
    ) -> Absence:
        """*agent* will be out of the office. Raises `Refused`, and `NotYours`."""
        _may(actor, agent)
        now = datetime.now(UTC)
        for field, name in (("agent", agent), ("stand_in", stand_in)):
            if name and name not in self._rota.agents:
                raise Refused(field, "There is no such agent.")
        if stand_in == agent:
            raise Refused("stand_in", "Nobody stands in for herself. Name somebody else.")
        if until_at <= from_at or until_at <= now:
            raise Refused("until", "It must end after it begins, and not be over already.")
        entry = self._store.ids()
        new = Absence(self._store.ids(), agent, from_at, until_at, stand_in, note)
        await self._store.write(lambda conn: rows.add(conn, actor, entry, new, now))
        await self.look()
        return new

    async def remove(self, actor: Actor, absence_id: int) -> None:
        """She is there after all. Raises `Unknown` and `NotYours`."""
        found = await self._store.read(lambda conn: rows.absence(conn, absence_id))
        _may(actor, found.agent)
        entry, now = self._store.ids(), datetime.now(UTC)
        await self._store.write(lambda conn: rows.remove(conn, actor, entry, absence_id, now))
        await self.look()

    async def look(self) -> None:
        """Tell this hub's screens what changed since the last look, and end the wrap-ups whose time is over."""
        async with self._looking:
            now = datetime.now(UTC)
            standing, late = await self._store.read(
                lambda conn: (rows.now_read(conn, self._rota, now), wrapping.any_late(conn, now))
            )
            told = {each.agent: (each.state, each.until, each.why) for each in standing.values()}
            if self._told is not None:
                for agent, (state, until, why) in told.items():
                    if self._told.get(agent) != (state, until, why):
                        self._live.deliver(_news(agent, state, until, why))
            self._told = told
        if late:
            ended = await self._store.write(lambda conn: wrapping.end(conn, now))
            self._live.publish(each.news for each in ended)

    async def _run(self) -> None:
        down = False
        while True:
            try:
                await self.look()
                down = False
            except Unavailable as error:
                if not down:
                    log.warning("nobody is told who can be reached: %s", error)
                down = True
            await asyncio.sleep(self._look)


def _may(actor: Actor, agent: str) -> None:
    if actor.agent != agent and actor.authority not in (Authority.ADMIN, Authority.MANAGER):
        raise NotYours


def _news(agent: str, state: State, until: datetime | None, why: str) -> LiveEvent:
    ends = until.isoformat(timespec="milliseconds") if until else None
    return LiveEvent("availability", {"agent": agent, "state": state.value, "until": ends, "why": why})
