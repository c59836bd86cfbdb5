"""What a batch of posts means for what is watched: written in the transaction that records it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from hub import facts as documents
from hub.alerts.facts import Fact, FactKind
from hub.alerts.raising import raised
from hub.live import LiveEvent
from hub.mentions.heard import Heard, Mark, Spread
from hub.mentions.posts import author
from hub.mentions.reading import near
from hub.store.columns import micros, moment
from hub.store.mention_tables import (
    mention_bands,
    mention_corrections,
    mention_counts,
    mention_matches,
    mention_spread,
    mentions,
    posts,
)
from hub.store.sets import Run, SetRead, SetWrite, among
from hub.vocabulary import Mention

if TYPE_CHECKING:
    from hub.batch import Books, Subject

_HOUR = 3_600_000_000
_MENTION = (
    "interaction_id", "key", "author", "site", "url", "language", "sentiment", "score", "confidence", "reach",
    "fingerprint", "addressed", "posted_at", "heard_at",
)  # fmt: skip
_WRITE = SetWrite(
    mentions,
    _MENTION,
    # What a person said of it stands, whatever its writer changes.
    "ON CONFLICT (interaction_id) DO UPDATE SET url = excluded.url, fingerprint = excluded.fingerprint,"
    " reach = excluded.reach,"
    " language = CASE WHEN mentions.corrected_by = '' THEN excluded.language ELSE mentions.language END,"
    " sentiment = CASE WHEN mentions.corrected_by = '' THEN excluded.sentiment ELSE mentions.sentiment END,"
    " score = CASE WHEN mentions.corrected_by = '' THEN excluded.score ELSE mentions.score END,"
    " confidence = CASE WHEN mentions.corrected_by = '' THEN excluded.confidence ELSE mentions.confidence END",
)
_THERE = SetRead(sa.select(mentions.c.interaction_id).where(among(mentions.c.interaction_id)))
_IDS = SetRead(sa.select(mentions.c.key, mentions.c.interaction_id).where(among(mentions.c.key)))
_NOT_ANY_MORE = Run("UPDATE mention_matches SET stands = ?, spans = '[]' WHERE interaction_id = ?")
_MATCHES = SetWrite(
    mention_matches,
    ("query_id", "interaction_id", "spans", "stands", "posted_at"),
    "ON CONFLICT (query_id, interaction_id) DO UPDATE SET spans = excluded.spans, stands = excluded.stands",
)
_FORGET_BANDS = Run("DELETE FROM mention_bands WHERE interaction_id = ?")
_BANDS = SetWrite(mention_bands, ("band", "interaction_id", "posted_at"), "ON CONFLICT DO NOTHING")
_COUNTS = SetWrite(
    mention_counts,
    ("query_id", "hour", "count"),
    "ON CONFLICT (query_id, hour) DO UPDATE SET count = mention_counts.count + excluded.count",
)
_SPREAD = SetWrite(
    mention_spread,
    ("key", "interaction_id", "how", "source", "author", "url", "reach", "at"),
    "ON CONFLICT (key) DO NOTHING",
)
_HOW_OFTEN = Run(
    "UPDATE mentions SET spread = (SELECT count(*) FROM mention_spread"
    " WHERE mention_spread.interaction_id = mentions.interaction_id) WHERE interaction_id = ?"
)
_POSTS = SetWrite(
    posts,
    ("key", "source", "author", "heard_at", "weight", "facts"),
    "ON CONFLICT (key) DO UPDATE SET facts = excluded.facts",
)
_EMPTIED = Run(
    "UPDATE mentions SET url = '', fingerprint = 0, language = '', sentiment = 'unclear', score = 0, confidence = 0"
    " WHERE interaction_id = ?"
)
_QUIET = Run("UPDATE conversations SET state = 'closed', waiting_since = NULL WHERE id = ? AND last_interaction_id = ?")


def recorded(
    conn: Connection,
    subjects: Sequence[Subject],
    heards: Sequence[tuple[str, Heard]],
    watchers: Callable[[int], tuple[str, ...]],
    books: Books,
    now: int,
) -> list[LiveEvent]:
    """Write down what *heards* (by source) say of the mentions among *subjects*, and beside them. *watchers* answers
    who watches a query. Answers what to tell the screens."""
    if not any(heard for _, heard in heards):
        return []
    marks: dict[str, Mark] = {key: mark for _, heard in heards for key, mark in heard.marks.items()}
    said = [each for each in subjects if isinstance(each.facts, Mention)]
    gone = [each for each in said if isinstance(each.facts, Mention) and each.facts.deleted]
    found = [(each, marks[each.key]) for each in said if each.key in marks and each not in gone]
    there = {id for (id,) in _THERE(conn, [each.id for each, _ in found])}
    new = [(each, mark) for each, mark in found if each.id not in there]
    _mentions(conn, found, now)
    _count(conn, new, now)
    _QUIET.many(conn, [(each.conversation, each.id) for each, _ in new if not _facts(each).addressed])
    forget(conn, [each.id for each in gone])
    _EMPTIED.many(conn, [(each.id,) for each in gone])
    touched = _spread(conn, heards)
    _samples(conn, heards, now)
    alerted = _alerts(conn, new, watchers, books, moment(now))
    queries = sorted({str(hit.query_id) for _, mark in found for hit in mark.hits})
    if not (found or gone or touched):
        return alerted
    return [*alerted, LiveEvent("watch", {"queries": queries or ["*"]})]


def forget(conn: Connection, ids: Iterable[int]) -> None:
    """Nothing of what these interactions said is kept beside them."""
    for id in ids:
        _NOT_ANY_MORE(conn, False, id)
        _FORGET_BANDS(conn, id)
        conn.execute(mention_corrections.delete().where(mention_corrections.c.interaction_id == id))


def _facts(subject: Subject) -> Mention:
    assert isinstance(subject.facts, Mention)
    return subject.facts


def _mentions(conn: Connection, found: Sequence[tuple[Subject, Mark]], now: int) -> None:
    rows, bands, matches = [], [], []
    for subject, mark in found:
        facts, id = _facts(subject), subject.id
        by = author(facts)
        rows.append(
            (
                id, subject.key, by.handle if by else "", facts.site or "", mark.url, mark.language,
                mark.feeling.label, mark.feeling.score, mark.feeling.confidence, facts.reach, mark.fingerprint,
                bool(facts.addressed), subject.at, now,
            )
        )  # fmt: skip
        bands += [(band, id, subject.at) for band in near.bands(mark.fingerprint)]
        for hit in mark.hits:
            spans = orjson.dumps([[each.field, each.start, each.end] for each in hit.spans]).decode()
            matches.append((hit.query_id, id, spans, True, subject.at))
    _WRITE(conn, rows)
    _NOT_ANY_MORE.many(conn, [(False, subject.id) for subject, _ in found if subject.row])
    _MATCHES(conn, matches)
    _FORGET_BANDS.many(conn, [(subject.id,) for subject, _ in found if subject.row])
    _BANDS(conn, bands)


def _count(conn: Connection, new: Sequence[tuple[Subject, Mark]], now: int) -> None:
    counts: dict[tuple[int, int], int] = {}
    for subject, mark in new:
        hour = min(subject.at, now) // _HOUR * _HOUR
        for hit in mark.hits:
            counts[hit.query_id, hour] = counts.get((hit.query_id, hour), 0) + 1
    _COUNTS(conn, [(query, hour, count) for (query, hour), count in sorted(counts.items())])


def _spread(conn: Connection, heards: Sequence[tuple[str, Heard]]) -> set[int]:
    """Write down what is a mention over again. Answers which mentions those are."""
    told: list[tuple[str, Spread]] = [(source, each) for source, heard in heards for each in heard.spread]
    ids = dict(_IDS(conn, sorted({each.main for _, each in told})))
    rows = {
        each.key: (each.key, ids[each.main], each.how.value, source, each.author, each.url, each.reach, micros(each.at))
        for source, each in told
        if each.main in ids and each.key != each.main
    }
    _SPREAD(conn, [rows[key] for key in sorted(rows)])
    gone = [key for _, heard in heards for key in heard.gone]
    left = [name for _, heard in heards for name in heard.left]
    touched = {row[1] for row in rows.values()}
    if gone or left:
        which = sa.or_(mention_spread.c.key.in_(gone), mention_spread.c.author.in_(left))
        touched |= set(conn.scalars(mention_spread.delete().where(which).returning(mention_spread.c.interaction_id)))
        conn.execute(posts.delete().where(sa.or_(posts.c.key.in_(gone), posts.c.author.in_(left))))
    _HOW_OFTEN.many(conn, [(id,) for id in sorted(touched)])
    return touched


def _samples(conn: Connection, heards: Sequence[tuple[str, Heard]], now: int) -> None:
    rows: dict[str, tuple[Any, ...]] = {
        each.key: (each.key, source, each.author, now, each.weight, documents.encode(each.facts))
        for source, heard in heards
        for each in heard.samples
    }
    _POSTS(conn, [rows[key] for key in sorted(rows)])


def _alerts(
    conn: Connection,
    new: Sequence[tuple[Subject, Mark]],
    watchers: Callable[[int], tuple[str, ...]],
    books: Books,
    now: datetime,
) -> list[LiveEvent]:
    if not new or not books.alerts.wants(FactKind.MENTION):
        return []
    facts = []
    for subject, mark in new:
        if not subject.live:
            continue
        found: list[int | None] = [hit.query_id for hit in mark.hits]
        for query in found or [None]:
            facts.append(
                Fact(
                    kind=FactKind.MENTION,
                    key=f"mention/{subject.id}",
                    at=moment(subject.at).astimezone(UTC),
                    interaction_id=subject.id,
                    conversation_id=subject.conversation,
                    mention_id=subject.id,
                    query_id=query,
                    source=subject.entries[-1][0],
                    agents=watchers(query) if query is not None else (),
                    values=_values(mark, _facts(subject)),
                )
            )
    return raised(conn, facts, books.alerts, books.new_id, now)


def _values(mark: Mark, facts: Mention) -> Mapping[str, int | float | str]:
    return {"sentiment": mark.feeling.label, "reach": facts.reach or 0, "language": mark.language}
