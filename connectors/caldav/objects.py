"""The objects of one calendar: which there are, what changed, and what they hold."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import hub
from connectors.caldav.discovery import ETAGS, Found
from connectors.caldav.multistatus import CALDAV, DAV, Multistatus, Response, multistatus, says
from connectors.caldav.server import Elsewhere, Server
from hub.http import Answer

ETAG = f"{DAV}getetag"
DATA = f"{CALDAV}calendar-data"

PAGE = 100
"""So many objects are fetched at once."""

LARGEST_PAGE = 16 << 20
"""The longest answer in bytes for a page; one that is longer is asked for object by object."""

LARGEST = 1 << 20
"""The largest object in bytes. One meeting has some thousand; pictures in it are not wanted."""

MOST = 100_000
"""So many objects a calendar may have."""

ROUNDS = 1_000
"""So many times a server may say that there is more to a list of changes."""

_CALDAV = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_SYNC = (
    f'{_HEAD}<D:sync-collection xmlns:D="DAV:"><D:sync-token>%s</D:sync-token><D:sync-level>1</D:sync-level>'
    "<D:prop><D:getetag/></D:prop></D:sync-collection>"
)
_MULTIGET = (
    f"{_HEAD}<C:calendar-multiget {_CALDAV}><D:prop><D:getetag/><C:calendar-data/></D:prop>%s</C:calendar-multiget>"
)
_WITHIN = (
    f"{_HEAD}<C:calendar-query {_CALDAV}><D:prop><D:getetag/><C:calendar-data/></D:prop><C:filter>"
    '<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"><C:time-range start="%s" end="%s"/>'
    "</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
)


ATTEMPTS = 3
"""After so many times that the server failed on one and the same object, this object is given up."""

Broke = dict[str, int]
"""How many times the server failed on an object, by address."""
_OF_UID = (
    f"{_HEAD}<C:calendar-query {_CALDAV}><D:prop><D:getetag/><C:calendar-data/></D:prop><C:filter>"
    '<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"><C:prop-filter name="UID">'
    '<C:text-match collation="i;octet">%s</C:text-match></C:prop-filter></C:comp-filter></C:comp-filter></C:filter>'
    "</C:calendar-query>"
)


class BadToken(Exception):
    """The server does not know the sync token any more (RFC 6578, 3.2)."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed after a sync token: the ETag of each object that is there, by address; those that are gone; and the
    *token* after it."""

    there: Mapping[str, str]
    gone: frozenset[str]
    token: str


@dataclass(frozen=True, slots=True)
class Object:
    """One object as it lies there. *raw* is `None` where it cannot be had; *why* then says so, "" where it is gone."""

    path: str
    etag: str = ""
    raw: bytes | None = field(default=None, repr=False)
    why: str = ""


async def changes(server: Server, calendar: str, token: str) -> Changes:
    """What changed in *calendar* after *token*; "" is everything. Raises `BadToken`."""
    there: dict[str, str] = {}
    gone: set[str] = set()
    for _ in range(ROUNDS):
        answer, told = await server.report(
            "REPORT", calendar, _SYNC % escape(token), depth=0, accept=(403, 409, 410, 412)
        )
        if answer.status != 207:
            if token and (answer.status != 403 or says(answer.body, f"{DAV}valid-sync-token")):
                raise BadToken
            raise _refused(server, calendar, answer)
        more = False
        for response in told.responses:
            path = _member(server, calendar, response)
            if path is None:
                # RFC 6578, 3.6: the list was too long, and goes on after its token.
                more = more or response.status == 507
            elif response.status in (404, 410):
                there.pop(path, None)
                gone.add(path)
            elif response.status in (0, 200):
                gone.discard(path)
                there[path] = response.text(ETAG)
        if not told.token or (more and told.token == token):
            raise hub.Unavailable(f"{server.host} does not say where its list of changes ends")
        token = told.token
        _bound(server, calendar, len(there))
        if not more:
            return Changes(there, frozenset(gone), token)
    raise hub.Unavailable(f"{server.host} does not come to an end with its list of changes")


async def etags(server: Server, calendar: str) -> dict[str, str]:
    """The ETag of every object in *calendar*, by address."""
    _, listing = await server.report("PROPFIND", calendar, ETAGS, depth=1)
    _whole(server, calendar, listing)
    found: dict[str, str] = {}
    for response in listing.responses:
        path = _member(server, calendar, response)
        if path is not None and not response.holds(f"{DAV}resourcetype", f"{DAV}collection"):
            found[path] = response.text(ETAG)
    _bound(server, calendar, len(found))
    return found


async def fetch(server: Server, calendar: str, paths: Sequence[str], broke: Broke) -> AsyncGenerator[Object, None]:
    """Each of *paths* as it lies there now, in their order. *broke* is kept from one attempt to the next."""
    wanted = "".join(f"<D:href>{escape(path)}</D:href>" for path in paths)
    found: dict[str, Object] = {}
    try:
        answer = await server.ask(
            "REPORT",
            calendar,
            content=("application/xml; charset=utf-8", (_MULTIGET % wanted).encode()),
            headers={"Depth": "1"},
            accept=(500, 501),
            most=LARGEST_PAGE,
        )
        found = _bodies(server, calendar, multistatus(answer.body)) if answer.status == 207 else {}
    except hub.Unsupported:
        # Too much at once, or a server without this report: what it cannot tell is asked for alone.
        found = {}
    for path in paths:
        if path in found:
            yield found.pop(path)
            continue
        each = await get(server, path, 500)
        if each.why and (failed := broke.get(path, 0) + 1) < ATTEMPTS and each.why.endswith("answers 500"):
            broke[path] = failed
            raise hub.Unavailable(each.why)
        yield each


async def get(server: Server, path: str, *broken: int) -> Object:
    """The one object at *path*; one for which the server answers a status in *broken* cannot be had."""
    try:
        answer = await server.ask("GET", path, accept=(404, 410, *broken), most=LARGEST)
    except hub.Unsupported as verdict:
        return Object(path, why=str(verdict))
    if answer.status in broken:
        return Object(path, why=f"{server.host} answers {answer.status}")
    if answer.status in (404, 410):
        return Object(path)
    return Object(path, answer.headers.get("etag", ""), answer.body)


async def within(server: Server, calendar: Found, since: datetime, until: datetime) -> list[Object]:
    """The events of *calendar* that take place between *since* and *until*, as the server finds them (RFC 4791, 9.9);
    a series is whole."""
    return await _queried(server, calendar.path, _WITHIN % (_stamp(since), _stamp(until)))


async def of_uid(server: Server, calendar: str, uid: str) -> list[Object]:
    """The events of *calendar* whose UID holds *uid*; a calendar has one of each (RFC 4791, 4.1)."""
    return await _queried(server, calendar, _OF_UID % escape(uid))


async def _queried(server: Server, calendar: str, query: str) -> list[Object]:
    answer = await server.ask(
        "REPORT", calendar, content=("application/xml; charset=utf-8", query.encode()), headers={"Depth": "1"}
    )
    found = multistatus(answer.body)
    _whole(server, calendar, found)
    return list(_bodies(server, calendar, found).values())


def _bodies(server: Server, calendar: str, told: Multistatus) -> dict[str, Object]:
    found: dict[str, Object] = {}
    for response in told.responses:
        path = _member(server, calendar, response)
        if path is None:
            continue
        data = response.properties.get(DATA)
        if response.status in (404, 410):
            found[path] = Object(path)
        elif data is not None and data.text:
            found[path] = Object(path, response.text(ETAG), data.text.encode("utf-8", "replace"))
    return found


def _member(server: Server, calendar: str, response: Response) -> str | None:
    """The address of an object; None for the calendar itself, and for what is elsewhere."""
    try:
        path = server.path(response.href, calendar)
    except Elsewhere:
        return None
    return None if path.rstrip("/") == calendar.rstrip("/") else path


def _bound(server: Server, calendar: str, number: int) -> None:
    if number > MOST:
        raise hub.Misconfigured(
            f"the calendar {calendar} at {server.host} holds more than {MOST:,} objects; name the ones to read in"
            f" sources.{server.source}.calendars"
        )


def _whole(server: Server, calendar: str, told: Multistatus) -> None:
    """Raises `Unavailable` for a list that was cut off (RFC 4791, 7.8; RFC 5323, 5.17): what is not on it is not gone,
    and nobody is free for its sake."""
    if any(response.status == 507 for response in told.responses):
        raise hub.Unavailable(
            f"{server.host} tells only a part of {calendar}: it has a limit for what it lists at once"
        )


def _refused(server: Server, calendar: str, answer: Answer) -> hub.Verdict:
    if says(answer.body, f"{DAV}number-of-matches-within-limits"):
        return hub.Unavailable(
            f"{server.host} does not tell all of {calendar}: it has a limit for what it lists at once"
        )
    if answer.status == 403:
        return hub.Rejected(f"{server.host} does not let the calendar {calendar} be read any more")
    return hub.Unavailable(f"{server.host} answers {answer.status} where it was asked what changed in {calendar}")


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
