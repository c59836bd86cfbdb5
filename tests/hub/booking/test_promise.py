"""Times are held and confirmed; none is sold twice, and what is booked stands in the calendar."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from hub import Busy
from hub.booking import holding
from hub.booking.states import Code, Gone, Held, Refused, State
from hub.store.schema import appointment_hosts, bookings
from tests.hub.booking.office import LI_NA, Office, tomorrow


async def test_a_time_is_held_confirmed_and_stands_in_calendar_and_timeline(office: Office) -> None:
    held = await office.hold(tomorrow())
    booked = await office.bookings.confirm(held.secret, LI_NA)
    assert booked.state is State.CONFIRMED
    [event] = office.ada.events.values()
    assert (event.starts_at, event.uid, event.sequence) == (tomorrow(), booked.booking.uid, 0)
    assert [each.address for each in event.attendees] == ["mailto:li.na@customer.example"]
    [(kind, title)] = await office.core.rows("SELECT kind, title FROM interactions")
    assert (kind, title) == ("meeting", "Introduction: Li Na")
    assert await office.core.rows("SELECT name, owner FROM contacts") == [("Li Na", "ada")]
    assert await office.core.one("SELECT count(*) FROM activities") == 1
    assert await office.core.rows("SELECT kind, recipient FROM booking_notices WHERE way = 'mail'") == [
        ("booked", "mailto:li.na@customer.example")
    ]


async def test_double_bookings(office: Office) -> None:
    """FIELD: Double bookings."""
    results = await asyncio.gather(*(office.hold(tomorrow()) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(each, Held) for each in results) == 1
    gone = [each for each in results if isinstance(each, Gone)]
    assert len(gone) == 19
    assert all(len(each.alternatives) == 3 for each in gone)


async def test_two_confirmations_of_one_hold_are_one_booking(office: Office) -> None:
    held = await office.hold(tomorrow())
    first, second = await asyncio.gather(*(office.bookings.confirm(held.secret, LI_NA) for _ in range(2)))
    assert first == second == await office.bookings.confirm(held.secret, LI_NA)
    assert len(office.ada.puts) == 1


async def test_a_time_that_was_taken_in_the_calendar_meanwhile_is_not_promised(office: Office) -> None:
    held = await office.hold(tomorrow())
    office.ada.foreign.append(Busy(tomorrow(10, 15), tomorrow(11), "dentist"))
    with pytest.raises(Gone) as gone:
        await office.bookings.confirm(held.secret, LI_NA)
    assert len(gone.value.alternatives) == 3
    assert office.ada.puts == []
    office.ada.foreign.clear()
    await office.hold(tomorrow())


async def test_a_calendar_that_cannot_be_asked_promises_nothing(office: Office) -> None:
    held = await office.hold(tomorrow())
    office.ada.away = True
    with pytest.raises(Refused) as refused:
        await office.bookings.confirm(held.secret, LI_NA)
    assert refused.value.code is Code.UNREACHABLE
    await office.hold(tomorrow())


async def test_moved_and_cancelled_everywhere(office: Office) -> None:
    held = await office.hold(tomorrow())
    booked = await office.bookings.confirm(held.secret, LI_NA)
    moved = await office.bookings.move(held.secret, tomorrow(10, 15))
    assert (moved.starts_at, moved.sequence) == (tomorrow(10, 15), 1)
    [event] = office.ada.events.values()
    assert (event.starts_at, event.sequence) == (tomorrow(10, 15), 1)
    await office.hold(tomorrow(9, 45))
    with pytest.raises(Gone):
        await office.hold(tomorrow(10, 30))
    async with office.bookings:
        cancelled = await office.bookings.cancel(held.secret, "ill")
        assert (cancelled.state, cancelled.ended_by, cancelled.reason) == (State.CANCELLED, "invitee", "ill")
        await office.bookings.keeper.rests()
    assert office.ada.events == {}
    assert await office.core.one("SELECT count(*) FROM interactions") == 1
    told = await office.core.rows("SELECT kind, sequence FROM booking_notices WHERE way = 'mail' ORDER BY sequence")
    assert told == [("booked", 0), ("moved", 1), ("cancelled", 2)]
    assert booked.booking.id == cancelled.id


async def test_the_database_itself_refuses_what_overlaps(office: Office) -> None:
    held = await office.hold(tomorrow())
    other = await office.hold(tomorrow(12))

    def onto(conn: Connection) -> int:
        mine = sa.select(bookings.c.appointment_id).where(bookings.c.id.in_([held.booking_id, other.booking_id]))
        ids = conn.scalars(mine.order_by(bookings.c.id)).all()
        times = conn.execute(sa.select(appointment_hosts).where(appointment_hosts.c.appointment_id == ids[0])).one()
        return conn.execute(
            appointment_hosts.update()
            .where(appointment_hosts.c.appointment_id == ids[1])
            .values(blocked_from=times.blocked_from, blocked_until=times.blocked_until)
        ).rowcount

    with pytest.raises(sa.exc.IntegrityError) as refused:
        await office.core.store.write(onto)
    assert holding.overlaps(refused.value)
