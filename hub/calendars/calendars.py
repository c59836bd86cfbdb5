"""What calendars say of people's time, for whoever offers or explains times; and the keeper that sees to it.

objects ─▶ expanded once (`calendar_busy`) ─▶ read once per version ─▶ merged per agent ─▶ searched
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.calendars import begun, busy, freshness, making, objects
from hub.calendars.busy import AgentBusy, Asked, Kept, Merged
from hub.calendars.expanding import Expanded
from hub.calendars.freshness import UNEXPANDED, CalendarState, state_of
from hub.calendars.intake import Intake
from hub.calendars.making import Name
from hub.contracts import Unavailable
from hub.ingest import Ingest
from hub.live import Live, LiveEvent
from hub.mailroom import Crashed, Mailroom
from hub.store import Lane, Store
from hub.store.clock import clock
from hub.store.schema import calendar_busy, calendar_objects

log = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
AT_ONCE = 400
SECONDS_FOR_CHUNK = 60.0
SECONDS_FOR_ONE = 20.0
PATIENCE = timedelta(minutes=5)
"""After a start nobody is told of stale calendars for so long: they are being read."""
ATTEMPTS = 3
"""So often is tried to expand what is asked for while it goes on changing."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One event that takes an agent's time, UTC. *title* is "" where *private* hides it from who asks. *current_at*:
    as of when the hub has all of its calendar, None where it never had."""

    starts_at: datetime
    ends_at: datetime
    uid: str
    title: str
    source: str
    place: str
    private: bool
    current_at: datetime | None


@dataclass(frozen=True, slots=True)
class Uncounted:
    """An event of a calendar that takes no time because nobody can tell when it does, and *why*, as one line. *title*
    is "" where it cannot be read."""

    source: str
    place: str
    uid: str
    title: str
    why: str


class Calendars:
    """What calendars say of people's time. `async with Calendars(...)` keeps it expanded, records occurrences as they
    begin, and tells owners of calendars that are not known any more, until the end of the block.

    *limit* is how long ago all of a calendar may have been known before it is stale.
    """

    def __init__(
        self, store: Store, live: Live, mailroom: Mailroom, ingest: Ingest, intake: Intake, limit: timedelta,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC), look: float = LOOK_SECONDS,
    ) -> None:  # fmt: skip
        self.owners = intake.owners
        self._store = store
        self._live = live
        self._mailroom = mailroom
        self._ingest = ingest
        self._limit = limit
        self._clock = clock
        self._look = look
        self._kept: dict[str, Kept] = {}
        self._merged: dict[str, Merged] = {}
        self._reading = asyncio.Lock()
        self._making = asyncio.Lock()
        self._news = asyncio.Event()
        self._stale: set[tuple[str, str]] = set()
        self._began = datetime.min.replace(tzinfo=UTC)
        intake.committed = self._news.set

    # --- what is asked ------------------------------------------------------------------------------------------------

    async def busy(self, agents: Sequence[str], since: datetime, until: datetime) -> dict[str, AgentBusy]:
        """When each of *agents* is busy in [*since*, *until*), by her calendars alone. Raises `Unavailable`."""
        now = self._clock()
        asked = await self._store.read(lambda conn: busy.ask(conn, self.owners, agents, min(since, now)))
        await self._bring(asked, now)
        await self._merge(agents, asked)
        return {agent: self._answer(agent, asked, since, until, now) for agent in agents}

    async def states(self, agent: str) -> tuple[CalendarState, ...]:
        """How the calendars of *agent* do; none where she has none."""
        now = self._clock()
        asked = await self._store.read(lambda conn: busy.ask(conn, self.owners, [agent], now))
        return self._states(agent, asked, now)

    async def taking(self, agent: str, since: datetime, until: datetime, reader: str = "") -> tuple[Taken, ...]:
        """The events that take *agent*'s time in [*since*, *until*), appointments of the hub's own among them, in the
        order of time, as *reader* (an agent) may see them."""
        now = self._clock()
        asked = await self._store.read(lambda conn: busy.ask(conn, self.owners, [agent], min(since, now)))
        await self._bring(asked, now)
        names = self.owners.calendars_of(agent)
        window = int(since.timestamp()), -int(-until.timestamp() // 1)
        found = await self._store.read(lambda conn: _taking(conn, names, *window))
        mine = agent == reader
        return tuple(
            Taken(
                starts_at=datetime.fromtimestamp(start, UTC),
                ends_at=datetime.fromtimestamp(end, UTC),
                uid=name.uid,
                title=title if mine or (not private and audience in ("", reader)) else "",
                source=name.source,
                place=name.place,
                private=private,
                current_at=state.current_at if (state := asked.seen.get(name.source)) else None,
            )
            for start, end, name, title, private, audience in found
        )

    async def uncounted(self, agent: str) -> tuple[Uncounted, ...]:
        """The events in *agent*'s calendars that take no time because they recur too often or cannot be read: for her
        alone to see."""
        names = self.owners.calendars_of(agent)
        return await self._store.read(lambda conn: _uncounted(conn, names))

    async def week(self, agent: str, since: datetime, until: datetime, reader: str = "") -> tuple[Taken, ...]:
        """What a page shows of *agent*'s calendars between two times."""
        return await self.taking(agent, since, until, reader)

    # --- what is kept in memory ---------------------------------------------------------------------------------------

    async def _bring(self, asked: Asked, now: datetime) -> None:
        """Have every source in memory as it was when the store was asked, or later."""

        def old() -> list[str]:
            return [
                name
                for name, version in asked.versions.items()
                if (kept := self._kept.get(name)) is None
                or kept.version < version
                or kept.read_at + busy.KEPT < now
                or kept.lacks
            ]

        if not old():
            return
        async with self._reading:
            for _ in range(ATTEMPTS):
                names = old()
                if not names:
                    return
                self._kept |= await self._store.read(lambda conn: busy.read(conn, self.owners, names, now))  # noqa: B023
                lacks = [name for each in names for name in self._kept[each].lacks]
                if not lacks:
                    return
                await self._make(lacks, now)

    async def _merge(self, agents: Sequence[str], asked: Asked) -> None:
        """Have the time of each of *agents* in memory, all her calendars together."""
        due: list[tuple[str, tuple[object, ...], list[Kept], frozenset[str]]] = []
        for agent in agents:
            kept = [self._kept[name] for name in self.owners.calendars_of(agent)]
            apart = {uid for each in kept for uid in each.apart}
            left_out = asked.active.get(agent, frozenset()) & apart
            of = (*kept, left_out)
            if agent not in self._merged or self._merged[agent].of != of:
                due.append((agent, of, kept, left_out))
        if not due:
            return

        def merge() -> dict[str, Merged]:
            return {agent: replace(busy.merge(kept, left_out), of=of) for agent, of, kept, left_out in due}

        self._merged |= await asyncio.to_thread(merge)

    def _answer(self, agent: str, asked: Asked, since: datetime, until: datetime, now: datetime) -> AgentBusy:
        first, last = int(since.timestamp()), -int(-until.timestamp() // 1)
        kept = [self._kept[name] for name in self.owners.calendars_of(agent)]
        spans = self._merged[agent].within(first, last)
        horizon = min((each.until for each in kept), default=last)
        if horizon < last:  # what nobody has looked at is not free
            spans = (*(each for each in spans if each[0] < horizon), (horizon, last))
        return AgentBusy(spans, sum(each.version for each in kept), self._states(agent, asked, now))

    def _states(self, agent: str, asked: Asked, now: datetime) -> tuple[CalendarState, ...]:
        states = []
        for name in self.owners.calendars_of(agent):
            kept = self._kept.get(name)
            refused = kept is not None and kept.refused
            state = state_of(name, asked.seen, self._limit, now, refused=refused)
            if not state.stale and kept is not None and kept.lacks:
                state = CalendarState(name, state.current_at, True, UNEXPANDED)
            states.append(state)
        return tuple(states)

    # --- what is expanded ---------------------------------------------------------------------------------------------

    async def _make(self, names: Sequence[Name], now: datetime) -> None:
        """Expand *names*, unless somebody else has just done so."""
        async with self._making:
            for some in objects.slices(names, AT_ONCE):
                works = await self._store.read(lambda conn: making.work(conn, self.owners, some, now))  # noqa: B023
                done: list[tuple[making.Work, Expanded]] = []
                for chunk in objects.slices(works, making.CHUNK):
                    done += zip(chunk, await self._expand(chunk, SECONDS_FOR_CHUNK), strict=True)
                await self._store.write(lambda conn: making.save(conn, self.owners, done), Lane.BULK)  # noqa: B023

    async def _expand(self, works: Sequence[making.Work], seconds: float) -> list[Expanded]:
        try:
            return await self._mailroom.compute(making.compute, list(works), self.owners, seconds=seconds)
        except Crashed as error:
            if len(works) > 1:  # one of them did it: each gets a chance of its own
                alone = [await self._expand([each], SECONDS_FOR_ONE) for each in works]
                return [each for answer in alone for each in answer]
            group = works[0].group
            return [Expanded(b"", group.since, group.until, f"expanding it {error}")]

    # --- the keeper ---------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._began = self._clock()
        self._task = asyncio.create_task(self._run(), name="calendars")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        aged = False
        while True:
            self._news.clear()
            try:
                if not aged:
                    await self.begin()
                    aged = True
                await self.look(self._clock())
            except Unavailable as error:
                log.warning("calendars cannot be looked after: %s", error)
            except Exception:
                log.exception("calendars cannot be looked after")
            try:
                async with asyncio.timeout(self._look):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def begin(self) -> None:
        """What is to be done once: forget what the config file does not name any more, and see what was expanded in
        other circumstances."""

        def work(conn: Connection) -> list[str]:
            making.age(conn, self.owners)
            return objects.forget_others(conn, self.owners, clock(conn))

        if gone := await self._store.write(work, Lane.BULK):
            log.warning(
                "what was read from calendars that are not configured any more is forgotten: %s", ", ".join(gone)
            )

    async def look(self, now: datetime) -> None:
        """One look at *now*, UTC: expand what is old, record what has begun, tell of what is stale."""
        while names := await self._store.read(lambda conn: making.old(conn, self.owners, now, AT_ONCE)):
            await self._make(names, now)
            if len(names) < AT_ONCE:
                break
        await begun.record(self._store, self._mailroom, self._ingest, self.owners, now)
        if now > self._began + PATIENCE:
            await self._tell(now)

    async def _tell(self, now: datetime) -> None:
        """Live event `alert`, {kind: "calendar", source, state: "stale" | "current"}, to the agents whose calendar it
        is: once when it begins, once when it is over."""
        agents = sorted({agent for owner in self.owners.sources.values() for agent in owner.agents})
        asked = await self._store.read(lambda conn: busy.ask(conn, self.owners, agents, now))
        states = {(agent, state.source): state for agent in agents for state in self._states(agent, asked, now)}
        stale = {name for name, state in states.items() if state.stale and state.why != freshness.NEVER_READ}
        changes = [(name, "stale") for name in stale - self._stale] + [
            (name, "current") for name in self._stale - stale
        ]
        self._stale = stale
        self._live.publish(
            LiveEvent("alert", {"kind": "calendar", "source": source, "state": state}, agent)
            for (agent, source), state in sorted(changes)
        )


def _uncounted(conn: Connection, names: Iterable[str]) -> tuple[Uncounted, ...]:
    b, o = calendar_busy.c, calendar_objects.c
    title = sa.select(sa.func.max(o.title)).where(o.source == b.source, o.place == b.place, o.uid == b.uid)
    rows = conn.execute(
        sa.select(b.source, b.place, b.uid, title.scalar_subquery(), b.refused)
        .where(b.source.in_(list(names)), b.refused != "")
        .order_by(b.source, b.place, b.uid)
    )
    return tuple(Uncounted(*row) for row in rows)


_Row = tuple[int, int, Name, str, bool, str]


def _taking(conn: Connection, names: Iterable[str], since: int, until: int) -> list[_Row]:
    """(start, end, name, title, private, audience) of what takes time in the sources *names*."""
    rows = conn.execute(
        sa.select(
            calendar_busy.c.source, calendar_busy.c.place, calendar_busy.c.uid, calendar_busy.c.times
        ).where(calendar_busy.c.source.in_(list(names)))
    )  # fmt: skip
    spans = {
        Name(row.source, row.place, row.uid): found
        for row in rows
        if (found := busy.within(bytes(row.times), since, until))
    }
    about: dict[Name, tuple[str, bool, str]] = {}
    c = calendar_objects.c
    for some in objects.slices(sorted({name.uid for name in spans}), 500):
        told = sa.select(c.source, c.place, c.uid, c.title, c.private, c.audience).where(c.uid.in_(some))
        for source, place, uid, title, private, audience in conn.execute(told.order_by(c.id)):
            known = about.setdefault(Name(source, place, uid), (title, private, audience))
            if private and not known[1]:
                about[Name(source, place, uid)] = (known[0], True, known[2])
    return sorted(
        (start, end, name, *about.get(name, ("", False, ""))) for name, found in spans.items() for start, end in found
    )
