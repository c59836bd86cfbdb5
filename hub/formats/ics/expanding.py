"""When the events of a calendar take place (RFC 5545, 3.8.5). dateutil computes the rules on the wall clock of each
series; what calendars write beside the standard is read as docs/ICALENDAR.md says."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from operator import itemgetter
from typing import Any

from icalendar.prop.broken import vBroken

from hub.formats import handles
from hub.formats.errors import Unreadable
from hub.formats.ics.parsing import MOST_BYTES, first, opened
from hub.formats.ics.reading import placed
from hub.formats.ics.rules import Rule, TooMany
from hub.formats.ics.values import Occurrence
from hub.formats.ics.zones import Zones

_MATTERS = re.compile(
    r"(?:BEGIN|END|X-WR-TIMEZONE|UID|DTSTAMP|SEQUENCE|STATUS|TRANSP|DTSTART|DTEND|DURATION|RRULE|RDATE|EXDATE"
    r"|RECURRENCE-ID|ATTENDEE(?=[^\r\n]*DECLINED))[;:]",
    re.IGNORECASE,
)
"""The lines that say when somebody is busy."""
_MARGIN = timedelta(days=2)
_DAY = timedelta(days=1)
_NONE = timedelta()

Length = tuple[timedelta, timedelta]
"""How long it takes: by the calendar and the wall clock, and by the clock beside that."""


def expand(
    texts: Sequence[bytes],
    since: datetime,
    until: datetime,
    *,
    zone: tzinfo = UTC,
    ours: Collection[str] = (),
    most: int = 20_000,
) -> tuple[Occurrence, ...]:
    """Every time within [*since*, *until*) at which the events in *texts* take place, in order: all objects of one UID
    in one calendar, the series and what was changed of it.

    *zone* is where floating times and days are meant; a file may name another for its times (X-WR-TIMEZONE). Time that
    one of *ours* (`mailto:…`) declined, that is shown as free or cancelled, is not busy; single times that are
    cancelled are left out. Raises `Unreadable`, and of it `TooMany` for more than *most* occurrences, for a rule that
    would have to be counted through too far, and for a text of more than `MOST_BYTES`.
    """
    own = frozenset(address.lower() for address in ours)
    low, high = int(since.timestamp()), int(until.timestamp())
    found: set[Occurrence] = set()
    try:
        for series in _series(texts, zone, own).values():
            for each in series.times(since.astimezone(UTC), until.astimezone(UTC)):
                if each.starts < high and (each.ends > low or each.starts >= low):
                    found.add(each)
                    if len(found) > most:
                        raise TooMany(f"it takes place more than {most} times")
    except (OverflowError, OSError) as error:
        raise Unreadable("it takes place outside of the years 1 to 9999") from error
    return tuple(sorted(found))


def _series(texts: Sequence[bytes], zone: tzinfo, ours: frozenset[str]) -> dict[str, _Series]:
    found: dict[str, _Series] = {}
    for number, text in enumerate(texts):
        if len(text) > MOST_BYTES:
            raise TooMany(f"it is larger than {MOST_BYTES >> 20} MB")
        for calendar, zones in opened(text, zone, _MATTERS):
            for place, event in enumerate(calendar.walk("VEVENT")):
                said = _said(event, zones, zone, ours)
                if said is not None:
                    # Without a UID it is nobody's exception.
                    name = str(first(event, "UID") or "") or f"{number} {place}"
                    found.setdefault(name, _Series()).add(said)
    return found


@dataclass(frozen=True, slots=True)
class _Said:
    """One VEVENT, as far as it takes time. *start* is on the wall clock of *zone* (for *days* a midnight). *instance*
    is its RECURRENCE-ID, a day where that is one. *rank*: the highest counts where two say the same thing."""

    start: datetime
    zone: tzinfo
    days: bool
    length: Length
    instance: datetime | date | None
    onwards: bool
    rules: tuple[Rule, ...]
    added: tuple[tuple[datetime, Length | None], ...]
    left_out: frozenset[int]
    days_left_out: frozenset[date]
    busy: bool
    cancelled: bool
    rank: tuple[int, float]

    def occurrence(self, start: datetime, length: Length, instance: int) -> Occurrence:
        begin = _second(start, self.zone)
        by_calendar, by_clock = length
        # Adding nothing would forget which of two times it is when the clock is set back.
        end = _second(start + by_calendar if by_calendar else start, self.zone) + int(by_clock.total_seconds())
        return Occurrence(begin, max(begin, end), instance, self.busy)

    def leaves_out(self, instance: int) -> bool:
        """Whether an exception keeps it from taking place then."""
        if instance in self.left_out:
            return True
        return bool(self.days_left_out) and datetime.fromtimestamp(instance, self.zone).date() in self.days_left_out

    def walls(self, begin: datetime, end: datetime) -> Iterator[tuple[datetime, Length | None]]:
        """When it takes place by its rules and lists, on its wall clock, some twice; with a length of its own where
        the list says one."""
        ends = [rule.last for rule in self.rules]
        if not self.rules or None in ends or self.start.replace(tzinfo=self.zone) <= max(filter(None, ends)):
            yield self.start, None
        for rule in self.rules:
            limit = None if rule.last is None else rule.last.timestamp()
            for wall in rule.between(begin, end):
                if limit is None or _second(wall, self.zone) <= limit:
                    yield wall, None
        # Last, so that a period says how long what it repeats takes.
        yield from self.added


class _Series:
    """What all objects of one UID say: the series, and what was changed of it."""

    def __init__(self) -> None:
        self._whole: _Said | None = None
        self._changed: dict[datetime | date, _Said] = {}

    def add(self, said: _Said) -> None:
        if said.instance is None:
            if self._whole is None or said.rank >= self._whole.rank:
                self._whole = said
            return
        known = self._changed.get(said.instance)
        if known is None or said.rank >= known.rank:
            self._changed[said.instance] = said

    def times(self, since: datetime, until: datetime) -> Iterator[Occurrence]:
        whole = self._whole
        changed = {_instance(each): each for each in self._changed.values()}
        if whole is not None:
            yield from self._recurring(whole, changed, since, until)
        for instance, each in changed.items():
            if not each.cancelled and not (whole and whole.leaves_out(instance)):
                yield each.occurrence(each.start, each.length, instance)

    def _recurring(
        self, whole: _Said, changed: dict[int, _Said], since: datetime, until: datetime
    ) -> Iterator[Occurrence]:
        days = {each.instance for each in changed.values() if not (whole.days or isinstance(each.instance, datetime))}
        onwards = sorted(
            ((instance, each) for instance, each in changed.items() if each.onwards and each.days == whole.days),
            key=itemgetter(0),
        )
        moves = [_move(each) for _, each in onwards]
        lengths = [whole.length, *(each.length for _, each in onwards)]
        longest = max([sum(length, _NONE) for length in lengths] + [own[0] for _, own in whole.added if own])
        begin = since.astimezone(whole.zone).replace(tzinfo=None) - longest - _MARGIN - max([_NONE, *moves])
        end = until.astimezone(whole.zone).replace(tzinfo=None) + _MARGIN - min([_NONE, *moves])
        found: dict[int, tuple[datetime, Length | None]] = {}
        for wall, own in whole.walls(begin, end):
            found[_second(wall, whole.zone)] = wall, own
        for instance, (wall, own) in found.items():
            if instance in changed or wall.date() in days or whole.leaves_out(instance):
                continue
            holds, move = whole, _NONE
            for (begins, each), by in zip(onwards, moves, strict=True):
                if begins < instance:
                    holds, move = each, by
            if not (holds.cancelled and holds is not whole):
                yield holds.occurrence(wall + move if move else wall, own or holds.length, instance)


def _move(said: _Said) -> timedelta:
    """By how much everything after *said* is moved, on the wall clock (RFC 5545, 3.2.13)."""
    instance = said.instance
    if isinstance(instance, datetime):
        return said.start - instance.astimezone(said.zone).replace(tzinfo=None)
    return said.start - datetime.combine(instance or said.start, time())


def _instance(said: _Said) -> int:
    instance = said.instance
    if not isinstance(instance, datetime):
        instance = datetime.combine(instance or said.start, time())
    return _second(instance, said.zone)


# --- reading ----------------------------------------------------------------------------------------------------


def _said(event: Any, zones: Zones, local: tzinfo, ours: frozenset[str]) -> _Said | None:
    """What *event* says; None where it says no start."""
    start = getattr(first(event, "DTSTART"), "dt", None)
    if not isinstance(start, date):
        return None
    days = not isinstance(start, datetime)
    if isinstance(start, datetime):
        start = placed(start, first(event, "DTSTART").params, zones)
        zone = start.tzinfo or local
        wall = start.replace(tzinfo=None, fold=0)
    else:
        zone, wall = local, datetime.combine(start, time())
    length = _length(event, wall, zone, zones, days=days)
    if sum(length, _NONE) < _NONE:
        # Written the wrong way round.
        wall, length = wall + sum(length, _NONE), (-length[0], -length[1])
    left_out, days_left_out = _left_out(event, zone, zones, days=days)
    recurrence = first(event, "RECURRENCE-ID")
    instance = getattr(recurrence, "dt", None)
    if isinstance(instance, datetime):
        instance = placed(instance, recurrence.params, zones, zone)
        if days:
            instance = _day_of(instance, zone)
    cancelled = str(first(event, "STATUS") or "").strip().upper() == "CANCELLED"
    transparent = str(first(event, "TRANSP") or "").strip().upper() == "TRANSPARENT"
    stamp = getattr(first(event, "DTSTAMP"), "dt", None)
    return _Said(
        start=wall,
        zone=zone,
        days=days,
        length=length,
        instance=instance if isinstance(instance, date) else None,
        onwards=str(getattr(recurrence, "params", {}).get("RANGE", "")).upper() == "THISANDFUTURE",
        rules=tuple(Rule(said, wall, zone, days=days) for said in _list(event.get("RRULE"))),
        added=tuple(_added(event, wall, zone, zones, days=days)),
        left_out=left_out,
        days_left_out=days_left_out,
        busy=not (cancelled or transparent or _declined(event, ours)),
        cancelled=cancelled,
        rank=(_number(first(event, "SEQUENCE")), _second(stamp, UTC) if isinstance(stamp, datetime) else 0),
    )


def _length(event: Any, start: datetime, zone: tzinfo, zones: Zones, *, days: bool) -> Length:
    end = getattr(first(event, "DTEND"), "dt", None)
    if isinstance(end, datetime):
        end = placed(end, first(event, "DTEND").params, zones, zone).astimezone(zone).replace(tzinfo=None)
        return end - start, _NONE
    if isinstance(end, date):
        return datetime.combine(end, time()) - start, _NONE
    duration = getattr(first(event, "DURATION"), "dt", None)
    if isinstance(duration, timedelta):
        # Days by the calendar, hours by the clock (RFC 5545, 3.3.6).
        by_clock = timedelta(seconds=duration.seconds)
        return (duration, _NONE) if days or duration < _NONE else (duration - by_clock, by_clock)
    return (_DAY if days else _NONE), _NONE


def _left_out(event: Any, zone: tzinfo, zones: Zones, *, days: bool) -> tuple[frozenset[int], frozenset[date]]:
    """The moments and the days at which it does not take place (EXDATE)."""
    moments: set[int] = set()
    whole_days: set[date] = set()
    for params, value in _dates(event, "EXDATE"):
        if isinstance(value, datetime) and not days:
            moments.add(_second(placed(value, params, zones, zone), zone))
        elif isinstance(value, datetime):
            whole_days.add(_day_of(placed(value, params, zones, zone), zone))
        elif isinstance(value, date):
            whole_days.add(value)
    return frozenset(moments), frozenset(whole_days)


def _added(
    event: Any, start: datetime, zone: tzinfo, zones: Zones, *, days: bool
) -> Iterator[tuple[datetime, Length | None]]:
    """The times that are listed beside the rules (RDATE), on the wall clock; a day is meant at the usual time."""
    for params, value in _dates(event, "RDATE"):
        begin, end = value if isinstance(value, tuple) else (value, None)
        length: Length | None = (_NONE, end) if isinstance(end, timedelta) else None
        if isinstance(begin, datetime):
            begin = placed(begin, params, zones, zone)
            if isinstance(end, datetime):
                length = _NONE, placed(end, params, zones, zone).astimezone(UTC) - begin.astimezone(UTC)
            midnight = datetime.combine(_day_of(begin, zone), time())
            yield midnight if days else begin.astimezone(zone).replace(tzinfo=None), length
        elif isinstance(begin, date):
            yield datetime.combine(begin, start.time()), length


def _dates(event: Any, name: str) -> Iterator[tuple[Any, Any]]:
    for each in _list(event.get(name)):
        if isinstance(each, vBroken):
            continue
        for value in getattr(each, "dts", ()):
            yield getattr(each, "params", {}), value.dt


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _number(value: Any) -> int:
    try:
        return int(str(value or 0))
    except ValueError:
        return 0


def _declined(event: Any, ours: frozenset[str]) -> bool:
    return bool(ours) and any(
        str(each.params.get("PARTSTAT", "")).upper() == "DECLINED"
        and (str(each).strip().lower() in ours or handles.mail(str(each)) in ours)
        for each in _list(event.get("ATTENDEE"))
        if not isinstance(each, vBroken)
    )


# --- time -------------------------------------------------------------------------------------------------------


def _second(moment: datetime, zone: tzinfo) -> int:
    """Seconds since 1970 of *moment*, on the wall clock of *zone* where it has none. A time that a clock skips is
    counted from before (RFC 5545, 3.3.5), of one that comes twice the first is meant."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())


def _day_of(moment: datetime, zone: tzinfo) -> date:
    """The day that *moment* is in: in its own zone where it is a midnight there, else in *zone*."""
    return (moment if moment.time() == time() else moment.astimezone(zone)).date()
