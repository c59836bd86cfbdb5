"""The inbox's rows: conversations as one actor may see them, a page at a time.

A page is found by an index whatever the inbox holds: each state that is wanted is read in its own order and no further
than the page needs, and only then put together (tests/bench/inbox.py has the figures).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import product
from types import MappingProxyType
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.inbox.rows import NOBODY, hydrated
from hub.inbox.rows import Link as Link
from hub.inbox.rows import Row as Row
from hub.inbox.rows import State as State
from hub.privacy.visibility import Actor, sees
from hub.store.schema import (
    activities,
    conversations,
    interactions,
    note_mentions,
    notes,
    participants,
)
from hub.timeline import Place, holds
from hub.vocabulary import Agent, Channel

Columns = TypeVar("Columns", bound=tuple[Any, ...])

CHANNELS: Mapping[str, tuple[Channel, ...]] = MappingProxyType(
    {
        "mail": (Channel.EMAIL,),
        "calls": (Channel.VOICE,),
        "chat": (Channel.SMS, Channel.CHAT, Channel.SOCIAL, Channel.WEB),
        "meetings": (Channel.CALENDAR,),
    }
)
"""The inbox's words for groups of channels."""

REACH = 5_000
"""How many conversations a page of strangers is looked for in, and how many a search may find: the latest ones."""

COUNTED = 1_000
"""A box is counted no further."""


class Box(StrEnum):
    """Whose conversations."""

    MINE = "mine"
    UNASSIGNED = "unassigned"
    ALL = "all"
    MENTIONED = "mentioned"


class Sort(StrEnum):
    """What stands first."""

    NEWEST = "newest"
    LONGEST_WAITING = "longest-waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to show. *states* and *channel* (a word of `CHANNELS`) empty are all. *waiting*: only what somebody outside
    waits for an answer to; *unknown*: only with people whom nobody knows. *q* finds conversations that hold every word,
    and those with the contacts *people* (who were found by the same words). *after* is where the page before ended."""

    states: tuple[State, ...] = ()
    box: Box = Box.ALL
    team: str = ""
    channel: str = ""
    waiting: bool = False
    unknown: bool = False
    q: str = ""
    people: tuple[int, ...] = ()
    sort: Sort = Sort.NEWEST
    limit: int = 50
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the listing. *after* is where it ended, None on the last one."""

    rows: tuple[Row, ...]
    after: Place | None


def page(conn: Connection, actor: Actor, wanted: Wanted, agents: Mapping[str, Agent] = NOBODY) -> Page:
    """The conversations that *wanted* asks for, as *actor* sees them. *agents* lend their names to our addresses."""
    keys = _keys(conn, actor, wanted, wanted.limit + 1)
    found = conn.execute(keys).all()
    shown = found[: wanted.limit]
    rows = hydrated(conn, actor, {row.id: row.last for row in shown}, agents)
    after = (shown[-1].at, shown[-1].id) if len(found) > wanted.limit else None
    return Page(tuple(rows), after)


def one(conn: Connection, actor: Actor, conversation_id: int, agents: Mapping[str, Agent] = NOBODY) -> Row | None:
    """The conversation as a row of the listing, None where there is none or *actor* may not know of it."""
    last = conn.execute(
        sa.select(_last(actor)).select_from(conversations).where(conversations.c.id == conversation_id)
    ).scalar()
    return None if last is None else hydrated(conn, actor, {conversation_id: last}, agents)[0]


def counts(conn: Connection, actor: Actor) -> dict[str, int]:
    """How many conversations are open in each box (mentioned: where she has not seen who named her), and how many are
    snoozed and closed; each counted no further than `COUNTED`."""
    boxes = {
        "mine": Wanted(states=(State.OPEN,), box=Box.MINE),
        "unassigned": Wanted(states=(State.OPEN,), box=Box.UNASSIGNED),
        "all": Wanted(states=(State.OPEN,)),
        "snoozed": Wanted(states=(State.SNOOZED,)),
        "closed": Wanted(states=(State.CLOSED,)),
    }
    found = {name: count(conn, actor, wanted) for name, wanted in boxes.items()}
    unseen = _mentioned(actor, unseen=True).subquery()
    query = sa.select(sa.func.count()).select_from(unseen.join(conversations, conversations.c.id == unseen.c[0]))
    found["mentioned"] = conn.execute(query.where(known(actor))).scalar_one() if actor.agent else 0
    return found


def count(conn: Connection, actor: Actor, wanted: Wanted, most: int = COUNTED) -> int:
    """How many conversations *wanted* asks for; counts no further than *most*."""
    if wanted.unknown:
        rows: sa.Select[Any] = _keys(conn, actor, wanted, most)
    else:  # that there is something she may see is cheaper to ask than what is last
        at = conversations.c.last_at
        parts = [
            _narrowed(conn, actor, sa.select(conversations.c.id), wanted, at, state, channel).where(known(actor))
            for state, channel in product(wanted.states or (None,), _channels(wanted))
        ]
        rows = sa.select(sa.union_all(*(sa.select(part.limit(most).subquery()) for part in parts)).subquery()).limit(
            most
        )
    return conn.execute(sa.select(sa.func.count()).select_from(rows.subquery())).scalar_one()


def known(actor: Actor, row: sa.FromClause = conversations) -> sa.ColumnElement[bool]:
    """Whether *actor* may know of the current row of `conversations`, as SQL: something in it is open to her.

    Every read of a conversation and every deed passes here; how a thread is shared (`sharing`) is decided by what
    `hub.privacy.visibility.sees` answers for its interactions.
    """
    inside = interactions.alias("inside")
    return sa.exists().where(inside.c.conversation_id == row.c.id, sees(actor, inside) > 0)


def _last(actor: Actor) -> sa.ScalarSelect[int]:
    """The last interaction of the current conversation that *actor* may see."""
    return (
        sa.select(interactions.c.id)
        .where(interactions.c.conversation_id == conversations.c.id, sees(actor) > 0)
        .order_by(interactions.c.occurred_at.desc(), interactions.c.id.desc())
        .limit(1)
        .correlate(conversations)
        .scalar_subquery()
    )


def _keys(conn: Connection, actor: Actor, wanted: Wanted, limit: int) -> sa.Select[tuple[int, datetime, int]]:
    """(id, at, last) of the conversations of the page, in its order."""
    at = conversations.c.waiting_since if wanted.sort is Sort.LONGEST_WAITING else conversations.c.last_at
    # Those who wait stand in an index of their own, whatever their state and channel.
    waiting = wanted.sort is Sort.LONGEST_WAITING
    states = (None,) if waiting else wanted.states or (None,)
    channels = (None,) if waiting else _channels(wanted)
    parts = [
        _part(conn, actor, wanted, at, state, channel, limit).subquery() for state, channel in product(states, channels)
    ]
    if len(parts) == 1:
        whole: sa.FromClause = parts[0]
    else:
        whole = sa.union_all(*(sa.select(part) for part in parts)).subquery()
    rows = sa.select(whole.c.id, whole.c.at, whole.c.last)
    return rows.order_by(*_order(wanted, whole.c.at, whole.c.id)).limit(limit)


def _channels(wanted: Wanted) -> Sequence[Channel | None]:
    return CHANNELS[wanted.channel] if wanted.channel else (None,)


def _order(
    wanted: Wanted, at: sa.ColumnElement[datetime], id: sa.ColumnElement[int]
) -> tuple[sa.UnaryExpression[datetime], sa.UnaryExpression[int]]:
    if wanted.sort is Sort.LONGEST_WAITING:
        return at.asc(), id.asc()
    return at.desc(), id.desc()


def _part(
    conn: Connection,
    actor: Actor,
    wanted: Wanted,
    at: sa.ColumnElement[datetime],
    state: State | None,
    channel: Channel | None,
    limit: int,
) -> sa.Select[tuple[int, datetime, int]]:
    """The first conversations of one state and one channel: what a single index answers in order."""
    last = interactions.alias("last")
    rows = sa.select(conversations.c.id, at.label("at"), last.c.id.label("last"))
    rows = rows.join_from(conversations, last, last.c.id == _last(actor))
    rows = _narrowed(conn, actor, rows, wanted, at, state, channel)
    if wanted.unknown:
        rows = rows.where(_strangers(last.c.id), conversations.c.id.in_(_latest(wanted, state)))
    return rows.order_by(*_order(wanted, at, conversations.c.id)).limit(limit)


def _narrowed(
    conn: Connection,
    actor: Actor,
    rows: sa.Select[Columns],
    wanted: Wanted,
    at: sa.ColumnElement[datetime],
    state: State | None,
    channel: Channel | None,
) -> sa.Select[Columns]:
    """*rows* of one state and one channel that *wanted* asks for."""
    if state is not None:
        rows = rows.where(conversations.c.state == state.value)
    if channel is not None:
        rows = rows.where(conversations.c.channel == channel.value)
        if channel is not Channel.EMAIL:  # as the partial index says it
            rows = rows.where(conversations.c.channel != sa.literal_column("'email'"))
    if wanted.sort is Sort.LONGEST_WAITING:
        rows = rows.where(*_aside(wanted))
    if wanted.team:
        rows = rows.where(conversations.c.team == wanted.team)
    if wanted.waiting or wanted.sort is Sort.LONGEST_WAITING:
        rows = rows.where(conversations.c.waiting_since.is_not(None))
    match wanted.box:
        case Box.MINE:
            rows = rows.where(conversations.c.owner == actor.agent if actor.agent else sa.false())
        case Box.UNASSIGNED:
            rows = rows.where(conversations.c.owner == "")
        case Box.MENTIONED:
            rows = rows.where(conversations.c.id.in_(_mentioned(actor)))
        case Box.ALL:
            pass
    if wanted.after is not None:
        rows = rows.where(_beyond(wanted, at, conversations.c.id))
    if wanted.q.strip():
        rows = rows.where(_found(conn, actor, wanted))
    return rows


def _aside(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    """The wanted states and channels as conditions for which no index is used: what is wanted is in another order."""
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.states:
        states = [state.value for state in wanted.states]
        conditions.append(sa.func.coalesce(conversations.c.state, "").in_(states))
    if wanted.channel:
        conditions.append(sa.func.coalesce(conversations.c.channel, "").in_(CHANNELS[wanted.channel]))
    return conditions


def _beyond(wanted: Wanted, at: sa.ColumnElement[datetime], id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    assert wanted.after is not None
    here = sa.tuple_(at, id)
    there = sa.tuple_(sa.literal(wanted.after[0], conversations.c.last_at.type), sa.literal(wanted.after[1]))
    return here > there if wanted.sort is Sort.LONGEST_WAITING else here < there


def _latest(wanted: Wanted, state: State | None) -> sa.Select[tuple[int]]:
    """The latest conversations from the page on, in which somebody speaks to us: of whom only speaks of us in public
    nobody asks who it is."""
    latest = conversations.alias("latest")
    at = latest.c.waiting_since if wanted.sort is Sort.LONGEST_WAITING else latest.c.last_at
    public = latest.c.channel.in_((Channel.SOCIAL.value, Channel.WEB.value))
    rows = sa.select(latest.c.id).where(sa.not_(sa.and_(public, latest.c.state == State.CLOSED.value)))
    if state is not None:
        rows = rows.where(latest.c.state == state.value)
    if wanted.after is not None:
        rows = rows.where(_beyond(wanted, at, latest.c.id))
    return rows.order_by(*_order(wanted, at, latest.c.id)).limit(REACH)


def _strangers(last: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Whether somebody outside took part in what was last, and nobody is known."""
    stranger = sa.exists().where(
        participants.c.interaction_id == last, sa.not_(participants.c.ours), participants.c.handle != ""
    )
    return sa.and_(stranger, sa.not_(sa.exists().where(activities.c.interaction_id == last)))


def _mentioned(actor: Actor, *, unseen: bool = False) -> sa.Select[tuple[int]]:
    """The conversations in which somebody named the actor, as far as the latest `COUNTED` notes say."""
    named = sa.select(note_mentions.c.note_id).where(note_mentions.c.agent == actor.agent)
    if unseen:
        named = named.where(note_mentions.c.seen_at.is_(None))
    named = named.order_by(note_mentions.c.note_id.desc()).limit(COUNTED)
    inside = interactions.alias("noted")
    return (
        sa.select(inside.c.conversation_id)
        .distinct()
        .join_from(notes, inside, inside.c.id == notes.c.interaction_id)
        .where(notes.c.id.in_(named))
    )


def _found(conn: Connection, actor: Actor, wanted: Wanted) -> sa.ColumnElement[bool]:
    """Whether one of the latest interactions that hold the words is in the conversation, or the people took part."""
    inside = interactions.alias("said")
    newest = sa.select(inside.c.conversation_id).where(holds(conn, actor, wanted.q, inside.c.id))
    newest = newest.order_by(inside.c.id.desc()).limit(REACH)
    said = sa.select(newest.subquery().c.conversation_id)
    if not wanted.people:
        return conversations.c.id.in_(said)
    took_part = (
        sa.select(inside.c.conversation_id)
        .join(activities, activities.c.interaction_id == inside.c.id)
        .where(activities.c.contact_id.in_(wanted.people))
    )
    return sa.or_(conversations.c.id.in_(said), conversations.c.id.in_(took_part))
