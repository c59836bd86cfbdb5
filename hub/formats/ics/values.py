"""What is expanded out of a calendar, and what is written into one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from hub.formats.ics.reading import Attendee


class Occurrence(NamedTuple):
    """One time at which an event takes place: *starts* and *ends* (exclusive) in seconds since 1970, UTC. *instance* is
    when it would start by its rule, the same as *starts* where nobody moved it. *busy*: it takes the owner's time (it
    is opaque, not cancelled, and she has not declined)."""

    starts: int
    ends: int
    instance: int
    busy: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """A meeting that we write, into a calendar or into a mail (RFC 5545, 3.6.1).

    *starts_at* and *ends_at* (exclusive) are UTC and are written in *zone* (IANA). *stamp* is its DTSTAMP, UTC:
    when this state of it came about. *attendees* hold the invitees and every host but the *organizer*. *cancelled*
    writes STATUS:CANCELLED, *tentative* TENTATIVE. *url* leads to the page where the invitee may change it.
    """

    uid: str
    sequence: int
    stamp: datetime
    starts_at: datetime
    ends_at: datetime
    zone: str
    title: str
    text: str = ""
    place: str = ""
    url: str = ""
    organizer: Attendee | None = None
    attendees: tuple[Attendee, ...] = ()
    cancelled: bool = False
    tentative: bool = False
