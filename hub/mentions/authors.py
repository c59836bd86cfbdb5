"""Who wrote it: what platforms know of authors of whom their posts tell only an id. Looked up for mentions alone."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import facts as documents
from hub.contracts import Profiles, Unavailable, Verdict
from hub.ingest import Ingest
from hub.live import Live, LiveEvent
from hub.mentions.posts import author
from hub.store import Lane, Store
from hub.store.mention_tables import mention_spread, mentions
from hub.store.schema import interactions
from hub.vocabulary import Channel, Event, Mention, Profile

log = logging.getLogger(__name__)

GATHERED_SECONDS = 1.0
"""How long others may be waited for, so that one question is asked about all of them."""

LOOK_SECONDS = 300.0
WAIT_SECONDS = 60.0
"""How long a platform that could not be asked is left alone."""

LATELY = timedelta(days=1)
KEPT = timedelta(hours=1)
"""How long what was answered is believed."""

MOST_KNOWN = 10_000
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class _Mention:
    """A mention whose author is to be looked up."""

    id: int
    key: str
    source: str
    channel: str
    author: str
    facts: Mention


class Authors:
    """`async with Authors(...)`: an author gets her name and her reach soon after she was heard, from those of
    *profiles* (by source) that know her. *clock* is UTC."""

    def __init__(
        self,
        store: Store,
        ingest: Ingest,
        live: Live,
        profiles: Mapping[str, Profiles],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._ingest = ingest
        self._live = live
        self._profiles = dict(profiles)
        self._clock = clock
        self._known: OrderedDict[str, tuple[datetime, Profile | None]] = OrderedDict()
        self._waits: dict[str, datetime] = {}
        self._news = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._profiles:
            self._live.overhear("watch", lambda _: self._news.set())
            self._running = asyncio.create_task(self._run(), name="authors")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.gather(*(each.close() for each in self._profiles.values()), return_exceptions=True)

    async def look(self) -> int:
        """Look up whom nothing is known of yet. Answers how many mentions say more now. Raises `Unavailable`."""
        now = self._clock()
        names = [name for name in self._profiles if self._waits.get(name, now) <= now]
        if not names:
            return 0
        found, reposts = await self._store.read(lambda conn: _unknown(conn, names, now - LATELY))
        asked: dict[str, dict[str, None]] = {}
        for source, handle in [*((each.source, each.author) for each in found), *reposts]:
            asked.setdefault(source, {})[handle] = None
        profiles: dict[str, Profile] = {}
        for source, handles in asked.items():
            profiles |= await self._of(source, list(handles), now)
        await self._write([each for each in found if each.author in profiles], profiles)
        return sum(each.author in profiles for each in found)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Unavailable as verdict:
                log.warning("authors: %s", verdict)
            except Exception:
                log.exception("authors cannot be looked up")
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(GATHERED_SECONDS)
            self._news.clear()

    async def _of(self, source: str, handles: Sequence[str], now: datetime) -> dict[str, Profile]:
        """What is known of *handles*; who is not known is asked for, and not again for a while."""
        plugin = self._profiles[source]
        strangers = [each for each in handles if (known := self._known.get(each)) is None or known[0] < now - KEPT]
        for start in range(0, len(strangers), plugin.most):
            some = strangers[start : start + plugin.most]
            try:
                answered = await plugin.look_up(some)
            except (Verdict, TimeoutError) as verdict:
                wait = getattr(verdict, "retry_after", None) or WAIT_SECONDS
                self._waits[source] = now + timedelta(seconds=wait)
                log.warning("%s: authors cannot be looked up: %s", source, verdict)
                break
            for handle in some:
                self._known[handle] = (now, answered.get(handle))
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        answers = {each: self._known[each][1] for each in handles if each in self._known}
        return {each: profile for each, profile in answers.items() if profile is not None}

    async def _write(self, found: Sequence[_Mention], profiles: Mapping[str, Profile]) -> None:
        if not profiles:
            return
        told: dict[str, list[Event]] = {}
        for each in found:
            told.setdefault(each.source, []).append(_told(each, profiles[each.author], self._clock()))

        def reached(conn: Connection) -> None:
            for handle, profile in profiles.items():
                for table in (mentions, mention_spread):
                    unknown = table.c.author == handle, table.c.reach.is_(None)
                    conn.execute(table.update().where(*unknown).values(reach=profile.reach or 0))

        for source, events in told.items():
            await self._ingest.record(source, events, live=False)
        await self._store.write(reached, Lane.BULK)
        self._live.publish([LiveEvent("watch", {"queries": ["*"]})])


def _unknown(conn: Connection, sources: Sequence[str], since: datetime) -> tuple[list[_Mention], list[tuple[str, str]]]:
    """The mentions heard by *sources* whose authors' reach is not known, and the source and author of what spread
    them."""
    wanted = (
        sa.select(
            interactions.c.id, interactions.c.key, interactions.c.source, interactions.c.channel, interactions.c.kind,
            sa.type_coerce(interactions.c.facts, sa.Text).label("facts"), mentions.c.author,
        )
        .join_from(mentions, interactions, interactions.c.id == mentions.c.interaction_id)
        .where(
            interactions.c.source.in_(sources), mentions.c.reach.is_(None), mentions.c.author != "",
            mentions.c.posted_at > since,
        )
        .order_by(mentions.c.posted_at.desc())
        .limit(_AT_ONCE)
    )  # fmt: skip
    found = []
    for row in conn.execute(wanted):
        facts = documents.decode(row.kind, row.facts)
        assert isinstance(facts, Mention), "the row of a mention says so"
        if not facts.deleted:
            found.append(_Mention(row.id, row.key, row.source, row.channel, row.author, facts))
    spread = (
        sa.select(mention_spread.c.source, mention_spread.c.author)
        .where(
            mention_spread.c.source.in_(sources), mention_spread.c.reach.is_(None), mention_spread.c.author != "",
            mention_spread.c.at > since,
        )
        .order_by(mention_spread.c.at.desc())
        .limit(_AT_ONCE)
    )  # fmt: skip
    return found, [(row.source, row.author) for row in conn.execute(spread)]


def _told(mention: _Mention, profile: Profile, now: datetime) -> Event:
    """What the profile says, as news of the post."""
    by = author(mention.facts)
    people = tuple(
        replace(each, name=profile.name or each.name) if each is by else each
        for each in mention.facts.participants or ()
    )
    return Event(
        key=mention.key,
        id=f"author/{mention.author}",
        channel=Channel(mention.channel),
        at=now,
        facts=Mention(participants=people, reach=profile.reach or 0),
    )
