"""Whether a post is another one over again, with a word changed, an address added, or cut off: simhash over its words.

Charikar, "Similarity estimation techniques from rounding algorithms" (2002); Manku et al., "Detecting near-duplicates
for web crawling" (2007).
"""

from __future__ import annotations

import itertools
from hashlib import blake2b

import numpy as np

from hub.mentions.reading.words import is_cjk, words

FEWEST = 8
"""Words below which texts are only the same where they are equal: two people may both wish a good morning."""

DISTANCE = 7
"""Of 64 bits so many may differ."""

BANDS = 8
_BITS = 64
_WIDTH = _BITS // BANDS
_SIGN = 1 << (_BITS - 1)
LOOKED_AT = 2_000
"""Words: what stands beyond does not count."""


def fingerprint(text: str) -> int:
    """64 bits, as a signed number, of which few differ for texts that are alike. 0 for a text that is too short to
    tell: it is alike to nothing."""
    found = words(text)[:LOOKED_AT]
    if len(found) < FEWEST:
        return 0
    pieces = _pieces(found)
    hashes = b"".join(blake2b(piece.encode(), digest_size=8).digest() for piece in pieces)
    bits = np.unpackbits(np.frombuffer(hashes, np.uint8).reshape(len(pieces), 8), axis=1)
    ones = bits.sum(axis=0, dtype=np.int64) * 2 > len(pieces)
    value = int.from_bytes(np.packbits(ones).tobytes(), "big")
    return (value ^ _SIGN) - _SIGN or 1


def alike(one: int, other: int) -> bool:
    """Whether two fingerprints are of texts that are alike."""
    return bool(one and other) and ((one ^ other) & (1 << _BITS) - 1).bit_count() <= DISTANCE


def bands(fingerprint: int) -> tuple[int, ...]:
    """Numbers of which alike fingerprints share one at least, so that they can be found by equality; none for 0. Which
    band it is stands in the number."""
    if not fingerprint:
        return ()
    value = fingerprint & ((1 << _BITS) - 1)
    return tuple(place << _WIDTH | (value >> (place * _WIDTH)) & ((1 << _WIDTH) - 1) for place in range(BANDS))


def _pieces(found: list[str]) -> list[str]:
    """Single words and pairs: pairs keep the order, single words what remains when one in between is changed."""
    pairs = [f"{one} {other}" for one, other in itertools.pairwise(found)]
    singles = [word for word in found if not is_cjk(word) and len(word) > 2]
    return [*pairs, *singles]
