"""What must occur in a post for a query to have a chance: of its anchors at least one.

All that a query says could be looked up in every post; of all that, the anchors are what is expected to be rarest. A
query without anchors would find posts of which it says only what they are not.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
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


def anchors_of(node: Node, known: Set[Anchor] = frozenset()) -> tuple[Anchor, ...] | None:
    """The cheapest anchors of *node*, None where it has none. Those that are *known* already cost nothing more."""
    match node:
        case Words():
            return _cheapest([(_word(piece),) for piece in node.pieces], known)
        case Field() if node.name in _COST_OF_FIELD:
            return (Anchor(None, node.name, node.value, _COST_OF_FIELD[node.name]),)
        case Near():
            return _cheapest([_of_some(side, known) for side in (node.left, node.right)], known)
        case All():
            return _cheapest([anchors_of(part, known) for part in node.parts], known)
        case Some():
            return _of_some(node.parts, known)
        case _:
            return None


def open_part(node: Node) -> Node:
    """The smallest part of a query without anchors on which that lies."""
    if isinstance(node, Some):
        return next((open_part(part) for part in node.parts if anchors_of(part) is None), node)
    return node


def _of_some(parts: Sequence[Node], known: Set[Anchor]) -> tuple[Anchor, ...] | None:
    """Anchors of every part; what leaves no choice is taken first, as it may do for others, too."""
    found: dict[Anchor, None] = {}
    for part in sorted(parts, key=_choices):
        anchors = anchors_of(part, known | found.keys())
        if anchors is None:
            return None
        found.update(dict.fromkeys(anchors))
    return tuple(found)


def _choices(node: Node) -> int:
    """Among how many anchors there is to choose."""
    match node:
        case Words():
            return len(node.pieces)
        case Near():
            return sum(max(map(_choices, side)) for side in (node.left, node.right))
        case All():
            return sum(map(_choices, node.parts))
        case Some():
            return max(map(_choices, node.parts))
        case Field():
            return node.name in _COST_OF_FIELD
        case _:
            return 0


def _cheapest(choices: list[tuple[Anchor, ...] | None], known: Set[Anchor]) -> tuple[Anchor, ...] | None:
    def cost(anchors: tuple[Anchor, ...]) -> float:
        return sum(anchor.cost for anchor in anchors if anchor not in known)

    return min((each for each in choices if each is not None), key=cost, default=None)


def _word(piece: Piece) -> Anchor:
    literal = piece.literal
    if literal in COMMON and not piece.prefix:
        return Anchor(piece, cost=0.3)
    # A Chinese character says about as much as three Latin letters.
    letters = sum(1 if ord(each) < 0x2E80 else 3 for each in literal)
    return Anchor(piece, cost=3.0 ** -min(letters, 12) * (3 if piece.prefix else 1))
