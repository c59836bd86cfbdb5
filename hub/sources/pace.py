"""How long things take, and how a thousand sources take turns."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds. A lease is renewed after a third of its time.

    *freshness* is the shortest time between two measurements of one source and *rarest* the longest; between the two
    so much is left that all sources together need *measures* a second. *alarm* is how long a source may be out of
    reach or behind before somebody is told. *starts* connections begin in a second. Every *progress* it is written how
    far first readings are, and every *look* canaries are looked after.
    """

    lease: float = 15
    retry_lease: float = 3
    freshness: float = 30
    rarest: float = 300
    measures: float = 4
    longest_measure: float = 30
    first_delay: float = 1
    longest_delay: float = 300
    healthy: float = 60
    alarm: float = 300
    starts: float = 50
    progress: float = 1
    look: float = 15

    def delay(self, failures: int) -> float:
        """How long to wait after *failures* in a row: twice as long each time, up to the longest, with jitter."""
        full = min(self.longest_delay, self.first_delay * 2.0 ** min(failures - 1, 32))
        return full * random.uniform(0.5, 1)  # noqa: S311  # spreads the load, protects nothing

    def until_measured(self, number: int, *, urgent: bool) -> float:
        """How long until the next measurement of one of *number* sources. *urgent*: it was behind, or is too quiet."""
        usual = min(self.rarest, max(self.freshness, number / self.measures))
        return (self.freshness if urgent else usual) * random.uniform(0.8, 1)  # noqa: S311


class Turns:
    """Lets through at most so many a second, in the order in which they came."""

    def __init__(self, per_second: float) -> None:
        self._apart = 1 / per_second
        self._next = 0.0

    async def turn(self) -> None:
        """Return when it is one's turn; at once where nobody came shortly before."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next)
        self._next = mine + self._apart
        if mine > now:
            await asyncio.sleep(mine - now)
