"""Channels: Google tells the hub's webhook that a calendar changed (events.watch, channels.stop).

Channels are a help and no promise ("not 100 % reliable"): whatever goes wrong with them, the hub asks by itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import hub
from connectors.google_calendar.progress import Place, Progress
from connectors.google_calendar.proofs import token
from connectors.google_calendar.server import Found, Server, events
from connectors.google_calendar.settings import GoogleCalendarSettings

logger = logging.getLogger(__name__)

DAY = 86_400
AGAIN = 3_600
"""Seconds until a channel that was refused is asked for again."""


class Channels:
    """Keeps one channel open for each calendar, where Google can reach us."""

    def __init__(self, server: Server, settings: GoogleCalendarSettings, setup: hub.Setup) -> None:
        self._server = server
        self._settings = settings
        self._setup = setup
        # Google takes no address without a certificate.
        self._wanted = settings.push_secret is not None and setup.webhook_url.startswith("https://")
        self._mark = token(settings, setup, "")[:12]
        self._not_before: dict[str, float] = {}

    async def keep(self, calendars: Sequence[Found], progress: Progress) -> bool:
        """Open what is missing and what ends soon. Answers whether *progress* is another one now."""
        changed = False
        for calendar in calendars:
            place = progress[calendar.id]
            if not self._wanted:
                if place.channel:
                    progress[calendar.id] = await self._closed(place)
                    changed = True
                continue
            if place.token_of == self._mark and place.renew > time.time():
                continue
            if self._not_before.get(calendar.id, 0.0) > time.monotonic():
                continue
            opened = await self._opened(calendar.id, place)
            if opened is not None:
                progress[calendar.id] = opened
                await self._closed(place)
                changed = True
        return changed

    async def close(self, place: Place) -> None:
        """Close the channel of *place*, where there is one."""
        await self._closed(place)

    async def _opened(self, calendar: str, place: Place) -> Place | None:
        channel = str(uuid4())
        wanted = {
            "id": channel,
            "type": "web_hook",
            "address": self._setup.webhook_url,
            "token": token(self._settings, self._setup, channel),
            "expiration": str(int((time.time() + 7 * DAY) * 1000)),
        }
        try:
            told = (await self._server.ask("POST", f"{events(calendar)}/watch", json=wanted)).json()
            ends, resource = int(told["expiration"]) / 1000, str(told["resourceId"])
        except (hub.Verdict, TimeoutError, KeyError, TypeError, ValueError) as error:
            self._not_before[calendar] = time.monotonic() + AGAIN
            why = str(error) if isinstance(error, hub.Verdict) else type(error).__name__
            logger.warning("%s: Google will not tell of changes, so they are looked for: %s", self._setup.name, why)
            return None
        now = time.time()
        renew = int(max(now + 60, ends - min(DAY, (ends - now) / 2)))
        return replace(place, channel=channel, resource=resource, renew=renew, token_of=self._mark)

    async def _closed(self, place: Place) -> Place:
        if place.channel:
            told = {"id": place.channel, "resourceId": place.resource}
            try:
                await self._server.ask("POST", "/channels/stop", json=told, accept=(404,))
            except (hub.Verdict, TimeoutError) as error:
                # It ends by itself in a few days; until then the hub is woken once more than it need be.
                logger.info("%s: an old channel stays open: %s", self._setup.name, type(error).__name__)
        return replace(place, channel="", resource="", renew=0, token_of="")
