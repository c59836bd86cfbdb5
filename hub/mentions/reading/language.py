"""In which language a post is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from hub.mentions.reading.words import plain

SURE = 0.8
"""Below this confidence the platform's own word counts, if it says one."""

FEWEST_LETTERS = 12
"""Of fewer letters nobody can tell."""

LOOKED_AT = 2_000
"""Characters: more do not change it."""

_KANA = re.compile("[\u3040-\u30ff]")
_HANGUL = re.compile("[\uac00-\ud7af]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LETTER = re.compile(r"[^\W\d_]")
# Frequent characters that only one of the two ways of writing Chinese has.
_SIMPLIFIED = frozenset(
    "这个们来时会说对没发还为过国后开关样问题经给话应该见让实东车买卖价钱质货订单点击网电邮头条评论认识觉欢"
)
_TRADITIONAL = frozenset(
    "這個們來時會說對沒發還為過國後開關樣問題經給話應該見讓實東車買賣價錢質貨訂單點擊網電郵頭條評論認識覺歡"
)


@dataclass(frozen=True, slots=True)
class Guess:
    """A language (BCP 47; "" where nobody can tell), and how sure that is, 0 to 1."""

    tag: str
    confidence: float


def language_of(text: str, said: str = "") -> Guess:
    """The language of *text*, of which the platform says that it is *said* ("" where it says nothing)."""
    clean = plain(text[:LOOKED_AT])
    letters = len(_LETTER.findall(clean))
    han, kana, hangul = (len(script.findall(clean)) for script in (_HAN, _KANA, _HANGUL))
    if letters and hangul * 3 >= letters:
        return Guess("ko", 0.95)
    if letters and (kana + han) * 3 >= letters and kana * 12 >= kana + han:
        return Guess("ja", 0.95)
    if letters and han * 3 >= letters:
        return Guess(_chinese(clean, said), 0.95 if han >= 4 else 0.7)
    if letters < FEWEST_LETTERS:
        return Guess(said, 0.5 if said else 0.0)
    tag, confidence = _identifier().classify(clean)
    if confidence < SURE or letters < 2 * FEWEST_LETTERS:
        # Of a short text the guess alone is little; with the platform's word it is enough.
        if said and said.partition("-")[0].lower() == tag:
            return Guess(said, 0.9)
        if said and confidence < 0.98:
            return Guess(said, 0.6)
    return Guess(str(tag), float(confidence)) if confidence >= 0.5 else Guess("", float(confidence))


def _chinese(text: str, said: str) -> str:
    only_simplified = sum(each in _SIMPLIFIED and each not in _TRADITIONAL for each in text)
    only_traditional = sum(each in _TRADITIONAL and each not in _SIMPLIFIED for each in text)
    if only_simplified != only_traditional:
        return "zh-Hans" if only_simplified > only_traditional else "zh-Hant"
    return said if said.lower().startswith("zh") else "zh"


@cache
def _identifier() -> Any:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
