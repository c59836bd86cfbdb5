"""Asking a provider over HTTP: one host, limits on everything, and errors as verdicts.

Plug-ins ask with this and with nothing else, so that what a provider says can never send the hub somewhere: not to
another host, not round a redirect, and not into a body without an end.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

import aiohttp
import orjson
from yarl import URL

from hub.contracts import Misconfigured, Rejected, Unavailable, Unsupported, Verdict

SECONDS = 20.0
CONNECT_SECONDS = 10.0
LARGEST = 4 << 20
REDIRECTS = 3
LONGEST_WORDS = 300

_PORTS = {"http": 80, "https": 443}
# RFC 9110, 9.2.1, and what WebDAV (RFC 4918, RFC 3253) adds.
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# RFC 9110, 15.6: the server may have done it and lost the answer on the way back.
PERHAPS_DONE = frozenset({408, 500, 502, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered: *headers* have lower-case names, *media_type* no parameters."""

    status: int
    headers: Mapping[str, str]
    media_type: str
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON. Raises `Unavailable`: who answers something else is not the provider, or not well."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise Unavailable("the provider answers what is not JSON") from None


def _nothing(_: Answer) -> str:
    return ""


class Client:
    """Asks the one host of *base_url*, which may be a private one: the config names it, no provider does.

    *user* and *password* are sent as Basic (RFC 7617), *headers* with every request. *cure* is what to do about a
    refused login, as it follows "check". *words* reads the provider's own explanation out of an answer that is no
    success; only what it reads is ever shown. Connections are kept between requests until `close`; the client belongs
    to the event loop in which it is first used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        user: str = "",
        password: str = "",
        headers: Mapping[str, str] | None = None,
        cure: str = "the credentials of this source",
        words: Callable[[Answer], str] = _nothing,
        seconds: float = SECONDS,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._origin = _origin(urlsplit(self._base))
        self._host = urlsplit(self._base).hostname or self._base
        self._headers = {"Accept-Encoding": "identity", **(headers or {})}
        if user or password:
            self._headers["Authorization"] = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
        self._cure = cure
        self._words = words
        self._seconds = seconds
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

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        form: Sequence[tuple[str, str]] | None = None,
        json: Any = None,
        content: tuple[str, bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
        media: tuple[str, ...] = (),
        most: int = LARGEST,
        seconds: float | None = None,
        redirects: bool = False,
    ) -> Answer:
        """The answer to one request, which is tried once. It is a success (2xx) or one of the statuses in *accept*.

        *path* begins with a slash and is below the base URL, or is a whole URL of the same scheme, host and port.
        *form* and *json* are bodies, and *content* one of any media type with its bytes. *media* are beginnings of the
        media types a success may have (`("audio/",)`); *most* is the largest body in bytes, *seconds* the longest time.
        *redirects*: a request that changes nothing follows them on the same host; elsewhere they end in `Unsupported`.

        Raises `Rejected` (401, 403), `Unavailable` (not reached, 429, 503; a request that changes nothing also where no
        answer came, and for every 5xx), `Unsupported` (another address, any other status, too large, another media
        type), `Misconfigured` (a certificate that is not to be trusted, a host that does not exist). Where a request
        that may change something was sent and no answer tells what became of it, `TimeoutError`.
        """
        url = self._url(path, query)
        body, sent = _body(form, json, content)
        headers = {**self._headers, **sent, **(headers or {})}
        limit = seconds or self._seconds
        for _ in range(REDIRECTS + 1):
            async with self._answer(method, url, headers, body, limit) as answer:
                read, where = await self._read(answer, accept, media, most), answer.headers.get("Location", "")
            if 200 <= read.status < 300 or read.status in accept:
                return read
            if read.status not in _REDIRECTS:
                raise self._verdict(method, read)
            if not redirects or method not in SAFE:
                raise Unsupported(f"{self._host} answers with a redirect, which is not followed")
            url = self._same_host(urljoin(url, where))
        raise Unsupported(f"{self._host} redirects without an end")

    def _url(self, path: str, query: Sequence[tuple[str, str]]) -> str:
        url = f"{self._base}{path}" if path.startswith("/") else path
        if query:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
        return self._same_host(url)

    def _same_host(self, url: str) -> str:
        """*url*, if it is of our host. Raises `Unsupported`."""
        try:
            parts = urlsplit(url)
            ours = _origin(parts) == self._origin and "@" not in parts.netloc
        except ValueError:
            ours = False
        if not ours or not url.isascii() or any(character <= " " or character == "\\" for character in url):
            raise Unsupported(f"the address is not one of {self._host}, so it is not asked")
        return url

    @asynccontextmanager
    async def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=min(CONNECT_SECONDS, seconds))
        try:
            async with self._opened().request(
                method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False, timeout=timeout
            ) as answer:
                yield answer
        except Verdict:
            raise
        except aiohttp.ClientConnectorCertificateError:
            raise Misconfigured(f"the certificate of {self._host} is not to be trusted") from None
        except aiohttp.ClientConnectorDNSError:
            raise Unavailable(f"there is no host {self._host}, or its name cannot be looked up now") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ssl.SSLError):
            raise Unavailable(f"{self._host} cannot be reached") from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            # Not the error's own text: aiohttp quotes URLs, and a proxy's answer may quote more.
            said = f"{self._host} gave no answer within {seconds:.0f} s"
            if not isinstance(error, TimeoutError):
                said = f"{self._host} broke off ({type(error).__name__})"
            raise (Unavailable(said) if method in SAFE else TimeoutError(said)) from None

    async def _read(
        self, answer: aiohttp.ClientResponse, accept: Collection[int], media: tuple[str, ...], most: int
    ) -> Answer:
        success = 200 <= answer.status < 300
        good = success or answer.status in accept
        if success and media and not answer.content_type.startswith(media):
            raise Unsupported(f"{self._host} sends {_line(answer.content_type)} where it should send {media[0]}…")
        if good and (answer.content_length or 0) > most:
            raise Unsupported(f"{self._host} sends {answer.content_length:,} bytes, of which {most:,} are allowed")
        body = bytearray()
        async for piece in answer.content.iter_chunked(1 << 16):
            body += piece
            if len(body) > most:
                if good:
                    raise Unsupported(f"{self._host} sends more than the {most:,} bytes that are allowed")
                break
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, headers, answer.content_type, bytes(body))

    def _verdict(self, method: str, answer: Answer) -> Verdict | TimeoutError:
        """What an answer that is no success means."""
        said = f"{self._host} answers {answer.status}"
        if words := _line(self._words(answer)):
            said = f"{said}: {words}"
        if answer.status in (401, 403):
            return Rejected(f"{said}; check {self._cure}")
        if answer.status in PERHAPS_DONE and method not in SAFE:
            return TimeoutError(said)
        if answer.status in (408, 425, 429) or answer.status >= 500:
            return Unavailable(said, retry_after(answer.headers.get("retry-after", "")))
        return Unsupported(said)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=8, keepalive_timeout=20),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme)


def _body(
    form: Sequence[tuple[str, str]] | None, json: Any, content: tuple[str, bytes] | None
) -> tuple[bytes | None, dict[str, str]]:
    if form is not None:
        return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if json is not None:
        return orjson.dumps(json), {"Content-Type": "application/json"}
    if content is not None:
        return content[1], {"Content-Type": content[0]}
    return None, {}


def _line(text: str) -> str:
    """*text* as one line for people."""
    clean = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(clean.split())[:LONGEST_WORDS]


def retry_after(text: str) -> float | None:
    """Seconds or a date (RFC 9110, 10.2.3); None for neither."""
    if text.isdigit() and text.isascii():
        return min(float(text), 86_400.0)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), 86_400.0)
