"""The words and signs of a query, each with its place in what the user typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from hub.mentions.query.normal import SPACED, UNSPACED, WORD_CHARACTER, fold
from hub.mentions.query.posts import QueryError
from hub.mentions.query.words import Piece

FIELDS = ("lang", "site", "author", "source")
MOST_BETWEEN = 100
MOST_IN_PHRASE = 30
MOST_IN_WORD = 100

_SIGNS = {0x3000: " ", 0x2212: "-", **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}}
_QUOTES = {'"': '"“”', "“": '"“”', "”": '"“”', "„": '"“”', "「": "」", "『": "』", "«": "»"}
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b\ufeff\u2060]+")
_WORD = re.compile(r'[^\s\x00-\x1f\x7f-\x9f\u200b\ufeff\u2060()"“”„「」『』«»]+')
_FOLLOWERS = re.compile(r"followers\s*(>=|<=|≥|≤|>|<)\s*([0-9]{1,12})(?![^\s()])", re.IGNORECASE)
_FIELD = re.compile(r"([a-z]+):(?!//|$)|(lang|site|author|source):", re.IGNORECASE)
_NEAR = re.compile(r"near/([0-9]*)", re.IGNORECASE)
_SEAM = re.compile(rf"(?<={UNSPACED})(?={SPACED})|(?<={SPACED})(?={UNSPACED})")
_LETTER = re.compile(SPACED)


class Sign(Enum):
    """What a token is."""

    OPEN = "("
    CLOSE = ")"
    AND = "AND"
    OR = "OR"
    NOT = "NOT"
    NEAR = "NEAR"
    WORDS = "words"
    FIELD = "field"
    FOLLOWERS = "followers"


@dataclass(frozen=True, slots=True)
class Token:
    """A token of *length* code points at *place*: *pieces* of `WORDS`, *name* and *value* of `FIELD`, the sign and
    number of `FOLLOWERS`, and the number of `NEAR`."""

    sign: Sign
    place: int
    length: int
    pieces: tuple[Piece, ...] = ()
    name: str = ""
    value: str = ""
    number: int = 0


def tokens(text: str) -> Iterator[Token]:
    """The tokens of *text*. Raises `QueryError` at the first that is none."""
    # One sign for one, so that places stay what they are.
    typed = text.translate(_SIGNS)
    at = 0
    while at < len(typed):
        if blank := _BLANK.match(typed, at):
            at = blank.end()
            continue
        token = _token(typed, at)
        yield token
        at += token.length


def _token(typed: str, at: int) -> Token:
    sign = typed[at]
    if sign in "()":
        return Token(Sign(sign), at, 1)
    if sign == "-":
        if at + 1 == len(typed) or _BLANK.match(typed, at + 1) or typed[at + 1] == ")":
            raise QueryError(at, 1, "minus-alone", "After a minus comes what must not occur, without a blank.")
        return Token(Sign.NOT, at, 1)
    if sign in _QUOTES:
        inner, end = _quoted(typed, at)
        return Token(Sign.WORDS, at, end - at, _phrase(inner, at, end - at))
    if match := _FOLLOWERS.match(typed, at):
        name = {"≥": ">=", "≤": "<="}.get(match[1], match[1])
        return Token(Sign.FOLLOWERS, at, match.end() - at, name=name, number=int(match[2]))
    word = _WORD.match(typed, at)
    if word is None:
        raise QueryError(at, 1, "quote-alone", "This quotation mark closes nothing.")
    return _word(typed, at, word[0])


def _word(typed: str, at: int, word: str) -> Token:
    if word in {"AND", "OR", "NOT"}:
        return Token(Sign(word), at, len(word))
    if word == "NEAR" or _NEAR.match(word):
        near = _NEAR.fullmatch(word)
        # More digits than three are too many, and Python takes its time to read thousands.
        if near is None or not 0 < len(near[1]) <= 3 or int(near[1]) > MOST_BETWEEN:
            raise QueryError(at, len(word), "near-number", f"NEAR takes a number from 0 to {MOST_BETWEEN}: NEAR/5.")
        return Token(Sign.NEAR, at, len(word), number=int(near[1]))
    if re.match(r"followers[<>=≥≤:]", word, re.IGNORECASE):
        raise QueryError(at, len(word), "followers", "Followers are compared with a whole number: followers>1000.")
    if field := _FIELD.match(word):
        return _field(typed, at, field.end(), word[: field.end() - 1].lower())
    return Token(Sign.WORDS, at, len(word), _pieces(word, at, len(word)))


def _field(typed: str, at: int, length: int, name: str) -> Token:
    if name not in FIELDS:
        raise QueryError(
            at,
            length,
            "unknown-field",
            f"There is no field {name}:, only lang:, site:, author:, source:; in quotes it is searched for as text.",
        )
    begin = at + length
    if blank := _BLANK.match(typed, begin):
        begin = blank.end()
    if begin < len(typed) and typed[begin] in _QUOTES:
        value, end = _quoted(typed, begin)
    else:
        found = _WORD.match(typed, begin)
        value, end = (found[0].rstrip(",;、"), found.end()) if found else ("", begin)
    value = " ".join(fold(value).split())
    if not WORD_CHARACTER.search(value):
        raise QueryError(at, end - at, "no-value", f"After {name}: comes one value; several are joined with OR.")
    return Token(Sign.FIELD, at, end - at, name=name, value=value)


def _quoted(typed: str, at: int) -> tuple[str, int]:
    """What stands between the quotation mark at *at* and the one that closes it, and where that ends."""
    for end in range(at + 1, len(typed)):
        if typed[end] in _QUOTES[typed[at]]:
            return typed[at + 1 : end], end + 1
    raise QueryError(at, len(typed) - at, "quote-open", "This quotation mark is not closed.")


def _phrase(inner: str, place: int, length: int) -> tuple[Piece, ...]:
    pieces = tuple(
        piece for word in inner.split() if WORD_CHARACTER.search(fold(word)) for piece in _pieces(word, place, length)
    )
    if not pieces:
        raise QueryError(place, length, "no-word", "Between these quotation marks is nothing to search for.")
    if len(pieces) > MOST_IN_PHRASE:
        raise QueryError(place, length, "too-long", f"A phrase has at most {MOST_IN_PHRASE} words.")
    return pieces


def _pieces(word: str, place: int, length: int) -> tuple[Piece, ...]:
    """What must stand side by side for *word* to occur: "iphone手机" is also found where a blank parts the scripts."""
    bare = word.lstrip("',;").rstrip("',;.!?:，；、。！？…’")
    prefix = bare.endswith("*")
    if "*" in bare.rstrip("*"):
        raise QueryError(place, length, "star-inside", "The star stands only at the end of a word.")
    found: list[Piece] = []
    for chunk in fold(bare.rstrip("*")).split():
        for nth, literal in enumerate(_SEAM.split(chunk)):
            if WORD_CHARACTER.search(literal):
                found.append(Piece(literal, seam=nth > 0))
    if any(len(piece.literal) > MOST_IN_WORD for piece in found):
        raise QueryError(place, length, "too-long", f"A word has at most {MOST_IN_WORD} characters.")
    if not found:
        raise QueryError(place, length, "no-word", "Here is no letter, digit or emoji to search for.")
    if len(found) > MOST_IN_PHRASE:
        raise QueryError(place, length, "too-long", f"A phrase has at most {MOST_IN_PHRASE} words.")
    if prefix:
        last = found[-1]
        if len(_LETTER.findall(last.literal)) < 2 and not re.search(UNSPACED, last.literal):
            raise QueryError(place, length, "too-short", "Before a star stand at least two letters.")
        found[-1] = Piece(last.literal, prefix=True, seam=last.seam)
    return tuple(found)
