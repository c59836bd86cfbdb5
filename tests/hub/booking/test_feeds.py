"""What the hub publishes: bookings as a calendar, busy times as VFREEBUSY, at addresses that can be revoked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from icalendar import Calendar

from hub.booking.feeds import NotYours
from hub.formats import ics
from hub.web.app import make_app
from tests.hub.booking.desk import Desk, day, open_desk
from tests.hub.letters.firm import ADA, BEN, BOSS
from tests.servers.mail import MailSink


@pytest.fixture
async def desk(url: str, tmp_path: Path, mail_sink: MailSink) -> AsyncIterator[Desk]:
    """A desk."""
    async with open_desk(url, tmp_path, mail_sink) as opened:
        yield opened


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[aiohttp.ClientSession]:
    """Another system, which nobody here knows."""
    service = replace(desk.service, feeds=desk.feeds)
    async with TestServer(make_app(service)) as server, aiohttp.ClientSession(server.make_url("/")) as session:
        yield session


def path(url: str) -> str:
    assert url.startswith("https://hub.example.org/calendars/")
    return url.removeprefix("https://hub.example.org")


@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
async def test_bookings_are_published_and_asked_again_cheaply(desk: Desk, client: aiohttp.ClientSession) -> None:
    secret, booked = await desk.book(day())
    address = path(await desk.feeds.make("ada", "bookings", ADA))
    async with client.get(address) as answer:
        assert (answer.status, answer.content_type, answer.charset) == (200, "text/calendar", "utf-8")
        calendar = Calendar.from_ical(await answer.read())
        etag, modified = answer.headers["ETag"], answer.headers["Last-Modified"]
    (event,) = calendar.walk("VEVENT")
    assert (str(event["UID"]), str(event["SUMMARY"])) == (booked.booking.uid, "Introduction: Li Na")
    assert (event.start, event.end) == (day(), day(minute=30))
    assert "METHOD" not in calendar
    for asked in ({"If-None-Match": etag}, {"If-Modified-Since": modified}):
        async with client.get(address, headers=asked) as answer:
            assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", etag)
    await desk.bookings.cancel(secret)
    async with client.get(address, headers={"If-None-Match": etag}) as answer:
        assert answer.status == 200
        assert Calendar.from_ical(await answer.read()).walk("VEVENT") == []
    async with client.post(address) as answer:
        assert answer.status == 405


async def test_busy_times_say_nothing_but_when(desk: Desk, client: aiohttp.ClientSession) -> None:
    await desk.book(day())
    await desk.book(day(minute=30))
    await desk.book(day(hour=14))
    address = path(await desk.feeds.make("ada", "busy", ADA))
    async with client.get(address) as answer:
        raw = await answer.read()
    assert ics.read_busy(raw) == ((day(), day(hour=10)), (day(hour=14), day(hour=14, minute=30)))
    assert b"Li Na" not in raw
    assert b"customer.example" not in raw
    secret = address.removeprefix("/calendars/").removesuffix(".ics")
    span = {"start": day(hour=13).isoformat(), "end": day(hour=14, minute=10).isoformat()}
    async with client.get(f"/freebusy/{secret}", params=span) as answer:
        assert answer.status == 200
        assert ics.read_busy(await answer.read()) == ((day(hour=14), day(hour=14, minute=10)),)
        etag = answer.headers["ETag"]
    async with client.get(f"/freebusy/{secret}", params=span, headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304
    now = datetime.now(UTC)
    for start, end in (
        ("yesterday", ""),
        (span["end"], span["start"]),
        (now.isoformat(), (now + timedelta(days=3650)).isoformat()),
        ("0001-01-01T00:00:00+14:00", ""),
    ):
        async with client.get(f"/freebusy/{secret}", params={"start": start, "end": end}) as answer:
            assert (answer.status, answer.content_type) == (400, "application/problem+json")


async def test_who_publishes_and_revokes(desk: Desk, client: aiohttp.ClientSession) -> None:
    address = path(await desk.feeds.make("ada", "bookings", ADA))
    with pytest.raises(NotYours):
        await desk.feeds.make("ada", "bookings", BEN)
    await desk.feeds.make("ada", "busy", BOSS)
    first, *_ = sorted(await desk.feeds.listed("ada"), key=lambda feed: feed.kind)
    assert first.id not in address
    for wrong in ("/calendars/wrong.ics", f"/freebusy/{first.id}", "/calendars/" + "x" * 150 + ".ics"):
        async with client.get(wrong) as answer:
            assert answer.status == 404
    async with client.get(address) as answer:
        assert answer.status == 200
    (read, _) = sorted(await desk.feeds.listed("ada"), key=lambda feed: feed.kind)
    assert read.read_at is not None
    assert not await desk.feeds.revoke(first.id, BEN)
    assert await desk.feeds.revoke(first.id, ADA)
    async with client.get(address) as answer:
        assert answer.status == 404
