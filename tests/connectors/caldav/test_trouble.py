"""Bad input: servers that answer nonsense, and settings that cannot be right."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

import hub
from connectors.caldav import Calendar, Connector
from connectors.caldav.multistatus import multistatus
from connectors.caldav.settings import CaldavSettings
from tests.connectors.caldav.conftest import SETUP, event, settings, uids
from tests.contracts.calendar import BOOKED, DAY
from tests.contracts.connector import assert_readable

Handler = Callable[[web.Request, str], web.Response]

CALENDAR = """<D:response><D:href>/ada/work/</D:href><D:propstat><D:prop>
<D:resourcetype><D:collection/><C:calendar/></D:resourcetype><D:displayname>Work</D:displayname>
<D:sync-token>t2</D:sync-token><D:supported-report-set><D:supported-report><D:report><D:sync-collection/></D:report>
</D:supported-report></D:supported-report-set></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"""


def said(*responses: str, token: str = "") -> web.Response:
    """A 207 answer."""
    end = f"<D:sync-token>{token}</D:sync-token>" if token else ""
    head = '<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
    text = f"{head}{''.join(responses)}{end}</D:multistatus>"
    return web.Response(status=207, text=text, content_type="application/xml")


def lies(name: str, etag: str = '"1"', status: str = "200 OK") -> str:
    """A resource in the calendar."""
    prop = f"<D:prop><D:getetag>{etag}</D:getetag></D:prop><D:status>HTTP/1.1 {status}</D:status>"
    return f"<D:response><D:href>/ada/work/{name}.ics</D:href><D:propstat>{prop}</D:propstat></D:response>"


def broken(path: str, status: str) -> str:
    """A resource of which the server says nothing but *status*."""
    return f"<D:response><D:href>{path}</D:href><D:status>HTTP/1.1 {status}</D:status></D:response>"


CUT_OFF = broken("/ada/work/", "507 Insufficient Storage")


@asynccontextmanager
async def odd(answer: Handler) -> AsyncIterator[int]:
    """A server that answers everything as *answer* says."""

    async def handle(request: web.Request) -> web.Response:
        return answer(request, await request.text())

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(application) as server:
        assert server.port is not None
        yield server.port


async def first(port: int, cursor: str | None = None, **changed: object) -> list[hub.Arrival]:
    """What the calendar at /ada/work/ tells until nothing is new."""
    url = f"http://127.0.0.1:{port}/ada/work/"
    connector = Connector(settings(port, url=url, poll_seconds=3600, **changed), SETUP)
    told: list[hub.Arrival] = []
    async with aclosing(connector.listen(cursor)) as arrivals:
        async for arrival in arrivals:
            told.append(arrival)
            if any(isinstance(item, hub.Inventory) for item in arrival.items):
                break
    return told


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Please log in</body></html>",
        b'<multistatus xmlns="DAV:"><response>',
        b"\xff\xfe\x00",
        b'<!DOCTYPE m [<!ENTITY a "aaaa">]><multistatus xmlns="DAV:"><sync-token>&a;</sync-token></multistatus>',
    ],
    ids=["nothing", "a page", "cut off", "binary", "a document type"],
)
async def test_what_is_no_webdav_is_unavailable(body: bytes) -> None:
    with pytest.raises(hub.Unavailable, match="no WebDAV"):
        multistatus(body)
    async with odd(lambda *_: web.Response(status=207, body=body)) as port:
        with pytest.raises(hub.Unavailable) as told:
            await first(port)
    assert_readable(told.value)


async def test_a_server_that_sends_us_elsewhere_is_named_and_not_followed() -> None:
    home = "<C:calendar-home-set><D:href>https://p07-caldav.example.net:443/1/calendars/</D:href></C:calendar-home-set>"
    answer = (
        f"<D:response><D:href>/</D:href><D:propstat><D:prop>{home}</D:prop><D:status>HTTP/1.1 200 OK</D:status>"
        "</D:propstat></D:response>"
    )
    async with odd(lambda *_: said(answer)) as port:
        with pytest.raises(hub.Misconfigured, match=r"keeps the calendars at https://p07-caldav\.example\.net; write"):
            await first(port)


async def test_a_redirect_to_another_host_is_not_followed() -> None:
    moved = {"Location": "https://elsewhere.example.net/dav/"}
    async with odd(lambda *_: web.Response(status=301, headers=moved)) as port:
        with pytest.raises(hub.Misconfigured, match=r"no calendars are found at .*check sources\.work-calendar\.url"):
            await first(port)


async def test_a_list_of_changes_that_was_cut_off_is_asked_for_again() -> None:
    """RFC 6578, 3.6: a response 507 for the calendar itself."""
    tokens: list[str] = []

    def answer(request: web.Request, body: str) -> web.Response:
        if request.method == "PROPFIND":
            return said(CALENDAR)
        if "multiget" in body:
            data = "<C:calendar-data>%s</C:calendar-data>"
            asked = [name for name in ("one", "two") if f"/{name}.ics" in body]
            return said(*(lies(name).replace("</D:getetag>", f"</D:getetag>{data % event(name)}") for name in asked))
        token = body.partition("<D:sync-token>")[2].partition("<")[0]
        tokens.append(token)
        if not token:
            return said(lies("one"), CUT_OFF, token="t1")
        return said(lies("two"), token="t2")

    async with odd(answer) as port:
        told = await first(port)
    assert tokens == ["", "t1"]
    assert sorted(uids(told)) == ["one", "two"]
    assert told[-1].items[-1] == hub.Inventory("/ada/work/", frozenset({"/ada/work/one.ics", "/ada/work/two.ics"}))


async def test_a_list_that_never_ends_is_given_up() -> None:
    def answer(request: web.Request, body: str) -> web.Response:
        return said(CALENDAR) if request.method == "PROPFIND" else said(CUT_OFF, token="the-same")

    async with odd(answer) as port:
        with pytest.raises(hub.Unavailable, match="does not say where its list of changes ends"):
            await first(port)


async def test_a_list_that_was_cut_off_without_a_way_on_takes_nothing_for_gone_and_nobody_for_free() -> None:
    without_sync = CALENDAR.replace("sync-collection", "expand-property")

    def answer(request: web.Request, body: str) -> web.Response:
        if request.headers["Depth"] == "0":
            return said(without_sync)
        return said(lies("one"), CUT_OFF)

    async with odd(answer) as port:
        with pytest.raises(hub.Unavailable, match="tells only a part of /ada/work/"):
            await first(port)
        calendar = Calendar(settings(port, url=f"http://127.0.0.1:{port}/ada/work/"), SETUP)
        with pytest.raises(hub.Unavailable, match="tells only a part of /ada/work/"):
            await calendar.busy(*DAY)
        await calendar.close()


class Permission:
    """The loan of a source that somebody connected: its first token is void before its time."""

    def __init__(self) -> None:
        self.refused: list[str | None] = []

    async def access_token(self, refused: str | None = None) -> str:
        self.refused.append(refused)
        return "void" if refused is None else "good"

    async def rebind(self, place: str, sightings: Sequence[hub.Sighting]) -> frozenset[str]:
        raise AssertionError("mail only")

    async def route(self, asked: hub.Asked) -> hub.Step | None:
        raise AssertionError("calls only")


async def test_a_token_that_is_void_before_its_time_is_renewed_once() -> None:
    def answer(request: web.Request, body: str) -> web.Response:
        if request.headers.get("Authorization") != "Bearer good":
            return web.Response(status=401)
        return said(CALENDAR) if request.method == "PROPFIND" else said(token="t2")

    loan = Permission()
    async with odd(answer) as port:
        given = settings(port, url=f"http://127.0.0.1:{port}/ada/work/", auth="bearer", username="", password=None)
        async with aclosing(Connector(given, replace(SETUP, loan=loan)).listen(None)) as arrivals:
            assert (await anext(arrivals)).items == (hub.Inventory("/ada/work/", frozenset()),)
        assert loan.refused[:2] == [None, "void"]
        connector = Connector(given, SETUP)
        with pytest.raises(hub.Unavailable, match="takes a running hub"):
            await connector.freshness(None)


async def test_an_object_that_is_too_large_costs_only_itself() -> None:
    large = event("large", f"DESCRIPTION:{'x' * (2 << 20)}")

    def answer(request: web.Request, body: str) -> web.Response:
        if request.method == "PROPFIND":
            return said(CALENDAR)
        if request.method == "GET":
            return web.Response(text=large if "large" in request.path else event("small"), content_type="text/calendar")
        if "multiget" in body:
            return web.Response(status=501)
        return said(lies("large"), lies("small"), token="t2")

    async with odd(answer) as port:
        told = await first(port)
    assert uids(told) == ["small"]
    (refused,) = [item for arrival in told for item in arrival.items if isinstance(item, hub.Unreadable)]
    assert "1,048,576 are allowed" in refused.reason
    assert refused.copy is not None
    assert refused.copy.provider_id == "/ada/work/large.ics"


async def test_an_object_on_which_the_server_fails_every_time_is_given_up() -> None:
    def answer(request: web.Request, body: str) -> web.Response:
        if request.method == "PROPFIND":
            return said(CALENDAR)
        if request.method == "GET" and "good" in request.path:
            return web.Response(text=event("good"), content_type="text/calendar")
        if request.method == "GET" or "multiget" in body:
            return web.Response(status=500)
        return said(lies("bad"), lies("good"), token="t2")

    async with odd(answer) as port:
        connector = Connector(settings(port, url=f"http://127.0.0.1:{port}/ada/work/"), SETUP)
        for _ in range(2):
            async with aclosing(connector.listen(None)) as arrivals:
                with pytest.raises(hub.Unavailable, match="answers 500"):
                    await anext(arrivals)
        async with aclosing(connector.listen(None)) as arrivals:
            told = await anext(arrivals)
    assert uids([told]) == ["good"]
    assert [type(item) for item in told.items] == [hub.Unreadable, hub.Scheduled, hub.Inventory]


async def test_what_went_between_list_and_fetch_is_gone() -> None:
    def answer(request: web.Request, body: str) -> web.Response:
        if request.method == "PROPFIND":
            return said(CALENDAR)
        if "multiget" in body:
            return said(broken("/ada/work/gone.ics", "404 Not Found"))
        return said(lies("gone"), token="t2")

    async with odd(answer) as port:
        told = await first(port)
    assert told[0].items[0] == hub.Removed("/ada/work/", "/ada/work/gone.ics")


async def test_what_the_server_rewrote_without_saying_how_is_read_back() -> None:
    """RFC 4791, 5.3.4: no ETag in the answer to a PUT says that what lies there is not what was sent."""
    stored: dict[str, str] = {}

    def answer(request: web.Request, body: str) -> web.Response:
        if request.method == "PROPFIND":
            return said(CALENDAR)
        if request.method == "PUT":
            stored[request.path] = body.replace("SUMMARY:", "SUMMARY:(checked) ")
            return web.Response(status=201)
        return web.Response(text=stored[request.path], headers={"ETag": '"rewritten"'})

    async with odd(answer) as port:
        calendar = Calendar(settings(port, url=f"http://127.0.0.1:{port}/ada/work/", write_to="Work"), SETUP)
        kept = await calendar.put(BOOKED, None)
        await calendar.close()
    assert kept == hub.Kept("/ada/work/", f"/ada/work/{BOOKED.uid}.ics", '"rewritten"', BOOKED.uid)


@pytest.mark.parametrize(
    ("status", "condition", "verdict", "words"),
    [
        (403, "C:max-resource-size", hub.Unsupported, "does not take this event \\(max-resource-size\\)"),
        (403, "D:need-privileges", hub.Rejected, "does not let .* write into the calendar"),
        (409, "D:resource-must-be-null", hub.Misconfigured, r"write_to names is not at"),
        (507, "D:quota-not-exceeded", hub.Unavailable, "answers 507"),
    ],
)
async def test_why_a_server_does_not_take_a_booking_is_said(
    status: int, condition: str, verdict: type[hub.Verdict], words: str
) -> None:
    error = f'<D:error xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><{condition}/></D:error>'

    def answer(request: web.Request, body: str) -> web.Response:
        if request.method == "PROPFIND":
            return said(CALENDAR)
        return web.Response(status=status, text=error) if request.method == "PUT" else web.Response(status=404)

    async with odd(answer) as port:
        calendar = Calendar(settings(port, url=f"http://127.0.0.1:{port}/ada/work/", write_to="Work"), SETUP)
        with pytest.raises(verdict, match=words) as told:
            await calendar.put(BOOKED, None)
        await calendar.close()
    assert_readable(told.value)


@pytest.mark.parametrize("cursor", ["garbage", "[]", '{"/ada/work/":{"token":7}}', '{"/ada/work/":{"other":""}}'])
async def test_a_cursor_that_is_none_costs_one_reading(cursor: str) -> None:
    def answer(request: web.Request, body: str) -> web.Response:
        return said(CALENDAR) if request.method == "PROPFIND" else said(token="t2")

    async with odd(answer) as port:
        told = await first(port, cursor)
    assert told[0].items == (hub.Inventory("/ada/work/", frozenset()),)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"url": "http://cloud.example.org/"}, "sends the password in clear"),
        ({"url": "ftp://cloud.example.org/"}, "begins with https://"),
        ({"url": "https://ada:secret@cloud.example.org/"}, "holds no password"),
        ({"url": "https://cloud.example.org:port/"}, "begins with https://"),
        ({"password": None}, "username and password belong together"),
        ({"username": "ada:x"}, "colon"),
        ({"calendars": ["Work", "Work"]}, "twice"),
        ({"poll_seconds": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_be_right_are_refused_without_quoting_the_password(
    changed: dict[str, object], reason: str
) -> None:
    given = {"url": "https://cloud.example.org/", "username": "ada", "password": "s3cret-word"}
    with pytest.raises(ValidationError, match=reason) as told:
        CaldavSettings.model_validate({**given, **changed})
    assert "s3cret-word" not in str(told.value)
