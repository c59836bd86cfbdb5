"""The ledger of missed calls, for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.calls import missed
from hub.calls.missed import MissedCall
from hub.live import LiveEvent
from hub.privacy.visibility import Scope, sees
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Moment, Shape, answer, missing, record_id
from hub.web.keys import SERVICE
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()


class MissedOut(BaseModel):
    """A call that nobody took. `owner` is the agent who is to call back, "" nobody yet; `times` counts the open ones of
    the same caller; `closed_how`: call or message (somebody reached her, in the interaction `closed_by`), agent or
    inbox (somebody said that it is done)."""

    interaction: str
    handle: str
    contact: str | None = None
    owner: str
    state: Literal["open", "closed"]
    overdue: bool
    missed_at: datetime
    due_at: datetime
    times: int
    closed_at: datetime | None = None
    closed_by: str | None = None
    closed_how: str | None = None


class MissedList(BaseModel):
    """The open ones by when they are due, the closed ones the latest first."""

    items: list[MissedOut]


class MissedQuery(Shape):
    """Which ones."""

    state: Literal["open", "closed"] = "open"
    owner: str | None = Field(None, max_length=100, description="An agent's id, or me")
    limit: int = Field(100, ge=1, le=500)


class MissedChange(Shape):
    """Who is to call back, until when, or that it is done."""

    owner: str | None = Field(None, max_length=100, description='An agent\'s id, me, or "" for nobody')
    due_at: Moment | None = None
    state: Literal["closed"] | None = None


@endpoints.add("GET", "/api/v1/missed-calls", returns=MissedList)
async def list_missed(request: web.Request, visitor: Visitor, query: MissedQuery) -> web.Response:
    """The calls that nobody took, and that somebody is to return. One closes itself when anyone reaches the caller on
    any channel."""
    owner = visitor.actor.agent if query.owner == "me" else query.owner
    found = await request.app[SERVICE].store.read(
        lambda conn: missed.listed(conn, sees(visitor.actor) > 0, state=query.state, owner=owner, limit=query.limit)
    )
    now = datetime.now(UTC)
    return answer(MissedList(items=[_shown(each, now) for each in found]))


@endpoints.add("PATCH", "/api/v1/missed-calls/{id}", returns=MissedOut, scope=Scope.WRITE)
async def change_missed(request: web.Request, visitor: Visitor, body: MissedChange) -> web.Response:
    """Take it, give it to a colleague, put it off, or close it. The id is the call's interaction."""
    service, interaction_id, now = request.app[SERVICE], record_id(request), datetime.now(UTC)
    owner = visitor.actor.agent if body.owner == "me" else body.owner
    if owner and owner not in service.config.agents:
        errors = [FieldError("owner", "There is no such agent.")]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)

    def work(conn: Connection) -> tuple[MissedCall | None, set[int]]:
        known = missed.one(conn, sees(visitor.actor) > 0, interaction_id)
        if known is None:
            return None, set()
        missed.change(conn, interaction_id, now, owner=owner, due_at=body.due_at)
        closed = missed.close(conn, interaction_id, now) if body.state == "closed" else set()
        return missed.one(conn, sees(visitor.actor) > 0, interaction_id), closed

    after, conversations = await service.store.write(work)
    if after is None:
        raise missing("There is no such missed call, or it is not open to you.")
    changed = {"missed": [str(interaction_id)]}
    if conversations:
        changed["conversations"] = [str(id) for id in sorted(conversations)]
    service.live.publish([LiveEvent("activity", changed)])
    return answer(_shown(after, now))


def _shown(entry: MissedCall, now: datetime) -> MissedOut:
    return MissedOut(
        interaction=str(entry.interaction_id),
        handle=entry.handle,
        contact=str(entry.contact_id) if entry.contact_id is not None else None,
        owner=entry.owner,
        state="open" if entry.state == "open" else "closed",
        overdue=entry.overdue(now),
        missed_at=entry.missed_at,
        due_at=entry.due_at,
        times=entry.times,
        closed_at=entry.closed_at,
        closed_by=str(entry.closed_by) if entry.closed_by is not None else None,
        closed_how=entry.closed_how or None,
    )
