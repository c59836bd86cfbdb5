"""People: the list with its search, and a contact's page with its one timeline."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy import Connection

from hub.crm.directory import BadCursor
from hub.crm.records import Card, Clash, Conflict, Draft, Strength, Unknown
from hub.formats.handles import display
from hub.privacy.visibility import Actor
from hub.store.schema import micros, moment
from hub.timeline import Item, Place, Wanted, timeline
from hub.vocabulary import Agent, Kind
from hub.web.i18n import Reader
from hub.web.pages import entries, frame, moments
from hub.web.pages.entries import Day
from hub.web.pages.parties import names_of, parties
from hub.web.pages.tasks import promises

PAGE = 40
TOGGLES = {
    "mail": (Kind.MESSAGE,),
    "calls": (Kind.CALL,),
    "meetings": (Kind.MEETING,),
    "mentions": (Kind.MENTION,),
}


@dataclass(frozen=True, slots=True)
class Stream:
    """A page of a timeline. *next* asks for the one after it, "" at the end; *last* is the last day's key, so that a
    day is not announced twice; *newest* the place of the first item."""

    days: tuple[Day, ...]
    next: str
    last: str
    count: int


# --- the list -------------------------------------------------------------------------------------------------------


async def people(request: web.Request) -> web.Response:
    """Everybody in the Directory by name, or those whom the search finds."""
    frame.known(request)
    q = request.query.get("q", "").strip()
    try:
        found = await frame.directory(request).search(
            frame.actor(request), q, limit=PAGE, cursor=request.query.get("after") or None
        )
    except BadCursor as error:
        raise web.HTTPSeeOther("/contacts") from error
    context: dict[str, Any] = {"q": q, "found": found, "display": display, "more": "after" in request.query}
    if frame.is_fragment(request):
        return frame.fragment(request, "contacts/_rows.html", **context)
    return await frame.page(request, "contacts/list.html", "people", **context)


async def choose(request: web.Request) -> web.Response:
    """A few people for the form that links an address to one of them."""
    frame.known(request)
    q = request.query.get("q", "").strip()
    found = (await frame.directory(request).search(frame.actor(request), q, limit=6)).contacts if q else ()
    return frame.fragment(
        request, "contacts/_choice.html", q=q, found=found, display=display, pop=request.query.get("for") == "pop"
    )


# --- one contact ----------------------------------------------------------------------------------------------------


async def contact(request: web.Request) -> web.Response:
    """The record page: who it is, what is open, and the timeline."""
    card = await _card(request)
    speaks = frame.reader(request)
    stream = await _stream(request, speaks, card.contact.id)
    who, names = frame.actor(request), {id: agent.name for id, agent in frame.agents(request).items()}
    contact_id = card.contact.id
    return await frame.page(
        request,
        "contacts/one.html",
        "people",
        reader=speaks,
        card=card,
        stream=stream,
        seen="",
        removed="",
        display=display,
        agents=frame.agents(request),
        promised=await frame.read(
            request, lambda conn: promises(conn, who, speaks, names, contact_id=contact_id, limit=20)
        ),
        times=moments.choices(speaks),
        writes=frame.may_write(request),
        **_asked(request),
    )


async def contact_timeline(request: web.Request) -> web.Response:
    """The timeline alone: another filter, another search, or the page after `after`."""
    card = await _card(request)
    speaks = frame.reader(request)
    stream = await _stream(request, speaks, card.contact.id)
    template = "timeline/_page.html" if request.query.get("after") else "timeline/_stream.html"
    return frame.fragment(
        request,
        template,
        reader=speaks,
        card=card,
        stream=stream,
        seen=request.query.get("seen", ""),
        **_asked(request),
    )


async def _card(request: web.Request) -> Card:
    frame.known(request)
    try:
        return await frame.directory(request).get(frame.actor(request), frame.record_id(request))
    except Unknown as error:
        raise web.HTTPNotFound from error


def _asked(request: web.Request) -> dict[str, Any]:
    on = [name for name in TOGGLES if name in request.query.getall("kind", [])]
    return {"on": on, "q": request.query.get("q", "").strip()}


async def _stream(request: web.Request, speaks: Reader, contact_id: int) -> Stream:
    who, agents = frame.actor(request), frame.agents(request)
    asked = _asked(request)
    kinds = tuple(kind for name in asked["on"] for kind in TOGGLES[name])
    beyond = read_place(request.query.get("after", ""))
    wanted = Wanted(kinds=kinds, q=asked["q"])
    return await frame.read(request, lambda conn: stream(conn, speaks, who, agents, contact_id, wanted, beyond))


def stream(
    conn: Connection,
    speaks: Reader,
    who: Actor,
    agents: Mapping[str, Agent],
    contact_id: int,
    wanted: Wanted,
    beyond: Place | None = None,
    limit: int = PAGE,
) -> Stream:
    """One page of a contact's timeline as *who* may see it."""
    items = timeline(conn, who, contact_id, wanted, limit + 1, beyond)
    return lines(conn, speaks, agents, items, limit, wanted.q)


def lines(
    conn: Connection, speaks: Reader, agents: Mapping[str, Agent], items: Sequence[Item], limit: int, q: str = ""
) -> Stream:
    """*items*, one more than *limit* where there are further ones, as the lines of a page."""
    shown = items[:limit]
    who = parties(conn, [item.id for item in shown], agents)
    mark, names = entries.pattern(q), names_of(agents.values())
    days = entries.by_day(speaks, [entries.entry(speaks, item, who[item.id], names, mark) for item in shown])
    after = write_place(shown[-1].place) if len(items) > limit else ""
    return Stream(tuple(days), after, days[-1].key if days else "", len(shown))


def write_place(place: tuple[datetime, int]) -> str:
    """A place in a list, for an address."""
    return base64.urlsafe_b64encode(orjson.dumps([micros(place[0]), place[1]])).rstrip(b"=").decode()


def read_place(text: str) -> Place | None:
    """What `write_place` wrote; None for anything else."""
    try:
        at, last = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return moment(int(at)), int(last)
    except (binascii.Error, ValueError, TypeError, OverflowError):
        return None


# --- changing -------------------------------------------------------------------------------------------------------


async def new(request: web.Request) -> web.Response:
    """The dialog that makes a contact; `handle` and `name` fill it in."""
    frame.known(request)
    asked = {name: request.query.get(name, "") for name in ("handle", "name", "company", "title", "then")}
    return frame.fragment(request, "contacts/_new.html", given=asked, wrong={}, display=display)


async def create(request: web.Request) -> web.Response:
    """Make a contact; what its address did before joins its timeline."""
    form = await request.post()
    given = {name: text(form, name) for name in ("handle", "name", "company", "title", "then")}
    t = frame.reader(request).gettext
    wrong: dict[str, str] = {}
    handle = frame.directory(request).handle(given["handle"]) if given["handle"] else None
    if not given["name"]:
        wrong["name"] = t("A contact needs a name.")
    if given["handle"] and handle is None:
        wrong["handle"] = t("This is neither a phone number nor a mail address.")
    if not wrong:
        try:
            made = await frame.directory(request).create(
                frame.writer(request),
                Draft(
                    name=given["name"],
                    company=given["company"],
                    title=given["title"],
                    handles=((handle, Strength.PERSONAL),) if handle else (),
                ),
            )
        except Conflict as error:
            wrong["handle"] = clash(t, error.clashes[0])
        else:
            return done(request, f"/contacts/{made.id}", form)
    return frame.fragment(request, "contacts/_new.html", 422, given=given, wrong=wrong, display=display)


async def link(request: web.Request) -> web.Response:
    """Say that an address belongs to a contact who is there already."""
    form = await request.post()
    contact_id = frame.record_id(request)
    handle = frame.directory(request).handle(text(form, "handle"))
    t = frame.reader(request).gettext
    if handle is None:
        return frame.fragment(
            request, "_wrong.html", 422, wrong=t("This is neither a phone number nor a mail address.")
        )
    shared = Strength.SHARED if form.get("shared") else Strength.PERSONAL
    try:
        await frame.directory(request).link(frame.writer(request), contact_id, handle, shared)
    except Conflict as error:
        return frame.fragment(
            request, "contacts/_share.html", 422, clash=error.clashes[0], id=contact_id, handle=handle, display=display
        )
    except Unknown as error:
        raise web.HTTPNotFound from error
    return done(request, f"/contacts/{contact_id}", form)


async def unlink(request: web.Request) -> web.Response:
    """Take an address away from a contact; what is shown then offers to give it back."""
    form = await request.post()
    handle = text(form, "handle")
    try:
        contact = await frame.directory(request).unlink(frame.writer(request), frame.record_id(request), handle)
    except Unknown as error:
        raise web.HTTPNotFound from error
    return frame.fragment(request, "contacts/_handles.html", contact=contact, removed=handle, display=display)


async def edit(request: web.Request) -> web.Response:
    """The dialog that changes a contact."""
    card = await _card(request)
    return frame.fragment(
        request, "contacts/_edit.html", contact=card.contact, wrong={}, agents=frame.agents(request), display=display
    )


async def change(request: web.Request) -> web.Response:
    """Change what is known of a contact."""
    card = await _card(request)
    form = await request.post()
    names = ("name", "company", "title", "owner", "notes")
    changes = {name: text(form, name) for name in names if name in form}
    t = frame.reader(request).gettext
    if not changes.get("name", "-"):
        return frame.fragment(
            request,
            "contacts/_edit.html",
            422,
            contact=card.contact,
            wrong={"name": t("A contact needs a name.")},
            agents=frame.agents(request),
            display=display,
        )
    await frame.directory(request).change(frame.writer(request), card.contact.id, changes)
    return done(request, f"/contacts/{card.contact.id}", form)


def text(form: MultiDictProxy[Any], name: str) -> str:
    """A field of a form, without blanks around it."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def clash(t: Any, found: Clash) -> str:
    """What stands in the way, in words."""
    if found.reason == "our-own-address":
        return str(t("%s is one of our own addresses.") % display(found.value))
    return str(t("%(value)s already belongs to %(name)s.") % {"value": display(found.value), "name": found.name})


def done(request: web.Request, path: str, form: MultiDictProxy[Any]) -> web.Response:
    """Something has been changed: go to *path*, or show the same page anew where the form said `then=stay`."""
    if not frame.is_fragment(request):
        raise web.HTTPSeeOther(path)
    stay = form.get("then") == "stay"
    return web.Response(status=204, headers={"HX-Refresh": "true"} if stay else {"HX-Redirect": path})
