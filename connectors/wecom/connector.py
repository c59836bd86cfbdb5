"""Reads the accounts of WeChat customer service, whose news the callback only announces
(https://developer.work.weixin.qq.com/document/path/94670)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

import hub
from connectors.wecom.api import Api
from connectors.wecom.messages import of_customer_service
from connectors.wecom.settings import WeComSettings

logger = logging.getLogger(__name__)

PAGE = 200
NEWS = timedelta(hours=1)
"""What is older when it is read is no news: nobody is alerted of it."""


class Connector(hub.Connector):
    """Each account is read on from its own place. WeCom keeps what nobody read for three days. The word that comes with
    the announcement lets us ask often; without it WeCom wants long pauses."""

    Settings = WeComSettings

    def __init__(self, settings: WeComSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._word = ""
        self._woken = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether there is customer service to read."""
        return bool(self._settings.customer_service)

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what was said after *cursor*. What lay there at first is not live."""
        places = self._places(cursor)
        api = Api(self._settings, self._source)
        try:
            while True:
                self._woken.clear()
                for account in self._settings.customer_service:
                    live, more = account in places, True
                    while more:
                        said = await self._page(api, account, places.get(account, ""))
                        places = {**places, account: str(said.get("next_cursor") or places.get(account, ""))}
                        more = bool(said.get("has_more"))
                        if items := self._items(said):
                            fresh = live and all(not isinstance(each, hub.Event) or _is_news(each) for each in items)
                            yield hub.Arrival(items, orjson.dumps(places).decode(), live=fresh)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.poll_seconds):
                        await self._woken.wait()
        finally:
            await api.close()

    async def wake(self, word: str = "") -> None:
        """A callback says there is news: look at once."""
        self._word = word
        self._woken.set()

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many messages wait beyond *cursor*, of the first pages."""
        places, waiting = self._places(cursor), 0
        oldest: datetime | None = None
        api = Api(self._settings, self._source)
        try:
            for account in self._settings.customer_service:
                said = await self._page(api, account, places.get(account, ""))
                events = [each for each in self._items(said) if isinstance(each, hub.Event)]
                waiting += len(events)
                oldest = min((event.at for event in events), default=oldest)
        finally:
            await api.close()
        if cursor is None:
            return hub.Freshness(None, None)
        return hub.Freshness(waiting, (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0)

    async def _page(self, api: Api, account: str, place: str) -> Mapping[str, Any]:
        about: dict[str, Any] = {"open_kfid": account, "limit": PAGE, "voice_format": 0}
        if place:
            about["cursor"] = place
        if self._word:
            about["token"] = self._word  # good for ten minutes
        try:
            return await api.post("/cgi-bin/kf/sync_msg", about)
        except TimeoutError as error:
            raise hub.Unavailable(str(error)) from None  # asking again loses nothing
        except hub.Unsupported as refusal:
            if self._word:
                self._word = ""
                return await self._page(api, account, place)
            raise hub.Misconfigured(f"{refusal}; check customer_service of sources.{self._source}") from None

    def _items(self, said: Mapping[str, Any]) -> tuple[hub.Item, ...]:
        listed = said.get("msg_list")
        messages = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        items = (of_customer_service(each, self._settings.corp_id) for each in messages)
        return tuple(item for item in items if item is not None)

    def _places(self, cursor: str | None) -> dict[str, str]:
        try:
            found = orjson.loads(cursor) if cursor else {}
            return {str(account): str(place) for account, place in found.items()}
        except (orjson.JSONDecodeError, AttributeError):
            logger.warning("%s: the cursor cannot be read, so the last three days are read anew", self._source)
            return {}


def _is_news(event: hub.Event) -> bool:
    return event.at > datetime.now(UTC) - NEWS
