"""A published calendar as a source: what changes in it, event by event."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import replace

import hub
from connectors.ical.feed import Fetched, fetch
from connectors.ical.progress import Progress
from connectors.ical.settings import IcalSettings
from hub.formats import ics
from hub.formats.digest import digest
from hub.formats.fingerprints import Fingerprints

logger = logging.getLogger(__name__)

PLACE = "feed"
"""The calendar of each thing in it: a source has one, and its address may be a secret."""

PAGE = 200
PAGES = 50
"""A reading has so many arrivals at most, because each writes the marks of all that was read."""

SURE_SECONDS = 3600
"""A feed that held events and holds none has to say so for so long."""

LOOKED_SECONDS = 120.0
"""So long after a look the feed counts as read to its end."""

_STAMP = re.compile(rb"^DTSTAMP[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*", re.MULTILINE | re.IGNORECASE)


class Connector(hub.Connector):
    """An iCalendar feed (RFC 5545) over HTTP, asked every `poll_seconds` whether it changed (RFC 9110, 13.1).

    Of a feed that did, those UIDs are told whose text is another than before; DTSTAMP does not count, because many
    feeds write the present into it. The cursor holds a mark of 16 characters for each UID.
    """

    Settings = IcalSettings

    def __init__(self, settings: IcalSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._looked: float | None = None
        self._woken = asyncio.Event()

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what the feed holds beyond *cursor*, and then asks again and again. What it held at first is not live;
        what went from it the hub knows by the inventory after it."""
        progress = self._progress(cursor)
        self._looked = -LOOKED_SECONDS
        try:
            while True:
                self._woken.clear()
                fetched = await fetch(self._settings, self._source, progress.validators)
                if fetched is None and progress.empty_since:  # it is again as it was
                    progress = replace(progress, empty_since=0)
                    yield hub.Arrival((), str(progress))
                elif fetched is not None:
                    async for arrival in self._news(fetched, progress):
                        progress = Progress.read(arrival.cursor)
                        yield arrival
                    if progress.empty_since:
                        raise hub.Unavailable("the feed holds no event any more; that is believed after an hour")
                self._looked = time.monotonic()
                try:
                    await asyncio.wait_for(self._woken.wait(), self._settings.poll_seconds)
                except TimeoutError:
                    continue
        finally:
            self._looked = None

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many UIDs are new, changed or gone beyond *cursor*. While somebody listens the feed is not asked more
        often for this: then it is known for two minutes after each look that nothing is."""
        if self._looked is not None:
            recent = time.monotonic() - self._looked < LOOKED_SECONDS
            return hub.Freshness(0, 0.0) if recent else hub.Freshness(None, None)
        progress = self._progress(cursor)
        fetched = await fetch(self._settings, self._source, progress.validators)
        if fetched is None or digest(fetched.raw) == progress.digest:
            return hub.Freshness(0, 0.0)
        there = await self._split(fetched)
        number = Fingerprints.read(progress.marks).beyond({uid: _sense(text) for uid, text in there.items()})
        return hub.Freshness(number, None if number else 0.0)

    async def wake(self, word: str = "") -> None:
        """Somebody says there is news: ask at once."""
        self._woken.set()

    async def _news(self, fetched: Fetched, before: Progress) -> AsyncGenerator[hub.Arrival, None]:
        """What is new in the feed against *before*; the last arrival has the cursor of all of it."""
        after = Progress(fetched.validators, digest(fetched.raw), before.marks, whole=True)
        if before.whole and before.digest == after.digest:
            if before != after:
                yield hub.Arrival((), str(after))
            return
        there = await self._split(fetched)
        marks = Fingerprints.read(before.marks)
        if not there and len(marks):
            now = int(time.time())
            since = before.empty_since or now
            if now - since < SURE_SECONDS:
                yield hub.Arrival((), str(replace(before, empty_since=since)))
                return
        changed = [(uid, text) for uid, text in there.items() if not marks.knows(uid, _sense(text))]
        progress = replace(before, empty_since=0)
        done = len(there) - len(changed)
        pages = list(_pages(changed)) or [[]]
        for page in pages:
            items: list[hub.Item] = []
            for uid, text in page:
                items.append(self._item(uid, text))
                marks.note(uid, _sense(text))
            done += len(page)
            if page is pages[-1]:
                # Not before: who resumes must still see that something went.
                gone = marks.keep(there.keys())
                if gone or not before.whole:
                    items.append(hub.Inventory(PLACE, frozenset(there)))
                yield hub.Arrival(tuple(items), str(after.on_the_way(marks)), live=before.whole)
            else:
                backfill = None if before.whole else hub.Backfill(done, len(there))
                yield hub.Arrival(tuple(items), str(progress.on_the_way(marks)), live=before.whole, backfill=backfill)

    def _item(self, uid: str, text: bytes) -> hub.Item:
        copy = hub.Copy(place=PLACE, provider_id=uid, level=self._settings.level, audience=self._settings.audience)
        return hub.Scheduled(copy, digest(_sense(text))[:32], text)

    async def _split(self, fetched: Fetched) -> dict[str, bytes]:
        # Of a large feed it takes seconds, in which others shall have their turns.
        try:
            return await asyncio.to_thread(ics.split, fetched.raw)
        except ics.Unreadable as error:
            raise hub.Misconfigured(f"the feed cannot be read: {error}; check sources.{self._source}") from None

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.read(cursor)
        except ValueError:
            logger.warning("%s: the cursor cannot be read, so the feed is read again", self._source)
            return Progress()


def _pages(changed: Sequence[tuple[str, bytes]]) -> Iterator[Sequence[tuple[str, bytes]]]:
    size = max(PAGE, -(-len(changed) // PAGES))
    for begin in range(0, len(changed), size):
        yield changed[begin : begin + size]


def _sense(text: bytes) -> bytes:
    """*text* without the time at which it was written down."""
    return _STAMP.sub(b"", text)
