"""The caller's card: everything that helps while the phone rings, read in one go from the hub's own copy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import tasks, timeline
from hub.calls import blocking, missed, wrapping
from hub.calls.missed import MissedCall
from hub.calls.wrapping import WrapUp
from hub.crm import records
from hub.match import match
from hub.privacy.visibility import Actor, sees
from hub.store.schema import interactions, missed_calls, participants, pops
from hub.tasks import Task
from hub.timeline import Item, Wanted
from hub.vocabulary import Match

LATEST = 5
"""So many earlier interactions stand on a card."""

SEEN = 50
"""Of a number that nobody knows, so many of its latest interactions are looked through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerCard:
    """What is known when a call is on the screen, as far as the reader may see it.

    *match* is who it may be, *chosen* the contact with company, deals, cases and orders (None where it is not sure).
    *call* is the interaction itself. *latest* are those before it, newest first: the contact's, or where nobody is
    chosen those of the number. *promised* are the open tasks that concern the contact or this call, by when they are
    due. *missed* are the calls that nobody returned yet, *also* the other agents on whose screens it rings now.
    *wrap_up* is the reader's own for this call.
    """

    handle: str
    match: Match
    chosen: records.Card | None
    call: Item | None
    latest: tuple[Item, ...]
    promised: tuple[Task, ...]
    missed: tuple[MissedCall, ...]
    also: tuple[str, ...]
    blocked: bool
    wrap_up: WrapUp | None

    @property
    def company(self) -> str:
        """The chosen contact's company, "" for none."""
        return self.chosen.contact.company if self.chosen else ""

    def overdue(self, now: datetime) -> tuple[Task, ...]:
        """What was promised and should have been done by *now*."""
        return tuple(task for task in self.promised if task.overdue(now))


def card(
    conn: Connection,
    actor: Actor,
    interaction_id: int,
    handle: str,
    *,
    contact_id: int | None = None,
    before: datetime | None = None,
    limit: int = LATEST,
) -> CallerCard:
    """The card of the call *interaction_id* with *handle* ("" where withheld), for *actor*. *contact_id* chooses one of
    several candidates; one that is no candidate is ignored. *before* leaves out what happened since (UTC)."""
    found = match(conn, [handle]).get(handle, Match(handle))
    allowed = {each.contact_id for each in found.candidates}
    wanted = contact_id if contact_id in allowed else found.sure.contact_id if found.sure else None
    chosen = records.card(conn, actor, wanted) if wanted is not None else None
    promised = tasks.concerning(conn, actor, contact_id=wanted, interaction_id=interaction_id)
    return CallerCard(
        handle=handle,
        match=found,
        chosen=chosen,
        call=timeline.one(conn, actor, interaction_id),
        latest=tuple(_latest(conn, actor, interaction_id, handle, wanted, before, limit)),
        promised=tuple(promised),
        missed=tuple(_missed(conn, actor, interaction_id, handle, wanted)),
        also=_also(conn, actor, interaction_id),
        blocked=bool(blocking.blocked(conn, [handle])),
        wrap_up=wrapping.one(conn, interaction_id, actor.agent) if actor.agent else None,
    )


def _latest(
    conn: Connection,
    actor: Actor,
    interaction_id: int,
    handle: str,
    contact_id: int | None,
    before: datetime | None,
    limit: int,
) -> list[Item]:
    if contact_id is not None:
        items = timeline.timeline(conn, actor, contact_id, Wanted(before=before), limit + 1)
    elif handle:
        seen = (
            sa.select(participants.c.interaction_id)
            .where(participants.c.handle == handle)
            .order_by(participants.c.interaction_id.desc())
            .limit(SEEN)
        )
        earlier = sa.true() if before is None else interactions.c.occurred_at < before
        items = timeline.among(conn, actor, sa.and_(interactions.c.id.in_(seen), earlier), limit + 1)
    else:
        items = []
    return [item for item in items if item.id != interaction_id][:limit]


def _missed(
    conn: Connection, actor: Actor, interaction_id: int, handle: str, contact_id: int | None
) -> list[MissedCall]:
    ways = [missed_calls.c.handle == handle] if handle else []
    if contact_id is not None:
        ways.append(missed_calls.c.contact_id == contact_id)
    if not ways:
        return []
    others = missed_calls.c.interaction_id != interaction_id
    return missed.listed(conn, sa.and_(sees(actor) > 0, others, sa.or_(*ways)), limit=20)


def _also(conn: Connection, actor: Actor, interaction_id: int) -> tuple[str, ...]:
    rings = sa.select(pops.c.agent).where(
        pops.c.interaction_id == interaction_id, pops.c.agent != actor.agent, pops.c.state == "ringing"
    )
    return tuple(conn.execute(rings.order_by(pops.c.agent)).scalars())
