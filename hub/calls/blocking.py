"""Numbers whose calls ring nowhere: they are recorded, with whatever became of them at the phone system."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.crm.records import insert
from hub.privacy.visibility import Actor
from hub.store.schema import blocked_numbers
from hub.store.sets import SetRead, among

_BLOCKED = SetRead(sa.select(blocked_numbers.c.handle).where(among(blocked_numbers.c.handle)))


@dataclass(frozen=True, slots=True)
class Blocked:
    """A number that rings nobody: why, who said so, and when (UTC)."""

    handle: str
    reason: str
    actor: str
    at: datetime


def blocked(conn: Connection, handles: Collection[str]) -> frozenset[str]:
    """Those of *handles* that are blocked. A withheld number ("") cannot be."""
    return frozenset(handle for (handle,) in _BLOCKED(conn, sorted(set(handles) - {""})))


def one(conn: Connection, handle: str) -> Blocked | None:
    """What is known of *handle*, None where it is not blocked."""
    row = conn.execute(sa.select(blocked_numbers).where(blocked_numbers.c.handle == handle)).one_or_none()
    return Blocked(row.handle, row.reason, row.actor, row.at) if row else None


def block(conn: Connection, actor: Actor, entry: int, handle: str, reason: str, now: datetime) -> Blocked:
    """Block *handle*, or say anew why. The audit names no number, only that one was blocked."""
    who = actor.agent or actor.name
    values = {"reason": reason, "actor": who, "at": now}
    statement = insert(conn, blocked_numbers).values(handle=handle, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["handle"], set_=values))
    audit.note(conn, entry, actor, "number.block", f"audit/{entry}", now)
    return Blocked(handle, reason, who, now)


def unblock(conn: Connection, actor: Actor, entry: int, handle: str, now: datetime) -> bool:
    """It may ring again. False where it was not blocked."""
    gone = conn.execute(blocked_numbers.delete().where(blocked_numbers.c.handle == handle)).rowcount > 0
    if gone:
        audit.note(conn, entry, actor, "number.unblock", f"audit/{entry}", now)
    return gone
