"""The calls on an agent's own screen."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, answer, missing, record_id
from hub.web.keys import SERVICE
from hub.web.problems import Problem

endpoints = Endpoints()


class PopContact(BaseModel):
    """Who it may be."""

    id: str
    name: str
    company: str | None = None


class PopCandidate(BaseModel):
    """A contact the number may belong to, and why."""

    contact: PopContact
    confidence: float
    reasons: list[str]


class Colleague(BaseModel):
    """An agent."""

    id: str
    name: str


class Pop(BaseModel):
    """A call on this agent's screen, in the shape of the live event `pop`."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    id: str
    interaction: str
    handle: str
    line: str
    queue: str
    since: datetime
    state: str
    mine: bool
    talking: datetime | None = Field(None, description="Since when she talks")
    preferred: Colleague | None = Field(None, alias="for", description="Whose customer it is")
    from_agent: Colleague | None = Field(None, description="Who passes the call on")
    revision: int
    candidates: list[PopCandidate]


class Pops(BaseModel):
    """What stands on this agent's screen now."""

    items: list[Pop]


@endpoints.add("GET", "/api/v1/pops", returns=Pops)
async def list_pops(request: web.Request, visitor: Visitor) -> web.Response:
    """What rings for this agent now, and the call she is in."""
    ringing = await request.app[SERVICE].pops.ringing(_agent(visitor))
    return answer(Pops.model_validate({"items": ringing}))


@endpoints.add("POST", "/api/v1/pops/{id}/dismiss", returns=None, scope=Scope.WRITE, status=204)
async def dismiss_pop(request: web.Request, visitor: Visitor) -> web.Response:
    """Clear a ringing pop from all of this agent's screens. 404 where it does not ring there (any more)."""
    if not await request.app[SERVICE].pops.dismiss(record_id(request), _agent(visitor)):
        raise missing("This does not ring for you any more.")
    return web.Response(status=204)


def _agent(visitor: Visitor) -> str:
    if not visitor.actor.agent:
        raise Problem(403, "no-agent", "This login or token belongs to no agent, so no phone of its own rings.")
    return visitor.actor.agent
