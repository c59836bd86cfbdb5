"""Programs that subscribe to what becomes of alerts: webhooks by the Standard Webhooks specification."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from hub.alerts.subscribers.desk import Changed, Logged, Refused
from hub.alerts.subscribers.rows import EVENTS, Subscriber
from hub.contracts import Misconfigured
from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Id, Shape, answer, missing, page_path, record_id
from hub.web.keys import SERVICE
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4096)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)]


class SubscriberOut(BaseModel):
    """Where webhooks go, and how that does: `failing_since` is when it last began to take none, `reason` why the hub
    switched it off."""

    id: str
    url: str
    label: str
    events: list[str]
    enabled: bool
    failing_since: datetime | None = None
    reason: str | None = None
    rolled_at: datetime | None = None
    health: str
    cause: str | None = None
    next_try: datetime | None = None
    version: int
    created_at: datetime


class SubscriberList(BaseModel):
    """In the order in which they were made; `events` are all that there are."""

    items: list[SubscriberOut]
    events: list[str]


class SubscriberIn(Shape):
    """A new one. Without `events` it gets all."""

    url: Url
    label: Label = ""
    events: list[str] = Field(list(EVENTS))


class SubscriberChange(Shape):
    """What is to be otherwise. With `version` nothing is changed that somebody else has changed meanwhile."""

    url: Url | None = None
    label: Label | None = None
    events: list[str] | None = None
    enabled: bool | None = None
    version: int | None = None


class Secret(BaseModel):
    """The secret with which webhooks are signed. It is shown this once."""

    id: str
    secret: str


class AttemptOut(BaseModel):
    """One attempt: `event` is the webhook-id, `status` what was answered (0: nothing), `reason` why it counts as
    failed. `state` is how the webhook does by now."""

    id: str | None = None
    event: str
    type: str
    alert: str | None = None
    at: datetime
    status: int
    milliseconds: int
    answer: str | None = None
    reason: str | None = None
    state: str


class Attempts(BaseModel):
    """The latest first; `next` is the path of the next page, and absent on the last one."""

    items: list[AttemptOut]
    next: str | None = None


class AttemptQuery(Shape):
    """Which attempts."""

    limit: int = Field(50, ge=1, le=200)
    next: Id | None = Field(None, description="From the `next` of the page before")


@endpoints.add("GET", "/api/v1/subscribers", returns=SubscriberList, scope=Scope.ADMIN)
async def list_subscribers(request: web.Request, visitor: Visitor) -> web.Response:
    """Everybody who subscribes."""
    found = await request.app[SERVICE].subscribers.listed()
    return answer(SubscriberList(items=[_shown(request, each) for each in found], events=list(EVENTS)))


@endpoints.add("POST", "/api/v1/subscribers", returns=Secret, scope=Scope.ADMIN, status=201)
async def add_subscriber(request: web.Request, visitor: Visitor, body: SubscriberIn) -> web.Response:
    """Make one. Answers its secret, which is not shown again."""
    desk = request.app[SERVICE].subscribers
    try:
        number, secret = await desk.add(visitor.actor, body.url, body.label, body.events)
    except Refused as error:
        raise _refused(error) from error
    except Misconfigured as error:
        raise _keyless(error) from error
    return answer(Secret(id=str(number), secret=secret), 201)


@endpoints.add("PUT", "/api/v1/subscribers/{id}", returns=SubscriberOut, scope=Scope.ADMIN)
async def change_subscriber(request: web.Request, visitor: Visitor, body: SubscriberChange) -> web.Response:
    """Change one, or switch it on or off. What waits for one that is switched off is never sent."""
    desk, number = request.app[SERVICE].subscribers, record_id(request)
    values = {name: value for name, value in body.model_dump(exclude={"version"}).items() if value is not None}
    try:
        if not await desk.change(visitor.actor, number, body.version, **values):
            raise missing()
    except Refused as error:
        raise _refused(error) from error
    except Changed as error:
        raise Problem(409, "stale", "Somebody else has changed it meanwhile. Read it again first.") from error
    found = await desk.one(number)
    if found is None:
        raise missing()
    return answer(_shown(request, found))


@endpoints.add("DELETE", "/api/v1/subscribers/{id}", returns=None, scope=Scope.ADMIN, status=204)
async def remove_subscriber(request: web.Request, visitor: Visitor) -> web.Response:
    """Forget one, and what was sent to it."""
    if not await request.app[SERVICE].subscribers.remove(visitor.actor, record_id(request)):
        raise missing()
    return web.Response(status=204)


@endpoints.add("POST", "/api/v1/subscribers/{id}/test", returns=AttemptOut, scope=Scope.ADMIN)
async def test_subscriber(request: web.Request, visitor: Visitor) -> web.Response:
    """Send a webhook of type `test` now, once, and say what was answered."""
    try:
        ended = await request.app[SERVICE].subscribers.tried(record_id(request))
    except Misconfigured as error:
        raise _keyless(error) from error
    if ended is None:
        raise missing()
    return answer(
        AttemptOut(
            event=f"msg_{ended.due.id}",
            type=ended.due.type,
            at=ended.at,
            status=ended.status,
            milliseconds=ended.milliseconds,
            answer=ended.answer or None,
            reason=ended.reason or None,
            state="failed" if ended.reason else "sent",
        )
    )


@endpoints.add("POST", "/api/v1/subscribers/{id}/roll", returns=Secret, scope=Scope.ADMIN)
async def roll_subscriber(request: web.Request, visitor: Visitor) -> web.Response:
    """Give it a new secret, which is not shown again. For 24 hours the old one signs, too."""
    number = record_id(request)
    try:
        secret = await request.app[SERVICE].subscribers.roll(visitor.actor, number)
    except Misconfigured as error:
        raise _keyless(error) from error
    if secret is None:
        raise missing()
    return answer(Secret(id=str(number), secret=secret))


@endpoints.add("GET", "/api/v1/subscribers/{id}/attempts", returns=Attempts, scope=Scope.ADMIN)
async def list_attempts(request: web.Request, visitor: Visitor, query: AttemptQuery) -> web.Response:
    """What was sent to it."""
    beyond = None if query.next is None else int(query.next)
    found = await request.app[SERVICE].subscribers.attempts(record_id(request), beyond, query.limit + 1)
    cursor = str(found[query.limit - 1].id) if len(found) > query.limit else None
    return answer(Attempts(items=[_logged(each) for each in found[: query.limit]], next=page_path(request, cursor)))


@endpoints.add("POST", "/api/v1/subscribers/{id}/attempts/{n}/repeat", returns=None, scope=Scope.ADMIN, status=202)
async def repeat_attempt(request: web.Request, visitor: Visitor) -> web.Response:
    """Send again what that attempt was about, as the same webhook. 404 where there is none, or it is under way."""
    text = request.match_info["n"]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise missing()
    if not await request.app[SERVICE].subscribers.repeat(visitor.actor, record_id(request), int(text)):
        raise missing()
    return web.Response(status=202)


def _shown(request: web.Request, one: Subscriber) -> SubscriberOut:
    status = request.app[SERVICE].subscribers.statuses().get(one.id)
    return SubscriberOut(
        id=str(one.id),
        url=one.url,
        label=one.label,
        events=list(one.events),
        enabled=one.enabled,
        failing_since=one.failing_since,
        reason=one.reason or None,
        rolled_at=one.rolled_at,
        health=status.health if status else "good",
        cause=(status.cause if status else "") or None,
        next_try=status.next_try if status else None,
        version=one.version,
        created_at=one.created_at,
    )


def _logged(one: Logged) -> AttemptOut:
    return AttemptOut(
        id=str(one.id),
        event=one.event,
        type=one.type,
        alert=None if one.alert_id is None else str(one.alert_id),
        at=one.at,
        status=one.status,
        milliseconds=one.milliseconds,
        answer=one.answer or None,
        reason=one.reason or None,
        state=one.state,
    )


def _refused(error: Refused) -> Problem:
    errors = [FieldError(error.field, str(error))]
    return Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)


def _keyless(error: Misconfigured) -> Problem:
    return Problem(503, "no-key", f"The secret cannot be had: {error}.")
