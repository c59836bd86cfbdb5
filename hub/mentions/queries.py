"""Queries as they are kept. Functions take a connection and run inside somebody's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.mentions.query import parse
from hub.store.mention_tables import mention_counts, mention_matches, mentions, watch_queries

LONGEST_NAME = 100


class Stale(Exception):
    """Somebody changed the query meanwhile: it is at *version* now."""

    def __init__(self, version: int) -> None:
        super().__init__("Somebody has changed this query meanwhile.")
        self.version = version


class Unknown(LookupError):
    """There is no such query, or no such mention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A query of the page: its *text* in the language of docs/QUERIES.md, the *agents* who watch it, and how many
    mentions it has found that nobody has seen to (*new*)."""

    id: int
    name: str
    text: str
    agents: tuple[str, ...]
    enabled: bool
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    new: int = 0


def listed(conn: Connection) -> list[Stored]:
    """All queries, by name."""
    fresh = (
        sa.select(mention_matches.c.query_id, sa.func.count().label("new"))
        .join_from(mention_matches, mentions, mentions.c.interaction_id == mention_matches.c.interaction_id)
        .where(mentions.c.state == "new", mention_matches.c.stands)
        .group_by(mention_matches.c.query_id)
    )
    counts = {row.query_id: row.new for row in conn.execute(fresh)}
    rows = conn.execute(
        sa.select(watch_queries).where(watch_queries.c.archived_at.is_(None)).order_by(watch_queries.c.name)
    )
    return [_stored(row, counts.get(row.id, 0)) for row in rows]


def by_id(conn: Connection, query_id: int) -> Stored:
    """The query of that id. Raises `Unknown`."""
    row = conn.execute(
        sa.select(watch_queries).where(watch_queries.c.id == query_id, watch_queries.c.archived_at.is_(None))
    ).one_or_none()
    if row is None:
        raise Unknown(f"query/{query_id}")
    return _stored(row, 0)


def make(
    conn: Connection, query_id: int, name: str, text: str, agents: Sequence[str], by: str, now: datetime
) -> Stored:
    """Keep a new query. Raises `QueryError`."""
    parse(text)
    conn.execute(
        watch_queries.insert().values(
            id=query_id, name=name, text=text, agents=list(agents), created_by=by, created_at=now, updated_at=now
        )
    )
    return by_id(conn, query_id)


def change(conn: Connection, query_id: int, version: int, values: dict[str, Any], now: datetime) -> Stored:
    """Set *values* (name, text, agents, enabled) of the query at *version*. Raises `QueryError`, `Stale`, `Unknown`."""
    if "text" in values:
        parse(values["text"])
    here = watch_queries.c.id == query_id, watch_queries.c.version == version, watch_queries.c.archived_at.is_(None)
    changed = watch_queries.update().where(*here).values(**values, version=version + 1, updated_at=now)
    if not conn.execute(changed).rowcount:
        raise Stale(by_id(conn, query_id).version)
    return by_id(conn, query_id)


def expect(conn: Connection, query_id: int, by_hour: Mapping[datetime, int]) -> None:
    """What a query would have found in each hour stands for what it has found, so that what is usual is known."""
    conn.execute(mention_counts.delete().where(mention_counts.c.query_id == query_id))
    rows = [{"query_id": query_id, "hour": hour, "count": count} for hour, count in by_hour.items()]
    if rows:
        conn.execute(mention_counts.insert(), rows)


def archive(conn: Connection, query_id: int, now: datetime) -> None:
    """Watch for it no longer; what it found stays. Raises `Unknown`."""
    by_id(conn, query_id)
    conn.execute(watch_queries.update().where(watch_queries.c.id == query_id).values(archived_at=now, updated_at=now))


def names(conn: Connection, ids: Collection[int]) -> dict[int, str]:
    """The names of queries, archived ones among them."""
    rows = conn.execute(sa.select(watch_queries.c.id, watch_queries.c.name).where(watch_queries.c.id.in_(list(ids))))
    return {row.id: row.name for row in rows}


def _stored(row: sa.Row[*tuple[Any, ...]], new: int) -> Stored:
    return Stored(
        id=row.id,
        name=row.name,
        text=row.text,
        agents=tuple(row.agents),
        enabled=row.enabled,
        version=row.version,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        new=new,
    )
