"""Fetches the files to which links go with messages."""

from __future__ import annotations

import hub
from connectors.xmpp.settings import XmppSettings
from hub.http import Guarded


class Fetcher(hub.Fetcher):
    """`GET` of the link (XEP-0066, XEP-0363), which a stranger may have written: only public addresses are asked, and
    those of `file_hosts`. No credential goes with it."""

    Settings = XmppSettings

    def __init__(self, settings: XmppSettings, setup: hub.Setup) -> None:
        self._client = Guarded(settings.file_hosts)

    async def fetch(self, file: hub.File, most: int) -> hub.Media:
        """The bytes of *file*."""
        page = await self._client.fetch(file.url or file.id, most=most, seconds=120)
        return hub.Media(page.media_type or "application/octet-stream", page.body)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()
