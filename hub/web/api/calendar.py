"""Somebody's week, and the secret addresses at which calendars are published, for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from hub.booking.feeds import NotYours, TooMany
from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.bookings import BookingOut, shown, writer
from hub.web.api.endpoint import Endpoints, Moment, Shape, answer, missing
from hub.web.keys import SERVICE
from hub.web.pages.calendar_week import agenda
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

LONGEST_ASKED = timedelta(days=62)
Ident = Annotated[str, StringConstraints(max_length=100)]


class CalendarQuery(Shape):
    """Whose time (one's own without it), from when until when (62 days at most; the coming week without it)."""

    agent: Ident = ""
    since: Moment | None = Field(None, alias="from")
    until: Moment | None = None


class TakenOut(BaseModel):
    """An event of a calendar. A private one has no title for others."""

    starts_at: datetime
    ends_at: datetime
    title: str
    private: bool
    source: str


class CalendarOut(BaseModel):
    """How a calendar does. A stale one is not relied on: no time is offered meanwhile; `why` says it in English."""

    source: str
    stale: bool
    why: str
    as_of: datetime | None = None


class WeekOut(BaseModel):
    """What is booked with somebody, and what her calendars say beside that."""

    agent: str
    bookings: list[BookingOut]
    taken: list[TakenOut]
    calendars: list[CalendarOut]


class FeedsQuery(Shape):
    """Whose, one's own without it."""

    agent: Ident = ""


class FeedIn(Shape):
    """`bookings` publishes what is booked with her, `busy` only when she is busy."""

    kind: Literal["bookings", "busy"]
    agent: Ident = ""


class FeedMade(BaseModel):
    """The address, shown once: nobody can find it again."""

    url: str


class FeedOut(BaseModel):
    """A published calendar. `id` names it, and opens nothing. `read_at`: when somebody last read it, to the hour."""

    id: str
    agent: str
    kind: str
    created_at: datetime
    read_at: datetime | None = None


class FeedList(BaseModel):
    """The newest first."""

    items: list[FeedOut]


@endpoints.add("GET", "/api/v1/calendar", returns=WeekOut)
async def read_calendar(request: web.Request, visitor: Visitor, query: CalendarQuery) -> web.Response:
    """Bookings, and what calendars say."""
    since = query.since or datetime.now(UTC)
    until = min(query.until or since + timedelta(days=7), since + LONGEST_ASKED)
    agent = _whose(request, visitor, query.agent)
    found = await agenda(request.app[SERVICE], visitor.actor.agent, agent, since, until)
    return answer(
        WeekOut(
            agent=agent,
            bookings=[shown(request, each) for each in found.bookings],
            taken=[
                TakenOut(
                    starts_at=each.starts_at,
                    ends_at=each.ends_at,
                    title=each.title,
                    private=each.private,
                    source=each.source,
                )
                for each in found.taken
            ],
            calendars=[
                CalendarOut(source=each.source, stale=each.stale, why=each.why, as_of=each.current_at)
                for each in found.calendars
            ],
        )
    )


@endpoints.add("GET", "/api/v1/calendar-feeds", returns=FeedList)
async def list_feeds(request: web.Request, visitor: Visitor, query: FeedsQuery) -> web.Response:
    """The published calendars of an agent."""
    found = await request.app[SERVICE].feeds.listed(_whose(request, visitor, query.agent))
    items = [
        FeedOut(id=each.id, agent=each.agent, kind=each.kind, created_at=each.created_at, read_at=each.read_at)
        for each in found
    ]
    return answer(FeedList(items=items))


@endpoints.add("POST", "/api/v1/calendar-feeds", returns=FeedMade, scope=Scope.WRITE, status=201)
async def add_feed(request: web.Request, visitor: Visitor, body: FeedIn) -> web.Response:
    """Publish a calendar at a secret address."""
    agent = _whose(request, visitor, body.agent)
    try:
        url = await request.app[SERVICE].feeds.make(agent, body.kind, writer(visitor))
    except NotYours as error:
        raise Problem(403, "not-yours", "A calendar is published by whose it is, and who leads her.") from error
    except TooMany as error:
        raise Problem(409, "too-many", "There are so many already: revoke one first.") from error
    return answer(FeedMade(url=url), 201)


@endpoints.add("DELETE", "/api/v1/calendar-feeds/{id}", returns=None, scope=Scope.WRITE, status=204)
async def revoke_feed(request: web.Request, visitor: Visitor) -> web.Response:
    """From now on its address leads nowhere."""
    if not await request.app[SERVICE].feeds.revoke(request.match_info["id"], writer(visitor)):
        raise missing("There is no such published calendar of yours.")
    return web.Response(status=204)


def _whose(request: web.Request, visitor: Visitor, agent: str) -> str:
    found = agent or visitor.actor.agent
    if not found:
        raise Problem(422, "no-agent", "Say whose: this login or token belongs to no agent.")
    if found not in request.app[SERVICE].config.agents:
        errors = [FieldError("agent", "There is no such colleague.")]
        raise Problem(422, "unknown-agent", "Some fields cannot be taken as they are.", errors=errors)
    return found
