"""Somebody's time between two moments: what is booked with her, what her calendars say, and how fresh they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.booking.bookings import Filter
from hub.booking.states import BookingView
from hub.calendars.calendars import Taken, Uncounted
from hub.calendars.freshness import CalendarState
from hub.service import Service


@dataclass(frozen=True, slots=True)
class Agenda:
    """*taken* are the events of her calendars that are not bookings of the hub; titles that are not the reader's to see
    are "". *uncounted*, for herself alone, are events that take no time because nobody can tell when."""

    agent: str
    bookings: tuple[BookingView, ...]
    taken: tuple[Taken, ...]
    calendars: tuple[CalendarState, ...]
    uncounted: tuple[Uncounted, ...]


async def agenda(service: Service, reader: str, agent: str, since: datetime, until: datetime) -> Agenda:
    """The time of *agent* in [*since*, *until*), as the agent *reader* may see it. Raises `Unavailable`."""
    booked = await service.bookings.listed(Filter(since=since, until=until, host=agent))
    taken = await service.calendars.week(agent, since, until, reader)
    ours = {view.uid for view in booked}
    return Agenda(
        agent,
        tuple(booked),
        tuple(each for each in taken if each.uid not in ours),
        await service.calendars.states(agent),
        await service.calendars.uncounted(agent) if agent == reader else (),
    )
