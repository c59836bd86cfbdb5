"""The client that asks addresses which strangers name, against real servers on loopback."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import subprocess
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.contracts import Misconfigured, Unavailable, Unsupported
from hub.http import Guarded
from hub.http.addresses import public
from tests.servers.process import program

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Provider:
    """A server that answers what a test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.place = ""
        self.asked: list[web.BaseRequest] = []
        self.answer: Handler = always()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.answer(request)

    @property
    def url(self) -> str:
        return f"http://{self.place}"


def always(status: int = 200, body: bytes = b"here", **headers: str) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    return answer


def moved(*hops: tuple[int, str]) -> Handler:
    """Sends /0 on to the first target, /1 to the second …; what is beyond is answered."""

    async def answer(request: web.Request) -> web.Response:
        number = int(request.path.rpartition("/")[2] or 0)
        if number < len(hops):
            status, target = hops[number]
            return web.Response(status=status, headers={"Location": target})
        return web.Response(text="arrived")

    return answer


async def running(trust: ssl.SSLContext | None = None) -> AsyncIterator[Provider]:
    provider = Provider()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", provider.handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(ssl=trust)
    provider.place = f"127.0.0.1:{server.port}"
    yield provider
    await server.close()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async for each in running():
        yield each


@pytest.fixture
async def stranger() -> AsyncIterator[Provider]:
    async for each in running():
        yield each


@pytest.fixture
async def guarded(provider: Provider) -> AsyncIterator[Guarded]:
    async with Guarded([provider.place]) as client:
        yield client


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What serves as 127.0.0.1, and what trusts it."""
    path = folder / "own.pem"
    how = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=own"
    names = f"-addext subjectAltName=IP:127.0.0.1 -keyout {path} -out {folder / 'cert.pem'}"
    subprocess.run(
        [program("openssl", package="openssl"), *how.split(), *names.split()], check=True, capture_output=True
    )
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(folder / "cert.pem", path)
    return serving, ssl.create_default_context(cafile=folder / "cert.pem")


def stands_for(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolve(_: str, __: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1"),
        # Others inside: IPv4-mapped and -compatible, NAT64, 6to4, Teredo.
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1"),
        *("2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    ],
)
async def test_a_name_that_stands_for_no_public_address_is_not_connected_to(address: str) -> None:
    assert not public(address)
    async with Guarded(resolve=stands_for(address)) as client:
        with pytest.raises(Unsupported, match="not a public address"):
            await client.fetch("http://feeds.example.org/")


def test_public_addresses_are() -> None:
    assert all(map(public, ("8.8.8.8", "151.101.1.69", "2606:4700::1111", "2a00:1450:4001::200e")))


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/"),
        *("http://0x7f.1/", "http://127.0.0.1./", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::]/"),
        *("http://[64:ff9b::7f00:1]/", "http://169.254.169.254/latest/meta-data/", "http://１２７.0.0.1/"),
        *("http://127。0。0。1/", "http://[fe80::1%25eth0]/", "http://127.0.0.1%2f@example.org/"),
        *("file:///etc/passwd", "ftp://example.org/", "gopher://example.org/", "data:text/plain,x", "//example.org/"),
        *(
            "http://us:them@example.org/",
            "http://us@example.org/",
            "http://:x@example.org/",
            "http:///x",
            "",
            "http://",
        ),
        *("http://example.org:22/", "http://example.org:6379/", "https://example.org:8000/", "http://example.org:0/"),
        *("http://example.org:99999/", "http://exa mple.org/", "http://example.org\\@127.0.0.1/", "http://a\r\nb/"),
        *("http://example..org/", f"http://{'a' * 300}.example/", f"http://example.org/{'a' * 5000}"),
    ],
)
async def test_odd_addresses_are_refused_before_anything_is_asked(url: str) -> None:
    asked: list[str] = []

    async def resolve(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return ()

    async with Guarded(resolve=resolve) as client:
        with pytest.raises(Unsupported):
            await client.fetch(url)
    assert asked == []


async def test_what_was_checked_is_connected_to_without_another_look(provider: Provider) -> None:
    # A name server that answers an address that may be asked, and then another (DNS rebinding).
    port = int(provider.place.rpartition(":")[2])
    asked: list[str] = []

    async def resolve(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with Guarded([f"feeds.internal:{port}"], resolve=resolve) as client:
        assert (await client.fetch(f"http://feeds.internal:{port}/")).body == b"here"
        assert asked == ["feeds.internal"]
        with pytest.raises(Unsupported, match="not a public"):
            await client.fetch("http://rebinding.example:8080/")


async def test_what_the_config_names_may_be_private_and_only_that(provider: Provider, stranger: Provider) -> None:
    port = provider.place.rpartition(":")[2]
    async with Guarded([f"feeds.internal:{port}"], resolve=stands_for("127.0.0.1")) as client:
        page = await client.fetch(f"http://Feeds.Internal:{port}/a?b=%2F#part")
        assert (page.status, page.body, page.moved) == (200, b"here", "")
        assert provider.asked[0].raw_path == "/a?b=%2F"
        with pytest.raises(Unsupported):
            await client.fetch(provider.url)
        with pytest.raises(Unsupported):
            await client.fetch(f"http://feeds.internal:{stranger.place.rpartition(':')[2]}/")
    assert stranger.asked == []


async def test_a_redirect_to_a_private_address_is_refused(
    provider: Provider, stranger: Provider, guarded: Guarded
) -> None:
    for target in (stranger.url, "http://localhost/", "http://[::1]:8080/", "file:///etc/passwd", "//10.0.0.1/"):
        provider.answer = always(302, Location=target)
        with pytest.raises(Unsupported):
            await guarded.fetch(provider.url)
    assert stranger.asked == []


async def test_redirects_are_followed_five_times_at_most(provider: Provider, guarded: Guarded) -> None:
    provider.answer = moved(*((302, f"/{number}") for number in range(1, 7)))
    with pytest.raises(Unsupported, match="more than 5"):
        await guarded.fetch(f"{provider.url}/0")
    assert len(provider.asked) == 6
    assert (await guarded.fetch(f"{provider.url}/1")).body == b"arrived"
    with pytest.raises(Unsupported, match="more than 0"):
        await guarded.fetch(f"{provider.url}/5", redirects=0)


async def test_only_what_moved_for_good_is_remembered(provider: Provider, guarded: Guarded) -> None:
    provider.answer = moved((301, "/1"), (308, "2"), (302, "/3"), (301, "/4"))
    page = await guarded.fetch(f"{provider.url}/0")
    assert (page.url, page.moved) == (f"{provider.url}/4", f"{provider.url}/2")
    assert (await guarded.fetch(f"{provider.url}/2")).moved == ""


async def test_a_secret_stays_with_the_host_it_was_for(provider: Provider, stranger: Provider) -> None:
    provider.answer = always(307, Location=f"{stranger.url}/x")
    async with Guarded([provider.place, stranger.place]) as client:
        await client.fetch(
            provider.url, method="POST", content=b"body", headers={"Authorization": "Bearer s3cret", "Accept": "a/b"}
        )
    ((asked,),) = (stranger.asked,)
    assert (asked.method, asked.headers["Accept"], "Authorization" in asked.headers) == ("POST", "a/b", False)


async def test_a_request_that_may_change_something_is_not_turned_into_another(
    provider: Provider, guarded: Guarded
) -> None:
    for status in (301, 302, 303):
        provider.answer = always(status, Location="/elsewhere")
        with pytest.raises(Unsupported, match="not followed"):
            await guarded.fetch(provider.url, method="POST", content=b"")


async def test_no_secret_goes_from_https_to_http(provider: Provider, tmp_path: Path) -> None:
    serving, trusting = certificate(tmp_path)
    async for secure in running(serving):
        secure.answer = always(302, Location=provider.url)
        url = f"https://{secure.place}/"
        async with Guarded([secure.place, provider.place], trust=trusting) as client:
            with pytest.raises(Unsupported, match="without encryption"):
                await client.fetch(url, headers={"X-Api-Key": "s3cret"})
            assert provider.asked == []
            assert (await client.fetch(url, headers={"Accept": "text/html"})).url == provider.url
        async with Guarded([secure.place]) as client:
            with pytest.raises(Misconfigured, match="certificate"):
                await client.fetch(url)


async def test_what_is_too_large_is_refused_before_and_while_it_comes(provider: Provider, guarded: Guarded) -> None:
    gone = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"0" * 4096)
        finally:
            gone.set()

    provider.answer = endless
    async with asyncio.timeout(10):
        with pytest.raises(Unsupported, match="more than the 100,000 bytes"):
            await guarded.fetch(provider.url, most=100_000)
        await gone.wait()
    provider.answer = always(body=b"0" * 200)
    with pytest.raises(Unsupported, match="200 bytes"):
        await guarded.fetch(provider.url, most=100)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb_is_not_opened(provider: Provider, guarded: Guarded, coding: str) -> None:
    bomb = b"\0" * (64 << 20)
    provider.answer = always(
        body=gzip.compress(bomb) if coding == "gzip" else zlib.compress(bomb), Content_Encoding=coding
    )
    with pytest.raises(Unsupported, match="more than the 1,048,576 bytes"):
        await guarded.fetch(provider.url, most=1 << 20)


async def test_compressed_bodies_are_opened(provider: Provider, guarded: Guarded) -> None:
    text = b"ExampleBrand " * 9999
    bare = zlib.compressobj(wbits=-15)
    for coding, body in (
        ("gzip", gzip.compress(text)),
        ("x-gzip", gzip.compress(text[:100]) + gzip.compress(text[100:])),
        ("deflate", zlib.compress(text)),
        ("deflate", bare.compress(text) + bare.flush()),
        ("gzip", b""),
    ):
        provider.answer = always(body=body, Content_Encoding=coding)
        assert (await guarded.fetch(provider.url)).body == (text if body else b"")
    for coding, body in (("gzip", b"no gzip"), ("br", b"x"), ("gzip, gzip", gzip.compress(gzip.compress(text)))):
        provider.answer = always(body=body, Content_Encoding=coding)
        with pytest.raises(Unsupported):
            await guarded.fetch(provider.url)
    provider.answer = always(body=gzip.compress(text)[:-20], Content_Encoding="gzip")
    with pytest.raises(Unavailable, match="broke off"):
        await guarded.fetch(provider.url)


async def test_an_answer_that_drips_is_given_up(provider: Provider, guarded: Guarded) -> None:
    async def drips(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b".")
                await asyncio.sleep(0.02)
        except ConnectionError:
            return answer

    provider.answer = drips
    with pytest.raises(Unavailable, match="no whole answer within 0 s"):
        await guarded.fetch(provider.url, seconds=0.3)
    with pytest.raises(TimeoutError):
        await guarded.fetch(provider.url, method="POST", content=b"", seconds=0.3)


async def test_headers_have_limits(provider: Provider, guarded: Guarded) -> None:
    provider.answer = always(**{f"X-{number}": "x" for number in range(101)})
    with pytest.raises(Unsupported, match="header fields"):
        await guarded.fetch(provider.url)
    provider.answer = always(X_Long="x" * 9000)
    with pytest.raises(Unsupported, match="beyond every limit"):
        await guarded.fetch(provider.url)


async def test_what_is_no_http_is_told(guarded: Guarded) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Guarded([place]) as client:
            with pytest.raises((Unsupported, Unavailable)):
                await client.fetch(f"http://{place}/")


async def test_cookies_are_not_kept(provider: Provider, guarded: Guarded) -> None:
    provider.answer = always(Set_Cookie="session=1; Path=/")
    await guarded.fetch(provider.url)
    await guarded.fetch(provider.url)
    assert "Cookie" not in provider.asked[1].headers


async def test_errors_are_verdicts(provider: Provider, guarded: Guarded) -> None:
    provider.answer = always(429, Retry_After="7")
    with pytest.raises(Unavailable) as told:
        await guarded.fetch(provider.url)
    assert told.value.retry_after == 7
    provider.answer = always(500)
    with pytest.raises(TimeoutError):
        await guarded.fetch(provider.url, method="POST", content=b"")
    assert (await guarded.fetch(provider.url, accept=(500,))).status == 500
    provider.answer = always(404)
    with pytest.raises(Unsupported, match="answers 404"):
        await guarded.fetch(provider.url)

    async def nowhere(_: str, __: int) -> Sequence[str]:
        raise OSError

    async with Guarded(resolve=nowhere) as client:
        with pytest.raises(Unavailable, match="no host"):
            await client.fetch("http://example.org/")
