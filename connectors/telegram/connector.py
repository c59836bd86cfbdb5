"""Asks a bot's messages from Telegram (`getUpdates`), where no webhook brings them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import hub
from connectors.telegram.bot import Bot
from connectors.telegram.settings import TelegramSettings
from connectors.telegram.updates import events

logger = logging.getLogger(__name__)

WAIT_SECONDS = 50
"""So long Telegram keeps a question open until there is something."""

PAGE = 100

AGAIN_SECONDS = 0.5
"""Pause before what is not durable yet is asked for again."""

NEWS = timedelta(hours=1)


class Connector(hub.Connector):
    """Long polling. Asking for what comes after an update takes it from Telegram, so that nothing is asked beyond what
    is durable: what comes twice by that is left out. Telegram keeps what nobody fetched for 24 hours."""

    Settings = TelegramSettings

    def __init__(self, settings: TelegramSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._durable = 0
        self._news = asyncio.Event()
        self._listening = False

    @property
    def ready(self) -> bool:
        """Whether the hub is to ask."""
        return self._settings.poll

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what was written after the update *cursor*. What waited at first is not live."""
        told = int(cursor) if cursor else 0
        self._durable = told
        live = cursor is not None
        bot = Bot(self._settings, self._source)
        try:
            self._listening = True
            while True:
                self._news.clear()
                wait = WAIT_SECONDS if live and told == self._durable else 0
                waiting = await self._updates(bot, self._durable, wait)
                fresh = [update for update in waiting if int(update["update_id"]) > told]
                for update in fresh:
                    told = int(update["update_id"])
                    items = self._items(update)
                    late = live and all(isinstance(item, hub.Event) and _is_news(item) for item in items)
                    yield hub.Arrival(items, str(told), live=late)
                live = live or len(waiting) < PAGE
                if not fresh and told != self._durable:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), AGAIN_SECONDS)
        finally:
            self._listening = False
            await bot.close()

    async def committed(self, cursor: str) -> None:
        """The next question may take everything up to *cursor* from Telegram."""
        self._durable = max(self._durable, int(cursor))
        self._news.set()

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How much waits. While somebody listens nothing else may ask, and then it is heard at once."""
        if self._listening:
            return hub.Freshness(0, 0.0)
        bot = Bot(self._settings, self._source)
        try:
            waiting = len(await self._updates(bot, int(cursor) if cursor else 0, 0))
        finally:
            await bot.close()
        return hub.Freshness(waiting, None if waiting else 0.0)

    async def _updates(self, bot: Bot, after: int, wait: int) -> list[dict[str, Any]]:
        about: dict[str, Any] = {"timeout": wait, "limit": PAGE}
        if after:
            about["offset"] = after + 1
        try:
            found = await bot.call("getUpdates", about, seconds=wait + 20.0)
        except TimeoutError as error:
            raise hub.Unavailable(str(error)) from None  # asking again loses nothing
        return [each for each in found or () if isinstance(each, dict) and "update_id" in each]

    def _items(self, update: dict[str, Any]) -> tuple[hub.Item, ...]:
        try:
            return tuple(events(update, self._settings.bot, datetime.now(UTC)))
        except hub.Unsupported as reason:
            raw = repr(update).encode()
            return (hub.Unreadable(raw, str(reason), datetime.now(UTC)),)


def _is_news(event: hub.Event) -> bool:
    return event.at > datetime.now(UTC) - NEWS
