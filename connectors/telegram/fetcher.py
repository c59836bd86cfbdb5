"""Fetches the files that people send to a bot (`getFile`): at most 20 MB, as Telegram allows bots."""

from __future__ import annotations

import hub
from connectors.telegram.bot import Bot
from connectors.telegram.settings import TelegramSettings

LARGEST = 20 << 20


class Fetcher(hub.Fetcher):
    """https://core.telegram.org/bots/api#getfile"""

    Settings = TelegramSettings

    def __init__(self, settings: TelegramSettings, setup: hub.Setup) -> None:
        self._bot = Bot(settings, setup.name)

    async def fetch(self, file: hub.File, most: int) -> hub.Media:
        """The bytes of *file*. Raises as `hub.Fetcher` says."""
        if file.size > min(most, LARGEST):
            raise hub.Unsupported(f"the file has {file.size:,} bytes, of which {min(most, LARGEST):,} are allowed")
        try:
            found = await self._bot.call("getFile", {"file_id": file.id})
        except TimeoutError as error:
            raise hub.Unavailable(str(error)) from None
        path = str(found.get("file_path") or "")
        if not path:
            raise hub.Unsupported("Telegram does not give this file away.")
        answer = await self._bot.file(path, most)
        return hub.Media(file.media_type or answer.media_type, answer.body)

    async def close(self) -> None:
        """Close its connections."""
        await self._bot.close()
