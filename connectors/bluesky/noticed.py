"""What names our account, without the stream: its notifications (`app.bsky.notification.listNotifications`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

import hub
from connectors.bluesky.account import Account
from connectors.bluesky.posts import Us, mention, root
from connectors.bluesky.settings import BlueskySettings

PAGE = 100
PAGES = 20
"""So far back one looks, 2,000 notifications: the server keeps about as many."""

_NAMED = frozenset({"mention", "reply", "quote"})
_LISTS = "app.bsky.notification.listNotifications"


class Noticed:
    """Asks for new notifications every `poll_seconds`. The cursor is the time of the newest that was heard, and which
    ones had that time."""

    def __init__(self, settings: BlueskySettings, account: Account) -> None:
        self._settings = settings
        self._account = account

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """What names us after *cursor*, oldest first. What was there at first is not live."""
        at, known = _read(cursor)
        live = cursor is not None
        while True:
            for told in await self._after(at, known):
                time = str(told["indexedAt"])
                known = {*known, str(told["uri"])} if time == at else {str(told["uri"])}
                at = time
                yield hub.Arrival((self._event(told),), orjson.dumps([at, sorted(known)]).decode(), live=live)
            live = True
            await asyncio.sleep(self._settings.poll_seconds)

    async def _after(self, at: str, known: set[str]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        page = ""
        for _ in range(PAGES):
            query = [("limit", str(PAGE)), *([("cursor", page)] if page else [])]
            answer = await self._account.query(_LISTS, query)
            listed = answer.get("notifications") or []
            beyond = [each for each in listed if each["indexedAt"] >= at and each["uri"] not in known]
            found += [each for each in beyond if each.get("reason") in _NAMED]
            page = str(answer.get("cursor") or "")
            if not page or len(beyond) < len(listed):
                break
        return sorted(found, key=lambda each: (str(each["indexedAt"]), str(each["uri"])))

    def _event(self, told: Mapping[str, Any]) -> hub.Event:
        author, record, uri = told["author"], told["record"], str(told["uri"])
        at = datetime.fromisoformat(str(told["indexedAt"])).astimezone(UTC)
        us = Us(self._account.did, self._settings.app_url)
        name = str(author.get("displayName") or author.get("handle") or "")
        facts = mention(str(author["did"]), uri, record, at, us, name=name, addressed=True)
        return hub.Event(
            key=f"at:{uri}",
            id=str(told["cid"]),
            channel=hub.Channel.SOCIAL,
            at=at,
            facts=facts,
            conversation=root(record, uri),
        )


def _read(cursor: str | None) -> tuple[str, set[str]]:
    try:
        at, known = orjson.loads(cursor) if cursor else ("", [])
        return str(at), set(known)
    except (ValueError, TypeError):
        return "", set()
