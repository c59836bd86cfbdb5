"""The files of chats, and what a message said before it was edited."""

from __future__ import annotations

import asyncio
from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub import timeline
from hub.files import kinds, rows
from hub.files.rows import Kept
from hub.files.states import State
from hub.formats.filenames import attachment_header
from hub.privacy.visibility import Actor, readable
from hub.timeline import Item
from hub.vocabulary import Level
from hub.web.access import Visitor
from hub.web.api.endpoint import Endpoints, Shape, answer, missing, record_id
from hub.web.keys import SERVICE
from hub.wordings import wordings

endpoints = Endpoints()


class FileQuery(Shape):
    """How the file is wanted."""

    inline: str | None = Field(None, description="Present: as it stands on a page, where it is a picture or a sound")


class WordingOut(BaseModel):
    """What it said from a time on."""

    text: str
    at: datetime


class Wordings(BaseModel):
    """What a message has said, oldest first; the last is what it says now."""

    items: list[WordingOut]


@endpoints.add("GET", "/api/v1/interactions/{id}/files/{n}", returns=None)
async def read_file(request: web.Request, visitor: Visitor, query: FileQuery) -> web.StreamResponse:
    """A file that came with a message of a chat, counted from 0; one Range (RFC 9110, section 14) is answered in part.

    It is sent to be kept, as bytes. With `inline` pictures and sounds of kinds that hold no scripts are sent as what
    they are, whatever their sender calls them. 404 also where it is not here (yet).
    """
    store, interaction_id = request.app[SERVICE].store, record_id(request)
    place = request.match_info["n"]
    if not (place.isascii() and place.isdigit() and len(place) < 6):
        raise missing()

    def work(conn: Connection) -> tuple[Kept, bytes] | None:
        item = _open(conn, visitor.actor, interaction_id)
        one = rows.one(conn, interaction_id, int(place)) if item else None
        data = store.blobs.read(conn, one.blob) if one is not None and one.state is State.HERE else None
        return (one, data) if one is not None and data is not None else None

    found = await store.read(work)
    if found is None:
        raise missing("There is no such file, or it is not open to you.")
    one, data = found
    kind = await asyncio.to_thread(kinds.shown_as, data, one.media_type) if query.inline is not None else ""
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, max-age=3600",
        "Accept-Ranges": "bytes",
        "Content-Type": kind or "application/octet-stream",
        "Content-Disposition": "inline" if kind else attachment_header(one.name or f"file-{place}"),
    }
    try:
        wanted = request.http_range
    except ValueError:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
    if wanted.start is None and wanted.stop is None:
        return web.Response(body=data, headers=headers)
    first, last, _ = wanted.indices(len(data))
    if first >= last:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {first}-{last - 1}/{len(data)}"
    return web.Response(status=206, body=data[first:last], headers=headers)


@endpoints.add("GET", "/api/v1/interactions/{id}/wordings", returns=Wordings)
async def read_wordings(request: web.Request, visitor: Visitor) -> web.Response:
    """What a message or a post has said before it was edited, for those who may read all of it. Of what its writer
    took back there is nothing."""
    interaction_id = record_id(request)

    found = await request.app[SERVICE].store.read(lambda conn: wordings(conn, visitor.actor, interaction_id))
    if found is None:
        raise missing("There is no such interaction, or it is not open to you.")
    return answer(Wordings(items=[WordingOut(text=each.text, at=each.at) for each in found]))


def _open(conn: Connection, actor: Actor, interaction_id: int) -> Item | None:
    """The interaction, where *actor* may read all of it."""
    item = timeline.one(conn, actor, interaction_id)
    return item if item is not None and readable(item.level, Level.ALL) else None
