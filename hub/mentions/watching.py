"""What people watch for, in memory: their queries as one automaton, and how posts are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.mentions.query import Hit, Matcher, Post, Query, QueryError, parse
from hub.mentions.reading.feeling import Feelings
from hub.store.mention_tables import mention_corrections, watch_queries

MOST_CORRECTIONS = 2_000
"""So many corrections are kept in mind, the latest."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A query that is watched, and by whom (agent ids)."""

    id: int
    name: str
    query: Query = field(repr=False)
    agents: tuple[str, ...]


class Watching:
    """The queries that are switched on. `refresh` reads them; matching uses what was read last."""

    def __init__(self) -> None:
        self.queries: Mapping[int, Watched] = {}
        self.feelings = Feelings()
        self._matcher: Matcher | None = None
        self._stamps: tuple[object, object] = ((0, None), (0, None))

    def refresh(self, conn: Connection) -> bool:
        """Read what changed since. Answers whether anything did."""
        asked, said = self._stamps
        queries = _stamp(conn, sa.select(sa.func.count(), sa.func.max(watch_queries.c.updated_at)))
        told = _stamp(conn, sa.select(sa.func.count(), sa.func.max(mention_corrections.c.id)))
        if queries != asked:
            self._read(conn)
        if told != said:
            self.feelings = Feelings(_corrections(conn))
        self._stamps = (queries, told)
        return (queries, told) != (asked, said)

    def matching(self, posts: Sequence[Post]) -> list[tuple[Hit, ...]]:
        """Which queries each of *posts* matches, and where."""
        return self._matcher.matching(posts) if self._matcher is not None else [()] * len(posts)

    def _read(self, conn: Connection) -> None:
        rows = conn.execute(
            sa.select(watch_queries).where(watch_queries.c.enabled, watch_queries.c.archived_at.is_(None))
        ).all()
        found = {}
        for row in rows:
            try:
                found[row.id] = Watched(row.id, row.name, parse(row.text), tuple(row.agents))
            except QueryError:  # a release that reads the language more strictly: its page says so
                continue
        self.queries = found
        self._matcher = Matcher({id: each.query for id, each in found.items()}) if found else None


def _stamp(conn: Connection, query: sa.Select[*tuple[Any, ...]]) -> tuple[object, ...]:
    return tuple(conn.execute(query).one())


def _corrections(conn: Connection) -> list[tuple[str, str]]:
    """Texts with the feeling that people gave them, the latest last."""
    rows = conn.execute(
        sa.select(mention_corrections.c.text, mention_corrections.c.value)
        .where(mention_corrections.c.field == "sentiment")
        .order_by(mention_corrections.c.id.desc())
        .limit(MOST_CORRECTIONS)
    )
    return [(row.text, row.value) for row in rows][::-1]
