"""From the words and signs of a query to what it means.

some   = all ("OR" all)*
all    = not (["AND"] not)*
not    = ("-" | "NOT") not | near
near   = simple ["NEAR/n" simple]
simple = words | field | followers | "(" some ")"
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.mentions.query.anchors import Anchor, anchors_of, open_part
from hub.mentions.query.lexer import Sign, Token, tokens
from hub.mentions.query.posts import Post, QueryError, Span
from hub.mentions.query.reading import Reading, author_value, site_value
from hub.mentions.query.tree import All, Field, Followers, Near, Node, Not, Place, Some, Words

MOST_LENGTH = 2_000
MOST_TERMS = 200
MOST_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Query:
    """A query that can be asked: *text* as it was typed, *terms* the words and phrases that are looked for (not those
    that must be absent), in normal form and in the order of the text. *shows*: it asks for an author or a site, which
    a hit then names."""

    text: str
    terms: tuple[str, ...]
    root: Node = field(repr=False)
    anchors: tuple[Anchor, ...] = field(repr=False)
    shows: bool = field(repr=False)

    @property
    def joined(self) -> bool:
        """True where another part can follow with a blank; where not, only after brackets around the whole."""
        return not isinstance(self.root, Some)

    def finds(self, post: Post) -> tuple[Span, ...] | None:
        """Where *post* matches (perhaps nowhere that is shown), or None where it does not."""
        return self.read(Reading(post))

    def read(self, reading: Reading) -> tuple[Span, ...] | None:
        """The same for a post that is being read."""
        if not self.root.holds(reading):
            return None
        return reading.spans(self.root.found(reading), set(self.root.shown(reading)) if self.shows else ())


def parse(text: str) -> Query:
    """What *text* asks for. Raises `QueryError` where it cannot be taken."""
    if len(text) > MOST_LENGTH:
        raise QueryError(
            MOST_LENGTH, len(text) - MOST_LENGTH, "too-long", f"A query has at most {MOST_LENGTH:,} characters."
        )
    parser = _Parser(text)
    root = parser.whole()
    anchors = anchors_of(root)
    if anchors is None:
        place = open_part(root).place
        raise QueryError(
            place.start,
            place.end - place.start,
            "finds-everything",
            "This would find nearly every post: name a word, a site:, an author: or a source: that must be there.",
        )
    return Query(text, tuple(dict.fromkeys(_terms(root))), root, anchors, _shows(root))


class _Parser:
    """Takes token after token; *terms* counts words and fields, *depth* brackets and negations that are open."""

    def __init__(self, text: str) -> None:
        self._end = len(text)
        self._tokens = list(tokens(text))
        self._at = 0
        self._depth = 0
        terms = 0
        for token in self._tokens:
            terms += len(token.pieces) or token.sign in {Sign.FIELD, Sign.FOLLOWERS}
            if terms > MOST_TERMS:
                raise QueryError(
                    token.place, token.length, "too-many", f"A query has at most {MOST_TERMS} words and fields."
                )

    def whole(self) -> Node:
        """The whole query."""
        if not self._tokens:
            raise QueryError(0, self._end, "empty", "The query is empty.")
        node = self._some()
        if (token := self._next()) is not None:
            raise _bracket_alone(token)
        return node

    def _next(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _took(self, sign: Sign) -> Token | None:
        token = self._next()
        if token is None or token.sign is not sign:
            return None
        self._at += 1
        return token

    def _some(self) -> Node:
        parts = [self._all()]
        while self._took(Sign.OR):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Some(_around(parts), tuple(parts))

    def _all(self) -> Node:
        parts = [self._not()]
        while (token := self._next()) is not None and token.sign not in {Sign.OR, Sign.CLOSE}:
            self._took(Sign.AND)
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else All(_around(parts), tuple(parts))

    def _not(self) -> Node:
        token = self._took(Sign.NOT)
        if token is None:
            return self._near()
        self._deeper(token)
        part = self._not()
        self._depth -= 1
        return _negation(part, Place(token.place, part.place.end))

    def _near(self) -> Node:
        left = self._simple()
        token = self._took(Sign.NEAR)
        if token is None:
            return left
        right = self._simple()
        node = Near(_around([left, right]), _beside(left), _beside(right), token.number)
        if (again := self._next()) is not None and again.sign is Sign.NEAR:
            raise QueryError(
                again.place, again.length, "near-chain", "One NEAR joins two: write (a NEAR/3 b) AND (b NEAR/3 c)."
            )
        return node

    def _simple(self) -> Node:
        token = self._next()
        if token is None:
            raise QueryError(self._end, 0, "end", "Here the query ends, and a word is still missing.")
        if token.sign is Sign.CLOSE and not self._depth:
            raise _bracket_alone(token)
        self._at += 1
        place = Place(token.place, token.place + token.length)
        match token.sign:
            case Sign.WORDS:
                return Words(place, token.pieces)
            case Sign.FIELD:
                return Field(place, token.name, _value(token))
            case Sign.FOLLOWERS:
                return Followers(place, token.name, token.number)
            case Sign.OPEN:
                return self._bracket(token)
            case _:
                raise QueryError(
                    token.place, token.length, "word-missing", "Here a word is missing; operators are words in quotes."
                )

    def _bracket(self, token: Token) -> Node:
        if self._took(Sign.CLOSE):
            raise QueryError(token.place, 2, "empty-brackets", "Between these brackets is nothing.")
        self._deeper(token)
        node = self._some()
        if not self._took(Sign.CLOSE):
            raise QueryError(token.place, token.length, "bracket-open", "This bracket is not closed.")
        self._depth -= 1
        return node

    def _deeper(self, token: Token) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise QueryError(
                token.place, token.length, "too-deep", f"Brackets and negations lie at most {MOST_DEPTH} deep."
            )


def _bracket_alone(token: Token) -> QueryError:
    return QueryError(token.place, token.length, "bracket-alone", "This bracket closes nothing.")


def _negation(node: Node, place: Place) -> Node:
    """What holds where *node* does not: negations stand only at words and fields (De Morgan)."""
    match node:
        case Not():
            return node.part
        case All():
            return Some(place, tuple(_negation(part, part.place) for part in node.parts))
        case Some():
            return All(place, tuple(_negation(part, part.place) for part in node.parts))
        case _:
            return Not(place, node)


def _around(parts: list[Node]) -> Place:
    return Place(parts[0].place.start, parts[-1].place.end)


def _beside(node: Node) -> tuple[Words, ...]:
    """The words of which one stands beside NEAR."""
    if isinstance(node, Words):
        return (node,)
    if isinstance(node, Some):
        return tuple(words for part in node.parts for words in _beside(part))
    place = node.place
    raise QueryError(
        place.start,
        place.end - place.start,
        "near-what",
        "Beside NEAR stand words, phrases, or brackets in which OR joins them.",
    )


def _value(token: Token) -> str:
    match token.name:
        case "site":
            value = site_value(token.value)
        case "author":
            value = author_value(token.value)
        case "lang":
            value = token.value.replace("_", "-")
        case _:
            value = token.value
    if not value:
        raise QueryError(token.place, token.length, "no-value", f"After {token.name}: comes one value.")
    return value


def _shows(node: Node) -> bool:
    if isinstance(node, All | Some):
        return any(map(_shows, node.parts))
    return isinstance(node, Field) and node.name in {"author", "site"}


def _terms(node: Node) -> list[str]:
    match node:
        case Words():
            return ["".join(f"{'' if piece.seam else ' '}{piece.literal}" for piece in node.pieces).strip()]
        case Near():
            return [term for words in (*node.left, *node.right) for term in _terms(words)]
        case All() | Some():
            return [term for part in node.parts for term in _terms(part)]
        case _:
            return []
