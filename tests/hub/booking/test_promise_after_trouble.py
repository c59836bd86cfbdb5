"""Whatever happens in between: nothing is left in a calendar that is not booked, and what is booked is there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from hub.booking import confirming, holding
from hub.booking.bookings import Bookings
from hub.booking.states import Code, Gone, Refused, State
from hub.contracts import Unavailable
from hub.store.schema import appointment_writes, appointments, bookings
from tests.hub.booking.office import ADA, BEN, LI_NA, Office, tomorrow


async def settled(office: Office) -> None:
    """The keeper has seen to all that is due, however long it was to wait."""
    now = datetime.now(UTC)
    await office.core.store.write(
        lambda conn: conn.execute(appointment_writes.update().values(due_at=now, claimed_until=None)).rowcount
    )
    await office.bookings.keeper.once()


async def an_hour_later(office: Office) -> None:
    """Holds and claims have run out."""
    past = datetime.now(UTC) - timedelta(minutes=1)

    def work(conn: sa.Connection) -> int:
        conn.execute(bookings.update().where(bookings.c.state == "held").values(held_until=past))
        return conn.execute(
            appointments.update().where(appointments.c.state == "held").values(held_until=past)
        ).rowcount

    await office.core.store.write(work)
    await settled(office)


async def test_what_was_written_without_an_answer_is_taken_back(office: Office) -> None:
    held = await office.hold(tomorrow())
    office.ada.unheard = True
    with pytest.raises(Refused) as refused:
        await office.bookings.confirm(held.secret, LI_NA)
    assert refused.value.code is Code.UNREACHABLE
    assert len(office.ada.events) == 1
    office.ada.unheard = False
    await settled(office)
    assert office.ada.events == {}
    assert office.ada.puts[-1].attendees == ()
    assert await office.core.one("SELECT count(*) FROM appointment_writes") == 0
    await office.hold(tomorrow())


async def test_of_two_calendars_one_cannot_be_written(office: Office) -> None:
    held = await office.hold(tomorrow(), "both", 60)

    async def refuse(*_: object) -> None:
        raise Unavailable("full")

    office.ben.put = refuse  # type: ignore[assignment, method-assign]
    with pytest.raises(Refused):
        await office.bookings.confirm(held.secret, LI_NA)
    assert len(office.ada.events) == 1
    await settled(office)
    assert office.ada.events == {}


@pytest.mark.parametrize("step", ["begun", "about-to-write", "written"])
async def test_a_hub_that_dies_while_it_confirms_leaves_nothing(office: Office, step: str) -> None:
    held = await office.hold(tomorrow())
    means = office.bookings.means
    plan = await confirming._begun(means, confirming_fingerprint(held.secret), LI_NA)
    assert isinstance(plan, confirming.Plan)
    if step != "begun":
        await office.core.store.write(lambda conn: confirming.about_to_write(conn, plan))
    if step == "written":
        await confirming.write_all(means, plan, confirming.Done(plan.row.uid))
        assert len(office.ada.events) == 1
    await an_hour_later(office)
    assert office.ada.events == {}
    assert await office.core.rows("SELECT state FROM appointments") == [("released",)]
    assert await office.core.one("SELECT count(*) FROM appointment_writes") == 0
    with pytest.raises(Gone):
        await office.bookings.confirm(held.secret, LI_NA)
    again = await office.hold(tomorrow())
    await office.bookings.confirm(again.secret, LI_NA)
    assert len(office.ada.events) == 1


def confirming_fingerprint(secret: str) -> str:
    from hub.accounts import fingerprint

    return fingerprint(secret)


async def test_a_cancellation_waits_for_no_calendar_and_reaches_it_later(office: Office) -> None:
    held = await office.hold(tomorrow())
    await office.bookings.confirm(held.secret, LI_NA)
    office.ada.away = True
    assert (await office.bookings.cancel(held.secret)).state is State.CANCELLED
    await settled(office)
    [write] = (await office.bookings.get(held.booking_id)).calendars
    assert (write.wanted, write.state, write.reason) == ("delete", "due", "The calendar is away.")
    office.ada.away = False
    await settled(office)
    assert office.ada.events == {}


async def test_a_move_that_cannot_be_written_leaves_all_as_it_was(office: Office) -> None:
    held = await office.hold(tomorrow())
    await office.bookings.confirm(held.secret, LI_NA)
    office.ada.unheard = True
    with pytest.raises(Refused):
        await office.bookings.move(held.secret, tomorrow(14))
    office.ada.unheard = False
    view = await office.bookings.get(held.booking_id)
    assert (view.state, view.starts_at) == (State.CONFIRMED, tomorrow())
    # Unheard it was written there, so that its etag is another; the next reading of the calendar says which.
    await office.core.store.write(
        lambda conn: (
            conn.execute(appointment_writes.update().values(etag=next(iter(office.ada.etags.values())))).rowcount
        )
    )
    await settled(office)
    [event] = office.ada.events.values()
    assert event.starts_at == tomorrow()
    assert event.sequence > 1
    await office.hold(tomorrow(14))


async def test_moved_to_where_somebody_else_is(office: Office) -> None:
    first = await office.hold(tomorrow())
    await office.bookings.confirm(first.secret, LI_NA)
    await office.hold(tomorrow(11))
    with pytest.raises(Gone):
        await office.bookings.move(first.secret, tomorrow(11))
    with pytest.raises(Gone):
        await office.bookings.move(first.secret, tomorrow(10, 45))
    await office.bookings.move(first.secret, tomorrow(10, 30))


async def test_agreed_to_given_away_and_declined(office: Office) -> None:
    held = await office.hold(tomorrow(), "careful")
    asked = await office.bookings.confirm(held.secret, LI_NA)
    assert asked.state is State.ASKED
    assert [event.tentative for event in office.ada.events.values()] == [True]
    with pytest.raises(Refused) as refused:
        await office.bookings.agree(held.booking_id, actor=BEN)
    assert refused.value.code is Code.NOT_YOURS
    agreed = await office.bookings.agree(held.booking_id, actor=ADA)
    assert agreed.state is State.CONFIRMED
    assert [event.tentative for event in office.ada.events.values()] == [False]
    given = await office.bookings.reassign(held.booking_id, "ben", actor=ADA)
    assert (given.hosts, given.organizer) == (("ben",), "ben")
    await settled(office)
    assert (len(office.ada.events), len(office.ben.events)) == (0, 1)
    await office.hold(tomorrow())
    other = await office.hold(tomorrow(12), "careful")
    await office.bookings.confirm(other.secret, LI_NA)
    declined = await office.bookings.decline(other.booking_id, "on leave", actor=ADA)
    assert (declined.state, declined.ended_by) == (State.DECLINED, "host")
    await settled(office)
    assert office.ada.events == {}
    kinds = await office.core.rows("SELECT kind FROM booking_notices WHERE way = 'mail' ORDER BY id")
    assert [kind for (kind,) in kinds] == ["asked", "booked", "moved", "asked", "declined"]


async def test_a_shared_appointment_fills_up_and_empties(office: Office) -> None:
    held = [await office.hold(tomorrow(), "course") for _ in range(3)]
    with pytest.raises(Gone):
        await office.hold(tomorrow(), "course")
    people = [replace(LI_NA, name=name, mail=f"{name}@customer.example") for name in ("li", "wu", "xi")]
    booked = await asyncio.gather(
        *(office.bookings.confirm(each.secret, who) for each, who in zip(held, people, strict=True))
    )
    assert len({each.appointment for each in booked}) == 1
    [event] = office.ada.events.values()
    assert sorted(each.name for each in event.attendees) == ["li", "wu", "xi"]
    await office.bookings.cancel(held[1].secret)
    await settled(office)
    [event] = office.ada.events.values()
    assert sorted(each.name for each in event.attendees) == ["li", "xi"]
    await office.hold(tomorrow(), "course")
    moved = await office.bookings.move(held[0].secret, tomorrow(15))
    assert (moved.id, moved.starts_at, moved.name) == (held[0].booking_id, tomorrow(15), "li")
    await settled(office)
    there = {event.starts_at: [each.name for each in event.attendees] for event in office.ada.events.values()}
    assert there == {tomorrow(): ["xi"], tomorrow(15): ["li"]}


async def test_two_hubs_write_nothing_twice(office: Office) -> None:
    held = await office.hold(tomorrow())
    await office.bookings.confirm(held.secret, LI_NA)
    office.ada.away = True
    await office.bookings.cancel(held.secret)
    office.ada.away = False
    other = Bookings(office.bookings.means)
    await asyncio.gather(*(hub.keeper.once() for hub in (office.bookings, other) for _ in range(3)))
    assert office.ada.deletes == 1


async def test_buffers_are_part_of_what_is_held(office: Office) -> None:
    await office.hold(tomorrow(), "buffered")
    with pytest.raises(Gone):
        await office.hold(tomorrow(10, 30))
    await office.hold(tomorrow(10, 45))
    await office.hold(tomorrow(9, 20))


def test_what_a_move_needs_beyond_what_it_has() -> None:
    ten, half, eleven, late = (datetime(2026, 11, 24, hour, minute, tzinfo=UTC) for hour, minute in
                               ((10, 0), (10, 30), (11, 0), (11, 30)))  # fmt: skip
    assert holding.rest((ten, half), (ten, half)) is None
    assert holding.rest((half, late), (ten, eleven)) == (eleven, late)
    assert holding.rest((ten, eleven), (half, late)) == (ten, half)
    assert holding.rest((eleven, late), (ten, half)) == (eleven, late)
