"""From an event in a calendar (`hub.formats.ics`) to the event that the hub records."""

from __future__ import annotations

from datetime import UTC, datetime

from hub.formats import handles
from hub.formats.digest import stable_id
from hub.formats.ics import Attendee, IcsEvent
from hub.timeline import redacted
from hub.vocabulary import Channel, Copy, Event, Meeting, Participant, Role

SAID_BY_ORGANIZERS = frozenset(("", "PUBLISH", "REQUEST", "ADD", "CANCEL"))
"""Methods (RFC 5546) that say what a meeting is. By the others people negotiate about it: they hold a part of it."""


def event_of(said: IcsEvent, copy: Copy, region: str) -> Event | None:
    """What *said* says of its meeting, as far as the *copy*'s level allows; None where it only negotiates.

    The key is `ical:` with the UID, and for one instance of a series its RECURRENCE-ID in UTC; all instances are one
    conversation. *region* is where numbers without a country code are read.
    """
    if said.method not in SAID_BY_ORGANIZERS:
        return None
    people = [*((said.organizer,) if said.organizer else ()), *said.attendees]
    roles = [*((Role.ORGANIZER,) if said.organizer else ()), *(Role.ATTENDEE for _ in said.attendees)]
    facts = Meeting(
        participants=tuple(_participant(*each, region) for each in zip(people, roles, strict=True)) or None,
        title=said.summary or None,
        text=said.description or None,
        place=said.location or None,
        starts_at=said.start,
        ends_at=said.end,
        all_day=said.all_day if said.start else None,
        cancelled=said.method == "CANCEL" or said.status == "CANCELLED",
        sequence=said.sequence,
    )
    uid = said.uid or f"content:{stable_id(said.summary, said.start, said.end, said.location)}"
    instance = f"/{said.recurrence_id:%Y%m%dT%H%M%SZ}" if said.recurrence_id else ""
    return Event(
        key=f"ical:{uid}{instance}",
        id=stable_id(said.method, said.sequence, said.dtstamp, facts),
        channel=Channel.CALENDAR,
        at=said.dtstamp or said.start or datetime.now(UTC),
        facts=redacted(facts, copy.level.rank),
        order=said.sequence,
        conversation=f"ical:{uid}",
        copy=copy,
    )


def _participant(person: Attendee, role: Role, region: str) -> Participant:
    scheme = person.address.partition(":")[0].lower()
    found = handles.phone(person.address, region) if scheme in ("tel", "sip", "sips") else handles.mail(person.address)
    return Participant(found or "", role, person.name or ("" if found else person.address))
