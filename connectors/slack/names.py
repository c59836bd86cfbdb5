"""Who somebody is: events name users by their ids only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

import hub
from connectors.slack.web import Web

MOST = 5000
SECONDS = 1.5
"""Slack waits 3 s for its acknowledgement: a name is not worth more than half of that."""


class Names:
    """Names of users and partners of direct conversations, asked once and remembered."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._users: dict[str, str] = {}
        self._partners: dict[str, str] = {}

    async def of(self, users: Iterable[str]) -> Mapping[str, str]:
        """The names of *users* by id; who has none, or whose cannot be had now, is left out."""
        found: dict[str, str] = {}
        for id in users:
            if name := await self._known(self._users, id, self._user):
                found[id] = name
        return found

    async def partner(self, channel: str) -> str:
        """The user with whom the direct conversation *channel* is, "" where that cannot be had now."""
        return await self._known(self._partners, channel, self._other)

    async def _known(self, known: dict[str, str], id: str, ask: Callable[[str], Awaitable[str]]) -> str:
        if id not in known:
            try:
                async with asyncio.timeout(SECONDS):
                    said = await ask(id)
            except (hub.Rejected, hub.Unsupported):
                said = ""
            except (hub.Unavailable, TimeoutError):
                return ""
            if len(known) >= MOST:
                del known[next(iter(known))]
            known[id] = said
        return known[id]

    async def _user(self, id: str) -> str:
        user = (await self._web.ask("users.info", user=id)).get("user") or {}
        profile = user.get("profile") or {}
        for name in (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name")):
            if isinstance(name, str) and name.strip():
                return name.strip()
        return ""

    async def _other(self, channel: str) -> str:
        user = ((await self._web.ask("conversations.info", channel=channel)).get("channel") or {}).get("user")
        return user if isinstance(user, str) else ""
