"""Calls: all of them, those that live, and a call on another phone to be written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from hub.calls import live as live_calls
from hub.calls.live import LiveCall
from hub.formats.handles import display
from hub.store.schema import interactions
from hub.timeline import Item, among
from hub.vocabulary import CallState, Channel, Direction, Kind, Outcome
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import availability, call_words, contacts, entries, frame, words
from hub.web.pages.contacts import Stream, read_place
from hub.web.pages.entries import Entry
from hub.web.pages.parties import names_of, parties

PAGE = 50
MOST_LIVE = 30
ALIVE = tuple(state.value for state in CallState if state is not CallState.ENDED)


@dataclass(frozen=True, slots=True)
class Tab:
    """One view of the calls."""

    name: str
    href: str
    word: str
    icon: str


def tabs(speaks: Reader) -> list[Tab]:
    """The views, in order."""
    t = speaks.gettext
    return [
        Tab("all", "/calls", t("All"), ""),
        Tab("live", "/calls/live", t("Live"), "calls"),
        Tab("missed", "/calls/missed", t("Missed"), "call-missed"),
        Tab("recordings", "/calls/recordings", t("Recordings"), "voicemail"),
        Tab("lists", "/calls/lists", t("Lists"), "people"),
        Tab("plans", "/calls/plans", t("Plans"), "plan"),
    ]


async def show(request: web.Request, tab: str, part: str, **context: Any) -> web.Response:
    """The page of *tab* with *part* in it, or that part alone where the page asks for it anew."""
    speaks = frame.reader(request)
    if frame.is_fragment(request):
        return frame.fragment(request, part, reader=speaks, writes=frame.may_write(request), **context)
    return await frame.page(
        request,
        "calls/calls.html",
        "calls",
        reader=speaks,
        tabs=tabs(speaks),
        tab=tab,
        part=part,
        writes=frame.may_write(request),
        **context,
    )


async def calls(request: web.Request) -> web.Response:
    """The calls of everybody, newest first; `only=missed` shows those that nobody took."""
    who, agents, speaks = frame.actor(request), frame.agents(request), frame.reader(request)
    missed = request.query.get("only") == "missed"
    beyond = read_place(request.query.get("after", ""))
    call = interactions.c.kind == Kind.CALL.value
    past = call & interactions.c.state.not_in(ALIVE)
    if missed:
        past &= interactions.c.outcome.in_((Outcome.MISSED.value, Outcome.VOICEMAIL.value))
        past &= interactions.c.direction == Direction.INBOUND.value

    def work(conn: Connection) -> tuple[list[Entry], Stream]:
        live: list[Item] = []
        if beyond is None:
            live = among(conn, who, call & interactions.c.state.in_(ALIVE), MOST_LIVE)
        people = parties(conn, [item.id for item in live], agents)
        over = among(conn, who, past, PAGE + 1, beyond)
        return (
            [entries.entry(speaks, item, people[item.id], names_of(agents.values())) for item in live],
            contacts.lines(conn, speaks, agents, over, PAGE),
        )

    live, stream = await frame.read(request, work)
    part = "calls/_page.html" if beyond and frame.is_fragment(request) else "calls/_all.html"
    return await show(request, "all", part, live=live, stream=stream, missed=missed)


# --- what lives -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone of a live call."""

    name: str
    words: str
    tone: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Live:
    """A call that is not over, in words."""

    id: int
    icon: str
    sort: str
    who: str
    number: str
    contact_id: int | None
    place: str
    line: str
    queue: str
    words: str
    tone: str
    since: datetime
    phones: tuple[Phone, ...]


async def live(request: web.Request) -> web.Response:
    """Who talks with whom now, who rings, who waits; and how colleagues can be reached."""
    who, speaks, service = frame.actor(request), frame.reader(request), request.app[SERVICE]
    found = await service.store.read(lambda conn: live_calls.live(conn, who, service.ours, speaks.now))
    names = names_of(service.config.agents.values())
    return await show(
        request,
        "live",
        "calls/_live.html",
        calls=[_live(speaks, each, names) for each in found],
        colleagues=await availability.everybodys(request, speaks),
    )


def _live(speaks: Reader, call: LiveCall, names: dict[str, str]) -> Live:
    said, tone = call_words.state(speaks, call.state)
    phones = []
    for leg in call.legs:
        if leg.state is CallState.ENDED:
            continue
        does, sound = call_words.state(speaks, leg.state)
        how = call_words.joined(speaks, leg.joined, "")
        name = names.get(leg.agent) or names.get(leg.phone) or display(leg.phone)
        phones.append(Phone(name, " · ".join(part for part in (does, how) if part), sound, leg.answered_at))
    number = display(call.handle) if call.handle else ""
    return Live(
        id=call.interaction_id,
        icon=words.icon(Kind.CALL, Channel.VOICE, call.direction),
        sort=words.sort_of(speaks, Kind.CALL, Channel.VOICE, call.direction),
        who=call.name or number or speaks.gettext("Number withheld"),
        number=call.handle if call.name else "",
        contact_id=call.contact_id,
        place=words.place(speaks, call.handle) if not call.name else "",
        line=display(call.line) if call.line else "",
        queue=call.queue,
        words=said,
        tone=tone,
        since=call.answered_at or call.started_at,
        phones=tuple(phones),
    )


# --- a call on another phone ----------------------------------------------------------------------------------------

OUTCOMES = (Outcome.COMPLETED, Outcome.NO_ANSWER, Outcome.VOICEMAIL, Outcome.BUSY)


async def log(request: web.Request) -> web.Response:
    """The dialog that writes down a call on another phone; `handle` and `contact` fill it in."""
    frame.writer(request)
    speaks = frame.reader(request)
    t = speaks.gettext
    outcomes = {
        Outcome.COMPLETED: t("We talked"),
        Outcome.NO_ANSWER: t("Nobody answered"),
        Outcome.VOICEMAIL: t("A message was left"),
        Outcome.BUSY: t("It was busy"),
    }
    return frame.fragment(
        request,
        "calls/_log.html",
        reader=speaks,
        handle=display(request.query.get("handle", "")),
        contact=request.query.get("contact", ""),
        name=request.query.get("name", ""),
        outcomes=[(each, outcomes[each]) for each in OUTCOMES],
        at=speaks.local(speaks.now).strftime("%Y-%m-%dT%H:%M"),
    )
