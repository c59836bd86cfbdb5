"""Conversations as one actor sees them in a list: by the last thing in each that is open to her."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.inbox.parties import Parties, parties
from hub.privacy.visibility import Actor, readable, sees
from hub.store.schema import cases, conversation_reads, conversations, deals, interactions
from hub.timeline import Place
from hub.vocabulary import Agent, Channel, Direction, Kind, Level

NOBODY: Mapping[str, Agent] = MappingProxyType({})


class State(StrEnum):
    """What is to be done: ours, the other side's, later, nothing."""

    OPEN = "open"
    WAITING = "waiting"
    SNOOZED = "snoozed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Link:
    """A deal or a case that a conversation is about."""

    id: int
    title: str


LATEST = timedelta(days=1)
"""How long a mail may have been on its way, and is news all the same to whoever has read the conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A conversation by the last thing in it that the reader may see (*interaction_id*). *level* is how much of that
    she may read; *call_state*, *outcome*, *seconds* and *automatic* are that thing's. *place* is where a page by time
    that ends with it ends."""

    id: int
    interaction_id: int
    channel: Channel
    kind: Kind
    direction: Direction
    at: datetime
    place: Place
    title: str
    preview: str
    call_state: str
    outcome: str
    seconds: int
    automatic: bool
    state: State
    owner: str
    team: str
    waiting_since: datetime | None
    snoozed_until: datetime | None
    sharing: str
    deal: Link | None
    case: Link | None
    revision: int
    unread: bool
    level: int
    parties: Parties = field(repr=False)

    @property
    def waits(self) -> bool:
        """Whether somebody outside waits for an answer."""
        return self.waiting_since is not None


def hydrated(conn: Connection, actor: Actor, last: Mapping[int, int], agents: Mapping[str, Agent]) -> list[Row]:
    """The rows of the conversations of *last* (id → its last interaction), in that order."""
    if not last:
        return []
    mine = (conversation_reads.c.agent == actor.agent) & (conversation_reads.c.conversation_id == conversations.c.id)
    query = (
        sa.select(
            conversations,
            interactions.c.id.label("interaction_id"),
            interactions.c.channel.label("last_channel"),
            interactions.c.kind,
            interactions.c.direction,
            interactions.c.occurred_at,
            interactions.c.title.label("last_title"),
            interactions.c.preview,
            interactions.c.state.label("call_state"),
            interactions.c.outcome,
            interactions.c.facts,
            deals.c.title.label("deal_title"),
            cases.c.title.label("case_title"),
            conversation_reads.c.read_at,
            conversation_reads.c.seen_id,
            sees(actor).label("level"),
        )
        .join_from(conversations, interactions, interactions.c.conversation_id == conversations.c.id)
        .outerjoin(conversation_reads, mine)
        .outerjoin(deals, deals.c.id == conversations.c.deal_id)
        .outerjoin(cases, cases.c.id == conversations.c.case_id)
        .where(interactions.c.id.in_(list(last.values())))
    )
    rows = {row.id: row for row in conn.execute(query)}
    seen = {row.id: (row.seen_id, row.read_at) for row in rows.values() if row.seen_id is not None}
    late = _came_late(conn, actor, seen)
    people = parties(conn, [row.interaction_id for row in rows.values()], agents)
    shown = []
    for id in last:
        row = rows[id]
        came = late.get(id, 0)
        if row.direction == Direction.INBOUND:
            news = row.read_at is None or row.read_at < row.occurred_at or came > 0
        else:  # an answer stands last: what came in after it may bear an earlier date
            news = came > row.interaction_id
        shown.append(
            Row(
                id=id,
                interaction_id=row.interaction_id,
                channel=Channel(row.last_channel),
                kind=Kind(row.kind),
                direction=Direction(row.direction),
                at=row.occurred_at,
                place=(row.last_at, id),
                title=(row.last_title or row.title) if readable(row.level, Level.SUBJECT) else "",
                preview=row.preview if readable(row.level, Level.ALL) else "",
                call_state=row.call_state,
                outcome=row.outcome,
                seconds=row.facts.get("duration") or 0,
                automatic=bool(row.facts.get("automatic")),
                state=State(row.state),
                owner=row.owner,
                team=row.team,
                waiting_since=row.waiting_since,
                snoozed_until=row.snoozed_until,
                sharing=row.sharing,
                deal=Link(row.deal_id, row.deal_title) if row.deal_title is not None else None,
                case=Link(row.case_id, row.case_title) if row.case_title is not None else None,
                revision=row.revision,
                unread=row.state != State.CLOSED and news,
                level=row.level,
                parties=people[row.interaction_id],
            )
        )
    return shown


def _came_late(conn: Connection, actor: Actor, seen: Mapping[int, tuple[int, datetime]]) -> dict[int, int]:
    """The newest interaction that came in since, though its date may be earlier, by conversation; *seen* has the
    newest one that was seen in each, and up to when it was read. What is days older is history that was brought in."""
    if not seen:
        return {}
    newest = sa.select(interactions.c.conversation_id, interactions.c.id, interactions.c.occurred_at).where(
        interactions.c.conversation_id.in_(list(seen)),
        interactions.c.id > min(id for id, _ in seen.values()),
        interactions.c.occurred_at > min(at for _, at in seen.values()) - LATEST,
        interactions.c.direction == Direction.INBOUND.value,
        sees(actor) > 0,
    )
    late: dict[int, int] = {}
    for conversation, id, at in conn.execute(newest):
        last, read_at = seen[conversation]
        if id > last and at > read_at - LATEST:
            late[conversation] = max(id, late.get(conversation, 0))
    return late
