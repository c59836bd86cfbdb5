"""Now: what rings, what waits, what was promised, who is not known yet, and which sources need somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web
from sqlalchemy import Connection

from hub.booking.bookings import Filter
from hub.formats.handles import display
from hub.inbox.listing import Row as Conversation
from hub.inbox.listing import State, Wanted, page
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import alerts, frame, words
from hub.web.pages.calendar_bookings import row as booking
from hub.web.pages.inbox import Row, rows
from hub.web.pages.sources import RED, Source, listed
from hub.web.pages.tasks import Promise, promises

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Stranger:
    """An address nobody knows yet: what it did last, and who it may be."""

    handle: str
    shown: str
    place: str
    said: str
    row: Row
    candidates: tuple[tuple[int, str, str], ...]


async def now(request: web.Request) -> web.Response:
    """The first page of the day."""
    who, agents, speaks = frame.actor(request), frame.agents(request), frame.reader(request)

    names = {id: agent.name for id, agent in agents.items()}

    def work(conn: Connection) -> tuple[list[Conversation], list[Conversation], list[Source], list[Promise]]:
        waits = list(page(conn, who, Wanted(states=(State.OPEN,), waiting=True, limit=SHOWN + 1), agents).rows)
        unknown = page(conn, who, Wanted(unknown=True, limit=SHOWN * 3), agents).rows
        since = speaks.now - timedelta(days=30)
        fresh = [each for each in unknown if each.at > since]
        mine = promises(conn, who, speaks, names, limit=SHOWN)
        return waits, fresh, listed(conn, request.app[SERVICE].config, speaks), mine

    waits, unknown, found, mine = await frame.read(request, work)
    red = [source for source in found if source.state in RED]
    coming = await request.app[SERVICE].bookings.listed(Filter(since=speaks.now, host=who.agent)) if who.agent else ()
    booked = [
        booking(speaks, each, agents, who) for each in coming if each.state == "asked" or each.conflict or each.overlaps
    ]
    return await frame.page(
        request,
        "now.html",
        "now",
        reader=speaks,
        waits=rows(speaks, waits[:SHOWN], agents, request),
        more=len(waits) > SHOWN,
        strangers=strangers(speaks, unknown, rows(speaks, unknown, agents, request))[:SHOWN],
        red=red,
        promised=mine,
        booked=booked,
        none=not found,
        told=await alerts.block(request, speaks),
    )


def strangers(speaks: Reader, found: list[Conversation], shown: list[Row]) -> list[Stranger]:
    """The addresses behind *found*, each once, the latest first; machines that write to everybody are left out."""
    seen: dict[str, Stranger] = {}
    for conversation, row in zip(found, shown, strict=True):
        party = conversation.parties.outside
        if party is None or not party.handle or party.handle in seen or row.automatic:
            continue
        seen[party.handle] = Stranger(
            party.handle,
            display(party.handle),
            words.place(speaks, party.handle),
            party.said,
            row,
            tuple((each.contact_id, each.name, each.company) for each in party.match.candidates[:3]),
        )
    return list(seen.values())
