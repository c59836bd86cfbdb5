"""The ways by which somebody is told of alerts: what she has, her phones, and a trial of each."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints

from hub.alerts.ways.desk import Refused, WayView
from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Shape, answer, missing, record_id
from hub.web.keys import SERVICE
from hub.web.pages.frame import reader
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

Label = Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Endpoint = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class WayOut(BaseModel):
    """A way of the agent who asks. `mine`: she made it, and may take it away. `failed_at` and `reason` are of the last
    time when it did not work; where that was after `sent_at`, it may not work now. `health` is how it does for all."""

    id: str
    kind: str
    label: str
    enabled: bool
    mine: bool
    sent_at: datetime | None = None
    failed_at: datetime | None = None
    reason: str | None = None
    health: str
    cause: str | None = None


class WayList(BaseModel):
    """Her ways, those that she made last."""

    items: list[WayOut]


class Keys(BaseModel):
    """`PushSubscription.toJSON().keys`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    p256dh: Key
    auth: Key


class Subscription(BaseModel):
    """`PushSubscription.toJSON()`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    endpoint: Endpoint
    keys: Keys


class WayIn(Shape):
    """A browser that wants to be told. `details`: names and texts may stand on its locked screen."""

    kind: Literal["push"]
    subscription: Subscription
    label: Label = ""
    details: bool | None = None


class PushKey(BaseModel):
    """What a browser subscribes with (`applicationServerKey`)."""

    key: str


class Trial(BaseModel):
    """What came of a trial: `state` is `sent`, `perhaps` (nobody heard the end of it) or `failed`."""

    state: str
    reason: str | None = None
    milliseconds: int


@endpoints.add("GET", "/api/v1/ways", returns=WayList)
async def list_ways(request: web.Request, visitor: Visitor) -> web.Response:
    """The ways of the agent who asks, and how each did when it was last used for her."""
    desk = request.app[SERVICE].ways
    found = await desk.of(visitor.actor.agent) if visitor.actor.agent else []
    return answer(WayList(items=[_shown(request, each) for each in found]))


@endpoints.add("GET", "/api/v1/ways/push-key", returns=PushKey)
async def push_key(request: web.Request, visitor: Visitor) -> web.Response:
    """The public key of this hub, which is the same for as long as its store is."""
    return answer(PushKey(key=request.app[SERVICE].ways.public_key))


@endpoints.add("POST", "/api/v1/ways", returns=WayOut, scope=Scope.WRITE, status=201)
async def add_way(request: web.Request, visitor: Visitor, body: WayIn) -> web.Response:
    """Have the agent who asks told by a browser. One that subscribes again keeps its id."""
    if not visitor.actor.agent:
        raise Problem(403, "no-agent", "Only who belongs to an agent can be told.")
    try:
        made = await request.app[SERVICE].ways.subscribe(
            visitor.actor, body.subscription.model_dump(), body.label, details=body.details
        )
    except Refused as error:
        errors = [FieldError(error.field, str(error))]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors) from error
    return answer(_shown(request, WayView(made, None, None, "")), 201)


@endpoints.add("DELETE", "/api/v1/ways/{id}", returns=None, scope=Scope.WRITE, status=204)
async def remove_way(request: web.Request, visitor: Visitor) -> web.Response:
    """Take away a way that she made. Nothing is sent by it any more."""
    if not await request.app[SERVICE].ways.remove(visitor.actor, record_id(request)):
        raise missing()
    return web.Response(status=204)


@endpoints.add("POST", "/api/v1/ways/{id}/test", returns=Trial, scope=Scope.WRITE)
async def try_way(request: web.Request, visitor: Visitor) -> web.Response:
    """Tell the agent who asks by this way, now, that it is a trial."""
    service = request.app[SERVICE]
    title = reader(request).gettext("This is a trial: alerts reach you this way.")
    trial = None
    if visitor.actor.agent:
        url = service.config.public_url
        trial = await service.ways.tried(visitor.actor.agent, request.match_info["id"], title, url)
    if trial is None:
        raise missing("You have no such way.")
    return answer(Trial(state=trial.state, reason=trial.reason or None, milliseconds=trial.milliseconds))


def _shown(request: web.Request, view: WayView) -> WayOut:
    status = request.app[SERVICE].ways.statuses().get(view.way.name)
    return WayOut(
        id=view.way.id,
        kind=view.way.kind,
        label=view.way.label,
        enabled=view.way.enabled,
        mine=view.way.way_id is not None,
        sent_at=view.sent_at,
        failed_at=view.failed_at,
        reason=view.reason or None,
        health=status.health if status else "good",
        cause=(status.cause if status else "") or None,
    )
