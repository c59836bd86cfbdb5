"""Lists that an agent calls one after the other, for programs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Annotated, Any

import sqlalchemy as sa
from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from hub import audit
from hub.dialing import lists
from hub.dialing.lists import BadList, BadRow, Entry, EntryView, ListView
from hub.dialing.states import EntryState, ListState
from hub.privacy.visibility import Actor, Authority, Scope
from hub.web.access import Visitor
from hub.web.api.dials import Name, Number, caller
from hub.web.api.endpoint import Endpoints, Id, Shape, answer, missing, record_id
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages.dial_words import because
from hub.web.pages.frame import reader
from hub.web.problems import FieldError, Problem

endpoints = Endpoints()

PAGE = 200

Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class DialListOut(BaseModel):
    """A list. `state` is `paused`, `running` or `done`, `reason` why it stands still where something stopped it.
    `counts` are its entries by state; `done` of `total` need nothing more. `mine` may be started by who asks."""

    id: str
    name: str
    agent: str
    state: ListState
    reason: str | None = None
    line: str
    source: str
    attempts: int
    retry_minutes: int
    created_at: datetime
    total: int
    done: int
    counts: dict[EntryState, int]
    mine: bool


class DialListsOut(BaseModel):
    """The lists, the newest first."""

    items: list[DialListOut]


class RowOut(BaseModel):
    """A row that was left out: its line in the file, or its place among the contacts, and why."""

    line: int
    reason: str


class DialListMade(DialListOut):
    """A new list, and what was left out of it."""

    refused: list[RowOut]


class EntryOut(BaseModel):
    """Somebody on a list. `due_at`: not called before. `reason` why it waits, or was not reached; `dial` and
    `interaction` are the latest call to it."""

    id: str
    position: int
    handle: str
    name: str
    note: str
    state: EntryState
    attempts: int
    due_at: datetime
    reason: str | None = None
    dial: str | None = None
    interaction: str | None = None
    changed_at: datetime


class DialListPage(DialListOut):
    """A list with its entries in order; `next` is the `after` of the next page, and absent on the last one."""

    entries: list[EntryOut]
    next: int | None = None


class DialListIn(Shape):
    """A new list, paused: of a CSV file's text (columns number, name and note), or of contacts, or both. `agent` is who
    calls, without it who asks."""

    name: Title
    agent: Name = ""
    csv: Annotated[str, StringConstraints(max_length=1_000_000)] = ""
    contacts: list[Id] = Field(default=[], max_length=lists.MOST)
    line: Number = ""
    source: Name = ""
    attempts: int = Field(3, ge=1, le=20)
    retry_minutes: int = Field(60, ge=1, le=10_080)


class PageQuery(Shape):
    """Which entries."""

    after: int = Field(0, ge=0, description="Those beyond this position")


class SkipQuery(Shape):
    """Which entry."""

    entry: Id | None = Field(None, description="Without it the next one that waits")


@endpoints.add("GET", "/api/v1/dial-lists", returns=DialListsOut)
async def list_dial_lists(request: web.Request, visitor: Visitor) -> web.Response:
    """The lists and how far they are."""
    speaks = reader(request)
    found = await request.app[SERVICE].store.read(lists.listed)
    return answer(DialListsOut(items=[DialListOut(**_shown(each, visitor.actor, speaks)) for each in found]))


@endpoints.add("POST", "/api/v1/dial-lists", returns=DialListMade, scope=Scope.WRITE, status=201)
async def add_dial_list(request: web.Request, visitor: Visitor, body: DialListIn) -> web.Response:
    """Make a list. It is called once somebody starts it."""
    service = request.app[SERVICE]
    agent = body.agent or caller(visitor.actor)
    _check(service.config.agents, "agent", agent)
    if body.source:
        _check(service.dialing.sources, "source", body.source)
    if agent != visitor.actor.agent and not _leads(visitor.actor):
        raise Problem(403, "not-allowed", "Only a manager makes lists for others.")
    read, bad = await _rows(body.csv, service.dialing.handle)
    entry, now = service.store.ids(), datetime.now(UTC)
    list_id = service.store.ids()

    def work(conn: sa.Connection) -> tuple[ListView, list[BadRow]]:
        people, unknown = lists.of_contacts(conn, [int(each) for each in body.contacts])
        given = {each.handle: each for each in (*read, *people)}
        view = _list(body, list_id, agent, now)
        if not given:
            return view, [*bad, *unknown]
        lists.add(conn, view, given.values(), service.store.ids)
        audit.note(conn, entry, visitor.actor, "dial-list.create", f"dial-list/{list_id}", now)
        return lists.by_id(conn, list_id) or view, [*bad, *unknown]

    view, refused = await service.store.write(work)
    if not view.total:
        errors = [FieldError("csv" if body.csv else "contacts", "There is no number in it that can be called.")]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)
    rows = [RowOut(line=each.line, reason=each.reason) for each in refused]
    return answer(DialListMade(**_shown(view, visitor.actor, reader(request)), refused=rows), 201)


@endpoints.add("GET", "/api/v1/dial-lists/{id}", returns=DialListPage)
async def read_dial_list(request: web.Request, visitor: Visitor, query: PageQuery) -> web.Response:
    """A list and its entries."""
    list_id, speaks = record_id(request), reader(request)

    def work(conn: sa.Connection) -> tuple[ListView | None, list[EntryView]]:
        return lists.by_id(conn, list_id), lists.entries_of(conn, list_id, query.after, PAGE + 1)

    view, found = await request.app[SERVICE].store.read(work)
    if view is None:
        raise missing()
    entries = [_entry(each, speaks) for each in found[:PAGE]]
    beyond = entries[-1].position if len(found) > PAGE else None
    return answer(DialListPage(**_shown(view, visitor.actor, speaks), entries=entries, next=beyond))


@endpoints.add("POST", "/api/v1/dial-lists/{id}/start", returns=DialListOut, scope=Scope.WRITE)
async def start_dial_list(request: web.Request, visitor: Visitor) -> web.Response:
    """Call it, or go on. 409 where another list of the same agent is running, or nothing is left to call."""
    return await _changed(request, visitor, "dial-list.start", lists.start)


@endpoints.add("POST", "/api/v1/dial-lists/{id}/pause", returns=DialListOut, scope=Scope.WRITE)
async def pause_dial_list(request: web.Request, visitor: Visitor) -> web.Response:
    """Begin no further call. One that is under way goes on."""

    def pause(conn: sa.Connection, view: ListView) -> None:
        if view.state is ListState.RUNNING:
            lists.move(conn, view.id, ListState.PAUSED)

    return await _changed(request, visitor, "dial-list.pause", pause)


@endpoints.add("POST", "/api/v1/dial-lists/{id}/skip", returns=DialListOut, scope=Scope.WRITE)
async def skip_dial_list(request: web.Request, visitor: Visitor, query: SkipQuery) -> web.Response:
    """Do not call the next entry that waits, or that one. 409 where none waits."""

    def skip(conn: sa.Connection, view: ListView) -> None:
        if not lists.skip(conn, view.id, datetime.now(UTC), int(query.entry) if query.entry else None):
            raise BadList("Nothing waits here to be skipped.")

    return await _changed(request, visitor, "dial-list.skip", skip)


@endpoints.add("DELETE", "/api/v1/dial-lists/{id}", returns=None, scope=Scope.WRITE, status=204)
async def remove_dial_list(request: web.Request, visitor: Visitor) -> web.Response:
    """Forget a list. What was called stays on the timelines. 409 while it is being called."""

    def remove(conn: sa.Connection, view: ListView) -> None:
        if view.state is ListState.RUNNING or view.counts.get(EntryState.CALLING):
            raise BadList("It is being called. Pause it, and let the call end.")
        lists.remove(conn, view.id)

    await _changed(request, visitor, "dial-list.delete", remove)
    return web.Response(status=204)


async def _changed(
    request: web.Request, visitor: Visitor, action: str, change: Callable[[sa.Connection, ListView], None]
) -> web.Response:
    service, list_id, now = request.app[SERVICE], record_id(request), datetime.now(UTC)
    entry = service.store.ids()

    def work(conn: sa.Connection) -> ListView | None:
        view = lists.by_id(conn, list_id)
        if view is None:
            return None
        if not _may(visitor.actor, view):
            raise Problem(403, "not-allowed", "This list is somebody else's.")
        change(conn, view)
        audit.note(conn, entry, visitor.actor, action, f"dial-list/{list_id}", now)
        return lists.by_id(conn, list_id) or view

    try:
        view = await service.store.write(work)
    except BadList as error:
        raise Problem(409, "cannot-change-list", str(error)) from error
    if view is None:
        raise missing()
    service.dial_lists.tell(view)
    service.dial_lists.look()
    return answer(DialListOut(**_shown(view, visitor.actor, reader(request))))


async def _rows(text: str, handle: Callable[[str], str]) -> tuple[list[Entry], list[BadRow]]:
    """What a CSV file's text holds, read in a thread: a long one takes a second."""
    try:
        return await asyncio.to_thread(lists.read_csv, text, handle)
    except BadList as error:
        errors = [FieldError("csv", str(error))]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors) from error


def _check(known: Collection[str], field: str, name: str) -> None:
    if name not in known:
        errors = [FieldError(field, f'There is no {field} "{name}" that can call.')]
        raise Problem(422, "invalid", "Some fields cannot be taken as they are.", errors=errors)


def _leads(actor: Actor) -> bool:
    return actor.authority in (Authority.ADMIN, Authority.MANAGER)


def _may(actor: Actor, view: ListView) -> bool:
    return view.agent == actor.agent or _leads(actor)


def _list(body: DialListIn, list_id: int, agent: str, now: datetime) -> ListView:
    return ListView(
        id=list_id,
        name=body.name,
        agent=agent,
        state=ListState.PAUSED,
        line=body.line,
        source=body.source,
        attempts=body.attempts,
        retry_minutes=body.retry_minutes,
        reason="",
        created_at=now,
        counts={},
    )


def _shown(view: ListView, actor: Actor, speaks: Reader) -> dict[str, Any]:
    return {
        "id": str(view.id),
        "name": view.name,
        "agent": view.agent,
        "state": view.state,
        "reason": because(speaks, view.reason) or None,
        "line": view.line,
        "source": view.source,
        "attempts": view.attempts,
        "retry_minutes": view.retry_minutes,
        "created_at": view.created_at,
        "total": view.total,
        "done": view.done,
        "counts": dict(view.counts),
        "mine": _may(actor, view),
    }


def _entry(view: EntryView, speaks: Reader) -> EntryOut:
    return EntryOut(
        id=str(view.id),
        position=view.position,
        handle=view.handle,
        name=view.name,
        note=view.note,
        state=view.state,
        attempts=view.attempts,
        due_at=view.due_at,
        reason=because(speaks, view.reason) or None,
        dial=str(view.dial) if view.dial else None,
        interaction=str(view.interaction) if view.interaction else None,
        changed_at=view.changed_at,
    )
