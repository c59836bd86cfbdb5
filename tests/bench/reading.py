"""What is understood of posts: language, feeling and near copies, on `tests/data/mentions`, and how fast.

The English rows come from the data that VADER was made with, so its figures are in sample; of the Chinese, every second
review was learnt from, and the others are measured.
"""

from __future__ import annotations

import csv
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hub.mentions.reading import near
from hub.mentions.reading.feeling import Feelings
from hub.mentions.reading.language import language_of
from tests.bench.train_chinese import halves

DATA = Path(__file__).parents[1] / "data/mentions"
_HALF = 0.5


def english(name: str) -> list[tuple[str, str]]:
    """Texts with the label that twenty people's mean rating from -4 to 4 amounts to: beyond a half it is one."""
    rows = csv.reader(
        (DATA / f"vader_{name}_open.tsv").read_text("utf-8").splitlines()[1:], delimiter="\t", quoting=csv.QUOTE_NONE
    )
    return [(text, _label(float(rating))) for _, rating, text in rows]


def chinese() -> list[tuple[str, str]]:
    """The reviews that were not learnt from."""
    return [
        (text, {"pos": "positive", "neg": "negative"}[label]) for label, texts in halves()[1].items() for text in texts
    ]


def figures(texts: Sequence[tuple[str, str]], language: str) -> dict[str, float]:
    """Of those that are not "unclear" (*decided*, a share): how many have the right label, and how many the
    opposite."""
    judge = Feelings()
    seen = Counter((label, judge.of(text, language).label) for text, label in texts)
    decided = {pair: count for pair, count in seen.items() if pair[1] != "unclear"}
    many = sum(decided.values())
    opposite = sum(count for pair, count in decided.items() if set(pair) == {"positive", "negative"})
    return {
        "decided": many / sum(seen.values()),
        "right": sum(count for (label, said), count in decided.items() if label == said) / many,
        "opposite": opposite / many,
    }


def copies(texts: Sequence[str]) -> dict[str, float]:
    """The share of edited texts that are found to be alike, by kind of edit, and of pairs of others that are."""
    dice, found, tried = random.Random(1), Counter[str](), Counter[str]()
    marks = [mark for text in texts if (mark := near.fingerprint(text))]
    for text in texts:
        mark = near.fingerprint(text)
        for kind, edited in _edits(text, dice) if mark else ():
            tried[kind] += 1
            found[kind] += near.alike(mark, near.fingerprint(edited))
    pairs = [(one, other) for place, one in enumerate(marks) for other in marks[:place] if one != other]
    return {kind: found[kind] / tried[kind] for kind in tried} | {
        "two others": sum(near.alike(one, other) for one, other in pairs) / len(pairs)
    }


def _edits(text: str, dice: random.Random) -> Iterator[tuple[str, str]]:
    yield "repeated by name", f"RT @somebody: {text}"
    yield "with an address", f"{text} https://example.org/9"
    blank = " " if " " in text else ""
    parts = text.split(blank) if blank else list(text)
    place = dice.randrange(len(parts))
    yield "a word changed", blank.join([*parts[:place], "x" if blank else "好", *parts[place + 1 :]])
    yield "cut off", f"{text[: len(text) * 9 // 10]}…"


def _label(rating: float) -> str:
    return "positive" if rating >= _HALF else "negative" if rating <= -_HALF else "neutral"


def _speed(work: Callable[[str], object], texts: Sequence[str]) -> float:
    began = time.perf_counter()
    for text in texts:
        work(text)
    return len(texts) / (time.perf_counter() - began)


def run() -> str:
    """The figures, a line each."""
    tweets, snippets, reviews = english("tweets"), english("amazonReviewSnippets"), chinese()
    judge, lines = Feelings(), []
    for name, texts, language in (
        ("English posts", tweets, "en"),
        ("English reviews", snippets, "en"),
        ("Chinese reviews", reviews, "zh"),
    ):
        said = figures(texts, language)
        lines.append(
            f"{name}: {len(texts)} texts, decided {said['decided']:.0%}, of these right {said['right']:.0%}, "
            f"the opposite {said['opposite']:.1%}"
        )
    for name, texts, right in (("English posts", tweets, "en"), ("Chinese reviews", reviews, "zh")):
        tags = Counter(language_of(text).tag.partition("-")[0] for text, _ in texts)
        wrong = sum(count for tag, count in tags.items() if tag not in ("", right))
        lines.append(
            f"language of {name}: right {tags[right] / len(texts):.0%}, "
            f"not told {tags[''] / len(texts):.0%}, wrong {wrong / len(texts):.1%}"
        )
    for name, texts in (("English posts", tweets), ("Chinese reviews", reviews)):
        shares = ", ".join(f"{kind} {share:.2%}" for kind, share in copies([text for text, _ in texts]).items())
        lines.append(f"near copies of {name}: {shares}")
    some = [text for text, _ in tweets]
    lines.append(
        f"a second: language {_speed(language_of, some):,.0f}, fingerprint {_speed(near.fingerprint, some):,.0f}, "
        f"feeling {_speed(lambda text: judge.of(text, 'en'), some):,.0f} English, "
        f"{_speed(lambda text: judge.of(text, 'zh'), [text for text, _ in reviews]):,.0f} Chinese"
    )
    return "\n".join(f"  {line}" for line in lines)
