"""The normal form of texts, and the way back from it."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mentions.query.normal import MOST_MARKS, fold, places

_PIECES = st.sampled_from(
    [*"aAéeßİıøǅﬁ½™…", "\u0301", "\u3099", "\uff9e", *"ｶカガ한ㅎㅏᄒ\u1161\u11a8Йиёйµς", "\ufdfa", "\ud83d", "🍎"]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=20), st.lists(_PIECES, max_size=12).map("".join)))
def test_every_character_of_the_normal_form_has_its_place_in_the_original(text: str) -> None:
    folded, where = fold(text), places(text)
    if where.starts is None or where.ends is None:
        assert len(folded) == len(text)
    else:
        assert len(where.starts) == len(where.ends) == len(folded)
    for at in range(len(folded)):
        start, end = where.original(at, at + 1)
        assert 0 <= start < end <= len(text)
        assert folded[at] in fold(text[start:end])


def test_the_normal_form_of_a_normal_form_is_itself() -> None:
    changed = [hex(code) for code in range(0x30000) if fold(fold(chr(code))) != fold(chr(code))]
    assert changed == []


def test_traditional_and_simplified_chinese_stay_different_and_so_do_cyrillic_letters() -> None:
    assert fold("蘋果") != fold("苹果")
    assert fold("Й") != fold("И")
    assert fold("Ё") == fold("Е")


def test_marks_without_end_are_cut() -> None:
    text = "e" + "\u0316\u059a" * 50_000 + "x"
    assert fold(text) == "ex"
    kept = fold("か" + "\u302a\u3099" * 50_000)
    assert sum(unicodedata.combining(each) != 0 for each in kept) <= MOST_MARKS
