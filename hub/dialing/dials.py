"""The calls that we place, as the store has them.

Functions take a connection and run inside somebody's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.dialing.states import UNHEARD, State
from hub.store.schema import call_keys, dials, interactions


@dataclass(frozen=True, slots=True)
class DialView:
    """A call that we place, as people see it. *interaction* is what it is recorded as, None until something is."""

    id: int
    agent: str
    phone: str
    callee: str
    line: str
    source: str
    state: State
    reason: str
    key: str
    entry: int | None
    at: datetime
    interaction: int | None = None


def by_id(conn: Connection, dial_id: int) -> DialView | None:
    """The call of that id."""
    return next(iter(_read(conn, dials.c.id == dial_id)), None)


def of_agent(conn: Connection, agent: str, limit: int) -> list[DialView]:
    """The latest calls that an agent placed, the newest first."""
    return _read(conn, dials.c.agent == agent, limit)


def forget(conn: Connection, before: datetime) -> list[DialView]:
    """What was wanted before then and of which nothing was heard is `PERHAPS`."""
    lost = sa.and_(dials.c.state == State.WANTED, dials.c.at <= before)
    gone = conn.execute(dials.update().where(lost).values(state=State.PERHAPS, reason=UNHEARD).returning(dials.c.id))
    ids = list(gone.scalars())
    return _read(conn, dials.c.id.in_(ids), len(ids)) if ids else []


def remove(conn: Connection, key: str) -> None:
    """Forget what was placed as the call of *key*, by whichever phone system's name for it: the call is deleted."""
    others = sa.select(call_keys.c.key).where(call_keys.c.into_key == key)
    conn.execute(dials.delete().where(sa.or_(dials.c.key == key, dials.c.key.in_(others)), dials.c.key != ""))


def unrecorded(conn: Connection, since: datetime) -> list[DialView]:
    """What was placed since then and stands on no timeline."""
    placed = sa.and_(dials.c.state == State.PLACED, dials.c.at > since, dials.c.key != "")
    return [view for view in _read(conn, placed, 1000) if view.interaction is None]


def _read(conn: Connection, which: sa.ColumnElement[bool], limit: int = 1) -> list[DialView]:
    key = sa.func.coalesce(call_keys.c.into_key, dials.c.key)
    rows = conn.execute(
        sa.select(dials, interactions.c.id.label("interaction"))
        .join(call_keys, call_keys.c.key == dials.c.key, isouter=True)
        .join(interactions, sa.and_(interactions.c.key == key, dials.c.key != ""), isouter=True)
        .where(which)
        .order_by(dials.c.at.desc(), dials.c.id)
        .limit(limit)
    )
    return [
        DialView(
            row.id, row.agent, row.phone, row.callee, row.line, row.source, State(row.state), row.reason, row.key,
            row.entry_id, row.at, row.interaction,
        )
        for row in rows
    ]  # fmt: skip
