"""Calendars: what lies in them, when it takes people's time, and how well it is known."""

from hub.calendars.busy import AgentBusy
from hub.calendars.freshness import CalendarState
from hub.calendars.owners import Owner, Owners

__all__ = ["AgentBusy", "CalendarState", "Owner", "Owners"]
