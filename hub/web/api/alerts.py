"""Alerts of the agent who asks: what is open, why, and how she wants to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field

from hub.alerts.desk import Alert, Refused, Stale
from hub.alerts.timing import DEFAULT_WAYS, Preferences
from hub.crm.records import Unknown
from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Id, Moment, Shape, answer, commas, missing, page_path, record_id
from hub.web.keys import SERVICE
from hub.web.pages.frame import reader
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

State = Literal["open", "acknowledged", "snoozed", "ended", "expired"]


class AlertOut(BaseModel):
    """An alert in the reader's language. `why` says which rule tells her, `about` the fact: its ids and values.
    `count`: so often it has happened since it is open. `escalated_to`: who is told, too, since she did not see to
    it."""

    id: str
    rule: str
    kind: str
    severity: str
    state: State
    count: int
    title: str
    lines: list[str]
    url: str
    why: str
    about: dict[str, Any]
    interaction: str | None = None
    contact: str | None = None
    at: datetime
    created_at: datetime
    updated_at: datetime
    acknowledged_at: datetime | None = None
    snoozed_until: datetime | None = None
    escalated_at: datetime | None = None
    escalated_to: str | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None


class AlertList(BaseModel):
    """The latest first; `unread` counts all that nobody has seen to. `next` is the path of the next page, and absent on
    the last one."""

    items: list[AlertOut]
    unread: int
    next: str | None = None


class AlertQuery(Shape):
    """Which alerts: several states with commas between them."""

    state: Annotated[tuple[State, ...], BeforeValidator(commas)] = ("open", "acknowledged", "snoozed")
    limit: int = Field(50, ge=1, le=200)
    next: Id | None = Field(None, description="From the `next` of the page before")


class Some(Shape):
    """Several alerts."""

    ids: list[Id] = Field(max_length=500)


class Done(BaseModel):
    """Those that it was done to: the others are over already, or somebody else's."""

    ids: list[str]


class Until(Shape):
    """Until when."""

    until: Moment


class Settings(BaseModel):
    """How the agent who asks wants to be told. `version` is 0 where she has never said; `default_ways` are those that
    hold for each severity then."""

    settings: Preferences
    version: int
    default_ways: dict[str, tuple[str, ...]]


class SettingsIn(Shape):
    """All of it. With `version` nothing is changed that was changed elsewhere meanwhile."""

    settings: Preferences
    version: int | None = Field(None, ge=0)


@endpoints.add("GET", "/api/v1/alerts", returns=AlertList)
async def list_alerts(request: web.Request, visitor: Visitor, query: AlertQuery) -> web.Response:
    """The alerts of the agent who asks."""
    desk, before = request.app[SERVICE].alerts, int(query.next) if query.next else None
    found = await desk.listed(visitor.actor, reader(request), query.state, before=before, limit=query.limit + 1)
    page, unread = found[: query.limit], await desk.unread(visitor.actor.agent)
    after = page_path(request, str(page[-1].id)) if len(found) > query.limit else None
    return answer(AlertList(items=[shown(each) for each in page], unread=unread, next=after))


@endpoints.add("POST", "/api/v1/alerts/acknowledge", returns=Done, scope=Scope.WRITE)
async def acknowledge_some(request: web.Request, visitor: Visitor, body: Some) -> web.Response:
    """She sees to several at once."""
    done = await request.app[SERVICE].alerts.acknowledge(visitor.actor, [int(each) for each in body.ids])
    return answer(Done(ids=[str(each) for each in done]))


@endpoints.add("GET", "/api/v1/alerts/settings", returns=Settings)
async def read_settings(request: web.Request, visitor: Visitor) -> web.Response:
    """Quiet hours, digests, and by which ways she is told of what."""
    settings, version = await request.app[SERVICE].alerts.settings(visitor.actor.agent)
    return answer(Settings(settings=settings, version=version, default_ways=dict(DEFAULT_WAYS)))


@endpoints.add("PUT", "/api/v1/alerts/settings", returns=Settings, scope=Scope.WRITE)
async def change_settings(request: web.Request, visitor: Visitor, body: SettingsIn) -> web.Response:
    """Change how she is told. What waits, and is switched off by it, is not told any more."""
    if not visitor.actor.agent:
        raise Problem(403, "no-agent", "Only who belongs to an agent can be told.")
    try:
        version = await request.app[SERVICE].alerts.set_settings(visitor.actor, body.settings, body.version)
    except Stale as error:
        raise changed(error) from error
    return answer(Settings(settings=body.settings, version=version, default_ways=dict(DEFAULT_WAYS)))


@endpoints.add("GET", "/api/v1/alerts/{id}", returns=AlertOut)
async def read_alert(request: web.Request, visitor: Visitor) -> web.Response:
    """One alert."""
    return answer(await _one(request, visitor))


@endpoints.add("POST", "/api/v1/alerts/{id}/acknowledge", returns=AlertOut, scope=Scope.WRITE)
async def acknowledge(request: web.Request, visitor: Visitor) -> web.Response:
    """She sees to it: it goes from all her screens, and nothing more is told of it. It may be said twice."""
    await request.app[SERVICE].alerts.acknowledge(visitor.actor, [record_id(request)])
    return answer(await _one(request, visitor))


@endpoints.add("POST", "/api/v1/alerts/{id}/snooze", returns=AlertOut, scope=Scope.WRITE)
async def snooze(request: web.Request, visitor: Visitor, body: Until) -> web.Response:
    """Tell her again later."""
    try:
        done = await request.app[SERVICE].alerts.snooze(visitor.actor, record_id(request), body.until)
    except Refused as error:
        raise refused(error) from error
    found = await _one(request, visitor)
    if not done:
        raise Problem(409, "over", "It is over already.")
    return answer(found)


@endpoints.add("POST", "/api/v1/alerts/{id}/end", returns=AlertOut, scope=Scope.WRITE)
async def end(request: web.Request, visitor: Visitor) -> web.Response:
    """It is over: what comes after is another alert. It may be said twice."""
    await request.app[SERVICE].alerts.end(visitor.actor, record_id(request))
    return answer(await _one(request, visitor))


def refused(error: Refused) -> Problem:
    """The 422 for what cannot be."""
    return Problem(
        422, "invalid", "Some fields cannot be taken as they are.", errors=[FieldError(error.field, str(error))]
    )


def changed(error: Stale) -> Problem:
    """The 409 for what is at another version by now."""
    text = "Somebody else has changed it meanwhile. Read it again first."
    return Problem(409, "changed", text, version=error.version)


def shown(alert: Alert) -> AlertOut:
    """An alert as the API shows it."""
    return AlertOut(
        id=str(alert.id),
        rule=alert.rule,
        kind=alert.kind,
        severity=alert.severity,
        state=alert.state,  # type: ignore[arg-type]  # the store's word; pydantic checks it
        count=alert.count,
        title=alert.said.title,
        lines=list(alert.said.lines),
        url=alert.said.url,
        why=alert.said.why,
        about=dict(alert.about),
        interaction=str(alert.interaction_id) if alert.interaction_id is not None else None,
        contact=str(alert.contact_id) if alert.contact_id is not None else None,
        at=alert.fact_at,
        created_at=alert.created_at,
        updated_at=alert.updated_at,
        acknowledged_at=alert.acknowledged_at,
        snoozed_until=alert.snoozed_until,
        escalated_at=alert.escalated_at,
        escalated_to=alert.escalated_to or None,
        ended_at=alert.ended_at,
        expires_at=alert.expires_at,
    )


async def _one(request: web.Request, visitor: Visitor) -> AlertOut:
    try:
        return shown(await request.app[SERVICE].alerts.get(visitor.actor, reader(request), record_id(request)))
    except Unknown as error:
        raise missing() from error
