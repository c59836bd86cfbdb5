"""Search from everywhere: people, numbers in any spelling, conversations."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import Connection

from hub.formats.handles import display
from hub.inbox.listing import Row, Wanted, page
from hub.web.pages import frame, words
from hub.web.pages.inbox import rows

PEOPLE = 6
CONVERSATIONS = 5


async def search(request: web.Request) -> web.Response:
    """What the palette finds for `q`."""
    who, agents, speaks = frame.actor(request), frame.agents(request), frame.reader(request)
    q = request.query.get("q", "").strip()
    if not q:
        return frame.fragment(request, "found.html", reader=speaks, q="", people=(), rows=(), number="", place="")
    directory = frame.directory(request)
    people = (await directory.search(who, q, limit=PEOPLE)).contacts
    handle = directory.handle(q) or ""
    named = tuple(each.id for each in people)

    def work(conn: Connection) -> tuple[Row, ...]:
        return page(conn, who, Wanted(q=q, people=named, limit=CONVERSATIONS), agents).rows

    found = await frame.read(request, work)
    unknown = handle if handle and not people else ""
    return frame.fragment(
        request,
        "found.html",
        reader=speaks,
        q=q,
        people=people,
        rows=rows(speaks, found, agents, request),
        number=unknown,
        place=words.place(speaks, unknown) if unknown else "",
        display=display,
    )
