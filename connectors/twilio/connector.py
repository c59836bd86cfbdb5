"""Looks through Twilio's lists, so that what no callback told is made up for.

Twilio does not repeat a status callback that was lost. Its lists hold what happened; they are newest first, can be
asked for what began after a time, and show a thing as it stands now. So each look reads a little further back than the
last one ended, and back to whatever was not over then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta

import hub
from connectors.twilio.addresses import Us
from connectors.twilio.listed import Found, found, items
from connectors.twilio.progress import NOT_OURS, Known, Progress
from connectors.twilio.rest import Rest
from connectors.twilio.settings import TwilioSettings

logger = logging.getLogger(__name__)

LIVE_SECONDS = 300.0
BATCH = 50
KEPT_AFTER = timedelta(hours=1)
"""So often the cursor is told although there is no news: an account may have many numbers that are not ours."""

_FILTERS = {"calls": "StartTime>", "messages": "DateSent>", "recordings": "DateCreated>"}


class Connector(hub.Connector):
    """Calls with their legs, messages and recordings of the source's numbers, every `poll_seconds`.

    The cursor is a JSON object: per list the time before which all is settled, and what was told of what came after.
    """

    Settings = TwilioSettings

    def __init__(self, settings: TwilioSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._source = setup.name
        self._us = Us.of(setup)
        self._woken = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether there is an API key."""
        return self._settings.has_key

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields what the lists hold beyond *cursor*, oldest first, and then looks again and again.

        What the first look ever finds, and what is older than five minutes, is not live.
        """
        progress = self._progress(cursor)
        first = cursor is None
        kept_at = datetime.min.replace(tzinfo=UTC)
        rest = Rest(self._settings, self._source)
        try:
            while True:
                self._woken.clear()
                news = await self._look(rest, progress)
                for arrival in self._arrivals(progress, news, rest, first=first):
                    yield arrival
                now = datetime.now(UTC)
                progress.settle(now)
                if news:
                    kept_at = now
                elif now - kept_at > KEPT_AFTER:
                    kept_at = now
                    yield hub.Arrival((), progress.cursor)
                first = False
                try:
                    await asyncio.wait_for(self._woken.wait(), self._settings.poll_seconds)
                except TimeoutError:
                    continue
        finally:
            await rest.close()

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many calls, messages and recordings the lists hold beyond *cursor* or show otherwise than before, and the
        age of the oldest."""
        rest = Rest(self._settings, self._source)
        try:
            beyond = await self._look(rest, self._progress(cursor))
        finally:
            await rest.close()
        oldest = min((each.changed_at for _, each in beyond), default=None)
        age = max(0.0, (datetime.now(UTC) - oldest).total_seconds()) if oldest else 0.0
        return hub.Freshness(len(beyond), age)

    async def wake(self, word: str = "") -> None:
        """A callback said less than the list does."""
        self._woken.set()

    def _progress(self, cursor: str | None) -> Progress:
        if cursor is not None:
            try:
                return Progress.read(cursor)
            except ValueError:
                logger.warning("%s: the cursor cannot be read, so Twilio's lists are read anew", self._source)
        return Progress.beginning(datetime.now(UTC) - timedelta(days=self._settings.since_days))

    async def _look(self, rest: Rest, progress: Progress) -> list[tuple[str, Found]]:
        """What the lists hold that *progress* does not know, or not as it is now, oldest first."""
        try:
            return await self._news_of(rest, progress)
        except hub.Unsupported as verdict:
            check = f"sources.{self._source}.account_sid and api_url"
            raise hub.Misconfigured(f"{verdict}; check {check}") from None

    async def _news_of(self, rest: Rest, progress: Progress) -> list[tuple[str, Found]]:
        news: list[tuple[str, Found]] = []
        calls = {sid: each.mark != NOT_OURS for sid, each in progress.places["calls"].known.items()}
        for kind, place in progress.places.items():
            listed: list[Found] = []
            since = place.since.strftime("%Y-%m-%dT%H:%M:%SZ")
            async for page in rest.pages(kind.capitalize(), [(_FILTERS[kind], since)]):
                listed += [each for record in page if (each := found(kind, record)) is not None]
                if listed and listed[-1].known.at < place.since:
                    break  # Twilio may read the filter by the day
            listed.sort(key=lambda each: (each.known.at, bool(each.after), each.sid))
            for each in listed:
                before = place.known.get(each.sid)
                if each.known.at < place.since or (before and before.mark in (NOT_OURS, each.known.mark)):
                    continue
                if await self._concerns_us(kind, each, calls, rest):
                    news.append((kind, each))
                else:
                    place.known[each.sid] = Known(each.known.at, NOT_OURS, open=False)
        return sorted(news, key=lambda each: each[1].known.at)

    async def _concerns_us(self, kind: str, each: Found, calls: dict[str, bool], rest: Rest) -> bool:
        """Whether it is about a number of this source; an account may have others. *calls* says so of calls."""
        if not self._us.lines:
            return True
        if kind == "messages":
            return self._is_ours(each)
        if kind == "calls":
            calls[each.sid] = calls.get(each.after, False) if each.after else self._is_ours(each)
            return calls[each.sid]
        sid = str(each.record.get("call_sid") or "")
        if sid not in calls:
            answer = await rest.ask("GET", f"Calls/{sid}.json", accept=(404,)) if sid.isalnum() else None
            record = found("calls", answer.json()) if answer and answer.status == 200 else None
            calls[sid] = record is not None and self._is_ours(record)
        return calls[sid]

    def _is_ours(self, each: Found) -> bool:
        ours = self._us.lines | self._us.phones
        return any(self._us.handle(each.record.get(end)) in ours for end in ("from", "to"))

    def _arrivals(
        self, progress: Progress, news: Sequence[tuple[str, Found]], rest: Rest, *, first: bool
    ) -> list[hub.Arrival]:
        """What was found, in portions, each with the cursor after it."""
        now = datetime.now(UTC)
        arrivals: list[hub.Arrival] = []
        for begin in range(0, len(news), BATCH):
            before = progress.cursor
            live: list[hub.Item] = []
            old: list[hub.Item] = []
            for kind, each in news[begin : begin + BATCH]:
                said = items(kind, each, self._us, rest.address(f"Messages/{each.sid}/Media"))
                recent = not first and (now - _latest(each, said)).total_seconds() < LIVE_SECONDS
                (live if recent else old).extend(said)
                progress.places[kind].known[each.sid] = each.known
            following = news[begin + BATCH : begin + BATCH + 1]
            progress.settle(now, following[0][1].known.at if following else None)
            if old:
                arrivals.append(hub.Arrival(tuple(old), before if live else progress.cursor, live=False))
            if live or not old:
                arrivals.append(hub.Arrival(tuple(live), progress.cursor))
        return arrivals


def _latest(each: Found, said: Sequence[hub.Item]) -> datetime:
    return max([each.known.at, *(item.at for item in said if isinstance(item, hub.Event))])
