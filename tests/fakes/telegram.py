"""Telegram's Bot API on loopback, as one bot sees it: updates that wait until they are acknowledged by the next
question, messages, files, and the errors that the real one says.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN = "123456:AAF-of-the-tests"
BOT = {"id": 123456, "is_bot": True, "first_name": "Hub", "username": "hub_bot"}
LI = {"id": 7001, "is_bot": False, "first_name": "Li", "last_name": "Na", "language_code": "zh"}
LARGEST_TEXT = 4096


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the bot: where, as what, and the files that came with it (name, bytes)."""

    chat: int
    message: dict[str, Any]
    files: tuple[tuple[str, bytes], ...] = ()
    about: dict[str, Any] | None = None


class Telegram:
    """*waiting* are the updates that nobody has acknowledged, *said* what the bot said, *files* what getFile finds by
    id, *blocked* the chats whose owner stopped the bot."""

    def __init__(self) -> None:
        self.port = 0
        self.waiting: list[dict[str, Any]] = []
        self.said: list[Said] = []
        self.files: dict[str, bytes] = {}
        self.chats = {LI["id"]}
        self.blocked: set[int] = set()
        self.webhook = False
        self._updates = itertools.count(1000)
        self._messages = itertools.count(1)
        self._news = asyncio.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def write(self, text: str, **more: Any) -> dict[str, Any]:
        """Li writes to the bot. Any thread may."""
        message = {
            "message_id": next(self._messages),
            "from": LI,
            "chat": {"id": LI["id"], "first_name": "Li", "type": "private"},
            "date": int(time.time()),
            "text": text,
            **more,
        }
        self.update(message=message)
        return message

    def update(self, **what: Any) -> None:
        """Something happens."""
        self.waiting.append({"update_id": next(self._updates), **what})
        assert self._loop is not None, "it runs"
        self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._wake()))

    async def _wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def answer(self, request: web.Request) -> web.Response:
        """One method."""
        if request.match_info["token"] != TOKEN:
            return _no(401, "Unauthorized")
        method = request.match_info["method"]
        about: dict[str, Any] = {}
        files: list[tuple[str, str, bytes]] = []
        if request.content_type == "multipart/form-data":
            for name, value in (await request.post()).items():
                if isinstance(value, web.FileField):
                    files.append((name, value.filename, value.file.read()))
                else:
                    about[name] = value
        else:
            about = await request.json()
        found: web.Response = await getattr(self, f"on_{method}")(about, files)
        return found

    async def on_getUpdates(self, about: dict[str, Any], files: Any) -> web.Response:  # noqa: N802
        """What waits, after what is acknowledged by asking."""
        if self.webhook:
            return _no(409, "Conflict: can't use getUpdates method while webhook is active")
        offset = about.get("offset", 0)
        self.waiting = [each for each in self.waiting if each["update_id"] >= offset]
        if not self.waiting and about.get("timeout"):
            async with self._news:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait_for(lambda: bool(self.waiting)), about["timeout"])
        return _yes(self.waiting[: about.get("limit", 100)])

    async def on_sendMessage(self, about: dict[str, Any], files: Any) -> web.Response:  # noqa: N802
        """The bot says something."""
        text = about["text"]
        if not text.strip():
            return _no(400, "Bad Request: message text is empty")
        if len(text) > LARGEST_TEXT:
            return _no(400, "Bad Request: message is too long")
        return self._says(about, {"text": text})

    async def on_sendDocument(self, about: dict[str, Any], files: Any) -> web.Response:  # noqa: N802
        """The bot sends a file."""
        ((_, name, data),) = files
        return self._says(
            about, {"caption": about.get("caption", ""), "document": {"file_name": name}}, ((name, data),)
        )

    async def on_sendMediaGroup(self, about: dict[str, Any], files: Any) -> web.Response:  # noqa: N802
        """The bot sends several files."""
        by_name = {field: (name, data) for field, name, data in files}
        made = []
        for each in json.loads(about["media"]):
            file = by_name[each["media"].removeprefix("attach://")]
            answer = self._says(about, {"caption": each.get("caption", ""), "document": {}}, (file,))
            if answer.status != 200:
                return answer
            made.append(self.said[-1].message)
        return _yes(made)

    async def on_getFile(self, about: dict[str, Any], files: Any) -> web.Response:  # noqa: N802
        """Where a file lies."""
        if about["file_id"] not in self.files:
            return _no(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        return _yes({"file_id": about["file_id"], "file_path": f"documents/{about['file_id']}"})

    async def file(self, request: web.Request) -> web.Response:
        """A file."""
        assert request.match_info["token"] == TOKEN
        return web.Response(body=self.files[request.match_info["id"]], content_type="application/octet-stream")

    def _says(
        self, about: dict[str, Any], what: dict[str, Any], files: tuple[tuple[str, bytes], ...] = ()
    ) -> web.Response:
        chat = int(about["chat_id"])
        if chat in self.blocked:
            return _no(403, "Forbidden: bot was blocked by the user")
        if chat not in self.chats:
            return _no(400, "Bad Request: chat not found")
        message = {
            "message_id": next(self._messages),
            "from": BOT,
            "chat": {"id": chat, "type": "private" if chat > 0 else "supergroup"},
            "date": int(time.time()),
            **what,
        }
        self.said.append(Said(chat, message, files, about))
        return _yes(message)


def _yes(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _no(code: int, words: str) -> web.Response:
    return web.json_response({"ok": False, "error_code": code, "description": words}, status=code)


@asynccontextmanager
async def telegram() -> AsyncIterator[Telegram]:
    """A running Bot API in which nobody has written."""
    server = Telegram()
    server._loop = asyncio.get_running_loop()
    app = web.Application(client_max_size=100 << 20)
    app.router.add_post("/bot{token}/{method}", server.answer)
    app.router.add_get("/file/bot{token}/documents/{id}", server.file)
    running = TestServer(app, host="127.0.0.1")
    await running.start_server()
    assert running.port is not None
    server.port = running.port
    try:
        yield server
    finally:
        await running.close()
