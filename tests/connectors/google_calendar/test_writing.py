"""What is written into a Google calendar, and what Google does with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

import hub
from connectors.google_calendar import Calendar
from tests.connectors.google_calendar.conftest import set_up, settings
from tests.contracts.calendar import BOOKED, MOVED
from tests.fakes.google_calendar import OWNER, GoogleCalendar


@asynccontextmanager
async def opened(google: GoogleCalendar, zone: str = "UTC", **changed: object) -> AsyncIterator[Calendar]:
    given = settings(urlsplit(google.url).port or 0, **{"write_to": "Alice", **changed})
    calendar = Calendar(given, replace(set_up(), zone=zone))
    try:
        yield calendar
    finally:
        await calendar.close()


@pytest.mark.parametrize(("notifier", "updates"), [("hub", "none"), ("provider", "all")])
async def test_the_uid_is_ours_and_the_invited_are_told_by_one(
    google: GoogleCalendar, notifier: str, updates: str
) -> None:
    async with opened(google, notifier=notifier) as calendar:
        assert calendar.notifies is (notifier == "provider")
        kept = await calendar.put(BOOKED, None)
        moved = await calendar.put(MOVED, kept)
        await calendar.delete(moved)
    assert kept.uid == BOOKED.uid
    writes = [(method, query) for method, _, query in google.asked if method != "GET"]
    assert writes == [(method, {"sendUpdates": updates}) for method in ("POST", "PATCH", "DELETE")]
    assert google.told[0]["iCalUID"] == BOOKED.uid
    assert google.told[0]["start"] == {"dateTime": "2026-12-01T10:00:00+01:00", "timeZone": "Europe/Berlin"}
    assert google.told[0]["attendees"] == [
        {"email": "li.na@customer.example", "displayName": "Li Na", "responseStatus": "needsAction"}
    ]


async def test_what_the_host_chose_besides_stays(google: GoogleCalendar) -> None:
    async with opened(google) as calendar:
        kept = await calendar.put(BOOKED, None)
        google.places[OWNER].events[kept.provider_id]["colorId"] = "5"
        await calendar.put(MOVED, kept)
    assert google.places[OWNER].events[kept.provider_id]["colorId"] == "5"


async def test_booked_again_after_it_was_deleted_it_is_brought_back(google: GoogleCalendar) -> None:
    async with opened(google) as calendar:
        first = await calendar.put(BOOKED, None)
        await calendar.delete(first)
        again = await calendar.put(replace(MOVED, sequence=3), None)
        taken = await calendar.busy(MOVED.starts_at, MOVED.ends_at)
    assert again.provider_id == first.provider_id
    assert [each.uid for each in taken] == [BOOKED.uid]


async def test_a_uid_that_another_event_has_is_a_conflict(google: GoogleCalendar) -> None:
    google.event(OWNER, iCalUID=BOOKED.uid, summary="Other", start=BOOKED.starts_at, end=BOOKED.ends_at)
    async with opened(google) as calendar:
        with pytest.raises(hub.Conflict):
            await calendar.put(BOOKED, None)


async def test_a_calendar_that_is_gone_is_named_by_its_key(google: GoogleCalendar) -> None:
    team = google.place("Team")
    async with opened(google, write_to="Team") as calendar:
        await calendar.busy(BOOKED.starts_at, BOOKED.ends_at)
        del google.places[team]
        for _ in range(2):
            with pytest.raises(hub.Misconfigured, match="write_to"):
                await calendar.put(BOOKED, None)


async def test_days_and_series_take_time_in_the_owners_zone(google: GoogleCalendar) -> None:
    berlin = {"timeZone": "Europe/Berlin"}
    google.event(OWNER, summary="Off", start={"date": "2026-07-01"}, end={"date": "2026-07-02"})
    google.event(
        OWNER,
        summary="Weekly",
        start={"dateTime": "2026-03-24T10:00:00+01:00", **berlin},
        end={"dateTime": "2026-03-24T11:00:00+01:00", **berlin},
        recurrence=["RRULE:FREQ=WEEKLY"],
    )
    async with opened(google, zone="Europe/Berlin") as calendar:
        found = await calendar.busy(datetime(2026, 6, 30, tzinfo=UTC), datetime(2026, 7, 3, tzinfo=UTC))
    assert [(each.starts_at.isoformat()[5:16], each.ends_at - each.starts_at) for each in found] == [
        # The last Tuesday of June, an hour earlier in UTC than in March.
        ("06-30T08:00", timedelta(hours=1)),
        ("06-30T22:00", timedelta(days=1)),
    ]
