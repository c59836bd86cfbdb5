"""What is posted on a Mastodon server and names us, our hashtags, or what we search for."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

import hub
from connectors.mastodon.progress import Progress, order
from connectors.mastodon.server import PAGE, Server, Stream, streams
from connectors.mastodon.settings import MastodonSettings
from connectors.mastodon.statuses import NotAStatus, Us, deleted, event, is_private

logger = logging.getLogger(__name__)

NEWS = timedelta(hours=1)
"""What was written longer ago is no news when it is heard: nobody is alerted of it."""

PAGES = 250
"""So many pages are read after an outage, 10,000 posts of each stream."""


class Connector(hub.Connector):
    """One WebSocket for all streams (https://docs.joinmastodon.org/methods/streaming/). It is opened first; then what
    was missed is read from the timelines, and what came twice by that is left out."""

    Settings = MastodonSettings

    def __init__(self, settings: MastodonSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._streams = streams(settings)
        self._listening = False

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields posts, their changes and deletions after *cursor*."""
        progress = self._progress(cursor)
        server = Server(self._settings, self._source)
        try:
            us = await server.us()
            progress.since = progress.since or datetime.now(UTC).isoformat()
            await server.listen(self._streams)
            for stream in self._streams:
                async for arrival in self._missed(server, stream, us, progress):
                    yield arrival
            self._listening = True
            async for arrival in self._coming(server, us, progress):
                yield arrival
        finally:
            self._listening = False
            await server.close()

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """What names us beyond *cursor*; while the stream is open there is nothing."""
        server = Server(self._settings, self._source)
        try:
            await server.us()
            if self._listening:
                return hub.Freshness(0, 0.0)
            progress = self._progress(cursor)
            waiting = 0
            for stream in self._streams:
                if after := progress.after(stream.name):
                    page = await server.page(stream, min_id=after)
                    waiting += sum(_mark(_status(each)) not in progress.recent for each in page)
            return hub.Freshness(waiting, None if waiting else 0.0)
        finally:
            await server.close()

    async def _missed(
        self, server: Server, stream: Stream, us: Us, progress: Progress
    ) -> AsyncGenerator[hub.Arrival, None]:
        """What *stream* holds beyond what was heard, oldest first."""
        after = progress.after(stream.name)
        if not after:
            backwards = await self._newest(server, stream)
            await server.rest()
            for start in range(0, len(backwards), PAGE):
                for arrival in self._told(stream, backwards[start : start + PAGE], us, progress):
                    yield arrival
            return
        for _ in range(PAGES):
            page = sorted(await server.page(stream, min_id=after), key=lambda each: order(str(each["id"])))
            await server.rest()
            for arrival in self._told(stream, page, us, progress):
                yield arrival
            if len(page) < PAGE:
                return
            after = str(page[-1]["id"])
        logger.warning("%s: more was missed of %s than is read again", self._source, stream.name)

    async def _newest(self, server: Server, stream: Stream) -> list[dict[str, Any]]:
        """The newest posts of *stream*, as many as the first reading brings, oldest first."""
        found: list[dict[str, Any]] = []
        while len(found) < self._settings.history:
            page = await server.page(stream, **({"max_id": str(found[-1]["id"])} if found else {}))
            found += page
            if len(page) < PAGE:
                break
        return list(reversed(found[: self._settings.history]))

    async def _coming(self, server: Server, us: Us, progress: Progress) -> AsyncGenerator[hub.Arrival, None]:
        """What is said from now on, and what is found by searching."""
        by_name = {_heading(stream.subscribe): stream for stream in self._streams if stream.subscribe}
        searched = [stream for stream in self._streams if stream.subscribe is None]
        due = time.monotonic() + self._settings.search_seconds
        while True:
            said = await server.next(max(0.0, due - time.monotonic()) if searched else None)
            if said is None:
                for stream in searched:
                    async for arrival in self._missed(server, stream, us, progress):
                        yield arrival
                due = time.monotonic() + self._settings.search_seconds
                continue
            for arrival in self._heard(said, by_name, us, progress):
                yield arrival

    def _heard(
        self, said: Mapping[str, Any], by_name: Mapping[str, Stream], us: Us, progress: Progress
    ) -> Sequence[hub.Arrival]:
        """What one frame of the stream says; nothing where it is of no concern, as new names of events are."""
        kind, payload = said.get("event"), said.get("payload")
        if not isinstance(payload, str):
            return ()
        if kind == "delete":
            gone = deleted(payload, us, private=payload in progress.private)
            return (hub.Arrival((gone,), str(progress)),)
        if kind not in ("update", "status.update", "notification"):
            return ()
        try:
            told = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return ()  # some servers say "undefined"
        name = ":".join(str(each) for each in said.get("stream") or ())
        stream = by_name.get(name.casefold()) or Stream(name, "")
        if kind == "notification" and (not isinstance(told, dict) or told.get("type") != "mention"):
            return ()
        return self._told(stream, [told], us, progress)

    def _told(self, stream: Stream, some: Sequence[Any], us: Us, progress: Progress) -> list[hub.Arrival]:
        """Arrivals for *some* posts, or notifications with posts, in their order."""
        arrivals: list[hub.Arrival] = []
        for each in some:
            status = _status(each)
            try:
                item = event(status, us) if _mark(status) not in progress.recent else None
            except NotAStatus as error:
                logger.warning("%s says something that cannot be read: %s", us.host, error)
                item = None
            if isinstance(each, Mapping) and "id" in each:
                progress.note(stream.name, str(each["id"]), _mark(status))
            if item is not None:
                if is_private(item):
                    progress.keep_private(str(status["id"]))
                since = max(datetime.fromisoformat(progress.since), datetime.now(UTC) - NEWS)
                arrivals.append(hub.Arrival((item,), str(progress), live=item.at >= since))
        return arrivals

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.read(cursor)
        except (ValueError, KeyError, TypeError, AttributeError):
            logger.warning("%s: the cursor cannot be read, so the newest posts are read again", self._source)
            return Progress()


def _status(each: Any) -> Mapping[str, Any]:
    """The post itself, or that of a notification."""
    if isinstance(each, Mapping):
        inner = each.get("status")
        return inner if isinstance(inner, Mapping) else each
    return {}


def _mark(status: Mapping[str, Any]) -> str:
    edited = status.get("edited_at")
    return f"{status.get('id')}/{edited}" if edited else str(status.get("id"))


def _heading(subscribe: Mapping[str, str]) -> str:
    """How the stream calls what was subscribed to."""
    return ":".join(filter(None, (subscribe["stream"], subscribe.get("tag", "")))).casefold()
