"""Reddit as a source: what is new in its listings, and what was edited or deleted since."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

import hub
from connectors.reddit.api import LISTED, Api
from connectors.reddit.posts import event, gone, state
from connectors.reddit.settings import RedditSettings

logger = logging.getLogger(__name__)

PAGES = 10
"""Reddit's listings go some thousand things deep."""

PAGE = 50
MOST_KNOWN = 2000
KNOWN_SECONDS = 2 * 86_400
OVERLAP_SECONDS = 600
"""Things may come into a listing late: a search is behind, and a spam filter lets some out again."""

_MENTIONS = "/message/mentions"
_GONE = "gone"


@dataclass(frozen=True, slots=True)
class _Place:
    """A listing: its path and query, and how it is called in the cursor."""

    path: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return "?".join((self.path, *(value for _, value in self.query[:1])))

    @property
    def addressed(self) -> bool:
        """Whether it holds what names our account."""
        return self.path == _MENTIONS

    def label(self, name: str) -> str:
        """Under which the thing called *name* is known, if it was heard here."""
        return f"@{name}" if self.addressed else name


@dataclass(frozen=True, slots=True)
class Progress:
    """The time of the newest thing of each listing that was read to its end (*marks*, seconds since 1970); the things
    of the last two days by name, with their time and a hash of their state (*known*); when those were
    *rechecked* last."""

    marks: Mapping[str, float] = field(default_factory=dict)
    known: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    rechecked: float = 0.0

    @classmethod
    def read(cls, cursor: str | None) -> Self:
        """What `str` wrote; `None` is nothing. Raises `ValueError` for a text that is no cursor."""
        if cursor is None:
            return cls()
        try:
            marks, known, rechecked = json.loads(cursor)
            return cls(
                {str(name): float(at) for name, at in marks.items()},
                {str(name): (float(at), str(state)) for name, (at, state) in known.items()},
                float(rechecked),
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise ValueError("not the cursor of Reddit") from error

    def __str__(self) -> str:
        return json.dumps([self.marks, self.known, self.rechecked], separators=(",", ":"))

    def knowing(self, things: Mapping[str, tuple[float, str]]) -> Progress:
        """The same with *things*, and without those that are too old or too many."""
        newest = max((at for at, _ in things.values()), default=0.0)
        known = {**self.known, **things}
        kept = sorted(known.items(), key=lambda each: each[1][0])[-MOST_KNOWN:]
        return replace(self, known={name: seen for name, seen in kept if seen[0] > newest - KNOWN_SECONDS})


class Connector(hub.Connector):
    """Listings are read from the newest back to what is known. What was told in the last two days is asked for again
    by name: edits are told, and deletions, which Reddit wants to be followed."""

    Settings = RedditSettings

    def __init__(self, settings: RedditSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        places = []
        if settings.subreddits:
            all_of_them = "+".join(settings.subreddits)
            places += [_Place(f"/r/{all_of_them}/new"), _Place(f"/r/{all_of_them}/comments")]
        places += [_Place("/search", (("q", each), ("sort", "new"), ("type", "link"))) for each in settings.searches]
        places += [_Place(_MENTIONS)] if settings.refresh_token is not None else []
        self._places = tuple(places)

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what the listings hold beyond *cursor*, oldest first; what they held when first read is not live."""
        progress = self._progress(cursor)
        if not progress.rechecked:
            progress = replace(progress, rechecked=time.time())
        api = Api(self._settings, self._source)
        try:
            while True:
                for place in self._places:
                    things = await self._beyond(api, place, progress)
                    for arrival, after in self._arrivals(place, things, progress):
                        progress = after
                        yield arrival
                if time.time() - progress.rechecked > self._settings.recheck_minutes * 60:
                    arrival, progress = await self._rechecked(api, progress)
                    yield arrival
                await asyncio.sleep(self._settings.poll_seconds)
        finally:
            await api.close()

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many things the listings hold beyond *cursor*."""
        progress, number = self._progress(cursor), 0
        api = Api(self._settings, self._source)
        try:
            for place in self._places:
                number += len(await self._beyond(api, place, progress))
        finally:
            await api.close()
        return hub.Freshness(number, None if number else 0.0)

    async def _beyond(self, api: Api, place: _Place, progress: Progress) -> list[Any]:
        """The things of a listing that are not known, newest first."""
        mark = progress.marks.get(place.name)
        since = 0.0 if mark is None else mark - OVERLAP_SECONDS
        found: dict[str, Any] = {}
        after = ""
        for _ in range(PAGES):
            try:
                things, after = await api.listing(place.path, place.query, after)
            except hub.Unsupported as verdict:
                raise hub.Misconfigured(f"{verdict}; check subreddits and searches of sources.{self._source}") from None
            for thing in things:
                name, at = str(thing["data"].get("name")), _created(thing)
                if at >= since and place.label(name) not in progress.known:
                    found.setdefault(name, thing)
            if not after or (things and _created(things[-1]) < since):
                return list(found.values())
        if mark is not None:
            logger.warning("%s: Reddit shows no more of %s; what is older is left out", self._source, place.name)
        return list(found.values())

    def _arrivals(self, place: _Place, things: Sequence[Any], progress: Progress) -> list[tuple[hub.Arrival, Progress]]:
        mark, now = progress.marks.get(place.name), datetime.now(UTC)
        oldest_first = sorted(things, key=_created)
        pages = [oldest_first[begin : begin + PAGE] for begin in range(0, len(oldest_first), PAGE)]
        if mark is None:
            pages = pages or [[]]  # an empty listing was read, too: what comes now is new
        arrivals, done = [], 0
        for page in pages:
            heard = [
                told for thing in page if not gone(thing["data"])
                if (told := event(thing, now, addressed=place.addressed)) is not None
            ]  # fmt: skip
            seen = {place.label(str(each["data"]["name"])): (_created(each), state(each["data"])) for each in page}
            progress = progress.knowing(seen)
            done += len(page)
            if page is pages[-1]:
                newest = max([mark or 0.0, *map(_created, page)])
                progress = replace(progress, marks={**progress.marks, place.name: newest})
            backfill = None if mark is not None else hub.Backfill(done, len(things))
            arrivals.append((hub.Arrival(tuple(heard), str(progress), mark is not None, backfill), progress))
        return arrivals

    async def _rechecked(self, api: Api, progress: Progress) -> tuple[hub.Arrival, Progress]:
        """Edits and deletions among what is known."""
        now = datetime.now(UTC)
        known = dict(progress.known)
        names = sorted({label.removeprefix("@") for label in known})
        told: list[hub.Item] = []
        for begin in range(0, len(names), LISTED):
            for thing in await api.things(names[begin : begin + LISTED]):
                name, is_now = str(thing["data"]["name"]), _GONE if gone(thing["data"]) else state(thing["data"])
                labels = [label for label in (name, f"@{name}") if label in known]
                if not labels or known[labels[0]][1] == is_now:
                    continue
                if (changed := event(thing, now)) is not None:
                    told.append(changed)
                # What is gone stays known by its name, so that no listing tells of it again.
                known.update({label: (known[label][0], is_now) for label in labels})
        progress = replace(progress, known=known, rechecked=time.time())
        return hub.Arrival(tuple(told), str(progress)), progress

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.read(cursor)
        except ValueError:
            logger.warning("%s: the cursor cannot be read, so the listings are read again", self._source)
            return Progress()


def _created(thing: Any) -> float:
    said = thing["data"].get("created_utc")
    return float(said) if isinstance(said, int | float) else 0.0
