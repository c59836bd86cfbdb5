"""When somebody works, in seconds since 1970: her week, as the clock on her wall shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

from hub.booking.spans import Span
from hub.booking.types import EventType
from hub.hours import Hours

DAY = 86_400
_FIRST = date(1970, 1, 1).toordinal()
_LOOK_BACK = 3 * DAY
"""How long before the time that is asked for a grid may have begun: an evening, and one whole day after it."""
_LOOK_AHEAD = 2 * DAY

WHOLE_DAY = ((time.min, time.max),)


@dataclass(frozen=True, slots=True)
class Openings:
    """*spans* are when it is open. *grid* are the same spans, cut where the times that are offered are counted anew:
    from the opening on, and from midnight where it was open all of the day before."""

    spans: list[Span]
    grid: list[Span]


def always(zone: ZoneInfo) -> Hours:
    """The hours of whoever has none: open, with days that begin at midnight in *zone*."""
    return Hours("", zone, (WHOLE_DAY,) * 7)


def hours_of(event: EventType, hours: Hours) -> Hours:
    """*hours* with the special days and holidays of *event*, which come before its own."""
    if not event.special and not event.holidays:
        return hours
    special = {day: spans for day, spans in hours.special.items() if day not in event.holidays}
    return Hours(
        hours.name,
        hours.zone,
        hours.week,
        hours.holidays | frozenset(event.holidays),
        special | event.special_spans(),
    )


def openings(hours: Hours, since: int, until: int) -> Openings:
    """When *hours* are open between *since* and *until* and some days around, so that no span there is cut.

    A moment is open where the clock on the wall in their zone shows a time of a span. So an hour that the change of the
    clock leaves out is never open, and one that it repeats is open twice. Spans that touch are one, over midnight too.
    """
    spans: list[Span] = []
    grid: list[Span] = []
    days = _Days(hours)
    for begins, ends, offset in _offsets(hours.zone, since - _LOOK_BACK, until + _LOOK_AHEAD):
        for day in range((begins + offset) // DAY, (ends + offset - 1) // DAY + 1):
            midnight = day * DAY - offset
            for first, last in days.on(day):
                opens, closes = max(midnight + first, begins), min(midnight + last, ends)
                if opens >= closes:
                    continue
                joined = bool(spans) and spans[-1][1] == opens
                if joined:
                    spans[-1] = (spans[-1][0], closes)
                else:
                    spans.append((opens, closes))
                if joined and not (opens == midnight and days.whole(day - 1)):
                    grid[-1] = (grid[-1][0], closes)
                else:
                    grid.append((opens, closes))
    return Openings(spans, grid)


def day_of(zone: ZoneInfo, moment: int) -> date:
    """The date in *zone* at *moment*."""
    return datetime.fromtimestamp(moment, zone).date()


def midnight(zone: ZoneInfo, day: date) -> int:
    """When *day* begins in *zone*."""
    return int(datetime.combine(day, time.min, zone).astimezone(UTC).timestamp())


class _Days:
    """The spans of each day, counted in seconds of the clock on the wall from its midnight."""

    def __init__(self, hours: Hours) -> None:
        self._hours = hours
        self._known: dict[int, tuple[Span, ...]] = {}

    def on(self, day: int) -> tuple[Span, ...]:
        found = self._known.get(day)
        if found is None:
            spans = self._hours.on(date.fromordinal(_FIRST + day))
            found = self._known[day] = tuple((_seconds(begin), _seconds(end)) for begin, end in spans)
        return found

    def whole(self, day: int) -> bool:
        spans = self.on(day)
        if not spans or spans[0][0] != 0 or spans[-1][1] != DAY:
            return False
        return all(one[1] == other[0] for one, other in pairwise(spans))


def _seconds(at: time) -> int:
    return DAY if at == time.max else at.hour * 3600 + at.minute * 60 + at.second


def _offsets(zone: ZoneInfo, since: int, until: int) -> Iterator[tuple[int, int, int]]:
    """From when until when the clock in *zone* is how many seconds ahead of UTC. Zones change it days apart."""
    begins, offset = since, _offset(zone, since)
    at = since
    while at < until:
        next_at = min(at + DAY, until)
        other = _offset(zone, next_at)
        if other != offset:
            low, high = at, next_at  # the change is after the one, and not after the other
            while high - low > 1:
                middle = (low + high) // 2
                if _offset(zone, middle) == offset:
                    low = middle
                else:
                    high = middle
            yield begins, high, offset
            begins, offset = high, other
        at = next_at
    yield begins, until, offset


def _offset(zone: ZoneInfo, moment: int) -> int:
    ahead = datetime.fromtimestamp(moment, zone).utcoffset()
    return int(ahead.total_seconds()) if ahead is not None else 0
