"""How a letter does, and what became of it at each of its recipients."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """How a letter does."""

    SCHEDULED = "scheduled"
    """To be sent later."""
    QUEUED = "queued"
    """Held for a moment in which it can be called back, then sent as soon as the server takes it."""
    SENT = "sent"
    PERHAPS = "perhaps"
    """It may have been sent: nobody heard the end of it, and sending it again could send it twice."""
    FAILED = "failed"
    """The server does not take it."""
    CANCELLED = "cancelled"


WAITING = (State.SCHEDULED, State.QUEUED)
"""What has not left yet."""

STUCK = (State.PERHAPS, State.FAILED)
"""What waits for a person."""


class Reached(StrEnum):
    """What became of a letter at one recipient. A later one in this order is never undone by an earlier one."""

    QUEUED = "queued"
    SENT = "sent"
    DELAYED = "delayed"
    FAILED = "failed"
    """A text did not arrive, as far as the provider knew then."""
    DELIVERED = "delivered"
    READ = "read"
    REFUSED = "refused"
    """Our own server did not take it for her."""
    BOUNCED = "bounced"
    COMPLAINED = "complained"

    @property
    def rank(self) -> int:
        """Its place in this order."""
        return tuple(Reached).index(self)


UNHEARD = "It may have been sent: nobody heard the end of it. Look into the mailbox before you send it again."
ANSWERED = "The other side wrote first."
"""Why a letter was cancelled that was to be sent unless they did."""
