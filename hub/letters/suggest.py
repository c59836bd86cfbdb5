"""Which canned answer fits a message: the one that was sent for messages with the same rare words (BM25).

Everything happens here, over the words of what was answered before. The index lies in memory and takes in what other
hubs on the store added since it last looked.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
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

MOST_LOOKED = 5_000
"""So many occurrences are looked at for one message, those of its rarest words first: that bounds what it costs."""

SHOWN = 3
"""Words that say why."""

OVERLAP = timedelta(minutes=2)
"""Other hubs' uses appear late: so far back they are looked for again."""

K1, B = 1.2, 0.75
"""The usual constants of BM25 (Robertson and Zaragoza, 2009)."""

# Where little was sent yet, nothing else shows that these say nothing.
_SAY_NOTHING = (
    "a an and are as at be been but by can could do does for from had has have he her here him his how i if in is it "
    "its just me my no not of on or our out please re she so some thank thanks that the their them there they this "
    "to us was we were what when where which who will with would you your dear hello hi regards "
    "aber als am an auch auf aus bei bin bitte danke das dass dem den der des die ein eine einen einer er es für "
    "haben hallo hat ich ihr ihre im ist mir mit nicht noch oder sehr sich sie sind und uns von war wie wir wird zu "
    "zum zur au aux avec ce de des du en est et il je la le les mais ne nous pas pour que qui sur un une vous "
    "con el en es la las lo los no para por que se su un una y"
)
_EMPTY = frozenset(_SAY_NOTHING.split())

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
    return len(word) <= _LONGEST_WORD and word not in _EMPTY and not word.isdigit()


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
        weights = self._weighed(message, total)
        scores: dict[int, float] = defaultdict(float)
        for word, weight in weights.items():
            for use_id, count in self._holding[word].items():
                scores[use_id] += self._part(use_id, weight, count)
        by_answer: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for use_id, score in scores.items():
            if self._uses[use_id].canned_id in allowed:
                by_answer[self._uses[use_id].canned_id].append((score, use_id))
        found = [self._suggestion(canned_id, alike, weights) for canned_id, alike in by_answer.items()]
        found.sort(key=lambda each: (-each.score, -each.uses, each.canned_id))
        best = found[0].score if found else 1
        return [
            Suggestion(each.canned_id, round(each.score / best, 3), each.uses, each.words)
            for each in found[:limit]
            if each.score >= best / 3
        ]

    def _weighed(self, message: Mapping[str, int], total: int) -> dict[str, float]:
        """The words that tell something, with their inverse document frequency, the rarest first."""
        common = max(3, total // 3)
        held = sorted((len(self._holding.get(word, ())), word) for word in message)
        weights: dict[str, float] = {}
        looked = 0
        for holding, word in held:
            looked += holding
            if holding > common or (looked > MOST_LOOKED and weights):
                break
            if holding:
                weights[word] = math.log(1 + (total - holding + 0.5) / (holding + 0.5))
        return weights

    def _part(self, use_id: int, weight: float, count: int) -> float:
        """What a word of that *weight* adds, *count* times in a use (BM25)."""
        relative = self._uses[use_id].length * len(self._uses) / (self._length or 1)
        return weight * count * (K1 + 1) / (count + K1 * (1 - B + B * relative))

    def _suggestion(self, canned_id: int, alike: list[tuple[float, int]], weights: Mapping[str, float]) -> Suggestion:
        alike.sort(reverse=True)
        nearest = alike[:NEAREST]
        # The nearest count most: one message that says the same beats many that share a word.
        score = sum(each / 2**place for place, (each, _) in enumerate(nearest))
        why: dict[str, float] = defaultdict(float)
        for _, use_id in nearest:
            for word, weight in weights.items():
                if count := self._holding[word].get(use_id):
                    why[word] += self._part(use_id, weight, count)
        shown = sorted(why, key=lambda word: (-why[word], word))[:SHOWN]
        uses = sum(1 for each, _ in alike if each >= nearest[0][0] / 3)
        return Suggestion(canned_id, score, uses, tuple(shown))
