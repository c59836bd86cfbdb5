"""What recurs, computed here, is what recurring-ical-events computes: over series of every kind, and over the corpus.
Where the two differ on purpose, docs/ICALENDAR.md says so and test_expanding.py shows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.formats import ics
from tests.hub.formats.ics import by_library, calendar, spans, utc

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Africa/Casablanca",
)
SINCE, UNTIL = utc(2026, 2, 20), utc(2026, 4, 20)
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@st.composite
def rules(draw: st.DrawFn) -> str:
    """An RRULE without its end."""
    every = draw(st.integers(1, 4))
    kind = draw(st.sampled_from(("DAILY", "WEEKLY", "MONTHLY", "YEARLY", "HOURLY")))
    parts = [f"FREQ={kind}", f"INTERVAL={every}"]
    if kind == "HOURLY":
        parts[1] = f"INTERVAL={every * 5}"
    elif kind == "DAILY":
        parts += draw(st.sampled_from(([], ["BYMONTH=3"], ["BYDAY=MO,FR"], ["BYHOUR=2,9"])))
    elif kind == "WEEKLY":
        days = draw(st.lists(st.sampled_from(DAYS), unique=True, max_size=4))
        parts += [f"BYDAY={','.join(days)}"] if days else []
        parts += draw(st.sampled_from(([], ["WKST=SU"])))
    elif kind == "MONTHLY":
        parts += draw(
            st.sampled_from(
                ([], ["BYMONTHDAY=1,-1,31"], ["BYDAY=1MO,-1SU"], ["BYDAY=MO,TU,WE,TH,FR", "BYSETPOS=-1"], ["BYDAY=5SU"])
            )
        )
    else:
        parts += draw(
            st.sampled_from(([], ["BYMONTH=3", "BYDAY=-1SU"], ["BYYEARDAY=60,88"], ["BYWEEKNO=13", "BYDAY=SU"]))
        )
    return ";".join(parts)


@st.composite
def series(draw: st.DrawFn) -> bytes:
    """A series with an end or none, exceptions, more dates, and changes of single times, near the changes of clocks."""
    zone = draw(st.sampled_from((*ZONES, "UTC", "")))
    days = not zone
    start = datetime(2026, 3, 29, 2, 30) - timedelta(  # noqa: DTZ001 — a wall clock's
        days=draw(st.integers(0, 800)), minutes=draw(st.sampled_from((-60, 0, 30, 90, 600)))
    )

    def at(moment: datetime, name: str) -> str:
        if days:
            return f"{name};VALUE=DATE:{moment:%Y%m%d}"
        return f"{name}:{moment:%Y%m%dT%H%M%S}Z" if zone == "UTC" else f"{name};TZID={zone}:{moment:%Y%m%dT%H%M%S}"

    length = (
        timedelta(days=draw(st.integers(1, 3))) if days else timedelta(minutes=draw(st.sampled_from((0, 30, 90, 1500))))
    )
    ends = draw(st.sampled_from(("", "COUNT", "UNTIL")))
    rule = draw(rules())
    if days:
        rule = rule.replace("HOURLY", "DAILY").partition(";BYHOUR")[0]
    if ends == "COUNT":
        rule += f";COUNT={draw(st.integers(1, 60))}"
    elif ends == "UNTIL":
        last = start + timedelta(days=draw(st.integers(0, 900)), minutes=draw(st.integers(-100, 100)))
        rule += f";UNTIL={last:%Y%m%d}" if days else f";UNTIL={last:%Y%m%dT%H%M%S}Z"
    lines = ["UID:1", "SEQUENCE:1", at(start, "DTSTART"), at(start + length, "DTEND"), f"RRULE:{rule}"]
    # Exceptions and changes are of days that the series may have; of several times a day the library mixes them up.
    offsets = [] if "HOUR" in rule else draw(st.lists(st.integers(0, 800), unique=True, max_size=6))
    events = []
    for offset, kind in zip(offsets, draw(st.lists(st.integers(0, 3), min_size=6, max_size=6)), strict=False):
        moment = start + timedelta(days=offset)
        if kind <= 1:
            lines.append(at(moment, "EXDATE" if kind else "RDATE"))
        else:
            moved = moment + (timedelta(days=kind - 1) if days else timedelta(minutes=45 * kind))
            events.append(
                "\n".join(
                    [
                        "UID:1",
                        "SEQUENCE:1",
                        at(moment, "RECURRENCE-ID"),
                        at(moved, "DTSTART"),
                        at(moved + length, "DTEND"),
                    ]
                )
            )
    return calendar("\n".join(lines), *events)


@settings(max_examples=150, deadline=None)
@given(series())
def test_what_recurs_is_what_the_library_says(text: bytes) -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert spans(ics.expand([text], SINCE, UNTIL, zone=zone)) == by_library([text], SINCE, UNTIL, zone), text.decode()
