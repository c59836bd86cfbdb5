"""iCalendar (RFC 5545): reading what calendars and mails hold, expanding what recurs, writing what is ours."""

from hub.formats.errors import Unreadable
from hub.formats.ics.reading import Attendee, IcsEvent, events
from hub.formats.ics.values import Appointment, Occurrence

__all__ = ["Appointment", "Attendee", "IcsEvent", "Occurrence", "Unreadable", "events"]
