"""What follows from a booking besides word of it: mails to its hosts, reminders, and a word after it took place.

Functions take a connection and run inside somebody's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.booking.rows import Guest, Row
from hub.booking.types import EventType
from hub.crm.records import insert
from hub.formats import handles
from hub.store.schema import booking_notices

HOST = "host"
"""The way of a notice that goes to a host by mail; its recipient is the agent."""
PLAN = "plan"
"""The way of a notice that goes to nobody: from it the keeper makes the reminders, which the event type says."""
REMINDER = "reminder"
FOLLOW_UP = "follow-up"
GIVEN = "given"
"""Told to a host that it is somebody else's now."""
FOR_HOSTS = frozenset(("booked", "asked", "moved", "cancelled", "conflict"))
_PLANNED = frozenset(("booked", "moved"))
_OVER = frozenset(("moved", "cancelled", "declined"))


def after(
    conn: Connection, new_id: Callable[[], int], row: Row, seats: Sequence[Guest], kind: str, now: datetime
) -> None:
    """*kind* has just happened to *seats*: their hosts are told, the reminders of what was are dropped, and those of
    what is are to be made."""
    for seat in seats:
        if kind in FOR_HOSTS:
            for host in row.hosts:
                write(conn, new_id, seat.id, kind, HOST, host, row.sequence, now)
        if kind == "moved":
            for host in _left(conn, seat.id, row.hosts):
                write(conn, new_id, seat.id, GIVEN, HOST, host, row.sequence, now)
        if kind in _OVER:
            drop(conn, seat.id)
        if kind in _PLANNED:
            write(conn, new_id, seat.id, kind, PLAN, "", row.sequence, now)


def _left(conn: Connection, booking_id: int, hosts: Sequence[str]) -> list[str]:
    """Who was told last that it is hers, and is no host any more."""
    query = sa.select(booking_notices.c.recipient, booking_notices.c.kind).where(
        booking_notices.c.booking_id == booking_id, booking_notices.c.way == HOST
    )
    last = {row.recipient: row.kind for row in conn.execute(query.order_by(booking_notices.c.id))}
    return [host for host, kind in last.items() if kind != GIVEN and host not in hosts]


def plan(
    conn: Connection,
    new_id: Callable[[], int],
    row: Row,
    seat: Guest,
    spec: EventType,
    texts: bool,
    region: str,
    now: datetime,
) -> None:
    """Have the invitee reminded, and thanked afterwards, as *spec* says; by SMS only with *texts*, where a source sends
    them. A reminder whose time has passed already is none. *region* is where her number was typed."""
    phone = handles.phone(seat.phone, region) if seat.phone and texts else None
    recipients = {"mail": f"mailto:{seat.mail}" if seat.mail else "", "sms": phone or ""}
    for each in spec.reminders:
        due_at, recipient = row.starts_at - timedelta(minutes=each.minutes), recipients[each.way]
        if recipient and due_at > now:
            write(conn, new_id, seat.id, REMINDER, each.way, recipient, 0, due_at)
    if spec.follow_up and seat.mail:
        due_at = row.ends_at + timedelta(minutes=spec.follow_up)
        write(conn, new_id, seat.id, FOLLOW_UP, "mail", recipients["mail"], 0, due_at)


def drop(conn: Connection, booking_id: int) -> None:
    """Nothing is said any more of the time that was: what is left of it is not sent."""
    conn.execute(
        booking_notices.update()
        .where(
            booking_notices.c.booking_id == booking_id,
            booking_notices.c.kind.in_((REMINDER, FOLLOW_UP)),
            booking_notices.c.state == "due",
        )
        .values(state="dropped")
    )


def write(
    conn: Connection,
    new_id: Callable[[], int],
    booking_id: int,
    kind: str,
    way: str,
    recipient: str,
    sequence: int,
    due_at: datetime,
) -> None:
    """Have somebody told at *due_at*, unless she was told the same before. What was dropped comes back: a booking may
    be moved away and back."""
    statement = insert(conn, booking_notices).values(
        id=new_id(),
        booking_id=booking_id,
        kind=kind,
        way=way,
        recipient=recipient,
        sequence=sequence,
        due_at=due_at,
        state="due",
    )
    key = [booking_notices.c[name] for name in ("booking_id", "kind", "way", "recipient", "sequence", "due_at")]
    again = statement.on_conflict_do_update(
        index_elements=key, set_={"state": "due"}, where=sa.and_(booking_notices.c.state == "dropped")
    )
    conn.execute(again)
