"""The webhooks that are due: who is sending them, and how that ended. As `hub.alerts.ways.claims` does for people.

Webhooks about one alert go to one subscriber in their order: the next one waits until the one before is there, or has
been given up. One that somebody began to send and was never heard of again is sent again: its id tells the subscriber.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.subscribers.rows import CANCELLED, FAILED, QUEUED, SENT, cancel
from hub.store.clock import clock
from hub.store.columns import EPOCH
from hub.store.way_tables import subscriber_attempts, subscriber_events, subscribers

DELAYS = (5, 300, 1800, 7200, 18_000, 36_000, 28_800)
"""Seconds until a webhook is tried again: eight attempts within 26 hours."""

GIVEN_UP = timedelta(days=5)
"""A subscriber that has taken nothing for so long is switched off."""

LONGEST_ANSWER = 500
KEPT = timedelta(days=30)
"""How long it is known what was sent."""


@dataclass(frozen=True, slots=True)
class Due:
    """A webhook that is ours to send until *claimed_until*: what happened (*type*) at *at*."""

    id: int
    subscriber_id: int
    type: str
    data: dict[str, Any]
    at: datetime
    attempts: int
    claimed_until: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending *due*: the *status* of the answer (0: there was none), how long it took, and how the answer
    begins. *reason* is why it counts as failed, "" where it was taken; *gone*: it wants nothing any more; *never*: no
    other attempt would do better. Sent again at the earliest in *wait* seconds."""

    due: Due
    at: datetime
    status: int = 0
    milliseconds: int = 0
    answer: str = field(default="", repr=False)
    reason: str = ""
    gone: bool = False
    never: bool = False
    wait: float = 0


def due_subscribers(conn: Connection) -> list[int]:
    """The subscribers to whom something is to be sent."""
    return list(conn.scalars(sa.select(subscriber_events.c.subscriber_id).where(_due(clock(conn))).distinct()))


def claim(conn: Connection, subscriber_id: int, limit: int, seconds: float) -> list[Due]:
    """At most *limit* webhooks to a subscriber that are due, claimed for *seconds*; none where it was switched off."""
    now = clock(conn)
    until = now + timedelta(seconds=seconds)
    events = subscriber_events.c
    before = subscriber_events.alias("before")
    earlier = sa.exists().where(
        before.c.subscriber_id == subscriber_id,
        before.c.alert_id == events.alert_id,
        before.c.id < events.id,
        before.c.state == QUEUED,
    )
    enabled = sa.select(subscribers.c.enabled).where(subscribers.c.id == subscriber_id)
    if not conn.execute(enabled).scalar():
        cancel(conn, subscriber_id)
        return []
    wanted = sa.select(subscriber_events).where(events.subscriber_id == subscriber_id, _due(now), ~earlier)
    rows = conn.execute(wanted.order_by(events.due_at, events.id).limit(limit).with_for_update(skip_locked=True)).all()
    ids = [row.id for row in rows]
    if ids:
        conn.execute(subscriber_events.update().where(events.id.in_(ids)).values(claimed_until=until))
    return [Due(row.id, subscriber_id, row.type, row.data, row.at, row.attempts, until) for row in rows]


def forget_claims(conn: Connection) -> None:
    """Say that every claim has run out: on SQLite whoever held one is gone when the next hub starts."""
    conn.execute(
        subscriber_events.update().where(subscriber_events.c.claimed_until.is_not(None)).values(claimed_until=EPOCH)
    )


def settle(conn: Connection, attempts: Sequence[tuple[int, Attempt]], delays: Sequence[float] = DELAYS) -> list[int]:
    """Write down how attempts ended, each under the id given with it. What failed is tried again after the next of
    *delays*, in seconds. Answers the subscribers that were switched off: they want nothing, or took nothing for
    long."""
    off = []
    for attempt_id, attempt in attempts:
        due, good = attempt.due, not attempt.reason
        logged(conn, attempt_id, attempt)
        last = attempt.never or attempt.gone or due.attempts >= len(delays)
        values: dict[str, Any] = {"attempts": due.attempts + 1, "claimed_until": None}
        if good or last:
            values["state"] = SENT if good else FAILED
        else:
            wait = max(delays[due.attempts], attempt.wait)
            values["due_at"] = attempt.at + timedelta(seconds=wait)
        mine = subscriber_events.c.id == due.id, subscriber_events.c.claimed_until == due.claimed_until
        conn.execute(subscriber_events.update().where(*mine).values(values))
        if _done_with(conn, attempt):
            off.append(due.subscriber_id)
    return off


def logged(conn: Connection, attempt_id: int, attempt: Attempt) -> None:
    """Keep what was answered."""
    conn.execute(
        subscriber_attempts.insert().values(
            id=attempt_id, event_id=attempt.due.id, subscriber_id=attempt.due.subscriber_id, at=attempt.at,
            status=attempt.status, milliseconds=attempt.milliseconds, answer=attempt.answer[:LONGEST_ANSWER],
            reason=attempt.reason,
        )
    )  # fmt: skip


def _done_with(conn: Connection, attempt: Attempt) -> bool:
    """Whether the subscriber was switched off by this attempt, because it has taken nothing for long."""
    which = subscribers.c.id == attempt.due.subscriber_id
    if not attempt.reason:
        conn.execute(
            subscribers.update().where(which, subscribers.c.failing_since.is_not(None)).values(failing_since=None)
        )
        return False
    conn.execute(
        subscribers.update().where(which, subscribers.c.failing_since.is_(None)).values(failing_since=attempt.at)
    )
    since = conn.execute(sa.select(subscribers.c.failing_since).where(which)).scalar()
    long = since is not None and attempt.at - since >= GIVEN_UP
    if not attempt.gone and not long:
        return False
    reason = "It answered 410 Gone." if attempt.gone else f"It took nothing for {GIVEN_UP.days} days."
    changed = conn.execute(
        subscribers.update()
        .where(which, subscribers.c.enabled)
        .values(enabled=False, reason=reason, version=subscribers.c.version + 1)
    )
    cancel(conn, attempt.due.subscriber_id)
    return bool(changed.rowcount)


def again(conn: Connection, subscriber_id: int, attempt_id: int, now: datetime) -> bool:
    """Send once more what that attempt was about, as the same webhook. False where there is no such attempt, or it is
    under way."""
    event = sa.select(subscriber_attempts.c.event_id).where(
        subscriber_attempts.c.id == attempt_id, subscriber_attempts.c.subscriber_id == subscriber_id
    )
    done = conn.execute(
        subscriber_events.update()
        .where(subscriber_events.c.id == event.scalar_subquery(), subscriber_events.c.claimed_until.is_(None))
        .values(state=QUEUED, attempts=0, due_at=now)
    )
    return bool(done.rowcount)


def tidy(conn: Connection, now: datetime) -> None:
    """Forget what was sent long ago."""
    old = subscriber_events.c.state.in_((SENT, FAILED, CANCELLED)), subscriber_events.c.at < now - KEPT
    conn.execute(subscriber_events.delete().where(*old))


def _due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        subscriber_events.c.state == QUEUED,
        subscriber_events.c.due_at <= now,
        sa.or_(subscriber_events.c.claimed_until.is_(None), subscriber_events.c.claimed_until < now),
    )
