"""Leads that look like spam, for programs and people: released, they are messages like any other."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from aiohttp import web
from pydantic import BaseModel

from hub.privacy.visibility import Authority, Scope
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Shape, answer, missing, record_id
from hub.web.keys import SERVICE
from hub.web.problems import Problem

endpoints = Endpoints()


class LeadOut(BaseModel):
    """A lead that is held. `reasons`: `trap` (a hidden field was filled in), `quick` (sent within three seconds),
    `throw-away` (such a mail address), `links` (it is full of them), `flood` (the form gets far too many)."""

    id: str
    source: str
    handle: str
    name: str
    title: str
    text: str
    reasons: list[str]
    at: datetime


class LeadList(BaseModel):
    """The newest first, at most 200."""

    items: list[LeadOut]


class LeadQuery(Shape):
    """Which leads: only suspected ones are kept apart."""

    state: Literal["suspected"] = "suspected"


@endpoints.add("GET", "/api/v1/leads", returns=LeadList)
async def list_leads(request: web.Request, visitor: Visitor, query: LeadQuery) -> web.Response:
    """What came in by our forms and looks like spam. It is kept for 30 days."""
    _check(visitor)
    found = await request.app[SERVICE].visitors.leads.suspected()
    return answer(
        LeadList(
            items=[
                LeadOut(
                    id=str(each.id),
                    source=each.source,
                    handle=each.handle,
                    name=each.name,
                    title=each.title,
                    text=each.text,
                    reasons=list(each.reasons),
                    at=each.at,
                )
                for each in found
            ]
        )
    )


@endpoints.add("POST", "/api/v1/leads/{id}/release", returns=None, scope=Scope.WRITE, status=204)
async def release_lead(request: web.Request, visitor: Visitor) -> web.Response:
    """It is no spam: it becomes a message of the inbox, of the time at which it was sent."""
    _check(visitor)
    if not await request.app[SERVICE].visitors.leads.release(visitor.actor, record_id(request)):
        raise missing()
    return web.Response(status=204)


@endpoints.add("POST", "/api/v1/leads/{id}/discard", returns=None, scope=Scope.WRITE, status=204)
async def discard_lead(request: web.Request, visitor: Visitor) -> web.Response:
    """It is spam: nothing of it is kept."""
    _check(visitor)
    if not await request.app[SERVICE].visitors.leads.discard(visitor.actor, record_id(request)):
        raise missing()
    return web.Response(status=204)


def _check(visitor: Visitor) -> None:
    """Marketers read no messages, so no leads either."""
    if visitor.actor.authority is Authority.MARKETER:
        raise Problem(403, "not-allowed", "You may not read leads.")
