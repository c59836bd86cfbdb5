"""Where people work on what is watched: queries, mentions, charts. `Service.watch`."""

from __future__ import annotations

import asyncio
import csv
import io
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection

from hub import audit
from hub.alerts.book import Rulebook
from hub.config import Config
from hub.contracts import Unavailable
from hub.live import Live, LiveEvent
from hub.mentions import charts, keeper, listing, marking, queries
from hub.mentions import preview as previewing
from hub.mentions.charts import Bar, Episode, Share, Step
from hub.mentions.listing import Filter, MentionView, Page
from hub.mentions.marking import Marking
from hub.mentions.preview import Preview
from hub.mentions.queries import Stored, Unknown
from hub.mentions.query import Post, Proposal, parse, proposals
from hub.mentions.watching import Watched, Watching
from hub.privacy.visibility import Actor
from hub.store import Store
from hub.timeline import Place

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_SECONDS = 5.0
"""So often it is looked whether another hub changed a query, and of which there is so much talk that it may be a
spike."""

JUDGE_SECONDS = 60.0
TIDY_SECONDS = 3600.0
EXPORTED_AT_ONCE = 200
MOST_EXPORTED = 50_000

_UTC = ZoneInfo("UTC")
_COLUMNS = (
    "posted_at", "author", "author_url", "site", "source", "title", "text", "url", "language", "sentiment",
    "confidence", "reach", "spread", "state", "owner", "queries",
)  # fmt: skip


class Watch:
    """`async with Watch(...)`: queries are kept up to date, episodes begin and end, and what is old goes. Reading and
    changing works without it. *clock* is UTC."""

    def __init__(
        self,
        config: Config,
        store: Store,
        live: Live,
        watching: Watching,
        book: Rulebook,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._store = store
        self._live = live
        self._watching = watching
        self._book = book
        self._clock = clock
        self._busy: Mapping[int, int] = {}
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.refresh()
        self._running = asyncio.create_task(self._run(), name="watch")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def watchers(self, query_id: int) -> tuple[str, ...]:
        """The agents who watch a query."""
        found = self._watching.queries.get(query_id)
        return found.agents if found else ()

    async def refresh(self) -> None:
        """Know the queries and corrections that the store has."""
        await self._store.read(self._watching.refresh)

    async def judge(self) -> None:
        """Begin and end spikes and silences as of now."""
        await self._judge(tuple(self._watching.queries.values()))

    async def look(self) -> None:
        """Begin spikes of which there was no word when it was last looked."""
        watched, now = self._watching.queries, self._clock()
        busy = await self._store.read(lambda conn: keeper.busy(conn, [*watched], now))
        grown = [id for id, count in busy.items() if count > self._busy.get(id, 0)]
        self._busy = busy
        await self._judge(tuple(watched[id] for id in grown if id in watched))

    async def _judge(self, watched: Sequence[Watched]) -> None:
        now = self._clock()
        watched = await self._store.read(lambda conn: keeper.moved(conn, watched, now))
        if not watched:
            return

        def work(conn: Connection) -> list[LiveEvent]:
            return keeper.judge(
                conn, watched, self._book, self._store.ids, now, lambda conn, query: keeper.deaf(conn, query, now)
            )

        self._live.publish(await self._store.write(work))

    async def tidy(self) -> None:
        """Forget posts that were kept long enough."""
        now, days = self._clock(), self._config.watch.keep_days
        await self._store.write(lambda conn: keeper.tidy(conn, now, days))

    # --- queries ---

    async def queries(self) -> list[Stored]:
        """All, by name."""
        return await self._store.read(queries.listed)

    async def query(self, query_id: int) -> Stored:
        """One. Raises `Unknown`."""
        return await self._store.read(lambda conn: queries.by_id(conn, query_id))

    async def make(self, actor: Actor, name: str, text: str, agents: Sequence[str]) -> Stored:
        """Watch for something new. Raises `QueryError`."""
        id, entry, now = self._store.ids(), self._store.ids(), self._clock()
        before = await self._before(text)

        def work(conn: Connection) -> Stored:
            made = queries.make(conn, id, name, text, agents, actor.record, now)
            queries.expect(conn, id, before)
            audit.note(conn, entry, actor, "query.create", f"query/{id}", now)
            return made

        return await self._changed(work)

    async def change(self, actor: Actor, query_id: int, version: int, **values: Any) -> Stored:
        """Change a query that is at *version*. Raises `QueryError`, `queries.Stale`, `Unknown`."""
        entry, now = self._store.ids(), self._clock()
        other = values.get("text", (known := await self.query(query_id)).text) != known.text
        before = await self._before(values["text"]) if other else {}

        def work(conn: Connection) -> Stored:
            changed = queries.change(conn, query_id, version, values, now)
            if other:
                queries.expect(conn, query_id, before)
            audit.note(conn, entry, actor, "query.change", f"query/{query_id}", now)
            return changed

        return await self._changed(work)

    async def archive(self, actor: Actor, query_id: int) -> None:
        """Watch for it no longer. Raises `Unknown`."""
        entry, now = self._store.ids(), self._clock()

        def work(conn: Connection) -> None:
            queries.archive(conn, query_id, now)
            audit.note(conn, entry, actor, "query.archive", f"query/{query_id}", now)

        await self._changed(work)

    async def preview(self, text: str, zone: ZoneInfo) -> Preview:
        """What *text* would have caught lately. Raises `QueryError`."""
        query, days, now = parse(text), self._config.watch.keep_days, self._clock()
        return await self._store.read(lambda conn: previewing.preview(conn, query, days, now, zone))

    async def proposals(self, actor: Actor, mention_id: int) -> list[tuple[int, Proposal]]:
        """How the queries that found a mention might leave out it and its like, which people called irrelevant: a
        query, and what could be added to it. Raises `Unknown`."""
        view = await self.mention(actor, mention_id)

        def work(conn: Connection) -> list[tuple[int, Proposal]]:
            found: list[tuple[int, Proposal]] = []
            for why in view.why:
                if why.query_id not in self._watching.queries:
                    continue
                wrong, right = marking.said_of(conn, why.query_id)
                irrelevant = listing.of(conn, actor, [mention_id, *(id for id in wrong if id != mention_id)])
                relevant = listing.of(conn, actor, [id for id in right if id != mention_id])
                query = self._watching.queries[why.query_id].query
                some = proposals(query, [_post(each) for each in irrelevant], [_post(each) for each in relevant])
                found += [(why.query_id, proposal) for proposal in some]
            return found

        return await self._store.read(work)

    # --- mentions ---

    async def listed(self, actor: Actor, which: Filter, limit: int = 50, beyond: Place | None = None) -> Page:
        """Mentions, newest first."""
        return await self._store.read(lambda conn: listing.listed(conn, actor, which, limit, beyond))

    async def mention(self, actor: Actor, mention_id: int) -> MentionView:
        """One. Raises `Unknown`."""
        found = await self._store.read(lambda conn: listing.of(conn, actor, [mention_id]))
        if not found:
            raise Unknown(f"mention/{mention_id}")
        return found[0]

    async def mark(self, actor: Actor, ids: Sequence[int], said: Marking) -> list[int]:
        """Say something of mentions. Answers which changed. Raises `marking.Refused`, `Unknown`."""
        now = self._clock()
        changed = await self._store.write(lambda conn: marking.mark(conn, actor, ids, said, self._store.ids, now))
        if said.sentiment is not None:
            await self.refresh()
        if changed:
            self._live.publish([LiveEvent("watch", {"queries": ["*"]})])
        return changed

    # --- figures ---

    async def volume(
        self, actor: Actor, which: Filter, since: datetime, until: datetime, step: Step, zone: ZoneInfo
    ) -> list[Bar]:
        """How many, over time."""
        return await self._store.read(lambda conn: charts.volume(conn, actor, which, since, until, step, zone))

    async def share(self, actor: Actor, query_ids: Sequence[int], since: datetime, until: datetime) -> list[Share]:
        """Of whom there is more talk."""
        return await self._store.read(lambda conn: charts.share(conn, actor, query_ids, since, until))

    async def episodes(self, query_id: int | None = None, days: int = 30) -> list[Episode]:
        """Spikes and silences of the last *days*."""
        since = self._clock() - timedelta(days=days)
        return await self._store.read(lambda conn: charts.episodes(conn, query_id, since))

    async def export(self, actor: Actor, which: Filter, form: str) -> AsyncGenerator[bytes, None]:
        """The mentions as `csv` (RFC 4180, UTF-8) or `json` (a line each), as they are read."""
        if form == "csv":
            yield b"\xef\xbb\xbf" + _row(_COLUMNS)
        beyond, left = None, MOST_EXPORTED
        while left > 0:
            page = await self.listed(actor, which, EXPORTED_AT_ONCE, beyond)
            for view in page.items:
                values = _values(view)
                yield (
                    _row([_harmless(value) for value in values])
                    if form == "csv"
                    else (orjson.dumps(dict(zip(_COLUMNS, values, strict=True))) + b"\n")
                )
            left -= len(page.items)
            if page.next is None:
                return
            beyond = page.next

    # --- the rest ---

    async def _before(self, text: str) -> Mapping[datetime, int]:
        """What *text* would have found in each hour of late; nothing where there was no time to look at all. Raises
        `QueryError`."""
        found = await self.preview(text, _UTC)
        return found.by_hour if found.looked == found.kept else {}

    async def _changed(self, work: Callable[[Connection], T]) -> T:
        done = await self._store.write(work)
        await self.refresh()
        self._live.publish([LiveEvent("watch", {"queries": ["*"]})])
        return done

    async def _run(self) -> None:
        judged = tidied = float("-inf")
        while True:
            try:
                await self.refresh()
                if time.monotonic() - judged >= JUDGE_SECONDS:
                    judged = time.monotonic()
                    await self.judge()
                await self.look()
                if time.monotonic() - tidied >= TIDY_SECONDS:
                    tidied = time.monotonic()
                    await self.tidy()
            except Unavailable as error:
                log.warning("what is watched cannot be looked at: %s", error)
            await asyncio.sleep(LOOK_SECONDS)


def _post(view: MentionView) -> Post:
    return Post(
        text=view.text,
        title=view.title,
        author=view.author,
        author_name=view.author_name,
        site=view.site,
        language=view.language,
        followers=view.reach,
        posted_at=view.posted_at,
        source=view.source,
    )


def _values(view: MentionView) -> list[Any]:
    return [
        view.posted_at.isoformat(), view.author_name, view.author_url, view.site, view.source, view.title, view.text,
        view.url, view.language, view.sentiment, view.confidence, view.reach, len(view.spread), view.state, view.owner,
        ", ".join(each.name for each in view.why),
    ]  # fmt: skip


def _harmless(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection")."""
    if isinstance(value, str) and value.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return "" if value is None else value


def _row(values: Sequence[Any]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue().encode()
