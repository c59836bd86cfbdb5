"""Who is told what of a booking: notices to the invitees, queued in the transaction they tell of; hints to screens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from hub.booking import reminders
from hub.booking.rows import TOLD, Guest, Row
from hub.crm.records import insert
from hub.live import LiveEvent
from hub.store.schema import EPOCH, booking_notices

PROVIDERS = frozenset(("booked", "moved", "cancelled"))
"""Kinds of notices that a provider sends by itself, where it tells the invited."""


def queue(
    conn: Connection, new_id: Callable[[], int], row: Row, seats: Sequence[Guest], kind: str, now: datetime
) -> None:
    """Have the invitees told, each once for each state of the appointment: by the hub, unless the provider does; and
    the hosts, and have done what follows from it (`hub.booking.reminders`)."""
    reminders.after(conn, new_id, row, seats, kind, now)
    if row.notifier == "provider" and kind in PROVIDERS:
        return
    for seat in seats:
        for mail in dict.fromkeys((seat.mail, *seat.guests)):
            if mail:
                _write(conn, new_id, seat.id, kind, "mail", f"mailto:{mail}", row.sequence, now, "due")


def once(
    conn: Connection,
    new_id: Callable[[], int],
    seat: Guest,
    kind: str,
    agent: str,
    sequence: int,
    about: datetime,
) -> bool:
    """Write down that *agent*'s screen is told of *kind*; False where it was told before, of the same thing
    (*about*)."""
    news = _write(conn, new_id, seat.id, kind, TOLD, agent, sequence, about, "told")
    if news and kind in reminders.FOR_HOSTS:
        reminders.write(conn, new_id, seat.id, kind, reminders.HOST, agent, sequence, datetime.now(UTC))
    return news


def _write(
    conn: Connection,
    new_id: Callable[[], int],
    booking_id: int,
    kind: str,
    way: str,
    recipient: str,
    sequence: int,
    due_at: datetime,
    state: str,
) -> bool:
    statement = insert(conn, booking_notices).values(
        id=new_id(),
        booking_id=booking_id,
        kind=kind,
        way=way,
        recipient=recipient,
        sequence=sequence,
        due_at=due_at,
        state=state,
    )
    written = statement.on_conflict_do_nothing().returning(booking_notices.c.id)
    return conn.execute(written).first() is not None


def hints(row: Row, seats: Iterable[Guest], state: str, hosts: Sequence[str] = (), **more: object) -> list[LiveEvent]:
    """Word of it for the screens of its hosts (or of *hosts*), with *more* about it."""
    return [
        LiveEvent(
            "booking",
            {
                "id": str(seat.id),
                "state": state,
                "agent": host,
                "name": seat.name,
                "title": row.title,
                "starts_at": row.starts_at.isoformat(),
                **more,
            },
            host,
        )
        for seat in seats
        for host in (hosts or row.hosts)
    ]


BEGINNING = EPOCH
"""What a thing is told about that has no time of its own."""
