"""Feeds as a source: what is new in each, and what changed."""

from __future__ import annotations

import asyncio
import base64
import logging
import math
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import hub
from connectors.feed.entries import event
from connectors.feed.progress import Known, Progress
from connectors.feed.reading import Feed, read
from connectors.feed.settings import FeedSettings
from connectors.feed.websub import RENEW_SECONDS, subscribe
from hub.formats.digest import digest
from hub.formats.fingerprints import Fingerprints
from hub.http import Guarded, Page

logger = logging.getLogger(__name__)

LARGEST = 16 << 20
"""The largest feed in bytes, unpacked."""

SECONDS = 60.0
PAGE = 50
AT_ONCE = 8
LONGEST_WAIT = 86_400.0
LOOKED_SECONDS = 120.0
"""So long after a round of looks the feeds count as read to their end."""

_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml, application/xml;q=0.8,"
    " text/xml;q=0.8, application/json;q=0.5, */*;q=0.1"
)


@dataclass(slots=True)
class _Turn:
    """When a feed is asked next (monotonic seconds), and what is wrong with it."""

    due: float = 0.0
    failures: int = 0
    wrong: hub.Verdict | None = None


class Connector(hub.Connector):
    """RSS, Atom, RDF and JSON feeds over HTTP, each asked by itself whether it changed (RFC 9110, 13.1).

    An entry is told when it is new, and again when what it says changed. One that went from the feed stands as it was:
    feeds hold only the latest. A feed that cannot be read is tried again later and the others go on; when none can be
    read, the source says why.
    """

    Settings = FeedSettings

    def __init__(self, settings: FeedSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._setup = setup
        self._source = setup.name
        self._looked: float | None = None
        self._woken = asyncio.Event()

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what the feeds hold beyond *cursor*, and then asks again and again. What a feed held when it was first
        read is not live."""
        progress = self._progress(cursor)
        turns = {url: _Turn() for url in self._settings.urls}
        asked: dict[str, float] = {}
        self._looked = -LOOKED_SECONDS
        try:
            async with Guarded(self._settings.places) as web:
                while True:
                    if self._woken.is_set():
                        self._woken.clear()
                        _hurry(turns)
                    while urls := self._next(turns, asked):
                        found = await asyncio.gather(*(self._look(web, url, progress.of(url)) for url in urls))
                        for url, look in zip(urls, found, strict=True):
                            async for arrival in self._heard(web, url, look, progress, turns[url]):
                                progress = Progress.read(arrival.cursor)
                                yield arrival
                        self._fail_if_none_can_be_read(turns)
                    self._looked = time.monotonic()
                    await self._rest(turns, asked)
        finally:
            self._looked = None

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many entries are new or changed beyond *cursor*. While somebody listens no feed is asked more often for
        this: then it is known for two minutes after each round that nothing is."""
        if self._looked is not None:
            recent = time.monotonic() - self._looked < LOOKED_SECONDS
            return hub.Freshness(0, 0.0) if recent else hub.Freshness(None, None)
        progress, number = self._progress(cursor), 0
        turns = {url: _Turn() for url in self._settings.urls}
        async with Guarded(self._settings.places) as web:
            for url, turn in turns.items():
                look = await self._look(web, url, progress.of(url))
                if isinstance(look, hub.Verdict):
                    turn.wrong = look
                elif look is not None:
                    marks = Fingerprints.read(progress.of(url).marks)
                    number += sum(not marks.knows(each.key, each.id) for each in look.events)
        self._fail_if_none_can_be_read(turns)
        return hub.Freshness(number, None if number else 0.0)

    async def wake(self, word: str = "") -> None:
        """A hub says there is news: ask at once."""
        self._woken.set()

    def _next(self, turns: dict[str, _Turn], asked: dict[str, float]) -> Sequence[str]:
        """The feeds to ask now: those that are due, one of each host, and no host too often."""
        now = time.monotonic()
        hosts: dict[str, str] = {}
        for url, turn in turns.items():
            host = urlsplit(url).netloc
            if turn.due <= now and asked.get(host, -math.inf) + self._settings.pause_seconds <= now:
                hosts.setdefault(host, url)
        chosen = list(hosts.items())[:AT_ONCE]
        asked.update({host: now for host, _ in chosen})
        return [url for _, url in chosen]

    async def _rest(self, turns: dict[str, _Turn], asked: dict[str, float]) -> None:
        """Wait until a feed is due, or somebody says there is news."""
        pause = self._settings.pause_seconds
        next_turn = min(
            max(turn.due, asked.get(urlsplit(url).netloc, -math.inf) + pause) for url, turn in turns.items()
        )
        try:
            async with asyncio.timeout(max(0.01, min(next_turn - time.monotonic(), LONGEST_WAIT))):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _look(self, web: Guarded, url: str, known: Known) -> _Look | hub.Verdict | None:
        """The feed at *url* as it is now; None where it is as it was; a verdict where it cannot be read."""
        address = known.moved or url
        conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
        headers = {"Accept": _ACCEPT, **{name: value for name, value in conditions.items() if value}}
        if self._settings.password is not None and urlsplit(address).netloc == urlsplit(url).netloc:
            login = f"{self._settings.username}:{self._settings.password.get_secret_value()}"
            headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        try:
            page = await web.fetch(
                address, headers=headers, most=LARGEST, seconds=SECONDS, accept=(304, 401, 403, 404, 410)
            )
            if page.status == 304:
                return None
            if page.status != 200:
                return self._refusal(page, url)
            if known.whole and digest(page.body) == known.digest:
                return None
            # Of a large feed it takes seconds, in which others shall have their turns.
            return await asyncio.to_thread(_read, page, url, self._settings.most)
        except hub.Verdict as verdict:
            return _about(verdict, url)

    def _refusal(self, page: Page, url: str) -> hub.Verdict:
        if page.status == 410:
            return hub.Misconfigured(
                f"{_short(url)} answers 410: this feed is gone for good; take it out of sources.{self._source}.urls"
            )
        if page.status == 404:
            return hub.Unavailable(f"{_short(url)} answers 404: there is no feed (any more); check the address")
        if page.status in (401, 403):
            return hub.Rejected(f"{_short(url)} answers {page.status}: it wants a login; check sources.{self._source}")
        return hub.Unavailable(f"{_short(url)} answers {page.status}, and no feed")

    async def _heard(
        self, web: Guarded, url: str, look: _Look | hub.Verdict | None, progress: Progress, turn: _Turn
    ) -> AsyncGenerator[hub.Arrival, None]:
        """What a look at *url* brought; sets when its next turn is."""
        known, now = progress.of(url), datetime.now(UTC)
        if isinstance(look, hub.Verdict):
            turn.failures += 1
            turn.wrong = look
            turn.due = time.monotonic() + self._later(look, turn.failures)
            if len(self._settings.urls) > 1:
                logger.warning("%s: %s", self._source, look)
            if known.moved:  # perhaps only the new address is wrong
                yield hub.Arrival((), str(progress.noting(url, replace(known, moved=""), self._settings.urls)))
            return
        turn.failures, turn.wrong = 0, None
        turn.due = time.monotonic() + wait(self._settings.every, look.feed if look else None, now)
        after = known
        if look is not None:
            async for arrival, after in self._news(url, look, progress):  # noqa: B007 — the last one is used below
                yield arrival
        if renewed := await self._subscribed(web, url, after):
            yield hub.Arrival((), str(progress.noting(url, renewed, self._settings.urls)))

    async def _news(self, url: str, look: _Look, progress: Progress) -> AsyncGenerator[tuple[hub.Arrival, Known], None]:
        """The entries that are new or changed, in pages; the last one has all that is known now."""
        before = progress.of(url)
        marks = Fingerprints.read(before.marks)
        changed = [each for each in look.events if not marks.knows(each.key, each.id)]
        if look.feed.total > self._settings.most and changed:
            logger.warning(
                "%s: %s holds %d entries, of which the newest %d are read",
                self._source,
                _short(url),
                look.feed.total,
                self._settings.most,
            )
        done = len(look.events) - len(changed)
        pages = [changed[begin : begin + PAGE] for begin in range(0, len(changed), PAGE)] or [[]]
        for page in pages:
            for each in page:
                marks.note(each.key, each.id)
            done += len(page)
            last = page is pages[-1]
            if last:
                marks.keep({each.key for each in look.events})
                known = replace(look.known, marks=str(marks), subscribed=before.subscribed)
                known = replace(known, moved=known.moved or before.moved)
            else:
                known = replace(before, marks=str(marks))
            cursor = str(progress.noting(url, known, self._settings.urls))
            backfill = None if before.whole or last else hub.Backfill(done, len(look.events))
            yield hub.Arrival(tuple(page), cursor, live=before.whole, backfill=backfill), known

    async def _subscribed(self, web: Guarded, url: str, known: Known) -> Known | None:
        """Ask the hub of a feed to tell us, once a day; None where there is nothing to ask."""
        now = int(time.time())
        if not self._settings.websub or not known.hub or now - known.subscribed < RENEW_SECONDS:
            return None
        try:
            await subscribe(web, self._settings, self._setup.webhook_url, url, known.hub, known.topic or url)
        except (hub.Verdict, TimeoutError) as error:
            logger.warning("%s: the hub of %s does not take us on: %s", self._source, _short(url), error)
        return replace(known, subscribed=now)

    def _later(self, verdict: hub.Verdict, failures: int) -> float:
        """Seconds until a feed with which something is wrong is asked again."""
        if isinstance(verdict, hub.Misconfigured):
            return math.inf
        said = (verdict.retry_after or 0.0) if isinstance(verdict, hub.Unavailable) else 3600.0
        return max(said, min(LONGEST_WAIT, self._settings.every * 60 * float(1 << min(failures - 1, 10))))

    def _fail_if_none_can_be_read(self, turns: dict[str, _Turn]) -> None:
        wrong = [turn.wrong for turn in turns.values() if turn.wrong is not None]
        if len(wrong) == len(turns):
            # One that may get better decides, so that it is tried again.
            raise min(wrong, key=lambda verdict: not isinstance(verdict, hub.Unavailable))

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.read(cursor)
        except ValueError:
            logger.warning("%s: the cursor cannot be read, so the feeds are read again", self._source)
            return Progress()


@dataclass(frozen=True, slots=True)
class _Look:
    """A feed as it is now, its events from the oldest to the newest, and what is known of it then."""

    feed: Feed
    events: tuple[hub.Event, ...]
    known: Known


def wait(every: float, feed: Feed | None, now: datetime) -> float:
    """Seconds until a feed is asked again that is to be asked *every* minutes: as seldom as it wishes itself, and not
    in the hours in which it does not want to be asked."""
    minutes = max(every, min(feed.minutes, LONGEST_WAIT / 60) if feed else 0)
    then = now + timedelta(minutes=minutes)
    skipped = feed.skipped if feed else frozenset()
    while then.hour in skipped and len(skipped) < 24:
        then = then.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return (then - now).total_seconds()


def _read(page: Page, url: str, most: int) -> _Look:
    now = datetime.now(UTC)
    feed = read(page.body, page.url, page.headers, most)
    events = {each.key: each for each in (event(entry, url, now) for entry in reversed(feed.entries))}
    known = Known(
        moved=page.moved,
        etag=page.headers.get("etag", ""),
        modified=page.headers.get("last-modified", ""),
        digest=digest(page.body),
        whole=True,
        hub=feed.hub,
        topic=feed.topic,
    )
    return _Look(feed, tuple(sorted(events.values(), key=lambda each: each.at)), known)


def _hurry(turns: dict[str, _Turn]) -> None:
    for turn in turns.values():
        if turn.wrong is None:
            turn.due = 0.0


def _about(verdict: hub.Verdict, url: str) -> hub.Verdict:
    """*verdict* with the feed that it is about; what one answer makes impossible may be possible later."""
    text = f"{_short(url)}: {verdict}"
    if isinstance(verdict, hub.Unavailable):
        return hub.Unavailable(text, verdict.retry_after)
    return hub.Unavailable(text) if isinstance(verdict, hub.Unsupported) else type(verdict)(text)


def _short(url: str) -> str:
    """A feed's address as it may be shown: its query may hold a key."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"
