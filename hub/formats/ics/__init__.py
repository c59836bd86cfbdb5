"""iCalendar (RFC 5545): reading what calendars and mails hold, expanding what recurs, writing what is ours."""

from hub.formats.errors import Unreadable
from hub.formats.ics.expanding import expand
from hub.formats.ics.reading import Attendee, IcsEvent, events
from hub.formats.ics.rules import TooMany
from hub.formats.ics.splitting import split
from hub.formats.ics.values import Appointment, Occurrence
from hub.formats.ics.writing import read_busy, write, write_busy

__all__ = [
    "Appointment",
    "Attendee",
    "IcsEvent",
    "Occurrence",
    "TooMany",
    "Unreadable",
    "events",
    "expand",
    "read_busy",
    "split",
    "write",
    "write_busy",
]
