"""A provider of a chat with a window, and of posts, small enough to see through; it keeps files, too.

It is reached as a third party's is: `POINTS` are the entry points of its distribution, and a source of the hub says
`provider = "talker"` and `url = "http://127.0.0.1:<port>"`. What comes in the test records itself, as events.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

import hub

POINTS = "[hub.connectors]\ntalker = tests.fakes.talker\n"
WINDOW = timedelta(hours=24)
LARGEST = 100


class TalkerSettings(hub.Settings):
    """Where the provider is."""

    url: str


class Sender(hub.Sender):
    """One request for each message."""

    Settings = TalkerSettings
    channels: ClassVar[frozenset[hub.Channel]] = frozenset({hub.Channel.CHAT, hub.Channel.SOCIAL})
    speech: ClassVar[Mapping[hub.Channel, hub.Speech]] = {
        hub.Channel.CHAT: hub.Speech(50, enclosures=True, largest=LARGEST, window=WINDOW, templates=True),
        hub.Channel.SOCIAL: hub.Speech(20),
    }

    def __init__(self, settings: TalkerSettings, setup: hub.Setup) -> None:
        self._url = settings.url

    async def send(self, letter: hub.Letter) -> hub.Sent:
        """The provider takes it, or says why not."""
        document = {
            "channel": str(letter.channel), "from": letter.sender, "to": letter.recipients[0],
            "text": letter.raw.decode(), "thread": letter.conversation, "answers": letter.answers,
            "template": letter.template.id if letter.template else "",
            "files": [[each.name, each.data.decode()] for each in letter.enclosures],
        }  # fmt: skip
        async with aiohttp.ClientSession() as session, session.post(f"{self._url}/say", json=document) as answer:
            said = await answer.json()
        if answer.status == 422:
            raise hub.Unsupported(said["reason"])
        return hub.Sent(key=said["key"])


class Fetcher(hub.Fetcher):
    """What its files hold, by their ids."""

    Settings = TalkerSettings

    def __init__(self, settings: TalkerSettings, setup: hub.Setup) -> None:
        self._url = settings.url

    async def fetch(self, file: hub.File, most: int) -> hub.Media:
        """The status decides the verdict."""
        async with aiohttp.ClientSession() as session, session.get(f"{self._url}/files/{file.id}") as answer:
            if answer.status == 503:
                raise hub.Unavailable("It is not there yet.", 0.0)
            if answer.status != 200:
                raise hub.Unsupported("It is not there any more.")
            return hub.Media(answer.content_type, await answer.read())


@dataclass(slots=True)
class Talker:
    """The provider: what it took, and what it keeps. *refuses* is why it takes nothing, "" where it does; a file among
    *late* is there at the second time of asking."""

    url: str = ""
    refuses: str = ""
    taken: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)

    async def say(self, request: web.Request) -> web.Response:
        """`POST /say`."""
        if self.refuses:
            return web.json_response({"reason": self.refuses}, status=422)
        said = await request.json()
        self.taken.append(said)
        space = "activitypub:https://social.test/said-" if said["channel"] == "social" else "talker:"
        return web.json_response({"key": f"{space}{len(self.taken)}"})

    async def file(self, request: web.Request) -> web.Response:
        """`GET /files/{id}`."""
        name = request.match_info["id"]
        if name in self.late:
            self.late.discard(name)
            return web.Response(status=503)
        if name not in self.files:
            return web.Response(status=404)
        kind, data = self.files[name]
        return web.Response(body=data, content_type=kind)


@asynccontextmanager
async def talker() -> AsyncIterator[Talker]:
    """A running one."""
    provider = Talker()
    app = web.Application()
    app.router.add_post("/say", provider.say)
    app.router.add_get("/files/{id}", provider.file)
    async with TestServer(app) as server:
        provider.url = str(server.make_url("")).rstrip("/")
        yield provider
