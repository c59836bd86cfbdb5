"""Meta's Graph API on loopback: a WhatsApp number, a page and an Instagram account, and what they send.

It checks the shape of each request against Meta's description, and signs nothing: what it would tell a webhook a test
sends itself.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN = "graph-token-of-the-tests"
NUMBER = "106540352242922"
PAGE = "100000000000001"
LI = "7000000000000001"
LI_PHONE = "4917012345678"
LI_USER = "DE.7000000000000001"
COMMENT = "1_2"


class Graph:
    """*said* are the messages that it took: to whom, and what was in them. *files* are media by id."""

    def __init__(self) -> None:
        self.port = 0
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.files: dict[str, tuple[str, bytes]] = {}
        self.elsewhere = ""
        self.busy = 0
        self._ids = itertools.count(1)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    async def whatsapp(self, request: web.Request) -> web.Response:
        """The number says something."""
        about = await request.json()
        if self.busy:
            self.busy -= 1
            return _no(400, 130429, "Rate limit hit")
        assert about["messaging_product"] == "whatsapp"
        assert request.match_info["account"] == NUMBER
        whom = about.get("to") or about.get("recipient")
        if whom not in (LI_PHONE, LI_USER):
            return _no(400, 131026, "Message undeliverable")
        if about["type"] == "text" and not 0 < len(about["text"]["body"]) <= 4096:
            return _no(400, 100, "Param text['body'] must be at most 4096 characters long.")
        assert ("to" in about) == bool(re.fullmatch(r"\d+", whom))
        self.said.append((whom, about))
        return web.json_response({"messaging_product": "whatsapp", "messages": [{"id": f"wamid.{next(self._ids)}"}]})

    async def messenger(self, request: web.Request) -> web.Response:
        """The page says something."""
        about = await request.json()
        if about["recipient"]["id"] != LI:
            return _no(400, 100, "No matching user found")
        if not 0 < len(about["message"]["text"]) <= 2000:
            return _no(400, 100, "Length of param message[text] must be less than or equal to 2000")
        assert about["messaging_type"] == "RESPONSE"
        self.said.append((LI, about))
        return web.json_response({"recipient_id": LI, "message_id": f"m_{next(self._ids)}"})

    async def comment(self, request: web.Request) -> web.Response:
        """The page answers a comment."""
        if request.match_info["comment"] != COMMENT:
            return _no(400, 100, "Unsupported post request. Object does not exist")
        about = await request.json()
        self.said.append((COMMENT, about))
        return web.json_response({"id": f"1_{next(self._ids) + 100}"})

    async def message(self, request: web.Request) -> web.Response:
        """Something is said."""
        if request.match_info["account"] == NUMBER:
            return await self.whatsapp(request)
        if request.match_info["account"] == PAGE:
            return await self.messenger(request)
        return _no(400, 100, "Unsupported post request. Object does not exist")

    async def media(self, request: web.Request) -> web.Response:
        """Where a file lies."""
        id = request.match_info["id"]
        if id not in self.files:
            return _no(400, 100, "Unsupported get request. Object does not exist")
        kind, data = self.files[id]
        url = self.elsewhere or f"{self.url}/media/{id}"
        return web.json_response({"url": url, "mime_type": kind, "file_size": len(data), "id": id})

    async def file(self, request: web.Request) -> web.Response:
        """A file."""
        kind, data = self.files[request.match_info["id"]]
        return web.Response(body=data, content_type=kind)


def _no(status: int, code: int, words: str) -> web.Response:
    error = {"message": words, "type": "OAuthException", "code": code, "fbtrace_id": "A"}
    return web.json_response({"error": error}, status=status)


@web.middleware
async def _known(request: web.Request, handler: Any) -> web.StreamResponse:
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        return _no(401, 190, "Invalid OAuth access token - Cannot parse access token")
    answer: web.StreamResponse = await handler(request)
    return answer


@asynccontextmanager
async def graph() -> AsyncIterator[Graph]:
    """A running Graph API over which nothing was said."""
    server = Graph()
    app = web.Application(middlewares=[_known])
    app.router.add_post("/v23.0/{account}/messages", server.message)
    app.router.add_post("/v23.0/{comment}/{way:comments|replies}", server.comment)
    app.router.add_get("/v23.0/{id}", server.media)
    app.router.add_get("/media/{id}", server.file)
    running = TestServer(app, host="127.0.0.1")
    await running.start_server()
    assert running.port is not None
    server.port = running.port
    try:
        yield server
    finally:
        await running.close()
