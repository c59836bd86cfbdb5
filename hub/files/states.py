"""Where a file of a message stands."""

from __future__ import annotations

from enum import StrEnum

MOST_BYTES = 25 << 20
"""Of one file."""


class State(StrEnum):
    """Where a file stands."""

    WAITING = "waiting"  # to be fetched
    HERE = "here"
    FAILED = "failed"  # it could not be fetched
    TOO_LARGE = "too-large"
    GONE = "gone"  # nobody has it any more


class Why(StrEnum):
    """Why a file is not here, where no provider says it in words."""

    NO_SOURCE = "no-source"  # the source cannot fetch
