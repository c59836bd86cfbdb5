"""Calendars of many programs, and those that are broken."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from hub.formats import ics
from tests.hub.formats import DATA

CALENDAR = DATA / "calendar"


def _events(name: str) -> tuple[ics.IcsEvent, ...]:
    return ics.events((CALENDAR / name).read_bytes())


def test_odd_zone_names_are_resolved() -> None:
    events = {event.uid: event for event in _events("synthetic/timezones/tzid-oddities.ics")}
    expected = json.loads((CALENDAR / "synthetic/timezones/tzid-oddities.expected.json").read_text(encoding="utf-8"))
    for case in expected:
        if case["start_utc"]:
            assert events[case["uid"]].start == datetime.fromisoformat(case["start_utc"]), case["tzid"]


def test_a_time_without_zone_is_meant_where_the_reader_is() -> None:
    raw = b"BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260715T120000\r\nDURATION:PT30M\r\nEND:VEVENT"
    (event,) = ics.events(raw, ZoneInfo("Europe/Berlin"))
    assert event.start == datetime(2026, 7, 15, 10, 0, tzinfo=UTC)
    assert event.end == datetime(2026, 7, 15, 10, 30, tzinfo=UTC)


def test_an_all_day_event_runs_from_midnight_to_midnight() -> None:
    raw = b"BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20260715\r\nEND:VEVENT"
    (event,) = ics.events(raw)
    assert event.all_day
    assert (event.start, event.end) == (datetime(2026, 7, 15, tzinfo=UTC), datetime(2026, 7, 16, tzinfo=UTC))


def test_invitations_say_who_what_and_when() -> None:
    (request,) = _events("synthetic/imip/outlook-request-recurring.ics")
    assert request.method == "REQUEST"
    assert request.start == datetime(2026, 3, 24, 8, 0, tzinfo=UTC)
    assert "FREQ=WEEKLY" in request.rule
    assert request.organizer is not None
    assert (request.organizer.address, request.organizer.name) == ("mailto:lena.berg@example.net", "Berg, Lena")
    (reply,) = _events("synthetic/imip/apple-reply-tentative.ics")
    assert (reply.method, reply.attendees[0].address, reply.attendees[0].status) == (
        "REPLY",
        "mailto:sales@example.com",
        "TENTATIVE",
    )
    (cancel,) = _events("synthetic/imip/outlook-cancel-one-instance.ics")
    assert (cancel.method, cancel.status) == ("CANCEL", "CANCELLED")
    assert cancel.recurrence_id == datetime(2026, 3, 31, 7, 0, tzinfo=UTC)
    (google,) = _events("synthetic/imip/google-request.ics")
    assert (google.transparency, google.zone) == ("OPAQUE", "UTC")
    assert [each.rsvp for each in google.attendees] == [True, True]
    assert google.description == "Agenda:\n1. Quote 4711\n2. Roll-out, phase 2; budget"


def test_the_steps_of_a_series_keep_their_order() -> None:
    folder = CALENDAR / "synthetic" / "itip-sequence"
    steps = [ics.events(path.read_bytes())[0] for path in sorted(folder.glob("*.ics"))]
    assert {step.uid for step in steps} == {"seq-77@example.org"}
    assert [step.method for step in steps[:4]] == ["REQUEST", "REPLY", "REPLY", "REQUEST"]
    assert steps[3].recurrence_id == datetime(2026, 3, 16, 13, 0, tzinfo=UTC)
    assert steps[3].start == datetime(2026, 3, 17, 18, 0, tzinfo=UTC)
    assert steps[13].sequence < steps[12].sequence


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("ical4j/valid/blankTzid.ics", True),
        ("ical4j/invalid/twinkle.ics", True),  # one event of the year -1
        ("icalendar/calendars/broken_dtstart.ics", False),
    ],
)
def test_a_broken_line_costs_only_itself(name: str, start: bool) -> None:
    events = _events(name)
    assert events
    assert any(event.start for event in events) is start


def test_of_a_file_that_is_cut_the_whole_events_are_read() -> None:
    raw = (CALENDAR / "ical4j/invalid/13-MoonPhase.ics").read_bytes()
    assert len(_events("ical4j/invalid/13-MoonPhase.ics")) == raw.count(b"END:VEVENT")


def test_a_zone_of_57_hours_goes_and_the_event_stays() -> None:
    zone = (CALENDAR / "icalendar/calendars/parsing_error_in_UTC_offset.ics").read_bytes()
    event = b"BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260715T120000Z\r\nEND:VEVENT\r\nEND:VCALENDAR"
    assert [each.uid for each in ics.events(zone.replace(b"END:VCALENDAR", event))] == ["1"]


@pytest.mark.parametrize("raw", [b"", b"hello", b"\x00\xff", b"BEGIN:VCALENDAR"])
def test_what_is_no_calendar_is_refused(raw: bytes) -> None:
    with pytest.raises(ics.Unreadable, match="no "):
        ics.events(raw)


def test_who_was_sent_in_whose_place_and_who_acts_for_whom_is_read() -> None:
    (reply,) = _events("synthetic/itip-sequence/07-reply-delegated.ics")
    cleo, dan = reply.attendees
    assert (cleo.status, cleo.delegated_to) == ("DELEGATED", ("mailto:dan@example.net",))
    assert (dan.status, dan.delegated_from) == ("ACCEPTED", ("mailto:cleo@example.net",))
    raw = rb"""BEGIN:VEVENT
UID:1
DTSTART;TZID=W. Europe Standard Time:20260715T120000
CLASS:private
TRANSP:transparent
COMMENT:Later\, please
URL:https://example.com/1
REQUEST-STATUS:2.0;Success
X-ALT-DESC;FMTTYPE=text/html:<b>Hello</b>
ORGANIZER;SENT-BY="mailto:office@example.com":mailto:ada@example.com
END:VEVENT"""
    (event,) = ics.events(raw)
    assert (event.access, event.transparency, event.comment) == ("PRIVATE", "TRANSPARENT", "Later, please")
    assert (event.url, event.zone, event.description) == ("https://example.com/1", "Europe/Berlin", "")
    assert event.organizer == ics.Attendee("mailto:ada@example.com", sent_by="mailto:office@example.com")


@pytest.mark.parametrize(
    ("line", "starts"),
    [
        (b"BEGIN:VTIMEONE\r\nTZID:X\r\nEND:VTIMEZONE", 0),
        (b"DURATION:P99999999999D", 1),
        (b"DTSTART;TZID=Pacific/Auckland:00010101T000000", 0),
        (b"EXDATE:", 1),
    ],
)
def test_what_breaks_the_parser_costs_an_event_at_most(line: bytes, starts: int) -> None:
    whole = b"UID:2\r\nDTSTART:20260715T120000Z"
    raw = b"\r\n".join(
        [
            b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1",
            line,
            b"DTSTART:20260715T120000Z\r\nEND:VEVENT\r\nBEGIN:VEVENT",
            whole,
            b"END:VEVENT\r\nEND:VCALENDAR",
        ]
    )
    read = [event.uid for event in ics.events(raw) if event.start]
    assert (read.count("1"), read.count("2")) == (starts, 1)
