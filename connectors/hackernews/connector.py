"""Hacker News as a source: every item in the order of its number, and what changed since."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import hub
from connectors.hackernews.items import event
from connectors.hackernews.settings import HackernewsSettings
from hub.http import Client

logger = logging.getLogger(__name__)

AT_ONCE = 8
PAGE = 48
PATIENCE = 10
"""A number that has no item yet is waited for so many rounds: then it never will have."""

_TAIL = 400


@dataclass(frozen=True, slots=True)
class Progress:
    """The number of the *last* item that was read, 0 before the first, the number up to which the first reading goes
    (*first*), and how often the one after the last was asked for in vain (*waited*)."""

    last: int = 0
    first: int = 0
    waited: int = 0

    @classmethod
    def read(cls, cursor: str | None) -> Self:
        """What `str` wrote; `None` is nothing. Raises `ValueError` for a text that is no cursor."""
        if cursor is None:
            return cls()
        try:
            last, first, waited = json.loads(cursor)
            return cls(int(last), int(first), int(waited))
        except (TypeError, ValueError) as error:
            raise ValueError("not the cursor of Hacker News") from error

    def __str__(self) -> str:
        return json.dumps([self.last, self.first, self.waited])


class Connector(hub.Connector):
    """`/v0/maxitem` says how far the numbers go, and every item up to it is read once: nothing between two is missed.
    `/v0/updates` names what changed lately: edits and deletions come from there, as far as we are listening."""

    Settings = HackernewsSettings

    def __init__(self, settings: HackernewsSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields every item after *cursor*; at the beginning the latest `look_back`, which are not live."""
        progress = self._progress(cursor)
        told: dict[int, str] = {}
        async with self._client() as client:
            while True:
                newest = await self._newest(client)
                progress = self._begun(progress, newest)
                while progress.last < newest:
                    items, after = await self._page(client, progress, newest)
                    if after.last == progress.last:
                        progress = after
                        break
                    arrival = self._arrival(items, progress, after, told)
                    progress = after
                    yield arrival
                if changed := await self._changed(client, progress.last, told):
                    # Not live: of what is older than we listen, nobody can say whether it is new.
                    yield hub.Arrival(tuple(changed), str(progress), live=False)
                await asyncio.sleep(self._settings.poll_seconds)

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many numbers there are beyond *cursor*."""
        async with self._client() as client:
            newest = await self._newest(client)
        last = self._progress(cursor).last
        behind = max(0, newest - last) if last else min(newest, self._settings.look_back)
        return hub.Freshness(behind, None if behind else 0.0)

    def _client(self) -> Client:
        return Client(self._settings.base_url, headers={"User-Agent": "hub"}, cure="whether Hacker News lets us in")

    def _begun(self, progress: Progress, newest: int) -> Progress:
        """*progress*, at the beginning so far back as is wished, and never further behind than is caught up with."""
        if not progress.last:
            begin = max(0, newest - self._settings.look_back)
            return Progress(begin, newest)
        oldest = newest - self._settings.most_behind
        if progress.last < oldest:
            logger.warning(
                "%s: %d items were written since we last listened; %d of them, up to %d, are left out",
                self._source,
                newest - progress.last,
                oldest - progress.last,
                oldest,
            )
            return replace(progress, last=oldest, waited=0)
        return progress

    async def _page(self, client: Client, progress: Progress, newest: int) -> tuple[list[Mapping[str, Any]], Progress]:
        """The next items. One that cannot be had yet ends the page, unless it was waited for long enough."""
        numbers = range(progress.last + 1, min(newest, progress.last + PAGE) + 1)
        found = await self._items(client, numbers)
        items: list[Mapping[str, Any]] = []
        waited = progress.waited
        for number in numbers:
            item = found[number]
            # A number is given before the item can be read; of some it never can.
            if item is None and newest - number < _TAIL and waited < PATIENCE:
                return items, Progress(number - 1, progress.first, waited + 1 if not items else 0)
            if item is not None:
                items.append(item)
            waited = 0
        return items, Progress(numbers[-1], progress.first)

    async def _items(self, client: Client, numbers: range | list[int]) -> dict[int, Mapping[str, Any] | None]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> Mapping[str, Any] | None:
            async with gate:
                item = (await client.ask("GET", f"/v0/item/{number}.json")).json()
            return item if isinstance(item, dict) and item.get("id") == number else None

        found = await asyncio.gather(*map(one, numbers))
        return dict(zip(numbers, found, strict=True))

    def _arrival(
        self, items: list[Mapping[str, Any]], before: Progress, after: Progress, told: dict[int, str]
    ) -> hub.Arrival:
        events = []
        for item in items:
            # What is dead from the beginning nobody has seen.
            if (told_now := event(item)) is not None and not (item.get("deleted") or item.get("dead")):
                events.append(told_now)
                told[int(item["id"])] = told_now.id
        live = before.last >= before.first
        total = min(self._settings.look_back, before.first)
        done = total - max(0, before.first - after.last)
        backfill = None if live or after.last >= before.first else hub.Backfill(done, total)
        return hub.Arrival(tuple(events), str(after), live=live, backfill=backfill)

    async def _changed(self, client: Client, last: int, told: dict[int, str]) -> list[hub.Event]:
        """Edits and deletions among what changed lately; votes and answers change an item, too, and say nothing."""
        said = (await client.ask("GET", "/v0/updates.json")).json()
        numbers = sorted({int(each) for each in (said or {}).get("items", ()) if int(each) <= last})
        events = []
        for number, item in (await self._items(client, numbers)).items():
            if item is None or (changed := event(item)) is None or told.get(number) == changed.id:
                continue
            told[number] = changed.id
            # Hacker News does not say when something was edited: what is read later is later.
            events.append(replace(changed, order=int(time.time())))
        for number in list(told)[: max(0, len(told) - 50_000)]:
            del told[number]
        return events

    async def _newest(self, client: Client) -> int:
        number = (await client.ask("GET", "/v0/maxitem.json")).json()
        if not isinstance(number, int):
            raise hub.Unavailable("Hacker News does not say how far its items go")
        return number

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.read(cursor)
        except ValueError:
            logger.warning("%s: the cursor cannot be read, so it begins with the latest items", self._source)
            return Progress()
