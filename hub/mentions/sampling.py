"""Which of the posts that nothing of ours found are kept, so that a new query can be tried on them: a fair sample."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

_SHARES = 1 << 32


@dataclass(slots=True)
class _Hour:
    hour: int = 0
    heard: int = 0
    before: int = 0


class Sampling:
    """Keeps about *an_hour* posts of each source an hour: all, where there are not more."""

    def __init__(self, an_hour: int) -> None:
        self._an_hour = an_hour
        self._hours: dict[str, _Hour] = {}

    def weight(self, source: str, key: str, at: datetime) -> float | None:
        """How many posts like this one it stands for, if it is kept; None where it is not. The same key is always kept
        or never, at the same share."""
        state = self._hours.setdefault(source, _Hour())
        hour = int(at.timestamp()) // 3600
        if hour != state.hour:
            state.before = state.heard if hour == state.hour + 1 else 0
            state.hour, state.heard = hour, 0
        state.heard += 1
        if self._an_hour == 0:
            return None
        # What the hour will bring is known from the one before; a sudden flood from what came by now.
        share = min(1.0, self._an_hour / max(1, state.before, state.heard))
        lot = int.from_bytes(blake2b(key.encode(), digest_size=4).digest(), "big")
        return 1 / share if lot < share * _SHARES else None
