"""Fetches the files that people send on WhatsApp: Meta says where one lies for five minutes, and asks for the token."""

from __future__ import annotations

from urllib.parse import urlsplit

import hub
from connectors.whatsapp.graph import Graph
from connectors.whatsapp.settings import WhatsAppSettings
from hub.http import Client

HOSTS = ("lookaside.fbsbx.com", "mmg.whatsapp.net")
"""Where Meta keeps media (https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media)."""


class Fetcher(hub.Fetcher):
    """`GET /<media id>`, and then the address that it answers."""

    Settings = WhatsAppSettings

    def __init__(self, settings: WhatsAppSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._graph = Graph(settings, setup.name)

    @property
    def ready(self) -> bool:
        """Whether there is an access token."""
        return self._settings.access_token is not None

    async def fetch(self, file: hub.File, most: int) -> hub.Media:
        """The bytes of *file*. Raises as `hub.Fetcher` says."""
        query = [("phone_number_id", self._settings.phone_number_id)]
        said = await self._graph.ask("GET", f"/{file.id}", query=query)
        url = str(said.get("url") or "")
        size = int(said.get("file_size") or 0)
        if size > most:
            raise hub.Unsupported(f"the file has {size:,} bytes, of which {most:,} are allowed")
        parts = urlsplit(url)
        ours = urlsplit(self._settings.api_url)
        if (parts.scheme, parts.netloc) != (ours.scheme, ours.netloc) and (
            parts.scheme != "https" or parts.hostname not in HOSTS
        ):
            raise hub.Unsupported("Meta names an address that is not its own")
        assert self._settings.access_token is not None, "it is ready"
        token = self._settings.access_token.get_secret_value()
        headers = {"Authorization": f"Bearer {token}"}
        client = Client(f"{parts.scheme}://{parts.netloc}", headers=headers, cure=f"access_token of {self._source}")
        async with client:
            answer = await client.ask("GET", url, most=most, seconds=120)
        return hub.Media(str(said.get("mime_type") or answer.media_type).partition(";")[0], answer.body)

    async def close(self) -> None:
        """Close its connections."""
        await self._graph.close()
