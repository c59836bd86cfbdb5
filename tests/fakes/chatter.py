"""A chat small enough to see through, in which colleagues are told of alerts: its messages can be changed.

It is reached as a third party's is: `POINTS` are the entry points of its distribution, and a source of the hub says
`provider = "chatter"` and `url = "http://127.0.0.1:<port>"`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

import hub


class ChatterSettings(hub.Settings):
    """Where the chat is."""

    url: str


class Teller(hub.Teller):
    """One request for each message."""

    Settings = ChatterSettings

    def __init__(self, settings: ChatterSettings, setup: hub.Setup) -> None:
        self._url = settings.url

    def reaches(self, handle: str) -> bool:
        """Whoever has a handle of this chat."""
        return handle.startswith("chatter:")

    async def tell(self, handle: str, telling: hub.Telling, known: str) -> str:
        """A new message, or the known one changed."""
        document = {
            "to": handle, "known": known, "title": telling.title, "lines": telling.lines, "url": telling.url,
            "buttons": [[button.label, button.value, button.url] for button in telling.buttons], "done": telling.done,
        }  # fmt: skip
        try:
            async with aiohttp.ClientSession() as session, session.post(self._url, json=document) as answer:
                return str((await answer.json())["id"])
        except aiohttp.ServerDisconnectedError as error:
            raise TimeoutError from error
        except aiohttp.ClientConnectionError as error:
            raise hub.Unavailable("The chat does not answer.") from error


@dataclass(slots=True)
class Chatter:
    """The chat. With *hangs_up* it takes a message and says nothing. *messages* are what it shows, by id."""

    url: str = ""
    hangs_up: bool = False
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    taken: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        """`POST /`."""
        document = await request.json()
        self.taken += 1
        ident = document["known"] or f"C{self.taken}"
        self.messages[ident] = document
        self.came.set()
        if self.hangs_up and request.transport is not None:
            request.transport.close()
        return web.json_response({"id": ident})


@asynccontextmanager
async def chatter() -> AsyncIterator[Chatter]:
    """A running one."""
    running = Chatter()
    app = web.Application()
    app.router.add_post("/", running.take)
    async with TestServer(app) as server:
        running.url = str(server.make_url("/"))
        yield running
