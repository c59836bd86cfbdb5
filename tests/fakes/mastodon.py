"""A server that speaks Mastodon's client API on loopback: its posts have the shape of those that a real one said (the
recordings of `connectors/mastodon`), its ids grow with time, and its stream is one WebSocket for all streams.

No server of this API runs on a machine without a container, so that this stand-in is all that the tests have.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from html import escape, unescape
from pathlib import Path
from typing import Any

from aiohttp import WSCloseCode, web
from aiohttp.test_utils import TestServer

TOKEN = "mastodon-token-4711"
ME = "1000"

_SHAPE = json.loads((Path(__file__).parents[2] / "connectors/mastodon/recordings/mention.json").read_text("utf-8"))
_STREAMS = frozenset({"user", "user:notification", "public", "public:local", "hashtag", "hashtag:local", "direct"})


class Mastodon:
    """*statuses* are the posts by id, *notifications* those of the account ``us``, the newest last. *page* is the most
    that a page holds. *streaming* may be another address for the stream."""

    def __init__(self) -> None:
        self.port = 0
        self.statuses: dict[str, dict[str, Any]] = {}
        self.notifications: list[dict[str, Any]] = []
        self.accounts: dict[str, str] = {"us": ME}
        self.page = 40
        self.keys: dict[str, str] = {}
        self.asked: list[tuple[str, str, Mapping[str, str]]] = []
        self._sending: set[asyncio.Future[None]] = set()
        self._ids = itertools.count()
        self._open: dict[web.WebSocketResponse, set[tuple[str, ...]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def post(
        self,
        author: str,
        text: str,
        *,
        visibility: str = "public",
        answers: str = "",
        to: tuple[str, ...] = (),
        tags: tuple[str, ...] = (),
        **more: Any,
    ) -> str:
        """*author* (an acct) posts *text* and names *to*; answers the post's id. Any thread may."""
        now = datetime.now(UTC)
        # Milliseconds and sixteen bits of a counter, as Mastodon numbers its posts.
        id = str((int(now.timestamp() * 1000) << 16) | (next(self._ids) & 0xFFFF))
        status = copy.deepcopy(_SHAPE["status"])
        account = self._account(author)
        named = "".join(
            f'<span class="h-card"><a href="{self.url}/@{each}" class="u-url mention">@<span>{each}</span></a></span> '
            for each in to
        )
        status |= {
            "id": id,
            "created_at": _time(now),
            "uri": f"{self.url}/users/{author}/statuses/{id}",
            "url": f"{self.url}/@{author}/{id}",
            "visibility": visibility,
            "content": f"<p>{named}{escape(text).replace(chr(10), '<br />')}</p>",
            "account": account,
            "in_reply_to_id": answers or None,
            "in_reply_to_account_id": self.statuses[answers]["account"]["id"] if answers in self.statuses else None,
            "mentions": [{"id": self._id(each), "username": each, "url": "", "acct": each} for each in to],
            "tags": [{"name": tag, "url": ""} for tag in tags],
            **more,
        }
        self.statuses[id] = status
        self._say(status, "update")
        if "us" in to:
            notification = {
                "id": str(len(self.notifications) + 20),
                "type": "mention",
                "created_at": _time(now),
                "account": account,
                "status": status,
            }
            self.notifications.append(notification)
            self._tell(("user:notification",), "notification", json.dumps(notification))
        return id

    def edit(self, id: str, text: str) -> None:
        """The writer changes her post."""
        self.statuses[id] = {
            **self.statuses[id],
            "content": f"<p>{escape(text)}</p>",
            "edited_at": _time(datetime.now(UTC)),
        }
        self._say(self.statuses[id], "status.update")

    def delete(self, id: str) -> None:
        """The writer takes her post down."""
        gone = self.statuses.pop(id)
        self.notifications = [each for each in self.notifications if each["status"]["id"] != id]
        for stream in self._streams(gone):
            self._tell(stream, "delete", id)

    async def repeat(self) -> None:
        """The stream says every post again."""
        for status in list(self.statuses.values()):
            self._say(status, "update")

    async def cut(self) -> None:
        """End every stream."""
        for socket in list(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    def text(self, id: str) -> str:
        """What a post of ours says, as it was sent."""
        return str(self.statuses[id]["sent"])

    # --- what it answers ---

    async def instance(self, request: web.Request) -> web.Response:
        """What the server says of itself."""
        # Whoever asks through a proxy is sent through it to the stream, too.
        streaming = f"ws://{request.host}"
        return web.json_response({"domain": "social.test", "configuration": {"urls": {"streaming": streaming}}})

    async def credentials(self, request: web.Request) -> web.Response:
        """Who asks."""
        return web.json_response(self._account("us"))

    async def tagged(self, request: web.Request) -> web.Response:
        """The timeline of a hashtag."""
        tag = request.match_info["tag"]
        return self._listed(request, lambda each: any(tag == name["name"].casefold() for name in each["tags"]))

    async def public(self, request: web.Request) -> web.Response:
        """The public timeline."""
        return self._listed(request, lambda each: each["visibility"] == "public")

    async def notified(self, request: web.Request) -> web.Response:
        """What concerns the account."""
        assert request.query.getall("types[]") == ["mention"]
        return web.json_response(_page(request.query, self.notifications, self.page))

    async def searched(self, request: web.Request) -> web.Response:
        """The posts that hold some words."""
        words = request.query["q"].casefold()
        assert request.query["type"] == "statuses"
        found = [each for each in self.statuses.values() if words in each["content"].casefold()]
        return web.json_response({"accounts": [], "hashtags": [], "statuses": _page(request.query, found, self.page)})

    async def status(self, request: web.Request) -> web.Response:
        """One post."""
        found = self.statuses.get(request.match_info["id"])
        if found is None:
            return web.json_response({"error": "Record not found"}, status=404)
        return web.json_response(found)

    async def publish(self, request: web.Request) -> web.Response:
        """The account posts."""
        form = await request.post()
        key = request.headers.get("Idempotency-Key", "")
        if key in self.keys:
            return web.json_response(self.statuses[self.keys[key]])
        text = str(form["status"])
        if not text or len(text) > 500:
            return web.json_response({"error": "Validation failed: Text character limit of 500 exceeded"}, status=422)
        answers = str(form.get("in_reply_to_id") or "")
        id = self.post("us", text, answers=answers, visibility=str(form.get("visibility") or "public"), sent=text)
        if key:
            self.keys[key] = id
        return web.json_response(self.statuses[id])

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The stream of whatever is subscribed to."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._open[socket] = set()
        try:
            async for frame in socket:
                said = json.loads(frame.data)
                assert said["type"] == "subscribe"
                if said["stream"] not in _STREAMS:
                    await socket.send_json({"error": "Unknown stream type", "status": 400})
                    continue
                self._open[socket].add(tuple(filter(None, (said["stream"], said.get("tag", "")))))
        finally:
            del self._open[socket]
        return socket

    # --- the rest ---

    def _id(self, acct: str) -> str:
        return self.accounts.setdefault(acct, str(1000 + len(self.accounts)))

    def _account(self, acct: str) -> dict[str, Any]:
        account: dict[str, Any] = copy.deepcopy(_SHAPE["account"])
        name = acct.partition("@")[0]
        return account | {
            "id": self._id(acct),
            "username": name,
            "acct": acct,
            "display_name": name.title(),
            "url": f"{self.url}/@{acct}",
            "followers_count": 42,
        }

    def _listed(self, request: web.Request, fits: Callable[[dict[str, Any]], bool]) -> web.Response:
        return web.json_response(
            _page(request.query, [each for each in self.statuses.values() if fits(each)], self.page)
        )

    def _streams(self, status: Mapping[str, Any]) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = [("hashtag", tag["name"].casefold()) for tag in status["tags"]]
        if status["visibility"] == "public":
            found += [("public",)]
        return found

    def _say(self, status: Mapping[str, Any], event: str) -> None:
        for stream in self._streams(status):
            self._tell(stream, event, json.dumps(status))

    def _tell(self, stream: tuple[str, ...], event: str, payload: str) -> None:
        frame = {"stream": list(stream), "event": event, "payload": payload}

        def send() -> None:
            for socket, wanted in self._open.items():
                if stream in wanted and not socket.closed:
                    self._sending.add(sending := asyncio.ensure_future(_sent(socket, frame)))
                    sending.add_done_callback(self._sending.discard)

        assert self._loop is not None, "it runs"
        self._loop.call_soon_threadsafe(send)


async def _sent(socket: web.WebSocketResponse, frame: Mapping[str, Any]) -> None:
    with suppress(ConnectionError):  # whoever listened is gone
        await socket.send_json(frame)


def _page(query: Mapping[str, str], some: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """The newest first; after `min_id` the page that comes next to it."""
    limit = min(int(query.get("limit", 20)), most)
    ordered = sorted(some, key=lambda each: int(each["id"]))
    if "min_id" in query:
        return list(reversed([each for each in ordered if int(each["id"]) > int(query["min_id"])][:limit]))
    below = [each for each in ordered if "max_id" not in query or int(each["id"]) < int(query["max_id"])]
    return list(reversed(below))[:limit]


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(content: str) -> str:
    """The words of a post's HTML."""
    return unescape(re.sub(r"<[^>]*>", "", content.replace("<br />", "\n")))


@web.middleware
async def _known(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        return web.json_response({"error": "The access token is invalid"}, status=401)
    answer: web.StreamResponse = await handler(request)
    return answer


@asynccontextmanager
async def mastodon() -> AsyncIterator[Mastodon]:
    """A running server on which nobody has posted."""
    server = Mastodon()
    server._loop = asyncio.get_running_loop()
    app = web.Application(middlewares=[_known])
    app.router.add_get("/api/v2/instance", server.instance)
    app.router.add_get("/api/v1/accounts/verify_credentials", server.credentials)
    app.router.add_get("/api/v1/timelines/tag/{tag}", server.tagged)
    app.router.add_get("/api/v1/timelines/public", server.public)
    app.router.add_get("/api/v1/notifications", server.notified)
    app.router.add_get("/api/v2/search", server.searched)
    app.router.add_get("/api/v1/statuses/{id}", server.status)
    app.router.add_post("/api/v1/statuses", server.publish)
    app.router.add_get("/api/v1/streaming", server.stream)
    running = TestServer(app, host="127.0.0.1")
    await running.start_server()
    assert running.port is not None
    server.port = running.port
    try:
        yield server
    finally:
        await server.cut()
        await running.close()
