"""When there are unusually many posts, or suddenly none: against the same hour of the same weekday in the weeks
before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

FEW_WEEKS = 3
"""Of fewer weeks one knows too little: then a spike has to be clearer, and silence is not told."""

MINIMUM = 10
"""So many in an hour there must be before anybody is told of a spike."""

QUIET = 16.0
"""So many posts must have been expected before none is silence: by chance that happens once in ten million hours."""

_SIGMAS = 6.0
_TIMES = 3.0
_OVER = 0.5


@dataclass(frozen=True, slots=True)
class Expected:
    """What is usual in an hour: so many (*mean*), give or take *spread*, as *weeks* weeks before say."""

    mean: float
    spread: float
    weeks: int


def expected(history: Sequence[int]) -> Expected:
    """What the counts of the same weekday and hour in earlier weeks let one expect. One odd week changes little."""
    if not history:
        return Expected(0.0, 1.0, 0)
    middle = float(median(history))
    off = float(median(abs(each - middle) for each in history)) * 1.4826
    # Even what is quite regular varies as chance does (Poisson); an hour that is usually empty may have one by chance.
    return Expected(middle, max(off, math.sqrt(max(middle, 1.0))), len(history))


def spike_begins(seen: int, usual: Expected, minimum: int = MINIMUM) -> bool:
    """Whether *seen* posts in an hour are so many that people should know."""
    strict = 2.0 if usual.weeks < FEW_WEEKS else 1.0
    return (
        seen >= minimum * strict
        and seen >= usual.mean + strict * _SIGMAS * usual.spread
        and seen >= strict * _TIMES * usual.mean
    )


def spike_ends(seen: int, usual: Expected, minimum: int = MINIMUM) -> bool:
    """Whether a spike is over: it takes fewer than to begin one, so that it does not come and go."""
    return seen < max(minimum * _OVER, usual.mean + 2 * usual.spread)


def silence_begins(seen: Sequence[int], usual: Sequence[Expected]) -> bool:
    """Whether it is silent: in the last hours, of which *seen* and what was *usual* are given in the same order,
    nothing came although much was expected."""
    if any(each.weeks < FEW_WEEKS for each in usual):
        return False
    awaited = sum(each.mean for each in usual)
    return awaited >= QUIET and sum(seen) == 0


def silence_ends(seen: int, usual: Expected) -> bool:
    """Whether it is over: a tenth of what is usual has come."""
    return seen >= max(1.0, 0.1 * usual.mean)
