"""The rules by which people are told: those of the file, those that every hub has, and those made here."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from hub.alerts.desk import Refused, Stale
from hub.alerts.rules import Rule, RuleTable
from hub.crm.records import Unknown
from hub.privacy.visibility import Actor, Authority, Scope
from hub.web.access import Visitor
from hub.web.api.alerts import changed, refused
from hub.web.api.endpoint import Endpoints, Shape, answer, missing, record_id
from hub.web.keys import SERVICE
from hub.web.problems import Problem

endpoints = Endpoints()

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]


class RuleOut(BaseModel):
    """A rule. `origin` is `file`, `page` or `built-in`; only one of the page has an `id`, a `version`, and can be
    changed here. `severity` is the one that holds, also where the rule leaves it open."""

    id: str | None = None
    name: str
    origin: str
    version: int
    severity: str
    rule: dict[str, Any]


class RuleList(BaseModel):
    """All rules, by name."""

    items: list[RuleOut]


class RuleIn(Shape):
    """A new rule. One that has the name of a built-in one stands in its place: with `enabled` false it switches it
    off."""

    name: Name
    rule: RuleTable


class RuleChange(Shape):
    """The whole rule, and the `version` that it was read at."""

    rule: RuleTable
    version: int = Field(ge=1)


class TryIn(Shape):
    """A rule that may not be there yet, and how far to look back."""

    rule: RuleTable
    days: int = Field(30, ge=1, le=90)


class WouldOut(BaseModel):
    """An alert that there would have been."""

    at: datetime
    agents: list[str]
    key: str
    interaction: str | None = None
    contact: str | None = None


class DryRunOut(BaseModel):
    """What a rule would have raised: how many episodes, by day, and the latest of them. `known` is false where the past
    of what it is about is not kept: then nobody can say. `partly`: there was more than was looked at."""

    count: int
    since: datetime
    by_day: dict[date, int]
    alerts: list[WouldOut]
    known: bool
    partly: bool


@endpoints.add("GET", "/api/v1/rules", returns=RuleList)
async def list_rules(request: web.Request, visitor: Visitor) -> web.Response:
    """All rules, those that are switched off, too."""
    return answer(RuleList(items=[_shown(each) for each in await request.app[SERVICE].alerts.rules()]))


@endpoints.add("POST", "/api/v1/rules", returns=RuleOut, scope=Scope.WRITE, status=201)
async def make_rule(request: web.Request, visitor: Visitor, body: RuleIn) -> web.Response:
    """Make a rule. Administrators and managers may."""
    try:
        made = await request.app[SERVICE].alerts.make_rule(_writer(visitor), body.name, _given(body.rule))
    except Refused as error:
        raise refused(error) from error
    return answer(_shown(made), 201)


@endpoints.add("POST", "/api/v1/rules/dry-run", returns=DryRunOut)
async def try_rule(request: web.Request, visitor: Visitor, body: TryIn) -> web.Response:
    """What a rule would have raised lately. Nobody is told anything. Administrators and managers may ask."""
    _writer(visitor)
    try:
        found = await request.app[SERVICE].alerts.dry_run(_given(body.rule), body.days)
    except Refused as error:
        raise refused(error) from error
    items = [
        WouldOut(
            at=each.at,
            agents=list(each.agents),
            key=each.key,
            interaction=str(each.interaction_id) if each.interaction_id is not None else None,
            contact=str(each.contact_id) if each.contact_id is not None else None,
        )
        for each in found.alerts
    ]
    return answer(
        DryRunOut(
            count=found.count, since=found.since, by_day=dict(found.by_day), alerts=items, known=found.known,
            partly=found.partly,
        )
    )  # fmt: skip


@endpoints.add("GET", "/api/v1/rules/{id}", returns=RuleOut)
async def read_rule(request: web.Request, visitor: Visitor) -> web.Response:
    """A rule of the page."""
    try:
        return answer(_shown(await request.app[SERVICE].alerts.rule(record_id(request))))
    except Unknown as error:
        raise missing() from error


@endpoints.add("PUT", "/api/v1/rules/{id}", returns=RuleOut, scope=Scope.WRITE)
async def change_rule(request: web.Request, visitor: Visitor, body: RuleChange) -> web.Response:
    """Change a rule, or switch it on or off. What waits to be told of one that is switched off is not told."""
    desk = request.app[SERVICE].alerts
    try:
        made = await desk.change_rule(_writer(visitor), record_id(request), body.version, _given(body.rule))
    except Refused as error:
        raise refused(error) from error
    except Unknown as error:
        raise missing() from error
    except Stale as error:
        raise changed(error) from error
    return answer(_shown(made))


@endpoints.add("DELETE", "/api/v1/rules/{id}", returns=None, scope=Scope.WRITE, status=204)
async def remove_rule(request: web.Request, visitor: Visitor) -> web.Response:
    """Forget a rule of the page. The alerts that it raised are over."""
    try:
        await request.app[SERVICE].alerts.remove_rule(_writer(visitor), record_id(request))
    except Unknown as error:
        raise missing() from error
    return web.Response(status=204)


def _writer(visitor: Visitor) -> Actor:
    """Who may change what others are told of."""
    if visitor.actor.authority not in (Authority.ADMIN, Authority.MANAGER):
        raise Problem(403, "forbidden", "Only administrators and managers may do this.")
    return visitor.actor


def _given(rule: RuleTable) -> dict[str, Any]:
    return rule.model_dump(mode="json", exclude_unset=True)


def _shown(rule: Rule) -> RuleOut:
    return RuleOut(
        id=str(rule.id) if rule.id is not None else None,
        name=rule.name,
        origin=rule.origin,
        version=rule.version,
        severity=rule.severity,
        rule=rule.table.model_dump(mode="json", exclude_defaults=True) | {"kind": rule.table.kind},
    )
