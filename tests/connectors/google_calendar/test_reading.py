"""What Google's calendars tell, and what becomes of it; and Google's own word that something changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

import hub
from connectors.google_calendar import Connector
from hub.formats import ics
from tests.connectors.google_calendar.conftest import SECRET, Loan, set_up, settings
from tests.contracts.connector import SECONDS, heard
from tests.fakes.google_calendar import OWNER, TOKEN, GoogleCalendar
from webhooks.google_calendar import Webhook

NINE = datetime(2026, 12, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
BERLIN = {"timeZone": "Europe/Berlin"}
TUESDAYS = {
    "start": {"dateTime": "2026-12-01T10:00:00+01:00", **BERLIN},
    "end": {"dateTime": "2026-12-01T11:00:00+01:00", **BERLIN},
    "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"],
    "iCalUID": "tuesdays@example.org",
}


def connector(google: GoogleCalendar, set_up_as: hub.Setup | None = None, **changed: object) -> Connector:
    return Connector(settings(urlsplit(google.url).port or 0, **changed), set_up_as or set_up())


async def next_with_items(arrivals: AsyncGenerator[hub.Arrival, None]) -> hub.Arrival:
    async with asyncio.timeout(SECONDS):
        while not (arrival := await anext(arrivals)).items:
            pass
    return arrival


def of(arrival: hub.Arrival, kind: type[hub.Item]) -> list[hub.Item]:
    return [each for each in arrival.items if isinstance(each, kind)]


def raws(arrivals: Sequence[hub.Arrival]) -> list[bytes]:
    return [each.raw for arrival in arrivals for each in arrival.items if isinstance(each, hub.Scheduled)]


def begins(texts: Sequence[bytes]) -> list[str]:
    times = ics.expand(texts, NINE - 24 * HOUR, NINE + 60 * 24 * HOUR)
    return [f"{datetime.fromtimestamp(each.starts, UTC):%m-%d %H}" for each in times if each.busy]


def instance(day: int, **fields: object) -> dict[str, object]:
    original = {"dateTime": f"2026-12-{day:02}T10:00:00+01:00", **BERLIN}
    return {"id": f"tue_202612{day:02}T090000Z", "recurringEventId": "tue", "originalStartTime": original, **fields}


async def test_a_series_with_a_moved_and_a_cancelled_instance_is_one_meeting(google: GoogleCalendar) -> None:
    google.event(OWNER, id="tue", summary="Jour fixe", **TUESDAYS)
    google.event(OWNER, iCalUID=TUESDAYS["iCalUID"], start=NINE + 173 * HOUR, end=NINE + 174 * HOUR, **instance(8))
    async with aclosing(connector(google).listen(None)) as arrivals:
        first = await next_with_items(arrivals)
        google.event(OWNER, **instance(15, status="cancelled", iCalUID=None))
        then = await next_with_items(arrivals)

    texts = raws([first, then])
    assert {each.uid for text in texts for each in ics.events(text)} == {"tuesdays@example.org"}
    assert begins(texts) == ["12-01 09", "12-08 14", "12-22 09"]
    assert then.live
    assert not first.live


async def test_with_a_series_its_instances_are_gone(google: GoogleCalendar) -> None:
    google.event(OWNER, id="tue", summary="Jour fixe", **TUESDAYS)
    google.event(OWNER, start=NINE + 173 * HOUR, end=NINE + 174 * HOUR, **instance(8))
    other = google.event(OWNER, summary="Stays", start=NINE, end=NINE + HOUR)
    async with aclosing(connector(google).listen(None)) as arrivals:
        await next_with_items(arrivals)
        del google.places[OWNER].events["tue_20261208T090000Z"]
        google.delete(OWNER, "tue")
        then = await next_with_items(arrivals)

    assert then.items == (hub.Removed(OWNER, "tue"), hub.Inventory(OWNER, frozenset({other})))


async def test_what_is_moved_and_deleted_is_told_with_its_state(google: GoogleCalendar) -> None:
    id = google.event(OWNER, summary="Review", start=NINE, end=NINE + HOUR)
    async with aclosing(connector(google, level="subject", audience="ada").listen(None)) as arrivals:
        (first,) = of(await next_with_items(arrivals), hub.Scheduled)
        google.change(OWNER, id, start={"dateTime": "2026-12-01T15:00:00Z"}, end={"dateTime": "2026-12-01T16:00:00Z"})
        (moved,) = of(await next_with_items(arrivals), hub.Scheduled)
        google.delete(OWNER, id)
        gone = await next_with_items(arrivals)

    assert isinstance(first, hub.Scheduled)
    assert isinstance(moved, hub.Scheduled)
    assert moved.etag != first.etag
    assert first.copy == hub.Copy(OWNER, id, level=hub.Level.SUBJECT, audience="ada")
    assert begins([moved.raw]) == ["12-01 15"]
    assert hub.Removed(OWNER, id) in gone.items


async def test_a_token_that_is_void_has_all_read_anew_and_tells_what_is_gone(google: GoogleCalendar) -> None:
    ids = [google.event(OWNER, summary=f"E{each}", start=NINE, end=NINE + HOUR) for each in range(3)]
    async with aclosing(connector(google).listen(None)) as arrivals:
        cursor = (await next_with_items(arrivals)).cursor
    del google.places[OWNER].events[ids[0]]
    google.forget(OWNER)
    assert await connector(google).freshness(cursor) == hub.Freshness(None, None)
    async with aclosing(connector(google).listen(cursor)) as arrivals:
        anew = await next_with_items(arrivals)

    assert not anew.live
    assert anew.items[-1] == hub.Inventory(OWNER, frozenset(ids[1:]))
    assert len(raws([anew])) == 2


async def test_a_page_that_is_not_there_any_more_begins_again(google: GoogleCalendar) -> None:
    google.page_size = 2
    for each in range(5):
        google.event(OWNER, summary=f"E{each}", start=NINE, end=NINE + HOUR)
    async with aclosing(connector(google).listen(None)) as arrivals:
        first = await next_with_items(arrivals)
    assert first.backfill == hub.Backfill(2, 3)
    google.forget(OWNER)

    async with aclosing(connector(google).listen(first.cursor)) as arrivals:
        told = await heard(arrivals, 6)
    assert len(raws(told)) == 5


async def test_an_event_without_times_costs_only_itself(google: GoogleCalendar) -> None:
    broken = google.event(OWNER, summary="No times")
    google.event(OWNER, summary="Good", start=NINE, end=NINE + HOUR)
    async with aclosing(connector(google).listen(None)) as arrivals:
        told = await next_with_items(arrivals)

    (odd,) = of(told, hub.Unreadable)
    assert isinstance(odd, hub.Unreadable)
    assert odd.copy is not None
    assert odd.copy.provider_id == broken
    assert "start" in odd.reason
    assert begins(raws([told])) == ["12-01 09"]


@pytest.mark.parametrize("status", [403, 429])
async def test_a_limit_is_waited_for_and_not_a_refusal(google: GoogleCalendar, status: int) -> None:
    google.refuses = [(status, "rateLimitExceeded", "Rate Limit Exceeded")]
    async with aclosing(connector(google).listen(None)) as arrivals:
        with pytest.raises(hub.Unavailable) as told:
            await anext(arrivals)
    assert status == 429 or told.value.retry_after


async def test_a_permission_that_reaches_not_far_enough_says_what_to_do(google: GoogleCalendar) -> None:
    google.refuses = [(403, "insufficientPermissions", "Insufficient Permission")]
    async with aclosing(connector(google).listen(None)) as arrivals:
        with pytest.raises(hub.Rejected, match="scopes"):
            await anext(arrivals)


async def test_a_token_void_before_its_time_is_replaced_once(google: GoogleCalendar) -> None:
    loaned = set_up("void", TOKEN)
    async with aclosing(connector(google, loaned).listen(None)) as arrivals:
        await anext(arrivals)
    assert isinstance(loaned.loan, Loan)
    assert loaned.loan.refused == ["void"]


async def test_calendars_are_named_and_others_left_alone(google: GoogleCalendar) -> None:
    team = google.place("Team", role="writer")
    google.event(team, summary="Ours", start=NINE, end=NINE + HOUR)
    google.event(OWNER, summary="Mine", start=NINE, end=NINE + HOUR)
    google.event(google.place("Holidays", role="reader"), summary="Not", start=NINE, end=NINE + HOUR)
    async with aclosing(connector(google, calendars=["Team"]).listen(None)) as arrivals:
        told = await next_with_items(arrivals)
    assert told.items[-1] == hub.Inventory(team, frozenset(google.places[team].events))
    # No longer named: what was read of it is gone. Of one that bookings went into nothing is told.
    async with aclosing(connector(google).listen(told.cursor)) as arrivals:
        assert (await anext(arrivals)).items == (hub.Inventory(team, frozenset()),)
    async with aclosing(connector(google, calendars=["Tema"]).listen(None)) as arrivals:
        with pytest.raises(hub.Misconfigured, match='calendars may name "Alice", "Holidays", "Team"'):
            await anext(arrivals)


async def test_a_push_wakes_the_source_before_its_time(google: GoogleCalendar) -> None:
    set_up_as = set_up()
    listening = connector(google, set_up_as, push_secret=SECRET, poll_seconds=86_400)
    webhook = Webhook(settings(1, push_secret=SECRET), set_up_as)
    async with aclosing(listening.listen(None)) as arrivals:
        await heard(arrivals, 1)
        opened = await anext(arrivals)
        assert opened.items == ()
        coming = asyncio.ensure_future(heard(arrivals, 1))
        google.event(OWNER, summary="New", start=NINE, end=NINE + HOUR)
        (headers,) = google.push(OWNER)
        told = {name.lower(): value for name, value in headers.items()}
        delivery = hub.Delivery("POST", set_up_as.webhook_url, told, b"", NINE)
        webhook.verify(delivery)
        assert webhook.parse(delivery) == (hub.Changed("work"),)
        await listening.wake()
        assert begins(raws(await coming)) == ["12-01 09"]


async def test_a_channel_outlives_a_restart_and_is_made_anew_before_it_ends(google: GoogleCalendar) -> None:
    async with aclosing(connector(google, push_secret=SECRET).listen(None)) as arrivals:
        await heard(arrivals, 1)
        cursor = (await anext(arrivals)).cursor
    (first,) = google.channels
    google.event(OWNER, summary="New", start=NINE, end=NINE + HOUR)
    async with aclosing(connector(google, push_secret=SECRET).listen(cursor)) as arrivals:
        again = await next_with_items(arrivals)
        google.event(OWNER, summary="Newer", start=NINE, end=NINE + HOUR)
        again = await next_with_items(arrivals)
    assert list(google.channels) == [first]

    # With another secret, as with a time that is over, there is another channel, and the old one is closed.
    async with aclosing(connector(google, push_secret=f"{SECRET}-2").listen(again.cursor)) as arrivals:
        changed = await anext(arrivals)
    assert google.stopped == [first]
    assert first not in google.channels
    # Without a secret there is none.
    async with aclosing(connector(google).listen(changed.cursor)) as arrivals:
        await anext(arrivals)
    assert google.channels == {}


async def test_without_channels_changes_are_found_all_the_same(google: GoogleCalendar) -> None:
    here = replace(set_up(), webhook_url="https://hub.example.test/work")
    async with aclosing(connector(google, here, push_secret=SECRET).listen(None)) as arrivals:
        await heard(arrivals, 1)
        google.refuses = [(401, "push.webhookUrlUnauthorized", "Unauthorized WebHook callback channel")] * 2
        coming = asyncio.ensure_future(heard(arrivals, 1))
        google.event(OWNER, summary="New", start=NINE, end=NINE + HOUR)
        assert begins(raws(await coming)) == ["12-01 09"]
    assert google.channels == {}


async def test_a_cursor_that_cannot_be_read_begins_anew(google: GoogleCalendar) -> None:
    google.event(OWNER, summary="E", start=NINE, end=NINE + HOUR)
    async with aclosing(connector(google).listen('{"alice": 7}')) as arrivals:
        assert len(raws([await next_with_items(arrivals)])) == 1
