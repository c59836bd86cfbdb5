"""A colleague's screen: the events of one `GET /live`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from tests.faults.hub_process import HubProcess

PATIENCE = 30
"""Seconds after which something that should come is said not to come."""

Told = tuple[str, dict[str, Any]]


class Screen:
    """What the hub told, in order, from one stream."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def next(self, *types: str) -> Told:
        """The next event of one of these types, and its data."""
        async with asyncio.timeout(PATIENCE):
            while True:
                fields = await self._block()
                if fields.get("event") in types:
                    return fields["event"], orjson.loads(fields["data"])

    async def _block(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        while line := (await self._answer.content.readline()).decode():
            if line == "\n":
                return fields
            name, _, value = line.rstrip("\n").partition(":")
            fields[name] = value.removeprefix(" ")
        raise ConnectionResetError("the stream ended")


@asynccontextmanager
async def screen(hub: HubProcess, token: str) -> AsyncIterator[Screen]:
    """A screen at *hub* for the agent of *token* that has been told what rings."""
    forever = aiohttp.ClientTimeout(total=None)
    async with hub.client(token) as client, client.get("/live", timeout=forever) as answer:
        assert answer.status == 200, await answer.text()
        yield Screen(answer)
