"""Calls that are alive, and calls on another phone that somebody writes down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub import timeline
from hub.calls import live, logging, wrapping
from hub.calls.logging import LoggedCall
from hub.crm.records import Unknown
from hub.privacy.visibility import Scope
from hub.vocabulary import CallState, Direction, Joined, Outcome
from hub.web.access import Visitor
from hub.web.api.contacts import directory_of
from hub.web.api.endpoint import Endpoints, Id, Moment, Shape, answer, missing
from hub.web.api.interactions import Interaction, shown
from hub.web.keys import SERVICE
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

EARLY = timedelta(minutes=5)
"""A clock may be so far ahead of ours."""


class Caller(BaseModel):
    """The other side, as far as it is known."""

    handle: str
    name: str


class Phone(BaseModel):
    """One phone of a call: whose, where it is an agent's."""

    agent: str | None = None
    phone: str
    state: CallState
    joined: Joined | None = None
    answered_at: datetime | None = None


class LiveCall(BaseModel):
    """A call that is not over."""

    interaction: str
    state: CallState
    direction: Direction
    line: str
    queue: str
    started_at: datetime
    answered_at: datetime | None = None
    caller: Caller
    contact: str | None = None
    legs: list[Phone]


class LiveCalls(BaseModel):
    """The oldest first."""

    items: list[LiveCall]


class CallIn(Shape):
    """A call on another phone. `at` is when it began, else now; `duration` is talking time in seconds."""

    handle: str = Field("", max_length=500, description="The other side; empty where the number was withheld")
    direction: Literal["inbound", "outbound"]
    at: Moment | None = None
    duration: int = Field(0, ge=0, le=86_400)
    outcome: Outcome
    note: str = Field("", max_length=10_000)
    contact: Id | None = Field(None, description="Who it was, where the number is several people's or nobody's")


@endpoints.add("GET", "/api/v1/calls/live", returns=LiveCalls)
async def list_live_calls(request: web.Request, visitor: Visitor) -> web.Response:
    """The calls that ring, wait or are talked on now."""
    service, now = request.app[SERVICE], datetime.now(UTC)
    found = await service.store.read(lambda conn: live.live(conn, visitor.actor, service.ours, now))
    return answer(LiveCalls(items=[_live(each) for each in found]))


@endpoints.add("POST", "/api/v1/calls/log", returns=Interaction, scope=Scope.WRITE, status=201)
async def log_call(request: web.Request, visitor: Visitor, body: CallIn) -> web.Response:
    """Write down a call on another phone. 409 where a privacy rule forbids to keep it."""
    service, directory, now = request.app[SERVICE], directory_of(request), datetime.now(UTC)
    handle = directory.handle(body.handle) if body.handle.strip() else ""
    if handle is None:
        raise _wrong("handle", "This is neither a phone number nor an address.")
    began = body.at or now - timedelta(seconds=body.duration)
    if began > now + EARLY:
        raise _wrong("at", "This is still to come.")
    if body.contact and not handle:
        raise _wrong("contact", "A call from a withheld number cannot be anybody's.")
    if body.contact:
        try:
            await directory.get(visitor.actor, int(body.contact))
        except Unknown as error:
            raise missing(f"There is no {error}.") from error
    agent = service.config.agents.get(visitor.actor.agent)
    said = LoggedCall(
        handle=handle,
        direction=Direction(body.direction),
        began_at=began,
        duration=body.duration,
        outcome=body.outcome,
    )
    event = logging.event(said, service.store.ids(), agent, now)
    await service.ingest.record(logging.SOURCE, [event])
    item = await service.store.read(lambda conn: timeline.by_key(conn, visitor.actor, event.key))
    if item is None:
        raise Problem(409, "never-recorded", "A privacy rule forbids to keep this call.")
    note, ids = body.note.strip(), service.store.ids
    if note:
        await service.store.write(lambda conn: wrapping.note(conn, visitor.actor, ids(), ids(), item.id, note, now))
    if body.contact:
        await directory.confirm(visitor.actor, item.id, int(body.contact), handle)

    def work(conn: Connection) -> Interaction | None:
        kept = timeline.one(conn, visitor.actor, item.id)
        return shown(kept, timeline.contacts_of(conn, [kept.id])[kept.id]) if kept else None

    found = await service.store.read(work)
    if found is None:
        raise missing()
    return answer(found, 201)


def _live(call: live.LiveCall) -> LiveCall:
    return LiveCall(
        interaction=str(call.interaction_id),
        state=call.state,
        direction=call.direction,
        line=call.line,
        queue=call.queue,
        started_at=call.started_at,
        answered_at=call.answered_at,
        caller=Caller(handle=call.handle, name=call.name),
        contact=str(call.contact_id) if call.contact_id is not None else None,
        legs=[
            Phone(
                agent=leg.agent or None,
                phone=leg.phone,
                state=leg.state,
                joined=leg.joined,
                answered_at=leg.answered_at,
            )
            for leg in call.legs
        ],
    )


def _wrong(field: str, why: str) -> Problem:
    return Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=[FieldError(field, why)])
