"""Calendars over CalDAV (RFC 4791): read as they change; bookings are written into the one that the settings name."""

from connectors.caldav.calendar import Calendar
from connectors.caldav.connector import Connector

__all__ = ["Calendar", "Connector"]
