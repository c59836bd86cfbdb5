"""Rules of recurrence (RFC 5545, 3.3.10) on a clock on the wall. dateutil computes them; here it is kept from counting
for ever."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from math import gcd
from typing import Any

from dateutil.rrule import rrulestr
from icalendar import vRecur

from hub.formats.errors import Unreadable

MOST_STEPS = 200_000
"""Recurrences that are counted through for one answer: every five minutes for two years."""

_UNITS = {
    "SECONDLY": timedelta(seconds=1),
    "MINUTELY": timedelta(minutes=1),
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(days=7),
    "MONTHLY": timedelta(days=28),
    "YEARLY": timedelta(days=365),
}
_DAYS = {"WEEKLY": 7, "MONTHLY": 31, "YEARLY": 366}
"""On how many days it may take place within one recurrence."""
_TIMES = (("BYHOUR", "DAILY"), ("BYMINUTE", "HOURLY"), ("BYSECOND", "MINUTELY"))
"""From which frequency on each part names times within a recurrence, rather than choosing among them."""
_PARTS = (
    "FREQ", "INTERVAL", "COUNT", "BYSECOND", "BYMINUTE", "BYHOUR", "BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO",
    "BYMONTH", "BYSETPOS", "WKST",
)  # fmt: skip
_OF_OTHERS = {"RSCALE": "GREGORIAN", "SKIP": "OMIT"}
"""What rules for other calendars than ours say (RFC 7529), and what is ours."""
_CYCLE = 400
"""Years after which the calendar repeats itself, weekdays too."""


class TooMany(Unreadable):
    """It recurs more often than anybody can have time for. The text says so."""


class Rule:
    """One RRULE, as icalendar parsed it (*said*), of a series that starts at *start* on the wall clock of *zone*.
    *days*: it is a series of days, *start* a midnight. Raises `Unreadable`."""

    def __init__(self, said: Any, start: datetime, zone: tzinfo, *, days: bool) -> None:
        self._start = start
        self._parts: dict[str, list[Any]] = {}
        if not isinstance(said, vRecur):
            said = _mended(str(said))
        for name in said:
            value = said[name]
            self._parts[str(name).upper()] = value if isinstance(value, list) else [value]
        self.text = _written(said)[:80]
        self._frequency = str(self._first("FREQ", "")).upper()
        if self._frequency not in _UNITS:
            raise Unreadable(f"its rule has no known frequency: {self.text}")
        if any(str(self._first(name, usual)).upper() != usual for name, usual in _OF_OTHERS.items()):
            raise Unreadable(f"its rule counts by another calendar: {self.text}")
        self._interval = int(self._first("INTERVAL", 1))
        if self._interval < 1:
            raise Unreadable(f"its rule has no interval: {self.text}")
        self.last = _last(self._first("UNTIL", None), zone, days=days)

    def _first(self, name: str, otherwise: Any) -> Any:
        return next(iter(self._parts.get(name, ())), otherwise)

    def between(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """The recurrences from *first* until *last* on the wall clock, UNTIL not minded but to the day. Raises
        `Unreadable`, and of it `TooMany` where too many would have to be counted through."""
        if self.last is not None:
            last = min(last, self.last.replace(tzinfo=None) + timedelta(days=1))
        # A COUNT of less than nothing is written by some for none.
        counted = int(self._first("COUNT", -1)) >= 0
        start = self._start if counted else self._nearer(first)
        if start > last:
            return
        self._weigh(start, last, counted=counted)
        # dateutil looks for the next match until the year 9999: let that be near.
        later = (9999 - last.year) // _CYCLE * _CYCLE
        text = ";".join(
            f"{name}={','.join(map(_written, values))}"
            for name, values in self._parts.items()
            if name in _PARTS and (name != "COUNT" or counted)
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rule = rrulestr(text, dtstart=start.replace(year=start.year + later))
            begin, end = first.replace(year=first.year + later), last.replace(year=last.year + later)
            for moment in rule:
                if moment > end:
                    return
                if moment >= begin:
                    yield moment.replace(year=moment.year - later)
        except (ValueError, TypeError, OverflowError, KeyError, IndexError, AttributeError, ZeroDivisionError) as error:
            raise Unreadable(f"its rule cannot be computed: {self.text}") from error

    def _nearer(self, first: datetime) -> datetime:
        """A start from which the rule goes on just the same, not long before *first*."""
        if first <= self._start:
            return self._start
        if self._frequency not in ("MONTHLY", "YEARLY"):
            steps = (first - self._start) // _UNITS[self._frequency] // self._interval - 1
            return self._start + _UNITS[self._frequency] * (self._interval * steps) if steps > 0 else self._start
        if (self._start.month, self._start.day) == (2, 29):
            return self._start
        years = self._interval // gcd(self._interval, 12) if self._frequency == "MONTHLY" else self._interval
        steps = (first.year - self._start.year - 1) // years
        return self._start.replace(year=self._start.year + years * steps) if steps > 0 else self._start

    def _weigh(self, start: datetime, last: datetime, *, counted: bool) -> None:
        unit = _UNITS[self._frequency]
        times = _DAYS.get(self._frequency, 1) if any(name in self._parts for name in _PARTS[6:11]) else 1
        for name, within in _TIMES:
            if unit >= _UNITS[within]:
                times *= max(1, len(self._parts.get(name, ())))
        steps = ((last - start) // unit // self._interval + 1) * times
        if counted:
            steps = min(steps, int(self._first("COUNT", 0)))
        if steps > MOST_STEPS:
            raise TooMany(f"its rule would have to be counted through {steps:,} times; {MOST_STEPS:,} are the most")


def _mended(text: str) -> vRecur:
    """A rule that some write with blanks or as text, with backslashes. Raises `Unreadable`."""
    try:
        mended: vRecur = vRecur.from_ical(re.sub(r"[\\\s]", "", text))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Unreadable(f"its rule cannot be read: {text[:80]}") from error
    return mended


def _last(until: Any, zone: tzinfo, *, days: bool) -> datetime | None:
    """Up to when a series lasts, by its UNTIL; the whole of that day where it is a day. What has no zone is meant in
    the series' own."""
    if isinstance(until, date) and until.year == 9999:
        return None
    if isinstance(until, datetime) and not days:
        return until.astimezone(zone) if until.tzinfo else until.replace(tzinfo=zone)
    if isinstance(until, date):
        return datetime.combine(until, time.max, zone)
    return None


def _written(value: Any) -> str:
    written = value.to_ical() if hasattr(value, "to_ical") else value
    return written.decode("utf-8", "replace") if isinstance(written, bytes) else str(written)
