"""Google's events as iCalendar (RFC 5545), and our appointments as Google's events.

https://developers.google.com/workspace/calendar/api/v3/reference/events
"""

# mypy: allow-untyped-calls
# icalendar annotates only some of its functions.

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vText
from icalendar.parser import Contentline

import hub

Resource = Mapping[str, Any]

_RECURRENCE = re.compile(r"(?:RRULE|EXRULE|RDATE|EXDATE)[;:][^\r\n]+")
_ANSWERS = {
    "needsAction": "NEEDS-ACTION",
    "declined": "DECLINED",
    "tentative": "TENTATIVE",
    "accepted": "ACCEPTED",
}
_SAID = {word: answer for answer, word in _ANSWERS.items()}
_CLASSES = {"private": "PRIVATE", "confidential": "CONFIDENTIAL", "public": "PUBLIC"}


class Odd(Exception):
    """An event that lacks what every event has, or has it in another form; the text says which."""


def series_of(resource: Resource) -> str:
    """The id of the series that it is an instance of; "" for a single event and a series itself."""
    return str(resource.get("recurringEventId") or "")


def is_gone(resource: Resource) -> bool:
    """Whether it is deleted. An instance that is cancelled is not: it says that its series leaves it out."""
    return resource.get("status") == "cancelled" and not series_of(resource)


def may_be_series(resource: Resource) -> bool:
    """Whether a deleted one may have had instances: Google need not say more of it than its id."""
    return bool(resource.get("recurrence")) or "start" not in resource


def declined(resource: Resource) -> bool:
    """Whether the calendar's owner has declined it."""
    return any(each.get("self") and each.get("responseStatus") == "declined" for each in _attendees(resource))


def text(resource: Resource, uid: str) -> bytes:
    """*resource* as a calendar file with the one event *uid*. Zones stand in it by their IANA names, without their
    rules (VTIMEZONE): Google knows no others. Raises `Odd`."""
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", _stamp(resource))
    if type(resource.get("sequence")) is int:
        event.add("sequence", resource["sequence"])
    cancelled = resource.get("status") == "cancelled"
    if series_of(resource):
        original = moment(resource.get("originalStartTime"), "originalStartTime")
        event.add("recurrence-id", original)
        begin = moment(resource["start"], "start") if "start" in resource else original
    else:
        begin = moment(resource.get("start"), "start")
    event.add("dtstart", begin)
    if "end" in resource:
        end = moment(resource["end"], "end")
        if isinstance(end, datetime) is not isinstance(begin, datetime):
            raise Odd("its end is a day and its start a time, or the other way round")
        event.add("dtend", end)
    for name, key in (("summary", "summary"), ("description", "description"), ("location", "location")):
        if resource.get(key):
            event.add(name, _clean(resource[key]))
    if link := resource.get("hangoutLink"):
        event.add("url", _line(link))
    status = "CANCELLED" if cancelled else "TENTATIVE" if resource.get("status") == "tentative" else "CONFIRMED"
    event.add("status", status)
    # The account may have other addresses than the hub knows of.
    free = resource.get("transparency") == "transparent" or declined(resource)
    event.add("transp", "TRANSPARENT" if free else "OPAQUE")
    if access := _CLASSES.get(str(resource.get("visibility"))):
        event.add("class", access)
    _people(event, resource)
    calendar = Calendar()
    calendar.add("prodid", "-//hub//google_calendar//EN")
    calendar.add("version", "2.0")
    calendar.add_component(event)
    return _with_rules(bytes(calendar.to_ical()), resource)


def moment(told: object, key: str) -> date | datetime:
    """A time of the API: a day, or a moment in the zone that it names. Raises `Odd`."""
    if not isinstance(told, dict):
        raise Odd(f"it has no {key}")
    try:
        if day := told.get("date"):
            return date.fromisoformat(str(day))
        at = datetime.fromisoformat(str(told.get("dateTime")))
    except ValueError:
        raise Odd(f"its {key} is no time") from None
    zone = _zone(str(told.get("timeZone") or "UTC"))
    try:
        if at.tzinfo is None:
            return at.replace(tzinfo=zone)
        local = at.astimezone(zone)
        # The hour that comes twice has one name; the second time it is written in UTC (RFC 5545, 3.3.5).
        return at.astimezone(UTC) if local.fold else local
    except OverflowError:
        raise Odd(f"its {key} is outside of the years 1 to 9999") from None


def body(appointment: hub.Appointment) -> dict[str, Any]:
    """What the API is told of *appointment*, without its UID."""
    told: dict[str, Any] = {
        "status": "cancelled" if appointment.cancelled else "tentative" if appointment.tentative else "confirmed",
        "sequence": appointment.sequence,
        "summary": appointment.title,
        "description": appointment.text,
        "location": appointment.place,
        "start": _told(appointment.starts_at, appointment.zone),
        "end": _told(appointment.ends_at, appointment.zone),
        "transparency": "opaque",
        "attendees": [
            {
                "email": each.address.removeprefix("mailto:"),
                "responseStatus": _SAID.get(each.status, "needsAction"),
                **({"displayName": each.name} if each.name else {}),
                **({"optional": True} if each.role == "OPT-PARTICIPANT" else {}),
            }
            for each in appointment.attendees
            if each.address.startswith("mailto:")
        ],
    }
    if appointment.url:
        told["source"] = {"url": appointment.url, "title": appointment.title}
    return told


def is_of(resource: Resource, appointment: hub.Appointment) -> bool:
    """Whether *resource* is *appointment* in this state."""
    try:
        times = [moment(resource.get(key), key) for key in ("start", "end")]
    except Odd:
        return False
    return (
        resource.get("iCalUID") == appointment.uid
        and times == [appointment.starts_at, appointment.ends_at]
        and str(resource.get("summary") or "") == appointment.title
        and (resource.get("status") == "cancelled") is appointment.cancelled
        and int(resource.get("sequence") or 0) >= appointment.sequence
    )


def _told(moment: datetime, zone: str) -> dict[str, str]:
    return {"dateTime": moment.astimezone(ZoneInfo(zone)).isoformat(), "timeZone": zone}


def _stamp(resource: Resource) -> datetime:
    try:
        at = datetime.fromisoformat(str(resource.get("updated")))
        return at.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return datetime(1970, 1, 1, tzinfo=UTC)


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name in ("UTC", "Etc/UTC") else ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return UTC


def _people(event: Event, resource: Resource) -> None:
    organizer = resource.get("organizer")
    attendees = _attendees(resource)
    # An event with nobody else has an organizer at Google, too; that makes no meeting of it.
    if attendees and isinstance(organizer, dict) and organizer.get("email"):
        event.add("organizer", _person(organizer))
    for each in attendees:
        person = _person(each)
        person.params["PARTSTAT"] = vText(_ANSWERS.get(str(each.get("responseStatus")), "NEEDS-ACTION"))
        person.params["ROLE"] = vText("OPT-PARTICIPANT" if each.get("optional") else "REQ-PARTICIPANT")
        if each.get("resource"):
            person.params["CUTYPE"] = vText("RESOURCE")
        event.add("attendee", person)


def _attendees(resource: Resource) -> list[dict[str, Any]]:
    found = resource.get("attendees")
    return [each for each in found if isinstance(each, dict) and each.get("email")] if isinstance(found, list) else []


def _person(told: Mapping[str, Any]) -> vCalAddress:
    person = vCalAddress(f"mailto:{_line(told['email'])}")
    if told.get("displayName"):
        person.params["CN"] = vText(_line(told["displayName"]).replace('"', "'"))
    return person


def _clean(value: object) -> str:
    """Text without control characters, which would end a line."""
    return "".join(each for each in str(value) if each >= " " or each in "\n\t")


def _line(value: object) -> str:
    """*value* on one line, as addresses and names have to be."""
    return " ".join("".join(each if each.isprintable() else " " for each in str(value)).split())


def _with_rules(written: bytes, resource: Resource) -> bytes:
    """With the lines of `recurrence` as they stand there."""
    told = resource.get("recurrence")
    lines = [str(each) for each in told if _RECURRENCE.fullmatch(str(each))] if isinstance(told, list) else []
    rules = b"".join(Contentline(line).to_ical() + b"\r\n" for line in lines)
    return written.replace(b"END:VEVENT\r\n", rules + b"END:VEVENT\r\n")
