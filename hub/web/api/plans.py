"""Routing plans, for programs: what they are, as a picture, and tried out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import Connection

from hub.privacy.visibility import Scope
from hub.routing import known
from hub.routing.picture import draw
from hub.routing.plan import Node, Plan, exits
from hub.routing.simulate import Trial, simulate
from hub.vocabulary import Heard
from hub.web.access import Visitor
from hub.web.api.contacts import directory_of
from hub.web.api.endpoint import Endpoints, Moment, Shape, answer, missing
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import plan_words
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()


class ExitOut(BaseModel):
    """Where a node leads: a key, `open`, `closed`, `otherwise`, `unanswered`, a rule, or "" for always."""

    when: str
    then: str


class NodeOut(BaseModel):
    """A node, with what it is and does in English."""

    name: str
    kind: str
    detail: str
    exits: list[ExitOut]


class PlanOut(BaseModel):
    """A plan, and the sources whose calls it answers."""

    name: str
    start: str
    sources: list[str]
    nodes: list[NodeOut]


class PlanList(BaseModel):
    """In the order of the config."""

    items: list[PlanOut]


class WaitingOut(BaseModel):
    """A caller who waits in a queue."""

    plan: str
    queue: str
    caller: str
    since: datetime


class WaitingList(BaseModel):
    """The longest first."""

    items: list[WaitingOut]


class TrialIn(Shape):
    """A call that might be. `presses` are the keys, one for each menu; `taken` is false where nobody picks up."""

    caller: Annotated[str, StringConstraints(max_length=100)] = ""
    line: Annotated[str, StringConstraints(max_length=100)] = ""
    at: Moment | None = None
    presses: Annotated[str, StringConstraints(pattern=r"^[0-9*#]*$", max_length=50)] = ""
    taken: bool = True


class TrialStep(BaseModel):
    """What the caller comes to: the nodes that were passed with the reasons, what is done, and what she does then."""

    at: datetime
    passed: list[str]
    does: str
    phones: list[str] = Field(default_factory=list)
    heard: str | None = None
    digits: str | None = None


class TrialOut(BaseModel):
    """Step after step."""

    steps: list[TrialStep]


@endpoints.add("GET", "/api/v1/plans", returns=PlanList)
async def list_plans(request: web.Request, visitor: Visitor) -> web.Response:
    """The routing plans of the config."""
    return answer(PlanList(items=[_shown(request, plan) for plan in request.app[SERVICE].routing.plans.values()]))


@endpoints.add("GET", "/api/v1/plans/{name}", returns=PlanOut)
async def read_plan(request: web.Request, visitor: Visitor) -> web.Response:
    """One plan."""
    return answer(_shown(request, _plan(request)))


@endpoints.add("GET", "/api/v1/plans/{name}/picture.svg", returns=None)
async def picture(request: web.Request, visitor: Visitor) -> web.Response:
    """The plan drawn."""
    return web.Response(text=drawn(request, _plan(request), _reader(request)), content_type="image/svg+xml")


@endpoints.add("POST", "/api/v1/plans/{name}/simulate", returns=TrialOut)
async def try_out(request: web.Request, visitor: Visitor, body: TrialIn) -> web.Response:
    """What would happen to a call. Nothing rings and nothing is written; who is free is as it is now."""
    service, plan = request.app[SERVICE], _plan(request)
    handles = {}
    for name in ("caller", "line"):
        text = getattr(body, name)
        handles[name] = directory_of(request).handle(text) if text else ""
        if handles[name] is None:
            errors = [FieldError(name, "This is no phone number.")]
            raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    trial = Trial(
        caller=handles["caller"] or "",
        line=handles["line"] or "",
        at=body.at or datetime.now(UTC),
        presses=tuple(body.presses),
        taken=body.taken,
    )
    speaks, agents = _reader(request), service.config.agents
    steps = [
        TrialStep(
            at=each.at,
            passed=[f"{node}: {plan_words.reason(speaks, why, agents)}" for node, why in each.answer.why],
            does=plan_words.does(speaks, each.answer.step),
            phones=list(getattr(each.answer.step.action, "phones", ())),
            heard=each.heard.value if each.heard and each.heard is not Heard.DONE else None,
            digits=each.digits or None,
        )
        for each in await simulate(service.routing, plan, trial)
    ]
    return answer(TrialOut(steps=steps))


@endpoints.add("GET", "/api/v1/queues", returns=WaitingList, scope=Scope.READ)
async def list_waiting(request: web.Request, visitor: Visitor) -> web.Response:
    """Who waits in a queue of a plan now."""
    now = datetime.now(UTC)

    def work(conn: Connection) -> list[tuple[str, str, str, datetime]]:
        return known.waiting(conn, now)

    found = await request.app[SERVICE].store.read(work)
    items = [WaitingOut(plan=plan, queue=queue, caller=caller, since=since) for plan, queue, caller, since in found]
    return answer(WaitingList(items=items))


def drawn(request: web.Request, plan: Plan, speaks: Reader) -> str:
    """The picture of *plan* in the reader's words."""
    agents = request.app[SERVICE].config.agents

    def label(node: Node) -> tuple[str, str]:
        return plan_words.kind(speaks, node), plan_words.detail(speaks, node, agents)

    return draw(plan, label, lambda why: plan_words.choice(speaks, why), plan.name)


def _plan(request: web.Request) -> Plan:
    plan = request.app[SERVICE].routing.plans.get(request.match_info["name"])
    if plan is None:
        raise missing("There is no such plan.")
    return plan


def _reader(request: web.Request) -> Reader:
    return Reader.at("en", request.app[SERVICE].config.timezone)


def _shown(request: web.Request, plan: Plan) -> PlanOut:
    config = request.app[SERVICE].config
    speaks = _reader(request)
    nodes: list[dict[str, Any]] = [
        {
            "name": name,
            "kind": plan_words.kind(speaks, node),
            "detail": plan_words.detail(speaks, node, config.agents),
            "exits": [{"when": why, "then": then} for why, then in exits(node)],
        }
        for name, node in plan.nodes.items()
    ]
    sources = [name for name, source in config.sources.items() if source.plan == plan.name]
    return PlanOut(name=plan.name, start=plan.start, sources=sources, nodes=[NodeOut(**each) for each in nodes])
