"""The rows of the outbox: what is due, who is sending it, and how that ended.

A row is claimed before it is sent and settled after. A claim that has run out without being settled means that somebody
began to send and was never heard of again. Functions take a connection and run inside somebody's transaction; what
they write of a row they write only while the claim is still the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub.store.clock import clock
from hub.store.schema import EPOCH, MICROSECOND, outbox
from hub.store.sets import SetWrite


class State(StrEnum):
    """How a row does."""

    WAITING = "waiting"
    SENT = "sent"
    PERHAPS = "perhaps"
    """It may have been sent: nobody heard the end of it, and sending it again could store it twice."""
    FAILED = "failed"
    """The destination does not take it. Newer state is tried again by itself."""


STUCK = (State.PERHAPS, State.FAILED)
"""What waits for a person."""

_TELL = SetWrite(
    outbox,
    ("id", "destination", "subject", "kind", "payload", "state", "due_at"),
    "ON CONFLICT (destination, subject) DO UPDATE SET payload = excluded.payload, state = excluded.state,"
    " due_at = excluded.due_at, attempts = 0, version = outbox.version + 1",
)

UNHEARD = "It may have been sent: nobody heard the end of it. Look there before you send it again."


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A row that is ours to send until *claimed_until*. *remote_id* is what the destination calls the subject, "" where
    it was never sent."""

    id: int
    destination: str
    subject: str
    kind: str
    payload: Mapping[str, Any]
    version: int
    attempts: int
    due_at: datetime
    remote_id: str
    claimed_until: datetime


def is_due(conn: Connection, destination: str) -> bool:
    """Whether there is anything to claim."""
    return conn.execute(_due(destination, clock(conn)).limit(1)).first() is not None


def claim(conn: Connection, destination: str, limit: int, seconds: float, *, repeatable: bool = True) -> list[Outgoing]:
    """At most *limit* rows that are due, claimed for *seconds*, so that no other hub sends them meanwhile.

    Where sending is not *repeatable*, a row that somebody began to add is not given out again: it becomes `PERHAPS`.
    """
    now = clock(conn)
    until = now + timedelta(seconds=seconds)
    rows = conn.execute(_due(destination, now).limit(limit).with_for_update(skip_locked=True)).all()
    unheard = [row.id for row in rows if row.claimed_until is not None and not row.remote_id and not repeatable]
    conn.execute(outbox.update().where(outbox.c.id.in_(unheard)).values(state=State.PERHAPS, reason=UNHEARD))
    ours = [row for row in rows if row.id not in unheard]
    conn.execute(outbox.update().where(outbox.c.id.in_([row.id for row in ours])).values(claimed_until=until))
    return [
        Outgoing(
            id=row.id,
            destination=row.destination,
            subject=row.subject,
            kind=row.kind,
            payload=row.payload,
            version=row.version,
            attempts=row.attempts,
            due_at=row.due_at,
            remote_id=row.remote_id,
            claimed_until=until,
        )
        for row in ours
    ]


def forget_claims(conn: Connection) -> None:
    """Say that every claim has run out: on SQLite whoever held one is gone when the next hub starts."""
    conn.execute(outbox.update().where(outbox.c.claimed_until.is_not(None)).values(claimed_until=EPOCH))


def sent(conn: Connection, row: Outgoing, remote_id: str) -> None:
    """It is there, as *remote_id*. State that is newer than what was sent goes on waiting."""
    _settle(conn, row, remote_id=remote_id, state=_unless_newer(row, State.SENT), reason="", attempts=0)


def put_back(conn: Connection, row: Outgoing, reason: str, wait: float = 0, *, count: bool = False) -> None:
    """It surely did not happen: to be sent again in *wait* seconds. With *count* the attempt is counted."""
    later = sa.literal(clock(conn) + timedelta(seconds=wait), outbox.c.due_at.type)
    due_at = sa.case((outbox.c.version == row.version, later), else_=outbox.c.due_at) if wait else outbox.c.due_at
    _settle(conn, row, reason=reason, attempts=outbox.c.attempts + int(count), due_at=due_at)


def refused(conn: Connection, row: Outgoing, reason: str) -> None:
    """The destination does not take it."""
    _settle(conn, row, state=_unless_newer(row, State.FAILED), reason=reason, attempts=outbox.c.attempts + 1)


def unheard(conn: Connection, row: Outgoing) -> None:
    """It may have happened. The claim stays, so that newer state is not taken for a first attempt."""
    _settle(conn, row, state=State.PERHAPS, reason=UNHEARD, claimed_until=row.claimed_until)


def moot(conn: Connection, row: Outgoing) -> None:
    """There is nothing to tell any more. What the destination has already stays there."""
    if row.remote_id:
        sent(conn, row, row.remote_id)
        return
    gone = conn.execute(outbox.delete().where(_ours(row), outbox.c.version == row.version))
    if not gone.rowcount:
        _settle(conn, row)


def put_before(
    conn: Connection, new_id: int, row: Outgoing, subject: str, kind: str, payload: Mapping[str, Any]
) -> None:
    """A row that is to be sent before *row* and all that wait behind it. One for its subject that is there stays."""
    insert = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(outbox)
    conn.execute(
        insert.values(
            id=new_id, destination=row.destination, subject=subject, kind=kind, payload=dict(payload),
            state=State.WAITING, due_at=row.due_at - MICROSECOND,
        ).on_conflict_do_nothing(index_elements=["destination", "subject"])
    )  # fmt: skip


def retry(conn: Connection, row_id: int) -> bool:
    """Send again what is stuck, because a person says so. False where nothing of that id is stuck."""
    asked = outbox.update().where(outbox.c.id == row_id, outbox.c.state.in_(STUCK))
    values = {"state": State.WAITING, "reason": "", "attempts": 0, "claimed_until": None, "due_at": clock(conn)}
    return bool(conn.execute(asked.values(values)).rowcount)


def remote_id(conn: Connection, destination: str, subject: str) -> str:
    """What *destination* calls *subject*, "" where it was never sent."""
    known = sa.select(outbox.c.remote_id).where(outbox.c.destination == destination, outbox.c.subject == subject)
    return conn.execute(known).scalar() or ""


def counts(conn: Connection, destinations: Collection[str]) -> dict[str, dict[State, int]]:
    """How many rows of each of *destinations* are not there yet, by state."""
    found = {name: dict.fromkeys((State.WAITING, *STUCK), 0) for name in destinations}
    rows = conn.execute(
        sa.select(outbox.c.destination, outbox.c.state, sa.func.count())
        .where(outbox.c.destination.in_(list(destinations)), outbox.c.state.in_((State.WAITING, *STUCK)))
        .group_by(outbox.c.destination, outbox.c.state)
    )
    for destination, state, number in rows:
        found[destination][State(state)] = number
    return found


def tell(
    conn: Connection,
    destinations: Iterable[str],
    stands: Iterable[tuple[int, int]],
    new_id: Callable[[], int],
    now: int,
) -> None:
    """To be sent to each of *destinations*: what *stands* on timelines, as (contact, interaction). Newer state replaces
    what was not sent yet. *now* is in microseconds since 1970."""
    told = [
        (f"activity:{interaction}:{contact}", {"interaction": str(interaction), "contact": str(contact)})
        for contact, interaction in sorted(stands)
    ]
    _TELL(
        conn,
        [
            (new_id(), destination, subject, "activity", orjson.dumps(about).decode(), State.WAITING.value, now)
            for destination in sorted(destinations)
            for subject, about in told
        ],
    )


def _due(destination: str, now: datetime) -> sa.Select[Any]:
    return (
        sa.select(outbox)
        .where(outbox.c.destination == destination, outbox.c.state == State.WAITING, outbox.c.due_at <= now)
        .where(sa.or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until < now))
        .order_by(outbox.c.due_at, outbox.c.id)
    )


def _ours(row: Outgoing) -> sa.ColumnElement[bool]:
    return sa.and_(outbox.c.id == row.id, outbox.c.claimed_until == row.claimed_until)


def _unless_newer(row: Outgoing, state: State) -> sa.ColumnElement[str]:
    return sa.case((outbox.c.version == row.version, state.value), else_=outbox.c.state)


def _settle(conn: Connection, row: Outgoing, **values: Any) -> None:
    conn.execute(outbox.update().where(_ours(row)).values({"claimed_until": None, **values}))
