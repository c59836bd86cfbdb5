"""Brings the files of messages in, with the credentials of the source that told of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.contracts import Fetcher, Misconfigured, Rejected, Unavailable, Unsupported
from hub.courier import fault, line
from hub.files import rows
from hub.files.rows import Kept
from hub.files.states import MOST_BYTES, State, Why
from hub.formats.digest import digest
from hub.live import Live, LiveEvent
from hub.store import Lane, Store
from hub.store.schema import interactions
from hub.vocabulary import Media

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FilesPace:
    """Seconds: how often to look, how long one may take; how often it is tried, and how many at once."""

    look: float = 2
    answer: float = 120
    attempts: int = 8
    at_once: int = 3


class Files:
    """`async with Files(...)` fetches what is due with the *fetchers* of the sources until the end of the block. The
    screens are told as of any news in the conversation (`activity`)."""

    def __init__(
        self, store: Store, live: Live, fetchers: Mapping[str, Fetcher], pace: FilesPace | None = None
    ) -> None:
        self._store = store
        self._live = live
        self._fetchers = fetchers
        self._pace = pace or FilesPace()
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="files")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(each.close() for each in self._fetchers.values()), return_exceptions=True)

    def look(self) -> None:
        """Something may be due: do not wait for the next look."""
        self._news.set()

    async def _run(self) -> None:
        while True:
            try:
                while due := await self._due():
                    await asyncio.gather(*(self._fetch(each) for each in due))
            except Unavailable as error:
                log.warning("files of messages cannot be fetched: %s", error)
            self._news.clear()
            try:
                async with asyncio.timeout(self._pace.look):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _due(self) -> list[Kept]:
        """What is to be fetched now, claimed."""
        now = datetime.now(UTC)
        if not await self._store.read(lambda conn: rows.any_due(conn, now)):
            return []
        until = now + timedelta(seconds=self._pace.answer * 2)
        return await self._store.write(lambda conn: rows.claim(conn, now, until, self._pace.at_once), Lane.BULK)

    async def _fetch(self, one: Kept) -> None:
        fetcher = self._fetchers.get(one.source)
        if fetcher is None:
            await self._end(one, State.FAILED, Why.NO_SOURCE)
            return
        try:
            async with asyncio.timeout(self._pace.answer):
                media = await fetcher.fetch(one.file, MOST_BYTES)
        except Unsupported as verdict:
            await self._end(one, State.FAILED, str(verdict))
        except (Unavailable, Rejected, Misconfigured) as verdict:
            await self._again(one, str(verdict), getattr(verdict, "retry_after", None))
        except TimeoutError:
            await self._again(one, "No answer came in time.", None)
        except Exception as error:
            log.exception("file/%s of source %s could not be fetched", one.id, one.source)
            await self._again(one, fault(error), None)
        else:
            await self._keep(one, media)

    async def _keep(self, one: Kept, media: Media) -> None:
        if len(media.data) > MOST_BYTES:
            await self._end(one, State.TOO_LARGE, "")
            return
        blob = await asyncio.to_thread(digest, media.data)
        try:
            await asyncio.to_thread(self._store.blobs.settle, blob, media.data)
        except OSError as error:
            await self._again(one, f"the blob folder cannot be written: {error.strerror}", None)
            return
        kind = one.media_type or media.media_type

        def work(conn: Connection) -> list[int]:
            rows.settle(conn, self._store.blobs, one.id, kind, blob, media.data)
            return _conversations(conn, one)

        self._tell(await self._store.write(work, Lane.BULK))

    async def _again(self, one: Kept, reason: str, retry_after: float | None) -> None:
        if one.attempts + 1 >= self._pace.attempts:
            await self._end(one, State.FAILED, reason)
            return
        now = datetime.now(UTC)
        due_at = max(rows.soon(now, one.attempts), now + timedelta(seconds=retry_after or 0))
        await self._store.write(lambda conn: rows.put_off(conn, one.id, line(reason), due_at), Lane.BULK)

    async def _end(self, one: Kept, state: State, reason: str) -> None:
        log.warning("file/%s of source %s is %s", one.id, one.source, state)

        def work(conn: Connection) -> list[int]:
            rows.give_up(conn, one.id, state, line(reason))
            return _conversations(conn, one)

        self._tell(await self._store.write(work, Lane.BULK))

    def _tell(self, conversations: list[int]) -> None:
        told = [str(each) for each in conversations]
        self._live.publish([LiveEvent("activity", {"conversations": told, "contacts": []})])


def _conversations(conn: Connection, one: Kept) -> list[int]:
    mine = sa.select(interactions.c.conversation_id).where(interactions.c.id == one.interaction_id)
    return list(conn.scalars(mine))
