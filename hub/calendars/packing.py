"""Spans of time as integers and as bytes: thousands of them are read, merged and searched at once.

A span is one integer: its start in seconds since 1970 (UTC), shifted left by 31 bits, plus its length in seconds. Such
integers sort by start. As bytes, a set of spans is those integers in rising order, 8 bytes each, little-endian, signed.
What begins before 1970 is cut off there; nothing is longer than 68 years, or begins after 2105.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable

_BITS = 31
_LENGTH = (1 << _BITS) - 1
_LATEST = (1 << 32) - 1


def packed(spans: Iterable[tuple[int, int]]) -> bytes:
    """*spans* (start, end) in seconds, in any order, as bytes. What takes no time is left out, and what is there twice
    is there once."""
    found = {_whole(start, end) for start, end in spans if end > 0 and start < end and start <= _LATEST}
    return _bytes(array("q", sorted(found)))


def numbers(times: bytes) -> array[int]:
    """What `packed` wrote, as integers in rising order."""
    found = array("q")
    found.frombytes(times)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def span(number: int) -> tuple[int, int]:
    """Start and end of one integer, in seconds."""
    start = number >> _BITS
    return start, start + (number & _LENGTH)


def merged(spans: Iterable[int]) -> tuple[array[int], array[int]]:
    """The starts and the ends of the time that *spans* (integers, in any order) take together: in rising order, none
    touching the next."""
    starts, ends = array("q"), array("q")
    last = -1
    for number in sorted(spans):
        start = number >> _BITS
        end = start + (number & _LENGTH)
        if start > last:
            starts.append(start)
            ends.append(end)
            last = end
        elif end > last:
            ends[-1] = last = end
    return starts, ends


def _whole(start: int, end: int) -> int:
    start = max(0, start)
    return start << _BITS | min(end - start, _LENGTH)


def _bytes(found: array[int]) -> bytes:
    if sys.byteorder == "big":
        found.byteswap()
    return found.tobytes()
