"""The calls that are alive now: who rings, who talks with whom, who waits, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import facts as documents
from hub.match import match
from hub.ours import Ours
from hub.privacy.visibility import Actor, sees
from hub.store.schema import interactions
from hub.vocabulary import Call, CallState, Direction, Joined, Leg, Match

MOST = 500
OLDEST = timedelta(hours=24)
"""What began before is not alive any more, whatever its last event said."""


@dataclass(frozen=True, slots=True)
class LiveLeg:
    """One phone of a live call: *agent*'s, where it is one of ours (""), and how it came in."""

    agent: str
    phone: str
    state: CallState
    joined: Joined | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCall:
    """A call that is not over. *handle* and *name* are the other side's ("" where withheld or unknown), *contact_id*
    whose handle it surely is."""

    interaction_id: int
    state: CallState
    direction: Direction
    line: str
    queue: str
    started_at: datetime
    answered_at: datetime | None
    handle: str
    name: str
    contact_id: int | None
    legs: tuple[LiveLeg, ...]


def live(conn: Connection, actor: Actor, ours: Ours, now: datetime) -> list[LiveCall]:
    """The calls that *actor* may know of and that are alive at *now*, the oldest first; at most `MOST`."""
    rows = conn.execute(
        sa.select(
            interactions.c.id,
            interactions.c.direction,
            interactions.c.occurred_at,
            interactions.c.source,
            sa.type_coerce(interactions.c.facts, sa.Text).label("facts"),
        )
        .where(sa.text("kind = 'call' AND state <> 'ended'"), sees(actor) > 0)
        .where(interactions.c.occurred_at > now - OLDEST)
        .order_by(interactions.c.occurred_at)
        .limit(MOST)
    ).all()
    calls = [(row, facts) for row in rows if isinstance(facts := documents.decode("call", row.facts), Call)]
    who = match(conn, {other_side(call, ours) for _, call in calls})
    found = []
    for row, call in calls:
        if call.state is None:
            continue
        handle = other_side(call, ours)
        sure = who.get(handle, Match(handle)).sure
        told = next((each.name for each in call.participants or () if each.handle == handle and each.name), "")
        found.append(
            LiveCall(
                interaction_id=row.id,
                state=call.state,
                direction=Direction(row.direction),
                line=call.line or "",
                queue=call.queue or "",
                started_at=call.started_at or row.occurred_at,
                answered_at=call.answered_at,
                handle=handle,
                name=sure.name if sure else told,
                contact_id=sure.contact_id if sure else None,
                legs=tuple(_leg(leg, row.source, ours) for leg in call.legs if leg.state is not None),
            )
        )
    return found


def other_side(call: Call, ours: Ours) -> str:
    """The address of the one who called us, or whom we called; "" where it is withheld, or all of them are ours."""
    outbound = call.direction is Direction.OUTBOUND
    people = [each for each in call.participants or () if each.role.begins is not outbound]
    return next((each.handle for each in people if each.handle not in ours.handles), "")


def _leg(leg: Leg, source: str, ours: Ours) -> LiveLeg:
    agents = ours.agents_of(leg, source)
    assert leg.state is not None
    return LiveLeg(agents[0] if len(agents) == 1 else "", leg.phone or "", leg.state, leg.joined, leg.answered_at)
