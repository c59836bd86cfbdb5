"""Canned answers and signatures, as one keeps them on the settings page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from hub.letters import canned, signatures
from hub.letters.canned import Canned
from hub.letters.placeholders import NAMES
from hub.letters.post import writer
from hub.web.keys import SERVICE
from hub.web.pages import frame


@dataclass(frozen=True, slots=True)
class Signature:
    """What stands under the mails from *source*, "" for all sources without one of their own."""

    source: str
    text: str


async def sections(request: web.Request) -> dict[str, Any]:
    """What the sections show: empty for those who write no letters."""
    service, who = request.app[SERVICE], frame.actor(request)
    if not frame.may_write(request):
        return {"answers": None, "signatures": (), "gaps": ()}

    def work(conn: Connection) -> tuple[list[Canned], list[Signature]]:
        kept = [Signature(each, signatures.read(conn, writer(who), each)) for each in ("", *service.letters.sources)]
        return canned.listed(conn, writer(who)), kept

    answers, kept = await frame.read(request, work)
    return {"answers": answers, "signatures": kept, "gaps": NAMES}


async def one(request: web.Request) -> web.Response:
    """The form of an answer, in a dialog; an empty one for a new answer."""
    who = frame.writer(request)
    answer = None
    if "id" in request.match_info:
        wanted = frame.record_id(request)
        answer = await frame.read(request, lambda conn: canned.by_id(conn, writer(who), wanted))
        if answer is None:
            raise web.HTTPNotFound
    return frame.fragment(request, "settings/_answer.html", answer=answer, gaps=NAMES)


async def answers(request: web.Request) -> web.Response:
    """The list of answers, after something has changed."""
    return frame.fragment(request, "settings/_answers.html", **await sections(request))
