"""What Google tells, in the hub: one meeting with the copies in other calendars, and the right times taken."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from urllib.parse import urlsplit

from connectors.google_calendar import Connector
from connectors.google_calendar.settings import GoogleCalendarSettings
from tests.connectors.google_calendar.conftest import set_up
from tests.fakes.google_calendar import OWNER, GoogleCalendar, google_calendar
from tests.hub.calendars.diary import ADA, LI, ON_SQLITE, at, bring, ics, meetings, scheduled, spans, vevent
from tests.hub.core import Core

INVITED = {
    "organizer": {"email": "ada@example.org", "displayName": "Ada"},
    "attendees": [
        {"email": "ada@example.org", "self": True, "organizer": True, "responseStatus": "accepted"},
        {"email": "li.na@customer.example", "displayName": "Li Na", "responseStatus": "needsAction"},
    ],
}


def told(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.astimezone(UTC).isoformat(), "timeZone": "UTC"}


async def bring_all(core: Core, google: GoogleCalendar, cursor: str | None) -> str | None:
    """Record what one look at Google tells beyond *cursor*; answers the cursor after it."""
    settings = GoogleCalendarSettings.model_validate({"api_url": f"http://127.0.0.1:{urlsplit(google.url).port}"})
    async with aclosing(Connector(settings, set_up()).listen(cursor)) as arrivals:
        arrival = await anext(arrivals)
    await bring(core, *arrival.items)
    return arrival.cursor


@ON_SQLITE
async def test_googles_copy_and_another_of_one_meeting_are_one_record(core: Core) -> None:
    async with google_calendar() as google:
        google.event(OWNER, iCalUID="offer", summary="Offer", start=told(at(1, 9)), end=told(at(1, 10)), **INVITED)
        await bring_all(core, google, None)
    await bring(
        core,
        scheduled("copy", ics(vevent("offer", at(1, 9), ADA, LI, "SUMMARY:Offer")), place="/ben/"),
        source="ben-calendar",
    )

    assert [(key, title) for key, title, *_ in await meetings(core)] == [("ical:offer", "Offer")]
    assert await spans(core, "ada") == [(at(1, 9), at(1, 10))]


@ON_SQLITE
async def test_a_moved_instance_takes_its_new_time_and_goes_with_its_series(core: Core) -> None:
    async with google_calendar() as google:
        rule = ["RRULE:FREQ=DAILY;COUNT=3"]
        google.event(OWNER, id="daily", summary="Offer", start=told(at(1, 9)), end=told(at(1, 10)), recurrence=rule)
        google.event(
            OWNER,
            id="daily_2",
            iCalUID="daily@google.com",
            recurringEventId="daily",
            originalStartTime=told(at(2, 9)),
            start=told(at(2, 15)),
            end=told(at(2, 16)),
        )
        cursor = await bring_all(core, google, None)
        assert await spans(core, "ada") == [
            (at(1, 9), at(1, 10)),
            (at(2, 15), at(2, 16)),
            (at(3, 9), at(3, 10)),
        ]
        google.delete(OWNER, "daily")
        del google.places[OWNER].events["daily_2"]
        await bring_all(core, google, cursor)
    assert await spans(core, "ada") == []
