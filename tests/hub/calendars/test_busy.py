"""What lies in calendars takes their owners' time, as it is now."""

from __future__ import annotations

import asyncio
from array import array
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import Removed
from hub.calendars import Owner, Owners, freshness
from hub.calendars.packing import merged, numbers, packed, span
from hub.mailroom import Mailroom
from hub.store import Store
from hub.store.schema import appointment_hosts, appointment_writes, appointments
from tests.hub.calendars.diary import ADA, LI, ON_SQLITE, OWNERS, at, bring, current, ics, scheduled, spans, vevent
from tests.hub.core import Core, open_core

BERLIN = ZoneInfo("Europe/Berlin")


async def test_an_event_takes_its_owners_time_until_it_has_gone(core: Core) -> None:
    await current(core, "ada-calendar", "ben-calendar")
    await bring(core, scheduled("one", ics(vevent("one", at(1, 9)))))
    assert await spans(core, "ada") == [(at(1, 9), at(1, 10))]
    assert await spans(core, "ben") == []

    await bring(core, scheduled("one", ics(vevent("one", at(2, 9)))))
    assert await spans(core, "ada") == [(at(2, 9), at(2, 10))]

    await bring(core, Removed("/ada/", "/ada/one.ics"))
    assert await spans(core, "ada") == []


@ON_SQLITE
async def test_what_is_free_cancelled_or_declined_takes_no_time(core: Core) -> None:
    declined = "ATTENDEE;PARTSTAT=DECLINED:mailto:Ada@home.example"
    await bring(
        core,
        scheduled("free", ics(vevent("free", at(1, 8), "TRANSP:TRANSPARENT"))),
        scheduled("off", ics(vevent("off", at(1, 9), "STATUS:CANCELLED"))),
        scheduled("no", ics(vevent("no", at(1, 10), "ORGANIZER:mailto:li.na@customer.example", declined))),
        scheduled("yes", ics(vevent("yes", at(1, 11)))),
    )
    assert await spans(core, "ada") == [(at(1, 11), at(1, 12))]


@ON_SQLITE
async def test_hours_stay_the_owners_over_clock_changes(core: Core) -> None:
    """DST: a series at nine of Berlin's clock, and days as her zone has them."""
    lines = ["BEGIN:VEVENT", "UID:nine", "DTSTAMP:20260101T000000Z", "DTSTART;TZID=Europe/Berlin:20260101T090000",
             "DTEND;TZID=Europe/Berlin:20260101T100000", "RRULE:FREQ=DAILY", "END:VEVENT"]  # fmt: skip
    holiday = ["BEGIN:VEVENT", "UID:away", "DTSTAMP:20260101T000000Z", "DTSTART;VALUE=DATE:20270328",
               "DTEND;VALUE=DATE:20270329", "END:VEVENT"]  # fmt: skip
    floating = ["BEGIN:VEVENT", "UID:float", "DTSTAMP:20260101T000000Z", "DTSTART:20270329T140000",
                "DTEND:20270329T150000", "END:VEVENT"]  # fmt: skip
    await bring(core, scheduled("nine", ics("\r\n".join(lines))), scheduled("away", ics("\r\n".join(holiday))))
    await bring(core, scheduled("float", ics("\r\n".join(floating))))
    since = datetime(2027, 3, 27, tzinfo=BERLIN)
    found = (await core.calendars.busy(["ada"], since, datetime(2027, 3, 30, tzinfo=BERLIN)))["ada"]
    assert [[datetime.fromtimestamp(each, UTC).hour for each in one] for one in found.spans] == [
        [8, 9],  # the last day of winter time
        [23, 22],  # the short day, whole
        [7, 8],  # summer time
        [12, 13],
    ]


@ON_SQLITE
async def test_what_nobody_has_looked_at_is_not_free(core: Core) -> None:
    await bring(core, scheduled("one", ics(vevent("one", at(1, 9), "RRULE:FREQ=DAILY;COUNT=2"))))
    until = at(10 * 365)
    found = (await core.calendars.busy(["ada"], at(0), until))["ada"]
    assert found.spans[-1][1] == int(until.timestamp())
    assert at(395) < datetime.fromtimestamp(found.spans[-1][0], UTC) < at(400)


# --- how fresh it is ------------------------------------------------------------------------------------------------


@ON_SQLITE
async def test_a_stale_calendar_is_said_to_be_and_why(core: Core) -> None:
    async def said() -> tuple[bool, str]:
        (state,) = (await core.calendars.busy(["ada"], at(0), at(1)))["ada"].calendars
        assert state == (await core.calendars.states("ada"))[0]
        return state.stale, state.why

    assert await said() == (True, freshness.NEVER_READ)
    await current(core, "ada-calendar", minutes_ago=14)
    assert await said() == (False, "")
    await current(core, "ada-calendar", minutes_ago=16)
    assert await said() == (True, freshness.OLD)
    await current(core, "ada-calendar")
    for word, why in (("rejected", freshness.REFUSED), ("misconfigured", freshness.WRONG)):
        await core.store.write(lambda conn: _state(conn, word))  # noqa: B023
        assert await said() == (True, why)
    assert (await core.calendars.busy(["cleo"], at(0), at(1)))["cleo"].calendars == ()


def _state(conn: Connection, word: str) -> None:
    conn.execute(sa.text("UPDATE sources SET state = :word"), {"word": word})


@ON_SQLITE
async def test_the_owner_of_a_stale_calendar_is_told_once_and_when_it_is_over(core: Core) -> None:
    with core.live.subscribe("ada") as ada, core.live.subscribe("ben") as ben:
        for minutes in (0, 20, 20, 0):
            await current(core, "ada-calendar", "ben-calendar", minutes_ago=minutes if minutes else 0)
            await current(core, "ben-calendar")
            await core.calendars.look(datetime.now(UTC))
        frames = (await ada.frames() or b"").decode()
        assert not ben._waiting
    assert [line for line in frames.splitlines() if line.startswith("data: ")] == [
        'data: {"kind":"calendar","source":"ada-calendar","state":"stale"}',
        'data: {"kind":"calendar","source":"ada-calendar","state":"current"}',
    ]


# --- what is our own ------------------------------------------------------------------------------------------------


async def test_what_the_hub_booked_itself_is_left_out_as_long_as_it_is_booked(core: Core) -> None:
    await bring(
        core,
        scheduled("ours", ics(vevent("7@hub.example", at(1, 9)))),
        scheduled("renamed", ics(vevent("provider-chose-this", at(1, 14)))),
        scheduled("theirs", ics(vevent("theirs", at(1, 11)))),
    )
    everything = [(at(1, 9), at(1, 10)), (at(1, 11), at(1, 12)), (at(1, 14), at(1, 15))]
    assert await spans(core, "ada") == everything
    await core.store.write(_book)
    await bring(
        core, scheduled("more", ics(vevent("more", at(1, 17))))
    )  # a booking comes with its write, which is news
    theirs = [(at(1, 11), at(1, 12)), (at(1, 17), at(1, 18))]
    assert await spans(core, "ada") == theirs
    assert len(await core.calendars.taking("ada", at(0), at(2))) == 4
    await core.store.write(lambda conn: conn.execute(appointments.update().values(state="cancelled")).rowcount)
    assert await spans(core, "ada") == sorted([*everything, theirs[1]])
    await core.store.write(lambda conn: conn.execute(appointments.update().values(state="confirmed")).rowcount)
    assert await spans(core, "ada") == theirs


def _book(conn: Connection) -> None:
    for number, hour, kept in ((7, 9, ""), (8, 14, "provider-chose-this")):
        conn.execute(
            appointments.insert().values(
                id=number, uid=f"{number}@hub.example", event_type="intro", state="confirmed", starts_at=at(1, hour),
                ends_at=at(1, hour + 1), zone="UTC", organizer="ada", title="", created_at=at(0), changed_at=at(0),
            )
        )  # fmt: skip
        conn.execute(
            appointment_hosts.insert().values(
                appointment_id=number, agent="ada", blocked_from=at(1, hour), blocked_until=at(1, hour + 1), active=True
            )
        )
        conn.execute(
            appointment_writes.insert().values(
                appointment_id=number, agent="ada", source="ada-calendar", wanted="put", state="done", uid=kept,
                due_at=at(0),
            )
        )  # fmt: skip


# --- what is kept ---------------------------------------------------------------------------------------------------


@ON_SQLITE
async def test_after_one_event_changed_only_that_host_is_computed_again(core: Core) -> None:
    await bring(core, scheduled("one", ics(vevent("one", at(1, 9)))))
    await bring(core, scheduled("two", ics(vevent("two", at(1, 10)))), source="ben-calendar")
    assert await spans(core, "ada")
    assert await spans(core, "ben")
    ada, ben = core.calendars._merged["ada"], core.calendars._merged["ben"]
    await bring(core, scheduled("more", ics(vevent("more", at(1, 11)))))
    assert len(await spans(core, "ada")) == 2
    assert len(await spans(core, "ben")) == 1
    assert core.calendars._merged["ben"] is ben
    assert core.calendars._merged["ada"] is not ada


async def test_two_hubs_on_one_store_agree(core: Core, workers: Mailroom) -> None:
    async with open_core(core.store, owners=OWNERS, workers=workers) as other:
        await bring(core, scheduled("one", ics(vevent("one", at(1, 9)))))
        assert await spans(other, "ada") == [(at(1, 9), at(1, 10))]
        await bring(core, scheduled("one", ics(vevent("one", at(2, 9)))))
        assert await spans(other, "ada") == [(at(2, 9), at(2, 10))]


async def test_what_is_expanded_goes_on_with_time_and_with_its_owners_zone(store: Store, workers: Mailroom) -> None:
    floating = ["BEGIN:VEVENT", "UID:f", "DTSTAMP:20260101T000000Z", f"DTSTART:{at(1):%Y%m%d}T120000",
                f"DTEND:{at(1):%Y%m%d}T130000", "RRULE:FREQ=DAILY", "END:VEVENT"]  # fmt: skip
    async with open_core(store, owners=OWNERS, workers=workers) as core:
        await bring(core, scheduled("f", ics("\r\n".join(floating))))
        first = await spans(core, "ada")
        now = datetime.now(UTC)
        for later in (0, 10):
            await core.calendars.look(now + timedelta(days=later))
            until = (await core.rows("SELECT until FROM calendar_busy"))[0][0]
            reaches = datetime.fromtimestamp(until / 1_000_000, UTC) - now
            assert timedelta(days=later + 395) < reaches <= timedelta(days=later + 396)
    tokyo = Owners({"ada-calendar": Owner(("ada",), zone="Asia/Tokyo")})
    async with open_core(store, owners=tokyo, workers=workers) as core, core.calendars:
        moved = await spans(core, "ada")
    berlin = first[0][0].astimezone(BERLIN).utcoffset()
    assert berlin is not None
    assert moved[0][0] - first[0][0] == berlin - timedelta(hours=9)


@ON_SQLITE
async def test_many_who_ask_at_once_get_the_same(core: Core) -> None:
    await bring(core, *(scheduled(f"{n}", ics(vevent(f"{n}", at(1, n % 24), ADA, LI))) for n in range(30)))
    found = await asyncio.gather(*(core.calendars.busy(["ada", "ben"], at(0), at(3)) for _ in range(20)))
    assert all(each["ada"].spans == found[0]["ada"].spans for each in found)
    assert found[0]["ada"].version == 1


def test_spans_as_bytes() -> None:
    spans = [(100, 200), (50, 60), (100, 200), (-5, 10), (70, 70), (150, 400), (400, 401)]
    assert [span(each) for each in numbers(packed(spans))] == [(0, 10), (50, 60), (100, 200), (150, 400), (400, 401)]
    assert merged(numbers(packed(spans))) == (array("q", [0, 50, 100]), array("q", [10, 60, 401]))
