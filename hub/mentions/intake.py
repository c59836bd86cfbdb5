"""Posts on their way into a batch: what is a mention, what is one over again, and what is only kept as a sample.

Sources tell of every post that they hear. Most match nothing, and cost no question to the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.files.rows import OURS
from hub.mentions.heard import Heard, How, Mark, Sample, Spread
from hub.mentions.posts import author, canonical, cut, post_of
from hub.mentions.query import Hit
from hub.mentions.reading import near
from hub.mentions.reading.language import language_of
from hub.mentions.recent import Recent
from hub.mentions.sampling import Sampling
from hub.mentions.watching import Watching
from hub.store import Store
from hub.store.mention_tables import mention_bands, mention_spread, mentions
from hub.store.schema import interactions
from hub.store.sets import SetRead, among
from hub.vocabulary import Event, Item, Mention, Withdrawn

IN_A_THREAD = 64
"""So many posts at once are matched beside the loop, in which others shall have their turns."""

COPIES_WITHIN = timedelta(days=7)
"""Near copies are looked for so far back."""

RECENT = 2_000
"""So many of the latest mentions are known without a question to the store."""

_KNOWN = SetRead(sa.select(interactions.c.key, interactions.c.kind).where(among(interactions.c.key)))
_SPREAD = SetRead(
    sa.select(mention_spread.c.key, mentions.c.key)
    .join_from(mention_spread, mentions, mentions.c.interaction_id == mention_spread.c.interaction_id)
    .where(among(mention_spread.c.key))
)
_URLS = SetRead(sa.select(mentions.c.url, mentions.c.key).where(among(mentions.c.url), mentions.c.url != ""))
_BANDS = SetRead(
    sa.select(mentions.c.key, mentions.c.fingerprint, mentions.c.posted_at)
    .join_from(mention_bands, mentions, mentions.c.interaction_id == mention_bands.c.interaction_id)
    .where(among(mention_bands.c.band))
)
_OF_AUTHOR = SetRead(sa.select(mentions.c.key).where(among(mentions.c.author), mentions.c.author != ""))
_SPREAD_BY = SetRead(
    sa.select(mention_spread.c.key).where(among(mention_spread.c.author), mention_spread.c.author != "")
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What posts amount to: the *events* to record, and what else was *heard*."""

    events: tuple[Event, ...] = ()
    heard: Heard = field(default_factory=Heard)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the store has of a batch's posts."""

    known: dict[str, str]  # key → kind, of what is recorded
    spread: dict[str, str]  # key → key of the mention it is one of
    urls: dict[str, str]
    near: list[tuple[str, int, int]]  # key, fingerprint, when (microseconds)


class Intake:
    """Sorts posts by what *watching* looks for. *ours* are our own addresses: what we post ourselves is no mention."""

    def __init__(
        self,
        store: Store,
        watching: Watching,
        ours: Collection[str],
        keep_an_hour: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._watching = watching
        self._ours = ours
        self._sampling = Sampling(keep_an_hour)
        self._clock = clock
        self._recent = Recent(RECENT)
        self._one_at_a_time = asyncio.Lock()

    @staticmethod
    def concerns(items: Sequence[Item]) -> bool:
        """Whether there is a post among *items*."""
        return any(
            isinstance(item, Withdrawn) or (isinstance(item, Event) and isinstance(item.facts, Mention))
            for item in items
        )

    async def take(self, source: str, items: Sequence[Item]) -> Taken:
        """What the posts among *items* of *source* amount to. Raises `Unavailable`."""
        posts: list[tuple[Event, Mention]] = []
        for item in items:
            if isinstance(item, Event) and isinstance(item.facts, Mention):
                facts = cut(item.facts)
                posts.append((item if facts is item.facts else replace(item, facts=facts), facts))
        left = [item for item in items if isinstance(item, Withdrawn)]
        hits = await self._matched(source, [facts for _, facts in posts])
        asked = [
            (event, facts, found)
            for (event, facts), found in zip(posts, hits, strict=True)
            if found or facts.addressed or _is_news(facts) or self._by_us(facts)
        ]
        if not asked and not left:
            return Taken((), Heard(samples=self._samples(source, posts)))
        async with self._one_at_a_time:
            marks = await self._marked(asked)
            found = await self._store.read(lambda conn: _found(conn, asked, marks))
            taken = self._sorted(asked, marks, found)
            gone = await self._store.read(lambda conn: _all_of(conn, left)) if left else ()
        rest = [(event, facts) for (event, facts), matched in zip(posts, hits, strict=True) if not matched]
        heard = replace(
            taken.heard,
            samples=self._samples(source, rest),
            left=tuple(item.author for item in left),
            gone=(*taken.heard.gone, *(event.key for event in gone)),
        )
        return Taken((*taken.events, *gone), heard)

    async def _matched(self, source: str, posts: Sequence[Mention]) -> list[tuple[Hit, ...]]:
        looked = [post_of(facts, source) for facts in posts]
        if len(looked) > IN_A_THREAD:
            return await asyncio.to_thread(self._watching.matching, looked)
        return self._watching.matching(looked)

    async def _marked(self, asked: Sequence[tuple[Event, Mention, tuple[Hit, ...]]]) -> dict[str, Mark]:
        """The marks of what has words, by key."""
        said = [(event.key, facts, hits) for event, facts, hits in asked if facts.text or facts.title]

        def work() -> dict[str, Mark]:
            return {key: self._mark(facts, hits) for key, facts, hits in said}

        return await asyncio.to_thread(work) if len(said) > IN_A_THREAD else work()

    def _mark(self, facts: Mention, hits: tuple[Hit, ...]) -> Mark:
        text = "\n".join(filter(None, (facts.title, facts.text)))
        language = language_of(text, facts.language or "").tag
        feeling = self._watching.feelings.of(text, language)
        return Mark(hits, canonical(facts.url or ""), near.fingerprint(text), language, feeling)

    def _sorted(
        self, asked: Sequence[tuple[Event, Mention, tuple[Hit, ...]]], marks: dict[str, Mark], found: _Found
    ) -> Taken:
        events: list[Event] = []
        kept: dict[str, Mark] = {}
        spread: dict[str, Spread] = {}
        gone: list[str] = []
        for event, facts, hits in asked:
            key = event.key
            main = self._main(key, found)
            if facts.deleted:
                gone.append(key)
                self._recent.forget(key)
                if main == key:
                    events.append(event)
            elif facts.repost_of and not facts.text:
                if (of := self._main(facts.repost_of, found)) is not None:
                    spread[key] = _spread(event, facts, of, How.REPOST)
            elif main == key or event.id.startswith(OURS):
                # An answer of ours is recorded beside what it answers, and what its site tells of it; it is no mention.
                events.append(event)
                if key in marks and not self._by_us(facts):
                    kept[key] = marks[key]
            elif main is None and (hits or facts.addressed) and not self._by_us(facts) and key in marks:
                mark = marks[key]
                other = self._same(mark, found) if mark.url else None
                copied = None if other else self._copied(mark, event, found)
                if other or copied:
                    spread[key] = _spread(event, facts, other or copied or "", How.SAME if other else How.COPY)
                else:
                    events.append(event)
                    kept[key] = mark
                    self._recent.note(key, mark.url, mark.fingerprint)
        return Taken(tuple(events), Heard(kept, tuple(spread.values()), gone=tuple(gone)))

    def _main(self, key: str, found: _Found) -> str | None:
        """The key of the mention that *key* is, or is one of; None where it is not known."""
        if key in found.known or key in self._recent:
            return key
        return found.spread.get(key)

    def _same(self, mark: Mark, found: _Found) -> str | None:
        return self._recent.at(mark.url) or found.urls.get(mark.url)

    def _copied(self, mark: Mark, event: Event, found: _Found) -> str | None:
        if not mark.fingerprint:
            return None
        if (recent := self._recent.alike(mark.fingerprint)) is not None:
            return recent
        at = event.at.timestamp() * 1e6
        reach = COPIES_WITHIN.total_seconds() * 1e6
        alike = [each for each in found.near if near.alike(each[1], mark.fingerprint) and abs(each[2] - at) <= reach]
        return min(alike, key=lambda each: each[2])[0] if alike else None

    def _by_us(self, facts: Mention) -> bool:
        by = author(facts)
        return by is not None and by.handle in self._ours

    def _samples(self, source: str, posts: Sequence[tuple[Event, Mention]]) -> tuple[Sample, ...]:
        now, found = self._clock(), []
        for event, facts in posts:
            if facts.deleted or not (facts.text or facts.title):
                continue
            weight = self._sampling.weight(source, event.key, now)
            if weight is not None:
                by = author(facts)
                found.append(Sample(event.key, by.handle if by else "", weight, facts))
        return tuple({each.key: each for each in found}.values())


def _is_news(facts: Mention) -> bool:
    """Whether *facts* may say something new of a post that is known: what becomes of it, or who wrote it."""
    says_nothing = facts.text is None and facts.title is None
    return bool(facts.deleted or facts.edited_at or facts.repost_of or says_nothing)


def _found(conn: Connection, asked: Sequence[tuple[Event, Mention, tuple[Hit, ...]]], marks: dict[str, Mark]) -> _Found:
    keys = {event.key for event, _, _ in asked} | {facts.repost_of for _, facts, _ in asked if facts.repost_of}
    wanted = sorted(keys)
    bands = sorted({band for mark in marks.values() for band in near.bands(mark.fingerprint)})
    return _Found(
        known=dict(_KNOWN(conn, wanted)),
        spread=dict(_SPREAD(conn, wanted)),
        urls=dict(_URLS(conn, sorted({mark.url for mark in marks.values() if mark.url}))),
        near=[(key, mark, at) for key, mark, at in dict.fromkeys(_BANDS(conn, bands))],
    )


def _all_of(conn: Connection, left: Sequence[Withdrawn]) -> tuple[Event, ...]:
    """The deletion of every mention of authors who took theirs down."""
    at = {item.author: item.at for item in left}
    latest = max(at.values())
    keys = [key for (key,) in _OF_AUTHOR(conn, sorted(at))]
    from_key = conn.execute(
        sa.select(interactions.c.key, interactions.c.channel).where(interactions.c.key.in_(keys))
    ).all()
    return tuple(
        Event(key=row.key, id="withdrawn", channel=row.channel, at=latest, facts=Mention(deleted=True))
        for row in from_key
    )


def _spread(event: Event, facts: Mention, main: str, how: How) -> Spread:
    by = author(facts)
    return Spread(
        event.key, main, how, by.handle if by else "", facts.url or "", facts.reach, facts.posted_at or event.at
    )
