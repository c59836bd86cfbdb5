"""A provider of SMS and chat small enough to see through: it takes texts over HTTP and decides what they are called.

It is reached as a third party's is: `POINTS` are the entry points of its distribution, and a source of the hub says
`provider = "texter"` and `url = "http://127.0.0.1:<port>"`. What comes in and what became of texts the test records
itself, as items.
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

POINTS = "[hub.connectors]\ntexter = tests.fakes.texter\n"


class TexterSettings(hub.Settings):
    """Where the provider is."""

    url: str


class Sender(hub.Sender):
    """One request for each text."""

    Settings = TexterSettings
    channels = frozenset({hub.Channel.SMS, hub.Channel.CHAT})

    def __init__(self, settings: TexterSettings, setup: hub.Setup) -> None:
        self._url = settings.url

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """What the provider answers decides the verdict."""
        (to,) = letter.recipients
        said = letter.template
        document = {
            "channel": str(letter.channel), "from": letter.sender, "to": to, "text": letter.raw.decode(),
            "template": [said.id, dict(said.values)] if said else None,
        }  # fmt: skip
        try:
            async with aiohttp.ClientSession() as session, session.post(self._url, json=document) as answer:
                told = await answer.json()
        except aiohttp.ServerDisconnectedError as error:
            raise TimeoutError from error
        except aiohttp.ClientConnectionError as error:
            raise hub.Unavailable("The provider does not answer.") from error
        if answer.status == 422:
            raise hub.Unsupported(told["reason"])
        return hub.Sent(told["id"], key=f"texter:{told['id']}")


@dataclass(slots=True)
class Texter:
    """The provider. It answers while it is not held; *refuses* is why it takes no text, "" where it does; with
    *hangs_up* it takes a text and says nothing."""

    url: str = ""
    refuses: str = ""
    hangs_up: bool = False
    taken: list[dict[str, Any]] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    _came: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def next(self) -> str:
        """The key of the next text that it has in its hands."""
        return await self._came.get()

    async def take(self, request: web.Request) -> web.Response:
        """`POST /`."""
        if self.refuses:
            return web.json_response({"reason": self.refuses}, status=422)
        self.taken.append(await request.json())
        ident = f"T{len(self.taken)}"
        self._came.put_nowait(f"texter:{ident}")
        if self.hangs_up and request.transport is not None:
            request.transport.close()
        await self.answers.wait()
        return web.json_response({"id": ident})


@asynccontextmanager
async def texter() -> AsyncIterator[Texter]:
    """A running one, not held."""
    provider = Texter()
    provider.answers.set()
    app = web.Application()
    app.router.add_post("/", provider.take)
    async with TestServer(app) as server:
        provider.url = str(server.make_url("/"))
        yield provider
        provider.answers.set()
