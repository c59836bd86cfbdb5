"""One conversation as one actor may see it: what was said in it, what colleagues noted, how far she has read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.inbox import listing
from hub.inbox.parties import Parties, parties
from hub.inbox.rows import NOBODY, Row
from hub.privacy.visibility import Actor, readable
from hub.store.schema import conversation_reads, conversations, interactions, merged_conversations, note_mentions, notes
from hub.timeline import Item, among
from hub.vocabulary import Agent, Level

LONGEST = 200
"""So many interactions of a conversation are read at once, the latest ones."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a colleague noted on an interaction; *mentions* are the agents it names."""

    id: int
    interaction_id: int
    author: str
    text: str
    written_at: datetime
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation with its *items* and *notes*, both oldest first. *parties* say who took part, by interaction.
    *read_at* is how far the reader has read, None where she never did; *seen_id* is the newest interaction that was
    there then, where that is known; *more*: earlier items were left out."""

    row: Row
    items: tuple[Item, ...]
    notes: tuple[Note, ...]
    parties: Mapping[int, Parties] = field(repr=False)
    read_at: datetime | None
    seen_id: int | None
    more: bool


def read(
    conn: Connection,
    actor: Actor,
    conversation_id: int,
    agents: Mapping[str, Agent] = NOBODY,
    limit: int = LONGEST,
) -> Conversation | None:
    """The conversation of that id, None where there is none or *actor* may not know of it. The id of a conversation
    that was merged into another stands for none: see `current`."""
    items = among(conn, actor, interactions.c.conversation_id == conversation_id, limit + 1)
    row = listing.one(conn, actor, conversation_id, agents) if items else None
    if row is None:
        return None
    shown = tuple(reversed(items[:limit]))
    people = parties(conn, [item.id for item in shown], agents)
    read = conn.execute(
        sa.select(conversation_reads.c.read_at, conversation_reads.c.seen_id).where(
            conversation_reads.c.agent == actor.agent, conversation_reads.c.conversation_id == conversation_id
        )
    ).one_or_none()
    noted = _notes(conn, [item.id for item in shown if readable(item.level, Level.ALL)])
    read_at, seen_id = (read.read_at, read.seen_id) if read else (None, None)
    return Conversation(row, shown, noted, people, read_at, seen_id, len(items) > limit)


def current(conn: Connection, conversation_id: int) -> int:
    """The conversation that this id leads to: itself, or the one it was merged into."""
    seen = {conversation_id}
    while True:
        into = conn.execute(
            sa.select(merged_conversations.c.into_id).where(merged_conversations.c.id == conversation_id)
        ).scalar()
        if into is None or into in seen:
            return conversation_id
        seen.add(into)
        conversation_id = into


def visible(conn: Connection, actor: Actor, ids: Collection[int]) -> set[int]:
    """Those of *ids* that are conversations of which *actor* may know."""
    query = sa.select(conversations.c.id).where(conversations.c.id.in_(list(ids)), listing.known(actor))
    return set(conn.execute(query).scalars())


def _notes(conn: Connection, ids: Collection[int]) -> tuple[Note, ...]:
    """The notes on the interactions *ids*, oldest first."""
    query = sa.select(notes).where(notes.c.interaction_id.in_(list(ids))).order_by(notes.c.written_at, notes.c.id)
    rows = conn.execute(query).all()
    named = conn.execute(
        sa.select(note_mentions.c.note_id, note_mentions.c.agent)
        .where(note_mentions.c.note_id.in_([row.id for row in rows]))
        .order_by(note_mentions.c.agent)
    )
    mentions: defaultdict[int, tuple[str, ...]] = defaultdict(tuple)
    for note_id, agent in named:
        mentions[note_id] += (agent,)
    return tuple(
        Note(row.id, row.interaction_id, row.author, row.text, row.written_at, mentions[row.id]) for row in rows
    )
