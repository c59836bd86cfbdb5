"""What time alone makes true: calls that are overdue, promises that are due, deals that stand still, contacts to whom
nobody has spoken; and what was done by whomever: deals that were moved, appointments that were booked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.book import Rulebook
from hub.alerts.facts import Fact, FactKind
from hub.alerts.rules import Rule
from hub.store.alert_tables import alerts, deal_stages
from hub.store.schema import activities, booking_notices, bookings, contacts, deals, missed_calls, tasks

WINDOW = timedelta(days=3)
"""What became true longer ago than this was true before the hub looked, or was told of."""

_AT_ONCE = 200

Scan = Callable[[Connection, Rulebook, Rule, datetime, Collection[int] | None], list[Fact]]
"""The facts of a rule that hold now and are news, or, of certain ids, those that still hold."""


def overdue_calls(
    conn: Connection, book: Rulebook, rule: Rule, now: datetime, ids: Collection[int] | None
) -> list[Fact]:
    """Missed calls that should have been returned. Where nobody owns one it concerns everybody."""
    m = missed_calls.c
    query = sa.select(m.interaction_id, m.contact_id, m.owner, m.due_at).where(m.state == "open", m.due_at < now)
    rows = conn.execute(_among(query, rule, "overdue", m.interaction_id, m.due_at, now, ids))
    everybody = tuple(sorted(book.people()))
    return [
        Fact(
            kind=FactKind.OVERDUE_CALL,
            key=f"overdue/{row.interaction_id}",
            at=row.due_at,
            interaction_id=row.interaction_id,
            contact_id=row.contact_id,
            agents=(row.owner,) if row.owner else everybody,
        )
        for row in rows
    ]


def promises(conn: Connection, book: Rulebook, rule: Rule, now: datetime, ids: Collection[int] | None) -> list[Fact]:
    """Tasks that should have been done."""
    t = tasks.c
    query = sa.select(t.id, t.due_at, t.owner, t.created_by, t.contact_id, t.interaction_id)
    query = query.where(t.done_at.is_(None), t.due_at < now)
    rows = conn.execute(_among(query, rule, "task", t.id, t.due_at, now, ids))
    return [
        Fact(
            kind=FactKind.PROMISE_DUE,
            key=f"task/{row.id}",
            at=row.due_at,
            task_id=row.id,
            contact_id=row.contact_id,
            interaction_id=row.interaction_id,
            agents=(row.owner or row.created_by,),
        )
        for row in rows
    ]


def still_deals(conn: Connection, book: Rulebook, rule: Rule, now: datetime, ids: Collection[int] | None) -> list[Fact]:
    """Open deals that nobody has touched for the rule's days."""
    d, since = deals.c, now - timedelta(days=rule.days)
    query = sa.select(d.id, d.owner, d.contact_id, d.company_id, d.updated_at, d.stage, d.amount)
    query = query.where(d.open, d.updated_at < since)
    rows = conn.execute(_among(query, rule, "deal-still", d.id, d.updated_at, since, ids))
    return [
        Fact(
            kind=FactKind.DEAL_STILL,
            key=f"deal-still/{row.id}",
            at=now,
            deal_id=row.id,
            contact_id=row.contact_id,
            company_id=row.company_id,
            agents=(row.owner,) if row.owner else (),
            values={"days": (now - row.updated_at).days, "stage": row.stage, "amount": row.amount or 0.0},
        )
        for row in rows
    ]


def silent_contacts(
    conn: Connection, book: Rulebook, rule: Rule, now: datetime, ids: Collection[int] | None
) -> list[Fact]:
    """Customers of somebody with whom nothing has happened on any channel for the rule's days."""
    c, since = contacts.c, now - timedelta(days=rule.days)
    last = (
        sa.select(sa.func.max(activities.c.occurred_at)).where(activities.c.contact_id == c.id).correlate(contacts)
    ).scalar_subquery()
    query = sa.select(c.id, c.owner, c.company_id, last.label("last")).where(c.owner != "", last < since)
    rows = conn.execute(_among(query, rule, "silence-of-contact", c.id, last, since, ids))
    return [
        Fact(
            kind=FactKind.SILENCE_OF_CONTACT,
            key=f"silence-of-contact/{row.id}",
            at=now,
            contact_id=row.id,
            company_id=row.company_id,
            agents=(row.owner,),
            values={"days": (now - row.last).days},
        )
        for row in rows
    ]


OFTEN: Mapping[FactKind, Scan] = {FactKind.OVERDUE_CALL: overdue_calls, FactKind.PROMISE_DUE: promises}
SELDOM: Mapping[FactKind, Scan] = {
    FactKind.DEAL_STILL: still_deals,
    FactKind.SILENCE_OF_CONTACT: silent_contacts,
}
"""Those that look at many records: once an hour is soon enough."""


def over(conn: Connection, kind: FactKind, scan: Scan, book: Rulebook, rule: Rule, now: datetime) -> list[Fact]:
    """Facts that say of the open alerts of *rule* which do not hold any more."""
    still_open = sa.select(alerts.c.key).where(
        alerts.c.rule == rule.name, alerts.c.kind == kind.value, alerts.c.ended_at.is_(None)
    )
    keys = set(conn.scalars(still_open.distinct()))
    if not keys:
        return []
    holds = {fact.key for fact in scan(conn, book, rule, now, [int(key.rpartition("/")[2]) for key in keys])}
    return [Fact(kind=kind, key=key, at=now, ended=True) for key in sorted(keys - holds)]


def moved_deals(conn: Connection, now: datetime) -> list[Fact]:
    """Open deals that are at another stage than when this was asked last. Each is answered once, however many hubs
    ask; a deal that was not known then is only remembered."""
    d, s = deals.c, deal_stages.c
    seen = sa.select(d.id, d.stage, d.owner, d.contact_id, d.company_id, d.amount, s.stage.label("before"))
    seen = seen.select_from(deals.outerjoin(deal_stages, s.deal_id == d.id))
    rows = conn.execute(seen.where(d.open, sa.or_(s.stage.is_(None), s.stage != d.stage)).limit(10 * _AT_ONCE)).all()
    known = sa.select(d.id, d.stage).where(d.id.in_([row.id for row in rows if row.before is None]))
    known = known.where(~sa.exists().where(s.deal_id == d.id))
    conn.execute(deal_stages.insert().from_select(["deal_id", "stage"], known))
    facts = []
    for row in rows:
        if row.before is None:
            continue
        mine = deal_stages.update().where(s.deal_id == row.id, s.stage == row.before).values(stage=row.stage)
        if conn.execute(mine).rowcount:
            facts.append(
                Fact(
                    kind=FactKind.DEAL_MOVED,
                    key=f"deal-moved/{row.id}",
                    at=now,
                    deal_id=row.id,
                    contact_id=row.contact_id,
                    company_id=row.company_id,
                    agents=(row.owner,) if row.owner else (),
                    values={"stage": row.stage, "amount": row.amount or 0.0},
                )
            )
    return facts


def any_moved(conn: Connection, _: datetime) -> bool:
    """Whether there is a deal at another stage than when that was looked at last."""
    d, s = deals.c, deal_stages.c
    seen = sa.select(d.id).select_from(deals.outerjoin(deal_stages, s.deal_id == d.id))
    moved = seen.where(d.open, sa.or_(s.stage.is_(None), s.stage != d.stage))
    return conn.execute(moved.limit(1)).first() is not None


def booked(conn: Connection, rule: Rule, now: datetime) -> list[Fact]:
    """What its hosts were told of appointments lately, and *rule* has raised nothing of yet: booked, moved, cancelled.
    Their notices are written in the transaction that does it (`hub.booking.reminders`), so that none is lost."""
    n = booking_notices.c
    sequence, number = sa.cast(n.sequence, sa.Text), sa.cast(n.booking_id, sa.Text)
    key = sa.literal("booking/").concat(number).concat("/").concat(n.kind).concat("/").concat(sequence)
    query = sa.select(n.kind, n.recipient, n.due_at, key.label("key"), bookings.c.appointment_id, bookings.c.contact_id)
    query = query.join(bookings, bookings.c.id == n.booking_id).where(
        n.way == "host",
        n.kind.in_(("booked", "moved", "cancelled")),
        n.due_at > now - timedelta(days=1),
        ~sa.exists().where(alerts.c.rule == rule.name, alerts.c.key == key),
    )
    return [
        Fact(
            kind=FactKind.BOOKING,
            key=row.key,
            at=row.due_at,
            booking_id=row.appointment_id,
            contact_id=row.contact_id,
            agents=(row.recipient,),
            values={"state": row.kind},
        )
        for row in conn.execute(query.order_by(n.id).limit(_AT_ONCE))
    ]


def _among(
    query: sa.Select[*tuple[object, ...]],
    rule: Rule,
    word: str,
    number: sa.ColumnElement[int],
    true_since: sa.ColumnElement[datetime],
    now: datetime,
    ids: Collection[int] | None,
) -> sa.Select[*tuple[object, ...]]:
    """*query* for certain ids; or for what became true lately, and of which the rule has no open alert."""
    if ids is not None:
        return query.where(number.in_(ids))
    key = sa.literal(f"{word}/").concat(sa.cast(number, sa.Text))
    known = sa.exists().where(alerts.c.rule == rule.name, alerts.c.key == key, alerts.c.ended_at.is_(None))
    return query.where(true_since > now - WINDOW, ~known).order_by(true_since.desc()).limit(_AT_ONCE)
