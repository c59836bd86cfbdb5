"""How a post speaks: well, badly, or neither. English by VADER (Hutto and Gilbert, ICWSM 2014); Chinese by a small
naive Bayes of our own and a list of words (`chinese.json`, see docs/SENTIMENT.md). Other languages are not judged.

What people corrected is kept in mind: the same text again has the label that a person gave it, and words that keep
standing in corrected texts count a little more, or less.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import orjson
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from hub.mentions.reading import near
from hub.mentions.reading.words import is_cjk, words

Label = Literal["positive", "neutral", "negative", "unclear"]

LINE = 0.6
"""Below this confidence a post is `unclear`."""

LOOKED_AT = 2_000

_STRONG = 0.3
_SOME = 0.05
_LEARNT = 0.15
_MOST_LEARNT = 0.45
_FEWEST_CORRECTIONS = 2
_NEGATIONS = ("不", "没", "沒", "未", "无", "無", "别", "別")
_DOUBLED = ("不得不", "不能不", "没有不", "不会不")


@dataclass(frozen=True, slots=True)
class Feeling:
    """How a post speaks: its *label*, a *score* from -1 to 1, and how sure that is, 0 to 1."""

    label: Label
    score: float
    confidence: float


UNKNOWN = Feeling("unclear", 0.0, 0.0)


class Feelings:
    """Judges posts; *corrections* are texts with the labels that people gave them, the latest last."""

    def __init__(self, corrections: Sequence[tuple[str, str]] = ()) -> None:
        self._same = {" ".join(words(text)): label for text, label in corrections}
        self._near = [(mark, label) for text, label in corrections if (mark := near.fingerprint(text))]
        self._learnt = _learnt(corrections)

    def of(self, text: str, language: str) -> Feeling:
        """The feeling of *text* in *language* (BCP 47)."""
        found = words(text[:LOOKED_AT])
        told = self._told(text, found)
        if told is not None:
            return Feeling(told, _SCORES.get(told, 0.0), 1.0)
        main = language.partition("-")[0].lower()
        if main == "en":
            score, weight = _english(text[:LOOKED_AT])
        elif main == "zh":
            score, weight = _chinese(text[:LOOKED_AT])
        else:
            return UNKNOWN
        shift = sum(self._learnt.get(word, 0.0) for word in set(found))
        score = max(-1.0, min(1.0, score + max(-_MOST_LEARNT, min(_MOST_LEARNT, shift))))
        return _judged(score, weight)

    def _told(self, text: str, found: list[str]) -> Label | None:
        """What a person said of this very text, or of one that is nearly the same."""
        label = self._same.get(" ".join(found))
        if label is None and self._near and (mark := near.fingerprint(text)):
            label = next((each for known, each in reversed(self._near) if near.alike(mark, known)), None)
        return next((each for each in _SCORES if each == label), None)


_SCORES: dict[Label, float] = {"positive": 1.0, "neutral": 0.0, "negative": -1.0}


def _judged(score: float, weight: float) -> Feeling:
    """*weight* is how much there was to judge by, 0 to 1."""
    strength = abs(score)
    if strength < _SOME:
        confidence = 0.7 if weight < 0.2 else 0.5
        label: Label = "neutral"
    else:
        # A score of _STRONG is what it takes to be sure enough.
        confidence = min(0.99, LINE + (strength - _STRONG) * 0.55)
        label = "positive" if score > 0 else "negative"
    return Feeling(label if confidence >= LINE else "unclear", round(score, 3), round(max(0.0, confidence), 3))


def _english(text: str) -> tuple[float, float]:
    said = _vader().polarity_scores(text)
    return float(said["compound"]), 1.0 - float(said["neu"])


def _chinese(text: str) -> tuple[float, float]:
    """The words of the list, each turned round by a negation before it, and what the characters of the text say."""
    model = _model()
    score, hits = 0.0, 0
    clean = text.casefold()
    for doubled in _DOUBLED:
        clean = clean.replace(doubled, "")
    place = 0
    while place < len(clean):
        word = next((clean[place : place + n] for n in (4, 3, 2, 1) if clean[place : place + n] in model.words), "")
        if not word:
            place += 1
            continue
        before = clean[max(0, place - 4) : place]
        turned = sum(before.count(each) for each in _NEGATIONS) % 2 == 1
        score += -0.8 * model.words[word] if turned else model.words[word]
        hits += 1
        place += len(word)
    odds = model.odds(clean)
    total = 0.6 * score + 0.7 * odds
    return math.tanh(total / 2.0), min(1.0, (hits + abs(odds)) / 4)


def _learnt(corrections: Sequence[tuple[str, str]]) -> dict[str, float]:
    """What words count more or less by: those that people keep correcting in one direction."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for text, label in corrections:
        for word in {each for each in words(text) if len(each) > 2 or is_cjk(each)}:
            seen[word][label] += 1
    learnt = {}
    for word, labels in seen.items():
        good, bad = labels["positive"], labels["negative"]
        if good + bad >= _FEWEST_CORRECTIONS and min(good, bad) * 4 <= max(good, bad) and not is_cjk(word):
            learnt[word] = _LEARNT if good > bad else -_LEARNT
    return learnt


@dataclass(frozen=True, slots=True)
class _Chinese:
    words: dict[str, float]
    pairs: dict[str, float]

    def odds(self, text: str) -> float:
        """How much the pairs of characters in *text* speak for good rather than bad, as a mean of log odds."""
        found = [self.pairs[pair] for pair in (text[i : i + 2] for i in range(len(text) - 1)) if pair in self.pairs]
        return sum(found) / math.sqrt(len(found)) if found else 0.0


@cache
def _model() -> _Chinese:
    read = orjson.loads(files("hub.mentions.reading").joinpath("chinese.json").read_bytes())
    return _Chinese(read["words"], read["pairs"])


@cache
def _vader() -> Any:
    return SentimentIntensityAnalyzer()
