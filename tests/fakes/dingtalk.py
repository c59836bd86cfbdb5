"""DingTalk's Open API on loopback, as one app sees it: tokens, messages of its robot, and the files sent to it."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

APP = "dingsuite0001"
SECRET = "dingtalk-app-secret-of-tests"
ROBOT = "dingrobot1"
WHOM = "manager7"
GROUP = "cidgroup=="


class DingTalk:
    """*said* are the messages that the robot said: where, and what. *files* are those sent to it, by code."""

    def __init__(self) -> None:
        self.port = 0
        self.said: list[tuple[str, str]] = []
        self.files: dict[str, bytes] = {}
        self.elsewhere = ""
        self._ids = itertools.count(1)

    async def token(self, request: web.Request) -> web.Response:
        """A token for the app."""
        about = await request.json()
        if (about["appKey"], about["appSecret"]) != (APP, SECRET):
            return _no(400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
        return web.json_response({"accessToken": "at-1", "expireIn": 7200})

    async def alone(self, request: web.Request) -> web.Response:
        """The robot says something to colleagues."""
        about = await request.json()
        known = [each for each in about["userIds"] if each == WHOM]
        strangers = [each for each in about["userIds"] if each != WHOM]
        return self._says(about, known[0] if known else "", invalidStaffIdList=strangers)

    async def group(self, request: web.Request) -> web.Response:
        """The robot says something in a group."""
        about = await request.json()
        if about["openConversationId"] != GROUP:
            return _no(400, "miss.param.openConversationId", "群不存在")
        return self._says(about, GROUP)

    def _says(self, about: dict[str, Any], where: str, **more: Any) -> web.Response:
        assert about["robotCode"] == ROBOT
        assert about["msgKey"] == "sampleText"
        if where:
            self.said.append((where, json.loads(about["msgParam"])["content"]))
        return web.json_response({"processQueryKey": f"pqk{next(self._ids)}", **more})

    async def download(self, request: web.Request) -> web.Response:
        """Where a file lies."""
        about = await request.json()
        if about["downloadCode"] not in self.files:
            return _no(400, "invalidDownloadCode", "downloadCode无效")
        url = self.elsewhere or f"http://127.0.0.1:{self.port}/files/{about['downloadCode']}"
        return web.json_response({"downloadUrl": url})

    async def file(self, request: web.Request) -> web.Response:
        """A file."""
        assert "x-acs-dingtalk-access-token" not in request.headers
        return web.Response(body=self.files[request.match_info["code"]], content_type="application/octet-stream")


def _no(status: int, code: str, words: str) -> web.Response:
    return web.json_response({"code": code, "message": words, "requestid": "r"}, status=status)


@web.middleware
async def _known(request: web.Request, handler: Any) -> web.StreamResponse:
    free = request.path == "/v1.0/oauth2/accessToken" or request.path.startswith("/files/")
    if not free and request.headers.get("x-acs-dingtalk-access-token") != "at-1":
        return _no(401, "InvalidAuthentication", "不合法的access_token")
    answer: web.StreamResponse = await handler(request)
    return answer


@asynccontextmanager
async def dingtalk() -> AsyncIterator[DingTalk]:
    """A running Open API over which nothing was said."""
    server = DingTalk()
    app = web.Application(middlewares=[_known])
    app.router.add_post("/v1.0/oauth2/accessToken", server.token)
    app.router.add_post("/v1.0/robot/oToMessages/batchSend", server.alone)
    app.router.add_post("/v1.0/robot/groupMessages/send", server.group)
    app.router.add_post("/v1.0/robot/messageFiles/download", server.download)
    app.router.add_get("/files/{code}", server.file)
    running = TestServer(app, host="127.0.0.1")
    await running.start_server()
    assert running.port is not None
    server.port = running.port
    try:
        yield server
    finally:
        await running.close()
