"""From an event in a calendar (`hub.formats.ics`) to the event that the hub records."""

from __future__ import annotations

from datetime import UTC, datetime

from hub.formats import handles
from hub.formats.digest import stable_id
from hub.formats.ics import Attendee, IcsEvent
from hub.timeline import redacted
from hub.vocabulary import Answer, Attendance, Channel, Copy, Event, Meeting, Participant, Role

SAID_BY_ORGANIZERS = frozenset(("", "PUBLISH", "REQUEST", "ADD", "CANCEL"))
"""Methods (RFC 5546) that say what a meeting is."""
SAID_BY_INVITED = frozenset(("REPLY", "COUNTER"))
"""Methods by which the invited answer: they say nothing of the meeting itself."""
NEEDS_AUTHENTICATION = frozenset(("CANCEL", "DECLINECOUNTER", *SAID_BY_INVITED))
"""Methods that change what others said: in a mail they count only where it is sure who wrote it."""
_ATTENDANCES = {each.value.upper(): each for each in Attendance}


def speakers(said: IcsEvent) -> frozenset[str]:
    """The handles in whose name *said* speaks: of whoever sent the mail that it came in, one must be hers."""
    people = said.attendees[:1] if said.method in SAID_BY_INVITED else (said.organizer,)
    return frozenset(found for each in people if each and (found := handles.mail(each.address)))


def event_of(said: IcsEvent, copy: Copy, region: str) -> Event | None:
    """What *said* says of its meeting, as far as the *copy*'s level allows; None where it only asks (REFRESH).

    The key is `ical:` with the UID, and for one instance of a series its RECURRENCE-ID in UTC; all instances are one
    conversation. *region* is where numbers without a country code are read.
    """
    if said.method in SAID_BY_ORGANIZERS:
        facts = _asked(said, region)
    elif said.method in SAID_BY_INVITED:
        facts = _answered(said)
    elif said.method == "DECLINECOUNTER":
        facts = _refused(said)
    else:
        return None
    uid = said.uid or f"content:{stable_id(said.summary, said.start, said.end, said.location)}"
    instance = said.recurrence_id or (said.start if said.method == "ADD" else None)
    return Event(
        key=f"ical:{uid}/{instance:%Y%m%dT%H%M%SZ}" if instance else f"ical:{uid}",
        id=stable_id(copy.place, copy.provider_id, said.method, said.sequence, said.dtstamp, facts),
        channel=Channel.CALENDAR,
        at=said.dtstamp or said.start or datetime.now(UTC),
        facts=redacted(facts, copy.level.rank),
        order=said.sequence,
        conversation=f"ical:{uid}",
        copy=copy,
    )


def _asked(said: IcsEvent, region: str) -> Meeting:
    """The organizer's word: what it is, and what she has heard from the invited."""
    people = [*((said.organizer,) if said.organizer else ()), *said.attendees]
    roles = [*((Role.ORGANIZER,) if said.organizer else ()), *(Role.ATTENDEE for _ in said.attendees)]
    return Meeting(
        participants=tuple(_participant(*each, region) for each in zip(people, roles, strict=True)) or None,
        title=said.summary or None,
        text=said.description or None,
        place=said.location or None,
        starts_at=said.start,
        ends_at=said.end,
        all_day=said.all_day if said.start else None,
        cancelled=said.method == "CANCEL" or said.status == "CANCELLED",
        tentative=said.status == "TENTATIVE" or None,
        sequence=said.sequence,
        rule=said.rule or None,
        series_start=said.recurrence_id,
        answers=_heard(said),
    )


def _heard(said: IcsEvent) -> tuple[Answer, ...]:
    """What the invited have answered already, by the organizer's calendar. A mail to them all repeats their answers to
    what it replaces, which count no more (RFC 5546, 3.2.2.1)."""
    if said.method or said.dtstamp is None:
        return ()
    return tuple(
        Answer(handle=handle, attendance=_ATTENDANCES[each.status], at=said.dtstamp, sequence=said.sequence)
        for each in said.attendees
        if each.status in _ATTENDANCES and each.status != "NEEDS-ACTION" and (handle := handles.mail(each.address))
    )


def _answered(said: IcsEvent) -> Meeting:
    """An answer (REPLY), perhaps with another time (COUNTER). The first attendee is who answers; a second one is whom
    she sends in her place."""
    at = said.dtstamp or datetime.now(UTC)
    counter = said.method == "COUNTER"
    first = [handle for each in said.attendees[:1] if (handle := handles.mail(each.address))]
    answers = []
    for number, each in enumerate(said.attendees[: 1 if counter else 2]):
        handle = handles.mail(each.address)
        if handle is None:
            continue
        deputy = handles.mail(said.attendees[1].address) if not number and each.status == "DELEGATED" else None
        answers.append(
            Answer(
                handle=handle,
                attendance=_ATTENDANCES.get(each.status, Attendance.NEEDS_ACTION),
                at=at,
                sequence=said.sequence,
                delegated_to=deputy or "",
                proposed_start=said.start if counter else None,
                proposed_end=said.end if counter else None,
            )
        )
    return Meeting(
        title=said.summary or None,
        starts_at=said.recurrence_id,
        series_start=said.recurrence_id,
        answers=tuple(answers if first else ()),
    )


def _refused(said: IcsEvent) -> Meeting:
    """The organizer will not have the other time that somebody asked for (DECLINECOUNTER)."""
    at = said.dtstamp or datetime.now(UTC)
    return Meeting(
        starts_at=said.recurrence_id,
        series_start=said.recurrence_id,
        answers=tuple(
            Answer(handle=handle, attendance=Attendance.NEEDS_ACTION, at=at, sequence=said.sequence, refused=True)
            for each in said.attendees
            if (handle := handles.mail(each.address))
        ),
    )


def _participant(person: Attendee, role: Role, region: str) -> Participant:
    scheme = person.address.partition(":")[0].lower()
    found = handles.phone(person.address, region) if scheme in ("tel", "sip", "sips") else handles.mail(person.address)
    return Participant(found or "", role, person.name or ("" if found else person.address))
