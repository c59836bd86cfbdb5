"""Google's calendars as a source: what changes in them, and how far behind it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

import hub
from connectors.google_calendar.channels import Channels
from connectors.google_calendar.progress import Place, Progress
from connectors.google_calendar.reading import Reading
from connectors.google_calendar.server import Server, events, objects
from connectors.google_calendar.settings import GoogleCalendarSettings

logger = logging.getLogger(__name__)


class Connector(hub.Connector):
    """Calendars of one Google account, by events.list with a sync token for each calendar.

    They are asked every `poll_seconds`, and when Google tells the webhook that something changed. The cursor is a JSON
    object: calendar → how far it is read (`connectors.google_calendar.progress.Place`).
    """

    Settings = GoogleCalendarSettings

    def __init__(self, settings: GoogleCalendarSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._setup = setup
        self._woken = asyncio.Event()

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what the calendars hold beyond *cursor*, and then looks again and again.

        What a calendar held when it was first read, or read anew because its token was void, is not live; the hub
        knows by the inventory after it what has gone meanwhile.
        """
        progress = self._progress(cursor)
        async with Server(self._settings, self._setup) as server:
            reading = Reading(server, self._settings, progress)
            channels = Channels(server, self._settings, self._setup)
            while True:
                self._woken.clear()
                found = await server.listed()
                chosen = server.chosen(found)
                for name in set(progress) - {each.id for each in chosen}:
                    await channels.close(progress[name])
                    yield reading.gone(name)
                into = self._settings.write_to
                written = server.named(into, found, "write_to").id if into else ""
                async with aclosing(reading.news(chosen, written)) as news:
                    async for arrival in news:
                        yield arrival
                if await channels.keep(chosen, progress):
                    yield hub.Arrival((), str(progress))
                try:
                    await asyncio.wait_for(self._woken.wait(), self._settings.poll_seconds)
                except TimeoutError:
                    continue

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many events changed beyond *cursor*, and since when the first of them waits; nothing is known of a
        calendar that is not read to its end."""
        progress = self._progress(cursor)
        number, oldest = 0, None
        async with Server(self._settings, self._setup) as server:
            for calendar in server.chosen(await server.listed()):
                token = progress.get(calendar.id, Place()).token
                if not token:
                    return hub.Freshness(None, None)
                query = [("syncToken", token), ("singleEvents", "false"), ("maxResults", "2500")]
                async for answer, told in server.pages(
                    events(calendar.id), [*query, ("fields", "items(updated),nextPageToken")], (410,)
                ):
                    if answer.status == 410:
                        return hub.Freshness(None, None)
                    for each in objects(told):
                        number += 1
                        at = _time(each.get("updated"))
                        oldest = min(at, oldest) if at and oldest else at or oldest
        if not number:
            return hub.Freshness(0, 0.0)
        return hub.Freshness(number, max(0.0, (datetime.now(UTC) - oldest).total_seconds()) if oldest else None)

    async def wake(self, word: str = "") -> None:
        """Google says there is news: look at once."""
        self._woken.set()

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.of(cursor)
        except ValueError:
            logger.warning("%s: the cursor cannot be read, so all calendars are read again", self._setup.name)
            return Progress()


def _time(told: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return at if at.tzinfo else None
