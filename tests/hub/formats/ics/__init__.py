"""Calendars: what recurs in them, what they write beside the standard, and what we write."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import recurring_ical_events
from icalendar import Calendar

from hub.formats.ics import Occurrence


def calendar(*events: str, head: str = "") -> bytes:
    """A calendar file with *events*, each the lines of a VEVENT with blanks around them."""
    blocks = [f"BEGIN:VEVENT\n{_lines(event)}\nEND:VEVENT\n" for event in events]
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\n{_lines(head)}\n{''.join(blocks)}END:VCALENDAR\n"
    return "\r\n".join(line for line in text.splitlines() if line).encode()


def _lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


def by_library(texts: Sequence[bytes], since: datetime, until: datetime, zone: tzinfo) -> list[tuple[int, int]]:
    """When recurring-ical-events says that the events take place: starts and ends, in order, each once; none ends
    before it starts, as half an hour in a skipped one would there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = Calendar()
        for text in texts:
            for event in Calendar.from_ical(text).walk("VEVENT"):
                whole.add_component(event)
        day = timedelta(days=1)
        found = recurring_ical_events.of(whole).between(since - day, until + day)
    starts = [_second(each["DTSTART"].dt, zone) for each in found]
    times = {(start, max(start, _second(each.end, zone))) for start, each in zip(starts, found, strict=True)}
    first, last = since.timestamp(), until.timestamp()
    return sorted((start, end) for start, end in times if start < last and (end > first or start >= first))


def _second(value: date, zone: tzinfo) -> int:
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return int((value if value.tzinfo else value.replace(tzinfo=zone)).timestamp())


def spans(found: Sequence[Occurrence]) -> list[tuple[int, int]]:
    """When they take place, each once."""
    return sorted({(each.starts, each.ends) for each in found})


def utc(*parts: int) -> datetime:
    """A moment."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]
