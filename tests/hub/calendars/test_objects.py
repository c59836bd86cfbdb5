"""What calendars hold is kept as it is there, in whatever pieces and however often it is told."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from hub import Inventory, Removed
from hub.calendars import freshness
from hub.live import LiveEvent
from hub.mailroom import Mailroom
from hub.store import Store
from hub.vocabulary import Item
from tests.hub.calendars.diary import ADA, LI, ON_SQLITE, OWNERS, at, bring, current, ics, scheduled, spans, vevent
from tests.hub.core import Core, open_core

NAMES = ("a", "b", "c")


async def version(core: Core, source: str = "ada-calendar") -> int:
    found = await core.rows("SELECT version FROM calendar_versions WHERE source = :source", source=source)
    return int(found[0][0]) if found else 0


async def test_what_is_told_again_changes_nothing(core: Core) -> None:
    item = scheduled("one", ics(vevent("one", at(1, 9), ADA, LI)))
    await bring(core, item)
    before = await version(core)
    with core.live.subscribe("ada") as screen:
        await bring(core, item)
        stamped = ics(vevent("one", at(1, 9), ADA, LI, written=at(0)))
        await bring(core, scheduled("one", stamped, etag='"another"'))
        await asyncio.sleep(0)
        assert not screen._waiting
    assert await version(core) == before
    assert await core.rows("SELECT etag FROM calendar_objects") == [('"another"',)]
    assert await core.rows("SELECT revision FROM interactions") == [(1,)]


async def test_one_sync_with_700_invitations_alerts_nobody(core: Core) -> None:
    items = [scheduled(f"i{n}", ics(vevent(f"i{n}", at(1 + n % 50, n % 24), ADA, LI))) for n in range(700)]
    with core.live.subscribe("ada") as screen:
        await bring(core, *items, live=True)
        seen = (await screen.frames() or b"").decode()
    assert await core.one("SELECT count(*) FROM interactions") == 700
    assert await version(core) == 1
    kinds = {line.removeprefix("event: ") for line in seen.splitlines() if line.startswith("event: ")}
    assert kinds <= {"activity", "calendar"}
    assert await core.one("SELECT count(*) FROM conversations WHERE state = 'open'") == 0


async def test_what_cannot_be_read_is_put_aside_and_the_next_is_read(core: Core) -> None:
    broken = b"BEGIN:VCALENDAR\r\nno event\r\n"
    await bring(core, scheduled("bad", broken), scheduled("good", ics(vevent("good", at(1, 9)))))
    assert await spans(core, "ada") == [(at(1, 9), at(1, 10))]
    ((held_id, kind, source),) = await core.rows("SELECT id, kind, source FROM quarantine")
    assert (kind, source) == ("calendar", "ada-calendar")
    await current(core, "ada-calendar")
    (state,) = await core.calendars.states("ada")
    assert not state.stale
    assert "cannot be read" in state.why

    assert await core.ingest.replay(held_id)  # nothing is better known than before
    await bring(core, scheduled("bad", ics(vevent("bad", at(3, 9)))))
    assert await spans(core, "ada") == [(at(1, 9), at(1, 10)), (at(3, 9), at(3, 10))]
    assert "another state" in await core.ingest.replay(held_id)
    (state,) = await core.calendars.states("ada")
    assert state.why == ""


@ON_SQLITE
async def test_a_rule_without_end_is_refused_and_said(core: Core) -> None:
    await current(core, "ada-calendar")
    endless = vevent("endless", at(-1), "RRULE:FREQ=SECONDLY;COUNT=1000000000", "SUMMARY:Ticking", minutes=1)
    await bring(core, scheduled("endless", ics(endless)), scheduled("one", ics(vevent("one", at(1, 9)))))
    assert await spans(core, "ada") == [(at(1, 9), at(1, 10))]
    (state,) = await core.calendars.states("ada")
    assert (state.stale, state.why) == (False, freshness.UNCOUNTED)
    (event,) = await core.calendars.uncounted("ada")
    assert (event.uid, event.title) == ("endless", "Ticking")
    assert "times" in event.why


async def test_a_part_that_the_database_refuses_is_found_and_put_aside(core: Core, workers: Mailroom) -> None:
    def falls_over(conn: Connection, source: str, uids: Sequence[str], now: object) -> list[LiveEvent]:
        if "bad" in uids:
            raise ValueError("this one")
        return []

    async with open_core(core.store, owners=OWNERS, follows=falls_over, workers=workers) as other:
        items = [scheduled(name, ics(vevent(name, at(1, hour)))) for hour, name in enumerate(("a", "bad", "c"), 9)]
        await bring(other, *items)
        assert await spans(other, "ada") == [(at(1, 9), at(1, 10)), (at(1, 11), at(1, 12))]
        assert await other.rows("SELECT kind FROM quarantine") == [("calendar",)]


@ON_SQLITE
async def test_who_follows_hears_which_uids_changed(store: Store, workers: Mailroom) -> None:
    heard: list[tuple[str, Sequence[str]]] = []

    def follow(conn: Connection, source: str, uids: Sequence[str], now: object) -> list[LiveEvent]:
        heard.append((source, uids))
        return []

    async with open_core(store, owners=OWNERS, follows=follow, workers=workers) as core:
        await bring(core, scheduled("one", ics(vevent("one", at(1)))), scheduled("two", ics(vevent("two", at(1)))))
        await bring(core, scheduled("two", ics(vevent("two", at(1)))))
        await bring(core, Inventory("/ada/", frozenset(["/ada/two.ics"])))
    assert heard == [("ada-calendar", ["one", "two"]), ("ada-calendar", ["one"])]


# --- any order and repetition ends the same -------------------------------------------------------------------------

_step = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(NAMES), st.integers(0, 3)),
    st.tuples(st.just("remove"), st.sampled_from(NAMES), st.just(0)),
    st.tuples(st.just("inventory"), st.sets(st.sampled_from(NAMES)).map(sorted).map(tuple), st.just(0)),
)


def _item(step: tuple[str, object, int]) -> Item:
    kind, what, hour = step
    if kind == "put":
        weekly = ("RRULE:FREQ=DAILY;COUNT=3",) if hour == 3 else ()
        return scheduled(str(what), ics(vevent(f"u-{what}", at(1, 9 + hour), *weekly)))
    if kind == "remove":
        return Removed("/ada/", f"/ada/{what}.ics")
    assert isinstance(what, tuple)
    return Inventory("/ada/", frozenset(f"/ada/{name}.ics" for name in what))


def _model(steps: Sequence[tuple[str, object, int]]) -> dict[str, int]:
    lies: dict[str, int] = {}
    for kind, what, hour in steps:
        if kind == "put":
            lies[str(what)] = hour
        elif kind == "remove":
            lies.pop(str(what), None)
        else:
            assert isinstance(what, tuple)
            lies = {name: hour for name, hour in lies.items() if name in what}
    return lies


async def test_any_order_and_repetition_ends_in_what_lies_there(core: Core) -> None:
    loop = asyncio.get_running_loop()

    async def follow(steps: Sequence[tuple[str, object, int]], cuts: Sequence[int]) -> None:
        await bring(core, Inventory("/ada/", frozenset()))
        items = [_item(step) for step in steps]
        places = sorted({0, len(items), *(cut % (len(items) + 1) for cut in cuts)})
        for begin, end in itertools.pairwise(places):
            await bring(core, *items[begin:end])
            await bring(core, *items[begin:end][-1:])  # the last one again, as after a crash
        lies = _model(steps)
        rows = await core.rows("SELECT provider_id, uid FROM calendar_objects ORDER BY provider_id")
        assert rows == [(f"/ada/{name}.ics", f"u-{name}") for name in sorted(lies)]
        busy = await core.rows("SELECT uid FROM calendar_busy ORDER BY uid")
        assert busy == [(f"u-{name}",) for name in sorted(lies)]
        times = sorted(
            {at(1 + day, 9 + hour) for hour in lies.values() for day in (range(3) if hour == 3 else range(1))}
        )
        taken = await core.calendars.taking("ada", at(0), at(10))
        assert sorted({each.starts_at for each in taken}) == times
        found = await spans(core, "ada", 10)
        assert sum((end - begin for begin, end in found), timedelta()) == len(times) * timedelta(hours=1)

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(_step, min_size=1, max_size=8), st.lists(st.integers(0, 20), max_size=3))
    def check(steps: list[tuple[str, object, int]], cuts: list[int]) -> None:
        asyncio.run_coroutine_threadsafe(follow(steps, cuts), loop).result()

    await asyncio.to_thread(check)


async def test_a_source_that_is_not_configured_any_more_leaves_nothing_behind(core: Core, workers: Mailroom) -> None:
    for source in ("ada-calendar", "ben-calendar"):
        await bring(core, scheduled("one", ics(vevent("one", at(1, 9)))), source=source)
        await current(core, source)
    await core.store.write(lambda conn: conn.exec_driver_sql("UPDATE sources SET cursor = 'x'").rowcount)
    left = replace(OWNERS, sources={"ada-calendar": OWNERS.sources["ada-calendar"]})
    async with open_core(core.store, owners=left, workers=workers) as other:
        assert await spans(other, "ben") == []
        await other.calendars.begin()
    assert await core.rows("SELECT source FROM calendar_objects") == [("ada-calendar",)]
    assert await core.rows("SELECT source FROM calendar_busy") == [("ada-calendar",)]
    assert await core.rows("SELECT name, cursor FROM sources ORDER BY name") == [
        ("ada-calendar", "x"),
        ("ben-calendar", None),
    ]


@ON_SQLITE
async def test_screens_hear_whose_calendars_changed(core: Core) -> None:
    with core.live.subscribe("cleo") as screen:
        await bring(core, scheduled("one", ics(vevent("one", at(1, 9)))))
        await bring(core, scheduled("one", ics(vevent("one", at(1, 9)))), source="ben-calendar")
        heard: set[str] = set()
        while heard != {"ada", "ben"}:
            async with asyncio.timeout(10):
                frames = (await screen.frames() or b"").decode()
            for event in filter(None, frames.split("\n\n")):
                _, kind, data = event.splitlines()
                assert kind == "event: calendar"
                heard.update(orjson.loads(data.removeprefix("data: "))["agents"])
