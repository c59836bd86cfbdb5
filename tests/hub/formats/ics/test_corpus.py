"""Every sample of a calendar is read, or refused with the reason that stands here; and what recurs in it takes place
when the library says so, or the reason stands here too."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar.error import BrokenCalendarProperty
from recurring_ical_events.errors import InvalidCalendar

from hub.formats import ics
from tests.hub.formats import DATA
from tests.hub.formats.ics import by_library, spans, utc

CALENDAR = DATA / "calendar"
FILES = {
    str(path.relative_to(CALENDAR)): path for path in sorted(CALENDAR.rglob("*")) if path.suffix in (".ics", ".txt")
}
REFUSED = {
    "ical4j/invalid/boeing.ics": "Wrong datetime format: 2006717T080000Z",
    "icalendar/calendars/fuzz_testcase_0_char_in_component_name.ics": "no BEGIN line",
    "icalendar/calendars/fuzz_testcase_vtimezone_lone_cr.ics": "not enough values",
    "icalendar/calendars/issue_178_component_with_invalid_name_represented.ics": "no BEGIN line",
}
CUT_OFF = {"ical4j/invalid/13-MoonPhase.ics": 41}
"""Its last event has no end."""
NO_CALENDAR = (
    "ical4j/invalid/overlaps.ics",
    "icalendar/alarms/",
    "icalendar/availabilities/",
    "icalendar/calendars/issue_178_custom_component_contains_other.ics",
    "icalendar/calendars/issue_82_expected_output.ics",
    "icalendar/events/",
    "icalendar/timezones/",
    "icalendar/todos/",
)
"""Components without a calendar around them: as a whole calendar they are refused."""
NO_RULE = {
    "icalendar/calendars/issue_1081_invalid_rrule_freq.ics": "its rule cannot be read",
    "icalendar/calendars/rfc_7529.ics": "its rule counts by another calendar",
}
OTHERWISE = {
    "synthetic/imip/outlook-cancel-one-instance.ics": "a single time that is cancelled is left out",
    "synthetic/timezones/tzid-oddities.ics": "GMT-0300 and tzone://Microsoft/Utc are zones",
}
"""Where the library computes other times."""
NOT_BY_LIBRARY = {
    "ical4j/invalid/overlaps.ics",
    "ical4j/valid/blankTzid.ics",
    "ical4j/valid/incoming.ics",
    "icalendar/calendars/america_new_york_forward_reference.ics",
    "icalendar/calendars/issue_165_missing_event.ics",
    "icalendar/calendars/multiple_timezones.ics",
    "icalendar/calendars/pacific_fiji.ics",
    "icalendar/calendars/parsing_error.ics",
}
"""What the library gives up: for a line that says nothing, is twice there, or is written with backslashes; for events
without a calendar."""
_ERRORS = (ValueError, TypeError, AttributeError, BrokenCalendarProperty, InvalidCalendar)


@pytest.mark.parametrize("name", FILES)
def test_every_sample_is_read_or_refused_with_a_reason(name: str) -> None:
    raw = FILES[name].read_bytes()
    if name in REFUSED:
        with pytest.raises(ics.Unreadable, match=re.escape(REFUSED[name])):
            ics.events(raw)
        return
    found = ics.events(raw)
    assert len(found) == CUT_OFF.get(name, len(re.findall(rb"^[ \t]*BEGIN:VEVENT", raw, re.MULTILINE)))
    for event in found:
        assert all(moment is None or moment.tzinfo is UTC for moment in (event.start, event.end, event.recurrence_id))
    if name.startswith(NO_CALENDAR):
        with pytest.raises(ics.Unreadable, match="no calendar"):
            ics.split(raw)
        return
    parts = ics.split(raw)
    assert sum(len(ics.events(part)) for part in parts.values()) == len(found)
    assert set(parts) >= {event.uid for event in found if event.uid}


def test_what_recurs_in_the_samples_takes_place_when_the_library_says() -> None:
    zone = ZoneInfo("Europe/Berlin")
    refused: dict[str, str] = {}
    otherwise, given_up, compared = set(), set(), 0
    for name in FILES.keys() - REFUSED.keys():
        raw = FILES[name].read_bytes()
        for part in [raw] if name.startswith(NO_CALENDAR) else ics.split(raw).values():
            starts = [event.start for event in ics.events(part) if event.start]
            if not starts:
                assert ics.expand([part], utc(2000, 1, 1), utc(2100, 1, 1)) == ()
                continue
            window = min(starts) - timedelta(days=1), min(starts) + timedelta(days=500)
            try:
                ours = spans(ics.expand([part], *window, zone=zone))
            except ics.Unreadable as error:
                refused[name] = str(error).partition(":")[0]
                continue
            try:
                theirs = by_library([part], *window, zone)
            except _ERRORS:
                given_up.add(name)
                continue
            compared += 1
            if ours != theirs:
                otherwise.add(name)
    assert (refused, otherwise, given_up) == (NO_RULE, set(OTHERWISE), NOT_BY_LIBRARY)
    assert compared > 300
