"""Bookings in calendars, and who tells the invited, on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

import hub
from connectors.caldav import Calendar, Connector
from hub.formats import ics
from tests.connectors.caldav.conftest import SETUP, event, settings, uids
from tests.connectors.caldav.test_reading import items, read
from tests.contracts.calendar import BOOKED, DAY, HALF, MOVED, NINE
from tests.servers.radicale import CalendarServer

BOB = hub.Attendee("mailto:bob@example.test", "Bob", "NEEDS-ACTION", "REQ-PARTICIPANT")
WITH_BOB = replace(BOOKED, attendees=(BOB,))
on_xandikos = pytest.mark.parametrize("server", ["xandikos"], indirect=True)


@pytest.fixture
async def booking(server: CalendarServer, calendar: str) -> AsyncIterator[Calendar]:
    opened = Calendar(settings(server.port, calendars=[calendar], write_to=calendar), SETUP)
    yield opened
    await opened.close()


@pytest.fixture
async def scheduling(server: CalendarServer, calendar: str) -> AsyncIterator[Calendar]:
    """A calendar whose server tells the invited."""
    opened = Calendar(settings(server.port, write_to=calendar, notifier="provider"), SETUP)
    yield opened
    await opened.close()


def at_bobs(server: CalendarServer, folder: str, uid: str) -> dict[str, str]:
    """What lies in one of Bob's folders of the event *uid*, by address, without folds."""
    path = f"/bob/{folder}/"
    asked = '<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>'
    status, _, body = server.ask("PROPFIND", path, asked, "bob", Depth="1")
    assert status == 207, body
    hrefs = [each.text or "" for each in ElementTree.fromstring(body).iter("{DAV:}href")]
    found = {href: unfolded(server.get(href, user="bob")) for href in hrefs if href != path}
    return {href: text for href, text in found.items() if f"UID:{uid}" in text}


def unfolded(text: str) -> str:
    return text.replace("\r\n ", "").replace("\n ", "")


async def test_what_is_booked_is_heard_by_the_connector_and_what_is_moved_there_too(
    server: CalendarServer, calendar: str, booking: Calendar
) -> None:
    connector = Connector(settings(server.port, calendars=[calendar]), SETUP)
    kept = await booking.put(BOOKED, None)
    told, cursor = await read(connector, None, 2)
    (item,) = [each for each in items(told) if isinstance(each, hub.Scheduled)]
    assert (item.copy.place, item.copy.provider_id, item.etag) == (kept.place, kept.provider_id, kept.etag)
    (said,) = ics.events(item.raw)
    assert (said.uid, said.sequence, said.start, said.end) == (BOOKED.uid, 0, BOOKED.starts_at, BOOKED.ends_at)
    assert (said.summary, said.location) == (BOOKED.title, BOOKED.place)
    assert [each.address for each in said.attendees] == ["mailto:li.na@customer.example"]
    await booking.put(MOVED, kept)
    told, cursor = await read(connector, cursor, 1)
    assert uids(told) == [BOOKED.uid]
    await booking.delete(replace(kept, etag=""))
    told, _ = await read(connector, cursor, 1)
    assert items(told) == [hub.Removed(calendar, kept.provider_id)]


async def test_a_series_takes_time_on_each_of_its_days_but_the_excepted(
    server: CalendarServer, calendar: str, booking: Calendar
) -> None:
    rules = ("RRULE:FREQ=DAILY;COUNT=400", "EXDATE:20261202T090000Z")
    server.put(f"{calendar}daily.ics", event("daily", *rules, start="20261101T090000Z", end="20261101T093000Z"))
    assert await booking.busy(*DAY) == [hub.Busy(NINE, NINE + HALF, "daily")]
    assert await booking.busy(DAY[1], DAY[1] + (DAY[1] - DAY[0])) == []


async def test_floating_times_are_meant_in_the_zone_of_the_calendars_owner(
    server: CalendarServer, calendar: str
) -> None:
    server.put(f"{calendar}floating.ics", event("floating", start="20261201T100000", end="20261201T103000"))
    opened = Calendar(settings(server.port, calendars=[calendar]), replace(SETUP, zone="Europe/Berlin"))
    assert await opened.busy(*DAY) == [hub.Busy(NINE, NINE + HALF, "floating")]
    await opened.close()


async def test_a_caldav_event_is_read_in_its_zone_and_not_as_utc_whatever_the_clocks_do(
    server: CalendarServer, calendar: str, booking: Calendar
) -> None:
    """As a program writes it that keeps Berlin's time: ten o'clock there, all the year round."""
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:DAYLIGHT\r\nDTSTART:19810329T020000\r\n"
        "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:DAYLIGHT\r\n"
        "BEGIN:STANDARD\r\nDTSTART:19961027T030000\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\n"
        "TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    text = event("berlin", "RRULE:FREQ=MONTHLY", start="20260115T100000", end="20260115T103000")
    text = text.replace("DTSTART:", "DTSTART;TZID=Europe/Berlin:").replace("DTEND:", "DTEND;TZID=Europe/Berlin:")
    server.put(f"{calendar}berlin.ics", text.replace("BEGIN:VEVENT", f"{zone}BEGIN:VEVENT"))
    found = await booking.busy(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
    assert [each.starts_at for each in found] == [
        datetime(2026, 3, 15, 9, tzinfo=UTC),
        datetime(2026, 4, 15, 8, tzinfo=UTC),
    ]


async def test_the_same_uid_somewhere_else_in_the_calendar_is_a_conflict(
    server: CalendarServer, calendar: str, booking: Calendar
) -> None:
    server.put(f"{calendar}imported.ics", event(BOOKED.uid))
    with pytest.raises(hub.Conflict):
        await booking.put(BOOKED, None)
    assert "SEQUENCE" not in server.get(f"{calendar}imported.ics")


async def test_a_calendar_that_takes_no_bookings_is_only_read(server: CalendarServer, calendar: str) -> None:
    reading = Calendar(settings(server.port, calendars=[calendar]), SETUP)
    assert not reading.ready
    assert await reading.busy(*DAY) == []
    with pytest.raises(hub.Misconfigured, match=r"set sources\.work-calendar\.write_to"):
        await reading.put(BOOKED, None)
    await reading.close()


async def test_a_calendar_to_write_into_that_is_not_there_is_named(server: CalendarServer, calendar: str) -> None:
    wrong = Calendar(settings(server.port, write_to="Bookings"), SETUP)
    with pytest.raises(
        hub.Misconfigured, match=r'no calendar "Bookings", which sources\.work-calendar\.write_to names'
    ):
        await wrong.put(BOOKED, None)
    await wrong.close()


# --- who tells the invited (RFC 6638) -------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["radicale"], indirect=True)
async def test_a_server_that_tells_nobody_may_not_be_the_notifier(scheduling: Calendar) -> None:
    assert scheduling.notifies
    with pytest.raises(hub.Misconfigured, match=r'does not tell the invited by itself; set .*notifier = "hub"'):
        await scheduling.put(WITH_BOB, None)


async def test_where_the_hub_tells_the_invited_the_server_is_told_not_to(
    server: CalendarServer, booking: Calendar
) -> None:
    assert not booking.notifies
    kept = await booking.put(BOOKED, None)
    assert "SCHEDULE-AGENT=CLIENT" in unfolded(server.get(kept.provider_id))


@on_xandikos
async def test_where_the_server_tells_the_invited_their_answers_come_back(server: CalendarServer) -> None:
    # Xandikos looks for the meeting that an answer is about in the default calendar only.
    calendar = "/alice/calendars/calendar/"
    scheduling = Calendar(settings(server.port, write_to=calendar, notifier="provider"), SETUP)
    connector = Connector(settings(server.port, calendars=[calendar]), SETUP)
    appointment = replace(WITH_BOB, uid="b9-told-by-the-server@hub.example.test")
    kept = await scheduling.put(appointment, None)
    await scheduling.close()
    assert "SCHEDULE-AGENT" not in server.get(kept.provider_id)
    _, cursor = await read(connector, None, 2)
    assert ["METHOD:REQUEST" in text for text in at_bobs(server, "inbox", appointment.uid).values()] == [True]
    ((href, invitation),) = at_bobs(server, "calendars/calendar", appointment.uid).items()
    answer = invitation.replace("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED")
    assert answer != invitation
    server.put(href, answer, user="bob")
    told, _ = await read(connector, cursor, 1)
    (item,) = [each for each in items(told) if isinstance(each, hub.Scheduled)]
    assert item.etag != kept.etag
    (said,) = ics.events(item.raw)
    assert [(each.address, each.status) for each in said.attendees] == [("mailto:bob@example.test", "ACCEPTED")]


@on_xandikos
async def test_what_the_server_has_brought_to_another_host_already_is_taken_as_written(server: CalendarServer) -> None:
    appointment = replace(WITH_BOB, uid="b10-two-hosts@hub.example.test")
    hosts = [
        Calendar(settings(server.port, username=user, password=f"secret-{user[0]}", write_to="calendar"), SETUP)
        for user in ("alice", "bob")
    ]
    _, at_bob = [await each.put(appointment, None) for each in hosts]
    ((href, text),) = at_bobs(server, "calendars/calendar", appointment.uid).items()
    assert at_bob.provider_id == href
    assert text.count("BEGIN:VEVENT") == 1
    for each in hosts:
        await each.close()
