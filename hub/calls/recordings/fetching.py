"""Brings the recordings in that may be kept, and lets those go that were kept long enough."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from sqlalchemy import Connection

from hub.calls.recordings import rows
from hub.calls.recordings.policy import State, Why
from hub.calls.recordings.rows import Kept
from hub.contracts import Misconfigured, Recorder, Rejected, Unavailable, Unsupported
from hub.courier import fault, line
from hub.formats.digest import digest
from hub.live import Live, LiveEvent
from hub.store import Lane, Store
from hub.vocabulary import Media

log = logging.getLogger(__name__)

MOST_BYTES = 64 << 20
"""Of one recording: nine hours of telephone sound as MP3, one as WAV."""


@dataclass(frozen=True, slots=True)
class FetchingPace:
    """Seconds: how often to look, how long one may take; how often it is tried, and how many at once."""

    look: float = 5
    answer: float = 120
    attempts: int = 12
    at_once: int = 2


class Fetching:
    """`async with Fetching(...)` fetches what is due with the *recorders* of the sources until the end of the block.
    Live event `recording`, {interaction, id}: there is news of it."""

    def __init__(
        self, store: Store, live: Live, recorders: Mapping[str, Recorder], pace: FetchingPace | None = None
    ) -> None:
        self._store = store
        self._live = live
        self._recorders = recorders
        self._pace = pace or FetchingPace()
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="recordings")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(each.close() for each in self._recorders.values()), return_exceptions=True)

    async def record(self, source: str, key: str, on: bool) -> None:
        """Begin or pause recording a call of *source*. Raises what its recorder raises, `Unsupported` where it has
        none."""
        recorder = self._recorders.get(source)
        if recorder is None:
            raise Unsupported("This phone system cannot be told to record.")
        async with asyncio.timeout(self._pace.answer):
            await recorder.record(key, on)

    def look(self) -> None:
        """Something may be due: do not wait for the next look."""
        self._news.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._round()
            except Unavailable as error:
                log.warning("recordings cannot be fetched: %s", error)
            self._news.clear()
            try:
                async with asyncio.timeout(self._pace.look):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _round(self) -> None:
        while due := await self._due():
            await asyncio.gather(*(self._fetch(each) for each in due))

    async def _due(self) -> list[Kept]:
        """What is to be fetched now, claimed; what was kept long enough is let go on the way."""
        now = datetime.now(UTC)
        if not await self._store.read(lambda conn: rows.any_due(conn, now)):
            return []

        def work(conn: Connection) -> list[Kept]:
            rows.expire(conn, self._store.blobs, now)
            until = now + timedelta(seconds=self._pace.answer * 2)
            return rows.claim(conn, now, until, self._pace.at_once)

        return await self._store.write(work, Lane.BULK)

    async def _fetch(self, one: Kept) -> None:
        recorder = self._recorders.get(one.source)
        if recorder is None:
            await self._end(one, State.UNWANTED, Why.NO_SOURCE)
            return
        try:
            async with asyncio.timeout(self._pace.answer):
                media = await recorder.fetch(one.recording, MOST_BYTES)
        except Unsupported as verdict:
            await self._end(one, State.REFUSED, str(verdict))
        except (Unavailable, Rejected, Misconfigured) as verdict:
            await self._again(one, str(verdict), getattr(verdict, "retry_after", None))
        except TimeoutError:
            await self._again(one, "No answer came in time.", None)
        except Exception as error:
            log.exception("recording %s of source %s could not be fetched", one.id, one.source)
            await self._again(one, fault(error), None)
        else:
            await self._keep(one, media)

    async def _keep(self, one: Kept, media: Media) -> None:
        blob = digest(media.data)
        await asyncio.to_thread(self._store.blobs.settle, blob, media.data)
        await self._store.write(
            lambda conn: rows.settle(conn, self._store.blobs, one.id, media.media_type, blob, media.data), Lane.BULK
        )
        self._tell(one)

    def _tell(self, one: Kept) -> None:
        self._live.publish([LiveEvent("recording", {"interaction": str(one.interaction_id), "id": str(one.id)})])

    async def _again(self, one: Kept, reason: str, retry_after: float | None) -> None:
        if one.attempts + 1 >= self._pace.attempts:
            await self._end(one, State.FAILED, reason)
            return
        now = datetime.now(UTC)
        due_at = max(rows.soon(now, one.attempts), now + timedelta(seconds=retry_after or 0))
        await self._store.write(lambda conn: rows.put_off(conn, one.id, line(reason), due_at), Lane.BULK)
        self._tell(one)

    async def _end(self, one: Kept, state: State, reason: str) -> None:
        log.warning("recording %s of source %s is %s", one.id, one.source, state)
        await self._store.write(lambda conn: rows.give_up(conn, one.id, state, line(reason)), Lane.BULK)
        self._tell(one)
