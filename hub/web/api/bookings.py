"""Bookings, for programs: what is booked, booking for somebody, and all that becomes of it; one-time links."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from hub.booking.bookings import Bookings, Filter
from hub.booking.links import DAYS
from hub.booking.states import BOOKED, BookingView, Code, Gone, Invitee, Refused, State
from hub.crm.records import Unknown
from hub.privacy.visibility import Actor, Authority, Scope
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Id, Moment, Shape, answer, commas, missing, record_id
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import calendar_words
from hub.web.pages.frame import reader
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

Name = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(max_length=1000, strip_whitespace=True)]

_STATUS = {
    Code.UNKNOWN_BOOKING: 404,
    Code.NOT_YOURS: 403,
    Code.UNREACHABLE: 503,
    Code.OVER: 409,
    Code.NOT_ASKED: 409,
    Code.CHANGED: 409,
    Code.TOO_EARLY: 409,
    Code.PAST: 409,
    Code.LINK: 409,
}


class WrittenOut(BaseModel):
    """What became of it in one host's calendar: `state` is `due`, `doing`, `done` or `failed`, `reason` why."""

    agent: str
    source: str
    state: str
    reason: str


class BookingOut(BaseModel):
    """A booking. `hosts` take part, `why` says in the reader's language how they were chosen. `zone` is the invitee's;
    `attendance` what she answered in her own calendar. `conflict`: something else came into a host's calendar."""

    id: str
    event_type: str
    title: str
    state: State
    starts_at: datetime
    ends_at: datetime
    zone: str
    place: str
    hosts: list[str]
    organizer: str
    why: list[str]
    name: str
    mail: str
    phone: str
    answers: dict[str, Any]
    guests: list[str]
    contact: str | None = None
    interaction: str | None = None
    seats_taken: int
    conflict: bool
    no_show: bool
    attendance: str
    reason: str
    calendars: list[WrittenOut]
    created_at: datetime
    changed_at: datetime


class BookingList(BaseModel):
    """In order of time."""

    items: list[BookingOut]


class BookingsQuery(Shape):
    """Which: those that take place in [from, until), with that host, in one of the states (by commas), of a contact."""

    since: Moment | None = Field(None, alias="from")
    until: Moment | None = None
    host: Name = ""
    state: Annotated[tuple[State, ...], BeforeValidator(commas)] = BOOKED
    contact: Id | None = None
    event_type: Name = ""
    limit: int = Field(200, ge=1, le=500)


class BookingIn(Shape):
    """A booking for somebody, at a time that is offered. With a `contact` her name and mail are taken from there where
    they are left out. `duration` is minutes, the event type's first where it is 0; `zone` is hers."""

    event_type: Name
    starts_at: Moment
    duration: int = Field(0, ge=0, le=720)
    zone: Name = ""
    language: Name = ""
    host: Name = ""
    contact: Id | None = None
    name: Name = ""
    mail: Name = ""
    phone: Name = ""
    place: Name = ""
    answers: dict[str, Any] = Field(default_factory=dict)
    guests: tuple[Name, ...] = Field((), max_length=20)


class MoveIn(Shape):
    """When it takes place from now on."""

    starts_at: Moment


class ReasonIn(Shape):
    """What the invitee is told, or nothing."""

    reason: Text = ""


class HostIn(Shape):
    """Who takes it."""

    host: Name


class ShowIn(Shape):
    """`came` takes it back."""

    came: bool = False


class Nothing(Shape):
    """No more is to be said."""


class LinkIn(Shape):
    """A link with which one person books once. With a `contact` the booking is known to be hers."""

    event_type: Name
    contact: Id | None = None
    days: int = Field(DAYS, ge=1, le=365)


class LinkOut(BaseModel):
    """Shown once: nobody can find it again."""

    url: str


@endpoints.add("GET", "/api/v1/bookings", returns=BookingList)
async def list_bookings(request: web.Request, visitor: Visitor, query: BookingsQuery) -> web.Response:
    """What is booked; without a state: asked for and confirmed."""
    which = Filter(
        since=query.since,
        until=query.until,
        host=query.host,
        states=query.state,
        contact_id=int(query.contact) if query.contact else None,
        event_type=query.event_type,
        limit=query.limit,
    )
    found = await _bookings(request).listed(which)
    return answer(BookingList(items=[shown(request, each) for each in found]))


@endpoints.add("POST", "/api/v1/bookings", returns=BookingOut, scope=Scope.WRITE, status=201)
async def add_booking(request: web.Request, visitor: Visitor, body: BookingIn) -> web.Response:
    """Book for somebody. 409 `gone` names the nearest times that are free."""
    actor, service = writer(visitor), request.app[SERVICE]
    event_type = await service.event_types.get(body.event_type)
    if event_type is None:
        raise missing("There is no such event type.")
    name, mail, link = body.name, body.mail, ""
    with problems(reader(request)):
        if body.contact:
            contact = (await service.directory.get(actor, int(body.contact))).contact
            mails = [each.handle for each in contact.identities if each.handle.startswith("mailto:")]
            name = name or contact.name
            mail = mail or (mails[0].removeprefix("mailto:") if mails else "")
            url = await service.links.make(body.event_type, contact.id, 1, actor)
            link = url.rpartition("/")[2]
        if not name or not mail:
            errors = [FieldError("mail", "Say who comes: a name and a mail address.")]
            raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
        held = await service.bookings.hold(
            body.event_type,
            body.starts_at,
            body.duration or event_type.durations[0],
            zone=body.zone or reader(request).timezone,
            language=body.language,
            host=body.host,
            link=link,
            actor=actor,
        )
        invitee = Invitee(
            name=name, mail=mail, phone=body.phone, place=body.place, answers=body.answers, guests=body.guests
        )
        try:
            booked = await service.bookings.confirm(held.secret, invitee)
        except Refused:
            await service.bookings.cancel(held.secret)
            raise
    return answer(shown(request, booked.booking), 201)


@endpoints.add("GET", "/api/v1/bookings/{id}", returns=BookingOut)
async def read_booking(request: web.Request, visitor: Visitor) -> web.Response:
    """One booking."""
    return await _done(request, _bookings(request).get(record_id(request)))


@endpoints.add("POST", "/api/v1/bookings/{id}/move", returns=BookingOut, scope=Scope.WRITE)
async def move(request: web.Request, visitor: Visitor, body: MoveIn) -> web.Response:
    """To another time at which its hosts are free. The invitee is told."""
    return await _done(request, _bookings(request).move(record_id(request), body.starts_at, actor=writer(visitor)))


@endpoints.add("POST", "/api/v1/bookings/{id}/cancel", returns=BookingOut, scope=Scope.WRITE)
async def cancel(request: web.Request, visitor: Visitor, body: ReasonIn) -> web.Response:
    """Cancel it. The invitee is told, with the reason."""
    return await _done(request, _bookings(request).cancel(record_id(request), body.reason, actor=writer(visitor)))


@endpoints.add("POST", "/api/v1/bookings/{id}/agree", returns=BookingOut, scope=Scope.WRITE)
async def agree(request: web.Request, visitor: Visitor, body: Nothing) -> web.Response:
    """Agree to what was asked for."""
    return await _done(request, _bookings(request).agree(record_id(request), actor=writer(visitor)))


@endpoints.add("POST", "/api/v1/bookings/{id}/decline", returns=BookingOut, scope=Scope.WRITE)
async def decline(request: web.Request, visitor: Visitor, body: ReasonIn) -> web.Response:
    """Do not agree to what was asked for. The invitee is told, with the reason."""
    return await _done(request, _bookings(request).decline(record_id(request), body.reason, actor=writer(visitor)))


@endpoints.add("POST", "/api/v1/bookings/{id}/no-show", returns=BookingOut, scope=Scope.WRITE)
async def no_show(request: web.Request, visitor: Visitor, body: ShowIn) -> web.Response:
    """She did not come."""
    return await _done(request, _bookings(request).no_show(record_id(request), actor=writer(visitor), came=body.came))


@endpoints.add("POST", "/api/v1/bookings/{id}/reassign", returns=BookingOut, scope=Scope.WRITE)
async def reassign(request: web.Request, visitor: Visitor, body: HostIn) -> web.Response:
    """Another colleague takes it. 409 `gone` where she has no time."""
    return await _done(request, _bookings(request).reassign(record_id(request), body.host, actor=writer(visitor)))


@endpoints.add("POST", "/api/v1/bookings/{id}/propose", returns=BookingOut, scope=Scope.WRITE)
async def propose(request: web.Request, visitor: Visitor, body: Nothing) -> web.Response:
    """Ask the invitee to choose another time."""
    return await _done(request, _bookings(request).propose(record_id(request), actor=writer(visitor)))


@endpoints.add("POST", "/api/v1/booking-links", returns=LinkOut, scope=Scope.WRITE, status=201)
async def add_link(request: web.Request, visitor: Visitor, body: LinkIn) -> web.Response:
    """Make a one-time link."""
    contact = int(body.contact) if body.contact else None
    with problems(reader(request)):
        url = await request.app[SERVICE].links.make(body.event_type, contact, body.days, writer(visitor))
    return answer(LinkOut(url=url), 201)


def writer(visitor: Visitor) -> Actor:
    """Who books. Raises a 403 for marketers: they read."""
    if visitor.actor.authority is Authority.MARKETER:
        raise Problem(403, "forbidden", "Your role may read this, and not change it.")
    return visitor.actor


@contextmanager
def problems(speaks: Reader) -> Generator[None]:
    """What booking refuses, as problems."""
    try:
        yield
    except Gone as error:
        near = [
            {"starts_at": each.starts_at.isoformat(), "ends_at": each.ends_at.isoformat()}
            for each in error.alternatives
        ]
        raise Problem(409, "gone", str(error), alternatives=near) from error
    except Refused as error:
        wrong = error.fields if error.code is Code.BAD_ANSWERS else {}
        errors = [FieldError(name, calendar_words.wrong(speaks, code)) for name, code in wrong.items()]
        raise Problem(_STATUS.get(error.code, 422), error.code.value, error.text, errors=errors) from error
    except Unknown as error:
        raise missing() from error


def shown(request: web.Request, view: BookingView) -> BookingOut:
    """A booking as it goes out."""
    agents, speaks = request.app[SERVICE].config.agents, reader(request)
    why = [calendar_words.chosen(speaks, each, agents) for each in view.why]
    answers: Mapping[str, Any] = view.answers
    return BookingOut(
        id=str(view.id),
        event_type=view.event_type,
        title=view.title,
        state=view.state,
        starts_at=view.starts_at,
        ends_at=view.ends_at,
        zone=view.zone,
        place=view.place,
        hosts=list(view.hosts),
        organizer=view.organizer,
        why=[each for each in why if each],
        name=view.name,
        mail=view.mail,
        phone=view.phone,
        answers={name: value for name, value in answers.items() if not name.startswith("_")},
        guests=list(view.guests),
        contact=str(view.contact_id) if view.contact_id else None,
        interaction=str(view.interaction_id) if view.interaction_id else None,
        seats_taken=view.seats_taken,
        conflict=view.conflict or view.overlaps,
        no_show=view.no_show,
        attendance=view.attendance,
        reason=view.reason,
        calendars=[
            WrittenOut(agent=each.agent, source=each.source, state=each.state, reason=each.reason)
            for each in view.calendars
        ],
        created_at=view.created_at,
        changed_at=view.changed_at,
    )


def _bookings(request: web.Request) -> Bookings:
    return request.app[SERVICE].bookings


async def _done(request: web.Request, work: Awaitable[BookingView]) -> web.Response:
    with problems(reader(request)):
        view = await work
    return answer(shown(request, view))
