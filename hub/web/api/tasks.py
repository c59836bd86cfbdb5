"""Tasks, and the small ways to a deal or a case: what comes out of a call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import Connection

from hub import tasks
from hub.crm import records
from hub.crm.records import Unknown
from hub.live import LiveEvent
from hub.privacy.visibility import Scope
from hub.tasks import NewTask
from hub.web.access import Visitor
from hub.web.api.contacts import Case, Deal
from hub.web.api.endpoint import Endpoints, Id, Moment, Shape, answer, missing, record_id
from hub.web.keys import SERVICE
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=tasks.LONGEST)]


class TaskContact(BaseModel):
    """Whom a task concerns."""

    id: str
    name: str


class Task(BaseModel):
    """What somebody is to do."""

    id: str
    title: str
    due_at: datetime | None = None
    owner: str | None = None
    contact: TaskContact | None = None
    interaction: str | None = None
    created_by: str
    created_at: datetime
    done_at: datetime | None = None
    overdue: bool


class Tasks(BaseModel):
    """The open ones by when they are due, those that are done the latest first."""

    items: list[Task]


class TaskQuery(Shape):
    """Which tasks."""

    mine: bool = Field(False, description="Those of the agent who asks")
    open: bool = Field(True, description="Those that are not done; else those that are")
    contact: Id | None = None
    limit: int = Field(100, ge=1, le=200)


class TaskIn(Shape):
    """A task. Without `owner` it is the agent's who creates it."""

    title: Title
    due_at: Moment | None = None
    owner: str | None = Field(None, max_length=100)
    contact: Id | None = None
    interaction: Id | None = Field(None, description="Out of what it came; it then concerns that one's contact")


class DealIn(Shape):
    """A deal with a contact, or with her company where there is one. Its owner is who creates it."""

    title: Title
    contact: Id
    stage: str = Field("", max_length=200)
    amount: float | None = Field(None, ge=0, le=1e12)
    currency: str = Field("", pattern="^([A-Z]{3})?$", description="ISO 4217")


class CaseIn(Shape):
    """A case of a contact. Its owner is who creates it."""

    title: Title
    contact: Id
    urgency: str = Field("", max_length=50)


@endpoints.add("GET", "/api/v1/tasks", returns=Tasks)
async def list_tasks(request: web.Request, visitor: Visitor, query: TaskQuery) -> web.Response:
    """What is to be done, or was."""
    if query.mine and not visitor.actor.agent:
        return answer(Tasks(items=[]))
    found = await request.app[SERVICE].store.read(
        lambda conn: tasks.listed(
            conn,
            visitor.actor,
            owner=visitor.actor.agent if query.mine else None,
            still_open=query.open,
            contact_id=int(query.contact) if query.contact else None,
            limit=query.limit,
        )
    )
    return answer(Tasks(items=[shown(each) for each in found]))


@endpoints.add("POST", "/api/v1/tasks", returns=Task, scope=Scope.WRITE, status=201)
async def create_task(request: web.Request, visitor: Visitor, body: TaskIn) -> web.Response:
    """Create a task."""
    service, now = request.app[SERVICE], datetime.now(UTC)
    owner = visitor.actor.agent if body.owner is None else body.owner
    if owner and owner not in service.config.agents:
        errors = [FieldError("owner", "There is no such agent.")]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    new = NewTask(
        title=body.title,
        due_at=body.due_at,
        owner=owner,
        contact_id=int(body.contact) if body.contact else None,
        interaction_id=int(body.interaction) if body.interaction else None,
    )
    task_id, entry = service.store.ids(), service.store.ids()
    try:
        task = await service.store.write(lambda conn: tasks.create(conn, visitor.actor, task_id, entry, new, now))
    except Unknown as error:
        raise missing(f"There is no {error}.") from error
    _tell(request, task.contact_id)
    return answer(shown(task), 201)


@endpoints.add("POST", "/api/v1/tasks/{id}/done", returns=Task, scope=Scope.WRITE)
async def finish_task(request: web.Request, visitor: Visitor) -> web.Response:
    """Say that it is done."""
    task_id, service, now = record_id(request), request.app[SERVICE], datetime.now(UTC)
    entry = service.store.ids()
    try:
        task = await service.store.write(lambda conn: tasks.done(conn, visitor.actor, task_id, entry, now))
    except Unknown as error:
        raise missing() from error
    _tell(request, task.contact_id)
    return answer(shown(task))


@endpoints.add("DELETE", "/api/v1/tasks/{id}", returns=None, scope=Scope.WRITE, status=204)
async def delete_task(request: web.Request, visitor: Visitor) -> web.Response:
    """Delete a task that was never meant."""
    task_id, service, now = record_id(request), request.app[SERVICE], datetime.now(UTC)
    entry = service.store.ids()

    def work(conn: Connection) -> int | None:
        contact_id = tasks.one(conn, visitor.actor, task_id).contact_id
        tasks.delete(conn, visitor.actor, task_id, entry, now)
        return contact_id

    try:
        contact_id = await service.store.write(work)
    except Unknown as error:
        raise missing() from error
    _tell(request, contact_id)
    return web.Response(status=204)


@endpoints.add("POST", "/api/v1/deals", returns=Deal, scope=Scope.WRITE, status=201)
async def create_deal(request: web.Request, visitor: Visitor, body: DealIn) -> web.Response:
    """Create an open deal with a contact. What a CRM tells of its own deals stays as it is."""
    service, now = request.app[SERVICE], datetime.now(UTC)
    new_id, entry = service.store.ids(), service.store.ids()
    draft = records.NewDeal(int(body.contact), body.title, body.stage, body.amount, body.currency)
    try:
        deal = await service.store.write(lambda conn: records.add_deal(conn, visitor.actor, new_id, entry, draft, now))
    except Unknown as error:
        raise missing(f"There is no {error}.") from error
    _tell(request, int(body.contact))
    return answer(
        Deal(
            id=str(deal.id),
            title=deal.title,
            stage=deal.stage,
            amount=deal.amount,
            currency=deal.currency,
            open=deal.open,
            owner=deal.owner,
        ),
        201,
    )


@endpoints.add("POST", "/api/v1/cases", returns=Case, scope=Scope.WRITE, status=201)
async def create_case(request: web.Request, visitor: Visitor, body: CaseIn) -> web.Response:
    """Create an open case of a contact."""
    service, now = request.app[SERVICE], datetime.now(UTC)
    new_id, entry = service.store.ids(), service.store.ids()
    draft = records.NewCase(int(body.contact), body.title, body.urgency)
    try:
        case = await service.store.write(lambda conn: records.add_case(conn, visitor.actor, new_id, entry, draft, now))
    except Unknown as error:
        raise missing(f"There is no {error}.") from error
    _tell(request, int(body.contact))
    return answer(
        Case(
            id=str(case.id),
            title=case.title,
            urgency=case.urgency,
            open=case.open,
            owner=case.owner,
            opened_at=case.opened_at,
        ),
        201,
    )


def shown(task: tasks.Task) -> Task:
    """A task as the API shows it."""
    return Task(
        id=str(task.id),
        title=task.title,
        due_at=task.due_at,
        owner=task.owner or None,
        contact=TaskContact(id=str(task.contact_id), name=task.contact) if task.contact_id is not None else None,
        interaction=str(task.interaction_id) if task.interaction_id is not None else None,
        created_by=task.created_by,
        created_at=task.created_at,
        done_at=task.done_at,
        overdue=task.overdue(datetime.now(UTC)),
    )


def _tell(request: web.Request, contact_id: int | None) -> None:
    """The contact's page, and whoever looks at what is to be done, have news."""
    contacts = [] if contact_id is None else [str(contact_id)]
    request.app[SERVICE].live.publish([LiveEvent("activity", {"contacts": contacts})])
