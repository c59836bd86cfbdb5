"""Posts against queries: 100,000 posts of 200 characters, 1,000 and 10,000 queries, beside a bare Aho-Corasick scan.

The bare scan looks for the same terms in texts that are already in lower case, and checks that words begin and end
where they are found. The posts are English and, a fifth of them, Chinese; every twentieth names one of 10,000 brands,
of which the 1,000 queries know a tenth and the 10,000 queries all.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick, Implementation

from hub.mentions.query import Matcher, Post, parse
from hub.mentions.query.normal import is_spaced
from tests.bench.report import Ratio, median

POSTS = 100_000
QUERIES = 1_000
CHARACTERS = 200
CHUNK = 2_500
NAMING = 0.05
# Bluesky's peaks in posts a second, rounded up.
PEAK = 3_000


@dataclass(frozen=True, slots=True)
class World:
    """The words posts are made of, the commonest first, and the names of brands."""

    english: tuple[str, ...]
    chinese: tuple[str, ...]
    brands: tuple[str, ...]
    chinese_brands: tuple[str, ...]


def world(brands: int, seed: int = 1) -> World:
    """A world with as many *brands*, a fifth of them Chinese."""
    dice = random.Random(seed)
    syllables = [a + b for a in (*"bcdfghklmnprstvw", "br", "cl", "st", "tr") for b in (*"aeiou", "an", "er", "in")]

    def words(count: int, least: int, most: int) -> list[str]:
        found: dict[str, None] = {}
        while len(found) < count:
            found["".join(dice.choices(syllables, k=dice.randint(least, most)))] = None
        return list(found)

    def runs(count: int, least: int, most: int) -> list[str]:
        found: dict[str, None] = {}
        while len(found) < count:
            found["".join(chr(dice.randint(0x4E00, 0x62FF)) for _ in range(dice.randint(least, most)))] = None
        return list(found)

    chinese_brands = brands // 5
    names = words(20_000 + brands - chinese_brands, 1, 4)
    dice.shuffle(names)
    return World(
        tuple(sorted(names[:20_000], key=len)),
        tuple(runs(10_000, 1, 3)),
        tuple(name for name in names[20_000:]),
        tuple(runs(chinese_brands, 3, 4)),
    )


def _rank(dice: random.Random, count: int) -> int:
    """A word's number, the small ones more often (Zipf's law, nearly)."""
    return int(count ** dice.random()) - 1


def posts(known: World, count: int, seed: int = 2) -> list[Post]:
    """*count* posts of some 200 characters."""
    dice = random.Random(seed)
    made = []
    for _ in range(count):
        chinese = dice.random() < 0.2
        words, length = [], 0
        vocabulary, blank = (known.chinese, "") if chinese else (known.english, " ")
        while length < CHARACTERS:
            word = vocabulary[_rank(dice, len(vocabulary))]
            words.append(word.capitalize() if dice.random() < 0.1 else word)
            length += len(word) + len(blank)
        if dice.random() < NAMING:
            words[dice.randrange(len(words))] = dice.choice(known.chinese_brands if chinese else known.brands).title()
        text = blank.join(words)
        whole = text[:CHARACTERS] if chinese else text[: CHARACTERS + 1].rpartition(" ")[0]
        made.append(Post(whole, author="acct:somebody@example.org", language="zh" if chinese else "en"))
    return made


def queries(known: World, count: int, seed: int = 3) -> list[str]:
    """*count* queries, each with five terms: one that names a brand, and four that say more of it."""
    dice = random.Random(seed)
    made = []
    for nth in range(count):
        chinese = nth % 5 == 0
        brand = known.chinese_brands[nth // 5] if chinese else known.brands[nth - nth // 5 - 1]
        vocabulary = known.chinese if chinese else known.english
        a, b, c, d = (vocabulary[dice.randrange(len(vocabulary) // 20, len(vocabulary))] for _ in range(4))
        shapes = (
            f"{brand} -{a} -{b} -{c} -{d}",
            f'"{brand} {a}" OR {brand} -{b} -"{c} {d}"',
            f"{brand} OR ({brand} NEAR/5 ({a} OR {b} OR {c}) -{d})",
            f"{brand} lang:{'zh' if chinese else 'en'} -({a} OR {b}) -{c} -{d}",
        )
        made.append(dice.choice(shapes))
    return made


def _terms(texts: Sequence[str]) -> list[str]:
    """Every word and phrase of the queries, once: what a bare scan would look for."""
    found: dict[str, None] = {}
    for text in texts:
        for nth, chunk in enumerate(text.split('"')):
            for word in [chunk] if nth % 2 else chunk.replace("(", " ").replace(")", " ").split():
                bare = word.lstrip("-").lower()
                if bare != "or" and not bare.startswith(("near/", "lang:")) and bare:
                    found[bare] = None
    return list(found)


class Bare:
    """A scan with the library alone."""

    def __init__(self, terms: Sequence[str]) -> None:
        self._spaced = [is_spaced(term[0]) for term in terms]
        self._automaton = AhoCorasick(terms, implementation=Implementation.DFA)

    def found(self, texts: Sequence[str]) -> int:
        """How many terms stand in *texts* as whole words."""
        count = 0
        spaced = self._spaced
        for text in texts:
            for term, start, end in self._automaton.find_matches_as_indexes(text):
                if spaced[term] and (
                    (start and is_spaced(text[start - 1])) or (end < len(text) and is_spaced(text[end]))
                ):
                    continue
                count += 1
        return count


def run(count: int = POSTS, few: int = QUERIES, most: int = 10 * QUERIES) -> str:
    """Posts a second of ours, of the bare scan, and of ours with ten times the queries; in turns, chunk by chunk."""
    known = world(most)
    stream = posts(known, count)
    texts = queries(known, most)
    began = time.perf_counter()
    parsed = [parse(text) for text in texts]
    took_parsing = time.perf_counter() - began
    small = Matcher(dict(enumerate(parsed[:few])))
    began = time.perf_counter()
    large = Matcher(dict(enumerate(parsed)))
    took_building = time.perf_counter() - began
    terms = _terms(texts[:few])
    bare = Bare(terms)
    seconds: dict[str, list[float]] = {"bare": [], "small": [], "large": []}
    hits = {"small": 0, "large": 0}
    for first in range(0, count, CHUNK):
        chunk = stream[first : first + CHUNK]
        lower = [post.text.lower() for post in chunk]
        began = time.perf_counter()
        bare.found(lower)
        seconds["bare"].append((time.perf_counter() - began) / len(chunk))
        for name, matcher in (("small", small), ("large", large)):
            began = time.perf_counter()
            found = matcher.matching(chunk)
            seconds[name].append((time.perf_counter() - began) / len(chunk))
            hits[name] += sum(map(len, found))
    # The median of the chunks: a busy moment of the machine meets one of the three, and not all.
    each = {name: median(took) for name, took in seconds.items()}
    rate = {name: 1 / took for name, took in each.items()}
    return "\n".join(
        (
            f"  {count:,} posts; {few:,} queries with {5 * few:,} terms ({len(terms):,} different) found"
            f" {hits['small']:,} mentions, {most:,} queries {hits['large']:,};"
            f" parsed in {took_parsing / most * 1e6:.0f} µs each, automata of {most:,} made in {took_building:.2f} s",
            str(Ratio(f"posts/s, {few:,} queries, beside a bare scan", rate["small"], rate["bare"], "/s", ">= 0.4")),
            str(
                Ratio(
                    f"µs a post, {most:,} queries, beside {few:,}",
                    each["large"] * 1e6,
                    each["small"] * 1e6,
                    "µs",
                    "<= 1.5",
                )
            ),
            f"  Bluesky's whole stream ({PEAK:,} posts/s at its peak) is {PEAK / rate['small']:.2f} hubs of one"
            f" core with {few:,} queries, and {PEAK / rate['large']:.2f} with {most:,}",
        )
    )
