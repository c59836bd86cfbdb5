"""When events take place, from their texts: 20 hosts with 500 events each, 60 days, beside recurring-ical-events.

Both parse each text; both must say the same times.
"""

from __future__ import annotations

import time
import warnings
from datetime import UTC, datetime, timedelta

import recurring_ical_events
from icalendar import Calendar

from hub.formats import ics
from tests.bench.calendars import DAYS, EVENTS, HOSTS, calendar
from tests.bench.report import Ratio, median


def run() -> str:
    """Milliseconds for one host, the median of all; host by host, so that a busy moment of the machine meets both."""
    since = datetime.now(UTC).replace(microsecond=0)
    until = since + timedelta(days=DAYS)
    ours, library, split = [], [], []
    count = 0
    for host in range(HOSTS):
        texts = [text for _, text in calendar(host, since)]
        began = time.perf_counter()
        found = [(each.starts, each.ends) for text in texts for each in ics.expand([text], since, until)]
        ours.append((time.perf_counter() - began) * 1e3)
        began = time.perf_counter()
        expected = [span for text in texts for span in _library(text, since, until)]
        library.append((time.perf_counter() - began) * 1e3)
        if sorted(found) != sorted(expected):
            raise AssertionError(f"host {host} is busy at other times than recurring-ical-events says")
        count += len(found)
        feed = b"".join(
            (
                b"BEGIN:VCALENDAR\r\n",
                *(text[text.index(b"BEGIN:VEVENT") :].rpartition(b"END:VCALENDAR")[0] for text in texts),
            )
        )
        began = time.perf_counter()
        if len(ics.split(feed + b"END:VCALENDAR\r\n")) != EVENTS:
            raise AssertionError("events are lost")
        split.append((time.perf_counter() - began) * 1e3)
    return "\n".join(
        (
            f"  {HOSTS} hosts, {HOSTS * EVENTS:,} events, {count:,} times, the same by both;"
            f" a feed of {EVENTS} events is taken apart in {median(split):.1f} ms",
            str(Ratio("expanded, one host, texts parsed", median(ours), median(library), "ms", "<= 0.9")),
        )
    )


def _library(text: bytes, since: datetime, until: datetime) -> list[tuple[int, int]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = recurring_ical_events.of(Calendar.from_ical(text)).between(since, until)
    return [(int(each.start.timestamp()), int(each.end.timestamp())) for each in found]
