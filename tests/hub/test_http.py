"""The client that plug-ins ask with, against real servers on loopback."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.contracts import Rejected, Unavailable, Unsupported, Verdict
from hub.http import Answer, Client
from tests.servers.process import free_port

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Provider:
    """A server that answers what a test says, and keeps what it was asked."""

    url: str = ""
    asked: list[web.BaseRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answer: Handler | None = None
    got: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        self.got.set()
        assert self.answer is not None
        return await self.answer(request)


async def running() -> AsyncIterator[Provider]:
    provider = Provider()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", provider.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        provider.url = str(server.make_url("")).rstrip("/")
        yield provider


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async for each in running():
        yield each


@pytest.fixture
async def stranger() -> AsyncIterator[Provider]:
    async for each in running():
        yield each


@pytest.fixture
async def client(provider: Provider) -> AsyncIterator[Client]:
    async with Client(
        provider.url, user="us", password="s3cret", cure="auth_token", words=lambda answer: answer.body.decode()
    ) as each:
        yield each


def always(status: int, text: str = "", headers: dict[str, str] | None = None) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    return answer


async def test_asks_its_host_with_its_credentials(provider: Provider, client: Client) -> None:
    provider.answer = always(201, '{"sid": "CA1"}')
    answer = await client.ask("POST", "/Calls.json", query=[("StartTime>", "2026-03-02")], form=[("To", "+49 30")])
    assert (answer.status, answer.json()) == (201, {"sid": "CA1"})
    (asked,) = provider.asked
    assert asked.raw_path == "/Calls.json?StartTime%3E=2026-03-02"
    assert asked.headers["Authorization"] == f"Basic {base64.b64encode(b'us:s3cret').decode()}"
    assert provider.bodies == [b"To=%2B49+30"]


@pytest.mark.parametrize(
    "address",
    [
        "{stranger}/RE1",
        "@{host}/RE1",
        "https://us@127.0.0.1/RE1",
        "{own}.example.org/RE1",
        "/RE1\r\nX-Evil: 1",
        "//evil.example/RE1",
        "file:///etc/passwd",
        "\\\\evil.example\\RE1",
        "http://[::1/RE1",
    ],
)
async def test_an_address_elsewhere_is_not_asked(
    provider: Provider, stranger: Provider, client: Client, address: str
) -> None:
    provider.answer = stranger.answer = always(200)
    host = stranger.url.removeprefix("http://")
    wanted = address.format(stranger=stranger.url, host=host, own=provider.url)
    if wanted == "//evil.example/RE1":  # below the base URL this is only an odd path
        await client.ask("GET", wanted)
        assert provider.asked[0].raw_path == wanted
    else:
        with pytest.raises(Unsupported):
            await client.ask("GET", wanted)
        assert provider.asked == []
    assert stranger.asked == []


async def test_a_redirect_to_another_host_is_refused(provider: Provider, stranger: Provider, client: Client) -> None:
    provider.answer = always(302, headers={"Location": f"{stranger.url}/RE1"})
    stranger.answer = always(200, "secret")
    for redirects in (False, True):
        with pytest.raises(Unsupported):
            await client.ask("GET", "/RE1", redirects=redirects)
    assert stranger.asked == []


async def test_a_redirect_on_the_same_host_is_followed_where_it_was_asked_for(
    provider: Provider, client: Client
) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/RE1":
            return web.Response(status=301, headers={"Location": "/kept/RE1"})
        return web.Response(text="here")

    provider.answer = answer
    assert (await client.ask("GET", "/RE1", redirects=True)).body == b"here"
    with pytest.raises(Unsupported):
        await client.ask("GET", "/RE1")
    provider.answer = always(301, headers={"Location": "/RE1"})
    with pytest.raises(Unsupported, match="without an end"):
        await client.ask("GET", "/RE1", redirects=True)


async def test_what_is_too_large_is_refused_while_it_comes(provider: Provider, client: Client) -> None:
    gone = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "audio/wav"})
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"0" * 4096)
        finally:
            gone.set()

    provider.answer = endless
    async with asyncio.timeout(10):
        with pytest.raises(Unsupported, match="more than"):
            await client.ask("GET", "/RE1", most=100_000)
        await gone.wait()
    provider.answer = always(200, "0" * 200)
    with pytest.raises(Unsupported, match="200 bytes"):
        await client.ask("GET", "/RE1", most=100)


async def test_another_media_type_is_refused(provider: Provider, client: Client) -> None:
    provider.answer = always(200, "<html>", {"Content-Type": "text/html"})
    with pytest.raises(Unsupported, match="text/html"):
        await client.ask("GET", "/RE1", media=("audio/",))
    provider.answer = always(404, "<html>", {"Content-Type": "text/html"})
    assert (await client.ask("GET", "/RE1", media=("audio/",), accept=(404,))).status == 404
    provider.answer = always(200, "RIFF", {"Content-Type": "audio/x-wav"})
    assert (await client.ask("GET", "/RE1", media=("audio/",))).media_type == "audio/x-wav"


@pytest.mark.parametrize(
    ("method", "status", "verdict"),
    [
        ("GET", 401, Rejected),
        ("POST", 403, Rejected),
        ("GET", 404, Unsupported),
        ("POST", 400, Unsupported),
        ("POST", 429, Unavailable),
        ("POST", 503, Unavailable),
        ("GET", 500, Unavailable),
        # It may have happened, and must not be done a second time unseen.
        ("POST", 500, TimeoutError),
        ("POST", 504, TimeoutError),
    ],
)
async def test_errors_are_verdicts(
    provider: Provider, client: Client, method: str, status: int, verdict: type[Exception]
) -> None:
    provider.answer = always(status, "No such\r\nnumber", {"Retry-After": "7"})
    with pytest.raises(verdict) as told:
        await client.ask(method, "/Calls.json")
    assert f"answers {status}: No such number" in str(told.value)
    if isinstance(told.value, Rejected):
        assert str(told.value).endswith("check auth_token")
    if isinstance(told.value, Unavailable):
        assert told.value.retry_after == 7
    assert (await client.ask(method, "/Calls.json", accept=(status,))).status == status


async def test_no_answer_is_unavailable_for_a_question_and_perhaps_for_a_deed(
    provider: Provider, client: Client
) -> None:
    release = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    async def hangs_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    for answer in (silent, hangs_up):
        provider.answer = answer
        with pytest.raises(Unavailable):
            await client.ask("GET", "/Calls.json", seconds=0.2)
        with pytest.raises(TimeoutError):
            await client.ask("POST", "/Calls.json", seconds=0.2)
    release.set()


async def test_who_cannot_be_reached_is_unavailable() -> None:
    async with Client(f"http://127.0.0.1:{free_port()}") as client:
        for method in ("GET", "POST"):
            with pytest.raises(Unavailable):
                await client.ask(method, "/")
    async with Client("http://nobody.invalid") as client:
        with pytest.raises(Verdict, match=r"nobody\.invalid"):
            await client.ask("POST", "/")


def test_what_is_no_json_says_so() -> None:
    with pytest.raises(Unavailable):
        Answer(200, {}, "text/html", b"<html>").json()
