"""One homeserver's client-server API (https://spec.matrix.org/latest/client-server-api/)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

import hub
from connectors.matrix.settings import MatrixSettings
from hub.http import Answer, Client

CLIENT = "/_matrix/client/v3"
LONGEST_POLL = 10.0
"""Seconds. aiohttp asks once more, unheard, where a connection breaks: so long that may hide that nobody answers."""
LARGEST_SYNC = 64 << 20
"""Bytes of one answer to `/sync`: of an account in many rooms the first one is large."""

FILTER = orjson.dumps(
    {
        "presence": {"types": []},
        "account_data": {"types": []},
        "room": {
            "timeline": {"limit": 50},
            "state": {"lazy_load_members": True, "include_redundant_members": True},
            "ephemeral": {"types": ["m.receipt"]},
            "account_data": {"types": []},
        },
    }
).decode()


class Homeserver:
    """The homeserver as a source's account sees it; `close` it in the end. Raises as `hub.http.Client.ask`."""

    def __init__(self, settings: MatrixSettings, source: str) -> None:
        self._client = Client(
            settings.homeserver,
            headers={"Authorization": f"Bearer {settings.access_token.get_secret_value()}"},
            cure=f"sources.{source}.access_token",
            words=_words,
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def sync(self, since: str | None, wait: float = 0) -> Answer:
        """What happened after *since*, waiting for it up to *wait* seconds; 400 where that is no place it knows."""
        query = [("filter", FILTER), ("timeout", str(int(wait * 1000))), ("set_presence", "offline")]
        if since is not None:
            query.append(("since", since))
        return await self._client.ask(
            "GET",
            f"{CLIENT}/sync",
            query=query,
            most=LARGEST_SYNC,
            seconds=wait + 60,
            accept=(400,) if since is not None else (),
        )

    async def room(
        self,
        method: str,
        room: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        json: Any = None,
        accept: Collection[int] = (403, 404),
    ) -> Answer:
        """Ask something of a room; what it does not allow, or does not have, is answered, too."""
        return await self._client.ask(
            method, f"{CLIENT}/rooms/{quote(room, safe='')}{path}", query=query, json=json, accept=accept
        )

    async def join(self, room: str) -> bool:
        """Accept an invitation; False where it does not stand any more."""
        answer = await self._client.ask("POST", f"{CLIENT}/join/{quote(room, safe='')}", json={}, accept=(403, 404))
        return answer.status == 200

    async def members(self, room: str) -> Mapping[str, str] | None:
        """Who is in a room, with their names; None where we are not."""
        answer = await self.room("GET", room, "/joined_members")
        if answer.status != 200:
            return None
        joined = answer.json().get("joined")
        if not isinstance(joined, dict):
            return {}
        return {user: str((about or {}).get("display_name") or "") for user, about in joined.items()}

    async def event(self, room: str, event_id: str) -> Mapping[str, Any] | None:
        """An event of a room, None where we may not see it."""
        answer = await self.room("GET", room, f"/event/{quote(event_id, safe='')}")
        found = answer.json() if answer.status == 200 else None
        return found if isinstance(found, dict) else None

    async def upload(self, name: str, media_type: str, data: bytes) -> str:
        """Put a file there; answers its `mxc://` address. An upload that nobody heard the end of is none."""
        try:
            answer = await self._client.ask(
                "POST", "/_matrix/media/v3/upload", query=[("filename", name)], content=(media_type, data), seconds=120
            )
        except TimeoutError as error:
            raise hub.Unavailable(f"the file could not be uploaded: {error}") from None
        return str(answer.json()["content_uri"])

    async def download(self, server: str, media: str, most: int) -> Answer:
        """The bytes of a file (authenticated media, v1.11; older servers know only the path before that)."""
        where = f"{quote(server, safe='')}/{quote(media, safe='')}"
        answer = await self._client.ask(
            "GET", f"/_matrix/client/v1/media/download/{where}", most=most, seconds=120, accept=(404,), redirects=True
        )
        if answer.status == 404 and code_of(answer) == "M_UNRECOGNIZED":
            answer = await self._client.ask(
                "GET", f"/_matrix/media/v3/download/{where}", most=most, seconds=120, accept=(404,), redirects=True
            )
        return answer


def code_of(answer: Answer) -> str:
    """The `errcode` of an answer that is no success."""
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    return str(said.get("errcode", "")) if isinstance(said, dict) else ""


def _words(answer: Answer) -> str:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    return str(said.get("error", "")) if isinstance(said, dict) else ""


def said_of(answer: Answer) -> str:
    """What the homeserver says of a refusal, in its words."""
    return _words(answer) or f"it answers {answer.status}"
