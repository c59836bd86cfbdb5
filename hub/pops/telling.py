"""What the screens are told of pops."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hub.live import LiveEvent
from hub.match import match
from hub.pops import rows
from hub.pops.states import Pop
from hub.vocabulary import Agent, Match

_NO_NAMES: Mapping[str, Agent] = {}


def shown(pop: Pop, who: Match, agents: Mapping[str, Agent] = _NO_NAMES) -> dict[str, Any]:
    """What the `pop` event and the API say of a pop. Ids are strings, times ISO 8601 in UTC. *talking* is since when
    she talks, *for* the agent whose customer calls, *from_agent* who passes the call on, each None where it is not so.
    *agents* are the colleagues, for their names."""
    return {
        "id": str(pop.id),
        "interaction": str(pop.interaction_id),
        "handle": pop.handle,
        "line": pop.line,
        "queue": pop.queue,
        "since": _iso(pop.since),
        "state": pop.state,
        "mine": bool(pop.mine),
        "talking": _iso(pop.answered_at) if pop.current and pop.answered_at is not None else None,
        "for": _colleague(pop.preferred, agents),
        "from_agent": _colleague(pop.passed_by, agents),
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


def news(
    changed: Iterable[Pop],
    who: Mapping[str, Match],
    before: Mapping[tuple[int, str], Pop] | None = None,
    agents: Mapping[str, Agent] = _NO_NAMES,
) -> list[LiveEvent]:
    """The live events that tell of *changed* pops. *before* are those that were there, by interaction and agent: what
    never stood on a screen is not withdrawn from it. Without it everything was on one."""
    events = []
    for pop in changed:
        known = None if before is None else before.get((pop.interaction_id, pop.agent))
        if known is not None and known.shown and known.id != pop.id:
            events.append(_withdrawn(known.id, "over", pop.agent))
        if pop.shown:
            events.append(LiveEvent("pop", shown(pop, who.get(pop.handle, Match(pop.handle)), agents), pop.agent))
        elif pop.state != "waiting" and (before is None or (known is not None and known.shown and known.id == pop.id)):
            events.append(_withdrawn(pop.id, pop.state, pop.agent))
    return events


def on_a_screen(conn: sa.Connection, handles: Collection[str]) -> bool:
    """Whether a call with one of *handles* stands on a screen now."""
    return any(pop.handle in handles for pop in rows.on_screens(conn))


def again(conn: sa.Connection, handles: Collection[str], agents: Mapping[str, Agent] = _NO_NAMES) -> list[LiveEvent]:
    """Tell the screens anew of the calls with *handles* that stand on them, in the caller's transaction: somebody just
    said whose they are."""
    current = [pop for pop in rows.on_screens(conn) if pop.handle in handles]
    changed = [replace(pop, revision=pop.revision + 1) for pop in current]
    rows.move(conn, changed)
    return news(changed, match(conn, {pop.handle for pop in changed}), None, agents)


def _withdrawn(pop_id: int, reason: str, agent: str) -> LiveEvent:
    return LiveEvent("pop-withdrawn", {"id": str(pop_id), "reason": reason}, agent)


def _colleague(agent: str, agents: Mapping[str, Agent]) -> dict[str, str] | None:
    return {"id": agent, "name": agents[agent].name if agent in agents else agent} if agent else None


def _iso(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat(timespec="milliseconds")
