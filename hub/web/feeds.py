"""Calendars for others: `/calendars/<secret>.ics` and `/freebusy/<secret>`. The secret is the permission; they are only
read. A wrong one is answered 404, as if there were nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from aiohttp import web

from hub.booking.feeds import BadSpan, Document, Feed
from hub.web.keys import SERVICE
from hub.web.problems import Problem

PUBLIC = ("/calendars/", "/freebusy/")
"""Paths at which nobody is asked who she is."""
_NAMED = r"{secret:[A-Za-z0-9_-]{1,200}}"


def add_routes(app: web.Application) -> None:
    """Both addresses."""
    app.router.add_get(rf"/calendars/{_NAMED}.ics", calendar)
    app.router.add_get(rf"/freebusy/{_NAMED}", busy)


async def calendar(request: web.Request) -> web.Response:
    """What lies at a feed's address: an agent's bookings, or when she is busy."""
    return _answer(request, await request.app[SERVICE].feeds.calendar(await _feed(request)))


async def busy(request: web.Request) -> web.Response:
    """When an agent is busy from `start` to `end` (RFC 3339, or as iCalendar writes UTC), as VFREEBUSY."""
    feed = await _feed(request)
    try:
        document = await request.app[SERVICE].feeds.busy(feed, _moment(request, "start"), _moment(request, "end"))
    except BadSpan as error:
        raise Problem(400, "bad-span", str(error)) from error
    return _answer(request, document)


async def _feed(request: web.Request) -> Feed:
    feed = await request.app[SERVICE].feeds.find(request.match_info["secret"])
    if feed is None:
        raise Problem(404, "not-found", "There is no calendar at this address.")
    return feed


def _moment(request: web.Request, name: str) -> datetime | None:
    said = request.query.get(name, "")
    if not said:
        return None
    try:
        # A "+" in a query that nobody encoded arrives as a blank.
        moment = datetime.fromisoformat(said.replace(" ", "+") if "T" in said else said)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Problem(400, "bad-time", f'"{name}" is no time: write 2026-11-23T09:00:00Z.') from error


def _answer(request: web.Request, document: Document) -> web.Response:
    headers = {"Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
    same = any(each.value in ("*", document.etag) for each in request.if_none_match or ())
    if not request.if_none_match and document.changed_at is not None and "If-Modified-Since" in request.headers:
        same = _not_since(request.headers["If-Modified-Since"], document.changed_at)
    answer = (
        web.Response(status=304, headers=headers)
        if same
        else web.Response(body=document.data, content_type="text/calendar", charset="utf-8", headers=headers)
    )
    answer.etag = document.etag
    if document.changed_at is not None:
        answer.last_modified = document.changed_at
    return answer


def _not_since(said: str, changed_at: datetime) -> bool:
    """Whether nothing changed after *said*, an HTTP date (RFC 9110, 13.1.3); one that cannot be read counts as none."""
    try:
        since = parsedate_to_datetime(said)
        return changed_at.replace(microsecond=0) <= since.astimezone(UTC)
    except (ValueError, OverflowError):
        return False
