"""What the connector tells of calendars that change, on real servers."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from random import Random

import pytest
from caldav.davclient import DAVClient

import hub
from connectors.caldav import Connector
from tests.connectors.caldav.conftest import SETUP, event, fill, settings, uid, uids
from tests.contracts.connector import heard
from tests.contracts.proxy import Proxy, proxy
from tests.servers.radicale import CalendarServer

SECONDS = 30


@pytest.fixture
def connector(server: CalendarServer, calendar: str) -> Connector:
    return Connector(settings(server.port, calendars=[calendar]), SETUP)


@pytest.fixture
def client(server: CalendarServer) -> Iterator[DAVClient]:
    """Another program with the same calendars."""
    with DAVClient(f"{server.url}/", username="alice", password="secret-a") as opened:
        yield opened


@pytest.fixture
async def without_sync(server: CalendarServer) -> AsyncIterator[Proxy]:
    """The server as if it had no sync-collection."""
    async with proxy(server.port) as running:
        running.edit = lambda block: block.replace(b"sync-collection", b"sync-kollection")
        yield running


async def read(connector: Connector, cursor: str | None, items: int) -> tuple[list[hub.Arrival], str]:
    """The next arrivals after *cursor* until they hold *items* items, and the cursor after them."""
    async with aclosing(connector.listen(cursor)) as arrivals:
        told = await heard(arrivals, items)
    assert told[-1].cursor is not None
    return told, told[-1].cursor


def items(told: list[hub.Arrival]) -> list[hub.Item]:
    return [item for arrival in told for item in arrival.items]


@pytest.mark.parametrize("server", ["radicale"], indirect=True)
async def test_300_events_are_read_in_pages_and_end_with_an_inventory(
    server: CalendarServer, calendar: str, connector: Connector
) -> None:
    paths = fill(server, calendar, 300)
    told, cursor = await read(connector, None, 301)
    assert sorted(uids(told)) == [f"event-{number:03}" for number in range(300)]
    assert [len(arrival.items) for arrival in told] == [100, 100, 101]
    assert [arrival.backfill for arrival in told] == [hub.Backfill(100, 300), hub.Backfill(200, 300), None]
    inventory = told[-1].items[-1]
    assert inventory == hub.Inventory(calendar, frozenset(paths))
    assert len(cursor) < 1000


@pytest.mark.parametrize("server", ["radicale"], indirect=True)
async def test_a_reading_that_was_broken_off_goes_on_where_it_was_and_misses_nothing_that_changed_meanwhile(
    server: CalendarServer, calendar: str, connector: Connector
) -> None:
    paths = fill(server, calendar, 150)
    first, cursor = await read(connector, None, 1)
    server.put(paths[7], event("event-007", "SUMMARY:Moved"))
    server.delete(paths[8])
    server.put(f"{calendar}000-new.ics", event("new"))
    rest, _ = await read(connector, cursor, 51 + 3)
    assert len(uids(first)) == 100
    assert uids(rest)[:50] == [f"event-{number:03}" for number in range(100, 150)]
    assert sorted(uids(rest)[50:]) == ["event-007", "new"]
    assert hub.Removed(calendar, paths[8]) in items(rest)


async def test_each_object_is_told_with_where_it_lies_and_its_etag(
    server: CalendarServer, calendar: str, connector: Connector
) -> None:
    etag = server.put(f"{calendar}li%20na.ics", event("with-a-space", "SUMMARY:报价 🙂"))
    told, _ = await read(connector, None, 1)
    (item,) = [each for each in items(told) if isinstance(each, hub.Scheduled)]
    assert (item.copy.place, item.copy.provider_id, item.etag) == (calendar, f"{calendar}li%20na.ics", etag)
    assert "报价 🙂" in item.raw.decode()
    assert not item.expanded


async def test_what_changes_and_what_goes_is_told_once(
    server: CalendarServer, calendar: str, connector: Connector
) -> None:
    for name in ("stays", "moves", "goes"):
        server.put(f"{calendar}{name}.ics", event(name))
    _, cursor = await read(connector, None, 4)
    server.put(f"{calendar}moves.ics", event("moves", "SEQUENCE:1", start="20261202T100000Z", end="20261202T110000Z"))
    server.delete(f"{calendar}goes.ics")
    told, after = await read(connector, cursor, 2)
    assert uids(told) == ["moves"]
    assert hub.Removed(calendar, f"{calendar}goes.ics") in items(told)
    assert all(arrival.live for arrival in told)
    assert await connector.freshness(after) == hub.Freshness(0, 0.0)
    assert await connector.freshness(cursor) == hub.Freshness(2, None)


async def test_a_sync_token_that_the_server_has_forgotten_costs_one_reading_and_loses_nothing(
    server: CalendarServer, calendar: str, connector: Connector
) -> None:
    server.put(f"{calendar}stays.ics", event("stays"))
    server.put(f"{calendar}goes.ics", event("goes"))
    _, cursor = await read(connector, None, 3)
    server.delete(f"{calendar}goes.ics")
    server.put(f"{calendar}comes.ics", event("comes"))
    places = json.loads(cursor)
    places[calendar]["token"] = "garbage"
    told, after = await read(connector, json.dumps(places), 3)
    assert sorted(uids(told)) == ["comes", "stays"]
    assert items(told)[-1] == hub.Inventory(calendar, frozenset({f"{calendar}comes.ics", f"{calendar}stays.ics"}))
    assert not any(arrival.live for arrival in told)
    assert await connector.freshness(after) == hub.Freshness(0, 0.0)


@pytest.mark.parametrize("server", ["radicale"], indirect=True)
async def test_a_radicale_that_lost_its_store_of_tokens_is_read_anew(
    server: CalendarServer, calendar: str, connector: Connector
) -> None:
    server.put(f"{calendar}stays.ics", event("stays"))
    _, cursor = await read(connector, None, 2)
    for store in server.folder.rglob(".Radicale.cache/sync-token"):
        shutil.rmtree(store)
    server.put(f"{calendar}comes.ics", event("comes"))
    told, _ = await read(connector, cursor, 3)
    assert sorted(uids(told)) == ["comes", "stays"]


@pytest.mark.parametrize("server", ["radicale"], indirect=True)
async def test_without_sync_collection_etags_are_compared(
    server: CalendarServer, calendar: str, without_sync: Proxy
) -> None:
    connector = Connector(settings(without_sync.port, calendars=[calendar]), SETUP)
    paths = fill(server, calendar, 120)
    first, cursor = await read(connector, None, 1)
    rest, cursor = await read(connector, cursor, 21)
    assert sorted(uids(first + rest)) == [f"event-{number:03}" for number in range(120)]
    assert isinstance(items(rest)[-1], hub.Inventory)
    assert await connector.freshness(cursor) == hub.Freshness(0, 0.0)
    server.put(paths[7], event("event-007", "SUMMARY:Moved"))
    server.delete(paths[8])
    assert await connector.freshness(cursor) == hub.Freshness(2, None)
    told, _ = await read(connector, cursor, 2)
    assert uids(told) == ["event-007"]
    gone = items(told)[-1]
    assert isinstance(gone, hub.Inventory)
    assert paths[8] not in gone.provider_ids
    assert len(gone.provider_ids) == 119
    assert all(arrival.live for arrival in told)


@pytest.mark.parametrize(
    ("server", "way"),
    [("radicale", "sync-collection"), ("radicale", "etags"), ("xandikos", "sync-collection")],
    indirect=["server"],
)
async def test_whatever_happens_and_wherever_it_breaks_off_the_hub_has_what_the_server_has(
    server: CalendarServer, calendar: str, without_sync: Proxy, way: str
) -> None:
    port = server.port if way == "sync-collection" else without_sync.port
    connector = Connector(settings(port, calendars=[calendar]), SETUP)
    random = Random(11)
    names = [f"{number:02}" for number in range(12)]
    lies: dict[str, str] = {}
    hub_has: dict[str, str] = {}
    cursor: str | None = None
    for step in range(8):
        for name in random.sample(names, 4):
            path = f"{calendar}{name}.ics"
            if path in lies and random.random() < 0.4:
                server.delete(path)
                del lies[path]
            else:
                server.put(path, event(f"event-{name}", f"SUMMARY:{step}"))
                lies[path] = f"SUMMARY:{step}"
        if random.random() < 0.3:
            cursor = random.choice([None, json.dumps({calendar: {"token": "garbage", "known": True}})])
        async with aclosing(connector.listen(cursor)) as arrivals, asyncio.timeout(SECONDS):
            arrival = await anext(arrivals)
        cursor = arrival.cursor
        for item in arrival.items:
            if isinstance(item, hub.Scheduled):
                text = item.raw.decode()
                hub_has[item.copy.provider_id] = next(line for line in text.splitlines() if line.startswith("SUMMARY"))
            elif isinstance(item, hub.Removed):
                hub_has.pop(item.provider_id, None)
            elif isinstance(item, hub.Inventory):
                hub_has = {path: said for path, said in hub_has.items() if path in item.provider_ids}
        assert hub_has == lies


async def test_a_calendar_that_is_gone_leaves_an_empty_inventory(server: CalendarServer, calendar: str) -> None:
    other = server.make(f"{calendar.split('/')[-2]}-other")
    server.put(f"{calendar}one.ics", event("one"))
    server.put(f"{other}two.ics", event("two"))
    both = Connector(settings(server.port, calendars=[calendar, other]), SETUP)
    _, cursor = await read(both, None, 4)
    server.delete(other)
    async with aclosing(both.listen(cursor)) as arrivals:
        told = await heard(arrivals, 1)
        assert items(told) == [hub.Inventory(other, frozenset())]
        with pytest.raises(hub.Misconfigured, match=r"work-calendar\.calendars names; there are: "):
            await heard(arrivals, 1)
    one = Connector(settings(server.port, calendars=[calendar]), SETUP)
    server.put(f"{calendar}three.ics", event("three"))
    told, _ = await read(one, told[-1].cursor, 1)
    assert uids(told) == ["three"]


async def test_a_calendar_with_bookings_that_is_gone_ends_none_of_them_and_is_named(
    server: CalendarServer, calendar: str
) -> None:
    server.put(f"{calendar}one.ics", event("one"))
    _, cursor = await read(Connector(settings(server.port, calendars=[calendar]), SETUP), None, 2)
    booked = Connector(settings(server.port, write_to=calendar, calendars=[calendar]), SETUP)
    async with aclosing(booked.listen(cursor)) as arrivals:
        noted = (await anext(arrivals)).cursor  # that bookings go into it
    server.delete(calendar)
    async with aclosing(booked.listen(noted)) as arrivals:
        assert (await anext(arrivals)).items == ()
        with pytest.raises(hub.Misconfigured, match="has no calendar"):
            await anext(arrivals)


async def test_without_names_all_calendars_with_events_are_read(server: CalendarServer, calendar: str) -> None:
    tasks = server.make(f"{calendar.split('/')[-2]}-tasks", kinds=("VTODO",))
    server.put(f"{calendar}one.ics", event("one"))
    told: list[hub.Arrival] = []
    async with aclosing(Connector(settings(server.port), SETUP).listen(None)) as arrivals, asyncio.timeout(SECONDS):
        async for arrival in arrivals:
            told.append(arrival)
            if "one" in uids(told) and arrival.backfill is None:
                break
    places = json.loads(told[-1].cursor or "")
    assert calendar in places
    assert tasks not in places
    assert not [path for path in places if "inbox" in path]


async def test_waking_it_asks_at_once(server: CalendarServer, calendar: str) -> None:
    connector = Connector(settings(server.port, calendars=[calendar], poll_seconds=3600), SETUP)
    server.put(f"{calendar}one.ics", event("one"))
    async with aclosing(connector.listen(None)) as arrivals:
        await heard(arrivals, 2)
        waiting = asyncio.ensure_future(heard(arrivals, 1))
        await asyncio.to_thread(server.put, f"{calendar}two.ics", event("two"))
        await connector.wake()
        assert uids(await waiting) == ["two"]


async def test_what_another_program_makes_and_moves_is_heard(
    calendar: str, connector: Connector, client: DAVClient
) -> None:
    theirs = client.calendar(url=calendar)  # type: ignore[no-untyped-call]
    meeting = await asyncio.to_thread(
        theirs.save_event,
        dtstart=datetime(2026, 12, 1, 10, tzinfo=UTC),
        dtend=datetime(2026, 12, 1, 11, tzinfo=UTC),
        summary="Review",
        uid="review",
    )
    told, cursor = await read(connector, None, 1)
    assert uids(told) == ["review"]

    def move() -> None:
        meeting.icalendar_component["DTSTART"].dt = datetime(2026, 12, 3, 9, tzinfo=UTC)
        meeting.icalendar_component["DTEND"].dt = datetime(2026, 12, 3, 10, tzinfo=UTC)
        meeting.save()

    await asyncio.to_thread(move)
    told, _ = await read(connector, cursor, 1)
    (item,) = items(told)
    assert uid(item) == "review"
    assert isinstance(item, hub.Scheduled)
    assert b"20261203T09" in item.raw


async def test_a_server_that_is_killed_and_started_again_is_read_on(
    server: CalendarServer, calendar: str, connector: Connector
) -> None:
    server.put(f"{calendar}before.ics", event("before"))
    _, cursor = await read(connector, None, 2)
    server.process.kill()
    with pytest.raises(hub.Unavailable):
        await read(connector, cursor, 1)
    with pytest.raises(hub.Unavailable):
        await connector.freshness(cursor)
    await asyncio.to_thread(server.process.start)
    server.put(f"{calendar}after.ics", event("after"))
    told, _ = await read(connector, cursor, 1)
    assert uids(told) == ["after"]


async def test_a_calendar_that_is_not_there_is_named_with_those_that_are(server: CalendarServer, calendar: str) -> None:
    wrong = Connector(settings(server.port, calendars=["Wrok"]), SETUP)
    async with aclosing(wrong.listen(None)) as arrivals:
        with pytest.raises(hub.Misconfigured, match=r'has no calendar "Wrok".*there are: .*work-'):
            await anext(arrivals)


async def test_the_address_of_one_calendar_is_enough(server: CalendarServer, calendar: str) -> None:
    server.put(f"{calendar}one.ics", event("one"))
    one = Connector(settings(server.port, url=f"{server.url}{calendar}"), SETUP)
    told, cursor = await read(one, None, 2)
    assert uids(told) == ["one"]
    assert list(json.loads(cursor)) == [calendar]
