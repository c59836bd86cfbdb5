from __future__ import annotations

import math
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mentions.reading import episodes, near
from hub.mentions.reading.episodes import Expected
from hub.mentions.reading.feeling import Feelings
from hub.mentions.reading.language import language_of
from tests.bench import reading

DOCS = Path(__file__).parents[4] / "docs/SENTIMENT.md"


@pytest.mark.parametrize(
    ("text", "said", "tag"),
    [
        ("I have ordered it for the whole team and we are happy with it", "", "en"),
        ("Wir haben es für das ganze Team bestellt und sind zufrieden damit", "", "de"),
        ("这个产品用起来很方便，推荐给大家", "", "zh-Hans"),
        ("這個產品用起來很方便，推薦給大家", "", "zh-Hant"),
        ("この製品はとても使いやすいです", "", "ja"),
        ("이 제품은 정말 사용하기 쉬워요", "", "ko"),
        ("@ada https://example.org/the-page #ok", "", ""),
        ("lol", "", ""),
        ("lol", "de", "de"),
    ],
)
def test_the_language_of_a_post(text: str, said: str, tag: str) -> None:
    assert language_of(text, said).tag == tag


@pytest.mark.parametrize(
    ("text", "language", "label"),
    [
        ("This is awful, I want my money back", "en", "negative"),
        ("Not bad at all!", "en", "positive"),
        ("I ordered one today", "en", "neutral"),
        ("质量太差了，退货！", "zh-Hans", "negative"),
        ("一点都不好", "zh-Hans", "negative"),
        ("真的很好用，推荐", "zh-Hans", "positive"),
        ("下单了", "zh-Hans", "unclear"),
        ("Das ist furchtbar", "de", "unclear"),
    ],
)
def test_how_a_post_speaks(text: str, language: str, label: str) -> None:
    feeling = Feelings().of(text, language)
    assert feeling.label == label
    assert 0 <= feeling.confidence <= 1


def test_what_people_corrected_is_kept_in_mind() -> None:
    sick = "This new Acme drill is sick, got it on Friday and drilled all weekend"
    assert Feelings().of(sick, "en").label == "negative"
    judge = Feelings([(sick, "positive")])
    assert judge.of(sick, "en").label == "positive"
    assert judge.of(f"RT @ada: {sick} https://example.org/1", "en").label == "positive"
    assert judge.of("I was sick all weekend", "en").label == Feelings().of("I was sick all weekend", "en").label
    again = [(f"number {number} of them: insanely drilled", "positive") for number in range(5)]
    before, after = (each.of("insanely drilled today", "en").score for each in (Feelings(), Feelings(again)))
    assert before < after <= before + 0.45


def test_the_figures_in_the_docs_are_those_that_are_measured() -> None:
    text = DOCS.read_text("utf-8")
    for name, texts, language in (
        ("English posts", reading.english("tweets"), "en"),
        ("English reviews", reading.english("amazonReviewSnippets"), "en"),
        ("Chinese reviews", reading.chinese(), "zh"),
    ):
        row = re.search(rf"\| {name} \|[^|]*\| *(\d+) % *\| *(\d+) % *\|", text)
        assert row is not None, name
        said = reading.figures(texts, language)
        assert (int(row[1]), int(row[2])) == (round(said["decided"] * 100), round(said["right"] * 100))


@given(st.integers(-(2**63), 2**63 - 1), st.sets(st.integers(0, 63), max_size=near.DISTANCE))
def test_alike_fingerprints_share_a_band(mark: int, flipped: set[int]) -> None:
    other = mark & (2**64 - 1)
    for bit in flipped:
        other ^= 1 << bit
    other = other - 2**64 if other >= 2**63 else other
    if mark and other:
        assert near.alike(mark, other)
        assert set(near.bands(mark)) & set(near.bands(other))


def test_copies_are_alike_and_greetings_are_not() -> None:
    text = "We moved our whole support team to Acme last month and the answers are faster than ever before"
    mark = near.fingerprint(text)
    for copy in (f"RT @li: {text}", f"{text} https://example.org", text.upper(), text.replace("answers", "ánswers")):
        assert near.alike(mark, near.fingerprint(copy))
    assert not near.alike(
        mark, near.fingerprint("Acme raised its prices again, which nobody in our team understands any more")
    )
    assert near.fingerprint("Good morning everybody") == 0
    assert not near.alike(0, 0)


@given(st.lists(st.integers(0, 1000), max_size=8))
def test_what_is_usual_can_always_be_said(history: list[int]) -> None:
    usual = episodes.expected(history)
    assert usual.spread >= 1 or usual.spread >= math.sqrt(usual.mean)
    assert usual.weeks == len(history)


def test_chance_alone_opens_next_to_no_episode_in_half_a_year() -> None:
    dice = random.Random(7)
    opened = 0
    for rate in (0.5, 4.0, 40.0):
        weeks = [[_poisson(dice, rate) for _ in range(168)] for _ in range(26)]
        for week in range(4, 26):
            for hour in range(168):
                usual = episodes.expected([weeks[before][hour] for before in range(max(0, week - 8), week)])
                opened += episodes.spike_begins(weeks[week][hour], usual)
                opened += episodes.silence_begins([weeks[week][hour]], [usual])
    assert opened <= 1


def test_ten_times_as_many_is_a_spike_that_ends() -> None:
    usual = episodes.expected([4, 5, 3, 4, 6, 4, 5, 4])
    assert not episodes.spike_begins(9, usual)
    assert episodes.spike_begins(40, usual)
    assert not episodes.spike_ends(30, usual)
    assert episodes.spike_ends(5, usual)
    # Of what is new, one knows too little to call out at the first dozen.
    assert not episodes.spike_begins(12, episodes.expected([]))


def test_none_where_forty_are_usual_is_silence_and_a_few_end_it() -> None:
    usual = episodes.expected([40, 38, 43, 41, 39, 40])
    assert episodes.silence_begins([0], [usual])
    assert not episodes.silence_begins([1], [usual])
    assert not episodes.silence_ends(1, usual)
    assert episodes.silence_ends(6, usual)
    seldom = Expected(3.0, 1.7, 8)
    assert not episodes.silence_begins([0, 0], [seldom, seldom])
    assert episodes.silence_begins([0] * 6, [seldom] * 6)
    assert not episodes.silence_begins([0], [Expected(40.0, 6.0, 2)])


def _poisson(dice: random.Random, rate: float) -> int:
    """Knuth's way."""
    limit, count, product = math.exp(-rate), 0, dice.random()
    while product > limit:
        count += 1
        product *= dice.random()
    return count
