"""Feishu's Open API on loopback, as one app sees it: tokens, messages, and the files of messages."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

APP = "cli_0001"
SECRET = "feishu-app-secret-of-tests"
CHAT = "oc_1"


class Feishu:
    """*said* are the messages that the app said: where, and the request. *files* are those of messages, by key.
    *tokens* counts how many were given; `expire` makes those void that are out."""

    def __init__(self) -> None:
        self.port = 0
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.files: dict[str, bytes] = {}
        self.tokens = 0
        self._valid = ""
        self._by_uuid: dict[str, str] = {}
        self._ids = itertools.count(100)

    def expire(self) -> None:
        """The token that is out counts no longer."""
        self._valid = ""

    async def token(self, request: web.Request) -> web.Response:
        """A token for the app."""
        about = await request.json()
        if (about["app_id"], about["app_secret"]) != (APP, SECRET):
            return web.json_response({"code": 10014, "msg": "app secret invalid"}, status=400)
        self.tokens += 1
        self._valid = f"t-{self.tokens}"
        return web.json_response({"code": 0, "msg": "ok", "tenant_access_token": self._valid, "expire": 7200})

    async def message(self, request: web.Request) -> web.Response:
        """The app says something."""
        if refused := self._unknown(request):
            return refused
        about = await request.json()
        if about["uuid"] in self._by_uuid:
            return _yes({"message_id": self._by_uuid[about["uuid"]], "chat_id": CHAT})
        answered = request.match_info.get("id", "")
        if not answered:
            assert request.query["receive_id_type"] == "chat_id"
            if about["receive_id"] != CHAT:
                return _no(400, 230001, "invalid receive_id")
        if about["msg_type"] != "text" or not json.loads(about["content"])["text"]:
            return _no(400, 230001, "invalid content")
        id = f"om_{next(self._ids)}"
        self._by_uuid[about["uuid"]] = id
        self.said.append((answered or about["receive_id"], {**about, "message_id": id}))
        return _yes({"message_id": id, "chat_id": CHAT})

    async def resource(self, request: web.Request) -> web.Response:
        """A file of a message."""
        if refused := self._unknown(request):
            return refused
        key = request.match_info["key"]
        if key not in self.files:
            return _no(400, 234003, "File not in msg.")
        assert request.query["type"] in ("image", "file")
        return web.Response(body=self.files[key], content_type="image/png")

    def _unknown(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self._valid}":
            return _no(400, 99991663, "Invalid access token for authorization")
        return None


def _yes(data: Any) -> web.Response:
    return web.json_response({"code": 0, "msg": "success", "data": data})


def _no(status: int, code: int, words: str) -> web.Response:
    return web.json_response({"code": code, "msg": words}, status=status)


@asynccontextmanager
async def feishu() -> AsyncIterator[Feishu]:
    """A running Open API over which nothing was said."""
    server = Feishu()
    app = web.Application()
    app.router.add_post("/open-apis/auth/v3/tenant_access_token/internal", server.token)
    app.router.add_post("/open-apis/im/v1/messages", server.message)
    app.router.add_post("/open-apis/im/v1/messages/{id}/reply", server.message)
    app.router.add_get("/open-apis/im/v1/messages/{id}/resources/{key}", server.resource)
    running = TestServer(app, host="127.0.0.1")
    await running.start_server()
    assert running.port is not None
    server.port = running.port
    try:
        yield server
    finally:
        await running.close()
