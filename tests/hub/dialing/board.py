"""A small firm whose phone system places calls: a hub as in `tests.hub.web.office`, with a switchboard of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from tests.fakes.dialer import POINTS, Placed, Switchboard, switchboard
from tests.hub.third_party import install
from tests.hub.web.office import Office, open_office

SECONDS = 30
CALLEE = "tel:+493098765432"

TOML = """
[hub]
public_url = "https://hub.example.org"
store = "{store}"
region = "DE"
timezone = "Europe/Berlin"

[calls]
call_from = "00:00"
call_to = "24:00"
quiet_days = []
wrap_up_seconds = 0

[sources.board]
provider = "switchboard"
ours = ["tel:+4930123456", "tel:+4930123457"]
url = "{url}"
token = "env:PBX_TOKEN"

[agents.ada]
name = "Ada"
handles = ["mailto:ada@example.org", "tel:+4930123451"]
extensions = ["board/21"]

[agents.ben]
name = "Ben"
handles = ["mailto:ben@example.org", "tel:+4930123452"]

[privacy]
never_log = ["tel:+4930999999"]
"""


@dataclass(frozen=True, slots=True)
class Firm:
    """The hub, its switchboard, and *ada*, who is logged in."""

    office: Office
    board: Switchboard
    ada: aiohttp.ClientSession

    async def tell(self, call: Placed, event: str, **more: Any) -> None:
        """The phone system says something of a call."""
        await self.board.tell(await self.office.client(), call, event, **more)

    async def ask(self, method: str, path: str, status: int = 200, /, **document: Any) -> Any:
        """What the API answers Ada."""
        writes = method in ("POST", "PUT")
        url = f"/api/v1{path}"
        async with self.ada.request(
            method, url, json=document if writes else None, params=None if writes else document
        ) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json() if answer.content_length else None

    async def until(self, path: str, true: Callable[[Any], bool]) -> Any:
        """What *path* answers once *true* says so of it: what runners write down they tell to screens only."""
        async with asyncio.timeout(SECONDS):
            while True:
                if true(found := await self.ask("GET", path)):
                    return found
                await asyncio.sleep(0.02)

    async def execute(self, sql: str, **values: Any) -> None:
        """Change what is stored, behind the hub's back."""
        await self.office.service.store.write(lambda conn: conn.execute(sa.text(sql), values).rowcount)

    async def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """What a query answers."""
        return await self.office.service.store.read(
            lambda conn: [tuple(row) for row in conn.execute(sa.text(sql), values)]
        )

    async def said(self, callee: str, given: bool) -> None:
        """The callee said whether she wants to be called."""
        await self.execute(
            "INSERT INTO consents (handle, purpose, given, evidence, actor, at)"
            " VALUES (:callee, 'call', :given, 'she said so', 'hub', 1)",
            callee=callee, given=given,
        )  # fmt: skip


@asynccontextmanager
async def open_firm(
    store_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, toml: str = TOML
) -> AsyncIterator[Firm]:
    """The firm on *store_url*."""
    install(folder, monkeypatch, POINTS)
    async with switchboard() as board, open_office(store_url, folder, toml.replace("{url}", board.url)) as office:
        yield Firm(office, board, await office.person("ada", agent="ada"))
