"""Fetches what lies in Matrix's media repositories."""

from __future__ import annotations

import hub
from connectors.matrix.homeserver import Homeserver
from connectors.matrix.names import media_of
from connectors.matrix.settings import MatrixSettings


class Fetcher(hub.Fetcher):
    """`GET /_matrix/client/v1/media/download`, with the account's own token, from its own homeserver alone: it brings
    in what lies elsewhere (https://spec.matrix.org/latest/client-server-api/#content-repository)."""

    Settings = MatrixSettings

    def __init__(self, settings: MatrixSettings, setup: hub.Setup) -> None:
        self._homeserver = Homeserver(settings, setup.name)

    async def fetch(self, file: hub.File, most: int) -> hub.Media:
        """The bytes of *file*."""
        media = media_of(file.id)
        if media is None:
            raise hub.Unsupported("the file has no mxc:// address")
        answer = await self._homeserver.download(*media, most)
        if answer.status != 200:
            raise hub.Unsupported("the homeserver does not have the file any more")
        return hub.Media(answer.media_type or "application/octet-stream", answer.body)

    async def close(self) -> None:
        """Close its connections."""
        await self._homeserver.close()
