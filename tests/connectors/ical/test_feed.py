"""What a feed tells as it changes, and what it cannot do to us."""

from __future__ import annotations

import gzip
import json
from contextlib import aclosing

import pytest
from pydantic import ValidationError

import hub
from connectors.ical import Connector
from connectors.ical.feed import LARGEST
from connectors.ical.settings import IcalSettings
from tests.connectors.ical.conftest import SETUP, settings, uids
from tests.contracts.connector import assert_readable, heard
from tests.fakes.feed import HEAD, Feed, published


async def read(feed: Feed, cursor: str | None, items: int, **changed: object) -> tuple[list[hub.Arrival], str]:
    """The next arrivals after *cursor* until they hold *items* items, and the cursor after them."""
    async with aclosing(Connector(settings(feed.port, **changed), SETUP).listen(cursor)) as arrivals:
        told = await heard(arrivals, items)
    assert told[-1].cursor is not None
    return told, told[-1].cursor


async def refused(feed: Feed, cursor: str | None, verdict: type[hub.Verdict], words: str, **changed: object) -> None:
    """The next look ends in *verdict*."""
    async with aclosing(Connector(settings(feed.port, **changed), SETUP).listen(cursor)) as arrivals:
        with pytest.raises(verdict, match=words) as told:
            await heard(arrivals, 1)
    assert_readable(told.value)


def inventory(told: list[hub.Arrival]) -> hub.Inventory:
    """The inventory at the end of *told*."""
    found = told[-1].items[-1]
    assert isinstance(found, hub.Inventory)
    return found


async def test_only_what_changed_is_told(feed: Feed) -> None:
    for name in ("stays", "moves", "goes"):
        feed.put(name)
    told, cursor = await read(feed, None, 4)
    assert uids(told) == ["stays", "moves", "goes"]
    assert inventory(told).provider_ids == {"stays", "moves", "goes"}
    feed.put("moves", start="20261202T100000Z")
    del feed.events["goes"]
    told, _ = await read(feed, cursor, 2)
    assert uids(told) == ["moves"]
    assert inventory(told).provider_ids == {"stays", "moves"}


async def test_a_feed_that_writes_the_present_into_every_event_tells_nothing_new(feed: Feed) -> None:
    feed.put("one")
    feed.put("two")
    _, cursor = await read(feed, None, 3)
    feed.put("one", stamp="20261121T120000Z")
    feed.put("two", "SUMMARY:Another", stamp="20261121T120000Z")
    told, _ = await read(feed, cursor, 1)
    assert uids(told) == ["two"]


async def test_a_feed_that_did_not_change_is_asked_by_its_validators(feed: Feed) -> None:
    feed.put("one")
    _, cursor = await read(feed, None, 2)
    connector = Connector(settings(feed.port), SETUP)
    assert await connector.freshness(cursor) == hub.Freshness(0, 0.0)
    assert [bool(each["If-None-Match"]) for each in feed.asked] == [False, True]


async def test_a_feed_without_validators_is_compared(feed: Feed) -> None:
    feed.validates = False
    feed.put("one")
    _, cursor = await read(feed, None, 2)
    connector = Connector(settings(feed.port), SETUP)
    assert await connector.freshness(cursor) == hub.Freshness(0, 0.0)
    feed.put("two")
    assert await connector.freshness(cursor) == hub.Freshness(1, None)
    del feed.events["one"]
    assert await connector.freshness(cursor) == hub.Freshness(2, None)
    told, _ = await read(feed, cursor, 2)
    assert uids(told) == ["two"]


async def test_while_it_listens_it_does_not_ask_more_often_to_say_how_fresh_it_is(feed: Feed) -> None:
    feed.put("one")
    connector = Connector(settings(feed.port, poll_seconds=3600), SETUP)
    async with aclosing(connector.listen(None)) as arrivals:
        cursor = (await heard(arrivals, 2))[-1].cursor
        assert await connector.freshness(cursor) == hub.Freshness(None, None)
    assert len(feed.asked) == 1


async def test_a_packed_feed_is_unpacked(feed: Feed) -> None:
    feed.packed = True
    feed.put("one", "SUMMARY:报价 🙂")
    told, _ = await read(feed, None, 2)
    (item,) = [each for each in told[0].items if isinstance(each, hub.Scheduled)]
    assert "SUMMARY:报价 🙂" in item.raw.decode()


async def test_a_series_with_a_moved_instance_is_one_and_has_its_zone(feed: Feed) -> None:
    zone = "BEGIN:VTIMEZONE\r\nTZID:Office\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\n"
    zone += "TZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    series = "BEGIN:VEVENT\r\nUID:weekly\r\nDTSTAMP:20261120T090000Z\r\nDTSTART;TZID=Office:20261201T100000\r\n{}"
    series += "END:VEVENT\r\n"
    feed.events = {
        "zone": zone,
        "series": series.format("RRULE:FREQ=WEEKLY\r\n"),
        "other": series.format("").replace("weekly", "other"),
        "moved": series.format("RECURRENCE-ID;TZID=Office:20261208T100000\r\n"),
    }
    told, _ = await read(feed, None, 3)
    weekly = next(each for each in told[0].items if isinstance(each, hub.Scheduled) and b"UID:weekly" in each.raw)
    assert weekly.raw.count(b"BEGIN:VEVENT") == 2
    assert b"TZID:Office" in weekly.raw
    assert b"UID:other" not in weekly.raw


async def test_a_reading_that_was_broken_off_still_finds_what_went(feed: Feed) -> None:
    for number in range(500):
        feed.put(f"event-{number:03}")
    _, cursor = await read(feed, None, 501)
    feed.events = {uid: text.replace("DTSTART:2026", "DTSTART:2027") for uid, text in feed.events.items()}
    del feed.events["event-007"]
    first, cursor = await read(feed, cursor, 1)
    rest, _ = await read(feed, cursor, 300)
    assert len(set(uids(first)) | set(uids(rest))) == len(uids(first) + uids(rest)) == 499
    assert "event-007" not in inventory(rest).provider_ids


# --- what a feed may not do -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "media_type", "words"),
    [
        (b"", "text/calendar", "sends nothing where the calendar was"),
        (b"<html>Please log in</html>", "text/html; charset=utf-8", "sends text/html where the calendar was"),
        (f"{HEAD}BEGIN:VEVENT\r\nUID:half".encode(), "text/calendar", "only a part of the feed"),
        (gzip.compress(HEAD.encode())[:-9], "application/gzip", "only a part of the feed"),
        (b"\x1f\x8b\xff\xffgarbage", "application/gzip", "damaged file"),
    ],
    ids=["nothing", "a login page", "half of it", "half of a packed one", "garbage"],
)
async def test_a_broken_feed_is_unavailable_and_deletes_nothing(
    feed: Feed, body: bytes, media_type: str, words: str
) -> None:
    feed.put("one")
    _, cursor = await read(feed, None, 2)
    feed.body, feed.media_type = body, media_type
    await refused(feed, cursor, hub.Unavailable, words)
    feed.body, feed.media_type = None, "text/calendar"
    feed.put("two")
    told, _ = await read(feed, cursor, 1)
    assert uids(told) == ["two"]


async def test_a_feed_that_is_suddenly_empty_is_believed_after_an_hour(feed: Feed) -> None:
    feed.put("one")
    _, cursor = await read(feed, None, 2)
    feed.events.clear()
    async with aclosing(Connector(settings(feed.port), SETUP).listen(cursor)) as arrivals:
        doubted = await anext(arrivals)
        assert doubted.items == ()
        with pytest.raises(hub.Unavailable, match="holds no event any more"):
            await anext(arrivals)
    assert doubted.cursor is not None
    fields = json.loads(doubted.cursor)
    assert fields[-1] > 0
    await refused(feed, doubted.cursor, hub.Unavailable, "holds no event any more")
    told, _ = await read(feed, json.dumps([*fields[:-1], fields[-1] - 3601]), 1)
    assert told[-1].items == (hub.Inventory("feed", frozenset()),)


@pytest.mark.parametrize("validates", [True, False])
async def test_a_feed_that_was_empty_for_a_moment_is_doubted_anew_the_next_time(feed: Feed, validates: bool) -> None:
    feed.validates = validates
    feed.put("one")
    _, cursor = await read(feed, None, 2)
    fields = json.loads(cursor)
    async with aclosing(
        Connector(settings(feed.port), SETUP).listen(json.dumps([*fields[:-1], fields[-1] + 1000]))
    ) as arrivals:
        arrival = await anext(arrivals)
    assert arrival.items == ()
    assert arrival.cursor == cursor


async def test_a_feed_that_was_always_empty_is_one(feed: Feed) -> None:
    told, _ = await read(feed, None, 1)
    assert told[-1].items == (hub.Inventory("feed", frozenset()),)


async def test_a_file_of_100_megabytes_is_refused_by_its_size(feed: Feed) -> None:
    feed.declared = 100_000_000
    feed.body = HEAD.encode()
    await refused(feed, None, hub.Misconfigured, r"sends 100,000,000 bytes, of which 33,554,432 are allowed")


async def test_a_small_file_that_unpacks_to_a_large_one_is_refused(feed: Feed) -> None:
    feed.body = gzip.compress(HEAD.encode() + b" " * (LARGEST + 1))
    assert len(feed.body) < 100_000
    await refused(feed, None, hub.Misconfigured, r"sends more than the 33,554,432 bytes")


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        (401, hub.Rejected, "answers 401; check the address"),
        (404, hub.Unavailable, "answers 404: the feed is not there"),
        (418, hub.Misconfigured, "answers 418"),
        (503, hub.Unavailable, "answers 503"),
    ],
)
async def test_what_the_server_answers_is_said(feed: Feed, status: int, verdict: type[hub.Verdict], words: str) -> None:
    feed.status = status
    await refused(feed, None, verdict, words)


async def test_a_redirect_is_followed_only_to_a_host_that_is_named(feed: Feed) -> None:
    with published() as other:
        other.put("there")
        feed.location = f"http://localhost:{other.port}/elsewhere.ics"
        await refused(feed, None, hub.Misconfigured, rf"redirects to localhost:{other.port}; if that is to be trusted")
        assert other.asked == []
        told, _ = await read(feed, None, 2, redirects=[f"localhost:{other.port}"])
        assert uids(told) == ["there"]


async def test_a_redirect_on_the_same_host_is_followed(feed: Feed) -> None:
    feed.put("there")
    feed.location = "/moved.ics"
    told, _ = await read(feed, None, 2)
    assert uids(told) == ["there"]


# --- settings -------------------------------------------------------------------------------------------------------


def test_webcal_is_https() -> None:
    assert IcalSettings(url="webcal://calendars.example.org/a.ics?x=1").address == (
        "https://calendars.example.org/a.ics?x=1"
    )


def test_a_secret_address_is_not_shown() -> None:
    given = IcalSettings.model_validate({"secret_url": "webcal://calendars.example.org/s3cret.ics"})
    assert given.address == "https://calendars.example.org/s3cret.ics"
    assert "s3cret" not in repr(given)


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("file:///etc/s3cret", "must be the address of a feed"),
        ("s3cret", "must be the address of a feed"),
        ("http://a.example/s3cret.ics", "sends the password in clear"),
    ],
)
async def test_a_secret_address_that_is_none_is_named_and_not_quoted(secret: str, words: str) -> None:
    given = {"secret_url": secret, "username": "ada", "password": "s3cret"}
    connector = Connector(IcalSettings.model_validate(given), SETUP)
    with pytest.raises(hub.Misconfigured, match=rf"sources\.holidays\.secret_url {words}") as told:
        await connector.freshness(None)
    assert "s3cret" not in str(told.value)
    assert_readable(told.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"url": "https://a.example/x.ics", "secret_url": "https://a.example/s3cret.ics"},
        {"url": "https://a.example/x.ics", "username": "ada"},
        {"url": "http://a.example/x.ics", "username": "ada", "password": "s3cret"},
        {"url": "https://ada:s3cret@a.example/x.ics"},
    ],
)
def test_settings_that_cannot_be_right_are_refused_without_quoting_a_secret(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as told:
        IcalSettings.model_validate(given)
    assert "s3cret" not in str(told.value)
