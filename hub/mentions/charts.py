"""How many mentions there are, of whom, and how they speak: the figures behind the charts. In somebody's
transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.mentions.listing import Filter, conditions
from hub.privacy.visibility import Actor, sees
from hub.store.mention_tables import mention_episodes, mention_matches, mentions
from hub.store.schema import conversations, interactions

Step = Literal["hour", "day"]

MOST_STEPS = 1_000
"""So many bars a chart has at most; more are taken together by the day."""


@dataclass(frozen=True, slots=True)
class Bar:
    """So many mentions (*count*) in the step that begins at *at*, in the reader's zone; of them *positive*, *neutral*,
    *negative* and *unclear*."""

    at: datetime
    count: int
    positive: int = 0
    neutral: int = 0
    negative: int = 0
    unclear: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """How many mentions a query found, and to how many followers they went."""

    query_id: int
    count: int
    reach: int


@dataclass(frozen=True, slots=True)
class Episode:
    """A `spike` or a `silence` of a query: *usual* were so many an hour, *seen* when it began, *peak* the most. It is
    open while *ended_at* is None."""

    id: int
    query_id: int
    kind: str
    began_at: datetime
    ended_at: datetime | None
    usual: float
    seen: int
    peak: int


def volume(
    conn: Connection, actor: Actor, which: Filter, since: datetime, until: datetime, step: Step, zone: ZoneInfo
) -> list[Bar]:
    """A bar for each *step* within [*since*, *until*), those without a mention among them."""
    if step == "hour" and (until - since) > timedelta(hours=MOST_STEPS):
        step = "day"
    found: dict[datetime, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = conn.execute(
        _joined(sa.select(mentions.c.posted_at, mentions.c.sentiment)).where(
            *conditions(conn, actor, which),
            mentions.c.posted_at >= since,
            mentions.c.posted_at < until,
            sees(actor) > 0,
        )
    )
    for at, sentiment in rows:
        found[_floor(at, step, zone)][sentiment] += 1
    bars, at, end = [], _floor(since, step, zone), until.astimezone(zone)
    while at < end:
        counts = found.get(at, {})
        bars.append(Bar(at, sum(counts.values()), *(counts.get(each, 0) for each in _FEELINGS)))
        at = _next(at, step, zone)
    return bars


_FEELINGS = ("positive", "neutral", "negative", "unclear")


def share(conn: Connection, actor: Actor, query_ids: Sequence[int], since: datetime, until: datetime) -> list[Share]:
    """What each of these queries found, in their order."""
    rows = conn.execute(
        sa.select(
            mention_matches.c.query_id,
            sa.func.count().label("count"),
            sa.func.coalesce(sa.func.sum(mentions.c.reach), 0).label("reach"),
        )
        .join_from(mention_matches, mentions, mentions.c.interaction_id == mention_matches.c.interaction_id)
        .join(interactions, interactions.c.id == mentions.c.interaction_id)
        .where(
            mention_matches.c.query_id.in_(list(query_ids)),
            mention_matches.c.stands,
            mentions.c.state != "irrelevant",
            mentions.c.posted_at >= since,
            mentions.c.posted_at < until,
            sees(actor) > 0,
        )
        .group_by(mention_matches.c.query_id)
    )
    found = {row.query_id: row for row in rows}
    return [
        Share(id, int(found[id]._mapping["count"]), int(found[id].reach)) if id in found else Share(id, 0, 0)
        for id in query_ids
    ]


def episodes(conn: Connection, query_id: int | None, since: datetime) -> list[Episode]:
    """Spikes and silences that were open since then, the latest first."""
    wanted = sa.select(mention_episodes).where(
        sa.or_(mention_episodes.c.ended_at.is_(None), mention_episodes.c.ended_at >= since)
    )
    if query_id is not None:
        wanted = wanted.where(mention_episodes.c.query_id == query_id)
    return [
        Episode(row.id, row.query_id, row.kind, row.began_at, row.ended_at, row.usual, row.seen, row.peak)
        for row in conn.execute(wanted.order_by(mention_episodes.c.began_at.desc()).limit(200))
    ]


def _joined(query: sa.Select[Any]) -> sa.Select[Any]:
    return query.join_from(mentions, interactions, interactions.c.id == mentions.c.interaction_id).join(
        conversations, conversations.c.id == interactions.c.conversation_id
    )


def _floor(at: datetime, step: Step, zone: ZoneInfo) -> datetime:
    here = at.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    return here if step == "hour" else here.replace(hour=0, fold=0)


def _next(at: datetime, step: Step, zone: ZoneInfo) -> datetime:
    if step == "hour":
        return (at.astimezone(ZoneInfo("UTC")) + timedelta(hours=1)).astimezone(zone)
    return (at.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
