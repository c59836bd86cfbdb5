"""Lists that are called one number after the other: how far each is, and a list with its entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from sqlalchemy import Connection

from hub.dialing import lists
from hub.dialing.lists import EntryView, ListView
from hub.dialing.states import EntryState, ListState
from hub.formats.handles import display
from hub.privacy.visibility import Authority
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import call_words, frame, moments
from hub.web.pages.calls import PAGE, show
from hub.web.pages.dial_words import because


@dataclass(frozen=True, slots=True)
class Shown:
    """A list in words. *mine* may be started by who looks; *over*: nothing is left to call."""

    id: int
    name: str
    agent: str
    words: str
    tone: str
    why: str
    done: int
    total: int
    reached: int
    running: bool
    over: bool
    mine: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody on a list, in words."""

    id: int
    position: int
    name: str
    handle: str
    shown: str
    note: str
    words: str
    tone: str
    why: str
    attempts: int
    interaction: int | None
    calling: bool
    waits: bool


async def all_lists(request: web.Request) -> web.Response:
    """Every list with its progress."""
    speaks = frame.reader(request)
    found = await frame.read(request, lists.listed)
    dials = bool(request.app[SERVICE].dialing.sources)
    shown = [_list(request, speaks, each) for each in found]
    return await show(request, "lists", "calls/_lists.html", rows=shown, dials=dials)


async def one(request: web.Request) -> web.Response:
    """A list and its entries, 50 a page."""
    frame.known(request)
    speaks, list_id = frame.reader(request), frame.record_id(request)
    after = frame.number(request.query.get("after", ""))

    def work(conn: Connection) -> tuple[ListView | None, list[EntryView]]:
        return lists.by_id(conn, list_id), lists.entries_of(conn, list_id, after, PAGE + 1)

    view, found = await frame.read(request, work)
    if view is None:
        raise web.HTTPNotFound
    return await show(
        request,
        "lists",
        "calls/_list.html",
        it=_list(request, speaks, view),
        entries=[_entry(speaks, each) for each in found[:PAGE]],
        next=found[PAGE - 1].position if len(found) > PAGE else 0,
        after=after,
    )


async def new(request: web.Request) -> web.Response:
    """The dialog that makes a list of what one pastes."""
    frame.writer(request)
    return frame.fragment(request, "calls/_new_list.html")


def _list(request: web.Request, speaks: Reader, view: ListView) -> Shown:
    who, agents = frame.actor(request), frame.agents(request)
    said, tone = call_words.of_list(speaks, view.state)
    leads = who.authority in (Authority.ADMIN, Authority.MANAGER)
    return Shown(
        id=view.id,
        name=view.name,
        agent=agents[view.agent].name if view.agent in agents else view.agent,
        words=said,
        tone=tone,
        why=because(speaks, view.reason),
        done=view.done,
        total=view.total,
        reached=view.counts.get(EntryState.REACHED, 0),
        running=view.state is ListState.RUNNING,
        over=view.done == view.total,
        mine=view.agent == who.agent or leads,
        at=view.created_at,
    )


def _entry(speaks: Reader, view: EntryView) -> Entry:
    said, tone = call_words.of_entry(speaks, view.state)
    why = because(speaks, view.reason)
    waits = view.state is EntryState.WAITING
    if waits and view.due_at > speaks.now:
        again = speaks.gettext("again %s") % moments.short(speaks, view.due_at)
        why = " · ".join(part for part in (why, again) if part)
    return Entry(
        id=view.id,
        position=view.position,
        name=view.name,
        handle=view.handle,
        shown=display(view.handle),
        note=view.note,
        words=said,
        tone=tone,
        why=why,
        attempts=view.attempts,
        interaction=view.interaction,
        calling=view.state is EntryState.CALLING,
        waits=waits,
    )
