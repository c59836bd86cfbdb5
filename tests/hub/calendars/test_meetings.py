"""A meeting with somebody from outside stands on timelines: one record, whichever calendars it lies in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson

from hub import Inventory, Removed
from hub.calendars import begun
from tests.hub.calendars.diary import (
    ADA,
    BEN,
    LI,
    ON_SQLITE,
    OWNERS,
    at,
    bring,
    current,
    ics,
    meetings,
    scheduled,
    spans,
    stamp,
    vevent,
)
from tests.hub.core import Core

COLLEAGUE = "ATTENDEE:mailto:new.colleague@example.org"


async def facts(core: Core, key: str) -> dict[str, object]:
    found = await core.rows("SELECT facts FROM interactions WHERE key = :key", key=key)
    return dict(orjson.loads(found[0][0]) if isinstance(found[0][0], str) else found[0][0])


async def test_one_record_by_uid_whichever_calendars_it_sits_in(core: Core) -> None:
    contact = await core.contact("Li Na", "mailto:li.na@customer.example")
    offer = vevent("offer", at(1, 9), ADA, BEN, LI, "SUMMARY:Offer", "SEQUENCE:0")
    await bring(core, scheduled("offer", ics(offer)))
    await bring(core, scheduled("copy", ics(offer), place="/ben/"), source="ben-calendar")
    assert await meetings(core) == [("ical:offer", "Offer", 2)]
    assert await core.one("SELECT count(*) FROM activities WHERE contact_id = :c", c=contact) == 1
    assert await spans(core, "ada") == await spans(core, "ben") == [(at(1, 9), at(1, 10))]

    moved = vevent("offer", at(2, 9), ADA, BEN, LI, "SUMMARY:Offer", "SEQUENCE:1", written=at(0))
    await bring(core, scheduled("offer", ics(moved)))
    known = await facts(core, "ical:offer")
    assert datetime.fromisoformat(str(known["starts_at"])) == at(2, 9)
    # Gone from the calendar of somebody who was only invited: it still takes place.
    await bring(core, Removed("/ben/", "/ben/copy.ics"), source="ben-calendar")
    assert (await facts(core, "ical:offer"))["cancelled"] is False
    # Gone from its organizer's own: it does not.
    await bring(core, Removed("/ada/", "/ada/offer.ics"))
    assert (await facts(core, "ical:offer"))["cancelled"] is True
    assert await core.one("SELECT count(*) FROM copies WHERE NOT gone") == 0


async def test_moved_from_one_calendar_to_another_is_not_cancelled(core: Core) -> None:
    raw = ics(vevent("offer", at(1, 9), ADA, LI))
    await bring(core, scheduled("offer", raw))
    await bring(core, scheduled("new", raw, place="/mine/"), Removed("/ada/", "/ada/offer.ics"))
    assert not (await facts(core, "ical:offer"))["cancelled"]
    # The server tells of the old place first, and of the new one later.
    await bring(core, Removed("/mine/", "/mine/new.ics"))
    assert (await facts(core, "ical:offer"))["cancelled"]
    await bring(core, scheduled("back", raw))
    assert not (await facts(core, "ical:offer"))["cancelled"]


@ON_SQLITE
async def test_what_is_over_or_lost_with_its_whole_calendar_is_not_cancelled(core: Core) -> None:
    await bring(
        core,
        scheduled("past", ics(vevent("past", at(-9, 9), ADA, LI))),
        scheduled("one", ics(vevent("one", at(1, 9), ADA, LI)), place="/lost/"),
        scheduled("two", ics(vevent("two", at(2, 9), ADA, LI)), place="/lost/"),
    )
    await bring(core, Removed("/ada/", "/ada/past.ics"), Inventory("/lost/", frozenset()))
    for key in ("ical:past", "ical:one", "ical:two"):
        assert (await facts(core, key))["cancelled"] is False
    assert await spans(core, "ada") == []


async def test_only_meetings_with_somebody_from_outside_that_are_not_private_are_recorded(core: Core) -> None:
    await current(core, "ada-calendar")
    await bring(
        core,
        scheduled("alone", ics(vevent("alone", at(1, 8)))),
        scheduled("us", ics(vevent("us", at(1, 9), ADA, BEN, COLLEAGUE))),
        scheduled("private", ics(vevent("private", at(1, 10), ADA, LI, "CLASS:PRIVATE", "SUMMARY:Surgery"))),
        scheduled(
            "never", ics(vevent("never", at(1, 11), ADA, "ATTENDEE:mailto:doctor@clinic.example", "SUMMARY:Pain"))
        ),
        scheduled("met", ics(vevent("met", at(1, 12), ADA, LI, "SUMMARY:Offer"))),
    )
    assert [key for key, *_ in await meetings(core)] == ["ical:met"]
    assert await spans(core, "ada") == [(at(1, 8), at(1, 13))]
    seen = {each.uid: each.title for each in await core.calendars.taking("ada", at(1), at(2), "ben")}
    assert seen == {"alone": "", "us": "", "private": "", "never": "", "met": "Offer"}
    own = {each.uid: (each.title, each.private) for each in await core.calendars.taking("ada", at(1), at(2), "ada")}
    assert own["private"] == ("Surgery", True)
    # Of whom the hub must not record nothing is kept but the time.
    kept = bytes(await core.one("SELECT raw FROM calendar_objects WHERE uid = 'never'"))
    assert b"clinic" not in kept
    assert b"Pain" not in kept


@ON_SQLITE
async def test_private_from_now_on(core: Core) -> None:
    await bring(core, scheduled("met", ics(vevent("met", at(1, 12), ADA, LI, "SUMMARY:Plan"))))
    await bring(core, scheduled("met", ics(vevent("met", at(1, 12), ADA, LI, "SUMMARY:Plan", "CLASS:CONFIDENTIAL"))))
    known = await facts(core, "ical:met")
    assert (known["private"], known["title"]) == (True, "")
    assert (await meetings(core))[0][1] == ""
    await bring(core, scheduled("met", ics(vevent("met", at(1, 12), ADA, LI, "SUMMARY:Plan"))))
    known = await facts(core, "ical:met")
    assert (known["private"], known["title"]) == (False, "Plan")


@ON_SQLITE
async def test_who_is_taken_off_a_meeting_is_not_on_it_any_more(core: Core) -> None:
    await bring(core, scheduled("met", ics(vevent("met", at(1, 12), ADA, BEN, LI))))
    await bring(core, scheduled("met", ics(vevent("met", at(1, 12), ADA, BEN, "SEQUENCE:1"))))
    people = await core.rows("SELECT handle FROM participants ORDER BY handle")
    assert people == [("mailto:ada@example.org",), ("mailto:ben@example.org",)]


# --- series ---------------------------------------------------------------------------------------------------------

DAILY = "RRULE:FREQ=DAILY"


async def look(core: Core, now: datetime) -> int:
    """The keeper looks at *now*. Answers how many occurrences began."""
    await core.calendars.look(datetime.now(UTC))
    return await begun.record(core.store, core.mailroom, core.ingest, OWNERS, now)


def recurrence(uid: str, moment: datetime) -> str:
    return f"ical:{uid}/{stamp(moment)}"


async def test_an_occurrence_is_its_own_when_it_begins_once_and_in_order_after_downtime(core: Core) -> None:
    start = at(1, 9)
    series = vevent("jour", start, ADA, LI, DAILY, "SUMMARY:Jour fixe")
    moved = vevent("jour", at(3, 15), ADA, LI, f"RECURRENCE-ID:{stamp(at(3, 9))}", "SUMMARY:Jour fixe, later")
    await bring(core, scheduled("jour", ics(series, moved)))
    await bring(core, scheduled("jour", ics(series, moved), place="/ben/"), source="ben-calendar")
    keys = ["ical:jour", recurrence("jour", at(3, 9))]
    assert [key for key, *_ in await meetings(core)] == sorted(keys)
    assert await look(core, start - timedelta(seconds=1)) == 0

    # The hub was down for some days: what began meanwhile is told in order, from both calendars it lies in.
    assert await look(core, at(4, 9)) == 6
    keys += [recurrence("jour", at(day, 9)) for day in (1, 2, 4)]
    assert [key for key, *_ in await meetings(core)] == sorted(keys)
    begun_rows = await core.rows("SELECT key FROM interactions WHERE key LIKE 'ical:jour/%' ORDER BY recorded_at, id")
    assert [key for (key,) in begun_rows] == [keys[1], keys[2], keys[3], keys[4]]
    known = await facts(core, keys[4])
    assert datetime.fromisoformat(str(known["series_start"])) == at(4, 9)
    assert datetime.fromisoformat(str(known["ends_at"])) == at(4, 10)
    assert known["title"] == "Jour fixe"
    assert "rule" not in known
    conversations = await core.rows("SELECT DISTINCT conversation_id FROM interactions WHERE kind = 'meeting'")
    assert len(conversations) == 1

    # Killed after it was recorded and before that was noted: told again, it changes nothing.
    before = await meetings(core)
    await core.store.write(
        lambda conn: conn.exec_driver_sql(f"UPDATE calendar_busy SET begins_at = {int(start.timestamp()) * 1_000_000}")
    )
    assert await look(core, at(4, 10)) == 6
    assert await meetings(core) == before


async def test_a_series_that_changes_while_the_hub_is_down_loses_no_occurrence(core: Core) -> None:
    series = vevent("jour", at(1, 9), ADA, LI, DAILY, "SEQUENCE:0")
    await bring(core, scheduled("jour", ics(series)))
    await core.calendars.look(datetime.now(UTC))
    later = vevent("jour", at(1, 9), ADA, LI, f"{DAILY};COUNT=3", "SEQUENCE:1", "SUMMARY:Now named")
    await bring(core, scheduled("jour", ics(later)))
    assert await look(core, at(9)) == 3
    titles = {key: title for key, title, _ in await meetings(core)}
    assert set(titles) == {"ical:jour", *(recurrence("jour", at(day, 9)) for day in (1, 2, 3))}
    assert set(titles.values()) == {"Now named"}
    assert await core.rows("SELECT begins_at FROM calendar_busy") == [(None,)]


@ON_SQLITE
async def test_an_instance_that_is_taken_out_of_its_series_is_cancelled_and_one_that_is_put_back_is_not(
    core: Core,
) -> None:
    series = vevent("jour", at(1, 9), ADA, LI, DAILY)
    moved = [
        vevent("jour", at(day, 15), ADA, LI, f"RECURRENCE-ID:{stamp(at(day, 9))}", "SUMMARY:Later") for day in (3, 4)
    ]
    await bring(core, scheduled("jour", ics(series, *moved)))
    without = vevent("jour", at(1, 9), ADA, LI, DAILY, f"EXDATE:{stamp(at(3, 9))}")
    await bring(core, scheduled("jour", ics(without)))
    assert (await facts(core, recurrence("jour", at(3, 9))))["cancelled"] is True
    back = await facts(core, recurrence("jour", at(4, 9)))
    assert back["cancelled"] is False
    assert datetime.fromisoformat(str(back["starts_at"])) == at(4, 9)


@ON_SQLITE
async def test_a_provider_that_tells_every_occurrence_takes_no_time_by_the_rule(core: Core) -> None:
    """Microsoft Graph: the series, and each occurrence as an object of its own."""
    series = scheduled("s", ics(vevent("jour", at(1, 9), ADA, LI, DAILY)), expanded=True)
    told = [
        scheduled(
            f"o{day}", ics(vevent("jour", at(day, 9), ADA, LI, f"RECURRENCE-ID:{stamp(at(day, 9))}")), expanded=True
        )
        for day in (1, 2)
    ]
    other = vevent("jour", at(3, 11), ADA, LI, f"RECURRENCE-ID:{stamp(at(3, 9))}")
    await bring(core, series, *told, scheduled("o3", ics(other), expanded=True))
    assert await spans(core, "ada") == [(at(1, 9), at(1, 10)), (at(2, 9), at(2, 10)), (at(3, 11), at(3, 12))]
    keys = ["ical:jour", recurrence("jour", at(3, 9))]
    assert [key for key, *_ in await meetings(core)] == sorted(keys)
    assert await look(core, at(2)) == 1
    assert [key for key, *_ in await meetings(core)] == sorted([*keys, recurrence("jour", at(1, 9))])


@ON_SQLITE
async def test_days_of_a_series_are_days_wherever_its_owner_is(core: Core) -> None:
    """An occurrence of a series of days is named by its date, as an instance that was changed is."""
    lines = [ADA, LI, "RRULE:FREQ=DAILY;COUNT=4"]
    head = ["BEGIN:VEVENT", "UID:fair", f"DTSTAMP:{stamp(at(0))}", f"DTSTART;VALUE=DATE:{at(1):%Y%m%d}"]
    changed = ["BEGIN:VEVENT", "UID:fair", f"DTSTAMP:{stamp(at(0))}", f"DTSTART;VALUE=DATE:{at(8):%Y%m%d}",
               f"RECURRENCE-ID;VALUE=DATE:{at(2):%Y%m%d}", ADA, LI, "END:VEVENT"]  # fmt: skip
    raw = ics("\r\n".join([*head, *lines, "END:VEVENT", *changed]))
    await bring(core, scheduled("fair", raw))
    assert await look(core, at(9)) == 3
    keys = ["ical:fair", *(recurrence("fair", at(day)) for day in (1, 2, 3, 4))]
    assert [key for key, *_ in await meetings(core)] == sorted(keys)
    known = await facts(core, recurrence("fair", at(3)))
    assert datetime.fromisoformat(str(known["starts_at"])) == at(3)
    assert datetime.fromisoformat(str(known["ends_at"])) == at(4)
