"""Who somebody is who posts on Bluesky: the stream says nothing but her id (https://docs.bsky.app, `getProfiles`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import hub
from connectors.bluesky.settings import BlueskySettings
from hub.http import Client

LONGEST_NAME = 640
"""Bytes of a displayed name, as the lexicon allows."""


class Profiles(hub.Profiles):
    """Asks the public app view, without an account. Ids of which it knows nothing are left out of its answer."""

    Settings = BlueskySettings

    most = 25

    def __init__(self, settings: BlueskySettings, setup: hub.Setup) -> None:
        self._ready = bool(settings.profiles)
        self._client = Client(settings.profiles, cure=f"profiles of sources.{setup.name}")

    @property
    def ready(self) -> bool:
        """Whether the settings say whom to ask."""
        return self._ready

    async def look_up(self, handles: Sequence[str]) -> Mapping[str, hub.Profile]:
        """Name (with the handle where she has none) and number of followers."""
        ids = [("actors", each) for each in handles if each.startswith("did:")][: self.most]
        if not ids:
            return {}
        answer = await self._client.ask("GET", "/xrpc/app.bsky.actor.getProfiles", query=ids)
        document = answer.json()
        said = document.get("profiles") if isinstance(document, dict) else None
        rows = [row for row in said if isinstance(row, dict)] if isinstance(said, list) else []
        return {str(row["did"]): _profile(row) for row in rows if row.get("did") in handles}

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()


def _profile(row: Mapping[str, Any]) -> hub.Profile:
    name, handle, followers = row.get("displayName"), row.get("handle"), row.get("followersCount")
    known = next((each.strip() for each in (name, handle) if isinstance(each, str) and each.strip()), "")
    return hub.Profile(known[:LONGEST_NAME], followers if isinstance(followers, int) and followers >= 0 else None)
