"""A booking follows what its host does in her calendar, and its own writes coming back change nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from hub import Appointment, Attendee
from hub.booking.means import AgentBusy, CalendarState
from hub.booking.states import Booked, Held, State
from hub.calendars import objects
from hub.calendars.owners import Owner, Owners
from hub.formats import ics
from hub.live import LiveEvent
from tests.hub.booking.office import LI_NA, Office, tomorrow
from tests.hub.booking.test_promise_after_trouble import settled

SOURCE = "ada-diary"
OWNERS = Owners({SOURCE: Owner(("ada",), frozenset(["mailto:ada@example.org"]), "Europe/Berlin")})


async def booked(office: Office, slug: str = "intro", hour: int = 10) -> tuple[Held, Booked]:
    held = await office.hold(tomorrow(hour), slug)
    return held, await office.bookings.confirm(held.secret, LI_NA)


async def synced(office: Office, *changed: Appointment, gone: bool = False, etag: str = "") -> list[LiveEvent]:
    """The hub reads Ada's calendar: what lies there as it lies, or as her program *changed* it."""
    diary = office.ada
    for id in list(diary.events):
        if changed:
            diary.events[id] = changed[0]
            diary.etags[id] = etag or f'"edited-{len(diary.puts)}"'
    puts = tuple(
        objects.Put("diary", id, event.uid, diary.etags[id], event.title, "", False, False, ics.write([event]))
        for id, event in diary.events.items()
    )
    removed = tuple(("diary", id) for id in diary.events) if gone else ()
    if gone:
        diary.events.clear()
        diary.etags.clear()
        puts = ()

    def work(conn: Connection) -> list[LiveEvent]:
        change = objects.Change(puts, removed)
        return objects.changed(conn, SOURCE, change, OWNERS, office.core.store.ids, office.bookings.means.following)

    news = await office.core.store.write(work)
    return [each for each in news if each.type == "booking"]


async def kinds(office: Office) -> list[tuple[str, int]]:
    """What the invitee is told, in order."""
    rows = await office.core.rows("SELECT kind, sequence FROM booking_notices WHERE way = 'mail' ORDER BY id")
    return [(kind, sequence) for kind, sequence in rows]


async def test_our_own_write_coming_back_changes_nothing(office: Office) -> None:
    """FIELD: One sync, 700 invitation mails."""
    held, _ = await booked(office)
    for _ in range(3):
        assert await synced(office) == []
    [event] = office.ada.events.values()
    assert await synced(office, replace(event, title="Renamed", text="Notes")) == []
    await office.bookings.move(held.secret, tomorrow(12))
    assert await synced(office) == []
    assert await kinds(office) == [("booked", 0), ("moved", 1)]


async def test_moved_or_deleted_in_the_calendar_still_booked_here(office: Office) -> None:
    """FIELD: Moved or deleted in the calendar, still booked here."""
    held, _ = await booked(office)
    await synced(office)
    [event] = office.ada.events.values()
    moved = replace(event, starts_at=tomorrow(15), ends_at=tomorrow(15, 30), sequence=4)
    [news] = await synced(office, moved)
    assert (news.agent, news.data["state"]) == ("ada", "moved")
    view = await office.bookings.get(held.booking_id)
    assert (view.starts_at, view.sequence, view.state) == (tomorrow(15), 4, State.CONFIRMED)
    await office.hold(tomorrow())
    assert await synced(office, moved, etag='"later"') == []
    await office.bookings.keeper.once()
    assert await office.core.rows("SELECT occurred_at FROM interactions") == [(_micros(tomorrow(15)),)]
    again = await office.bookings.move(held.secret, tomorrow(16))
    assert again.sequence == 5
    [event] = office.ada.events.values()
    assert (event.starts_at, event.sequence) == (tomorrow(16), 5)
    await synced(office)
    [news] = await synced(office, gone=True)
    assert news.data["state"] == "cancelled"
    view = await office.bookings.get(held.booking_id)
    assert (view.state, view.ended_by) == (State.CANCELLED, "calendar")
    await office.bookings.keeper.once()
    [(facts,)] = await office.core.rows("SELECT facts FROM interactions")
    assert '"cancelled":true' in facts
    assert await kinds(office) == [("booked", 0), ("moved", 4), ("moved", 5), ("cancelled", 6)]
    await office.hold(tomorrow(16))


async def test_an_older_state_that_was_read_before_we_wrote_moves_nothing_back(office: Office) -> None:
    held, _ = await booked(office)
    [old] = office.ada.events.values()
    await office.bookings.move(held.secret, tomorrow(12))
    assert await synced(office, old) == []
    assert (await office.bookings.get(held.booking_id)).starts_at == tomorrow(12)


async def test_moved_in_the_calendar_onto_another_booking_both_stand_and_it_is_said(office: Office) -> None:
    first, _ = await booked(office)
    await synced(office)
    [event] = office.ada.events.values()
    await booked(office, hour=12)
    other = next(each for each in office.ada.events.values() if each.uid != event.uid)
    office.ada.events = {id: each for id, each in office.ada.events.items() if each.uid == event.uid}
    [news] = await synced(office, replace(event, starts_at=other.starts_at, ends_at=other.ends_at, sequence=1))
    assert news.data["state"] == "overlaps"
    assert (await office.bookings.get(first.booking_id)).overlaps


async def test_the_invitee_declines_in_her_own_calendar(office: Office) -> None:
    held, _ = await booked(office)
    [event] = office.ada.events.values()
    declined = replace(event, attendees=(Attendee("mailto:li.na@customer.example", "Li Na", "DECLINED"),))
    [news] = await synced(office, declined)
    assert (news.agent, news.data["state"]) == ("ada", "declined-by-invitee")
    assert await synced(office, replace(declined, text="Edited")) == []
    assert (await office.bookings.get(held.booking_id)).state is State.CONFIRMED


async def test_uid_differs_from_the_providers(office: Office) -> None:
    """FIELD: UID differs from the provider's."""
    office.ada.names_itself = True
    held, made = await booked(office)
    assert made.booking.uid == f"their-{made.appointment}@hub.example.org"
    assert await office.core.rows("SELECT key FROM interactions") == [(f"ical:{made.booking.uid}",)]
    moved = await office.bookings.move(held.secret, tomorrow(12))
    assert moved.uid == made.booking.uid


async def test_where_the_provider_tells_the_invited_the_hub_does_not(office: Office) -> None:
    office.ada.tells = True
    held, made = await booked(office)
    assert made.booking.notifier == "provider"
    await office.bookings.move(held.secret, tomorrow(12))
    await office.bookings.cancel(held.secret)
    assert await kinds(office) == []


@dataclass
class OldAndNew:
    """What the hub knows of Ada's time: one span, as its *version* says."""

    span: tuple[datetime, datetime] | None = None
    version: int = 1

    async def busy(self, agents: list[str], since: datetime, until: datetime) -> dict[str, AgentBusy]:
        spans = ((int(self.span[0].timestamp()), int(self.span[1].timestamp())),) if self.span else ()
        return {agent: Known(spans, self.version) for agent in agents}


@dataclass(frozen=True)
class Known:
    spans: tuple[tuple[int, int], ...]
    version: int
    calendars: tuple[CalendarState, ...] = ()


async def test_another_event_comes_onto_a_booking_and_its_host_is_told_once(office: Office) -> None:
    held, _ = await booked(office)
    calendars = OldAndNew()
    object.__setattr__(office.bookings.means, "calendars", calendars)
    with office.core.live.subscribe("ada", "s") as screen:
        await office.bookings.keeper.once()
        calendars.span, calendars.version = (tomorrow(10, 15), tomorrow(11)), 2
        await office.bookings.keeper.once()
        frame = await screen.frames()
        assert frame is not None
        assert b'"state":"conflict"' in frame
        assert frame.count(b'"proposals":["') == 1
        assert (await office.bookings.get(held.booking_id)).conflict
        calendars.version = 3
        await office.bookings.keeper.once()
        assert (
            await office.core.one("SELECT count(*) FROM booking_notices WHERE kind = 'conflict' AND way = 'live'") == 1
        )
        calendars.span, calendars.version = None, 4
        await office.bookings.keeper.once()
        assert not (await office.bookings.get(held.booking_id)).conflict


async def test_an_edit_that_comes_while_the_hub_writes_is_not_lost(office: Office) -> None:
    held, _ = await booked(office)
    await synced(office)
    [event] = office.ada.events.values()
    office.ada.open.clear()
    office.ada.writing.clear()
    moving = asyncio.create_task(office.bookings.move(held.secret, tomorrow(12)))
    await office.ada.writing.wait()
    hers = replace(event, starts_at=tomorrow(17), ends_at=tomorrow(17, 30), sequence=1)
    assert await synced(office, hers) == []
    office.ada.open.set()
    await asyncio.gather(moving, return_exceptions=True)
    await settled(office)
    view = await office.bookings.get(held.booking_id)
    assert (view.starts_at, view.state) == (tomorrow(17), State.CONFIRMED)
    [event] = office.ada.events.values()
    assert event.starts_at == tomorrow(17)


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
