"""iCalendar (RFC 5545, and the iTIP of RFC 5546 that mails carry) into frozen values."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from icalendar import Calendar, Component
from icalendar.prop.broken import vBroken

from hub.formats import charsets
from hub.formats.errors import Unreadable
from hub.formats.ics.zones import zone_named

__all__ = ["Attendee", "IcsEvent", "Unreadable", "events"]


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody invited, or the organizer. *address* is the URI in the file (`mailto:…`), *status* the PARTSTAT and
    *role* the ROLE in upper case, empty where the file says nothing."""

    address: str
    name: str = ""
    status: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IcsEvent:
    """One VEVENT. Times are UTC; *end* is exclusive; an all-day event runs from UTC midnight to UTC midnight.

    *recurrence_id* is None for a series or a single event, else the start the instance had before it was changed.
    *rule* is the RRULE as it stands there. *status* (`CONFIRMED`, `TENTATIVE`, `CANCELLED`) and *method* (`REQUEST`,
    `REPLY`, `CANCEL`, …) are upper case, empty where the file says nothing. *start* is None where it can't be read.
    """

    uid: str
    recurrence_id: datetime | None
    sequence: int
    dtstamp: datetime | None
    summary: str
    description: str
    location: str
    start: datetime | None
    end: datetime | None
    all_day: bool
    rule: str
    organizer: Attendee | None
    attendees: tuple[Attendee, ...]
    status: str
    method: str


_BLOCK = re.compile(
    r"^BEGIN:(VTIMEZONE|VEVENT)[ \t]*\r?$.*?^END:\1[ \t]*\r?$\n?", re.MULTILINE | re.DOTALL | re.IGNORECASE
)


def events(raw: bytes, zone: tzinfo = UTC) -> tuple[IcsEvent, ...]:
    """The events of a calendar file, in its order; none where it has only other things.

    *zone* is where times without a zone are meant, unless the file names one (X-WR-TIMEZONE). A broken line or event
    costs only itself. Raises `Unreadable` for what is no calendar.
    """
    found: list[IcsEvent] = []
    with warnings.catch_warnings():
        # The library warns of the zone names that it has to guess at; so do we have to.
        warnings.simplefilter("ignore")
        for calendar in parsed(raw):
            named = str(calendar.get("X-WR-TIMEZONE", ""))
            floating = (zone_named(named) if named else None) or zone
            method = str(calendar.get("METHOD", "")).strip().upper()
            found += [_event(component, method, floating) for component in calendar.walk("VEVENT")]
    return tuple(found)


def parsed(raw: bytes) -> list[Component]:
    """The calendars in a file, without what cannot be read of them. Raises `Unreadable`."""
    text = charsets.decode(raw.removeprefix(b"\xef\xbb\xbf"), "utf-8")
    if "BEGIN:V" not in text.upper():
        raise Unreadable("no calendar: there is no BEGIN line")
    try:
        whole: list[Component] = list(Calendar.from_ical(text, multiple=True))
        reason = "it is cut off"
    except (ValueError, KeyError, IndexError) as error:
        whole, reason = [], str(error)
    if whole:
        return whole
    rescued = list(_rescued(text))
    if not rescued:
        raise Unreadable(f"no event in it can be read: {reason}")
    return rescued


def _rescued(text: str) -> Iterator[Component]:
    """The calendar without what breaks it: first without its zones, then event by event."""
    without_zones = _BLOCK.sub(lambda block: block[0] if block[1].upper() == "VEVENT" else "", text)
    method = re.search(r"^METHOD:.*$", text, re.MULTILINE | re.IGNORECASE)
    head = f"BEGIN:VCALENDAR\r\n{method[0].strip() if method else 'VERSION:2.0'}\r\n"
    alone = [
        f"{head}{block[0].rstrip()}\r\nEND:VCALENDAR\r\n"
        for block in _BLOCK.finditer(text)
        if block[1].upper() == "VEVENT"
    ]
    for attempts in ([without_zones], alone):
        rescued = False
        for attempt in attempts:
            try:
                found = list(Calendar.from_ical(attempt, multiple=True))
            except (ValueError, KeyError, IndexError):
                continue
            yield from found
            rescued = rescued or bool(found)
        if rescued:
            return


def _event(component: Component, method: str, floating: tzinfo) -> IcsEvent:
    start, all_day = _moment(component, "DTSTART", floating)
    end, _ = _moment(component, "DTEND", floating)
    if end is None and start is not None:
        duration = getattr(_first(component, "DURATION"), "dt", None)
        length = duration if isinstance(duration, timedelta) else timedelta(days=1) if all_day else timedelta(0)
        end = start + length
    organizers = _people(component, "ORGANIZER")
    rule = _first(component, "RRULE")
    return IcsEvent(
        uid=_text(component, "UID"),
        recurrence_id=_moment(component, "RECURRENCE-ID", floating)[0],
        sequence=_number(component, "SEQUENCE"),
        dtstamp=_moment(component, "DTSTAMP", UTC)[0],
        summary=_text(component, "SUMMARY"),
        description=_text(component, "DESCRIPTION"),
        location=_text(component, "LOCATION"),
        start=start,
        end=end,
        all_day=all_day,
        rule=rule.to_ical().decode("utf-8") if hasattr(rule, "to_ical") else "",
        organizer=organizers[0] if organizers else None,
        attendees=tuple(_people(component, "ATTENDEE")),
        status=_text(component, "STATUS").upper(),
        method=method,
    )


def _first(component: Component, name: str) -> object:
    value: object = component.get(name)
    if isinstance(value, list):
        value = value[0] if value else None
    return None if isinstance(value, vBroken) else value


def _text(component: Component, name: str) -> str:
    value = _first(component, name)
    return charsets.clean(str(value)).strip() if value is not None else ""


def _number(component: Component, name: str) -> int:
    try:
        return int(str(_first(component, name) or 0))
    except ValueError:
        return 0


def _people(component: Component, name: str) -> list[Attendee]:
    value: object = component.get(name)
    people: list[Attendee] = []
    for each in value if isinstance(value, list) else [value]:
        address = charsets.clean(str(each)).strip() if each is not None else ""
        if address:
            said = getattr(each, "params", {})
            people.append(
                Attendee(
                    address=address,
                    name=str(said.get("CN", "")).strip(),
                    status=str(said.get("PARTSTAT", "")).upper(),
                    role=str(said.get("ROLE", "")).upper(),
                )
            )
    return people


# --- time -------------------------------------------------------------------------------------------------------


def _moment(component: Component, name: str, floating: tzinfo) -> tuple[datetime | None, bool]:
    """The UTC of a date or date-time property, and whether it is a date."""
    value = _first(component, name)
    moment = getattr(value, "dt", None)
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            named = str(getattr(value, "params", {}).get("TZID", ""))
            moment = moment.replace(tzinfo=(zone_named(named) if named else None) or floating)
        try:
            return moment.astimezone(UTC), False
        except (OverflowError, ValueError):
            return None, False
    if isinstance(moment, date):
        return datetime.combine(moment, time(), UTC), True
    return None, False
