"""How agents can be reached: what each says of herself, and when she is out of the office."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from hub.availability import Absence as StoredAbsence
from hub.availability import Availability, Declared, NotYours, Refused, Standing, State
from hub.crm.records import Unknown
from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Moment, Shape, answer, missing, record_id
from hub.web.keys import SERVICE
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()


# --- what goes out and comes in ---------------------------------------------------------------------------------------


class Reachable(BaseModel):
    """How an agent can be reached now."""

    agent: str
    name: str
    state: State
    why: str = Field(description="A word with its facts: said:dnd, on-a-call:<interaction>, outside-hours:<name> …")
    until: datetime | None = Field(None, description="When this ends by itself")
    note: str | None = None
    stand_in: str | None = Field(None, description="Who takes her place while she is absent or off")


class Everybody(BaseModel):
    """All agents."""

    items: list[Reachable]


class Absence(BaseModel):
    """When an agent is out of the office; `until` is exclusive."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    id: str
    agent: str
    from_at: datetime = Field(alias="from")
    until: datetime
    stand_in: str | None = None
    note: str | None = None


class Absences(BaseModel):
    """Those that run or are to come, the next first."""

    items: list[Absence]


class Said(Shape):
    """What an agent says of herself. Without `until` it holds until she says otherwise; available with `until` holds
    outside her hours, too."""

    state: Literal["available", "away", "dnd"]
    until: Moment | None = None
    note: str = Field("", max_length=200)


class NewAbsence(Shape):
    """An absence to come."""

    agent: str = Field(max_length=100)
    from_at: Moment = Field(alias="from")
    until: Moment
    stand_in: str = Field("", max_length=100)
    note: str = Field("", max_length=200)


# --- the endpoints ----------------------------------------------------------------------------------------------------


@endpoints.add("GET", "/api/v1/availability", returns=Everybody)
async def list_availability(request: web.Request, visitor: Visitor) -> web.Response:
    """How each agent can be reached now, and why."""
    standings = await _availability(request).everybody()
    return answer(Everybody(items=[_reachable(request, each) for each in standings.values()]))


@endpoints.add("PUT", "/api/v1/availability/me", returns=Reachable, scope=Scope.WRITE)
async def declare_availability(request: web.Request, visitor: Visitor, body: Said) -> web.Response:
    """Say how one can be reached. It counts on every channel."""
    if not visitor.actor.agent:
        raise Problem(403, "no-agent", "This login or token belongs to no agent.")
    said = Declared(State(body.state), body.until, body.note.strip())
    try:
        standing = await _availability(request).declare(visitor.actor, said)
    except Refused as error:
        raise _refused(error) from error
    return answer(_reachable(request, standing))


@endpoints.add("GET", "/api/v1/absences", returns=Absences)
async def list_absences(request: web.Request, visitor: Visitor) -> web.Response:
    """Who is out of the office, now or later."""
    return answer(Absences(items=[_absence(each) for each in await _availability(request).absences()]))


@endpoints.add("POST", "/api/v1/absences", returns=Absence, scope=Scope.WRITE, status=201)
async def create_absence(request: web.Request, visitor: Visitor, body: NewAbsence) -> web.Response:
    """Enter an absence: one's own, or as a manager anybody's."""
    try:
        new = await _availability(request).add(
            visitor.actor, body.agent, body.from_at, body.until, body.stand_in, body.note.strip()
        )
    except Refused as error:
        raise _refused(error) from error
    except NotYours as error:
        raise _not_yours() from error
    return answer(_absence(new), 201)


@endpoints.add("DELETE", "/api/v1/absences/{id}", returns=None, scope=Scope.WRITE, status=204)
async def delete_absence(request: web.Request, visitor: Visitor) -> web.Response:
    """She is there after all."""
    try:
        await _availability(request).remove(visitor.actor, record_id(request))
    except Unknown as error:
        raise missing() from error
    except NotYours as error:
        raise _not_yours() from error
    return web.Response(status=204)


# --- between the models and the core ----------------------------------------------------------------------------------


def _availability(request: web.Request) -> Availability:
    return request.app[SERVICE].availability


def _reachable(request: web.Request, standing: Standing) -> Reachable:
    return Reachable(
        agent=standing.agent,
        name=request.app[SERVICE].config.agents[standing.agent].name,
        state=standing.state,
        why=standing.why,
        until=standing.until,
        note=standing.note or None,
        stand_in=standing.stand_in or None,
    )


def _absence(absence: StoredAbsence) -> Absence:
    return Absence(
        id=str(absence.id),
        agent=absence.agent,
        from_at=absence.from_at,
        until=absence.until_at,
        stand_in=absence.stand_in or None,
        note=absence.note or None,
    )


def _refused(error: Refused) -> Problem:
    errors = [FieldError(error.field, str(error))]
    return Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)


def _not_yours() -> Problem:
    return Problem(403, "not-allowed", "Only managers enter or remove the absence of somebody else.")
