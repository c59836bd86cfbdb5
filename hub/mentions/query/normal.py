"""The normal form of texts, in which queries and posts are compared.

Full width and half width are one (NFKC, UAX #15), and so are upper and lower case (full case folding, so ß is ss).
Accents are ignored (ü is u), and so are letters that only look like accented ones: ø is o, ł is l, đ is d, œ is oe, æ
is ae, þ is th, and the Turkish ı is i. Vowel points of Arabic and Hebrew, soft hyphens and characters of no width go.
Cyrillic letters stay what they are, but ё is е. Traditional and simplified Chinese are different characters and stay
different.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

MOST_MARKS = 30
"""Combining marks on one letter that are looked at: the limit of the Stream-Safe Text Format (UAX #15)."""

_IGNORED = (
    "\u00ad\u034f\u061c\u0640\u0670\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"
    "\U000e0100-\U000e01ef\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_IS_IGNORED = re.compile(f"[{_IGNORED}]")
_LETTERS = {
    **dict(zip("øłđħŧıœæðþŋ", ("o", "l", "d", "h", "t", "i", "oe", "ae", "d", "th", "n"), strict=True)),
    **dict.fromkeys("\u2018\u2019\u02bc", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    "ё": "е",
}
_FOLDED_RANGES = ((0x80, 0x400), (0x483, 0x700), (0x180B, 0x180F), (0x1AB0, 0x2070), (0x20D0, 0x2100), (0x2212, 0x2213))
_UNSPACED = (
    "\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u2600-\u27bf\u2e80-\u2fdf"
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3041-\u309f\u30a1-\u30fa\u30fc-\u318f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U0001f000-\U0001faff\U00020000-\U0003ffff"
)
_MARKS = "".join(
    chr(code)
    for code in (*range(0x300, 0x1D00), *range(0xA800, 0xAC00))
    if unicodedata.category(chr(code)) in {"Mn", "Mc"} and not re.match(f"[{_UNSPACED}]", chr(code))
)
SPACED = rf"(?:[^\W{_UNSPACED}]|[{_MARKS}])"
"""A character of a word in scripts that set blanks between words, as a regular expression."""
UNSPACED = f"[{_UNSPACED}]"
"""A character of a script without blanks (Chinese, Japanese, Korean, Thai, Khmer …), or an emoji."""
WORD = re.compile(f"{SPACED}+|{UNSPACED}")
"""What counts as a word: a run of letters and digits, or one character of a script without blanks."""
WORD_CHARACTER = re.compile(f"{SPACED}|{UNSPACED}")

# A letter is joined by what follows it where both compose: marks, and the second halves of some Indic vowels and of
# Hangul syllables. The half-width voice marks are letters by category, and marks by decomposition.
_COMPOSING = re.compile(
    "[\u09be\u09d7\u0b3e\u0b56\u0b57\u0bbe\u0bd7\u0cc2\u0cd5\u0cd6\u0d3e\u0d57\u0dcf\u0ddf\u0fb5\u0fb7\u102e\u1161-\u1175"
    "\u11a8-\u11c2\u1b35\U00011127\U0001133e\U00011357\U000114b0\U000114ba\U000114bd\U000115af\U00011930]"
)
_MANY_MARKS = re.compile(rf"(?:[^\w\s!-~]|[\uff9e\uff9f]){{{MOST_MARKS + 1}}}")
_IS_SPACED = re.compile(SPACED)
_IS_UNSPACED = re.compile(UNSPACED)


def _folded(character: str) -> str:
    if character in _LETTERS:
        return _LETTERS[character]
    parts = unicodedata.normalize("NFKD", character)
    bare = _IS_IGNORED.sub("", parts)
    if bare == parts:
        return character
    return unicodedata.normalize("NFKC", "".join(_LETTERS.get(part, part) for part in bare))


_FOLDED = {
    **{
        chr(code): folded
        for begin, end in _FOLDED_RANGES
        for code in range(begin, end)
        if (folded := _folded(chr(code))) != chr(code)
    },
    **_LETTERS,
}
# Half a surrogate pair is no text that could be encoded.
_FOLDS = re.compile(f"[{''.join(map(re.escape, _FOLDED))}{_IGNORED}\ud800-\udfff]")


def fold(text: str) -> str:
    """The normal form of *text*. Takes any string, also one with lone surrogates, which become U+FFFD."""
    if text.isascii():
        return text.lower()
    if _MANY_MARKS.search(text):
        text = _with_few_marks(text)
    if "\u2122" in text or "\u2120" in text:
        # NFKC would make "Acme™" the word "acmetm".
        text = text.replace("\u2122", "\u00ae").replace("\u2120", "\u00ae")
    text = unicodedata.normalize("NFKC", text).casefold()
    return _FOLDS.sub(_replacement, text) if _FOLDS.search(text) else text


def _replacement(match: re.Match[str]) -> str:
    return "\ufffd" if "\ud800" <= match[0] <= "\udfff" else _FOLDED.get(match[0], "")


def _with_few_marks(text: str) -> str:
    """Without the marks beyond the 30th on a letter, which would take quadratic time to bring into order."""
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if _is_mark(character) else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)


@lru_cache(4096)
def _is_mark(character: str) -> bool:
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) != 0


@lru_cache(4096)
def _joins(character: str) -> bool:
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.combining(first) != 0 or _COMPOSING.match(first) is not None


@lru_cache(8192)
def is_spaced(character: str) -> bool:
    """True for a letter, digit, mark or low line of a script with blanks between words."""
    return _IS_SPACED.match(character) is not None


def is_unspaced(character: str) -> bool:
    """True for a character of a script without blanks between words, and for an emoji."""
    return _IS_UNSPACED.match(character) is not None


@dataclass(frozen=True, slots=True)
class Places:
    """Where each character of a normal form stood in the original; without lists, where it stood."""

    starts: list[int] | None = None
    ends: list[int] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The smallest slice of the original whose normal form holds that from *start* to *end*, code points."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def _stays(text: str) -> bool:
    """True where every character of *text* becomes one, as in almost all Chinese texts."""
    if _MANY_MARKS.search(text) or not unicodedata.is_normalized("NFKC", text):
        return False
    folded = text.casefold()
    return len(folded) == len(text) and not _FOLDS.search(folded)


def places(text: str) -> Places:
    """For each character of the normal form of *text*: from where to where in *text* its origin stands."""
    if text.isascii() or _stays(text):
        return Places()
    bounds = [index for index, character in enumerate(text) if not index or not _joins(character)]
    starts: list[int] = []
    ends: list[int] = []
    for start, end in zip(bounds, [*bounds[1:], len(text)], strict=True):
        count = len(fold(text[start:end]))
        starts += [start] * count
        ends += [end] * count
    return Places(starts, ends)
