"""Fetches the files that people send to a page: each message names where they lie, on Meta's own hosts."""

from __future__ import annotations

from urllib.parse import urlsplit

import hub
from connectors.messenger.settings import MessengerSettings
from hub.http import Client

HOSTS = (".fbcdn.net", ".fbsbx.com", ".cdninstagram.com")


class Fetcher(hub.Fetcher):
    """The address is open to whoever knows it, for a few days: no token is sent along."""

    Settings = MessengerSettings

    def __init__(self, settings: MessengerSettings, setup: hub.Setup) -> None:
        self._ours = urlsplit(settings.api_url)

    async def fetch(self, file: hub.File, most: int) -> hub.Media:
        """The bytes of *file*. Raises as `hub.Fetcher` says."""
        parts = urlsplit(file.url)
        host = parts.hostname or ""
        theirs = parts.scheme == "https" and parts.port in (None, 443) and host.endswith(HOSTS)
        if not theirs and (parts.scheme, parts.netloc) != (self._ours.scheme, self._ours.netloc):
            raise hub.Unsupported("the file does not lie with Meta, so it is not fetched")
        async with Client(f"{parts.scheme}://{parts.netloc}") as client:
            answer = await client.ask("GET", file.url, most=most, seconds=120)
        return hub.Media(answer.media_type, answer.body)
