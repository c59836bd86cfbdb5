"""Bookings as a list, one of them with all that may be done with it, and a meeting that is booked for a contact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from hub.booking.bookings import Filter
from hub.booking.states import BookingView, Refused, State
from hub.privacy.visibility import Actor, Authority
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import calendar_words, frame
from hub.web.pages.calendar import hers, show
from hub.web.pages.calendar_words import Agents

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A booking in words. *mine*: who looks may change it."""

    view: BookingView
    words: str
    tone: str
    day: str
    hours: str
    theirs: str
    hosts: str
    why: tuple[str, ...]
    written: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, str], ...]
    asked: bool
    over: bool
    ended: bool
    mine: bool
    minutes: int


def row(speaks: Reader, view: BookingView, agents: Agents, who: Actor) -> Row:
    """*view* as its line shows it."""
    words, tone = calendar_words.state(speaks, view)
    theirs = hers(view, speaks)
    apart = theirs.clock(view.starts_at) if theirs else ""
    if theirs and theirs.local(view.starts_at).date() != speaks.local(view.starts_at).date():
        apart = f"{theirs.weekday(theirs.local(view.starts_at).date())}, {apart}"
    city = view.zone.rpartition("/")[2].replace("_", " ")
    leads = who.authority in (Authority.ADMIN, Authority.MANAGER)
    return Row(
        view=view,
        words=words,
        tone=tone,
        day=speaks.weekday(speaks.local(view.starts_at).date()),
        hours=f"{speaks.clock(view.starts_at)}–{speaks.clock(view.ends_at)}",
        theirs=speaks.gettext("%(when)s for her (%(city)s)") % {"when": apart, "city": city} if apart else "",
        hosts=", ".join(calendar_words.name_of(agents, each) for each in view.hosts),
        why=tuple(said for each in view.why if (said := calendar_words.chosen(speaks, each, agents))),
        written=tuple(calendar_words.written(speaks, view, agents)),
        answers=tuple((name, _text(value)) for name, value in view.answers.items() if not name.startswith("_")),
        asked=view.state is State.ASKED,
        over=view.starts_at <= speaks.now,
        ended=view.state not in (State.ASKED, State.CONFIRMED),
        mine=leads or who.agent in view.hosts,
        minutes=int((view.ends_at - view.starts_at).total_seconds() // 60),
    )


def _text(value: object) -> str:
    return ", ".join(str(each) for each in value) if isinstance(value, list | tuple) else str(value)


async def bookings(request: web.Request) -> web.Response:
    """What comes, what is asked, what was; one's own, or everybody's."""
    speaks, who = frame.reader(request), frame.actor(request)
    which = request.query.get("show", "coming")
    which = which if which in ("coming", "asked", "past") else "coming"
    mine = request.query.get("of", "me" if who.agent else "all") == "me"
    host = who.agent if mine else ""
    every = request.app[SERVICE].bookings
    coming = await every.listed(Filter(since=speaks.now, host=host, limit=SHOWN))
    asked = [each for each in coming if each.state is State.ASKED]
    found = {"coming": coming, "asked": asked}.get(which)
    if found is None:
        states = (State.CONFIRMED, State.CANCELLED, State.DECLINED)
        found = await every.listed(Filter(until=speaks.now, host=host, states=states, newest_first=True, limit=SHOWN))
    agents = frame.agents(request)
    rows = [row(speaks, each, agents, who) for each in found]
    days: list[tuple[str, list[Row]]] = []
    for each in rows:
        if not days or days[-1][0] != each.day:
            days.append((each.day, []))
        days[-1][1].append(each)
    return await show(
        request, "bookings", "calendar/_bookings.html", days=days, which=which, mine=mine, asked=len(asked)
    )


async def one(request: web.Request) -> web.Response:
    """One booking with all that is known of it."""
    return await show(request, "bookings", "calendar/_booking.html", row=await _found(request))


DEEDS = ("move", "cancel", "decline", "reassign", "propose", "no-show")


async def deed(request: web.Request) -> web.Response:
    """The dialog that asks once more, and for what else is needed, before something is done with a booking."""
    frame.writer(request)
    what = request.match_info["deed"]
    if what not in DEEDS:
        raise web.HTTPNotFound
    found, speaks = await _found(request), frame.reader(request)
    agents = frame.agents(request)
    return frame.fragment(
        request,
        "calendar/_deed.html",
        reader=speaks,
        row=found,
        deed=what,
        at=speaks.local(found.view.starts_at).strftime("%Y-%m-%dT%H:%M"),
        others=[each for id, each in agents.items() if id not in found.view.hosts],
    )


async def _found(request: web.Request) -> Row:
    try:
        view = await request.app[SERVICE].bookings.get(frame.record_id(request))
    except Refused as error:
        raise web.HTTPNotFound from error
    return row(frame.reader(request), view, frame.agents(request), frame.actor(request))


async def meet(request: web.Request) -> web.Response:
    """The dialog that books a meeting for a contact, or makes a link with which she does it herself."""
    frame.writer(request)
    service = request.app[SERVICE]
    context: dict[str, Any] = {"contact": frame.number(request.query.get("contact", "")), "name": ""}
    context["name"] = request.query.get("name", "")
    types = await service.event_types.listed()
    chosen = request.query.get("type", "")
    return frame.fragment(request, "calendar/_meet.html", types=types, chosen=chosen, **context)
