"""An ntfy server small enough to see through: it takes messages as JSON (docs.ntfy.sh/publish)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN = "tk_7f3a1c"
_KNOWN = frozenset(
    ("topic", "sequence_id", "title", "message", "priority", "tags", "click", "actions", "attach", "markdown", "icon")
)


@dataclass(slots=True)
class Ntfy:
    """The server. *status* is what it answers instead of taking a message; *silent*: it takes it and breaks off."""

    url: str = ""
    status: int = 200
    retry_after: str = ""
    silent: bool = False
    taken: list[dict[str, Any]] = field(default_factory=list)
    tries: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def shown(self, topic: str) -> dict[str, dict[str, Any]]:
        """What a phone shows that subscribes to *topic*: the latest of each sequence."""
        return {each["sequence_id"]: each for each in self.taken if each["topic"] == topic}

    async def publish(self, request: web.Request) -> web.Response:
        """`POST /`."""
        self.tries += 1
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"code": 40101, "http": 401, "error": "unauthorized"}, status=401)
        if self.status != 200:
            headers = {"Retry-After": self.retry_after} if self.retry_after else {}
            said = {"code": self.status * 100 + 1, "http": self.status, "error": "limit reached"}
            return web.json_response(said, status=self.status, headers=headers)
        message = await request.json()
        if set(message) - _KNOWN or not message.get("topic") or not 1 <= message.get("priority", 3) <= 5:
            return web.json_response({"code": 40017, "http": 400, "error": "request body must be valid"}, status=400)
        self.taken.append(message)
        self.came.set()
        if self.silent and request.transport is not None:
            request.transport.close()
        return web.json_response({"id": f"m{len(self.taken)}", "event": "message", **message})


@asynccontextmanager
async def ntfy() -> AsyncIterator[Ntfy]:
    """A running one."""
    server = Ntfy()
    app = web.Application()
    app.router.add_post("/", server.publish)
    async with TestServer(app) as listening:
        server.url = str(listening.make_url("")).rstrip("/")
        yield server
