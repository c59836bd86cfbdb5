"""What a benchmark prints: figures beside those of a baseline measured in the same run, as ratios."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """*ours* beside *baseline*, in *unit*. *goal* is what the ratio must reach: `<= 3` or `>= 0.5`."""

    what: str
    ours: float
    baseline: float
    unit: str
    goal: str

    @property
    def ratio(self) -> float:
        """Ours over the baseline."""
        return self.ours / self.baseline

    @property
    def met(self) -> bool:
        """True where the ratio reaches the goal."""
        sign, _, bound = self.goal.partition(" ")
        return self.ratio <= float(bound) if sign == "<=" else self.ratio >= float(bound)

    def __str__(self) -> str:
        verdict = "met" if self.met else "NOT met"
        return (
            f"  {self.what:<44} {self.ours:>12,.2f} {self.unit:<6} baseline {self.baseline:>12,.2f}"
            f"   ratio {self.ratio:6.2f}   goal {self.goal} {verdict}"
        )


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which *share* (0 to 1) of *values* lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)
