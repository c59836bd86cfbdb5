"""Reminders that a person sets for herself from something on a timeline. What she notes is for her alone."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.alerts.facts import Fact, FactKind
from hub.crm.records import Unknown
from hub.privacy.visibility import Actor, sees
from hub.store.alert_tables import reminders
from hub.store.schema import interactions
from hub.timeline import contacts_of

LONGEST = 500
"""Characters of a note."""

_AT_ONCE = 200


def remind(
    conn: Connection, actor: Actor, number: int, entry: int, interaction_id: int, due_at: datetime, note: str,
    now: datetime,
) -> None:  # fmt: skip
    """Remind *actor* of an interaction at *due_at* (UTC). Raises `Unknown` where there is none that she may see."""
    known = sa.select(interactions.c.id).where(interactions.c.id == interaction_id, sees(actor) > 0)
    if conn.execute(known).scalar() is None:
        raise Unknown(f"interaction/{interaction_id}")
    conn.execute(
        reminders.insert().values(
            id=number, agent=actor.agent, interaction_id=interaction_id, due_at=due_at, note=note, created_at=now
        )
    )
    audit.note(conn, entry, actor, "reminder.create", f"reminder/{number}", now)


def any_due(conn: Connection, now: datetime) -> bool:
    """Whether somebody is to be reminded."""
    which = reminders.c.done_at.is_(None), reminders.c.due_at <= now
    return conn.execute(sa.select(reminders.c.id).where(*which).limit(1)).first() is not None


def due(conn: Connection, now: datetime) -> list[Fact]:
    """The reminders that are due by *now*, as facts. They are given out once, however many hubs ask."""
    r = reminders.c
    some = sa.select(r.id).where(r.done_at.is_(None), r.due_at <= now).order_by(r.due_at).limit(_AT_ONCE)
    done = reminders.update().where(r.id.in_(some), r.done_at.is_(None)).values(done_at=now)
    rows = conn.execute(done.returning(r.id, r.agent, r.interaction_id, r.due_at)).all()
    people = contacts_of(conn, [row.interaction_id for row in rows]) if rows else {}
    return [
        Fact(
            kind=FactKind.REMINDER,
            key=f"reminder/{row.id}",
            at=row.due_at,
            interaction_id=row.interaction_id,
            contact_id=next(iter(people.get(row.interaction_id, ())), None),
            reminder_id=row.id,
            agents=(row.agent,),
        )
        for row in rows
    ]
