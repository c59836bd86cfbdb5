"""The inbox's rows: conversations as one actor may see them, newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.privacy.visibility import Actor, readable, sees
from hub.store.schema import activities, contacts, conversations, interactions, participants
from hub.timeline import Place
from hub.vocabulary import Agent, Channel, Direction, Kind, Level, Outcome
from hub.web.pages.parties import Parties, parties

CHANNELS = {
    "mail": (Channel.EMAIL,),
    "calls": (Channel.VOICE,),
    "chat": (Channel.SMS, Channel.CHAT, Channel.SOCIAL, Channel.WEB),
    "meetings": (Channel.CALENDAR,),
}
"""The inbox's words for groups of channels."""

_UNANSWERED = (Outcome.MISSED.value, Outcome.VOICEMAIL.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What to show. *channel* is a word of `CHANNELS` or "". A search shows what *found* answers of an interaction's
    id, as SQL, and the conversations with the contacts *people*."""

    channel: str = ""
    unknown: bool = False
    mine: bool = False
    waiting: bool = False
    found: Callable[[sa.ColumnElement[int]], sa.ColumnElement[bool]] | None = None
    people: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation by the last thing in it that the reader may see. *level* is how much of that she may read."""

    id: int
    interaction_id: int
    channel: Channel
    kind: Kind
    direction: Direction
    at: datetime
    place: Place
    title: str
    preview: str
    state: str
    outcome: str
    owner: str
    level: int
    waits: bool
    seconds: int
    automatic: bool
    parties: Parties


REACH = 5_000
"""How many conversations a filter looks through for one page: those who filter want the recent ones."""

COUNTED = 400
"""How many the badge in the rail looks through; every page has it."""


def listing(
    conn: Connection,
    actor: Actor,
    agents: Mapping[str, Agent],
    wanted: Filter,
    limit: int,
    before: Place | None = None,
) -> list[Conversation]:
    """At most *limit* conversations, newest first, those after *before* (`Conversation.place` of the last one)."""
    level = sees(actor).label("level")
    rows = _rows(actor, wanted, agents, before, REACH).add_columns(level, _waits().label("waits"))
    rows = rows.order_by(conversations.c.last_at.desc(), conversations.c.id.desc()).limit(limit)
    return _hydrated(conn, conn.execute(rows).all(), agents)


def waiting(conn: Connection, actor: Actor, most: int) -> int:
    """How many of the latest conversations wait for an answer; counts no further than *most*."""
    rows = _rows(actor, Filter(waiting=True), {}, None, COUNTED).limit(most)
    return conn.execute(sa.select(sa.func.count()).select_from(rows.subquery())).scalar_one()


def _beyond(table: sa.FromClause, before: Place | None) -> sa.ColumnElement[bool]:
    if before is None:
        return sa.true()
    at = sa.literal(before[0], conversations.c.last_at.type)
    return sa.tuple_(table.c.last_at, table.c.id) < sa.tuple_(at, sa.literal(before[1]))


def _rows(
    actor: Actor, wanted: Filter, agents: Mapping[str, Agent], before: Place | None, reach: int
) -> sa.Select[tuple[object, ...]]:
    """Each conversation beside the last interaction in it that *actor* may see."""
    last = (
        sa.select(interactions.c.id)
        .where(interactions.c.conversation_id == conversations.c.id, sees(actor) > 0)
        .order_by(interactions.c.occurred_at.desc(), interactions.c.id.desc())
        .limit(1)
        .correlate(conversations)
        .scalar_subquery()
    )
    rows = sa.select(
        conversations.c.id.label("conversation"),
        conversations.c.title.label("subject"),
        conversations.c.owner,
        conversations.c.last_at,
        interactions.c.id,
        interactions.c.channel,
        interactions.c.kind,
        interactions.c.direction,
        interactions.c.occurred_at,
        interactions.c.title,
        interactions.c.preview,
        interactions.c.state,
        interactions.c.outcome,
        interactions.c.facts,
    ).join_from(conversations, interactions, interactions.c.id == last)
    if wanted.channel:
        rows = rows.where(conversations.c.channel.in_([channel.value for channel in CHANNELS[wanted.channel]]))
    if wanted.found is not None:
        rows = rows.where(_beyond(conversations, before), _found(wanted.found, wanted.people))
    elif wanted.waiting or wanted.unknown or wanted.mine:
        latest = conversations.alias("latest")
        newest = sa.select(latest.c.id).where(_beyond(latest, before))
        newest = newest.order_by(latest.c.last_at.desc(), latest.c.id.desc()).limit(reach)
        rows = rows.where(conversations.c.id.in_(newest))
    else:
        rows = rows.where(_beyond(conversations, before))
    if wanted.waiting:
        rows = rows.where(_waits())
    if wanted.unknown:
        rows = rows.where(_unknown())
    if wanted.mine:
        rows = rows.where(_mine(actor, agents))
    return rows


def _waits() -> sa.ColumnElement[bool]:
    """Whether the last word is the other side's: a mail that a person wrote, or a call nobody took or returned."""
    written = sa.and_(
        interactions.c.kind == Kind.MESSAGE.value,
        interactions.c.direction == Direction.INBOUND.value,
        sa.not_(interactions.c.facts.cast(sa.Text).like('%"automatic":"%')),
    )
    later, caller, again = interactions.alias("later"), participants.alias("caller"), participants.alias("again")
    reached = sa.exists().where(
        caller.c.interaction_id == interactions.c.id,
        sa.not_(caller.c.ours),
        caller.c.handle != "",
        again.c.handle == caller.c.handle,
        later.c.id == again.c.interaction_id,
        later.c.occurred_at > interactions.c.occurred_at,
        sa.or_(later.c.direction == Direction.OUTBOUND.value, later.c.outcome == Outcome.COMPLETED.value),
    )
    missed = sa.and_(
        interactions.c.kind == Kind.CALL.value,
        interactions.c.direction == Direction.INBOUND.value,
        interactions.c.outcome.in_(_UNANSWERED),
        sa.not_(reached),
    )
    return sa.and_(conversations.c.state == "open", sa.or_(written, missed))


def _unknown() -> sa.ColumnElement[bool]:
    stranger = sa.exists().where(
        participants.c.interaction_id == interactions.c.id, sa.not_(participants.c.ours), participants.c.handle != ""
    )
    known = sa.exists().where(activities.c.interaction_id == interactions.c.id)
    return sa.and_(stranger, sa.not_(known))


def _mine(actor: Actor, agents: Mapping[str, Agent]) -> sa.ColumnElement[bool]:
    """Hers by name, through an address of hers that took part, or because the contact is hers."""
    if not actor.agent:
        return sa.false()
    agent = agents.get(actor.agent)
    took_part = sa.exists().where(
        participants.c.interaction_id == interactions.c.id,
        participants.c.handle.in_(agent.handles if agent else ()),
    )
    owned = sa.exists().where(
        activities.c.interaction_id == interactions.c.id,
        contacts.c.id == activities.c.contact_id,
        contacts.c.owner == actor.agent,
    )
    return sa.or_(conversations.c.owner == actor.agent, took_part, owned)


def _found(
    holds: Callable[[sa.ColumnElement[int]], sa.ColumnElement[bool]], people: tuple[int, ...]
) -> sa.ColumnElement[bool]:
    """Whether one of the latest interactions that hold the words is in the conversation, or *people* took part."""
    inside = interactions.alias("inside")
    newest = sa.select(inside.c.conversation_id).where(holds(inside.c.id)).order_by(inside.c.id.desc()).limit(REACH)
    said = sa.select(newest.subquery().c.conversation_id)
    took_part = (
        sa.select(inside.c.conversation_id)
        .join(activities, activities.c.interaction_id == inside.c.id)
        .where(activities.c.contact_id.in_(people))
    )
    return sa.or_(conversations.c.id.in_(said), conversations.c.id.in_(took_part))


def _hydrated(
    conn: Connection, rows: Sequence[sa.Row[tuple[object, ...]]], agents: Mapping[str, Agent]
) -> list[Conversation]:
    people = parties(conn, [row.id for row in rows], agents)
    return [
        Conversation(
            id=row.conversation,
            interaction_id=row.id,
            channel=Channel(row.channel),
            kind=Kind(row.kind),
            direction=Direction(row.direction),
            at=row.occurred_at,
            place=(row.last_at, row.conversation),
            title=(row.title or row.subject) if readable(row.level, Level.SUBJECT) else "",
            preview=row.preview if readable(row.level, Level.ALL) else "",
            state=row.state,
            outcome=row.outcome,
            owner=row.owner,
            level=row.level,
            waits=bool(row.waits),
            seconds=row.facts.get("duration") or 0,
            automatic=bool(row.facts.get("automatic")),
            parties=people[row.id],
        )
        for row in rows
    ]
