"""Which canned answer fits a message: the one that was sent for messages with the same rare words (BM25).

Everything happens here, over the words of what was answered before. The index lies in memory and takes in what other
hubs on the store added since it last looked.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.formats.search import terms
from hub.store.schema import EPOCH, canned_uses

MOST_USES = 10_000
"""So many uses are remembered, the latest ones."""

MOST_WORDS = 150
"""Words of a message that are kept and looked for."""

NEAREST = 5
"""So many of the most similar messages speak for an answer."""

SHOWN = 3
"""Words that say why."""

OVERLAP = timedelta(minutes=2)
"""Other hubs' uses appear late: so far back they are looked for again."""

K1, B = 1.2, 0.75
"""The usual constants of BM25 (Robertson and Zaragoza, 2009)."""

_LONGEST = 20_000
_LONGEST_WORD = 40


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An answer that fits: *score* 0 to 1 beside the best possible; *uses* messages like this one it was sent for, by
    what *words* they have in common."""

    canned_id: int
    score: float
    uses: int
    words: tuple[str, ...]


def words(title: str, text: str) -> dict[str, int]:
    """The words of a message that it is compared by, and how often each occurs; CJK in pairs of characters."""
    counted = Counter(word for word in terms(f"{title} {text[:_LONGEST]}").split() if _tells(word))
    return dict(counted.most_common(MOST_WORDS))


def _tells(word: str) -> bool:
    return len(word) <= _LONGEST_WORD and not word.isdigit() and (len(word) > 1 or not word.isascii())


@dataclass(frozen=True, slots=True)
class _Use:
    canned_id: int
    length: int


class Index:
    """The uses so far, by word. Safe across threads; `refresh` reads what is new, `ranked` needs no store."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._uses: dict[int, _Use] = {}
        self._holding: dict[str, dict[int, int]] = defaultdict(dict)
        self._length = 0
        self._last: datetime | None = None

    def refresh(self, conn: Connection) -> None:
        """Take in what was used since the last time, by this hub or another."""
        since = EPOCH if self._last is None else self._last - OVERLAP
        rows = conn.execute(
            sa.select(canned_uses)
            .where(canned_uses.c.used_at >= since)
            .order_by(canned_uses.c.used_at.desc(), canned_uses.c.id.desc())
            .limit(MOST_USES)
        ).all()
        with self._lock:
            for row in reversed(rows):
                self._last = row.used_at if self._last is None else max(self._last, row.used_at)
                self._add(row.id, row.canned_id, row.words)

    def _add(self, use_id: int, canned_id: int, counted: Mapping[str, int]) -> None:
        if use_id in self._uses:
            return
        length = sum(counted.values())
        self._uses[use_id] = _Use(canned_id, length)
        self._length += length
        for word, count in counted.items():
            self._holding[word][use_id] = count

    def ranked(self, message: Mapping[str, int], allowed: Iterable[int], limit: int = 3) -> list[Suggestion]:
        """At most *limit* of the *allowed* answers for a message of these words, the best first. None where nothing
        alike was answered before."""
        may = frozenset(allowed)
        with self._lock:
            return self._ranked(message, may, limit)

    def _ranked(self, message: Mapping[str, int], allowed: frozenset[int], limit: int) -> list[Suggestion]:
        total = len(self._uses)
        if not total:
            return []
        average = self._length / total or 1
        scores: dict[int, float] = defaultdict(float)
        shares: dict[int, list[tuple[float, str]]] = defaultdict(list)
        for word, weight in self._weighed(message, total):
            for use_id, count in self._holding[word].items():
                use = self._uses[use_id]
                part = weight * count * (K1 + 1) / (count + K1 * (1 - B + B * use.length / average))
                scores[use_id] += part
                shares[use_id].append((part, word))
        by_answer: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for use_id, score in scores.items():
            if self._uses[use_id].canned_id in allowed:
                by_answer[self._uses[use_id].canned_id].append((score, use_id))
        found = [self._suggestion(canned_id, alike, shares) for canned_id, alike in by_answer.items()]
        found.sort(key=lambda each: (-each.score, -each.uses, each.canned_id))
        best = found[0].score if found else 1
        return [
            Suggestion(each.canned_id, round(each.score / best, 3), each.uses, each.words)
            for each in found[:limit]
            if each.score >= best / 3
        ]

    def _weighed(self, message: Mapping[str, int], total: int) -> Sequence[tuple[str, float]]:
        """The words that tell something, with their inverse document frequency. What every third message holds says
        nothing and would cost the most."""
        common = max(3, total // 3)
        found = []
        for word in message:
            holding = len(self._holding.get(word, ()))
            if 0 < holding <= common:
                found.append((word, math.log(1 + (total - holding + 0.5) / (holding + 0.5))))
        return found

    def _suggestion(
        self, canned_id: int, alike: list[tuple[float, int]], shares: Mapping[int, list[tuple[float, str]]]
    ) -> Suggestion:
        alike.sort(reverse=True)
        nearest = alike[:NEAREST]
        # The nearest count most: one message that says the same beats many that share a word.
        score = sum(each / 2**place for place, (each, _) in enumerate(nearest))
        why: dict[str, float] = defaultdict(float)
        for _, use_id in nearest:
            for part, word in shares[use_id]:
                why[word] += part
        shown = sorted(why, key=lambda word: (-why[word], word))[:SHOWN]
        uses = sum(1 for each, _ in alike if each >= nearest[0][0] / 3)
        return Suggestion(canned_id, score, uses, tuple(shown))
