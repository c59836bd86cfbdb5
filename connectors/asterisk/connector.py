"""A phone system as a source: what it tells of its calls now, and what it wrote down while nobody listened."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hub
from connectors.asterisk.answering import Answering
from connectors.asterisk.manager import Manager, Told, connected
from connectors.asterisk.numbers import Numbers, is_pseudo
from connectors.asterisk.progress import Progress
from connectors.asterisk.records import Line, Records, event
from connectors.asterisk.settings import AsteriskSettings
from connectors.asterisk.spool import Spool
from connectors.asterisk.switchboard import Switchboard
from connectors.asterisk.wire import Packet

logger = logging.getLogger(__name__)

RECORD_SECONDS = 1.0
"""How often the call detail records are looked at. Asterisk appends to them a moment after a call."""

QUIET_SECONDS = 30.0
"""After so long a silence Asterisk is asked whether it is there."""

FIRST_SECONDS = 4.0
"""So long after the login it is looked for the first time whether calls are there that nothing was told of."""

LIVE = timedelta(hours=1)
"""What is told this late is still news: a missed call is to be called back."""

HEARD = timedelta(minutes=2)
"""How long a call that is over may wait for its record."""

AT_ONCE = 50
"""Records in one arrival."""

DENIED = (
    "Asterisk has calls of which it tells nothing: give the user read = call,agent,dialplan in manager.conf, "
    "and reload it."
)


@dataclass(frozen=True, slots=True)
class _Look:
    """It is time to look at the records."""


_LOOK = _Look()


class Connector(hub.Connector):
    """An Asterisk over its manager interface.

    The cursor is a JSON object: how far the call detail records are read, which calls were alive, and which have ended
    whose records were not seen yet. Calls that ended while nobody listened come from those records, marked
    `recovered`; of one that was alive and is gone without a record the end is told and marked `presumed`.
    """

    Settings = AsteriskSettings

    def __init__(self, settings: AsteriskSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._setup = setup
        self._numbers = Numbers.of(settings, setup)
        self._spool = Spool(settings.spool)
        self._listening = False

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        """Yields the calls that are alive, those of which the records tell, and then whatever happens. Records from
        before the first connection, or that are older than an hour, are not live."""
        async with self._connected() as manager:
            listening = _Listening(
                self._settings, self._setup, self._numbers, self._spool, Progress.read(cursor), manager
            )
            self._listening = True
            try:
                async with contextlib.aclosing(listening.run(first=cursor is None)) as arrivals:
                    async for arrival in arrivals:
                        yield arrival
            finally:
                self._listening = False

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        """How many calls the records tell of that are not known yet, and how long the oldest of them is over. `None`
        where there are no records to be read: then only being connected can be said."""
        skew = timedelta(0)
        if not self._listening:
            async with self._connected(events=False) as manager:
                skew = manager.skew
        if not self._settings.cdr_file:
            return hub.Freshness(None, None)
        progress = Progress.read(cursor)
        records = _records(self._settings, skew)
        _, lines, _ = await asyncio.to_thread(records.beyond, progress)
        unknown = {*progress.alive, *progress.heard}
        found = [line.record for line in lines if line.record and line.record.linkedid not in unknown]
        oldest = min((record.ended_at for record in found), default=None)
        age = max(0.0, (datetime.now(UTC) - oldest).total_seconds()) if oldest else 0.0
        return hub.Freshness(len(found), age)

    @contextlib.asynccontextmanager
    async def _connected(self, *, events: bool = True) -> AsyncIterator[Manager]:
        async with connected(self._settings, events=events) as manager:
            if manager.skew:
                seconds = round(manager.skew.total_seconds())
                logger.warning(
                    "%s: Asterisk's clock is %+d seconds off; its times are corrected", self._setup.name, seconds
                )
            yield manager


class _Listening:
    """One connection."""

    def __init__(
        self,
        settings: AsteriskSettings,
        setup: hub.Setup,
        numbers: Numbers,
        spool: Spool,
        progress: Progress,
        manager: Manager,
    ) -> None:
        self._numbers = numbers
        self._spool = spool
        self._progress = progress
        self._manager = manager
        self._records = _records(settings, manager.skew) if settings.cdr_file else None
        self._oldest = datetime.now(UTC) - timedelta(days=settings.since_days)
        self._switchboard = Switchboard(numbers, spool.sound)
        self._queue: asyncio.Queue[Told | hub.Event | _Look | Exception] = asyncio.Queue()
        self._heard_any = False
        answers = bool(setup.plan and settings.ari_url)
        self._answering = Answering(settings, setup, numbers, self._queue.put_nowait) if answers else None

    async def run(self, *, first: bool) -> AsyncGenerator[hub.Arrival, None]:
        """Everything that is told, until the connection ends."""
        before = dict(self._progress.alive)
        now = datetime.now(UTC)
        channels = await self._manager.listed("CoreShowChannels")
        events: Sequence[hub.Event] = self._switchboard.resume(before, channels, now)
        yield self._arrival(events)
        recovered: set[str] = set()
        async with contextlib.aclosing(self._read(recovered, live=not first)) as arrivals:
            async for arrival in arrivals:
                yield arrival
        lost = sorted(set(before.values()) - set(self._switchboard.alive.values()) - recovered)
        if lost:
            yield self._arrival(self._switchboard.gone(lost, now))
        tasks = [asyncio.create_task(self._kept(each)) for each in self._watching()]
        try:
            while True:
                async with contextlib.aclosing(self._next()) as arrivals:
                    async for arrival in arrivals:
                        yield arrival
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _watching(self) -> list[Coroutine[Any, Any, None]]:
        watching = [self._pump(), self._look_for_silence()]
        if self._records is not None:
            watching.append(self._look_again())
        if self._answering is not None:
            watching.append(self._answering.run())
        return watching

    async def _kept(self, watching: Coroutine[Any, Any, None]) -> None:
        """Whatever ends one of the watching tasks ends the connection."""
        try:
            await watching
        except Exception as error:
            self._queue.put_nowait(error)

    async def _pump(self) -> None:
        while (told := await self._manager.events.get()) is not None:
            self._queue.put_nowait(told)
        self._queue.put_nowait(hub.Unavailable("Asterisk closed the connection."))

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(RECORD_SECONDS)
            self._queue.put_nowait(_LOOK)

    async def _look_for_silence(self) -> None:
        """A connection that a firewall has forgotten says nothing for ever; and neither does one whose user may not
        hear of calls."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            try:
                channels = await self._manager.listed("CoreShowChannels")
            except TimeoutError:
                raise hub.Unavailable("Asterisk does not answer any more.") from None
            if not self._heard_any and any(_has_lasted(channel) for channel in channels):
                raise hub.Misconfigured(DENIED)
            await asyncio.sleep(QUIET_SECONDS)

    async def _next(self) -> AsyncGenerator[hub.Arrival, None]:
        """What comes next, with whatever has come meanwhile."""
        words = [await self._queue.get()]
        while not self._queue.empty():
            words.append(self._queue.get_nowait())
        events: list[hub.Event] = []
        for word in words:
            if isinstance(word, Told):
                self._heard_any |= bool(word.packet["Channel"] or word.packet["DestChannel"])
                events += self._switchboard.hear(word.packet, word.at)
            elif isinstance(word, hub.Event):
                events.append(word)
        if events:
            yield self._arrival(events)
        if failed := next((word for word in words if isinstance(word, Exception)), None):
            raise failed
        if _LOOK in words:
            async with contextlib.aclosing(self._read(set(), live=True)) as arrivals:
                async for arrival in arrivals:
                    yield arrival

    def _arrival(self, items: Sequence[hub.Item], *, live: bool = True) -> hub.Arrival:
        now = datetime.now(UTC).timestamp()
        over = self._switchboard.take_over()
        if self._records is not None:
            self._progress.heard.update(dict.fromkeys(over, now))
        self._progress.alive = self._switchboard.alive
        return hub.Arrival(tuple(items), self._progress.cursor(), live)

    async def _read(self, recovered: set[str], *, live: bool) -> AsyncGenerator[hub.Arrival, None]:
        """What the records tell beyond the cursor; adds the ids of the interactions to *recovered*."""
        more = self._records is not None
        while more and self._records is not None:
            identity, lines, more = await asyncio.to_thread(self._records.beyond, self._progress)
            if not more and not lines:
                self._progress.file = identity
            for start in range(0, len(lines), AT_ONCE):
                part = lines[start : start + AT_ONCE]
                old, new = await asyncio.to_thread(self._told, part)
                recovered.update(item.key.partition(":")[2] for item in (*old, *new) if isinstance(item, hub.Event))
                self._progress.file = identity
                if old or not new:
                    if not new:
                        self._progress.offset = part[-1].end
                    yield self._arrival(old, live=False)
                if new:
                    self._progress.offset = part[-1].end
                    yield self._arrival(new, live=live)
        self._prune()

    def _told(self, lines: Sequence[Line]) -> tuple[list[hub.Item], list[hub.Item]]:
        """What *lines* tell that nobody has told yet: what is too old to be news, and what is not. Blocks."""
        now = datetime.now(UTC)
        old: list[hub.Item] = []
        new: list[hub.Item] = []
        for line in lines:
            if line.record is None:
                new.append(hub.Unreadable(line.raw, line.why, now))
                continue
            record = line.record
            linkedid = self._switchboard.interaction(record.linkedid)
            if linkedid in self._progress.heard or self._switchboard.lives(linkedid) or record.ended_at < self._oldest:
                continue
            message = self._spool.message(record) if record.application.lower() == "voicemail" else None
            message = message or self._spool.monitored(record)
            told = event(record, f"{self._numbers.source}:{linkedid}", self._numbers, message)
            (new if now - record.ended_at < LIVE else old).append(told)
        return old, new

    def _prune(self) -> None:
        """Everything is read: calls that ended a while ago have had their records."""
        since = (datetime.now(UTC) - HEARD).timestamp()
        if any(at < since for at in self._progress.heard.values()):
            self._progress.heard = {ident: at for ident, at in self._progress.heard.items() if at >= since}


def _records(settings: AsteriskSettings, skew: timedelta) -> Records:
    return Records(Path(settings.cdr_file), ZoneInfo(settings.cdr_timezone), skew)


def _has_lasted(channel: Packet) -> bool:
    """Whether a channel of `CoreShowChannels` is there for longer than an event of it may be under way."""
    return not is_pseudo(channel["Channel"]) and channel["Duration"] not in ("", "00:00:00", "00:00:01", "00:00:02")
