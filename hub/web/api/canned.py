"""Canned answers and signatures, for programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import sqlalchemy as sa
from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from hub import audit
from hub.letters import canned, signatures
from hub.letters.canned import Canned
from hub.letters.placeholders import NAMES
from hub.letters.post import NotOpen, writer
from hub.privacy.visibility import Scope
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Id, Shape, answer, missing, record_id
from hub.web.keys import SERVICE
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(max_length=50, strip_whitespace=True)]
Body = Annotated[str, StringConstraints(min_length=1, max_length=100_000)]
DEFAULT = "default"
"""The signature for all sources without one of their own."""


class CannedOut(BaseModel):
    """An answer to choose. `mine` is one that nobody else sees; `uses` is how often it was sent."""

    id: str
    title: str
    body: str
    shortcut: str
    language: str
    team: str
    mine: bool
    uses: int
    updated_at: datetime


class CannedList(BaseModel):
    """The most used first; `gaps` are the names that may stand in double braces."""

    items: list[CannedOut]
    gaps: list[str]


class CannedIn(Shape):
    """A new answer."""

    title: Title
    body: Body
    shortcut: Word = ""
    language: Word = ""
    team: Word = ""
    mine: bool = False


class CannedChange(Shape):
    """What is to be otherwise."""

    title: Title | None = None
    body: Body | None = None
    shortcut: Word | None = None
    language: Word | None = None
    team: Word | None = None
    mine: bool | None = None


class CannedQuery(Shape):
    """Which answers."""

    q: str = Field("", max_length=200, description="Every word, in title, shortcut or body")
    conversation: Id | None = Field(None, description="Fill the gaps for this conversation")


class SuggestionOut(BaseModel):
    """An answer that was sent for messages like the latest one: `text` is filled in, `words` are what they have in
    common, `uses` how many there were, `why` says both in English."""

    canned: str
    title: str
    text: str
    score: float
    uses: int
    words: list[str]
    why: str


class Suggestions(BaseModel):
    """The best first."""

    items: list[SuggestionOut]


class Filled(BaseModel):
    """An answer with its gaps filled; what nothing fills stays in double braces."""

    text: str


class Signature(BaseModel):
    """What stands under her mails from a source; "" is nothing."""

    text: str


class SignatureIn(Shape):
    """The new text."""

    text: Annotated[str, StringConstraints(max_length=5000)]


@endpoints.add("GET", "/api/v1/conversations/{id}/suggestions", returns=Suggestions)
async def list_suggestions(request: web.Request, visitor: Visitor) -> web.Response:
    """Canned answers that were sent for messages like the latest one that came in."""
    try:
        found = await request.app[SERVICE].letters.suggestions(visitor.actor, record_id(request))
    except NotOpen as error:
        raise missing() from error
    return answer(
        Suggestions(
            items=[
                SuggestionOut(
                    canned=str(each.canned.id),
                    title=each.canned.title,
                    text=each.text,
                    score=each.score,
                    uses=each.uses,
                    words=list(each.words),
                    why=_why(each.uses, each.words),
                )
                for each in found
            ]
        )
    )


@endpoints.add("GET", "/api/v1/canned", returns=CannedList)
async def list_canned(request: web.Request, visitor: Visitor, query: CannedQuery) -> web.Response:
    """The answers that she may use."""
    agent = writer(visitor.actor)
    found = await request.app[SERVICE].store.read(lambda conn: canned.listed(conn, agent, query.q))
    return answer(CannedList(items=[_shown(each) for each in found], gaps=list(NAMES)))


@endpoints.add("GET", "/api/v1/canned/{id}", returns=Filled)
async def fill_canned(request: web.Request, visitor: Visitor, query: CannedQuery) -> web.Response:
    """The text of an answer, its gaps filled for a conversation."""
    if query.conversation is None:
        errors = [FieldError("conversation", "Say for which conversation.")]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    text = await request.app[SERVICE].letters.filled(visitor.actor, int(query.conversation), record_id(request))
    if text is None:
        raise missing()
    return answer(Filled(text=text))


@endpoints.add("POST", "/api/v1/canned", returns=CannedOut, scope=Scope.WRITE, status=201)
async def add_canned(request: web.Request, visitor: Visitor, body: CannedIn) -> web.Response:
    """Add an answer, for everybody or for herself."""
    store, agent = request.app[SERVICE].store, writer(visitor.actor)
    given = body.model_dump(exclude={"mine"})
    made = Canned(id=store.ids(), owner=agent if body.mine else "", updated_at=datetime.now(UTC), **given)
    await _noted(request, visitor, "canned.create", made.id, lambda conn: canned.add(conn, made))
    return answer(_shown(made), 201)


@endpoints.add("PATCH", "/api/v1/canned/{id}", returns=CannedOut, scope=Scope.WRITE)
async def change_canned(request: web.Request, visitor: Visitor, body: CannedChange) -> web.Response:
    """Change an answer."""
    old = await _found(request, visitor)
    given = {name: value for name, value in body.model_dump(exclude={"mine"}).items() if value is not None}
    if body.mine is not None:
        given["owner"] = writer(visitor.actor) if body.mine else ""
    new = replace(old, **given, updated_at=datetime.now(UTC))
    await _noted(request, visitor, "canned.change", new.id, lambda conn: canned.change(conn, new))
    return answer(_shown(new))


@endpoints.add("DELETE", "/api/v1/canned/{id}", returns=None, scope=Scope.WRITE, status=204)
async def remove_canned(request: web.Request, visitor: Visitor) -> web.Response:
    """Forget an answer."""
    old = await _found(request, visitor)
    await _noted(request, visitor, "canned.delete", old.id, lambda conn: canned.remove(conn, old.id))
    return web.Response(status=204)


@endpoints.add("GET", "/api/v1/signatures/{source}", returns=Signature)
async def read_signature(request: web.Request, visitor: Visitor) -> web.Response:
    """Her signature for a source, or with `default` for all without one."""
    source, agent = _source(request), writer(visitor.actor)
    return answer(Signature(text=await request.app[SERVICE].store.read(lambda c: signatures.read(c, agent, source))))


@endpoints.add("PUT", "/api/v1/signatures/{source}", returns=Signature, scope=Scope.WRITE)
async def write_signature(request: web.Request, visitor: Visitor, body: SignatureIn) -> web.Response:
    """Keep her signature; an empty text forgets it."""
    source, agent = _source(request), writer(visitor.actor)
    await request.app[SERVICE].store.write(lambda conn: signatures.write(conn, agent, source, body.text))
    return answer(Signature(text=body.text))


async def _found(request: web.Request, visitor: Visitor) -> Canned:
    canned_id, agent = record_id(request), writer(visitor.actor)
    found = await request.app[SERVICE].store.read(lambda conn: canned.by_id(conn, agent, canned_id))
    if found is None:
        raise missing()
    return found


async def _noted(
    request: web.Request, visitor: Visitor, action: str, canned_id: int, change: Callable[[sa.Connection], None]
) -> None:
    store, now = request.app[SERVICE].store, datetime.now(UTC)
    entry = store.ids()

    def work(conn: sa.Connection) -> None:
        change(conn)
        audit.note(conn, entry, visitor.actor, action, f"canned/{canned_id}", now)

    await store.write(work)


def _source(request: web.Request) -> str:
    source = request.match_info["source"]
    if source == DEFAULT:
        return ""
    if source not in request.app[SERVICE].config.sources:
        raise missing("There is no such source.")
    return source


def _shown(one: Canned) -> CannedOut:
    return CannedOut(
        id=str(one.id),
        title=one.title,
        body=one.body,
        shortcut=one.shortcut,
        language=one.language,
        team=one.team,
        mine=bool(one.owner),
        uses=one.uses,
        updated_at=one.updated_at,
    )


def _why(uses: int, words: tuple[str, ...]) -> str:
    often = "once" if uses == 1 else f"{uses} times"
    return f"Sent {often} for messages with “{', '.join(words)}”"
