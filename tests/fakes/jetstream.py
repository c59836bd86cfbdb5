"""A Jetstream on loopback, in both wire formats: it replays from a cursor, then goes on live, as the public ones do.

It can be cut, forget what is old, refuse connections, tell its last hour again, and be filled with golden frames. It
also answers who the people are, as the public app view does.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import WSCloseCode, web
from aiohttp.test_utils import TestServer

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_V1 = frozenset({"wantedCollections", "wantedDids", "cursor", "maxMessageSizeBytes", "compress", "requireHello"})
_V2 = frozenset({"cursor", "kinds", "dids", "collections", "maxMessageSizeBytes", "zstdDictionary"})


class Jetstream:
    """*told* are the events, in the first wire format with a `seq` each; *asked* the parameters of each connection.
    *people* are the profiles it knows, by DID, and *looked_up* the DIDs of each question about them."""

    def __init__(self) -> None:
        self.port = 0
        self.told: list[dict[str, Any]] = []
        self.asked: list[Mapping[str, list[str]]] = []
        self.people: dict[str, dict[str, Any]] = {}
        self.looked_up: list[list[str]] = []
        self.oldest = 0
        self.refuses = 0
        self.repeats = timedelta(0)
        self._number = itertools.count(1)
        self._news = asyncio.Condition()
        self._open: set[web.WebSocketResponse] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        """Its address, as the settings want it."""
        return f"ws://127.0.0.1:{self.port}"

    def now(self) -> int:
        """A time that nothing else was told at, in microseconds."""
        now = (datetime.now(UTC) - _EPOCH) // timedelta(microseconds=1)
        return max(now, self.told[-1]["time_us"] + 1) if self.told else now

    def tell(self, event: dict[str, Any]) -> None:
        """Something happens. *event* is in the first wire format; without `time_us` it happens now. Any thread may."""
        event = {"time_us": self.now(), **event, "seq": next(self._number)}
        self.told.append(event)
        assert self._loop is not None, "it runs"
        self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._wake()))

    def post(self, did: str, rkey: str, text: str, *, rev: str = "", operation: str = "create", **record: Any) -> str:
        """*did* posts *text*, or changes her post *rkey* into it; answers its at-uri."""
        body = {"$type": "app.bsky.feed.post", "text": text, "createdAt": datetime.now(UTC).isoformat(), **record}
        self._commit(did, "app.bsky.feed.post", rkey, operation, rev, body)
        return f"at://{did}/app.bsky.feed.post/{rkey}"

    def repost(self, did: str, rkey: str, uri: str) -> None:
        """*did* repeats the post at *uri*."""
        subject = {"uri": uri, "cid": "bafyreib"}
        body = {"$type": "app.bsky.feed.repost", "subject": subject, "createdAt": datetime.now(UTC).isoformat()}
        self._commit(did, "app.bsky.feed.repost", rkey, "create", "", body)

    def delete(self, did: str, rkey: str) -> None:
        """*did* takes her post down."""
        self._commit(did, "app.bsky.feed.post", rkey, "delete", "", None)

    def leave(self, did: str, status: str = "deleted") -> None:
        """The account *did* is gone."""
        self.tell({"did": did, "kind": "account", "account": {"active": False, "did": did, "status": status, "seq": 1}})

    def _commit(self, did: str, collection: str, rkey: str, operation: str, rev: str, record: Any) -> None:
        commit = {"rev": rev or f"rev{len(self.told)}", "operation": operation, "collection": collection, "rkey": rkey}
        if record is not None:
            commit |= {"record": record, "cid": "bafyreia"}
        self.tell({"did": did, "kind": "commit", "commit": commit})

    async def cut(self) -> None:
        """End every stream."""
        for socket in list(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    async def _wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def refuse(self, _: web.Request) -> web.Response:
        """Nobody may sign in here."""
        return web.json_response({"error": "AuthenticationRequired", "message": "Invalid identifier"}, status=401)

    async def profiles(self, request: web.Request) -> web.Response:
        """Those of the people asked for whom it knows (the lexicon `app.bsky.actor.getProfiles`)."""
        actors = request.query.getall("actors", [])
        self.looked_up.append(actors)
        if not 1 <= len(actors) <= 25:
            return web.json_response({"error": "InvalidRequest", "message": "actors"}, status=400)
        known = [{"did": did, **self.people[did]} for did in actors if did in self.people]
        return web.json_response({"profiles": known})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One stream."""
        second = request.path.startswith("/xrpc/")
        query = {name: request.query.getall(name) for name in request.query}
        self.asked.append(query)
        if self.refuses:
            self.refuses -= 1
            return web.Response(status=503)
        if query.keys() - (_V2 if second else _V1):
            return web.json_response({"error": "InvalidRequest", "message": "unknown parameter"}, status=400)
        cursor = int(query["cursor"][0]) if "cursor" in query else None
        if second and cursor is not None and cursor < 10**15 and cursor < self.oldest:
            return web.json_response({"error": "CursorTooOld", "message": str(self.oldest)}, status=400)
        socket = web.WebSocketResponse(protocols=("xrpc.v1.json",) if second else ())
        await socket.prepare(request)
        self._open.add(socket)
        listening = asyncio.ensure_future(socket.receive())
        sending = asyncio.ensure_future(self._send(socket, query, cursor, second=second))
        try:
            await asyncio.wait((listening, sending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(socket)
            for task in (listening, sending):
                task.cancel()
            await asyncio.gather(listening, sending, return_exceptions=True)
        return socket

    async def _send(
        self, socket: web.WebSocketResponse, query: Mapping[str, list[str]], cursor: int | None, *, second: bool
    ) -> None:
        wanted = query.get("collections" if second else "wantedCollections", [])
        place = len(self.told) if cursor is None else 0
        by_number = cursor is not None and second and cursor < 10**15
        while True:
            while place < len(self.told):
                event = self.told[place]
                place += 1
                at = event["seq"] if by_number else event["time_us"]
                if cursor is not None and at < cursor - self.repeats // timedelta(microseconds=1):
                    continue
                if event["seq"] < self.oldest:
                    continue
                if event["kind"] == "commit" and wanted and event["commit"]["collection"] not in wanted:
                    continue
                await socket.send_str(json.dumps(_second(event) if second else _first(event)))
            async with self._news:
                await self._news.wait_for(lambda heard=place: heard < len(self.told))


def _first(event: Mapping[str, Any]) -> dict[str, Any]:
    """*event* in the first wire format, which numbers nothing."""
    return {name: value for name, value in event.items() if name != "seq"}


def _second(event: Mapping[str, Any]) -> dict[str, Any]:
    """*event* in the second wire format, as its lexicon has it."""
    at = (_EPOCH + timedelta(microseconds=event["time_us"])).isoformat(timespec="microseconds").replace("+00:00", "Z")
    kind = event["kind"]
    payload = {
        "$type": f"network.bsky.jetstream.subscribeEvents#{kind}",
        "seq": event["seq"],
        "did": event["did"],
        "time": at,
    }
    payload |= event["commit"] if kind == "commit" else {kind: event[kind]}
    return {"$type": "message", "payload": payload}


@asynccontextmanager
async def jetstream() -> AsyncIterator[Jetstream]:
    """A running stream in which nothing has happened."""
    stream = Jetstream()
    stream._loop = asyncio.get_running_loop()
    app = web.Application()
    app.router.add_get("/subscribe", stream.answer)
    app.router.add_get("/xrpc/network.bsky.jetstream.subscribeEvents", stream.answer)
    app.router.add_get("/xrpc/app.bsky.actor.getProfiles", stream.profiles)
    app.router.add_post("/xrpc/com.atproto.server.createSession", stream.refuse)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    assert server.port is not None
    stream.port = server.port
    try:
        yield stream
    finally:
        await stream.cut()
        await server.close()
