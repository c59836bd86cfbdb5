"""What is read of the calendars, and in which portions it is told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

import hub
from connectors.google_calendar.events import Odd, Resource, is_gone, may_be_series, series_of, text
from connectors.google_calendar.progress import Place, Progress
from connectors.google_calendar.server import Found, Server, events, objects
from connectors.google_calendar.settings import GoogleCalendarSettings

PAGE = 250
"""Events on a page. Google's own default; a page may hold fewer and not be the last."""

_LISTED = [("maxResults", str(PAGE)), ("singleEvents", "false")]
"""The same each time: a token is good only for the question that it was given for."""


class Reading:
    """Reads what *progress* does not have of the calendars, and notes in it what was read."""

    def __init__(self, server: Server, settings: GoogleCalendarSettings, progress: Progress) -> None:
        self._server = server
        self._settings = settings
        self._progress = progress
        self._uids: dict[tuple[str, str], str] = {}

    async def news(self, calendars: Sequence[Found], written: str) -> AsyncGenerator[hub.Arrival, None]:
        """What is new in *calendars*; nothing where all is as it was. Bookings go into the one with the id
        *written*."""
        self._uids.clear()
        for calendar in calendars:
            place = self._progress.get(calendar.id, Place())
            if calendar.id == written and not place.written:
                self._progress[calendar.id] = replace(place, written=True)
            whole = not self._progress.get(calendar.id, Place()).token
            async with aclosing(self._whole(calendar.id) if whole else self._changes(calendar.id)) as arrivals:
                async for arrival in arrivals:
                    yield arrival

    def gone(self, calendar: str) -> hub.Arrival:
        """The calendar is not there any more, or not to be read. Bookings that lay in it do not end for that: of a
        calendar that held some, nothing is told."""
        place = self._progress.pop(calendar)
        told = () if place.written else (hub.Inventory(calendar, frozenset()),)
        return hub.Arrival(told, str(self._progress))

    async def _changes(self, calendar: str) -> AsyncGenerator[hub.Arrival, None]:
        """What changed since the token; all of it where Google does not know the token any more (410)."""
        place = self._progress[calendar]
        query = [*_LISTED, ("syncToken", place.token)]
        found: list[Resource] = []
        token = ""
        async for answer, told in self._server.pages(events(calendar), query, (410,)):
            if answer.status == 410:
                self._progress[calendar] = replace(place, token="", page="", read=0)
                async with aclosing(self._whole(calendar)) as arrivals:
                    async for arrival in arrivals:
                        yield arrival
                return
            found += objects(told)
            token = str(told.get("nextSyncToken") or "")
        self._note(calendar, token)
        if found:
            items = await self._items(calendar, found)
            if any(is_gone(each) and may_be_series(each) for each in found):
                # Its instances go with it, and Google need not say so.
                items.append(await self._inventory(calendar))
            yield hub.Arrival(tuple(items), str(self._progress))

    async def _whole(self, calendar: str) -> AsyncGenerator[hub.Arrival, None]:
        """All of it, page by page, and in the end what there is."""
        place = self._progress.get(calendar, Place())
        page = place.page
        async for answer, told in self._server.pages(events(calendar), _LISTED, (400, 410), page):
            if answer.status in (400, 410):
                if not page:
                    raise hub.Unavailable(f"{self._server.host} does not list the calendar (status {answer.status})")
                # A page's token is good for some hours only.
                self._progress[calendar] = replace(place, page="", read=0)
                async with aclosing(self._whole(calendar)) as arrivals:
                    async for arrival in arrivals:
                        yield arrival
                return
            found = objects(told)
            items = await self._items(calendar, found)
            following = str(told.get("nextPageToken") or "")
            before = self._progress.get(calendar, Place())
            read = before.read + len(found)
            if following:
                self._progress[calendar] = replace(before, page=following, read=read)
                # Google does not say how many there are: there is one page more at least.
                yield hub.Arrival(tuple(items), str(self._progress), live=False, backfill=hub.Backfill(read, read + 1))
                continue
            self._note(calendar, str(told.get("nextSyncToken") or ""))
            items.append(await self._inventory(calendar))
            yield hub.Arrival(tuple(items), str(self._progress), live=False)

    def _note(self, calendar: str, token: str) -> None:
        if not token:
            raise hub.Unavailable(f"{self._server.host} does not say how to ask for what changes")
        self._progress[calendar] = replace(self._progress.get(calendar, Place()), token=token, page="", read=0)

    async def _inventory(self, calendar: str) -> hub.Inventory:
        query = [("maxResults", "2500"), ("singleEvents", "false"), ("fields", "items(id),nextPageToken")]
        there: set[str] = set()
        async for _, told in self._server.pages(events(calendar), query):
            there.update(str(each["id"]) for each in objects(told) if each.get("id"))
        return hub.Inventory(calendar, frozenset(there))

    async def _items(self, calendar: str, found: Sequence[Resource]) -> list[hub.Item]:
        for each in found:
            if each.get("iCalUID") and not series_of(each):
                self._uids[calendar, str(each.get("id"))] = str(each["iCalUID"])
        return [await self._item(calendar, each) for each in found if each.get("id")]

    async def _item(self, calendar: str, resource: Resource) -> hub.Item:
        name = str(resource["id"])
        if is_gone(resource):
            return hub.Removed(calendar, name)
        copy = hub.Copy(place=calendar, provider_id=name, level=self._settings.level, audience=self._settings.audience)
        uid = await self._uid(calendar, resource)
        if not uid:
            return hub.Removed(calendar, name)
        try:
            return hub.Scheduled(copy, str(resource.get("etag") or ""), text(resource, uid))
        except (Odd, ValueError, TypeError) as error:
            # What the library finds wrong with a value costs this event and no other.
            why = str(error) if isinstance(error, Odd) else "one of its values cannot be written as iCalendar"
            return hub.Unreadable(orjson.dumps(resource), f"an event of Google's: {why}", datetime.now(UTC), copy)

    async def _uid(self, calendar: str, resource: Resource) -> str:
        """Its UID; of a cancelled instance Google may say only of which series it is. "" where that is gone."""
        if resource.get("iCalUID"):
            return str(resource["iCalUID"])
        series = series_of(resource)
        if (calendar, series) not in self._uids:
            answer = await self._server.ask("GET", events(calendar, series), accept=(400, 404, 410))
            told: Mapping[str, Any] = answer.json() if answer.status == 200 else {}
            gone = told.get("status") == "cancelled"
            self._uids[calendar, series] = "" if gone else str(told.get("iCalUID") or "")
        return self._uids[calendar, series]
