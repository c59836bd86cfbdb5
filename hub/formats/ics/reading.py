"""iCalendar (RFC 5545, and the iTIP of RFC 5546 that mails carry) into frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from icalendar import Component

from hub.formats import charsets
from hub.formats.errors import Unreadable
from hub.formats.ics.parsing import first, opened
from hub.formats.ics.zones import Zones, iana_name

__all__ = ["Attendee", "IcsEvent", "Unreadable", "events"]


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody invited, or the organizer. *address* is the URI in the file (`mailto:…`), *status* the PARTSTAT and
    *role* the ROLE in upper case, empty where the file says nothing. *delegated_to* and *delegated_from* are whom the
    place was given to and taken from, *sent_by* who acts in the name of this one: URIs. *rsvp*: an answer is wanted.
    """

    address: str
    name: str = ""
    status: str = ""
    role: str = ""
    delegated_to: tuple[str, ...] = ()
    delegated_from: tuple[str, ...] = ()
    sent_by: str = ""
    rsvp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IcsEvent:
    """One VEVENT. Times are UTC; *end* is exclusive; an all-day event runs from UTC midnight to UTC midnight.

    *recurrence_id* is None for a series or a single event, else the start the instance had before it was changed.
    *range_this_and_future*: what is said of that instance holds for all after it. *rule* is the RRULE as it stands
    there. *status* (`CONFIRMED`, `TENTATIVE`, `CANCELLED`), *transparency* (`OPAQUE`, `TRANSPARENT`), *access* (CLASS:
    `PUBLIC`, `PRIVATE`, `CONFIDENTIAL`) and *method* (`REQUEST`, `REPLY`, `CANCEL`, …) are upper case, empty where the
    file says nothing. *start* is None where it can't be read; *zone* is the IANA name of the zone that it is written
    in, "" for a day and where it has none.
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
    transparency: str = ""
    access: str = ""
    comment: str = ""
    url: str = ""
    zone: str = ""
    range_this_and_future: bool = False


def events(raw: bytes, zone: tzinfo = UTC) -> tuple[IcsEvent, ...]:
    """The events of a calendar file, in its order; none where it has only other things.

    *zone* is where times without a zone are meant, unless the file names one (X-WR-TIMEZONE). A broken line or event
    costs only itself. Raises `Unreadable` for what is no calendar, and for more than `MOST_BYTES`.
    """
    found: list[IcsEvent] = []
    for calendar, zones in opened(raw, zone):
        method = str(calendar.get("METHOD", "")).strip().upper()
        found += [_event(component, method, zones) for component in calendar.walk("VEVENT")]
    return tuple(found)


def _event(component: Component, method: str, zones: Zones) -> IcsEvent:
    start, all_day, zone = _moment(component, "DTSTART", zones)
    end = _moment(component, "DTEND", zones)[0]
    if end is None and start is not None:
        duration = getattr(first(component, "DURATION"), "dt", None)
        length = duration if isinstance(duration, timedelta) else timedelta(days=1) if all_day else timedelta(0)
        end = _later(start, length, UTC if all_day or zone is None else zone)
    organizers = _people(component, "ORGANIZER")
    rule = first(component, "RRULE")
    recurrence = first(component, "RECURRENCE-ID")
    return IcsEvent(
        uid=_text(component, "UID"),
        recurrence_id=_moment(component, "RECURRENCE-ID", zones)[0],
        sequence=_number(component, "SEQUENCE"),
        dtstamp=_moment(component, "DTSTAMP", Zones({}, UTC))[0],
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
        transparency=_text(component, "TRANSP").upper(),
        access=_text(component, "CLASS").upper(),
        comment=_text(component, "COMMENT"),
        url=_text(component, "URL"),
        zone="" if all_day else iana_name(zone),
        range_this_and_future=str(getattr(recurrence, "params", {}).get("RANGE", "")).upper() == "THISANDFUTURE",
    )


def _text(component: Component, name: str) -> str:
    value = first(component, name)
    return charsets.clean(str(value)).strip() if value is not None else ""


def _number(component: Component, name: str) -> int:
    try:
        return int(str(first(component, name) or 0))
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
                    delegated_to=_uris(said.get("DELEGATED-TO")),
                    delegated_from=_uris(said.get("DELEGATED-FROM")),
                    sent_by=next(iter(_uris(said.get("SENT-BY"))), ""),
                    rsvp=str(said.get("RSVP", "")).upper() == "TRUE",
                )
            )
    return people


def _uris(value: object) -> tuple[str, ...]:
    """The addresses in a parameter that may hold several."""
    found = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(uri for each in found if (uri := charsets.clean(str(each)).strip(' "')))


# --- time -------------------------------------------------------------------------------------------------------


def _moment(component: Component, name: str, zones: Zones) -> tuple[datetime | None, bool, tzinfo | None]:
    """The UTC of a date or date-time property, whether it is a date, and the zone that it is written in."""
    value = first(component, name)
    moment = getattr(value, "dt", None)
    if isinstance(moment, datetime):
        moment = placed(moment, getattr(value, "params", {}), zones)
        try:
            return moment.astimezone(UTC), False, moment.tzinfo
        except (OverflowError, ValueError):
            return None, False, None
    if isinstance(moment, date):
        return datetime.combine(moment, time(), UTC), True, None
    return None, False, None


def placed(moment: datetime, params: Mapping[str, object], zones: Zones, otherwise: tzinfo | None = None) -> datetime:
    """*moment* in the zone that its TZID means in this calendar. Without a TZID: in UTC where it is so, else
    *otherwise*, else where times without a zone are meant."""
    if moment.tzinfo is UTC or getattr(moment.tzinfo, "key", "") == "UTC":
        return moment.replace(tzinfo=UTC)
    named = str(params.get("TZID", ""))
    zone = zones.named(named) or moment.tzinfo if named else otherwise
    return moment.replace(tzinfo=zone or zones.floating)


def _later(start: datetime, length: timedelta, zone: tzinfo) -> datetime:
    """*start* (UTC) and *length*: its days by the calendar of *zone*, its hours by the clock (RFC 5545, 3.3.6)."""
    try:
        wall = start.astimezone(zone) + timedelta(days=length.days)
        return wall.astimezone(UTC) + timedelta(seconds=length.seconds)
    except (OverflowError, ValueError):
        return start
