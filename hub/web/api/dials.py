"""Calls that we place, for programs: may it be, place it, hang up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, StringConstraints

from hub.contracts import Misconfigured, Rejected, Unavailable
from hub.dialing.calls import CannotHangUp, Checked, Refused, Wanted
from hub.dialing.dials import DialView, of_agent
from hub.dialing.states import State
from hub.privacy.visibility import Actor, Authority, Scope
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Id, Shape, answer, missing, record_id
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages.dial_words import because, said
from hub.web.pages.frame import reader
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

MOST = 50

Number = Annotated[str, StringConstraints(max_length=320, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)]


class RefusalOut(BaseModel):
    """What stands in the way: `rule` is a stable word, `says` a sentence in the reader's language."""

    rule: str
    says: str
    may_override: bool


class CheckOut(BaseModel):
    """Whether a call may be placed. `callee` is the number as a handle; `source`, `phone` (hers, rings first) and
    `line` (what the callee sees) are how it would be placed; `next_at` is when the clock allows it."""

    callee: str
    allowed: bool
    refusals: list[RefusalOut]
    source: str
    phone: str
    line: str
    next_at: datetime | None = None


class DialOut(BaseModel):
    """A call that we placed. `state` is `wanted`, `placed`, `perhaps` (nobody heard the phone system's answer),
    `refused` (it never places this one) or `failed`; `interaction` is the call itself, once something is recorded."""

    id: str
    state: State
    reason: str | None = None
    agent: str
    callee: str
    phone: str
    line: str
    source: str
    at: datetime
    interaction: str | None = None


class DialsOut(BaseModel):
    """Her calls, the newest first."""

    items: list[DialOut]


class DialIn(Shape):
    """A call to be placed. `callee` is a number as people write it or a handle; without one the `contact`'s number is
    called. `id` is a name that the caller makes up: what is sent twice under one is placed once. `override` says why
    it is placed though the hour or the day is quiet."""

    id: Annotated[str, StringConstraints(max_length=100)] = ""
    callee: Number = ""
    contact: Id | None = None
    line: Number = ""
    source: Name = ""
    phone: Number = ""
    override: Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)] = ""


class CheckQuery(Shape):
    """Which call."""

    callee: Number = ""
    contact: Id | None = None
    line: Number = ""
    source: Name = ""
    phone: Number = ""


@endpoints.add("GET", "/api/v1/dials", returns=DialsOut)
async def list_dials(request: web.Request, visitor: Visitor) -> web.Response:
    """The latest calls that she placed."""
    agent, speaks = caller(visitor.actor), reader(request)
    found = await request.app[SERVICE].store.read(lambda conn: of_agent(conn, agent, MOST))
    return answer(DialsOut(items=[_shown(each, speaks) for each in found]))


@endpoints.add("GET", "/api/v1/dials/check", returns=CheckOut)
async def check_dial(request: web.Request, visitor: Visitor, query: CheckQuery) -> web.Response:
    """What stands in the way of a call. Nothing is placed."""
    checked = await request.app[SERVICE].dialing.check(caller(visitor.actor), _wanted(query))
    return answer(
        CheckOut(
            callee=checked.callee,
            allowed=not checked.refusals,
            refusals=refusals(checked, reader(request)),
            source=checked.source,
            phone=checked.phone,
            line=checked.line,
            next_at=checked.next_at,
        )
    )


@endpoints.add("POST", "/api/v1/dials", returns=DialOut, scope=Scope.WRITE, status=201)
async def add_dial(request: web.Request, visitor: Visitor, body: DialIn) -> web.Response:
    """Place a call: her phone rings first. 409 `refused-by-gate` names all that stands in the way."""
    speaks = reader(request)
    wanted = _wanted(body, override=body.override, client_id=body.id)
    try:
        view = await request.app[SERVICE].dialing.dial(visitor.actor, caller(visitor.actor), wanted)
    except Refused as error:
        checked = error.checked
        raise Problem(
            409,
            "refused-by-gate",
            " ".join(said(speaks, each) for each in checked.refusals),
            refusals=[each.model_dump() for each in refusals(checked, speaks)],
            next_at=checked.next_at.isoformat() if checked.next_at else None,
        ) from error
    return answer(_shown(view, speaks), 201)


@endpoints.add("GET", "/api/v1/dials/{id}", returns=DialOut)
async def read_dial(request: web.Request, visitor: Visitor) -> web.Response:
    """What became of a call that she placed."""
    return answer(_shown(await _hers(request, visitor), reader(request)))


@endpoints.add("DELETE", "/api/v1/dials/{id}", returns=None, scope=Scope.WRITE, status=204)
async def hang_up(request: web.Request, visitor: Visitor) -> web.Response:
    """End the call. One that is over stays over."""
    view = await _hers(request, visitor)
    try:
        await request.app[SERVICE].dialing.hang_up(visitor.actor, view.id)
    except CannotHangUp as error:
        raise Problem(409, "cannot-hang-up", str(error)) from error
    except (Unavailable, Rejected, Misconfigured) as error:
        raise Problem(503, "unavailable", str(error)) from error
    return web.Response(status=204)


def caller(actor: Actor) -> str:
    """The agent who calls. Raises a 403 for a login or a token that belongs to none: no phone would ring."""
    if not actor.agent:
        raise Problem(403, "no-agent", "Only an agent can call. This login or token belongs to none.")
    return actor.agent


def refusals(checked: Checked, speaks: Reader) -> list[RefusalOut]:
    """All that stands in the way, in words."""
    return [
        RefusalOut(rule=each.rule, says=said(speaks, each), may_override=each.may_override) for each in checked.refusals
    ]


def _wanted(given: CheckQuery | DialIn, override: str = "", client_id: str = "") -> Wanted:
    if not given.callee and given.contact is None:
        errors = [FieldError("callee", "Say which number, or whose.")]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    return Wanted(
        callee=given.callee,
        contact=int(given.contact) if given.contact else None,
        source=given.source,
        line=given.line,
        phone=given.phone,
        override=override,
        client_id=client_id,
    )


async def _hers(request: web.Request, visitor: Visitor) -> DialView:
    view = await request.app[SERVICE].dialing.one(record_id(request))
    actor = visitor.actor
    if view is None or (view.agent != actor.agent and actor.authority not in (Authority.ADMIN, Authority.MANAGER)):
        raise missing()
    return view


def _shown(view: DialView, speaks: Reader) -> DialOut:
    return DialOut(
        id=str(view.id),
        state=view.state,
        reason=because(speaks, view.reason) or None,
        agent=view.agent,
        callee=view.callee,
        phone=view.phone,
        line=view.line,
        source=view.source,
        at=view.at,
        interaction=str(view.interaction) if view.interaction else None,
    )
