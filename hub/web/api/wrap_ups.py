"""Wrap-up: what an agent says of a call once it is over, while the next one waits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub import tasks
from hub.calls import wrapping
from hub.calls.wrapping import WrapUp as Kept
from hub.privacy.visibility import Scope
from hub.tasks import NewTask
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Moment, Shape, answer, missing, record_id
from hub.web.api.tasks import Title
from hub.web.keys import SERVICE
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()


class WrapUp(BaseModel):
    """What came of a call, as the agent who took it says. `open` until `ends_at`: so long nothing else is offered to
    her."""

    interaction: str
    agent: str
    state: str
    disposition: str | None = None
    dispositions: list[str] = Field(description="What may be said")
    notes: list[str]
    began_at: datetime
    ends_at: datetime
    done_at: datetime | None = None


class WrapUps(BaseModel):
    """Those that run for the agent who asks, oldest first."""

    items: list[WrapUp]


class NextStep(Shape):
    """A task that comes out of the call; its owner is who took it."""

    title: Title
    due_at: Moment | None = None


class WrapUpIn(Shape):
    """What is said. All of it may be said in any order, also when the time is over; `note` adds one."""

    disposition: str | None = Field(None, max_length=200, description='One of `dispositions`; "" takes it back')
    note: str | None = Field(None, max_length=10_000)
    task: NextStep | None = None
    state: Literal["done"] | None = None
    more_seconds: int | None = Field(None, ge=1, le=3600)


@endpoints.add("GET", "/api/v1/wrap-ups", returns=WrapUps)
async def list_wrap_ups(request: web.Request, visitor: Visitor) -> web.Response:
    """The wrap-ups that run for this agent."""
    agent = _agent(visitor)
    found = await request.app[SERVICE].store.read(lambda conn: wrapping.of_agent(conn, agent))
    return answer(WrapUps(items=[_shown(request, each) for each in found]))


@endpoints.add("GET", "/api/v1/wrap-ups/{id}", returns=WrapUp)
async def read_wrap_up(request: web.Request, visitor: Visitor) -> web.Response:
    """This agent's wrap-up of a call; `id` is the interaction's."""
    agent, interaction_id = _agent(visitor), record_id(request)
    found = await request.app[SERVICE].store.read(lambda conn: wrapping.one(conn, interaction_id, agent))
    if found is None:
        raise missing("You had no part in such a call.")
    return answer(_shown(request, found))


@endpoints.add("PUT", "/api/v1/wrap-ups/{id}", returns=WrapUp, scope=Scope.WRITE)
async def change_wrap_up(request: web.Request, visitor: Visitor, body: WrapUpIn) -> web.Response:
    """Say what came of the call, note something, promise the next step, take more time, or be done."""
    agent, interaction_id, service = _agent(visitor), record_id(request), request.app[SERVICE]
    if body.disposition and body.disposition not in service.config.telephony.calls.dispositions:
        errors = [FieldError("disposition", "This is none of the config's dispositions.")]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    now, ids = datetime.now(UTC), service.store.ids

    def work(conn: Connection) -> tuple[Kept, Kept] | None:
        before = wrapping.one(conn, interaction_id, agent)
        if before is None:
            return None
        if body.note and body.note.strip():
            wrapping.note(conn, visitor.actor, ids(), ids(), interaction_id, body.note.strip(), now)
        if body.task is not None:
            step = NewTask(title=body.task.title, due_at=body.task.due_at, owner=agent, interaction_id=interaction_id)
            tasks.create(conn, visitor.actor, ids(), ids(), step, now)
        after = wrapping.change(
            conn,
            before,
            now,
            disposition=body.disposition,
            done=body.state == "done",
            more_seconds=body.more_seconds or 0,
        )
        return before, after

    changed = await service.store.write(work)
    if changed is None:
        raise missing("You had no part in such a call.")
    before, after = changed
    service.live.publish([after.news])
    if before.state != after.state:
        await service.availability.look()
    return answer(_shown(request, after))


def _agent(visitor: Visitor) -> str:
    if not visitor.actor.agent:
        raise Problem(403, "no-agent", "This login or token belongs to no agent, so it takes no calls.")
    return visitor.actor.agent


def _shown(request: web.Request, kept: Kept) -> WrapUp:
    return WrapUp(
        interaction=str(kept.interaction_id),
        agent=kept.agent,
        state=kept.state,
        disposition=kept.disposition or None,
        dispositions=list(request.app[SERVICE].config.telephony.calls.dispositions),
        notes=list(kept.notes),
        began_at=kept.began_at,
        ends_at=kept.ends_at,
        done_at=kept.done_at,
    )
