"""One server's client API (https://docs.joinmastodon.org/client/intro/): requests, timelines and the stream."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import orjson

import hub
from connectors.mastodon.settings import MastodonSettings
from connectors.mastodon.statuses import Us
from hub.http import Answer, Client

PAGE = 40
LARGEST_FRAME = 4 << 20

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Stream:
    """Something that is heard: its *name* in the cursor, the *path* at which what was missed is asked for (with
    *query*), and what is subscribed to, None where there is no stream of it."""

    name: str
    path: str
    query: Query = ()
    subscribe: Mapping[str, str] | None = None


def streams(settings: MastodonSettings) -> list[Stream]:
    """What the settings say is to be heard."""
    found = [Stream("mentions", "/api/v1/notifications", [("types[]", "mention")], {"stream": "user:notification"})]
    for tag in settings.hashtags:
        path = f"/api/v1/timelines/tag/{quote(tag, safe='')}"
        found.append(Stream(f"hashtag:{tag}", path, (), {"stream": "hashtag", "tag": tag}))
    if settings.public == "all":
        found.append(Stream("public", "/api/v1/timelines/public", (), {"stream": "public"}))
    if settings.public == "local":
        found.append(Stream("public", "/api/v1/timelines/public", [("local", "true")], {"stream": "public:local"}))
    for words in settings.search:
        found.append(Stream(f"search:{words}", "/api/v2/search", [("q", words), ("type", "statuses")]))
    return found


class Server:
    """The server as a source's account sees it. `close` it in the end. Raises as `hub.http.Client.ask`."""

    def __init__(self, settings: MastodonSettings, source: str) -> None:
        self._settings = settings
        self._source = source
        self._token = settings.token.get_secret_value()
        self._client = Client(
            settings.server,
            headers={"Authorization": f"Bearer {self._token}"},
            cure=f"the token of sources.{source}",
            words=_words,
        )
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._streaming = ""
        self.host = urlsplit(settings.server).netloc

    async def close(self) -> None:
        """Hang up, and close every connection."""
        socket, session, self._socket, self._session = self._socket, self._session, None, None
        if socket is not None:
            await socket.close()
        if session is not None:
            await session.close()
        await self._client.close()

    async def rest(self) -> None:
        """Nothing is asked for a while: only the stream stays open."""
        await self._client.close()

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """The answer to one request."""
        return await self._client.ask(method, path, **more)

    async def us(self) -> Us:
        """Who we are there."""
        account = (await self.ask("GET", "/api/v1/accounts/verify_credentials")).json()
        about = (await self.ask("GET", "/api/v2/instance")).json()
        urls = (about.get("configuration") or {}).get("urls") or {}
        self._streaming = str(urls.get("streaming") or "") or self._settings.server.replace("http", "ws", 1)
        domain = str(about.get("domain") or urlsplit(self._settings.server).hostname)
        return Us(self.host, domain, str(account["id"]), str(account["acct"]))

    async def page(self, stream: Stream, **between: str) -> list[dict[str, Any]]:
        """A page of what *stream* holds, the newest first, *between* ids (`min_id`, `max_id`)."""
        query = [*stream.query, ("limit", str(PAGE)), *between.items()]
        found = (await self.ask("GET", stream.path, query=query)).json()
        if isinstance(found, dict):
            found = found.get("statuses")
        if not isinstance(found, list):
            raise hub.Unavailable(f"{self.host} answers something else than posts")
        return [each for each in found if isinstance(each, dict) and "id" in each]

    async def listen(self, wanted: Sequence[Stream]) -> None:
        """Begin to hear *wanted*. Raises `Unavailable`, `Rejected`, `Misconfigured`."""
        parts = urlsplit(self._streaming)
        if parts.scheme != "wss" and not (parts.scheme == "ws" and self._settings.server.startswith("http:")):
            raise hub.Misconfigured(f"{self.host} names no safe address for its streams")
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        url = f"{self._streaming.rstrip('/')}/api/v1/streaming"
        try:
            self._socket = await self._session.ws_connect(
                url,
                headers={"Authorization": f"Bearer {self._token}"},
                max_msg_size=LARGEST_FRAME,
                heartbeat=30.0,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
            )
            for stream in wanted:
                if stream.subscribe is not None:
                    await self._socket.send_json({"type": "subscribe", **stream.subscribe})
        except aiohttp.WSServerHandshakeError as error:
            if error.status in (401, 403):
                raise hub.Rejected(f"{self.host} answers {error.status}; check the token") from None
            raise hub.Unavailable(f"{parts.hostname} answers {error.status}") from None
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise hub.Unavailable(f"{parts.hostname} cannot be reached") from None

    async def next(self, seconds: float | None) -> Mapping[str, Any] | None:
        """The next thing that the stream says, None where nothing came in *seconds*. Raises `Unavailable`."""
        assert self._socket is not None, "it listens"
        try:
            async with asyncio.timeout(seconds):
                frame: Any = await self._socket.receive()
        except TimeoutError:
            return None
        if frame.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            raise hub.Unavailable(f"{self.host} ended the stream")
        try:
            said = orjson.loads(frame.data)
        except orjson.JSONDecodeError:
            return {}
        if isinstance(said, dict) and "error" in said:
            raise hub.Misconfigured(f"{self.host} has no such stream: {str(said['error'])[:100]}")
        return said if isinstance(said, dict) else {}


def _words(answer: Answer) -> str:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    return str(said.get("error") or "") if isinstance(said, dict) else ""
