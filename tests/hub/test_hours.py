"""Opening hours: in their own zone, over holidays and changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.hours import Hours, read_spans

BERLIN = ZoneInfo("Europe/Berlin")
DAY = read_spans("09:00-12:00, 13:00-17:00")
OFFICE = Hours(
    "office",
    BERLIN,
    [DAY, DAY, DAY, DAY, DAY, (), ()],
    holidays=frozenset({date(2026, 12, 25)}),
    special={date(2026, 12, 24): read_spans("09:00-11:00")},
)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23T09:00", True),
        ("2026-11-23T08:59", False),
        ("2026-11-23T12:00", False),
        ("2026-11-23T16:59:59", True),
        ("2026-11-28T10:00", False),  # a Saturday
        ("2026-12-24T10:00", True),
        ("2026-12-24T14:00", False),
        ("2026-12-25T10:00", False),
        ("2026-07-01T09:00", True),  # in summer time, too
    ],
)
def test_when_it_is_open(moment: str, is_open: bool) -> None:
    assert OFFICE.open_at(berlin(moment)) is is_open


@pytest.mark.parametrize(
    ("from_", "opens"),
    [
        ("2026-11-23T10:00", "2026-11-23T10:00"),
        ("2026-11-23T12:30", "2026-11-23T13:00"),
        ("2026-11-27T18:00", "2026-11-30T09:00"),
        ("2026-12-24T11:00", "2026-12-28T09:00"),
        ("2026-03-27T18:00", "2026-03-30T09:00"),  # the clocks change in between
    ],
)
def test_when_it_opens_next(from_: str, opens: str) -> None:
    assert OFFICE.next_open(berlin(from_)) == berlin(opens)


@pytest.mark.parametrize(
    ("from_", "hours", "due"),
    [
        ("2026-11-23T09:00", 3, "2026-11-23T12:00"),
        ("2026-11-23T11:00", 2, "2026-11-23T14:00"),
        ("2026-11-27T16:00", 4, "2026-11-30T12:00"),
        ("2026-11-28T03:00", 0.5, "2026-11-30T09:30"),
    ],
)
def test_what_is_due_within_working_hours(from_: str, hours: float, due: str) -> None:
    assert OFFICE.after(berlin(from_), hours) == berlin(due)


def test_hours_that_never_open_are_plain_hours() -> None:
    never = Hours("never", BERLIN, [()] * 7)
    assert never.next_open(berlin("2026-11-23T09:00")) is None
    assert never.after(berlin("2026-11-23T09:00"), 4) == berlin("2026-11-23T13:00")


def test_midnight_is_the_end_of_a_day_and_not_a_gap() -> None:
    always = Hours("always", BERLIN, [read_spans("00:00-24:00")] * 7)
    assert always.open_at(berlin("2026-11-23T23:59:59.999"))
    assert always.after(berlin("2026-11-23T20:00"), 8) == berlin("2026-11-24T04:00")


@given(st.integers(0, 500 * 24 * 60), st.floats(0.1, 60))
def test_it_is_open_where_it_opens_and_what_is_due_lies_ahead(minutes: int, hours: float) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    opens = OFFICE.next_open(moment)
    assert opens is not None
    assert opens >= moment
    assert OFFICE.open_at(opens)
    assert OFFICE.after(moment, hours) > moment


@pytest.mark.parametrize("text", ["9-17", "17:00-09:00", "09:00", "09:00-12:00, 11:00-13:00", "25:00-26:00"])
def test_what_is_no_span_is_refused_with_the_cure(text: str) -> None:
    with pytest.raises(ValueError, match="Write"):
        read_spans(text)


def test_spans_are_read_in_any_order() -> None:
    assert read_spans("13:00-17:00,09:00-12:00") == ((time(9), time(12)), (time(13), time(17)))
    assert read_spans("") == ()
