"""Stretches of time as pairs of whole seconds since 1970 (UTC), the end exclusive: sorted and apart from each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Span = tuple[int, int]
EVER = 1 << 60
"""Later than anything; `-EVER` is before it all."""


def gaps(closed: Iterable[Span], since: int, until: int) -> list[Span]:
    """What *closed* (in any order) leaves of the time from *since* until *until*."""
    found: list[Span] = []
    at = since
    for begin, end in sorted(closed):
        if begin >= until:
            break
        if begin > at:
            found.append((at, begin))
        if end > at:
            at = end
    if at < until:
        found.append((at, until))
    return found


def common(ones: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """The time that is in both."""
    return [(since, until) for since, until, _, _ in crossed(ones, others)]


def crossed(ones: Sequence[Span], others: Sequence[Span]) -> Iterator[tuple[int, int, int, int]]:
    """The time that is in both, with the place in *ones* and in *others* that it comes from."""
    one = other = 0
    while one < len(ones) and other < len(others):
        since = max(ones[one][0], others[other][0])
        until = min(ones[one][1], others[other][1])
        if since < until:
            yield since, until, one, other
        if ones[one][1] < others[other][1]:
            one += 1
        else:
            other += 1
