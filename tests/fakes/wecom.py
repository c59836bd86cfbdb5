"""WeCom's API on loopback, as one app sees it: tokens, messages to colleagues, customer service, and files."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

CORP = "ww0000000000000001"
SECRET = "wecom-app-secret-of-tests"
AGENT = 1000002
WHOM = "zhangsan"
ACCOUNT = "wkAccount1"
CUSTOMER = "wmCustomer1"


class WeCom:
    """*said* are the messages that the firm said: to whom, what, and their id. *told* lies in customer service, in its
    order; *words* are those with which it was asked for, and *expired* refuses the token that was given out once."""

    def __init__(self) -> None:
        self.port = 0
        self.said: list[tuple[str, str, str]] = []
        self.told: list[dict[str, Any]] = []
        self.words: list[str] = []
        self.files: dict[str, bytes] = {}
        self.expired = False
        self.full = False
        self._tokens = itertools.count(1)
        self._token = ""
        self._ids = itertools.count(1)

    def hears(self, text: str, **changed: Any) -> None:
        """The customer writes *text*."""
        message = {"msgid": f"c{next(self._ids)}", "open_kfid": ACCOUNT, "external_userid": CUSTOMER}
        message |= {"send_time": int(time.time()), "origin": 3, "msgtype": "text", "text": {"content": text}}
        self.told.append(message | changed)

    async def token(self, request: web.Request) -> web.Response:
        """A token for the app."""
        if request.query["corpid"] != CORP or request.query["corpsecret"] != SECRET:
            return _no(40001, "invalid credential, hint: [1], from ip: 203.0.113.1, more info at https://x.example")
        self._token = f"at-{next(self._tokens)}"
        return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": self._token, "expires_in": 7200})

    def refuses(self, request: web.Request) -> web.Response | None:
        """What whoever comes without the latest token is told."""
        if self.expired:
            self.expired, self._token = False, ""
        return None if self._token and request.query.get("access_token") == self._token else _no(42001, "expired")

    async def to_colleague(self, request: web.Request) -> web.Response:
        """The app says something."""
        about = await request.json()
        assert about["agentid"] == AGENT
        if about["touser"] != WHOM:
            return web.json_response({"errcode": 0, "errmsg": "ok", "invaliduser": about["touser"], "msgid": ""})
        return self._says(about, f"app{len(self.said)}")

    async def to_customer(self, request: web.Request) -> web.Response:
        """Customer service says something."""
        about = await request.json()
        if about["open_kfid"] != ACCOUNT or about["touser"] != CUSTOMER:
            return _no(95000, "invalid open_kfid")
        if self.full:
            return _no(95001, "send msg count limit")
        if about["msgid"] in [id for _, _, id in self.said]:
            return _no(95004, "msgid is not new")
        return self._says(about, about["msgid"])

    def _says(self, about: dict[str, Any], id: str) -> web.Response:
        assert about["msgtype"] == "text"
        text = about["text"]["content"]
        assert len(text.encode()) <= 2048
        self.said.append((about["touser"], text, id))
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": id})

    async def messages(self, request: web.Request) -> web.Response:
        """What lies in customer service after a place."""
        about = await request.json()
        if about["open_kfid"] != ACCOUNT:
            return _no(95000, "invalid open_kfid")
        self.words.append(about.get("token", ""))
        if about.get("token") == "stale":
            return _no(95007, "invalid msg token")
        begin = int(about.get("cursor", "place-0").removeprefix("place-"))
        end = min(begin + min(about["limit"], 40), len(self.told))
        said = {"errcode": 0, "errmsg": "ok", "next_cursor": f"place-{end}", "has_more": int(end < len(self.told))}
        return web.json_response({**said, "msg_list": self.told[begin:end]})

    async def media(self, request: web.Request) -> web.Response:
        """A file."""
        data = self.files.get(request.query["media_id"])
        if data is None:
            return _no(40007, "invalid media_id")
        named = {"Content-Disposition": 'attachment; filename="a.jpg"'}
        return web.Response(body=data, content_type="image/jpeg", headers=named)


def _no(code: int, words: str) -> web.Response:
    return web.Response(text=json.dumps({"errcode": code, "errmsg": words}), content_type="application/json")


@asynccontextmanager
async def wecom() -> AsyncIterator[WeCom]:
    """A running API over which nothing was said."""
    server = WeCom()

    @web.middleware
    async def known(request: web.Request, handler: Any) -> web.StreamResponse:
        refused = None if request.path == "/cgi-bin/gettoken" else server.refuses(request)
        answer: web.StreamResponse = refused or await handler(request)
        return answer

    app = web.Application(middlewares=[known])
    app.router.add_get("/cgi-bin/gettoken", server.token)
    app.router.add_post("/cgi-bin/message/send", server.to_colleague)
    app.router.add_post("/cgi-bin/kf/send_msg", server.to_customer)
    app.router.add_post("/cgi-bin/kf/sync_msg", server.messages)
    app.router.add_get("/cgi-bin/media/get", server.media)
    running = TestServer(app, host="127.0.0.1")
    await running.start_server()
    assert running.port is not None
    server.port = running.port
    try:
        yield server
    finally:
        await running.close()
