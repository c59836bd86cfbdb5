"""The words for how a call that we place does, and an entry of a list."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What became of placing a call. What became of the call itself its interaction says."""

    WANTED = "wanted"
    PLACED = "placed"
    PERHAPS = "perhaps"
    """The phone system was asked and nobody heard its answer. It is not dialled again by itself."""
    REFUSED = "refused"
    """The phone system never places this one."""
    FAILED = "failed"
    """It surely was not placed."""


class ListState(StrEnum):
    """Whether a list is being called."""

    PAUSED = "paused"
    RUNNING = "running"
    DONE = "done"


class EntryState(StrEnum):
    """How an entry of a list does."""

    WAITING = "waiting"
    CALLING = "calling"
    REACHED = "reached"
    MACHINE = "machine"
    PERHAPS = "perhaps"
    """It may have been called: the hub stopped while it placed the call."""
    REFUSED = "refused"
    FAILED = "failed"
    SKIPPED = "skipped"


OPEN = (EntryState.WAITING, EntryState.CALLING)
"""What is still to be done."""

UNHEARD = "unheard"
"""The reason of what is `perhaps`: the phone system was asked, and its answer was never heard."""
NOT_TAKEN = "not-taken"
"""The reason of a pause: the agent's own phone rang and was not picked up."""
