"""The parts of a query, and what each says of a post."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field

from hub.mentions.query.reading import Reading
from hub.mentions.query.words import Occurrence, Piece, near, occurrences


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part stands in the query as it was typed, in code points."""

    start: int
    end: int


Found = tuple[int, int, int]
"""The number of a field of `Reading.fields`, and from where to where in its normal form."""


@dataclass(frozen=True, slots=True)
class Node(ABC):
    """A part of a query that holds for a post, or does not."""

    place: Place = field(compare=False)

    @abstractmethod
    def holds(self, reading: Reading) -> bool:
        """True where the post is what this part asks for."""

    def found(self, reading: Reading) -> Iterator[Found]:
        """Where in its words the post is that, if it is; in no order, and perhaps a place twice."""
        yield from ()

    def shown(self, reading: Reading) -> Iterator[str]:
        """The fields ("author", "site") that made it match, if it does."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Words(Node):
    """A word, a prefix or a phrase."""

    pieces: tuple[Piece, ...]

    def holds(self, reading: Reading) -> bool:
        literal = self.pieces[0].literal
        for _, text in reading.texts:
            if literal in text:
                for _ in occurrences(self.pieces, text):
                    return True
        return False

    def found(self, reading: Reading) -> Iterator[Found]:
        for nth, text in reading.texts:
            for start, end in occurrences(self.pieces, text):
                yield nth, start, end


@dataclass(frozen=True, slots=True)
class Near(Node):
    """One of *left* and one of *right*, in either order, with at most *most* words between, in one text."""

    left: tuple[Words, ...]
    right: tuple[Words, ...]
    most: int

    def holds(self, reading: Reading) -> bool:
        return next(self.found(reading), None) is not None

    def found(self, reading: Reading) -> Iterator[Found]:
        for nth, text in reading.texts:
            left = _all(self.left, text)
            right = _all(self.right, text) if left else []
            if right:
                for pair in near(left, right, self.most, reading.count(nth, text)):
                    for start, end in pair:
                        yield nth, start, end


def _all(words: tuple[Words, ...], text: str) -> list[Occurrence]:
    return sorted(place for each in words for place in occurrences(each.pieces, text))


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`site:`, `author:`, `source:` or `lang:` with a *value* in normal form."""

    name: str
    value: str

    def holds(self, reading: Reading) -> bool:
        return self.value in reading.keys(self.name)

    def shown(self, reading: Reading) -> Iterator[str]:
        if self.holds(reading):
            yield self.name


@dataclass(frozen=True, slots=True)
class Followers(Node):
    """The number of followers, compared with *number*; where it is not known, nothing is true of it."""

    sign: str
    number: int

    def holds(self, reading: Reading) -> bool:
        known = reading.post.followers
        if known is None:
            return False
        match self.sign:
            case ">":
                return known > self.number
            case ">=":
                return known >= self.number
            case "<":
                return known < self.number
            case _:
                return known <= self.number


@dataclass(frozen=True, slots=True)
class All(Node):
    """Every one of its parts holds."""

    parts: tuple[Node, ...]

    def holds(self, reading: Reading) -> bool:
        return all(part.holds(reading) for part in self.parts)

    def found(self, reading: Reading) -> Iterator[Found]:
        for part in self.parts:
            yield from part.found(reading)

    def shown(self, reading: Reading) -> Iterator[str]:
        for part in self.parts:
            yield from part.shown(reading)


@dataclass(frozen=True, slots=True)
class Some(Node):
    """At least one of its parts holds."""

    parts: tuple[Node, ...]

    def holds(self, reading: Reading) -> bool:
        return any(part.holds(reading) for part in self.parts)

    def found(self, reading: Reading) -> Iterator[Found]:
        for part in self.parts:
            if part.holds(reading):
                yield from part.found(reading)

    def shown(self, reading: Reading) -> Iterator[str]:
        for part in self.parts:
            if part.holds(reading):
                yield from part.shown(reading)


@dataclass(frozen=True, slots=True)
class Not(Node):
    """Its part does not hold."""

    part: Node

    def holds(self, reading: Reading) -> bool:
        return not self.part.holds(reading)
