"""Google Calendar (API v3): read as it changes; bookings are written into the calendar that the settings name."""

from connectors.google_calendar.calendar import Calendar
from connectors.google_calendar.connector import Connector

__all__ = ["Calendar", "Connector"]
