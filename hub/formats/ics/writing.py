"""Writing what is ours: appointments, for calendars and for mails, and when somebody is busy (RFC 5545, 5546)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import (
    Calendar,
    Event,
    FreeBusy,
    Timezone,
    TimezoneDaylight,
    TimezoneStandard,
    vCalAddress,
    vPeriod,
    vText,
)

from hub.formats.errors import Unreadable
from hub.formats.ics.parsing import opened
from hub.formats.ics.reading import Attendee
from hub.formats.ics.values import Appointment

PRODID = "-//hub//hub//EN"
_EVER = datetime(1970, 1, 1)  # noqa: DTZ001 — a wall clock's
_YEARS_BACK, _YEARS_AHEAD = 1, 6
"""For how many years around an appointment its zone's law is written, where it is no rule."""


def write(appointments: Sequence[Appointment], method: str = "", *, agent: str = "", sent_by: str = "") -> bytes:
    """*appointments* as one calendar. *method* is the METHOD of a mail (`REQUEST`, `CANCEL`); in a calendar there is
    none. *agent* says who tells the invited: "CLIENT" keeps the server from it (RFC 6638, 7.1). *sent_by* is who speaks
    for the organizer, where that is somebody else (RFC 5545, 3.2.18)."""
    calendar = _calendar(method)
    first = min((each.starts_at for each in appointments), default=datetime.now(UTC))
    for name in sorted({each.zone for each in appointments} - {"UTC", "Etc/UTC"}):
        calendar.add_component(_timezone(name, first.year))
    for each in appointments:
        calendar.add_component(_event(each, agent, sent_by))
    return bytes(calendar.to_ical())


def write_busy(
    spans: Sequence[tuple[datetime, datetime]],
    since: datetime,
    until: datetime,
    *,
    organizer: str = "",
    uid: str,
    stamp: datetime,
    method: str = "",
) -> bytes:
    """That somebody (*organizer*, `mailto:…`) is busy in *spans* of the time from *since* until *until* (VFREEBUSY)."""
    calendar = _calendar(method)
    busy = FreeBusy()
    busy.add("uid", uid)
    busy.add("dtstamp", stamp.astimezone(UTC))
    busy.add("dtstart", since.astimezone(UTC))
    busy.add("dtend", until.astimezone(UTC))
    if organizer:
        busy.add("organizer", vCalAddress(organizer))
    for begin, end in spans:
        period = vPeriod((begin.astimezone(UTC), end.astimezone(UTC)))
        # Without the VALUE that the library writes: RFC 5545, 3.8.2.6 knows but one.
        period.params.clear()
        period.params["FBTYPE"] = "BUSY"
        busy.add("freebusy", period, encode=False)
    calendar.add_component(busy)
    return bytes(calendar.to_ical())


def read_busy(raw: bytes) -> tuple[tuple[datetime, datetime], ...]:
    """When somebody is not free, by the VFREEBUSY in *raw*: UTC, in order. Raises `Unreadable`."""
    spans = []
    for calendar, _ in opened(raw, UTC):
        for busy in calendar.walk("VFREEBUSY"):
            lists: Any = busy.get("FREEBUSY", ())
            for each in lists if isinstance(lists, list) else [lists]:
                kind = str(getattr(each, "params", {}).get("FBTYPE", "BUSY")).upper()
                for period in getattr(each, "dts", None) or [each]:
                    value = getattr(period, "dt", None)
                    if kind == "FREE" or not isinstance(value, tuple):
                        continue
                    begin, end = value
                    if not isinstance(begin, datetime):
                        raise Unreadable("a busy time in it has no time of day")
                    end = begin + end if isinstance(end, timedelta) else end
                    spans.append((begin.astimezone(UTC), end.astimezone(UTC)))
    return tuple(sorted(spans))


def _calendar(method: str) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    if method:
        calendar.add("method", method)
    return calendar


def _event(said: Appointment, agent: str, sent_by: str) -> Event:
    zone = ZoneInfo(said.zone) if said.zone not in ("UTC", "Etc/UTC") else UTC
    event = Event()
    event.add("uid", said.uid)
    event.add("dtstamp", said.stamp.astimezone(UTC).replace(microsecond=0))
    event.add("sequence", said.sequence)
    event.add("dtstart", _on_the_wall(said.starts_at, zone))
    event.add("dtend", _on_the_wall(said.ends_at, zone))
    event.add("summary", said.title)
    for name, text in (("description", said.text), ("location", said.place), ("url", said.url)):
        if text:
            event.add(name, text)
    event.add("status", "CANCELLED" if said.cancelled else "TENTATIVE" if said.tentative else "CONFIRMED")
    event.add("transp", "OPAQUE")
    if said.organizer:
        organizer = _person(said.organizer)
        if sent_by not in ("", said.organizer.address):
            organizer.params["SENT-BY"] = vText(sent_by)
        event.add("organizer", organizer)
    for each in said.attendees:
        person = _person(each)
        person.params["PARTSTAT"] = vText(each.status or "NEEDS-ACTION")
        person.params["ROLE"] = vText(each.role or "REQ-PARTICIPANT")
        if (each.status or "NEEDS-ACTION") == "NEEDS-ACTION":
            person.params["RSVP"] = vText("TRUE")
        if agent:
            person.params["SCHEDULE-AGENT"] = vText(agent)
        event.add("attendee", person)
    return event


def _on_the_wall(moment: datetime, zone: tzinfo) -> datetime:
    """*moment* in *zone*; in UTC in the hour that comes again when the clocks are set back, whose name is the first's
    (RFC 5545, 3.3.5)."""
    local = moment.astimezone(zone)
    return moment.astimezone(UTC) if local.fold else local


def _person(said: Attendee) -> vCalAddress:
    person = vCalAddress(said.address)
    if said.name:
        person.params["CN"] = vText(said.name)
    return person


# --- zones ------------------------------------------------------------------------------------------------------


def _timezone(name: str, year: int) -> Timezone:
    """The law of a zone around *year* (RFC 5545, 3.6.5): yearly rules where it has them, else the single days. Servers
    read these rules rather than the name, and some go wrong on days without a rule."""
    zone = Timezone()
    zone.add("tzid", name)
    for changes in _laws(name, year):
        zone.add_component(_observance(changes))
    return zone


Change = tuple[datetime, timedelta, timedelta, bool, str]
"""When a zone's clocks change (its wall clock before), the offsets before and after, whether it is summer time then,
and the name of the time."""


def _observance(changes: Sequence[Change]) -> TimezoneDaylight | TimezoneStandard:
    at, before, after, summer, called = changes[0]
    part: Any = TimezoneDaylight() if summer else TimezoneStandard()
    part.add("dtstart", at)
    part.add("tzoffsetfrom", before)
    part.add("tzoffsetto", after)
    part.add("tzname", called)
    rule = _yearly([each[0] for each in changes])
    if rule:
        part.add("rrule", rule)
    else:
        for moment, *_ in changes[1:]:
            part.add("rdate", moment)
    return part  # type: ignore[no-any-return]


def _yearly(moments: Sequence[datetime]) -> dict[str, Any]:
    """The rule behind yearly *moments*: the same weekday of the same month, by number or the last; {} where none is."""
    first = moments[0]
    years = [each.year for each in moments]
    alike = {(each.month, each.weekday(), each.time()) for each in moments}
    if len(moments) < _YEARS_AHEAD or years != list(range(years[0], years[0] + len(years))) or len(alike) != 1:
        return {}
    weekday = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[first.weekday()]
    numbers = {(each.day - 1) // 7 + 1 for each in moments}
    if all((each + timedelta(days=7)).month != each.month for each in moments):
        return {"FREQ": "YEARLY", "BYMONTH": first.month, "BYDAY": f"-1{weekday}"}
    if len(numbers) == 1:
        return {"FREQ": "YEARLY", "BYMONTH": first.month, "BYDAY": f"{numbers.pop()}{weekday}"}
    return {}


@lru_cache(maxsize=256)
def _laws(name: str, year: int) -> tuple[tuple[Change, ...], ...]:
    """The changes of a zone's clocks around *year*, those of one sort together; before them what held
    until then."""
    zone = ZoneInfo(name)
    begin, end = datetime(year - _YEARS_BACK, 1, 1, tzinfo=UTC), datetime(year + _YEARS_AHEAD, 1, 1, tzinfo=UTC)
    sorts: dict[tuple[timedelta, timedelta, bool, str], list[Change]] = {}
    local = begin.astimezone(zone)
    day = begin
    while day < end:
        after = (day + timedelta(days=1)).astimezone(zone)
        if after.utcoffset() != local.utcoffset():
            at = _change(day, zone)
            offsets = (local.utcoffset() or timedelta(), after.utcoffset() or timedelta())
            wall = (at + offsets[0]).replace(tzinfo=None)
            change = (wall, *offsets, bool(after.dst()), after.tzname() or "")
            sorts.setdefault(change[1:], []).append(change)
        local, day = after, day + timedelta(days=1)
    if not sorts:
        offset = local.utcoffset() or timedelta()
        return (((_EVER, offset, offset, False, local.tzname() or ""),),)
    before = begin.astimezone(zone)
    offset = before.utcoffset() or timedelta()
    known = ((_EVER, offset, offset, bool(before.dst()), before.tzname() or ""),)
    return (known, *(tuple(changes) for changes in sorts.values()))


def _change(day: datetime, zone: ZoneInfo) -> datetime:
    """The minute of that UTC day from which on the zone's offset is another."""
    low, high = 0, 24 * 60
    was = day.astimezone(zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if (day + timedelta(minutes=middle)).astimezone(zone).utcoffset() == was:
            low = middle
        else:
            high = middle
    return day + timedelta(minutes=high)
