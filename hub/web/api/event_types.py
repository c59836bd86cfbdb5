"""Event types, for programs: what can be booked, when, and why a time is offered or not."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from hub.booking.catalogue import Changed, InTheFile, Listed, SlugTaken, Wrong
from hub.booking.types import EventType
from hub.config import Config
from hub.crm.records import Unknown
from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.bookings import writer
from hub.web.api.endpoint import Endpoints, Moment, Shape, answer, missing
from hub.web.i18n import zones
from hub.web.keys import SERVICE
from hub.web.pages import calendar_words
from hub.web.pages.frame import reader
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

LONGEST_ASKED = timedelta(days=62)
Slug = Annotated[str, StringConstraints(max_length=64)]


class EventTypeOut(BaseModel):
    """An event type. `version` is sent with a change, 0 for those of the config file (`in_file`), which no program
    changes. `around_the_clock` are the hosts without working hours: they can be booked at any hour."""

    slug: str
    url: str
    version: int
    in_file: bool
    archived: bool
    around_the_clock: list[str]
    event_type: EventType


class EventTypeList(BaseModel):
    """By title."""

    items: list[EventTypeOut]


class EventTypesQuery(Shape):
    """Those of one team; `archived` ones too."""

    team: Slug = ""
    archived: bool = False


class EventTypeIn(Shape):
    """A new event type: what `[event_types.<slug>]` of the config file may say."""

    slug: Slug
    event_type: dict[str, Any]


class EventTypeChange(Shape):
    """The whole event type, and the `version` that it was read at."""

    version: int = Field(ge=1)
    event_type: dict[str, Any]


class VersionQuery(Shape):
    """The version that it was read at."""

    version: int = Field(ge=1)


class SlotsQuery(Shape):
    """From when until when (62 days at most), how long (minutes), with which host. `zone` says in which zone the answer
    is written, UTC without it."""

    since: Moment | None = Field(None, alias="from")
    until: Moment | None = None
    duration: int = Field(0, ge=0, le=720)
    zone: Slug = ""
    host: Slug = ""


class SlotOut(BaseModel):
    """A time that is offered."""

    starts_at: datetime
    ends_at: datetime
    seats_left: int


class SlotsOut(BaseModel):
    """The times in order. `stale` are the hosts who are left out because a calendar of theirs is too old; `next` is the
    first time after those asked for, where there is none among them."""

    slots: list[SlotOut]
    stale: list[str]
    next: SlotOut | None = None


class ExplainQuery(Shape):
    """Which beginning, and how long it would take (minutes)."""

    at: Moment
    duration: int = Field(0, ge=0, le=720)


class ReasonOut(BaseModel):
    """What one rule says. `kind` is a stable word, `text` a sentence in the reader's language; `source` is the calendar
    behind it and `as_of` how fresh that is."""

    kind: str
    opens: bool
    text: str
    source: str | None = None
    as_of: datetime | None = None


class HostOut(BaseModel):
    """What the rules say of one host."""

    agent: str
    open: bool
    reasons: list[ReasonOut]


class ExplainOut(BaseModel):
    """Whether it is offered, and why."""

    open: bool
    hosts: list[HostOut]


@endpoints.add("GET", "/api/v1/event-types", returns=EventTypeList)
async def list_event_types(request: web.Request, visitor: Visitor, query: EventTypesQuery) -> web.Response:
    """What can be booked."""
    service = request.app[SERVICE]
    found = await service.event_types.listed(query.team, archived=query.archived)
    return answer(EventTypeList(items=[_shown(service.config, each) for each in found]))


@endpoints.add("POST", "/api/v1/event-types", returns=EventTypeOut, scope=Scope.WRITE, status=201)
async def add_event_type(request: web.Request, visitor: Visitor, body: EventTypeIn) -> web.Response:
    """Make one. 409 `slug-taken` where there is, or was, one of this slug."""
    service = request.app[SERVICE]
    with _problems():
        made = await service.event_types.save(writer(visitor), body.slug, body.event_type)
    return answer(_shown(service.config, made), 201)


@endpoints.add("GET", "/api/v1/event-types/{slug}", returns=EventTypeOut)
async def read_event_type(request: web.Request, visitor: Visitor) -> web.Response:
    """One event type."""
    return answer(_shown(request.app[SERVICE].config, await listed(request)))


@endpoints.add("PUT", "/api/v1/event-types/{slug}", returns=EventTypeOut, scope=Scope.WRITE)
async def change_event_type(request: web.Request, visitor: Visitor, body: EventTypeChange) -> web.Response:
    """Change one. 409 `changed` where somebody else did meanwhile, `in-the-file` for those of the config file."""
    service, slug = request.app[SERVICE], request.match_info["slug"]
    with _problems():
        made = await service.event_types.save(writer(visitor), slug, body.event_type, body.version)
    return answer(_shown(service.config, made))


@endpoints.add("DELETE", "/api/v1/event-types/{slug}", returns=None, scope=Scope.WRITE, status=204)
async def archive_event_type(request: web.Request, visitor: Visitor, query: VersionQuery) -> web.Response:
    """It can be booked no more; what is booked stays."""
    with _problems():
        await request.app[SERVICE].event_types.archive(writer(visitor), request.match_info["slug"], query.version)
    return web.Response(status=204)


@endpoints.add("GET", "/api/v1/event-types/{slug}/slots", returns=SlotsOut)
async def list_slots(request: web.Request, visitor: Visitor, query: SlotsQuery) -> web.Response:
    """The times that are offered: from now on, and for a week, where nothing else is said."""
    found = await listed(request)
    since = query.since or datetime.now(UTC)
    until = min(query.until or since + timedelta(days=7), since + LONGEST_ASKED)
    if query.zone and query.zone not in zones():
        errors = [FieldError("zone", "There is no such time zone.")]
        raise Problem(422, "unknown-zone", "Some fields cannot be taken as they are.", errors=errors)
    zone = ZoneInfo(query.zone or "UTC")
    with _problems():
        offer = await request.app[SERVICE].slots.offered(
            found.slug, query.duration or found.event_type.durations[0], since, until, host=query.host
        )
    slots = [
        SlotOut(
            starts_at=each.starts_at.astimezone(zone), ends_at=each.ends_at.astimezone(zone), seats_left=each.seats_left
        )
        for each in (*offer.slots, *((offer.next,) if offer.next else ()))
    ]
    last = slots.pop() if offer.next else None
    return answer(SlotsOut(slots=slots, stale=list(offer.stale), next=last))


@endpoints.add("GET", "/api/v1/event-types/{slug}/explain", returns=ExplainOut)
async def explain(request: web.Request, visitor: Visitor, query: ExplainQuery) -> web.Response:
    """Why a time is offered or not, for each host."""
    found, speaks, service = await listed(request), reader(request), request.app[SERVICE]
    with _problems():
        told = await service.slots.explain(
            found.slug, query.at, query.duration or found.event_type.durations[0], reader=visitor.actor.agent
        )
    hosts = [
        HostOut(
            agent=host.agent,
            open=host.open,
            reasons=[
                ReasonOut(
                    kind=each.kind,
                    opens=each.opens,
                    text=calendar_words.reason(speaks, each, service.config.agents),
                    source=each.source or None,
                    as_of=each.current_at,
                )
                for each in host.reasons
            ],
        )
        for host in told.hosts
    ]
    return answer(ExplainOut(open=told.open, hosts=hosts))


async def listed(request: web.Request) -> Listed:
    """The event type in the address, an archived one too. Raises the 404."""
    slug = request.match_info["slug"]
    every = await request.app[SERVICE].event_types.listed(archived=True)
    found = next((each for each in every if each.slug == slug), None)
    if found is None:
        raise missing("There is no such event type.")
    return found


def around_the_clock(config: Config, event_type: EventType) -> list[str]:
    """The hosts whose working hours nobody wrote down."""
    if event_type.hours:
        return []
    return [host for host in event_type.hosts if host in config.agents and not config.agents[host].hours]


@contextmanager
def _problems() -> Generator[None]:
    try:
        yield
    except Wrong as error:
        errors = [FieldError(f"event_type.{each.path}".rstrip("."), each.text) for each in error.problems]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors) from error
    except SlugTaken as error:
        raise Problem(409, "slug-taken", "There is, or was, an event type at this address.") from error
    except InTheFile as error:
        raise Problem(409, "in-the-file", "It stands in the config file: change it there.") from error
    except Changed as error:
        text = "Somebody else changed it meanwhile. Nothing of yours was saved."
        raise Problem(409, "changed", text, version=error.current.version) from error
    except Unknown as error:
        raise missing("There is no such event type.") from error
    except ValueError as error:
        raise Problem(422, "invalid", str(error)) from error


def _shown(config: Config, each: Listed) -> EventTypeOut:
    return EventTypeOut(
        slug=each.slug,
        url=f"{config.public_url}/book/{each.slug}",
        version=each.version,
        in_file=each.in_file,
        archived=each.archived,
        around_the_clock=around_the_clock(config, each.event_type),
        event_type=each.event_type,
    )
