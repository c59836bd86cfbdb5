"""Screen pops: who is told of a ringing call, and when each is told that it is over.

A pop belongs to one agent and one call. Its states follow the call's: `ringing`, then `answered` (somebody took it;
`mine` for her who did), `dismissed` (she waved it away) or `over`. A state never goes back, and a pop that is gone
never returns. What is true stands in the table `pops`; the live events are hints.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import sqlalchemy as sa

from hub.contracts import Unavailable
from hub.live import Live, LiveEvent
from hub.match import match
from hub.store import Lane, Store
from hub.store.schema import micros, pops
from hub.store.sets import Run, SetRead, SetWrite, among
from hub.vocabulary import CallState, Match

log = logging.getLogger(__name__)

RINGING_SECONDS = 120  # longer than any phone rings: a call whose end never came is no longer shown then
TALKING_SECONDS = 6 * 3600
LATE_SECONDS = 120  # a ringing event older than this tells of a call that rang while nobody could be told

_COLUMNS = ("id", "interaction_id", "agent", "state", "mine", "handle", "line", "since", "expires_at", "revision")
_OF_CALLS = SetRead(sa.select(*(pops.c[name] for name in _COLUMNS)).where(among(pops.c.interaction_id)))
_OF_AGENTS = SetRead(
    sa.select(*(pops.c[name] for name in _COLUMNS))
    .where(among(pops.c.agent), sa.text("state IN ('ringing', 'answered')"))
    .order_by(pops.c.since)
)
_BY_ID = SetRead(sa.select(*(pops.c[name] for name in _COLUMNS)).where(among(pops.c.id)))
_ADD = SetWrite(pops, _COLUMNS)
_MOVE = Run("UPDATE pops SET state = ?, mine = ?, expires_at = ?, revision = ? WHERE id = ?")


@dataclass(frozen=True, slots=True)
class Pop:
    """A row of `pops`. Times are microseconds since 1970."""

    id: int
    interaction_id: int
    agent: str
    state: str
    mine: bool
    handle: str
    line: str
    since: int
    expires_at: int
    revision: int

    @property
    def shown(self) -> bool:
        """True while it stands on her screen: it rings, or it is the call she took."""
        return self.state == "ringing" or (self.state == "answered" and self.mine)

    def moved(self, state: str, *, mine: bool = False, expires_at: int | None = None) -> Pop:
        """The same pop in its next state."""
        ends = self.expires_at if expires_at is None else expires_at
        return replace(self, state=state, mine=mine, expires_at=ends, revision=self.revision + 1)

    def row(self) -> tuple[Any, ...]:
        """In the order of the table's columns."""
        return tuple(getattr(self, name) for name in _COLUMNS)


@dataclass(frozen=True, slots=True)
class Ringing:
    """What a call means for the screens now: per agent the state of her phone, and the state of the whole call."""

    interaction_id: int
    handle: str
    line: str
    since: int
    state: CallState
    phones: Mapping[str, CallState]
    fresh: bool


def advance(call: Ringing, before: Mapping[str, Pop], now: int, new_id: Callable[[], int]) -> list[Pop]:
    """The pops of *call* that are new or changed, given the ones *before* by agent. Pure; *now* in microseconds."""
    answered = CallState.ANSWERED in (call.state, *call.phones.values())
    changed: list[Pop] = []
    for agent in sorted({*call.phones, *before}):
        phone = call.phones.get(agent, CallState.ENDED)
        if call.state is CallState.ENDED:
            state, mine = "over", False
        elif phone is CallState.ANSWERED:
            state, mine = "answered", True
        elif answered:
            state, mine = "answered", False
        else:
            state, mine = ("ringing" if phone is CallState.RINGING else "over"), False
        expires_at = now + (TALKING_SECONDS if mine else RINGING_SECONDS) * 1_000_000
        pop = before.get(agent)
        if pop is not None:
            if _forward(pop, state, mine):
                changed.append(pop.moved(state, mine=mine, expires_at=expires_at))
        elif call.fresh and (state == "ringing" or mine):
            about = (call.handle, call.line, call.since)
            changed.append(Pop(new_id(), call.interaction_id, agent, state, mine, *about, expires_at, revision=1))
    return changed


def _forward(pop: Pop, state: str, mine: bool) -> bool:
    if pop.state == "over" or (pop.state, pop.mine) == (state, mine):
        return False
    if pop.state == "dismissed":
        return state == "answered" and mine  # she waved it away and then picked up: it is her current call
    if pop.state == "answered":
        return state == "over" or (mine and not pop.mine)
    return True


def write(conn: sa.Connection, calls: Sequence[Ringing], known: Iterable[int], new_id: Callable[[], int]) -> list[Pop]:
    """Bring the pops of *calls* up to date in the caller's transaction. *known* are those of the calls that were
    there before. Answers the pops that are new or changed."""
    now = time.time_ns() // 1000
    before: dict[int, dict[str, Pop]] = defaultdict(dict)
    for row in _OF_CALLS(conn, sorted(known)):
        pop = Pop(*row)
        before[pop.interaction_id][pop.agent] = pop
    changed = [pop for call in calls for pop in advance(call, before[call.interaction_id], now, new_id)]
    _ADD(conn, [pop.row() for pop in changed if pop.revision == 1])
    _MOVE.many(
        conn, [(pop.state, pop.mine, pop.expires_at, pop.revision, pop.id) for pop in changed if pop.revision > 1]
    )
    return changed


def shown(pop: Pop, who: Match) -> dict[str, Any]:
    """What the `pop` event and the API say of a pop. Ids are strings, *since* is ISO 8601 in UTC."""
    return {
        "id": str(pop.id),
        "interaction": str(pop.interaction_id),
        "handle": pop.handle,
        "line": pop.line,
        "since": datetime.fromtimestamp(pop.since / 1e6, UTC).isoformat(timespec="milliseconds"),
        "state": pop.state,
        "mine": bool(pop.mine),
        "revision": pop.revision,
        "candidates": [
            {
                "contact": {
                    "id": str(candidate.contact_id),
                    "name": candidate.name,
                    **({"company": candidate.company} if candidate.company else {}),
                },
                "confidence": candidate.confidence,
                "reasons": list(candidate.reasons),
            }
            for candidate in who.candidates
        ],
    }


def news(changed: Iterable[Pop], who: Mapping[str, Match]) -> list[LiveEvent]:
    """The live events that tell of *changed* pops."""
    events = []
    for pop in changed:
        if pop.shown:
            events.append(LiveEvent("pop", shown(pop, who.get(pop.handle, Match(pop.handle))), pop.agent))
        else:
            events.append(LiveEvent("pop-withdrawn", {"id": str(pop.id), "reason": pop.state}, pop.agent))
    return events


class UnrecordedPops(Protocol):
    """The pops of calls that may not be recorded (`hub.unrecorded`)."""

    def shown(self) -> Mapping[str, list[Pop]]:
        """Those on screens now, by agent."""

    def dismiss(self, pop_id: int, agent: str) -> Pop | None:
        """Clear one; `None` where it is not one of these."""


class Pops:
    """Reads and dismisses pops, and tells every screen once a second which of its pops are true."""

    def __init__(self, store: Store, live: Live, unrecorded: UnrecordedPops) -> None:
        self._store = store
        self._live = live
        self._unrecorded = unrecorded

    async def ringing(self, agent: str) -> list[dict[str, Any]]:
        """The pops that stand on *agent*'s screen now, oldest first."""
        recorded = await self._store.read(lambda conn: _shown(conn, _current(conn, [agent])))
        return recorded + [shown(pop, Match(pop.handle)) for pop in self._unrecorded.shown().get(agent, ())]

    async def one(self, pop_id: int, agent: str) -> dict[str, Any] | None:
        """One pop of *agent*, in whatever state; `None` where she has no such pop."""

        def work(conn: sa.Connection) -> list[dict[str, Any]]:
            return _shown(conn, [pop for pop in _pops(conn, [pop_id]) if pop.agent == agent])

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
            for pop in _pops(conn, [pop_id]):
                if pop.agent == agent and pop.state == "ringing":
                    gone = pop.moved("dismissed")
                    _MOVE(conn, gone.state, gone.mine, gone.expires_at, gone.revision, gone.id)
                    changed.append(gone)
            return changed

        changed = await self._store.write(work, Lane.CALLS)
        self._live.publish(news(changed, {}))
        return bool(changed)

    async def run(self) -> None:
        """Once a second, until cancelled: end what has expired, and state to each screen what is true."""
        down = False
        while True:
            started = time.monotonic()
            try:
                await self._expire()
                await self._state(started)
                down = False
            except Unavailable as error:
                if not down:
                    log.warning("screens cannot be told what rings: %s", error)
                down = True
            except Exception:
                log.exception("screens could not be told what rings")
            await asyncio.sleep(max(0.0, 1 - (time.monotonic() - started)))

    async def _expire(self) -> None:
        now = time.time_ns() // 1000
        late = sa.select(pops.c.id).where(
            pops.c.state.in_(("ringing", "answered")), sa.type_coerce(pops.c.expires_at, sa.BigInteger) < now
        )
        ids = await self._store.read(lambda conn: list(conn.execute(late).scalars()))
        if not ids:
            return

        def work(conn: sa.Connection) -> list[Pop]:
            gone = [pop.moved("over") for pop in _pops(conn, ids)]
            _MOVE.many(conn, [(pop.state, pop.mine, pop.expires_at, pop.revision, pop.id) for pop in gone])
            return gone

        self._live.publish(news(await self._store.write(work, Lane.CALLS), {}))

    async def _state(self, started: float) -> None:
        """One query for all screens here. What was sent after the query began counts as true."""
        agents = self._live.agents()
        if not agents:
            return

        def work(conn: sa.Connection) -> list[tuple[Pop, dict[str, Any]]]:
            current = _current(conn, agents)
            return list(zip(current, _shown(conn, current), strict=True))

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


def _pops(conn: sa.Connection, ids: Sequence[int]) -> list[Pop]:
    return [Pop(*row) for row in _BY_ID(conn, ids)]


def _current(conn: sa.Connection, agents: Sequence[str]) -> list[Pop]:
    now = micros(datetime.now(UTC))
    return [pop for row in _OF_AGENTS(conn, sorted(agents)) if (pop := Pop(*row)).shown and pop.expires_at > now]


def _shown(conn: sa.Connection, current: Sequence[Pop]) -> list[dict[str, Any]]:
    who = match(conn, {pop.handle for pop in current})
    return [shown(pop, who.get(pop.handle, Match(pop.handle))) for pop in current]
