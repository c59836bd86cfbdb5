"""A program that takes webhooks, and checks them with the reference library of Standard Webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook, WebhookVerificationError


@dataclass(slots=True)
class Program:
    """It knows *secret*. *status* and *said* are what it answers; *silent*: it reads and breaks off."""

    url: str = ""
    secret: str = ""
    status: int = 200
    said: str = "ok"
    retry_after: str = ""
    silent: bool = False
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    tries: list[str] = field(default_factory=list)
    forged: int = 0
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def place(self) -> str:
        """Its `host:port`."""
        return self.url.split("/")[2]

    async def tried(self, count: int) -> None:
        """Return when so many requests came."""
        async with asyncio.timeout(15), self.came:
            await self.came.wait_for(lambda: len(self.tries) >= count)

    async def take(self, request: web.Request) -> web.Response:
        """`POST /hook`."""
        body = await request.text()
        try:
            document = Webhook(self.secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            self.forged += 1
            return web.Response(status=401)
        ident = request.headers["webhook-id"]
        async with self.came:
            self.tries.append(ident)
            if 200 <= self.status < 300:
                self.taken.append((ident, document))
            self.came.notify_all()
        if self.silent and request.transport is not None:
            request.transport.close()
        headers = {"Retry-After": self.retry_after} if self.retry_after else {}
        return web.Response(status=self.status, text=self.said, headers=headers)


@asynccontextmanager
async def program() -> AsyncIterator[Program]:
    """A running one."""
    running = Program()
    app = web.Application()
    app.router.add_post("/hook", running.take)
    async with TestServer(app) as server:
        running.url = str(server.make_url("/hook"))
        yield running
