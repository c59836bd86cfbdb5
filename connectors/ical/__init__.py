"""Published calendars (RFC 5545 over HTTP): read as they change, never written."""

from connectors.ical.connector import Connector

__all__ = ["Connector"]
