"""What a rule would have raised: the facts of the last days, as far as the store still has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts import recorded
from hub.alerts.book import Rulebook
from hub.alerts.facts import Fact, FactKind
from hub.alerts.raising import matching
from hub.alerts.rules import Rule
from hub.store.alert_tables import reminders
from hub.store.mention_tables import mention_episodes, mention_matches, mentions, watch_queries
from hub.store.schema import (
    activities,
    appointments,
    bookings,
    interactions,
    missed_calls,
    tasks,
    undeliverable,
)

MOST = 20_000
"""So many facts are looked at, the latest first."""

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Would:
    """An alert as it would have been: when, for whom, and of what (ids)."""

    at: datetime
    agents: tuple[str, ...]
    key: str
    interaction_id: int | None
    contact_id: int | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a rule would have raised: *count* episodes since *since* (UTC), by day on the hub's clock, and the latest of
    them. *known* is False where the past of what the rule is about is not kept; *partly* where more was there than was
    looked at."""

    count: int
    since: datetime
    by_day: Mapping[date, int]
    alerts: tuple[Would, ...]
    known: bool = True
    partly: bool = False


def dry_run(conn: Connection, rule: Rule, book: Rulebook, now: datetime, days: int = 30) -> DryRun:
    """What *rule* would have raised in the *days* before *now*."""
    since = now - timedelta(days=days)
    read = _PAST.get(rule.kinds[0])
    if read is None:
        return DryRun(0, since, {}, (), known=False)
    facts = read(conn, rule, since, now)
    found: dict[tuple[str, date], tuple[Fact, list[str]]] = {}
    for wanted in matching(conn, [_by_day(fact) for fact in facts], book, now, only=rule):
        place = (wanted.fact.key, wanted.fact.at.date())
        found.setdefault(place, (wanted.fact, []))[1].append(wanted.agent)
    latest = sorted(found.values(), key=lambda each: each[0].at, reverse=True)
    shown = tuple(
        Would(fact.at, tuple(agents), fact.key.rpartition("@")[0], fact.interaction_id, fact.contact_id)
        for fact, agents in latest[:SHOWN]
    )
    by_day = Counter(fact.at.date() for fact, _ in latest)
    return DryRun(len(latest), since, dict(sorted(by_day.items())), shown, partly=len(facts) >= MOST)


def _by_day(fact: Fact) -> Fact:
    """One episode a day: that somebody would have seen to it by the next is the best guess."""
    return Fact(
        kind=fact.kind,
        key=f"{fact.key}@{fact.at.date()}",
        at=fact.at,
        interaction_id=fact.interaction_id,
        contact_id=fact.contact_id,
        conversation_id=fact.conversation_id,
        task_id=fact.task_id,
        booking_id=fact.booking_id,
        query_id=fact.query_id,
        source=fact.source,
        agents=fact.agents,
        values=fact.values,
    )


def _interactions(kind: FactKind) -> Callable[[Connection, Rule, datetime, datetime], list[Fact]]:
    def read(conn: Connection, rule: Rule, since: datetime, now: datetime) -> list[Fact]:
        i = interactions.c
        contact = (
            sa.select(sa.func.min(activities.c.contact_id))
            .where(activities.c.interaction_id == i.id)
            .having(sa.func.count() == 1)
            .correlate(interactions)
        ).scalar_subquery()
        query = sa.select(i.id, i.conversation_id, i.occurred_at, i.channel, i.source, contact.label("contact_id"))
        query = query.where(i.kind == ("message" if kind is FactKind.MESSAGE else "call"), i.direction == "inbound")
        if kind is FactKind.MISSED:
            query = query.where(i.outcome.in_(("missed", "voicemail")))
        query = query.where(i.occurred_at >= since, i.occurred_at <= now).order_by(i.occurred_at.desc()).limit(MOST)
        return [
            recorded.fact(kind, row.id, row.conversation_id, row.contact_id, row.occurred_at, row.channel, row.source)
            for row in conn.execute(query)
        ]

    return read


def _overdue(conn: Connection, rule: Rule, since: datetime, now: datetime) -> list[Fact]:
    m = missed_calls.c
    late = sa.or_(m.closed_at > m.due_at, sa.and_(m.closed_at.is_(None), m.due_at < now))
    query = sa.select(missed_calls).where(late, m.due_at >= since).order_by(m.due_at.desc()).limit(MOST)
    return [
        Fact(
            kind=FactKind.OVERDUE_CALL, key=f"overdue/{row.interaction_id}", at=row.due_at,
            interaction_id=row.interaction_id, contact_id=row.contact_id,
            agents=(row.owner,) if row.owner else (),
        )
        for row in conn.execute(query)
    ]  # fmt: skip


def _promises(conn: Connection, rule: Rule, since: datetime, now: datetime) -> list[Fact]:
    t = tasks.c
    late = sa.or_(t.done_at > t.due_at, t.done_at.is_(None))
    query = sa.select(tasks).where(late, t.due_at >= since, t.due_at < now).order_by(t.due_at.desc()).limit(MOST)
    return [
        Fact(
            kind=FactKind.PROMISE_DUE, key=f"task/{row.id}", at=row.due_at, task_id=row.id, contact_id=row.contact_id,
            interaction_id=row.interaction_id, agents=(row.owner or row.created_by,),
        )
        for row in conn.execute(query)
    ]  # fmt: skip


def _bounces(conn: Connection, rule: Rule, since: datetime, now: datetime) -> list[Fact]:
    u = undeliverable.c
    query = sa.select(u.at, u.interaction_id, interactions.c.conversation_id, interactions.c.source)
    query = query.join(interactions, interactions.c.id == u.interaction_id).where(u.at >= since)
    return [
        recorded.fact(FactKind.BOUNCE, row.interaction_id, row.conversation_id, None, row.at, "", row.source)
        for row in conn.execute(query.order_by(u.at.desc()).limit(MOST))
    ]


def _bookings(conn: Connection, rule: Rule, since: datetime, now: datetime) -> list[Fact]:
    a = appointments.c
    query = sa.select(a.id, a.organizer, a.created_at, a.changed_at, a.state, bookings.c.contact_id)
    query = query.join(bookings, bookings.c.appointment_id == a.id).where(a.changed_at >= since)
    facts = []
    for row in conn.execute(query.order_by(a.changed_at.desc()).limit(MOST)):
        was = (
            ("booked", row.created_at),
            ("cancelled" if row.state in ("cancelled", "declined") else "", row.changed_at),
        )
        facts += [
            Fact(
                kind=FactKind.BOOKING, key=f"booking/{row.id}/{state}", at=at, booking_id=row.id,
                contact_id=row.contact_id, agents=(row.organizer,), values={"state": state},
            )
            for state, at in was
            if state and at >= since
        ]  # fmt: skip
    return facts


def _reminders(conn: Connection, rule: Rule, since: datetime, now: datetime) -> list[Fact]:
    r = reminders.c
    query = sa.select(reminders).where(r.done_at >= since).order_by(r.done_at.desc()).limit(MOST)
    return [
        Fact(
            kind=FactKind.REMINDER, key=f"reminder/{row.id}", at=row.due_at, interaction_id=row.interaction_id,
            agents=(row.agent,),
        )
        for row in conn.execute(query)
    ]  # fmt: skip


def _mentions(conn: Connection, rule: Rule, since: datetime, now: datetime) -> list[Fact]:
    m, of, q = mentions.c, mention_matches.c, watch_queries.c
    query = sa.select(
        m.interaction_id, m.sentiment, m.reach, of.query_id, of.posted_at, interactions.c.source, q.agents
    )
    query = query.join(mention_matches, of.interaction_id == m.interaction_id).join(
        interactions, interactions.c.id == m.interaction_id
    )
    query = query.join(watch_queries, q.id == of.query_id).where(of.stands, of.posted_at >= since)
    return [
        Fact(
            kind=FactKind.MENTION, key=f"mention/{row.interaction_id}", at=row.posted_at, query_id=row.query_id,
            interaction_id=row.interaction_id, source=row.source, agents=tuple(row.agents),
            values={"sentiment": row.sentiment, "reach": row.reach or 0},
        )
        for row in conn.execute(query.order_by(of.posted_at.desc()).limit(MOST))
    ]  # fmt: skip


def _episodes(kind: FactKind) -> Callable[[Connection, Rule, datetime, datetime], list[Fact]]:
    def read(conn: Connection, rule: Rule, since: datetime, now: datetime) -> list[Fact]:
        e, q = mention_episodes.c, watch_queries.c
        query = sa.select(e.query_id, e.began_at, q.agents).join(watch_queries, q.id == e.query_id)
        query = query.where(e.kind == kind.value, e.began_at >= since).order_by(e.began_at.desc()).limit(MOST)
        return [
            Fact(
                kind=kind, key=f"{kind}/{row.query_id}", at=row.began_at, query_id=row.query_id,
                agents=tuple(row.agents),
            )
            for row in conn.execute(query)
        ]  # fmt: skip

    return read


_PAST: Mapping[FactKind, Callable[[Connection, Rule, datetime, datetime], list[Fact]]] = {
    FactKind.MESSAGE: _interactions(FactKind.MESSAGE),
    FactKind.CALL: _interactions(FactKind.CALL),
    FactKind.MISSED: _interactions(FactKind.MISSED),
    FactKind.OVERDUE_CALL: _overdue,
    FactKind.PROMISE_DUE: _promises,
    FactKind.BOUNCE: _bounces,
    FactKind.BOOKING: _bookings,
    FactKind.REMINDER: _reminders,
    FactKind.MENTION: _mentions,
    FactKind.SPIKE: _episodes(FactKind.SPIKE),
    FactKind.SILENCE: _episodes(FactKind.SILENCE),
}
"""The past is kept of these. How long a deal stood still a week ago, or whether a source lagged, nobody knows any
more."""
