"""The editor of a query: what it would have caught while it is written."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from hub.mentions.preview import Preview
from hub.mentions.queries import Unknown
from hub.mentions.query import QueryError
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import frame
from hub.web.pages.watch import around, outside, worker
from hub.web.pages.watch_drawing import columns


async def edit(request: web.Request) -> web.Response:
    """The editor of a query, or of a new one."""
    worker(request)
    stored = None
    if "id" in request.match_info:
        try:
            stored = await request.app[SERVICE].watch.query(frame.record_id(request))
        except Unknown as error:
            raise web.HTTPNotFound from error
    return await frame.page(request, "watch/query.html", "watch", query=stored, agents=frame.agents(request))


async def tried(request: web.Request) -> web.Response:
    """What the text in the editor would have caught, or where it is wrong."""
    frame.known(request)
    speaks = frame.reader(request)
    text = str((await request.post()).get("text", ""))[:4_000].replace("\r\n", "\n")
    if not text.strip():
        return frame.fragment(request, "watch/_tried.html", reader=speaks, found=None, wrong=None)
    try:
        found = await request.app[SERVICE].watch.preview(text, ZoneInfo(speaks.timezone))
    except QueryError as error:
        end = error.place + max(1, error.length)
        parts = text[: error.place], text[error.place : end], text[end:]
        return frame.fragment(request, "watch/_tried.html", reader=speaks, found=None, wrong=error, parts=parts)
    sample = [
        (each, around(each.text or each.title, [(s.start, s.end) for s in each.spans if s.field == _field(each.text)]))
        for each in found.sample
    ]
    return frame.fragment(
        request,
        "watch/_tried.html",
        reader=speaks,
        found=found,
        wrong=None,
        sample=sample,
        outside=outside,
        drawn=_days(speaks, found),
    )


def _field(text: str) -> str:
    return "text" if text else "title"


def _days(speaks: Reader, found: Preview) -> list[tuple[str, int, int, int]]:
    """Day, number, top and height of each bar."""
    highest = max(found.by_day.values(), default=0)
    last = speaks.local(speaks.now).date()
    days = [last - timedelta(days=back) for back in range(found.days, -1, -1)]
    counts = [(day, found.by_day.get(day, 0)) for day in days]
    return [(speaks.full_date(day), count, *columns(count, highest, 60)) for day, count in counts]
