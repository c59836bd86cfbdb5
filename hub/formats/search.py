"""One indexed form of text for both stores, and a user's words as a query for each.

SQLite's `unicode61` and PostgreSQL's `simple` both split at blanks and know no Chinese: a run of Chinese, Japanese or
Korean is therefore written as its overlapping pairs of characters, and looked for as a phrase of pairs.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Phrase:
    """Tokens that stand one after the other. With *prefix* the last may go on."""

    tokens: tuple[str, ...]
    prefix: bool = False


_CJK = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303b\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3100-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003fffd"
)
_RUN = re.compile(f"[{_CJK}]+")
# Indic and South-East Asian vowel signs are no letters to `re`, yet they don't end a word.
_SIGNS = "\u0900-\u0963\u0966-\u0dff\u0e00-\u0ee0\u0f71-\u0f84\u0f90-\u0fbc\u102b-\u103e\u17b4-\u17d3"
# Two tokenizers must agree on where a word ends: so every word is letters and digits, and everything else a blank.
_WORD = re.compile(f"[\\w{_SIGNS}]+")
# Not U+3099 and U+309A: they tell か from が, and are no accents.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
_QUOTES = re.compile('["\u201c\u201d\u201e\u201f\u00ab\u00bb\u300c\u300d\u300e\u300f\uff02]')
_LONGEST_TOKEN = 200
_MOST_PHRASES = 32


# µ: its compatibility form is Greek, which this code page does not have.
_MICRO = b"\xb5"


def terms(text: str) -> str:
    """The form of *text* that is indexed: words in lower case without accents, a blank between them."""
    if text.isascii():
        return " ".join(text.encode("ascii").translate(_WESTERN).decode("ascii").split())
    try:
        western = text.encode("cp1252")
    except UnicodeEncodeError:
        western = _MICRO
    if _MICRO in western:
        return " ".join(_WORD.findall(_RUN.sub(_pairs, _folded(text))))
    western = western.translate(_WESTERN)
    for mark, characters in _LONGER.items():
        if mark in western:
            western = western.replace(mark, characters)
    return " ".join(western.decode("cp1252").split())


def query(text: str) -> tuple[Phrase, ...]:
    """What somebody typed into the search field: all phrases must occur. Words in quotes are one phrase, so is a run of
    Chinese; the last word may be a beginning, unless a blank or a quote ends it. Takes anything, raises nothing."""
    phrases: list[Phrase] = []
    for number, section in enumerate(_QUOTES.split(text)):
        words = _WORD.findall(_RUN.sub(r" \g<0> ", _folded(section)))
        found = [_phrase(word) for word in words]
        if number % 2 and found:
            found = [Phrase(tuple(token for phrase in found for token in phrase.tokens))]
        phrases += found
    if phrases and _WORD.search(_folded(text[-1])):
        phrases[-1] = Phrase(phrases[-1].tokens, prefix=True)
    return tuple(dict.fromkeys(phrases))[:_MOST_PHRASES]


def fts5(phrases: tuple[Phrase, ...]) -> str:
    """The MATCH expression for SQLite's FTS5; empty (which FTS5 refuses) where there is nothing to look for."""
    return " AND ".join(f'"{" ".join(phrase.tokens)}"{"*" if phrase.prefix else ""}' for phrase in phrases)


def tsquery(phrases: tuple[Phrase, ...]) -> str:
    """The same for PostgreSQL's `to_tsquery('simple', …)`. Tokens are letters and digits: nothing needs escaping."""
    return " & ".join(
        "(" + " <-> ".join([*phrase.tokens[:-1], phrase.tokens[-1] + (":*" if phrase.prefix else "")]) + ")"
        for phrase in phrases
    )


def _folded(text: str) -> str:
    """NFKC, case-folded, without accents, `_` a blank like other punctuation."""
    if text.isascii():
        return text.lower().replace("_", " ")
    apart = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart)).replace("_", " ")


def _pairs(run: re.Match[str]) -> str:
    """报价单 as 报价 价单, a blank on both sides; a character alone stays."""
    characters = run[0]
    if len(characters) == 1:
        return f" {characters} "
    return f" {' '.join(map(''.join, pairwise(characters)))} "


def _phrase(word: str) -> Phrase:
    if _RUN.fullmatch(word):
        pairs = tuple(map("".join, pairwise(word)))
        # One character is indexed only as the beginning of a pair.
        return Phrase(pairs) if pairs else Phrase((word,), prefix=True)
    return Phrase((word[:_LONGEST_TOKEN],), prefix=len(word) > _LONGEST_TOKEN)


def _western() -> tuple[bytes, dict[bytes, bytes]]:
    """`terms` for one byte of windows-1252 at a time, ten times as fast: a table, and what becomes more than a byte."""
    table = bytearray(b" " * 256)
    longer: dict[bytes, bytes] = {}
    for byte in range(256):
        folded = " ".join(_WORD.findall(_folded(bytes((byte,)).decode("cp1252", "replace"))))
        written = folded.encode("cp1252", "replace")
        if len(written) > 1:
            longer[bytes((byte,))] = written
        table[byte] = byte if len(written) > 1 else (written or b" ")[0]
    return bytes(table), longer


_WESTERN, _LONGER = _western()
