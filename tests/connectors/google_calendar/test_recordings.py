"""Every recorded event becomes the iCalendar lines that stand beside it. A new recording is a new test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import connectors.google_calendar
from connectors.google_calendar.events import text
from hub.formats import ics

RECORDINGS = sorted((Path(connectors.google_calendar.__file__).parent / "recordings" / "events").glob("*.json"))


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda each: each.stem)
def test_it_becomes_what_stands_beside_it(recording: Path) -> None:
    told = json.loads(recording.read_text("utf-8"))
    raw = text(told["resource"], told.get("uid") or told["resource"]["iCalUID"])

    lines = raw.decode().replace("\r\n ", "").split("\r\n")
    assert [each for each in told["lines"] if each not in lines] == []
    # No text of a stranger's makes a line of its own.
    assert len([each for each in lines if each.startswith("ATTENDEE")]) == len(told["resource"].get("attendees", ()))
    assert {each[:4] for each in lines if each.startswith(("RRULE", "EXDATE"))} <= {each[:4] for each in told["lines"]}
    (event,) = ics.events(raw)
    assert event.start
    assert len(event.attendees) == len(told["resource"].get("attendees", ()))
