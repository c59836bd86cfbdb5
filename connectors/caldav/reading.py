"""What is read of the calendars, and in which portions it is told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import hub
from connectors.caldav import objects
from connectors.caldav.discovery import Found
from connectors.caldav.objects import PAGE, BadToken, Broke, Changes, Object
from connectors.caldav.progress import Place, Progress
from connectors.caldav.server import Server
from connectors.caldav.settings import CaldavSettings
from hub.formats.fingerprints import Fingerprints


class Reading:
    """Reads what *progress* does not have of the calendars, and notes in it what was read."""

    def __init__(self, server: Server, settings: CaldavSettings, progress: Progress, broke: Broke) -> None:
        self._server = server
        self._settings = settings
        self._progress = progress
        self._broke = broke
        self._paths: list[str] = []
        self._written = ""
        self._read = 0

    async def news(self, calendars: Sequence[Found], written: str = "") -> AsyncGenerator[hub.Arrival, None]:
        """What is new in *calendars*, as they were just listed; nothing where all is as it was. Bookings go into the
        one at *written*."""
        self._paths = [each.path for each in calendars]
        self._written = written
        for calendar in calendars:
            place = self._progress.get(calendar.path)
            if place is not None and same(place, calendar):
                if calendar.path == written and not place.written:
                    yield self._arrival(calendar, place, (), live=True)
                continue
            read = self._by_token if calendar.sync_token else self._by_etags
            async for arrival in read(calendar, place or Place()):
                yield arrival

    def gone(self, path: str) -> hub.Arrival:
        """The calendar at *path* is not there any more, or not to be read. Bookings that lay in it do not end for that:
        of a calendar that held some, nothing is told."""
        place = self._progress.get(path)
        self._progress.forget(path)
        told = () if place and place.written else (hub.Inventory(path, frozenset()),)
        return hub.Arrival(told, str(self._progress))

    async def _by_token(self, calendar: Found, place: Place) -> AsyncGenerator[hub.Arrival, None]:
        """By sync-collection. A first reading, and one whose token has become void, end with an inventory."""
        try:
            changed = await objects.changes(self._server, calendar.path, place.token)
        except BadToken:
            place = Place(known=True)
            changed = await objects.changes(self._server, calendar.path, "")
        whole, goal = not place.token, place.goal or changed.token
        paths = [path for path in sorted(changed.there) if path > place.after]
        total = len(changed.there)
        place = replace(place, ctag="", marks="", goal=goal, done=total - len(paths), total=total)
        pages = [paths[begin : begin + PAGE] for begin in range(0, len(paths), PAGE)]
        removed = [] if whole or place.after else _removed(calendar, changed)
        for page in pages[:-1]:
            items = [*removed, *await self._items(calendar, page)]
            removed = []
            place = replace(place, after=page[-1], done=place.done + len(page))
            yield self._arrival(calendar, place, items, live=not whole)
        items = [*removed, *(await self._items(calendar, pages[-1]) if pages else ())]
        if whole:
            items.append(hub.Inventory(calendar.path, frozenset(changed.there)))
        yield self._arrival(calendar, Place(goal, known=True), items, live=not whole)

    async def _by_etags(self, calendar: Found, place: Place) -> AsyncGenerator[hub.Arrival, None]:
        """By comparing all ETags, where the server has no sync-collection. What it held before is kept as marks."""
        there = await objects.etags(self._server, calendar.path)
        marks = Fingerprints.read(place.marks)
        paths = [path for path in sorted(there) if not marks.knows(path, there[path])]
        # A calendar with a token was read while the server still had sync-collection: what has gone is in no mark.
        anew = not place.known or bool(place.token)
        done = len(there) - len(paths) if anew else 0
        place = Place(place.token, total=len(there) if anew else 0, known=place.known)
        pages = [paths[begin : begin + PAGE] for begin in range(0, len(paths), PAGE)] or [[]]
        for page in pages:
            items = await self._items(calendar, page)
            for path in page:
                marks.note(path, there[path])
            if page is not pages[-1]:
                done += len(page)
                yield self._arrival(calendar, replace(place, marks=str(marks), done=done), items, live=not anew)
                continue
            # Not before: who resumes must still see that something went.
            if marks.keep(there.keys()) or anew:
                items.append(hub.Inventory(calendar.path, frozenset(there)))
            # A calendar without any tag is listed each time, and told of only where something is new.
            if items or calendar.ctag:
                place = Place(ctag=calendar.ctag, marks=str(marks), known=True)
                yield self._arrival(calendar, place, items, live=not anew)

    async def _items(self, calendar: Found, paths: Sequence[str]) -> list[hub.Item]:
        if not paths:
            return []
        now = datetime.now(UTC)
        items: list[hub.Item] = []
        async for each in objects.fetch(self._server, calendar.path, paths, self._broke):
            item = self._item(calendar, each, now)
            if item is not None:
                items.append(item)
        return items

    def _item(self, calendar: Found, found: Object, now: datetime) -> hub.Item | None:
        if found.raw is None and not found.why:
            return hub.Removed(calendar.path, found.path)
        copy = hub.Copy(
            place=calendar.path,
            provider_id=found.path,
            level=self._settings.level,
            audience=self._settings.audience,
        )
        if found.raw is None:
            return hub.Unreadable(found.path.encode(), found.why, now, copy)
        return hub.Scheduled(copy, found.etag, found.raw)

    def _arrival(self, calendar: Found, place: Place, items: Sequence[hub.Item], *, live: bool) -> hub.Arrival:
        before = self._progress.get(calendar.path)
        written = calendar.path == self._written or (before is not None and before.written)
        self._progress.set(calendar.path, replace(place, written=written))
        if place.known and not (before and before.known):
            self._read += len(items)
        return hub.Arrival(tuple(items), str(self._progress), live=live, backfill=self._backfill())

    def _backfill(self) -> hub.Backfill | None:
        """How far the first reading of all calendars is; a calendar counts from when it is begun."""
        places = [self._progress.get(path) for path in self._paths]
        if all(place is not None and place.known for place in places):
            return None
        begun = [place for place in places if place is not None and not place.known]
        done, total = sum(place.done for place in begun), sum(place.total for place in begun)
        return hub.Backfill(self._read + done, self._read + total)


def same(place: Place, calendar: Found) -> bool:
    """Whether nothing happened since *place* was read to its end."""
    if place.goal or not place.known:
        return False
    if calendar.sync_token:
        return place.token == calendar.sync_token
    return bool(calendar.ctag) and place.ctag == calendar.ctag


def _removed(calendar: Found, changed: Changes) -> list[hub.Item]:
    return [hub.Removed(calendar.path, path) for path in sorted(changed.gone)]
