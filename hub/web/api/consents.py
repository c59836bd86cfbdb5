"""What people agreed to and what they do not want, for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, StringConstraints
from sqlalchemy import Connection

from hub import timeline
from hub.calls import consents
from hub.calls.consents import Consent, Purpose
from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.contacts import directory_of
from hub.web.api.endpoint import Endpoints, Id, Shape, answer, missing
from hub.web.keys import SERVICE

endpoints = Endpoints()

_PATH = "/api/v1/consents/{handle}"


class ConsentOut(BaseModel):
    """What somebody said. `purpose` is call or record; `given` false means: she does not want it."""

    handle: str
    purpose: Purpose
    given: bool
    evidence: str
    interaction: str | None = None
    at: datetime


class ConsentList(BaseModel):
    """By purpose."""

    items: list[ConsentOut]


class ConsentIn(Shape):
    """What she said, and how we know."""

    given: bool
    evidence: Annotated[str, StringConstraints(max_length=1000, strip_whitespace=True)] = ""
    interaction: Id | None = None


@endpoints.add("GET", _PATH, returns=ConsentList)
async def list_consents(request: web.Request, visitor: Visitor) -> web.Response:
    """What the person at a number or address agreed to, or does not want."""
    handle = _handle(request)
    found = await request.app[SERVICE].store.read(lambda conn: consents.of(conn, handle))
    return answer(ConsentList(items=[_shown(each) for each in found]))


@endpoints.add("PUT", _PATH + "/{purpose}", returns=ConsentOut, scope=Scope.WRITE)
async def write_consent(request: web.Request, visitor: Visitor, body: ConsentIn) -> web.Response:
    """Write down what she said. It replaces what she said before."""
    service, handle, purpose = request.app[SERVICE], _handle(request), _purpose(request)
    interaction = int(body.interaction) if body.interaction else None
    said = Consent(handle, purpose, body.given, body.evidence, interaction, visitor.actor.record, datetime.now(UTC))

    def work(conn: Connection) -> bool:
        if interaction is not None and timeline.one(conn, visitor.actor, interaction) is None:
            return False
        consents.write(conn, visitor.actor, service.store.ids, said)
        return True

    if not await service.store.write(work):
        raise missing("There is no such interaction, or it is not open to you.")
    service.recordings.look()
    return answer(_shown(said))


@endpoints.add("DELETE", _PATH + "/{purpose}", returns=None, scope=Scope.WRITE, status=204)
async def forget_consent(request: web.Request, visitor: Visitor) -> web.Response:
    """Forget what she said: nothing is known then."""
    store, handle, purpose = request.app[SERVICE].store, _handle(request), _purpose(request)
    now = datetime.now(UTC)
    if not await store.write(lambda conn: consents.forget(conn, visitor.actor, store.ids, handle, purpose, now)):
        raise missing("Nothing is known of that.")
    return web.Response(status=204)


def _handle(request: web.Request) -> str:
    handle = directory_of(request).handle(request.match_info["handle"])
    if handle is None:
        raise missing("This is neither a phone number nor a mail address.")
    return handle


def _purpose(request: web.Request) -> Purpose:
    try:
        return Purpose(request.match_info["purpose"])
    except ValueError:
        raise missing(f"There is no such purpose. There are: {', '.join(Purpose)}.") from None


def _shown(said: Consent) -> ConsentOut:
    interaction = str(said.interaction_id) if said.interaction_id is not None else None
    return ConsentOut(
        handle=said.handle,
        purpose=said.purpose,
        given=said.given,
        evidence=said.evidence,
        interaction=interaction,
        at=said.at,
    )
