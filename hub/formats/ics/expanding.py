"""When the events of a calendar take place. What recurs is computed by recurring-ical-events; what calendars write
beside the standard is put right first."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

import recurring_ical_events
from icalendar import Calendar, vDDDLists
from icalendar.prop.broken import vBroken
from recurring_ical_events.errors import InvalidCalendar

from hub.formats.errors import Unreadable
from hub.formats.ics.reading import parsed
from hub.formats.ics.values import Occurrence
from hub.formats.ics.zones import zone_named

MOST_BYTES = 8 << 20
MOST_STEPS = 200_000
"""Recurrences that are counted through, from a series' start on: every five minutes for two years."""

_UNITS = {
    "SECONDLY": timedelta(seconds=1),
    "MINUTELY": timedelta(minutes=1),
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(days=7),
    "MONTHLY": timedelta(days=28),
    "YEARLY": timedelta(days=365),
}
_SMALLER = {"BYSECOND": "MINUTELY", "BYMINUTE": "HOURLY", "BYHOUR": "DAILY", "BYDAY": "WEEKLY", "BYMONTHDAY": "MONTHLY",
            "BYYEARDAY": "YEARLY"}  # fmt: skip
_MOMENTS = ("DTSTART", "DTEND", "RECURRENCE-ID")
_A_DAY = timedelta(days=1)


class TooMany(Unreadable):
    """It recurs more often than anybody can have time for. The text says so."""


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

    *zone* is where floating times and days are meant, unless a file names another (X-WR-TIMEZONE). Time that one of
    *ours* (`mailto:…`) declined, that is shown as free or cancelled, is not busy. Raises `Unreadable`, and of it
    `TooMany` for more than *most* occurrences, or for a rule that would have to be counted through too far.
    """
    whole = Calendar()
    excluded: dict[str, set[date]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in texts:
            if len(text) > MOST_BYTES:
                raise TooMany(f"it is larger than {MOST_BYTES >> 20} MB")
            for calendar in parsed(text):
                named = str(calendar.get("X-WR-TIMEZONE", ""))
                there = (zone_named(named) if named else None) or zone
                for event in calendar.walk("VEVENT"):
                    if not _starts(event):
                        continue
                    excluded.setdefault(str(event.get("UID", "")), set()).update(_repaired(event, there))
                    _count(event, until, most)
                    whole.add_component(event)
        if not whole.subcomponents:
            return ()
        try:
            found = recurring_ical_events.of(whole).between(since - _A_DAY, until + _A_DAY)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, InvalidCalendar) as error:
            raise Unreadable(f"its recurrence cannot be computed: {error}") from error
    own = {address.lower() for address in ours}
    first, last = int(since.timestamp()), int(until.timestamp())
    times = sorted(set(_occurrences(found, zone, own, excluded)))
    inside = tuple(each for each in times if each.starts < last and (each.ends > first or each.starts >= first))
    if len(inside) > most:
        raise TooMany(f"it takes place {len(inside)} times; {most} are the most")
    return inside


def _starts(event: Any) -> bool:
    return isinstance(getattr(event.get("DTSTART"), "dt", None), date)


def _occurrences(
    found: Sequence[Any], zone: tzinfo, ours: Collection[str], excluded: dict[str, set[date]]
) -> Iterator[Occurrence]:
    for event in found:
        begin = event["DTSTART"].dt
        instance = event["RECURRENCE-ID"].dt if "RECURRENCE-ID" in event else begin
        if _day(instance) in excluded.get(str(event.get("UID", "")), ()):
            continue
        starts = _second(begin, zone)
        yield Occurrence(starts, max(starts, _second(event.end, zone)), _second(instance, zone), _busy(event, ours))


def _busy(event: Any, ours: Collection[str]) -> bool:
    if str(event.get("TRANSP", "")).upper() == "TRANSPARENT" or str(event.get("STATUS", "")).upper() == "CANCELLED":
        return False
    attendees = event.get("ATTENDEE", ())
    return not any(
        str(each).strip().lower() in ours and str(each.params.get("PARTSTAT", "")).upper() == "DECLINED"
        for each in (attendees if isinstance(attendees, list) else [attendees])
    )


def _second(value: date | datetime, zone: tzinfo) -> int:
    """Seconds since 1970; a day begins at midnight of *zone*."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(), zone)
    return int((value if value.tzinfo else value.replace(tzinfo=zone)).timestamp())


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


# --- what is put right ------------------------------------------------------------------------------------------


def _repaired(event: Any, zone: tzinfo) -> set[date]:
    """Gives every time of *event* its zone. Answers the days on which it does not take place, by exceptions that are
    days where the series has times, or times where it has days (RFC 5545, 3.8.5.1 wants them alike; many do not)."""
    for name in _MOMENTS:
        value = event.get(name)
        if value is not None and isinstance(getattr(value, "dt", None), datetime):
            value.dt = _placed(value, value.dt, zone)
        elif isinstance(value, vBroken):
            del event[name]
    start = event["DTSTART"].dt
    days: set[date] = set()
    for name in ("EXDATE", "RDATE"):
        lists = event.get(name)
        if lists is None:
            continue
        kept: list[Any] = []
        for each in lists if isinstance(lists, list) else [lists]:
            for value in getattr(each, "dts", ()):
                moment = value.dt
                if name == "EXDATE" and isinstance(moment, datetime) != isinstance(start, datetime):
                    days.add(_day(moment))
                elif isinstance(moment, datetime):
                    kept.append(_placed(each, moment, zone))
                elif isinstance(moment, tuple) and isinstance(moment[0], datetime):
                    begin, end = moment
                    kept.append(
                        (_placed(each, begin, zone), end if isinstance(end, timedelta) else _placed(each, end, zone))
                    )
                else:
                    kept.append(moment)
        del event[name]
        if kept:
            event.add(name, vDDDLists(kept), encode=False)
    return days


def _placed(value: Any, moment: datetime, zone: tzinfo) -> datetime:
    """*moment* in the zone it is meant in, where the library found none."""
    if moment.tzinfo is not None:
        return moment
    named = str(getattr(value, "params", {}).get("TZID", ""))
    return moment.replace(tzinfo=(zone_named(named) if named else None) or zone)


# --- what would never end ----------------------------------------------------------------------------------------


def _count(event: Any, until: datetime, most: int) -> None:
    """Raises `TooMany` where counting *event* through until then takes too long."""
    rules = event.get("RRULE")
    start = event["DTSTART"].dt
    begin = start if isinstance(start, datetime) else datetime.combine(start, time(), UTC)
    begin = begin if begin.tzinfo else begin.replace(tzinfo=UTC)
    for rule in rules if isinstance(rules, list) else [rules] if rules else ():
        unit = _UNITS.get(str((rule.get("FREQ") or [""])[0]).upper())
        if unit is None:
            raise Unreadable(f"its rule has no known frequency: {rule.to_ical().decode('utf-8', 'replace')[:80]}")
        each = unit * max(1, int((rule.get("INTERVAL") or [1])[0]))
        times = 1
        for name, within in _SMALLER.items():
            if rule.get(name) and unit >= _UNITS[within]:
                times *= len(rule[name])
        steps = max(0, (until - begin) / each) * times
        if rule.get("COUNT"):
            steps = min(steps, int(rule["COUNT"][0]))
        if rule.get("UNTIL") is None or steps > MOST_STEPS:
            end = (rule.get("UNTIL") or [None])[0]
            if end is not None:
                last = end if isinstance(end, datetime) else datetime.combine(end, time.max)
                last = last if last.tzinfo else last.replace(tzinfo=UTC)
                steps = min(steps, max(0, (last - begin) / each) * times)
        if steps > MOST_STEPS:
            raise TooMany(f"its rule would have to be counted through {steps:,.0f} times; {MOST_STEPS:,} are the most")
    dates = event.get("RDATE")
    listed = sum(
        len(getattr(each, "dts", ())) for each in (dates if isinstance(dates, list) else [dates] if dates else ())
    )
    if listed > most:
        raise TooMany(f"it lists {listed} dates; {most} are the most")
