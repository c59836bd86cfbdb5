"""Screen pops: who is told of a call, and when each is told that it is over.

A pop belongs to one agent and one call. Its states follow the call's: `waiting` (she is one of the group, and it is not
hers to take yet), `ringing`, then `answered` (somebody took it; `mine` for her who did), `dismissed` (she waved it
away) or `over`. What was withdrawn from her screens does not return; if her phone rings anew, that is a new pop.
What is true stands in the table `pops`; the live events are hints. docs/AVAILABILITY.md says whom a call rings.
"""

from hub.pops.screens import Pops, UnrecordedPops
from hub.pops.states import (
    HEAD_START_SECONDS,
    LATE_SECONDS,
    QUEUE_SECONDS,
    RINGING_SECONDS,
    TALKING_SECONDS,
    Pop,
    Ringing,
    advance,
    ringing,
)
from hub.pops.telling import again, news, on_a_screen, shown
from hub.pops.writing import House, write

__all__ = [
    "HEAD_START_SECONDS",
    "LATE_SECONDS",
    "QUEUE_SECONDS",
    "RINGING_SECONDS",
    "TALKING_SECONDS",
    "House",
    "Pop",
    "Pops",
    "Ringing",
    "UnrecordedPops",
    "advance",
    "again",
    "news",
    "on_a_screen",
    "ringing",
    "shown",
    "write",
]
