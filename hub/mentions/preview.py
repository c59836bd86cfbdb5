"""What a query would have caught: tried on the mentions that there are and on the sample of all other posts."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import facts as documents
from hub.mentions.posts import author, post_of
from hub.mentions.query import Matcher, Query, Span
from hub.store.mention_tables import mentions, posts
from hub.store.schema import interactions
from hub.vocabulary import Kind, Mention

SECONDS = 2.0
"""So long is looked: what has not been looked at by then is said."""

CHUNK = 1_000
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Sampled:
    """A post that it would have caught, and where in it."""

    key: str
    source: str
    author: str
    site: str
    title: str
    text: str
    url: str
    posted_at: datetime
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """*count* posts of those that are kept match; *estimated* are as many as there will have been, since of busy
    sources only a share is kept. *by_day* are the estimates. *looked* of *kept* posts were looked at: fewer where there
    was no time for more, and then the numbers are of those."""

    count: int
    estimated: int
    days: int
    by_day: dict[date, int]
    by_hour: dict[datetime, int]
    sample: tuple[Sampled, ...]
    looked: int
    kept: int


def preview(conn: Connection, query: Query, days: int, now: datetime, zone: ZoneInfo) -> Preview:
    """Try *query* on the last *days*, newest posts first."""
    matcher = Matcher({0: query})
    since, until = now - timedelta(days=days), time.monotonic() + SECONDS
    kept = conn.execute(sa.select(sa.func.count()).select_from(posts).where(posts.c.heard_at >= since)).scalar_one()
    kept += conn.execute(
        sa.select(sa.func.count()).select_from(mentions).where(mentions.c.posted_at >= since)
    ).scalar_one()
    count, estimated, looked = 0, 0.0, 0
    by_day: dict[date, float] = defaultdict(float)
    by_hour: dict[datetime, float] = defaultdict(float)
    shown: list[Sampled] = []
    for chunk in _chunks(conn, since):
        found = matcher.matching([post_of(facts, source) for _, source, facts, _, _ in chunk])
        looked += len(chunk)
        for (key, source, facts, at, weight), hits in zip(chunk, found, strict=True):
            if hits:
                count, estimated = count + 1, estimated + weight
                by_day[at.astimezone(zone).date()] += weight
                written = min(facts.posted_at or at, at).astimezone(UTC)
                by_hour[written.replace(minute=0, second=0, microsecond=0)] += weight
                if len(shown) < SHOWN:
                    shown.append(_sampled(key, source, facts, at, hits[0].spans))
        if time.monotonic() > until:
            break
    days_of = {day: round(number) for day, number in sorted(by_day.items())}
    hours_of = {hour: round(number) for hour, number in sorted(by_hour.items())}
    return Preview(count, round(estimated), days, days_of, hours_of, tuple(shown), looked, kept)


def _chunks(conn: Connection, since: datetime) -> Iterator[list[tuple[str, str, Mention, datetime, float]]]:
    """The posts since then, a thousand at a time: first the mentions, then the sample, each newest first."""
    recorded = (
        sa.select(
            interactions.c.key,
            interactions.c.source,
            sa.type_coerce(interactions.c.facts, sa.Text),
            mentions.c.posted_at,
            sa.literal(1.0),
        )
        .join_from(mentions, interactions, interactions.c.id == mentions.c.interaction_id)
        .where(mentions.c.posted_at >= since)
        .order_by(mentions.c.posted_at.desc())
    )
    sampled = (
        sa.select(posts.c.key, posts.c.source, sa.type_coerce(posts.c.facts, sa.Text), posts.c.heard_at, posts.c.weight)
        .where(posts.c.heard_at >= since)
        .order_by(posts.c.heard_at.desc())
    )
    for wanted in (recorded, sampled):
        result = conn.execute(wanted)
        while rows := result.fetchmany(CHUNK):
            chunk = []
            for key, source, facts, at, weight in rows:
                read = documents.decode(Kind.MENTION, facts)
                if isinstance(read, Mention):
                    chunk.append((key, source, read, at, weight))
            yield chunk


def _sampled(key: str, source: str, facts: Mention, at: datetime, spans: tuple[Span, ...]) -> Sampled:
    by = author(facts)
    name = (by.name or by.handle) if by else ""
    return Sampled(key, source, name, facts.site or "", facts.title or "", facts.text or "", facts.url or "", at, spans)
