"""How long a text message is: what it costs in segments (3GPP TS 23.038 section 6.2, TS 23.040 section 9.2.3.24.1).

A text whose characters all stand in the GSM 7 bit default alphabet or its extension goes in septets, any other in
UTF-16. What does not fit into one segment is cut, and each part gives up room for the header that joins them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The GSM 7 bit default alphabet in the order of its codes, without the escape (0x1B)."""

EXTENSION = "\f^{}\\[~]|€"
"""Characters that take an escape and a septet."""

_BASIC = frozenset(BASIC)
_EXTENSION = frozenset(EXTENSION)


class Alphabet(StrEnum):
    """In what a text goes over the air."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


_ROOM = {Alphabet.GSM7: (160, 153), Alphabet.UCS2: (70, 67)}
"""How much fits: into a text of one segment, and into each of several."""


@dataclass(frozen=True, slots=True)
class Length:
    """The *units* (septets, or UTF-16 code units) that a text takes in its *alphabet*, the *segments* it is sent as,
    and how many units are *left* before it takes one more."""

    alphabet: Alphabet
    units: int
    segments: int
    left: int


def length(text: str) -> Length:
    """What *text* takes. The empty text takes no segment."""
    gsm = all(character in _BASIC or character in _EXTENSION for character in text)
    alphabet = Alphabet.GSM7 if gsm else Alphabet.UCS2
    sizes = [_size(character, alphabet) for character in text]
    alone, each = _ROOM[alphabet]
    units = sum(sizes)
    if units <= alone:
        return Length(alphabet, units, 1 if text else 0, alone - units)
    segments, filled = 1, 0
    for size in sizes:  # neither an escape nor a surrogate is parted from what follows it
        if filled + size > each:
            segments, filled = segments + 1, 0
        filled += size
    return Length(alphabet, units, segments, each - filled)


def _size(character: str, alphabet: Alphabet) -> int:
    if alphabet is Alphabet.GSM7:
        return 2 if character in _EXTENSION else 1
    return 2 if ord(character) > 0xFFFF else 1
