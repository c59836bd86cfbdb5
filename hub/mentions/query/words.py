"""Where words and phrases occur in the normal form of a text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hub.mentions.query.normal import WORD, is_spaced, is_unspaced

MOST_GAP = 8
"""Characters (blanks, punctuation) that may stand between two words of a phrase."""

MOST_PLACES = 5_000
"""Places of one word or phrase in one text that are looked at: only a text made to waste time has more."""

MOST_STEPS = 50_000
"""Words of one text that are compared with one phrase, as far as they go beyond its first word."""

Occurrence = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """*literal*, in normal form, holds a letter, digit or emoji and no blank. *prefix*: the word may go on. *seam*: it
    follows the piece before directly or after one blank."""

    literal: str
    prefix: bool = False
    seam: bool = False
    bound_left: bool = field(init=False, compare=False)
    bound_right: bool = field(init=False, compare=False)
    lead: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # ".net" is not found in "asp.net", and "acme" not in "pacmen"; 手机 is found anywhere, "c++" also in "c++17".
        object.__setattr__(self, "bound_left", not is_unspaced(self.literal[0]))
        object.__setattr__(self, "bound_right", not self.prefix and is_spaced(self.literal[-1]))
        first = next(at for at, each in enumerate(self.literal) if is_spaced(each) or is_unspaced(each))
        object.__setattr__(self, "lead", first)

    def stands(self, text: str, start: int) -> bool:
        """True where the piece, whose letters are known to stand at *start*, is not part of a longer word."""
        if self.bound_left and start and is_spaced(text[start - 1]):
            return False
        end = start + len(self.literal)
        return not (self.bound_right and end < len(text) and is_spaced(text[end]))

    def end(self, text: str, start: int) -> int:
        """Where the piece that stands at *start* ends: with a star, where the word does."""
        end = start + len(self.literal)
        if self.prefix and is_spaced(text[end - 1]):
            while end < len(text) and is_spaced(text[end]):
                end += 1
        return end


def occurrences(pieces: Sequence[Piece], text: str) -> Iterator[Occurrence]:
    """From where to where the *pieces* stand in *text* one after the other, from the left; they may overlap.

    At most `MOST_PLACES`, and until `MOST_STEPS` words were compared.
    """
    first, *others = pieces
    places, steps = 0, 0
    start = text.find(first.literal)
    while start >= 0 and places < MOST_PLACES and steps < MOST_STEPS:
        if first.stands(text, start):
            end = first.end(text, start)
            for piece in others:
                steps += 1
                end = _following(piece, text, end)
                if end < 0:
                    break
            else:
                places += 1
                yield start, end
        start = text.find(first.literal, start + 1)


def _following(piece: Piece, text: str, at: int) -> int:
    """Where the *piece* ends that begins at *at* or after a gap of no letters; -1 where there is none."""
    most = 1 if piece.seam else MOST_GAP
    # Each piece holds a letter and no gap does, so that the next letter says where the piece would begin.
    for letter in range(at, min(len(text), at + most + piece.lead + 1)):
        if is_spaced(text[letter]) or is_unspaced(text[letter]):
            start = letter - piece.lead
            if at <= start <= at + most and text.startswith(piece.literal, start) and piece.stands(text, start):
                return piece.end(text, start) if not piece.seam or text[at:start].isspace() or start == at else -1
            return -1
    return -1


class WordCount:
    """Counts the words of *text* between two places, as NEAR does."""

    __slots__ = ("_starts",)

    def __init__(self, text: str) -> None:
        self._starts = [word.start() for word in WORD.finditer(text)]

    def between(self, end: int, start: int) -> int:
        """How many words begin from *end* to before *start*."""
        return bisect_left(self._starts, start) - bisect_left(self._starts, end)


def near(
    left: Sequence[Occurrence], right: Sequence[Occurrence], most: int, count: WordCount
) -> Iterator[tuple[Occurrence, Occurrence]]:
    """For each of *left* the next of *right* with at most *most* words between, and the other way round.

    Both are ordered. The two of a pair do not overlap. Takes time in proportion to both (and its logarithm), not to
    their product.
    """
    for firsts, seconds in ((left, right), (right, left)):
        starts = [start for start, _ in seconds]
        for first in firsts:
            at = bisect_left(starts, first[1])
            if at < len(seconds) and count.between(first[1], starts[at]) <= most:
                yield first, seconds[at]
