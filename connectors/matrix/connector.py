"""The rooms of an account as a source: what is said in them, as it is said."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import hub
from connectors.matrix.homeserver import LONGEST_POLL, Homeserver
from connectors.matrix.progress import Gap, Progress
from connectors.matrix.reading import Reading
from connectors.matrix.settings import MatrixSettings

log = logging.getLogger(__name__)

PAGE = 100
DAY = 86_400_000  # milliseconds


class Connector(hub.Connector):
    """Waits in `/sync` (https://spec.matrix.org/latest/client-server-api/#syncing).

    The first answer has the latest events of each room; what lies before them, as far as `days` say, is read page by
    page afterwards, and so is what came between two answers and did not fit into the second. The cursor holds the
    token and those gaps.
    """

    Settings = MatrixSettings

    def __init__(self, settings: MatrixSettings, setup: hub.Setup, wait: float = LONGEST_POLL) -> None:
        """*wait* is for how many seconds the homeserver may keep an answer back while there is no news."""
        self._settings = settings
        self._source = setup.name
        self._wait = wait

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what is said beyond *cursor*. What was said before the account was connected is not live."""
        homeserver = Homeserver(self._settings, self._source)
        try:
            reading = Reading(homeserver, self._settings.user, self._settings.public)
            async with aclosing(self._listen(homeserver, reading, self._progress(cursor))) as arrivals:
                async for arrival in arrivals:
                    yield arrival
        except hub.Unsupported as verdict:
            raise hub.Misconfigured(f"{verdict}; check sources.{self._source}.homeserver") from None
        except TimeoutError as error:
            raise hub.Unavailable(str(error)) from None
        finally:
            await homeserver.close()

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many messages the homeserver has beyond *cursor*; not known before the first reading is over."""
        homeserver = Homeserver(self._settings, self._source)
        try:
            progress = self._progress(cursor)
            answer = await homeserver.sync(progress.token or None)
            if not progress.token or progress.gaps or answer.status != 200:
                return hub.Freshness(None, None)
            times = [
                int(event.get("origin_server_ts") or 0)
                for room in _joined(answer.json()).values()
                for event in room.get("timeline", {}).get("events", ())
                if event.get("type") == "m.room.message"
            ]
            seconds = max(0.0, time.time() - min(times) / 1000) if times else 0.0
            return hub.Freshness(len(times), seconds)
        except hub.Unsupported as verdict:
            raise hub.Misconfigured(f"{verdict}; check sources.{self._source}.homeserver") from None
        finally:
            await homeserver.close()

    async def _listen(
        self, homeserver: Homeserver, reading: Reading, progress: Progress
    ) -> AsyncGenerator[hub.Arrival, None]:
        while True:
            while progress.gaps:
                arrival = await self._page(homeserver, reading, progress)
                progress = Progress.read(arrival.cursor)
                yield arrival
            answer = await homeserver.sync(progress.token or None, self._wait if progress.token else 0)
            if answer.status != 200:
                log.warning("%s: the homeserver knows our place no more, so the rooms are read anew", self._source)
                progress = Progress()
                continue
            arrival = await self._synced(homeserver, reading, progress, answer.json())
            progress = Progress.read(arrival.cursor)
            yield arrival

    async def _synced(
        self, homeserver: Homeserver, reading: Reading, progress: Progress, said: Mapping[str, Any]
    ) -> hub.Arrival:
        """What one answer to `/sync` tells."""
        first = not progress.token
        oldest = int(time.time() * 1000) - self._settings.days * DAY
        items: list[hub.Item] = []
        gaps: list[Gap] = []
        for room, about in _joined(said).items():
            timeline = about.get("timeline", {})
            events, state = timeline.get("events", []), about.get("state", {}).get("events", [])
            reading.note_state(room, state)
            is_new = first or reading.joined([*state, *events])
            shown = [each for each in events if int(each.get("origin_server_ts") or 0) >= oldest] if is_new else events
            items += await reading.items(room, shown)
            if not first:
                items += reading.receipts(room, about.get("ephemeral", {}).get("events", []))
            before = timeline.get("prev_batch")
            if timeline.get("limited") and before and (not is_new or len(shown) == len(events)):
                until = "" if is_new else progress.token
                gaps.append(Gap(room, before, until, oldest if is_new else 0, live=not is_new))
        await self._invited(homeserver, said)
        after = Progress(str(said["next_batch"]), tuple(gaps))
        backfill = hub.Backfill(1, 1 + len(gaps)) if first and gaps else None
        return hub.Arrival(tuple(items), str(after), live=not first, backfill=backfill)

    async def _page(self, homeserver: Homeserver, reading: Reading, progress: Progress) -> hub.Arrival:
        """The next page of the first gap; the cursor after it."""
        gap, *others = progress.gaps
        query = [("dir", "b"), ("from", gap.since), ("limit", str(PAGE))]
        if gap.until:
            query.append(("to", gap.until))
        answer = await homeserver.room("GET", gap.room, "/messages", query=query)
        said = answer.json() if answer.status == 200 else {}  # we are not in that room any more
        events = list(reversed(said.get("chunk", [])))
        reading.note_state(gap.room, said.get("state", []))
        shown = [each for each in events if int(each.get("origin_server_ts") or 0) >= gap.oldest]
        items = await reading.items(gap.room, shown)
        goes_on = said.get("end") if events and len(shown) == len(events) else None
        rest = (replace(gap, since=str(goes_on)),) if goes_on and goes_on != gap.since else ()
        after = replace(progress, gaps=(*rest, *others))
        backfill = hub.Backfill(1, 1 + len(after.gaps)) if after.gaps and not gap.live else None
        return hub.Arrival(tuple(items), str(after), live=gap.live, backfill=backfill)

    async def _invited(self, homeserver: Homeserver, said: Mapping[str, Any]) -> None:
        """Go where we are invited by whom the settings name."""
        for room, about in (said.get("rooms", {}).get("invite") or {}).items():
            events = about.get("invite_state", {}).get("events", [])
            mine = (
                each for each in events
                if each.get("type") == "m.room.member" and each.get("state_key") == self._settings.user
            )  # fmt: skip
            inviter = next((str(each.get("sender") or "") for each in mine), "")
            if inviter and self._settings.accepts(inviter) and not await homeserver.join(room):
                log.info("%s: an invitation does not stand any more", self._source)

    def _progress(self, cursor: str | None) -> Progress:
        try:
            return Progress.read(cursor)
        except ValueError:
            log.warning("%s: the cursor cannot be read, so the rooms are read anew", self._source)
            return Progress()


def _joined(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rooms in which we are."""
    found: Mapping[str, Any] = said.get("rooms", {}).get("join") or {}
    return found
