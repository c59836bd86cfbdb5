"""What must occur in a post for a query to have a chance: of its anchors at least one.

All that a query says could be looked up in every post; of all that, the anchors are what is expected to be rarest. A
query without anchors would find posts of which it says only what they are not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.mentions.query.tree import All, Field, Near, Node, Some, Words
from hub.mentions.query.words import Piece

_COMMON_WORDS = (
    "the be to of and a in that have i it for not on with he as you do at this but his by from they we say her she or"
    " an will my one all would there their what so up out if about who get which go me when make can like time no just"
    " him know take people into year your good some could them see other than then now look only come its over think"
    " also back after use two how our work first well way even new want because any these give day most us is are was"
    " were has had been http https www com"
)
COMMON = frozenset(_COMMON_WORDS.split())
"""The commonest words of English, of which almost every post has one."""
_COST_OF_FIELD = {"author": 1e-5, "site": 0.05, "source": 0.2}


@dataclass(frozen=True, slots=True)
class Anchor:
    """*piece* occurs, or the *value* of *field* ("site", "author", "source") is that; *cost* is the share of posts in
    which that is expected, in order of magnitude."""

    piece: Piece | None
    name: str = ""
    value: str = ""
    cost: float = field(default=0.0, compare=False)


def anchors_of(node: Node) -> tuple[Anchor, ...] | None:
    """The cheapest anchors of *node*, None where it has none."""
    match node:
        case Words():
            return (min((_word(piece) for piece in node.pieces), key=_cost),)
        case Field() if node.name in _COST_OF_FIELD:
            return (Anchor(None, node.name, node.value, _COST_OF_FIELD[node.name]),)
        case Near():
            return _cheapest([_together([anchors_of(each) for each in side]) for side in (node.left, node.right)])
        case All():
            return _cheapest([anchors_of(part) for part in node.parts])
        case Some():
            return _together([anchors_of(part) for part in node.parts])
        case _:
            return None


def open_part(node: Node) -> Node:
    """The smallest part of a query without anchors on which that lies."""
    if isinstance(node, Some):
        return next((open_part(part) for part in node.parts if anchors_of(part) is None), node)
    return node


def _together(choices: list[tuple[Anchor, ...] | None]) -> tuple[Anchor, ...] | None:
    found: dict[Anchor, None] = {}
    for choice in choices:
        if choice is None:
            return None
        found.update(dict.fromkeys(choice))
    return tuple(found)


def _cheapest(choices: list[tuple[Anchor, ...] | None]) -> tuple[Anchor, ...] | None:
    return min((each for each in choices if each is not None), key=lambda each: sum(map(_cost, each)), default=None)


def _cost(anchor: Anchor) -> float:
    return anchor.cost


def _word(piece: Piece) -> Anchor:
    literal = piece.literal
    if literal in COMMON and not piece.prefix:
        return Anchor(piece, cost=0.3)
    # A Chinese character says about as much as three Latin letters.
    letters = sum(1 if ord(each) < 0x2E80 else 3 for each in literal)
    return Anchor(piece, cost=3.0 ** -min(letters, 12) * (3 if piece.prefix else 1))
