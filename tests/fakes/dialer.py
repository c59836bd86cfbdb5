"""A phone system small enough to see through: it places calls over HTTP, and tells of them as `webhooks.calls` reads.

It is reached as a third party's is: `POINTS` are the entry points of its distribution, and a source of the hub says
`provider = "switchboard"`, `url = "http://127.0.0.1:<port>"` and the `token` with which it tells of calls.

    async with switchboard() as board:
        call = await board.dialled()
        await board.tell(client, call, "answered")
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

POINTS = "[hub.connectors]\nswitchboard = tests.fakes.dialer\n[hub.webhooks]\nswitchboard = webhooks.calls\n"
TOKEN = "pbx-3f9a7c21"
SOURCE = "board"


class BoardSettings(hub.Settings):
    """Where the phone system is."""

    url: str


class Dialer(hub.Dialer):
    """Asks the switchboard, once for each call. It reaches its own extensions and no other phone."""

    Settings = BoardSettings

    def __init__(self, settings: BoardSettings, setup: hub.Setup) -> None:
        self._url = settings.url
        self._name = setup.name

    def reaches(self, phone: str) -> bool:
        """`board/21` where the source is called so."""
        return phone.startswith(f"{self._name}/")

    async def dial(self, wanted: hub.Dial) -> hub.Dialled:
        """One request; what it is answered decides the verdict."""
        about = {"id": wanted.id, "phone": wanted.phone.partition("/")[2], "callee": wanted.callee, "line": wanted.line}
        status, document = await self._ask("/dials", about)
        if status == 422:
            raise hub.Unsupported(document["reason"])
        return hub.Dialled(f"{self._name}:{document['call']}")

    async def hang_up(self, key: str) -> None:
        """End it."""
        await self._ask("/hang-up", {"call": key.partition(":")[2]})

    async def _ask(self, path: str, document: dict[str, str]) -> tuple[int, dict[str, Any]]:
        try:
            async with aiohttp.ClientSession() as session, session.post(f"{self._url}{path}", json=document) as answer:
                if answer.status == 503:
                    raise hub.Unavailable("The switchboard is busy.")
                return answer.status, await answer.json()
        except aiohttp.ServerDisconnectedError as error:
            raise TimeoutError from error
        except aiohttp.ClientConnectionError as error:
            raise hub.Unavailable("The switchboard does not answer.") from error


@dataclass(frozen=True, slots=True)
class Placed:
    """A call that the switchboard was asked to place."""

    call: str
    dial: str
    phone: str
    callee: str
    line: str


@dataclass(slots=True)
class Switchboard:
    """The phone system. It answers while it is not held; *mood* is what it answers: `place`, `busy`, `never`, or
    `hang-up` (it takes the call and says nothing)."""

    url: str = ""
    mood: str = "place"
    placed: list[Placed] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    _came: asyncio.Queue[Placed] = field(default_factory=asyncio.Queue)

    async def dialled(self) -> Placed:
        """The next call that is wanted."""
        return await self._came.get()

    async def tell(self, hub_: aiohttp.ClientSession, call: Placed, event: str, **more: Any) -> None:
        """Say to the hub at *hub_* what happens to a call: `ringing`, `answered`, `ended` or `missed`."""
        document = {"id": call.call, "event": event, "from": call.phone, "to": call.callee.partition(":")[2], **more}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with hub_.post(f"/webhooks/{SOURCE}", json=document, headers=headers) as answer:
            assert answer.status < 300, await answer.text()

    async def dial(self, request: web.Request) -> web.Response:
        """`POST /dials`."""
        document = await request.json()
        if self.mood == "busy":
            return web.json_response({}, status=503)
        if self.mood == "never":
            return web.json_response({"reason": "This number is not in service."}, status=422)
        call = Placed(
            f"c{len(self.placed) + 1}", document["id"], document["phone"], document["callee"], document["line"]
        )
        self.placed.append(call)
        self._came.put_nowait(call)
        await self.answers.wait()
        if self.mood == "hang-up" and request.transport is not None:
            request.transport.close()
        return web.json_response({"call": call.call})

    async def hang_up(self, request: web.Request) -> web.Response:
        """`POST /hang-up`."""
        self.ended.append((await request.json())["call"])
        return web.json_response({})


@asynccontextmanager
async def switchboard() -> AsyncIterator[Switchboard]:
    """A running one, not held."""
    board = Switchboard()
    board.answers.set()
    app = web.Application()
    app.router.add_post("/dials", board.dial)
    app.router.add_post("/hang-up", board.hang_up)
    async with TestServer(app) as server:
        board.url = str(server.make_url("")).rstrip("/")
        yield board
        board.answers.set()
