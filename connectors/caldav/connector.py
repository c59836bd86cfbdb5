"""Calendars as a source: what changes in them, and how far behind it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import hub
from connectors.caldav import objects
from connectors.caldav.discovery import Found, Homes, choose, find, listed, look, meant
from connectors.caldav.progress import Place, Progress
from connectors.caldav.reading import Reading, same
from connectors.caldav.server import Server
from connectors.caldav.settings import CaldavSettings
from hub.formats.fingerprints import Fingerprints

logger = logging.getLogger(__name__)


class Connector(hub.Connector):
    """Calendars over CalDAV (RFC 4791): changes by sync-collection (RFC 6578), or by ETags where the server has none.

    Every `poll_seconds` one request lists the calendars; only those whose tag changed are asked for more. The cursor is
    a JSON object: calendar → how far it is read (`connectors.caldav.progress.Place`).
    """

    Settings = CaldavSettings

    def __init__(self, settings: CaldavSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._loan = setup.loan
        self._homes: Homes | None = None
        self._broke: objects.Broke = {}
        self._woken = asyncio.Event()

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what the calendars hold beyond *cursor*, and then looks again and again.

        What a calendar held when it was first read, or read anew because the server could not say what changed, is not
        live; the hub knows by the inventory after it what has gone meanwhile.
        """
        progress = self._progress(cursor)
        async with Server(self._settings, self._source, self._loan) as server:
            reading = Reading(server, self._settings, progress, self._broke)
            self._homes = None
            while True:
                self._woken.clear()
                found = await self._listed(server)
                for path in set(progress.paths) - {each.path for each in found}:
                    # It may be there and not be listed, as one that somebody shares with us.
                    if (still := await look(server, path)) is None:
                        yield reading.gone(path)
                    else:
                        found.append(still)
                chosen = choose(found, self._settings, server)
                for path in set(progress.paths) - {each.path for each in chosen}:
                    yield reading.gone(path)
                written = meant(found, self._settings, server).path if self._settings.write_to else ""
                async with aclosing(reading.news(chosen, written)) as news:
                    async for arrival in news:
                        yield arrival
                try:
                    await asyncio.wait_for(self._woken.wait(), self._settings.poll_seconds)
                except TimeoutError:
                    continue

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many objects of the calendars are new, changed or gone beyond *cursor*; none without asking further where
        every calendar has the tag that it had."""
        progress = self._progress(cursor)
        messages: int | None = 0
        async with Server(self._settings, self._source, self._loan) as server:
            for calendar in choose(await self._listed(server), self._settings, server):
                place = progress.get(calendar.path)
                if place is not None and same(place, calendar):
                    continue
                number = await _beyond(server, calendar, place)
                messages = None if number is None or messages is None else messages + number
        return hub.Freshness(messages, 0.0 if messages == 0 else None)

    async def wake(self, word: str = "") -> None:
        """Somebody says there is news: look at once."""
        self._woken.set()

    async def _listed(self, server: Server) -> list[Found]:
        if self._homes is None:
            self._homes = await find(server, self._settings)
        return await listed(server, self._homes)

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.read(cursor)
        except ValueError:
            logger.warning("%s: the cursor cannot be read, so all calendars are read again", self._source)
            return Progress()


async def _beyond(server: Server, calendar: Found, place: Place | None) -> int | None:
    """How many objects of *calendar* are beyond *place*; None where only reading them would tell."""
    if not calendar.sync_token:
        return Fingerprints.read(place.marks if place else "").beyond(await objects.etags(server, calendar.path))
    try:
        changed = await objects.changes(server, calendar.path, place.token if place else "")
    except objects.BadToken:
        return None
    after = place.after if place else ""
    return sum(path > after for path in changed.there) + (0 if after else len(changed.gone))
