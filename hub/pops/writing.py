"""Brings the pops of a batch of calls up to date, inside the transaction that records them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from hub.availability import Rota, now_read
from hub.calls import blocking, wrapping
from hub.live import LiveEvent
from hub.ours import Reach
from hub.pops import rows
from hub.pops.audience import preferred, sorted_out
from hub.pops.states import Pop, Ringing, advance
from hub.pops.telling import news
from hub.store.schema import contacts, moment
from hub.store.sets import SetRead, among
from hub.vocabulary import Match

_OWNERS = SetRead(sa.select(contacts.c.id, contacts.c.owner).where(among(contacts.c.id)))


@dataclass(frozen=True, slots=True)
class House:
    """What the config says that matters here: who works when, and how long wrap-up takes (seconds, 0: there is
    none)."""

    rota: Rota = field(default_factory=Rota)
    wrap_up_seconds: int = 0


def write(
    conn: sa.Connection,
    calls: Sequence[Ringing],
    known: Iterable[int],
    who: Mapping[str, Match],
    house: House,
    new_id: Callable[[], int],
) -> list[LiveEvent]:
    """Bring the pops of *calls* up to date in the caller's transaction, and open the wrap-ups that follow. *known* are
    the calls that were there before, *who* is whom their handles belong to. Answers what to tell the screens."""
    now = time.time_ns() // 1000
    before = {(pop.interaction_id, pop.agent): pop for pop in rows.of_calls(conn, sorted(known))}
    by_call: dict[int, dict[str, Pop]] = defaultdict(dict)
    for pop in before.values():
        by_call[pop.interaction_id][pop.agent] = pop
    changed = [pop for call in calls for pop in advance(call, by_call[call.interaction_id], now, new_id)]
    if any(pop.state == "ringing" for pop in changed):
        changed = _admitted(conn, {call.interaction_id: call for call in calls}, changed, who, house.rota, now)
    old = [(pop, before.get((pop.interaction_id, pop.agent))) for pop in changed]
    rows.add(conn, [pop for pop, known_as in old if known_as is None])
    rows.anew(conn, [pop for pop, known_as in old if known_as is not None and known_as.id != pop.id])
    rows.move(conn, [pop for pop, known_as in old if known_as is not None and known_as.id == pop.id])
    fresh = {call.interaction_id for call in calls if call.fresh}
    over = [
        (pop.interaction_id, pop.agent)
        for pop, known_as in old
        if known_as is not None and known_as.current and not pop.current and pop.interaction_id in fresh
    ]
    wraps = wrapping.begin(conn, over, now, house.wrap_up_seconds)
    return [
        *news(changed, who, before, house.rota.agents),
        *_states(calls, by_call, changed),
        *(wrap_up.news for wrap_up in wraps),
    ]


def _admitted(
    conn: sa.Connection,
    calls: Mapping[int, Ringing],
    changed: Sequence[Pop],
    who: Mapping[str, Match],
    rota: Rota,
    now: int,
) -> list[Pop]:
    """*changed* without what would ring for a blocked number, and with those of a group in the order of their turn."""
    rings = [pop for pop in changed if pop.state == "ringing"]
    blocked = blocking.blocked(conn, {pop.handle for pop in rings})
    by_call: dict[int, list[Pop]] = defaultdict(list)
    for pop in rings:
        if pop.handle not in blocked:
            by_call[pop.interaction_id].append(pop)
    asked = {
        id
        for id, group in by_call.items()
        if any(calls[id].phones[pop.agent].reach is not Reach.PHONE for pop in group)
    }
    done = [pop for pop in changed if pop.state != "ringing"]
    done += [pop for id, group in by_call.items() if id not in asked for pop in group]
    if asked:
        standings = now_read(conn, rota, moment(now))
        sure = {id: match.sure.contact_id for id in asked if (match := who.get(calls[id].handle)) and match.sure}
        owners = dict(_OWNERS(conn, sorted(set(sure.values()))))
        for id in sorted(asked):
            first = preferred(owners.get(sure[id], ""), rota, standings) if id in sure else ""
            done += sorted_out(calls[id], by_call[id], standings, first, now)
    return done


def _states(
    calls: Sequence[Ringing], before: Mapping[int, Mapping[str, Pop]], changed: Sequence[Pop]
) -> list[LiveEvent]:
    """`call`, to the agents on a call whose state is another now, or who are on it no more."""
    after: dict[int, dict[str, Pop]] = defaultdict(dict)
    for pop in changed:
        after[pop.interaction_id][pop.agent] = pop
    events = []
    for call in calls:
        was = before.get(call.interaction_id, {})
        for agent, pop in {**was, **after[call.interaction_id]}.items():
            was_on = agent in was and was[agent].current
            if pop.current and not (was_on and call.was is call.state):
                events.append(_on_call(call, call.state.value, agent))
            elif was_on and not pop.current:
                events.append(_on_call(call, "over", agent))
    return events


def _on_call(call: Ringing, state: str, agent: str) -> LiveEvent:
    return LiveEvent("call", {"interaction": str(call.interaction_id), "state": state}, agent)
