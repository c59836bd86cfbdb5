"""Numbers whose calls ring nowhere."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web
from pydantic import BaseModel, Field

from hub.calls import blocking
from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.contacts import directory_of
from hub.web.api.endpoint import Endpoints, Shape, answer, missing
from hub.web.keys import SERVICE
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()


class Blocked(BaseModel):
    """A number that rings nobody. Its calls are recorded all the same."""

    handle: str
    reason: str
    actor: str
    at: datetime


class BlockIn(Shape):
    """Why."""

    reason: str = Field("", max_length=500)


@endpoints.add("GET", "/api/v1/blocked-numbers/{handle}", returns=Blocked)
async def read_blocked(request: web.Request, visitor: Visitor) -> web.Response:
    """Whether a number is blocked, and why; 404 where it is not."""
    handle = _handle(request)
    found = await request.app[SERVICE].store.read(lambda conn: blocking.one(conn, handle))
    if found is None:
        raise missing("This number is not blocked.")
    return answer(Blocked(handle=found.handle, reason=found.reason, actor=found.actor, at=found.at))


@endpoints.add("PUT", "/api/v1/blocked-numbers/{handle}", returns=Blocked, scope=Scope.WRITE)
async def block_number(request: web.Request, visitor: Visitor, body: BlockIn) -> web.Response:
    """Block a number, in whatever spelling: from now on its calls ring nobody."""
    handle, service, now = _handle(request), request.app[SERVICE], datetime.now(UTC)
    if handle in service.ours.handles:
        errors = [FieldError("handle", "This number is ours.")]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    entry, reason = service.store.ids(), body.reason.strip()
    found = await service.store.write(lambda conn: blocking.block(conn, visitor.actor, entry, handle, reason, now))
    return answer(Blocked(handle=found.handle, reason=found.reason, actor=found.actor, at=found.at))


@endpoints.add("DELETE", "/api/v1/blocked-numbers/{handle}", returns=None, scope=Scope.WRITE, status=204)
async def unblock_number(request: web.Request, visitor: Visitor) -> web.Response:
    """It may ring again."""
    handle, service, now = _handle(request), request.app[SERVICE], datetime.now(UTC)
    entry = service.store.ids()
    if not await service.store.write(lambda conn: blocking.unblock(conn, visitor.actor, entry, handle, now)):
        raise missing("This number is not blocked.")
    return web.Response(status=204)


def _handle(request: web.Request) -> str:
    handle = directory_of(request).handle(request.match_info["handle"])
    if not handle:
        errors = [FieldError("handle", "This is no phone number.")]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    return handle
