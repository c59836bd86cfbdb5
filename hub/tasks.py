"""Tasks: what somebody is to do, and by when. Functions take a connection and run inside somebody's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.crm import records
from hub.crm.records import Unknown
from hub.privacy.visibility import Actor, knows, sees
from hub.store.schema import contacts, interactions, tasks
from hub.timeline import contacts_of

LONGEST = 500
"""Characters of a title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What *owner* (an agent, "" nobody yet) is to do by *due_at* (UTC, None: some day). It concerns a contact (with
    her name) or came out of an interaction, where those are known. *done_at* is None while it is open."""

    id: int
    title: str
    due_at: datetime | None
    owner: str
    contact_id: int | None
    contact: str
    interaction_id: int | None
    created_by: str
    created_at: datetime
    done_at: datetime | None

    def overdue(self, now: datetime) -> bool:
        """Whether it should have been done by *now*."""
        return self.done_at is None and self.due_at is not None and self.due_at < now


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task to be made."""

    title: str
    due_at: datetime | None = None
    owner: str = ""
    contact_id: int | None = None
    interaction_id: int | None = None


def create(conn: Connection, actor: Actor, task_id: int, entry: int, new: NewTask, now: datetime) -> Task:
    """Write the task down; where no contact is named it concerns whom the interaction is with, if that is one person.
    Raises `Unknown` where the contact or the interaction is none that *actor* may know of."""
    if new.contact_id is not None:
        records.by_id(conn, actor, new.contact_id)
    contact_id = new.contact_id
    if new.interaction_id is not None:
        known = sa.select(interactions.c.id).where(interactions.c.id == new.interaction_id, sees(actor) > 0)
        if conn.execute(known).scalar() is None:
            raise Unknown(f"interaction/{new.interaction_id}")
        contact_id = contact_id or _with(conn, new.interaction_id)
    conn.execute(
        tasks.insert().values(
            id=task_id,
            title=new.title,
            due_at=new.due_at,
            owner=new.owner,
            contact_id=contact_id,
            interaction_id=new.interaction_id,
            created_by=actor.agent or actor.name,
            created_at=now,
        )
    )
    audit.note(conn, entry, actor, "task.create", f"task/{task_id}", now)
    return one(conn, actor, task_id)


def one(conn: Connection, actor: Actor, task_id: int) -> Task:
    """One task. Raises `Unknown`."""
    row = conn.execute(_TASKS.where(tasks.c.id == task_id, knows(actor))).one_or_none()
    if row is None:
        raise Unknown(f"task/{task_id}")
    return _task(row)


def listed(
    conn: Connection,
    actor: Actor,
    *,
    owner: str | None = None,
    still_open: bool = True,
    contact_id: int | None = None,
    limit: int = 100,
) -> list[Task]:
    """At most *limit* tasks: the open ones by when they are due, those without a time last; else those that are done,
    the latest first. *owner* and *contact_id* narrow it down."""
    query = _TASKS.where(knows(actor), tasks.c.done_at.is_(None) if still_open else tasks.c.done_at.is_not(None))
    if owner is not None:
        query = query.where(tasks.c.owner == owner)
    if contact_id is not None:
        query = query.where(tasks.c.contact_id == contact_id)
    order = (tasks.c.due_at.is_(None), tasks.c.due_at) if still_open else (tasks.c.done_at.desc(),)
    return [_task(row) for row in conn.execute(query.order_by(*order, tasks.c.id).limit(limit))]


def concerning(conn: Connection, actor: Actor, *, contact_id: int | None, interaction_id: int) -> list[Task]:
    """The open tasks that concern the contact or came out of the interaction, by when they are due."""
    which = tasks.c.interaction_id == interaction_id
    if contact_id is not None:
        which |= tasks.c.contact_id == contact_id
    query = _TASKS.where(knows(actor), tasks.c.done_at.is_(None), which)
    order = (tasks.c.due_at.is_(None), tasks.c.due_at, tasks.c.id)
    return [_task(row) for row in conn.execute(query.order_by(*order).limit(20))]


def done(conn: Connection, actor: Actor, task_id: int, entry: int, now: datetime) -> Task:
    """It is done; the first who said so counts. Raises `Unknown`."""
    task = one(conn, actor, task_id)
    if task.done_at is None:
        conn.execute(tasks.update().where(tasks.c.id == task_id, tasks.c.done_at.is_(None)).values(done_at=now))
        audit.note(conn, entry, actor, "task.done", f"task/{task_id}", now)
    return one(conn, actor, task_id)


def delete(conn: Connection, actor: Actor, task_id: int, entry: int, now: datetime) -> None:
    """It was never meant. Raises `Unknown`."""
    one(conn, actor, task_id)
    conn.execute(tasks.delete().where(tasks.c.id == task_id))
    audit.note(conn, entry, actor, "task.delete", f"task/{task_id}", now)


_TASKS = sa.select(tasks, contacts.c.name.label("contact")).select_from(
    tasks.outerjoin(contacts, contacts.c.id == tasks.c.contact_id)
)


def _with(conn: Connection, interaction_id: int) -> int | None:
    """The only contact on whose timeline the interaction stands."""
    found = contacts_of(conn, [interaction_id])[interaction_id]
    return found[0] if len(found) == 1 else None


def _task(row: sa.Row[Any]) -> Task:
    return Task(
        id=row.id,
        title=row.title,
        due_at=row.due_at,
        owner=row.owner,
        contact_id=row.contact_id,
        contact=row.contact or "",
        interaction_id=row.interaction_id,
        created_by=row.created_by,
        created_at=row.created_at,
        done_at=row.done_at,
    )
