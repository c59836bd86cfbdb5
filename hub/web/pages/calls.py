"""Calls: what is live now, and what rang lately."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from hub.store.schema import interactions
from hub.timeline import Item, among
from hub.vocabulary import Direction, Kind, Outcome
from hub.web.pages import contacts, entries, frame
from hub.web.pages.contacts import Stream, read_place
from hub.web.pages.entries import Entry
from hub.web.pages.parties import names_of, parties

PAGE = 50
MOST_LIVE = 30


async def calls(request: web.Request) -> web.Response:
    """The calls of everybody, newest first; `only=missed` shows those that nobody took."""
    who, agents, speaks = frame.actor(request), frame.agents(request), frame.reader(request)
    missed = request.query.get("only") == "missed"
    beyond = read_place(request.query.get("after", ""))
    call = interactions.c.kind == Kind.CALL.value
    past = call & interactions.c.state.not_in(("ringing", "answered"))
    if missed:
        past &= interactions.c.outcome.in_((Outcome.MISSED.value, Outcome.VOICEMAIL.value))
        past &= interactions.c.direction == Direction.INBOUND.value

    def work(conn: Connection) -> tuple[list[Entry], Stream]:
        live: list[Item] = []
        if beyond is None:
            live = among(conn, who, call & interactions.c.state.in_(("ringing", "answered")), MOST_LIVE)
        people = parties(conn, [item.id for item in live], agents)
        over = among(conn, who, past, PAGE + 1, beyond)
        return (
            [entries.entry(speaks, item, people[item.id], names_of(agents.values())) for item in live],
            contacts.lines(conn, speaks, agents, over, PAGE),
        )

    live, stream = await frame.read(request, work)
    context: dict[str, Any] = {"live": live, "stream": stream, "missed": missed}
    if frame.is_fragment(request):
        template = "calls/_page.html" if beyond else "calls/_all.html"
        return frame.fragment(request, template, reader=speaks, **context)
    return await frame.page(request, "calls/calls.html", "calls", reader=speaks, **context)
