"""Reading interactions: one contact's timeline, newest first, and single interactions, each as far as the actor sees.

A page is found by (`occurred_at`, `id`) in the index of activities, so that the thousandth page of a long timeline in
a large store costs what the first one does.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import facts as documents
from hub.formats import search
from hub.privacy.visibility import Actor, readable, sees
from hub.store.schema import activities, call_keys, interactions
from hub.vocabulary import Call, Channel, Direction, Facts, Kind, Level, Meeting, Mention, Message

FREQUENT = 20_000
"""A word that so many interactions hold is a frequent one."""

Place = tuple[datetime, int]
"""Where a page ends: the time and id of its last item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An interaction as one actor sees it. *level* is how much that is; what lies beyond it is empty here.

    *facts* hold what is particular to its kind (duration, attachments, place), cut down to the same level.
    """

    id: int
    key: str
    channel: Channel
    kind: Kind
    direction: Direction
    occurred_at: datetime
    title: str
    preview: str
    state: str
    outcome: str
    conversation_id: int
    source: str
    blob: str | None
    facts: Facts
    level: int
    revision: int

    @property
    def place(self) -> Place:
        """Where a page that ends with this item ends."""
        return self.occurred_at, self.id


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items: of these *kinds* and *channels* (empty: all), between *after* and *before* (UTC, exclusive), and
    holding every word of *q*. A full-text search finds only what the actor may read in full."""

    kinds: tuple[Kind, ...] = ()
    channels: tuple[Channel, ...] = ()
    after: datetime | None = None
    before: datetime | None = None
    q: str = ""


_COLUMNS = tuple(
    interactions.c[name]
    for name in (
        "id", "key", "channel", "kind", "direction", "occurred_at", "title", "preview", "state", "outcome",
        "conversation_id", "source", "blob", "revision",
    )
)  # fmt: skip
_FACTS = sa.type_coerce(interactions.c.facts, sa.Text).label("facts")


def timeline(
    conn: Connection, actor: Actor, contact_id: int, wanted: Wanted, limit: int, beyond: Place | None = None
) -> list[Item]:
    """At most *limit* items of the contact's timeline, newest first, those beyond the page that ended at *beyond*."""
    query: sa.Select[*tuple[Any, ...]] = (
        sa.select(*_COLUMNS, _FACTS, sees(actor).label("level"))
        .join_from(activities, interactions, interactions.c.id == activities.c.interaction_id)
        .where(activities.c.contact_id == contact_id)
    )
    query = _narrowed(conn, query, actor, wanted, activities.c.occurred_at, activities.c.interaction_id)
    if beyond is not None:
        at, last = beyond
        here = sa.tuple_(activities.c.occurred_at, activities.c.interaction_id)
        query = query.where(here < sa.tuple_(sa.literal(at, activities.c.occurred_at.type), sa.literal(last)))
    query = query.order_by(activities.c.occurred_at.desc(), activities.c.interaction_id.desc()).limit(limit)
    return [_item(row) for row in conn.execute(query)]


def among(
    conn: Connection, actor: Actor, which: sa.ColumnElement[bool], limit: int, beyond: Place | None = None
) -> list[Item]:
    """At most *limit* interactions for which *which* holds, whoever's they are, newest first."""
    query: sa.Select[*tuple[Any, ...]] = sa.select(*_COLUMNS, _FACTS, sees(actor).label("level"))
    query = query.where(which, sees(actor) > 0)
    if beyond is not None:
        at, last = beyond
        here = sa.tuple_(interactions.c.occurred_at, interactions.c.id)
        query = query.where(here < sa.tuple_(sa.literal(at, interactions.c.occurred_at.type), sa.literal(last)))
    query = query.order_by(interactions.c.occurred_at.desc(), interactions.c.id.desc()).limit(limit)
    return [_item(row) for row in conn.execute(query)]


def one(conn: Connection, actor: Actor, interaction_id: int) -> Item | None:
    """The interaction of that id, None where there is none or the actor may not know of it."""
    return next(iter(among(conn, actor, interactions.c.id == interaction_id, 1)), None)


def by_key(conn: Connection, actor: Actor, key: str) -> Item | None:
    """The interaction of that key. A mail's id may be given with or without its angle brackets; of a call that two
    phone systems told of, either's key will do."""
    first = conn.scalars(sa.select(call_keys.c.into_key).where(call_keys.c.key == key)).one_or_none()
    return next(iter(among(conn, actor, interactions.c.key.in_(spellings(first or key)), 1)), None)


def spellings(key: str) -> tuple[str, ...]:
    """The keys that *key* may stand for: Message-IDs are kept with angle brackets (RFC 5322 section 3.6.4), and are
    often quoted without."""
    namespace, _, name = key.partition(":")
    if namespace != "mail":
        return (key,)
    bare = name.removeprefix("<").removesuffix(">")
    return tuple(dict.fromkeys((key, f"mail:<{bare}>", f"mail:{bare}")))


def contacts_of(conn: Connection, ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """On whose timelines the interactions *ids* stand."""
    rows = conn.execute(
        sa.select(activities.c.interaction_id, activities.c.contact_id)
        .where(activities.c.interaction_id.in_(list(ids)))
        .order_by(activities.c.contact_id)
    ).all()
    found: dict[int, tuple[int, ...]] = dict.fromkeys(ids, ())
    for interaction_id, contact_id in rows:
        found[interaction_id] += (contact_id,)
    return found


def holds(conn: Connection, actor: Actor, q: str, interaction_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Whether the interaction holds every word of *q* and the actor may read it in full, as SQL: who may not read a
    text must not find out what is in it either."""
    phrases = search.query(q)
    if not phrases:
        return sa.false()
    if conn.dialect.name == "sqlite":
        table = sa.table("search", sa.column("rowid"), sa.column("search"))
        found = sa.select(table.c.rowid).where(table.c.search.op("MATCH")(search.fts5(phrases)))
        # A rare word is looked up once; for a frequent one it is cheaper to ask of each interaction whether it has it.
        # What only begins a word has to be gathered from many words, and that better once.
        whole = not any(phrase.prefix for phrase in phrases)
        frequent = whole and conn.execute(found.limit(1).offset(FREQUENT)).first() is not None
        held = found.where(table.c.rowid == interaction_id).exists() if frequent else interaction_id.in_(found)
    else:
        table = sa.table("search", sa.column("interaction_id"), sa.column("body"))
        words = sa.func.to_tsquery("simple", search.tsquery(phrases))
        held = interaction_id.in_(sa.select(table.c.interaction_id).where(table.c.body.op("@@")(words)))
    row = interactions.alias("held")
    return sa.and_(held, sa.exists().where(row.c.id == interaction_id, sees(actor, row) >= Level.ALL.rank))


def redacted(facts: Facts, level: int) -> Facts:
    """*facts* without what lies beyond *level*: at `METADATA` only who, when and how long; at `SUBJECT` the title."""
    if readable(level, Level.ALL):
        return facts
    title = None if isinstance(facts, Call) or not readable(level, Level.SUBJECT) else facts.title
    if isinstance(facts, Message):
        return replace(facts, title=title, text=None, preview=None, attachments=None, raw=None, files=None)
    if isinstance(facts, Meeting):
        answers = tuple(replace(each, comment="") for each in facts.answers)
        return replace(facts, title=title, text=None, place=None, url=None, answers=answers)
    if isinstance(facts, Mention):
        return replace(facts, title=title, text=None, url=None)
    return replace(facts, recordings=(), transcripts=())


def _narrowed(
    conn: Connection,
    query: sa.Select[*tuple[Any, ...]],
    actor: Actor,
    wanted: Wanted,
    at: sa.ColumnElement[datetime],
    interaction_id: sa.ColumnElement[int],
) -> sa.Select[*tuple[Any, ...]]:
    query = query.where(sees(actor) > 0)
    if wanted.kinds:
        query = query.where(interactions.c.kind.in_([kind.value for kind in wanted.kinds]))
    if wanted.channels:
        query = query.where(interactions.c.channel.in_([channel.value for channel in wanted.channels]))
    if wanted.after is not None:
        query = query.where(at > wanted.after)
    if wanted.before is not None:
        query = query.where(at < wanted.before)
    if wanted.q.strip():
        query = query.where(holds(conn, actor, wanted.q, interaction_id))
    return query


def _item(row: sa.Row[*tuple[Any, ...]]) -> Item:
    facts = documents.decode(row.kind, row.facts)
    return Item(
        id=row.id,
        key=row.key,
        channel=Channel(row.channel),
        kind=Kind(row.kind),
        direction=Direction(row.direction),
        occurred_at=row.occurred_at,
        title=row.title if readable(row.level, Level.SUBJECT) else "",
        preview=row.preview if readable(row.level, Level.ALL) else "",
        state=row.state,
        outcome=row.outcome,
        conversation_id=row.conversation_id,
        source=row.source,
        blob=row.blob if readable(row.level, Level.ALL) else None,
        facts=redacted(facts, row.level),
        level=row.level,
        revision=row.revision,
    )
