"""What was written while nobody listened: the histories of the channels, and of the latest threads."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import hub
from connectors.slack.payloads import ts_of
from connectors.slack.progress import Progress
from connectors.slack.settings import SlackSettings
from connectors.slack.web import Refused, Web

logger = logging.getLogger(__name__)

PAGE = 200
PAGES = 50
"""So many pages of one channel are read after an outage, 10,000 messages."""


@dataclass(slots=True)
class Reading:
    """A channel, or one thread of it, that is read from *after* on. The newest come first, so that what was *found* is
    told when there is no more."""

    channel: str
    thread: str
    after: str
    cursor: str | None = None
    pages: int = 0
    found: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What the progress calls it."""
        return f"{self.channel}/{self.thread}" if self.thread else self.channel


class Missed:
    """What is to be read again. Slack allows few questions a minute, so that one page is read at a time, and what is
    said meanwhile is heard between them."""

    def __init__(self, web: Web, settings: SlackSettings, progress: Progress) -> None:
        self._web = web
        self._settings = settings
        self._progress = progress
        self._readings: deque[Reading] = deque()

    def __bool__(self) -> bool:
        return bool(self._readings)

    async def begin(self) -> None:
        """Find out what is to be read. Raises `Rejected`, `Unavailable`."""
        since = ts_of(datetime.now(UTC) - timedelta(days=self._settings.history_days))
        channels = sorted(self._settings.channels) + [each async for each in self._direct()]
        for channel in channels:
            self._add(Reading(channel, "", self._progress.after(channel) or since))
        for name in reversed(self._progress.threads):
            channel, _, thread = name.partition("/")
            self._add(Reading(channel, thread, self._progress.after_thread(name)))

    async def page(self) -> Reading | None:
        """Read one page more, and answer what has been read to its end by that, with what it has, oldest first.
        Raises `Unavailable`, with the seconds that Slack wants to be left alone; then the same page is the next."""
        reading = self._readings[0]
        try:
            more = await self._more(reading)
        except Refused as error:
            if not reading.thread and reading.channel in self._settings.channels:
                raise hub.Misconfigured(
                    f"The channel {reading.channel} cannot be read ({error.error}): is the app in it?"
                ) from None
            more = False
        if more:
            return None
        self._readings.popleft()
        reading.found.reverse()
        if not reading.thread:
            for each in reading.found:
                thread = Reading(reading.channel, str(each.get("ts")), reading.after)
                if each.get("latest_reply") and thread.name not in self._progress.reading:
                    # Should this be the last that happens now, its answers are still to be read.
                    self._progress.threads.setdefault(thread.name, reading.after)
                    self._add(thread)
        return reading

    def _add(self, reading: Reading) -> None:
        self._progress.reading.add(reading.name)
        self._readings.append(reading)

    async def _more(self, reading: Reading) -> bool:
        asked: dict[str, Any] = {
            "channel": reading.channel,
            "oldest": reading.after,
            "limit": PAGE,
            "cursor": reading.cursor,
        }
        if reading.thread:
            said = await self._web.ask("conversations.replies", ts=reading.thread, **asked)
        else:
            said = await self._web.ask("conversations.history", **asked)
        page = [each for each in said.get("messages") or () if isinstance(each, dict)]
        if reading.thread:
            # Threads come oldest first, and with their beginning, which the channel itself has.
            page = [each for each in reversed(page) if each.get("ts") != reading.thread]
            reading.found[:0] = page
        else:
            reading.found += page
        reading.pages += 1
        reading.cursor = str((said.get("response_metadata") or {}).get("next_cursor") or "") or None
        if reading.cursor is not None and reading.pages == PAGES:
            logger.warning("more was missed in %s than is read again", reading.name)
        return reading.cursor is not None and reading.pages < PAGES

    async def _direct(self) -> AsyncGenerator[str]:
        """The conversations that people have with the app."""
        cursor: str | None = None
        while True:
            said = await self._web.ask("users.conversations", types="im", limit=PAGE, cursor=cursor)
            for each in said.get("channels") or ():
                if isinstance(each, dict) and isinstance(each.get("id"), str):
                    yield each["id"]
            cursor = str((said.get("response_metadata") or {}).get("next_cursor") or "") or None
            if cursor is None:
                return
