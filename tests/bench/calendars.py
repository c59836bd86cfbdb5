"""Busy times of 20 hosts over 60 days, from calendars of 500 events each, beside recurring-ical-events.

Half of the events recur, with exceptions and moved instances, in four zones. The first answer is from the store with
nothing in memory; the baseline expands calendars that are parsed already. Both must say the same times.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
import warnings
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar

from hub import Copy, Scheduled
from hub.batch import Books
from hub.calendars import Owner, Owners
from hub.calendars.calendars import Calendars
from hub.calendars.intake import Intake
from hub.calendars.packing import merged, numbers, packed
from hub.ingest import Ingest
from hub.live import Live
from hub.mailroom import Mailroom
from hub.metrics import Metrics
from hub.ours import Ours
from hub.privacy.never_log import NeverLog
from hub.store import Store
from hub.understanding import Guide
from hub.unrecorded import Unrecorded
from tests.bench.report import Ratio, median

HOSTS = 20
EVENTS = 500
DAYS = 60
ROUNDS = 3
REPEATS = 200
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Sydney")
_RULES = (
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;BYDAY=MO,WE",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=MONTHLY;BYDAY=2TU",
    "FREQ=WEEKLY;INTERVAL=2",
)


def calendar(host: int, now: datetime) -> list[tuple[str, bytes]]:
    """The objects of one host's calendar, by UID: the same each time it is asked on one day."""
    draw = random.Random(host)
    zone = ZoneInfo(ZONES[host % len(ZONES)])
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    found = []
    for number in range(EVENTS):
        uid = f"h{host}-{number}@example.org"
        recurs = number % 2 == 0
        days = draw.randrange(-300, 30) if recurs else draw.randrange(-200, 200)
        start = today + timedelta(days=days, hours=draw.randrange(7, 19), minutes=draw.choice((0, 15, 30, 45)))
        length = timedelta(minutes=draw.choice((15, 30, 45, 60, 90)))
        lines = [f"SUMMARY:Meeting {number}"]
        moved: list[str] = []
        if recurs:
            rule = draw.choice(_RULES)
            lines.append(f"RRULE:{rule}")
            if number % 4 == 0 and rule in ("FREQ=WEEKLY", "FREQ=DAILY;INTERVAL=3"):
                step = timedelta(days=7 if rule == "FREQ=WEEKLY" else 3)
                out, away = (start + step * draw.randrange(2, 40) for _ in range(2))
                lines.append(f"EXDATE;TZID={zone.key}:{out:%Y%m%dT%H%M%S}")
                if away != out:
                    begin = away + timedelta(hours=2)
                    moved = _vevent(
                        uid, zone, begin, begin + length, [f"RECURRENCE-ID;TZID={zone.key}:{away:%Y%m%dT%H%M%S}"]
                    )
        body = [*_vevent(uid, zone, start, start + length, lines), *moved]
        text = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//bench//EN", *body, "END:VCALENDAR", ""]
        found.append((uid, "\r\n".join(text).encode()))
    return found


def _vevent(uid: str, zone: ZoneInfo, start: datetime, end: datetime, lines: list[str]) -> list[str]:
    return [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20260101T000000Z",
        f"DTSTART;TZID={zone.key}:{start:%Y%m%dT%H%M%S}",
        f"DTEND;TZID={zone.key}:{end:%Y%m%dT%H%M%S}",
        *lines,
        "END:VEVENT",
    ]


def _library(parsed: list[Calendar], since: datetime, until: datetime) -> list[tuple[int, int]]:
    """The busy times of one host as recurring-ical-events has them, merged."""
    spans = []
    for each in parsed:
        for event in recurring_ical_events.of(each).between(since, until):
            spans.append((int(event.start.timestamp()), int(event.end.timestamp())))
    return list(zip(*merged(numbers(packed(spans))), strict=True))


def _inside(spans: Any, since: datetime, until: datetime) -> list[tuple[int, int]]:
    first, last = int(since.timestamp()), int(until.timestamp())
    return [(max(first, begin), min(last, end)) for begin, end in spans if begin < last and end > first]


def _parsed(host: int, now: datetime) -> list[Calendar]:
    """One host's calendar as a single one, as a feed would hold it."""
    whole = Calendar()
    for _, raw in calendar(host, now):
        for event in Calendar.from_ical(raw).walk("VEVENT"):
            whole.add_component(event)
    return [whole]


async def _measure(folder: Path) -> str:
    now = datetime.now(UTC)
    agents = [f"host{number}" for number in range(HOSTS)]
    owners = Owners({f"c{n}": Owner((agents[n],), zone=ZONES[n % len(ZONES)]) for n in range(HOSTS)})
    since, until = now, now + timedelta(days=DAYS)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store.open(f"sqlite:///{folder / 'hub.sqlite3'}"))
        live = await stack.enter_async_context(Live())
        mailroom = await stack.enter_async_context(Mailroom(Guide(), workers=1))
        intake = Intake(store, mailroom, owners)
        books = Books(Ours(), store.ids, store.blobs, owners=owners)
        never, unrecorded = NeverLog(), Unrecorded(live, Ours(), store.ids)
        ingest = Ingest(store, live, mailroom, books, never, unrecorded, Metrics(), lambda source: None, intake)

        def fresh() -> Calendars:
            return Calendars(store, live, mailroom, ingest, intake, timedelta(minutes=15))

        began = time.perf_counter()
        for host in range(HOSTS):
            items = [Scheduled(Copy("/c/", uid), "1", raw) for uid, raw in calendar(host, now)]
            await ingest.record(f"c{host}", items, live=False)
        read = time.perf_counter() - began
        await fresh().look(now)
        expanded = time.perf_counter() - began - read

        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = [_parsed(host, now) for host in range(HOSTS)]
        parsing = time.perf_counter() - began

        library, first = [], []
        theirs: list[list[tuple[int, int]]] = []
        calendars = fresh()
        for _ in range(ROUNDS):
            began = time.perf_counter()
            theirs = [_library(each, since, until) for each in parsed]
            library.append(time.perf_counter() - began)
            calendars = fresh()
            began = time.perf_counter()
            found = await calendars.busy(agents, since, until)
            first.append(time.perf_counter() - began)
            for agent, times in zip(agents, theirs, strict=True):
                if _inside(found[agent].spans, since, until) != _inside(times, since, until):
                    raise AssertionError(f"{agent} is busy at other times than recurring-ical-events says")
        again = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            await calendars.busy(agents, since, until)
            again.append(time.perf_counter() - began)

        after = []
        for host in range(ROUNDS):
            uid, raw = calendar(host, now)[0]
            before = dict(calendars._merged)
            await ingest.record(f"c{host}", [Scheduled(Copy("/c/", uid), str(host), raw.replace(b"Meeting", b"Moved"))])
            began = time.perf_counter()
            await calendars.busy(agents, since, until)
            after.append(time.perf_counter() - began)
            others = [agent for agent in agents if calendars._merged[agent] is not before[agent]]
            if others != [agents[host]]:
                raise AssertionError(f"computed again: {others}")
    spans = sum(len(_inside(times, since, until)) for times in theirs)
    base = median(library) * 1e3
    return "\n".join(
        (
            f"  {HOSTS} hosts, {HOSTS * EVENTS:,} events, {spans:,} merged busy times, the same by both; understood and"
            f" kept in {read:.1f} s, expanded for 13 months in {expanded:.1f} s; the library parses in {parsing:.1f} s",
            str(Ratio("first answer, nothing in memory", median(first) * 1e3, base, "ms", "<= 0.05")),
            str(Ratio("answer after one event changed", median(after) * 1e3, base, "ms", "<= 0.05")),
            str(Ratio("repeated answer", median(again) * 1e3, base, "ms", "<= 0.005")),
        )
    )


def run() -> str:
    """Milliseconds for all hosts, SQLite with production durability."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))
