"""When events take place where calendars write beside the standard, or the clocks change. Each line here that differs
from recurring-ical-events stands in docs/ICALENDAR.md."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hub.formats import ics
from tests.hub.formats import DATA
from tests.hub.formats.ics import calendar, utc

BERLIN = ZoneInfo("Europe/Berlin")


def times(text: bytes, since: datetime, until: datetime, **more: object) -> list[str]:
    """When the events in *text* start and end, UTC."""
    found = ics.expand([text], since, until, **more)  # type: ignore[arg-type]
    return [f"{_utc(each.starts)}-{_utc(each.ends)}" for each in found]


def _utc(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%m-%dT%H:%M}"


def test_a_series_keeps_its_time_of_day_when_the_clocks_change() -> None:
    text = calendar("""UID:1
        DTSTART;TZID=Europe/Berlin:20260328T090000
        DTEND;TZID=Europe/Berlin:20260328T100000
        RRULE:FREQ=DAILY;COUNT=2""")
    assert times(text, utc(2026, 3, 1), utc(2026, 4, 1)) == ["03-28T08:00-03-28T09:00", "03-29T07:00-03-29T08:00"]


def test_a_time_that_the_clocks_skip_is_counted_from_before_and_of_two_the_first_is_meant() -> None:
    skipped = calendar("UID:1\nDTSTART;TZID=Europe/Berlin:20260329T023000\nDURATION:PT1H")
    assert times(skipped, utc(2026, 3, 1), utc(2026, 4, 1)) == ["03-29T01:30-03-29T02:30"]
    twice = calendar("UID:1\nDTSTART;TZID=Europe/Berlin:20261025T023000\nDURATION:PT15M")
    assert times(twice, utc(2026, 10, 1), utc(2026, 11, 1)) == ["10-25T00:30-10-25T00:45"]


def test_hours_pass_by_the_clock_and_days_by_the_calendar() -> None:
    text = "UID:1\nDTSTART;TZID=Europe/Berlin:20260329T010000\nDURATION:{}"
    window = utc(2026, 3, 1), utc(2026, 4, 1)
    assert times(calendar(text.format("PT3H")), *window) == ["03-29T00:00-03-29T03:00"]
    assert times(calendar(text.format("P1D")), *window) == ["03-29T00:00-03-29T23:00"]
    (said,) = ics.events(calendar(text.format("P1D")))
    assert said.end == utc(2026, 3, 29, 23)


def test_a_day_blocks_the_day_where_its_owner_is_and_a_time_without_zone_is_meant_there() -> None:
    day = calendar("UID:1\nDTSTART;VALUE=DATE:20260329\nRRULE:FREQ=DAILY;COUNT=2")
    assert times(day, utc(2026, 3, 1), utc(2026, 4, 1), zone=BERLIN) == [
        "03-28T23:00-03-29T22:00",
        "03-29T22:00-03-30T22:00",
    ]
    floating = calendar("UID:1\nDTSTART:20260329T120000\nDURATION:PT1H")
    assert times(floating, utc(2026, 3, 1), utc(2026, 4, 1), zone=BERLIN) == ["03-29T10:00-03-29T11:00"]
    named = calendar("UID:1\nDTSTART:20260329T120000\nDURATION:PT1H", head="X-WR-TIMEZONE:America/New_York")
    assert times(named, utc(2026, 3, 1), utc(2026, 4, 1), zone=BERLIN) == ["03-29T16:00-03-29T17:00"]


def test_exdate_as_a_day_leaves_out_that_day_of_a_series_of_times() -> None:
    text = calendar("""UID:1
        DTSTART;TZID=America/New_York:20260301T210000
        DURATION:PT1H
        EXDATE;VALUE=DATE:20260302
        RRULE:FREQ=DAILY;COUNT=3""")
    assert times(text, utc(2026, 3, 1), utc(2026, 4, 1)) == ["03-02T02:00-03-02T03:00", "03-04T02:00-03-04T03:00"]


@pytest.mark.parametrize("exception", ["20260302T000000Z", "20260301T230000Z", "20260302T090000"])
def test_exdate_as_a_time_leaves_out_its_day_of_a_series_of_days(exception: str) -> None:
    text = calendar(f"UID:1\nDTSTART;VALUE=DATE:20260301\nEXDATE:{exception}\nRRULE:FREQ=DAILY;COUNT=3")
    assert times(text, utc(2026, 2, 1), utc(2026, 4, 1), zone=BERLIN) == [
        "02-28T23:00-03-01T23:00",
        "03-02T23:00-03-03T23:00",
    ]


def test_exdate_in_another_zone_is_the_same_moment_and_no_other() -> None:
    series = "UID:1\nDTSTART;TZID=Europe/Berlin:20260301T100000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2\nEXDATE"
    window = utc(2026, 3, 1), utc(2026, 4, 1)
    assert times(calendar(f"{series};TZID=Asia/Tokyo:20260301T180000"), *window) == ["03-02T09:00-03-02T10:00"]
    assert times(calendar(f"{series}:20260301T090000Z"), *window) == ["03-02T09:00-03-02T10:00"]
    assert times(calendar(f"{series}:20260301T100000"), *window) == ["03-02T09:00-03-02T10:00"]
    assert len(times(calendar(f"{series}:20260301T100000Z"), *window)) == 2


def test_rdate_adds_times_days_and_periods() -> None:
    text = calendar("""UID:1
        DTSTART;TZID=Europe/Berlin:20260301T100000
        DURATION:PT1H
        RDATE;TZID=Europe/Berlin:20260303T120000
        RDATE;VALUE=PERIOD:20260305T080000Z/PT2H,20260306T080000Z/20260306T083000Z
        RDATE;VALUE=DATE:20260308""")
    assert times(text, utc(2026, 3, 1), utc(2026, 4, 1)) == [
        "03-01T09:00-03-01T10:00",
        "03-03T11:00-03-03T12:00",
        "03-05T08:00-03-05T10:00",
        "03-06T08:00-03-06T08:30",
        "03-08T09:00-03-08T10:00",
    ]


@pytest.mark.parametrize(
    ("until", "count"), [("20260303", 3), ("20260303T090000Z", 3), ("20260303T085959Z", 2), ("20260303T100000", 3)]
)
def test_until_is_the_last_time_and_as_a_day_the_whole_day(until: str, count: int) -> None:
    rule = f"RRULE:FREQ=DAILY;UNTIL={until}"
    text = calendar(f"UID:1\nDTSTART;TZID=Europe/Berlin:20260301T100000\nDURATION:PT1H\n{rule}")
    assert len(times(text, utc(2026, 3, 1), utc(2026, 4, 1))) == count


def test_what_is_changed_from_one_time_on_changes_all_that_follow() -> None:
    series = """UID:1
        DTSTART;TZID=Europe/Berlin:20260323T100000
        DTEND;TZID=Europe/Berlin:20260323T110000
        RRULE:FREQ=WEEKLY;COUNT=4"""
    later = """UID:1
        RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260330T100000
        DTSTART;TZID=Europe/Berlin:20260331T140000
        DTEND;TZID=Europe/Berlin:20260331T143000"""
    one = """UID:1
        RECURRENCE-ID;TZID=Europe/Berlin:20260406T100000
        DTSTART;TZID=Europe/Berlin:20260406T080000
        DTEND;TZID=Europe/Berlin:20260406T090000"""
    # In several texts, as some servers keep them.
    found = ics.expand([calendar(series), calendar(later, one)], utc(2026, 3, 1), utc(2026, 5, 1))
    assert [(_utc(each.starts), _utc(each.ends), _utc(each.instance)) for each in found] == [
        ("03-23T09:00", "03-23T10:00", "03-23T09:00"),
        ("03-31T12:00", "03-31T12:30", "03-30T08:00"),
        ("04-06T06:00", "04-06T07:00", "04-06T08:00"),
        ("04-14T12:00", "04-14T12:30", "04-13T08:00"),
    ]
    assert ics.events(calendar(later))[0].range_this_and_future


def test_a_series_follows_the_law_of_its_zone_when_that_changes() -> None:
    # Jordan kept summer time from October 2022 on.
    text = calendar("UID:1\nDTSTART;TZID=Asia/Amman:20211101T100000\nDURATION:PT1H\nRRULE:FREQ=YEARLY")
    assert times(text, utc(2021, 1, 1), utc(2024, 1, 1)) == [
        "11-01T08:00-11-01T09:00",
        "11-01T07:00-11-01T08:00",
        "11-01T07:00-11-01T08:00",
    ]


def _zoned(tzid: str, offset: str) -> bytes:
    rules = f"""BEGIN:VTIMEZONE
        TZID:{tzid}
        X-LIC-LOCATION:nowhere
        BEGIN:STANDARD
        DTSTART:16010101T000000
        TZOFFSETFROM:{offset}
        TZOFFSETTO:{offset}
        END:STANDARD
        END:VTIMEZONE"""
    return calendar(f'UID:1\nDTSTART;TZID="{tzid}":20260701T120000\nDURATION:PT1H', head=rules)


def test_a_zone_without_a_known_name_has_the_rules_of_its_own_file_and_of_no_other() -> None:
    window = utc(2026, 7, 1), utc(2026, 7, 3)
    assert times(_zoned("Customized Time Zone", "+0500"), *window) == ["07-01T07:00-07-01T08:00"]
    assert times(_zoned("Customized Time Zone", "-0330"), *window) == ["07-01T15:30-07-01T16:30"]
    assert ics.events(_zoned("Customized Time Zone", "+0500"))[0].start == utc(2026, 7, 1, 7)
    # A known name has its law, whatever the file says of it.
    assert times(_zoned("W. Europe Standard Time", "+0500"), *window) == ["07-01T10:00-07-01T11:00"]
    assert ics.events(_zoned("W. Europe Standard Time", "+0500"))[0].zone == "Europe/Berlin"
    # Windows shows some zones without a city.
    assert times(calendar('UID:1\nDTSTART;TZID="(UTC-05:00) Eastern Time (US & Canada)":20260701T120000'), *window) == [
        "07-01T16:00-07-01T16:00"
    ]


def test_the_odd_zones_are_expanded_as_they_are_read() -> None:
    raw = (DATA / "calendar/synthetic/timezones/tzid-oddities.ics").read_bytes()
    parts = ics.split(raw)
    assert len(parts) == 15
    for uid, part in parts.items():
        (said,) = ics.events(part, BERLIN)
        (found,) = ics.expand([part], utc(2026, 7, 1), utc(2026, 8, 1), zone=BERLIN)
        if said.all_day:
            assert found.starts == utc(2026, 7, 14, 22).timestamp()
        else:
            assert said.start is not None
            assert found.starts == said.start.timestamp(), uid


def test_what_is_declined_free_or_cancelled_is_not_busy() -> None:
    text = "UID:1\nDTSTART:20260301T100000Z\nDURATION:PT1H\n"
    hers = "ATTENDEE;CN=Ada;PARTSTAT=DECLINED:MAILTO:Ada@Example.org"
    for more, busy in ((hers, False), (hers.replace("DECLINED", "ACCEPTED"), True), ("TRANSP:TRANSPARENT", False),
                       ("STATUS:CANCELLED", False), ("STATUS:TENTATIVE", True)):  # fmt: skip
        (found,) = ics.expand(
            [calendar(text + more)], utc(2026, 3, 1), utc(2026, 4, 1), ours={"mailto:ada@example.org"}
        )
        assert found.busy is busy, more


def test_single_times_that_are_cancelled_are_left_out_and_the_later_word_counts() -> None:
    series = "UID:1\nDTSTART:20260301T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2"
    gone = "UID:1\nRECURRENCE-ID:20260302T100000Z\nDTSTART:20260302T100000Z\nSEQUENCE:2\nSTATUS:CANCELLED"
    moved = "UID:1\nRECURRENCE-ID:20260302T100000Z\nDTSTART:20260302T120000Z\nSEQUENCE:1"
    window = utc(2026, 3, 1), utc(2026, 4, 1)
    assert times(calendar(series, gone, moved), *window) == ["03-01T10:00-03-01T11:00"]
    assert times(calendar(series, moved), *window)[1] == "03-02T12:00-03-02T12:00"


def test_alarms_are_nobodys_orders() -> None:
    alarm = (
        "BEGIN:VALARM\nACTION:EMAIL\nTRIGGER:-PT1M\nREPEAT:1000000\nDURATION:PT1S\nATTENDEE:mailto:stranger@example.net"
    )
    text = calendar(f"UID:1\nDTSTART:20260301T100000Z\nDURATION:PT1H\n{alarm}\nSUMMARY:Mail\nEND:VALARM\nSUMMARY:Talk")
    (said,) = ics.events(text)
    assert (said.summary, said.attendees) == ("Talk", ())
    assert times(text, utc(2026, 3, 1), utc(2026, 4, 1)) == ["03-01T10:00-03-01T11:00"]
    assert b"VALARM" not in ics.write([])


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("FREQ=SECONDLY", "counted through"),
        ("FREQ=SECONDLY;COUNT=1000000000", "counted through"),
        ("FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30", "counted through"),
        (
            "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=1,2,3;BYMINUTE=" + ",".join(map(str, range(60))),
            "more than 20",
        ),
        ("FREQ=DAILY;INTERVAL=0", "no interval"),
        ("FREQ=WEEKLY;BYHOUR=25", "cannot be"),
        ("FREQ=OFTEN", "cannot be read"),
        ("RSCALE=CHINESE;FREQ=YEARLY", "another calendar"),
    ],
)
def test_a_rule_that_nobody_can_follow_is_refused_with_a_reason(rule: str, why: str) -> None:
    text = calendar(f"UID:1\nDTSTART:20200105T090000Z\nRRULE:{rule}")
    with pytest.raises(ics.Unreadable, match=why):
        ics.expand([text], utc(2026, 3, 1), utc(2027, 5, 1))


@pytest.mark.parametrize(
    "rule", ["FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYDAY=54MO", "FREQ=HOURLY;BYWEEKNO=53;BYMONTH=6"]
)
def test_a_rule_that_never_comes_true_is_not_counted_through_for_ever(rule: str) -> None:
    text = calendar(f"UID:1\nDTSTART:20200105T090000Z\nRRULE:{rule}")
    assert ics.expand([text], utc(2026, 3, 1), utc(2027, 5, 1)) == ()


def test_a_billion_times_are_counted_as_far_as_somebody_looks() -> None:
    text = calendar("UID:1\nDTSTART:20260105T090000Z\nRRULE:FREQ=DAILY;COUNT=1000000000")
    assert len(ics.expand([text], utc(2026, 3, 1), utc(2026, 3, 31))) == 30


def test_what_is_too_large_is_refused_at_once() -> None:
    huge = b"BEGIN:VCALENDAR\r\n" + b" " * (100 << 20)
    with pytest.raises(ics.TooMany, match="larger than 8 MB"):
        ics.expand([huge], utc(2026, 3, 1), utc(2026, 4, 1))
    with pytest.raises(ics.Unreadable, match="larger than 8 MB"):
        ics.events(huge)
    with pytest.raises(ics.Unreadable, match="larger than 64 MB"):
        ics.split(huge)


def test_a_window_holds_what_touches_it() -> None:
    text = calendar("UID:1\nDTSTART:20260301T100000Z\nDURATION:PT1H")
    ten = utc(2026, 3, 1, 10)
    hour = timedelta(hours=1)
    assert len(ics.expand([text], ten - hour, ten)) == 0
    assert len(ics.expand([text], ten + hour, ten + 2 * hour)) == 0
    assert len(ics.expand([text], ten + hour / 2, ten + hour)) == 1
