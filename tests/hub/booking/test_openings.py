"""Working hours in seconds: over midnight, and on the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.booking.openings import hours_of, openings
from hub.hours import Hours, read_spans
from tests.hub.booking.boards import BERLIN, at, board, clock, event, hours_only, week

NEW_YORK = ZoneInfo("America/New_York")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")


def offered(hours: Hours, day: str) -> list[str]:
    """What is offered on that day of the zone, with the distance to UTC."""
    zone = hours.zone
    midnight = at(day, zone)
    next_day = at((date.fromisoformat(day) + timedelta(1)).isoformat(), zone)
    return clock(board(event(), midnight, next_day, hours=hours).times(), zone)


def test_dst_an_hour_off_in_availability_nine_is_nine_before_and_after_the_clocks_change() -> None:
    """easyappointments#962, cal.diy#1092: 09:00 in Berlin is 08:00 UTC in winter, 07:00 UTC in summer."""
    hours = week("09:00-10:00")
    assert offered(hours, "2026-03-28") == ["09:00+01:00", "09:30+01:00"]
    assert offered(hours, "2026-03-29") == ["09:00+02:00", "09:30+02:00"]
    assert offered(hours, "2026-10-24") == ["09:00+02:00", "09:30+02:00"]
    assert offered(hours, "2026-10-25") == ["09:00+01:00", "09:30+01:00"]
    assert at("2026-03-29T09:00") == int(datetime(2026, 3, 29, 7, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("zone", "day", "hours", "expected"),
    [
        # 02:00 to 03:00 is left out: what spans it goes on, and nothing begins in it
        (BERLIN, "2026-03-29", "01:00-04:00", ["01:00+01:00", "01:30+01:00", "03:00+02:00", "03:30+02:00"]),
        (BERLIN, "2026-03-29", "02:00-03:00", []),
        (BERLIN, "2026-03-29", "02:30-04:00", ["03:00+02:00", "03:30+02:00"]),
        # 02:00 to 03:00 comes twice: both are open
        (BERLIN, "2026-10-25", "02:00-03:00", ["02:00+02:00", "02:30+02:00", "02:00+01:00", "02:30+01:00"]),
        # until 02:30 is open twice as well, with a break between the two
        (BERLIN, "2026-10-25", "01:30-02:30", ["01:30+02:00", "02:00+02:00", "02:00+01:00"]),
        (NEW_YORK, "2026-03-08", "01:30-03:30", ["01:30-05:00", "03:00-04:00"]),
        (NEW_YORK, "2026-11-01", "01:00-02:00", ["01:00-04:00", "01:30-04:00", "01:00-05:00", "01:30-05:00"]),
        # no change of the clock, and three quarters of an hour beside everybody else
        (KATHMANDU, "2026-03-29", "09:00-10:00", ["09:00+05:45", "09:30+05:45"]),
        # half an hour is left out (02:00 to 02:30), or comes twice (01:30 to 02:00)
        (LORD_HOWE, "2026-10-04", "01:30-03:00", ["01:30+10:30", "02:30+11:00"]),
        (LORD_HOWE, "2026-04-05", "01:30-02:00", ["01:30+11:00", "01:30+10:30"]),
    ],
)
def test_dst_slots_are_never_in_a_gap_and_both_folds_count(
    zone: ZoneInfo, day: str, hours: str, expected: list[str]
) -> None:
    assert offered(week(hours, zone), day) == expected


def test_an_evening_and_the_night_after_it_are_one_opening() -> None:
    hours = week("", fri="22:00-24:00", sat="00:00-02:00")
    found = board(event(durations=[50]), at("2026-11-27"), at("2026-11-29"), hours=hours).times()
    assert hours_only(found) == ["22:00", "22:50", "23:40", "00:30"]


def test_whoever_is_always_there_is_counted_from_each_midnight_whenever_one_asks() -> None:
    hours = week("00:00-24:00")
    long = event(durations=[50], step=100)
    found = board(long, at("2026-11-24T13:07"), at("2026-11-25T04:00"), hours=hours).times()
    assert hours_only(found) == [
        "13:20",
        "15:00",
        "16:40",
        "18:20",
        "20:00",
        "21:40",
        "23:20",
        "00:00",
        "01:40",
        "03:20",
    ]


def test_the_event_types_days_come_before_those_of_the_hours() -> None:
    own = Hours(
        "office",
        BERLIN,
        [read_spans("09:00-10:00")] * 7,
        holidays=frozenset({date(2026, 12, 25)}),
        special={date(2026, 12, 24): read_spans("08:00-09:00"), date(2026, 12, 28): read_spans("07:00-08:00")},
    )
    of = event(special={"2026-12-25": "11:00-12:00", "2026-12-24": "10:00-11:00"}, holidays=["2026-12-28"])
    merged = hours_of(of, own)
    assert merged.on(date(2026, 12, 23)) == read_spans("09:00-10:00")
    assert merged.on(date(2026, 12, 24)) == read_spans("10:00-11:00")
    assert merged.on(date(2026, 12, 25)) == read_spans("11:00-12:00")
    assert merged.on(date(2026, 12, 28)) == ()


SPANS = st.sampled_from(["", "00:00-24:00", "22:00-24:00", "00:00-02:30", "01:15-03:45", "09:00-12:00, 13:00-17:30"])
CHANGES = ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04", "2027-03-14"]
ZONES = st.sampled_from([BERLIN, NEW_YORK, KATHMANDU, LORD_HOWE, ZoneInfo("America/Havana"), ZoneInfo("Africa/Cairo")])


@settings(max_examples=60, deadline=None)
@given(zone=ZONES, spans=st.lists(SPANS, min_size=7, max_size=7), day=st.sampled_from(CHANGES))
def test_it_is_open_when_the_hours_say_so_minute_by_minute(zone: ZoneInfo, spans: list[str], day: str) -> None:
    hours = Hours("office", zone, [read_spans(each) for each in spans])
    begin = at(day, UTC) - 12 * 3600  # type: ignore[arg-type]
    found = openings(hours, begin, begin + 2 * 86_400)
    for minute in range(begin, begin + 2 * 86_400, 900):
        moment = datetime.fromtimestamp(minute, UTC)
        assert any(since <= minute < until for since, until in found.spans) == hours.open_at(moment), moment
    assert sorted(found.spans) == found.spans
    assert sum(until - since for since, until in found.grid) == sum(until - since for since, until in found.spans)
