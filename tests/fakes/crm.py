"""A CRM small enough to see through: contacts and activities over HTTP, with a bearer token.

`POST /contacts` finds a contact by id, by the caller's key or by an address, and completes it, or makes one.
`POST /activities` finds one by id or by the caller's key and replaces it, or makes one; without either it makes one
each time. `GET /changes?after=N` tells contacts in the order in which they changed. The test holds the other end: it
sees what is stored, and has the next writes refused or their answers held back.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web

HOST = "127.0.0.1"
TOKEN = "rolodex-token-4c1e"
PAGE = 3
"""Contacts in one answer to `/changes`."""

SECONDS = 20
"""Longest wait for something that must happen."""


class Crm:
    """The server. *contacts* and *activities* are what it holds, by id; *writes* what it was asked to write, as
    (key or id, title or name), whatever became of it; *most_at_once* how many writes were under way together."""

    def __init__(self) -> None:
        self.port = 0
        self.contacts: dict[str, dict[str, Any]] = {}
        self.activities: dict[str, dict[str, Any]] = {}
        self.writes: list[tuple[str, str]] = []
        self.most_at_once = 0
        self.most_at_once_of_one = 0
        self._under_way: Counter[str] = Counter()
        self._refusals: deque[tuple[int, dict[str, str]]] = deque()
        self._answers = asyncio.Event()
        self._answers.set()
        self._news = asyncio.Condition()
        self._changes = 0
        self._runner: web.AppRunner | None = None

    # --- what a test does with it ---

    def refuse(self, status: int, times: int = 1, **headers: str) -> None:
        """Answer the next *times* writes with *status* and do nothing."""
        self._refusals.extend([(status, {name.replace("_", "-"): value for name, value in headers.items()})] * times)

    def hold_answers(self) -> None:
        """Do what is asked and answer no write, until `release`."""
        self._answers.clear()

    def release(self) -> None:
        """Answer what waits."""
        self._answers.set()

    def put(self, ident: str, **about: Any) -> None:
        """What somebody who works in the CRM does: a contact as it stands from now on."""
        self._changes += 1
        empty = {"key": "", "name": "", "company": "", "title": "", "addresses": []}
        self.contacts[ident] = {**empty, "id": ident, **about, "changed": self._changes}

    def titles(self) -> list[str]:
        """The titles of all activities, oldest first."""
        return [each["title"] for each in self.activities.values()]

    async def until(self, true: Callable[[], bool]) -> None:
        """Return when *true* of what it holds and was asked."""
        async with asyncio.timeout(SECONDS), self._news:
            await self._news.wait_for(true)

    async def start(self) -> None:
        """Listen on the same port as before, the first time on any."""
        app = web.Application(middlewares=[_guard])
        app.router.add_post("/contacts", self._post_contact)
        app.router.add_post("/activities", self._post_activity)
        app.router.add_get("/changes", self._tell_changes)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Hang up on everybody and listen no more."""
        assert self._runner is not None
        await self._runner.cleanup()

    # --- what it answers ---

    async def _post_contact(self, request: web.Request) -> web.Response:
        asked = await request.json()
        ident = asked["id"] or next(
            (
                each["id"]
                for each in self.contacts.values()
                if (asked["key"] and each["key"] == asked["key"]) or set(each["addresses"]) & set(asked["addresses"])
            ),
            "",
        )

        def write() -> str:
            known = self.contacts.get(ident, {})
            new = ident or f"C{len(self.contacts) + 1}"
            self.put(new, **{**asked, **{name: value for name, value in known.items() if value}, "id": new})
            return new

        return await self._write(asked["key"] or asked["id"], asked["name"], write)

    async def _post_activity(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked["contact"] not in self.contacts:
            raise web.HTTPNotFound
        ident = asked["id"] or next(
            (each["id"] for each in self.activities.values() if asked["key"] and each["key"] == asked["key"]), ""
        )

        def write() -> str:
            new = ident or f"A{len(self.activities) + 1}"
            self.activities[new] = {**asked, "id": new}
            return new

        return await self._write(asked["key"] or asked["id"], asked["title"], write)

    async def _write(self, key: str, title: str, write: Callable[[], str]) -> web.Response:
        self.writes.append((key, title))
        self._under_way[key] += 1
        self.most_at_once = max(self.most_at_once, self._under_way.total())
        self.most_at_once_of_one = max(self.most_at_once_of_one, self._under_way[key])
        try:
            refusal = self._refusals.popleft() if self._refusals else None
            ident = "" if refusal else write()
            await self._tell()
            await self._answers.wait()
            if refusal:
                return web.Response(status=refusal[0], headers=refusal[1])
            return web.json_response({"id": ident})
        finally:
            self._under_way[key] -= 1

    async def _tell_changes(self, request: web.Request) -> web.Response:
        after = int(request.query["after"])
        later = sorted((each for each in self.contacts.values() if each["changed"] > after), key=_changed)[:PAGE]
        return web.json_response({"contacts": later, "cursor": str(later[-1]["changed"]) if later else str(after)})

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


def _changed(contact: dict[str, Any]) -> int:
    return int(contact["changed"])


@web.middleware
async def _guard(request: web.Request, handler: Any) -> web.StreamResponse:
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        return web.Response(status=401)
    answer: web.StreamResponse = await handler(request)
    return answer


@asynccontextmanager
async def crm_server() -> AsyncGenerator[Crm, None]:
    """A running CRM."""
    server = Crm()
    await server.start()
    try:
        yield server
    finally:
        server.release()
        with suppress(AssertionError):
            await server.stop()
