"""Asking addresses that strangers name: feeds, links, webhooks of subscribers.

Such an address may lead anywhere, so the name is looked up here, only public addresses are connected to, each redirect
is looked at again, and there is a limit to everything that comes back (OWASP, Server-Side Request Forgery Prevention).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from hub.contracts import Misconfigured, Unavailable, Unsupported, Verdict
from hub.http.addresses import checked, place, public
from hub.http.client import CONNECT_SECONDS, LARGEST, PERHAPS_DONE, SAFE, SECONDS, retry_after

HOPS = 5
MOST_HEADERS = 100
"""How many header fields an answer may have; each may be of 8,190 bytes."""

_PERMANENT = frozenset({301, 308})
_KEEPING = frozenset({307, 308})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Any other may be a secret, and goes neither to another host nor in the clear after it went encrypted.
_HARMLESS = frozenset(
    {
        *("accept", "accept-language", "accept-encoding", "user-agent", "content-type", "content-encoding"),
        *("if-none-match", "if-modified-since", "a-im"),
    }
)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses of a host's name. Raises `OSError`."""


@dataclass(frozen=True, slots=True)
class Page:
    """What an address answered. *url* is where the answer came from; *moved* the address to ask from now on ("" where
    it did not move for good: RFC 9110, 15.4.2 and 15.4.9). *headers* have lower-case names, and a name that comes
    several times has all its values, with commas between; *media_type* has no parameters, *body* is decompressed."""

    url: str
    moved: str
    status: int
    headers: Mapping[str, str]
    media_type: str
    body: bytes = field(repr=False)


class _Blocked(OSError):
    """The name stands for no public address."""


class _Resolver(AbstractResolver):
    """Looks names up, and answers only the addresses that may be connected to: nothing looks them up a second time."""

    def __init__(self, allow: frozenset[str], resolve: Resolve) -> None:
        self._allow = allow
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolve(host, port)
        if f"{host.lower().rstrip('.')}:{port}" not in self._allow:
            usable = [each for each in found if public(each)]
            if found and not usable:
                raise _Blocked
            found = usable
        return [
            ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for each in found
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def _looked_up(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Guarded:
    """Asks public addresses on the web's ports (80, 443, 8080, 8443), and those of *allow* (`host:port`), which the
    config names and which may be private. No cookies, no proxy of the environment. *resolve* looks names up, by default
    as the system does; *trust* are other certificates than the system's. Connections are kept until `close`; the client
    belongs to the event loop in which it is first used.
    """

    def __init__(
        self, allow: Collection[str] = (), *, resolve: Resolve = _looked_up, trust: ssl.SSLContext | None = None
    ) -> None:
        self._allow = frozenset(each.lower() for each in allow)
        self._resolve = resolve
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        most: int = LARGEST,
        seconds: float = SECONDS,
        redirects: int = HOPS,
        accept: Collection[int] = (),
    ) -> Page:
        """What *url* answers: a success (2xx), or one of the statuses in *accept*. It is asked once.

        *most* is the largest body in bytes, as it comes and decompressed; *seconds* is for everything together, with
        the redirects, of which *redirects* are followed. A request that may change something follows 307 and 308 only.
        On the way to another host the *headers* that may hold a secret are left out.

        Raises `Unsupported` (an address that is not to be asked, too large, too many redirects, another status),
        `Unavailable` (not reached, no answer in time, 408, 425, 429 and 5xx, with the time of Retry-After),
        `Misconfigured` (a certificate that is not to be trusted). Where a request that may change something was sent
        and no answer tells what became of it, `TimeoutError`.
        """
        at = checked(url, allow=self._allow)
        sent = {"User-Agent": "hub", "Accept-Encoding": "gzip, deflate", **(headers or {})}
        moved, for_good = "", True
        try:
            async with asyncio.timeout(seconds):
                for _ in range(redirects + 1):
                    page, where = await self._once(method, at, sent, content, most, accept)
                    if page is not None:
                        return Page(page.url, moved, page.status, page.headers, page.media_type, page.body)
                    status, location = where
                    if method not in SAFE and status not in _KEEPING:
                        raise Unsupported(f"{at.host} answers with a redirect, which is not followed")
                    after = checked(location, at, self._allow)
                    sent = _sent_on(sent, at, after)
                    for_good = for_good and status in _PERMANENT
                    moved = str(after) if for_good else moved
                    at = after
        except TimeoutError as error:
            if error.args:
                raise
            said = f"{at.host} gave no whole answer within {seconds:.0f} s"
            raise (Unavailable(said) if method in SAFE else TimeoutError(said)) from None
        raise Unsupported(f"{at.host} redirects more than {redirects} times")

    async def _once(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        content: bytes | None,
        most: int,
        accept: Collection[int],
    ) -> tuple[Page | None, tuple[int, str]]:
        """The answer, or the status and target of a redirect."""
        host = url.host
        try:
            async with self._opened().request(
                method,
                url,
                headers=headers,
                data=content,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            ) as answer:
                status = answer.status
                if len(answer.headers) > MOST_HEADERS:
                    raise Unsupported(f"{host} sends more than {MOST_HEADERS} header fields")
                if status in _REDIRECTS and status not in accept:
                    return None, (status, answer.headers.get("Location", ""))
                said = {name.lower(): ", ".join(answer.headers.getall(name)) for name in answer.headers}
                if not 200 <= status < 300 and status not in accept:
                    raise _verdict(str(host), method, status, said)
                body = await _body(str(host), answer, most)
                return Page(str(url), "", status, said, answer.content_type, body), (0, "")
        except Verdict:
            raise
        except aiohttp.ClientConnectorCertificateError:
            raise Misconfigured(f"the certificate of {host} is not to be trusted") from None
        except aiohttp.ClientConnectorDNSError as error:
            if isinstance(error.os_error, _Blocked):
                raise Unsupported(f"{host} is not a public address, so it is not asked") from None
            raise Unavailable(f"there is no host {host}, or its name cannot be looked up now") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ssl.SSLError):
            raise Unavailable(f"{host} cannot be reached") from None
        except (aiohttp.InvalidURL, aiohttp.ClientResponseError, ValueError):
            raise Unsupported(f"{host} answers what is no HTTP, or has headers beyond every limit") from None
        except (aiohttp.ClientError, OSError) as error:
            if type(error) is TimeoutError:
                raise
            # Not the error's own text: aiohttp quotes URLs.
            words = f"{host} broke off ({type(error).__name__})"
            raise (Unavailable(words) if method in SAFE else TimeoutError(words)) from None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=_Resolver(self._allow, self._resolve),
                    use_dns_cache=False,
                    ssl=self._trust or True,
                    limit=32,
                    limit_per_host=8,
                    keepalive_timeout=20,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                max_line_size=8190,
                max_field_size=8190,
            )
        return self._session


def _sent_on(headers: Mapping[str, str], at: URL, after: URL) -> dict[str, str]:
    """What of *headers* goes along to *after*. Raises `Unsupported` where a secret would go in the clear."""
    secret = any(name.lower() not in _HARMLESS for name in headers)
    if secret and at.scheme == "https" and after.scheme == "http":
        raise Unsupported(f"{at.host} redirects to an address without encryption, which is not followed with a secret")
    if place(at) == place(after) and at.scheme == after.scheme:
        return dict(headers)
    return {name: value for name, value in headers.items() if name.lower() in _HARMLESS}


def _verdict(host: str, method: str, status: int, headers: Mapping[str, str]) -> Verdict | TimeoutError:
    said = f"{host} answers {status}"
    if status in PERHAPS_DONE and method not in SAFE:
        return TimeoutError(said)
    if status in (408, 425, 429) or status >= 500:
        return Unavailable(said, retry_after(headers.get("retry-after", "")))
    return Unsupported(said)


async def _body(host: str, answer: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, decompressed piece by piece, so that none is ever larger in memory than *most* allows."""
    if (answer.content_length or 0) > most:
        raise Unsupported(f"{host} sends {answer.content_length:,} bytes, of which {most:,} are allowed")
    coding = answer.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise Unsupported(f"{host} sends a body in a coding that was not asked for")
    opener = None if coding in ("", "identity") else _Inflated(coding)
    body, came = bytearray(), 0
    async for piece in answer.content.iter_chunked(1 << 14):
        came += len(piece)
        try:
            body += piece if opener is None else opener.more(piece, most + 1 - len(body))
        except zlib.error:
            raise Unsupported(f"{host} sends a body that cannot be decompressed") from None
        if max(came, len(body)) > most:
            raise Unsupported(f"{host} sends more than the {most:,} bytes that are allowed")
    if opener is not None and came and not opener.whole:
        raise Unavailable(f"{host} broke off within a compressed body")
    return bytes(body)


class _Inflated:
    """A gzip or deflate body (RFC 9110, 8.4.1), opened as it comes. Of several gzip members all are read."""

    def __init__(self, coding: str) -> None:
        self._bits = 47 if coding == "deflate" else 31
        self._opener = zlib.decompressobj(self._bits)
        self._first = True

    @property
    def whole(self) -> bool:
        """Whether the last member has ended."""
        return self._opener.eof

    def more(self, piece: bytes, room: int) -> bytes:
        """What *piece* opens to, at most *room* bytes. Raises `zlib.error`."""
        out = bytearray()
        while piece and len(out) < room:
            if self._opener.eof:
                self._opener = zlib.decompressobj(self._bits)
            try:
                out += self._opener.decompress(piece, room - len(out))
            except zlib.error:
                # Some servers send deflate without the zlib header that the RFC asks for.
                if not self._first or self._bits != 47:
                    raise
                self._bits = -15
                self._opener = zlib.decompressobj(self._bits)
                continue
            finally:
                self._first = False
            piece = self._opener.unused_data or self._opener.unconsumed_tail
        return bytes(out)
