"""A booking ends: cancelled, declined, not turned up. That never waits for a calendar: the keeper sees to those."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.booking import holding, recording, rows, telling
from hub.booking.means import Means
from hub.booking.rows import Guest, Row
from hub.booking.states import BOOKED, Code, Refused, State
from hub.booking.types import EventType
from hub.live import LiveEvent
from hub.privacy.visibility import Actor
from hub.store.schema import appointment_writes, appointments, bookings
from hub.vocabulary import Event


@dataclass(frozen=True, slots=True)
class Ended:
    """How an appointment stands after somebody left it: *row* is cancelled or declined where that was the last one."""

    row: Row
    seats: tuple[Guest, ...]
    gone: tuple[Guest, ...]


def event_of(means: Means, spec: EventType | None, ended: Ended, now: datetime) -> Event:
    """What that is on the timeline."""
    return recording.event(means, ended.row, spec, ended.seats or ended.gone, now)


def planned(conn: Connection, appointment_id: int, seat_id: int | None, state: State) -> Ended:
    """How it will stand once this seat (None: every one) is *state*. Raises `Refused` where there is nothing to end."""
    row = rows.appointment(conn, appointment_id)
    taken = rows.guests(conn, appointment_id, BOOKED)
    gone = [seat for seat in taken if seat_id in (None, seat.id)]
    if row is None or row.state not in BOOKED or not gone:
        raise Refused(Code.OVER, "This booking has ended already.")
    left = [seat for seat in taken if seat not in gone]
    ended = replace(row, sequence=row.sequence + 1, state=row.state if left else state)
    return Ended(ended, tuple(left), tuple(gone))


def end(
    conn: Connection, means: Means, ended: Ended, state: State, by: str, reason: str, actor: Actor, now: datetime
) -> list[LiveEvent]:
    """Bring that about, in the transaction that also records it. Raises `Refused` where something else happened
    meanwhile. Answers word of it for the hosts' screens."""
    row = ended.row
    changed = conn.execute(
        appointments.update()
        .where(
            appointments.c.id == row.id, appointments.c.sequence == row.sequence - 1, appointments.c.state.in_(BOOKED)
        )
        .values(state=row.state, sequence=row.sequence, changed_at=now)
    ).rowcount
    if not changed:
        raise Meanwhile
    for seat in ended.gone:
        conn.execute(
            bookings.update()
            .where(bookings.c.id == seat.id, bookings.c.state.in_(BOOKED))
            .values(state=state, ended_by=by, reason=reason)
        )
        audit.note(conn, means.store.ids(), actor, f"booking.{state}", f"booking/{seat.id}", now)
    if ended.seats:
        conn.execute(
            appointment_writes.update()
            .where(appointment_writes.c.appointment_id == row.id)
            .values(state="due", due_at=now)
        )
    else:
        holding.give_back(conn, row.id)
        holding.unwrite(conn, row.id, now)
    telling.queue(conn, means.store.ids, row, ended.gone, str(state), now)
    return telling.hints(row, ended.gone, str(state))


class Meanwhile(Exception):
    """Something else happened to it at the same moment: look again."""


async def leave(
    means: Means,
    spec: EventType | None,
    appointment_id: int,
    seat_id: int | None,
    state: State,
    by: str,
    reason: str,
    actor: Actor,
) -> None:
    """End this seat (None: every one of the appointment). Raises `Refused`."""
    while True:
        now = datetime.now(UTC)
        ended = await means.store.read(lambda conn: planned(conn, appointment_id, seat_id, state))
        said = event_of(means, spec, ended, now)
        work = partial(end, means=means, ended=ended, state=state, by=by, reason=reason, actor=actor, now=now)
        try:
            news = await means.ingest.record_with(recording.SOURCE, [said], work)
        except Meanwhile:
            continue
        means.live.publish(news)
        return


async def no_show(means: Means, booking_id: int, actor: Actor, came: bool) -> None:
    """Mark that she did not come, or take that back. Raises `Refused`."""
    now = datetime.now(UTC)

    def work(conn: Connection) -> None:
        begun = sa.select(appointments.c.id).where(
            appointments.c.starts_at <= now, appointments.c.state == State.CONFIRMED
        )
        which = sa.and_(
            bookings.c.id == booking_id, bookings.c.state == State.CONFIRMED, bookings.c.appointment_id.in_(begun)
        )
        if not conn.execute(bookings.update().where(which).values(no_show=not came)).rowcount:
            raise Refused(Code.TOO_EARLY, "Whether somebody came is known once it has begun.")
        audit.note(
            conn, means.store.ids(), actor, "booking.came" if came else "booking.no-show", f"booking/{booking_id}", now
        )

    await means.store.write(work)


async def propose(means: Means, booking_id: int, actor: Actor) -> None:
    """Ask the invitee to choose another time. Raises `Refused`."""
    now = datetime.now(UTC)

    def work(conn: Connection) -> None:
        seat = rows.guest(conn, bookings.c.id == booking_id)
        row = rows.appointment(conn, seat.appointment_id) if seat else None
        if seat is None or row is None or seat.state not in BOOKED or row.starts_at <= now:
            raise Refused(Code.OVER, "This booking has ended already.")
        telling.queue(conn, means.store.ids, row, [seat], "proposed", now)
        audit.note(conn, means.store.ids(), actor, "booking.propose", f"booking/{booking_id}", now)

    await means.store.write(work)
