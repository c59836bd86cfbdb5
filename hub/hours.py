"""Opening hours: a week in a zone, and the days on which it does not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FURTHEST = 400
"""Days that are looked ahead for the next opening: longer than any holidays."""

Span = tuple[time, time]
"""From a time of day to another, exclusive. `time.max` as the end is midnight."""


def read_spans(text: str) -> tuple[Span, ...]:
    """`09:00-12:00, 13:00-17:30` as spans in order; "" is none. 24:00 is the midnight after. Raises `ValueError`."""
    spans = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        begin, _, end = part.partition("-")
        try:
            first, last = _time(begin), _time(end)
        except ValueError:
            first = last = time.min
        if first >= last:
            raise ValueError(f'"{part}" is no span of hours. Write it as "09:00-17:30", the earlier one first.')
        spans.append((first, last))
    spans.sort()
    if any(one[1] > other[0] for one, other in pairwise(spans)):
        raise ValueError(f'the hours in "{text}" overlap. Write each hour once.')
    return tuple(spans)


def _time(text: str) -> time:
    return time.max if text.strip() == "24:00" else time.fromisoformat(text.strip())


@dataclass(frozen=True, slots=True)
class Hours:
    """When somebody is there. *week* are the spans of each weekday from Monday, as times of day in *zone*; *holidays*
    are the dates on which it is closed, *special* those with hours of their own."""

    name: str
    zone: ZoneInfo
    week: Sequence[tuple[Span, ...]]
    holidays: frozenset[date] = frozenset()
    special: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)

    def on(self, day: date) -> tuple[Span, ...]:
        """The spans of that day."""
        if day in self.special:
            return self.special[day]
        return () if day in self.holidays else tuple(self.week[day.weekday()])

    def open_at(self, moment: datetime) -> bool:
        """Whether *moment* (aware) is within the hours."""
        local = moment.astimezone(self.zone)
        now = local.time()
        return any(begin <= now < end for begin, end in self.on(local.date()))

    def next_open(self, moment: datetime) -> datetime | None:
        """The first moment from *moment* on at which it is open, in UTC as `moment` is aware; None where that is more
        than a year away."""
        if self.open_at(moment):
            return moment
        local = moment.astimezone(self.zone)
        for days in range(_FURTHEST):
            day = local.date() + timedelta(days)
            for begin, _ in self.on(day):
                opens = datetime.combine(day, begin, self.zone).astimezone(moment.tzinfo)
                if opens >= moment:
                    return opens
        return None

    def after(self, moment: datetime, hours: float) -> datetime:
        """The moment at which *hours* of opening have passed since *moment*: when an answer that is promised within so
        many working hours is due. Where it never opens they are plain hours."""
        left = timedelta(hours=hours)
        at = moment
        for _ in range(_FURTHEST * 4):
            opens = self.next_open(at)
            if opens is None:
                break
            closes = self._closes(opens)
            if opens + left <= closes:
                return opens + left
            left -= closes - opens
            at = closes
        return moment + timedelta(hours=hours)

    def _closes(self, moment: datetime) -> datetime:
        """When it closes next, given that it is open at *moment*."""
        local = moment.astimezone(self.zone)
        end = next(end for begin, end in self.on(local.date()) if begin <= local.time() < end)
        if end == time.max:
            return datetime.combine(local.date() + timedelta(1), time.min, self.zone).astimezone(moment.tzinfo)
        return datetime.combine(local.date(), end, self.zone).astimezone(moment.tzinfo)
