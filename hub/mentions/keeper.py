"""What has to be looked at by the clock: spikes and silences begin and end, and what was kept for looking back goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.book import Rulebook
from hub.alerts.facts import Fact, FactKind
from hub.alerts.raising import raised
from hub.crm.records import insert
from hub.live import LiveEvent
from hub.mentions.reading import episodes
from hub.mentions.reading.episodes import Expected
from hub.mentions.watching import Watched
from hub.store.columns import micros
from hub.store.mention_tables import (
    mention_counts,
    mention_episodes,
    mention_matches,
    mentions,
    posts,
    watch_queries,
)
from hub.store.schema import interactions, sources
from hub.store.sets import SetRead, among, given

WEEKS = 8
QUIET_HOURS = 6
HOUR = timedelta(hours=1)
_DEAF = ("connecting", "waiting", "failed", "rejected", "misconfigured", "off")
WEEK = timedelta(days=7)
_CHUNK = 500
_OPEN = sa.select(mention_episodes.c.query_id).where(mention_episodes.c.ended_at.is_(None))
_BUSY = SetRead(
    sa.select(mention_counts.c.query_id, mention_counts.c["count"]).where(
        among(mention_counts.c.query_id), mention_counts.c.hour == given("hour", mention_counts.c.hour.type)
    )
)


def moved(conn: Connection, queries: Sequence[Watched], now: datetime) -> list[Watched]:
    """Those of *queries* of which an episode is open or would begin. It only reads: of a thousand queries that takes a
    moment in which nobody could write."""
    ids, hour = [watched.id for watched in queries], now.replace(minute=0, second=0, microsecond=0)
    counts, found = _counts(conn, ids, now), set(conn.scalars(_OPEN))
    return [
        watched
        for watched in queries
        if watched.id in found or _spiking(counts[watched.id], hour) or _silent(counts[watched.id], hour)
    ]


def judge(
    conn: Connection,
    queries: Sequence[Watched],
    book: Rulebook,
    new_id: Callable[[], int],
    now: datetime,
    stale: Callable[[Connection, int], bool] = lambda conn, query: False,
) -> list[LiveEvent]:
    """Begin and end the episodes of *queries* as of *now*. *stale*: whether what a query is usually found by may not
    have been heard lately, so that silence says nothing. Answers what to tell the screens."""
    facts: list[Fact] = []
    counts = _counts(conn, [watched.id for watched in queries], now)
    for watched in queries:
        facts += _spike(conn, watched, counts[watched.id], new_id, now)
        facts += _silence(conn, watched, counts[watched.id], new_id, now, stale)
    if not facts:
        return []
    news = raised(conn, facts, book, new_id, now)
    return [*news, LiveEvent("watch", {"queries": sorted({str(fact.query_id) for fact in facts})})]


def busy(conn: Connection, queries: Sequence[int], now: datetime) -> dict[int, int]:
    """Those of *queries* of which there are so many mentions in this hour that it may be a spike, with their number."""
    hour = micros(now.replace(minute=0, second=0, microsecond=0))
    return {id: count for id, count in _BUSY(conn, sorted(queries), hour=hour) if count >= episodes.MINIMUM}


def _counts(conn: Connection, ids: Sequence[int], now: datetime) -> dict[int, dict[datetime, int]]:
    """Of each query the counts of the hours that matter now, and its first hour, as 0 where that is none of them."""
    hour, counts = now.replace(minute=0, second=0, microsecond=0), mention_counts.c
    hours = [hour - back * HOUR - week * WEEK for back in range(QUIET_HOURS + 1) for week in range(WEEKS + 1)]
    earliest = sa.select(sa.func.min(counts.hour)).where(counts.query_id == watch_queries.c.id).scalar_subquery()
    found: dict[int, dict[datetime, int]] = {id: {} for id in ids}
    for start in range(0, len(ids), _CHUNK):
        some = ids[start : start + _CHUNK]
        rows = sa.select(mention_counts).where(counts.query_id.in_(some), counts.hour.in_(hours))
        for row in conn.execute(rows):
            found[row.query_id][row.hour] = row._mapping["count"]
        firsts = sa.select(watch_queries.c.id, earliest.label("hour")).where(watch_queries.c.id.in_(some))
        for row in conn.execute(firsts):
            if row.hour is not None:
                found[row.id].setdefault(row.hour, 0)
    return found


def usual(counts: dict[datetime, int], hour: datetime) -> Expected:
    """What is usual in *hour*: the same hour of the weeks before, as far back as the query has found anything."""
    first = min(counts, default=hour)
    history = [counts.get(hour - week * WEEK, 0) for week in range(1, WEEKS + 1) if hour - week * WEEK >= first]
    return episodes.expected(history)


def _spike(
    conn: Connection, watched: Watched, counts: dict[datetime, int], new_id: Callable[[], int], now: datetime
) -> list[Fact]:
    """The current hour may only begin one, for it is not over; the one before may also end it."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    open_ = _open(conn, watched.id, "spike")
    if open_ is None:
        found = _spiking(counts, hour)
        return [_began(conn, watched, "spike", new_id, *found, counts[found[0]], now)] if found else []
    for at in (hour - HOUR, hour):
        if (seen := counts.get(at, 0)) > open_.peak:
            conn.execute(mention_episodes.update().where(mention_episodes.c.id == open_.id).values(peak=seen))
    before = hour - HOUR
    if (
        open_.began_at < before and episodes.spike_ends(counts.get(before, 0), usual(counts, before))
    ) and not episodes.spike_begins(counts.get(hour, 0), usual(counts, hour)):
        return [_ended(conn, watched, open_, now)]
    return []


def _silence(
    conn: Connection,
    watched: Watched,
    counts: dict[datetime, int],
    new_id: Callable[[], int],
    now: datetime,
    stale: Callable[[Connection, int], bool],
) -> list[Fact]:
    """Hours that are over count; the current one only ends it."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    open_ = _open(conn, watched.id, "silence")
    if open_ is not None:
        for at in (hour - HOUR, hour):
            if at >= open_.began_at and episodes.silence_ends(counts.get(at, 0), usual(counts, at)):
                return [_ended(conn, watched, open_, now)]
        return []
    found = _silent(counts, hour)
    if found is None or stale(conn, watched.id):
        return []
    return [_began(conn, watched, "silence", new_id, *found, 0, now)]


def _spiking(counts: dict[datetime, int], hour: datetime) -> tuple[datetime, float] | None:
    """The hour in which a spike began, if one did, and how much is usual there: *hour*, which is not over, or the one
    before it."""
    for at in (hour - HOUR, hour):
        if (seen := counts.get(at, 0)) >= episodes.MINIMUM and episodes.spike_begins(seen, usual(counts, at)):
            return at, usual(counts, at).mean
    return None


def _silent(counts: dict[datetime, int], hour: datetime) -> tuple[datetime, float] | None:
    """The hour in which a silence began that lasts until now, if there is one, and how much is usual in each of its
    hours."""
    expected: list[Expected] = []
    for place in range(1, QUIET_HOURS + 1):
        at = hour - place * HOUR
        if counts.get(hour, 0) or counts.get(at, 0):
            return None
        expected.append(usual(counts, at))
        if episodes.silence_begins([0] * place, expected):
            return at, sum(each.mean for each in expected) / place
    return None


def _open(conn: Connection, query_id: int, kind: str) -> sa.Row[*tuple[Any, ...]] | None:
    wanted = sa.select(mention_episodes.c.id, mention_episodes.c.began_at, mention_episodes.c.peak)
    here = (
        mention_episodes.c.query_id == query_id,
        mention_episodes.c.kind == kind,
        mention_episodes.c.ended_at.is_(None),
    )
    return conn.execute(wanted.where(*here)).one_or_none()


def _began(
    conn: Connection,
    watched: Watched,
    kind: str,
    new_id: Callable[[], int],
    at: datetime,
    mean: float,
    seen: int,
    now: datetime,
) -> Fact:
    row = {
        "id": new_id(),
        "query_id": watched.id,
        "kind": kind,
        "began_at": at,
        "usual": mean,
        "seen": seen,
        "peak": seen,
    }
    # Two hubs may look at the same moment: the open one is one.
    conn.execute(insert(conn, mention_episodes).values(row).on_conflict_do_nothing())
    return _fact(watched, kind, now, seen, mean, ended=False)


def _ended(conn: Connection, watched: Watched, open_: sa.Row[*tuple[Any, ...]], now: datetime) -> Fact:
    kind = conn.execute(
        mention_episodes.update()
        .where(mention_episodes.c.id == open_.id)
        .values(ended_at=now)
        .returning(mention_episodes.c.kind)
    ).scalar_one()
    return _fact(watched, kind, now, 0, 0.0, ended=True)


def _fact(watched: Watched, kind: str, now: datetime, seen: int, mean: float, *, ended: bool) -> Fact:
    return Fact(
        kind=FactKind(kind),
        key=f"{kind}/{watched.id}",
        at=now,
        query_id=watched.id,
        agents=watched.agents,
        values={"seen": seen, "usual": round(mean, 1)},
        ended=ended,
    )


def deaf(conn: Connection, query_id: int, now: datetime) -> bool:
    """Whether a source that told of most of what a query found lately is behind, or has an error: then silence is no
    news."""
    told = (
        sa.select(interactions.c.source)
        .join_from(mentions, interactions, interactions.c.id == mentions.c.interaction_id)
        .join(mention_matches, mention_matches.c.interaction_id == mentions.c.interaction_id)
        .where(mention_matches.c.query_id == query_id, mentions.c.posted_at > now - 2 * WEEK)
        .group_by(interactions.c.source)
        .order_by(sa.func.count().desc())
        .limit(3)
    )
    names = list(conn.scalars(told))
    return bool(names) and bool(
        conn.execute(sa.select(sources.c.name).where(sources.c.name.in_(names), sources.c.state.in_(_DEAF))).first()
    )


def tidy(conn: Connection, now: datetime, keep_days: int) -> int:
    """Forget posts that were kept long enough. Answers how many."""
    old = posts.delete().where(posts.c.heard_at < now - timedelta(days=keep_days))
    return conn.execute(old).rowcount
