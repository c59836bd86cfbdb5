"""How much one sender may write before it is taken for a machine: loops and mail bombs fill an inbox otherwise.

Nothing is thrown away: what comes beyond the rate is recorded as sent by a machine, so it opens no conversation.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from hub.vocabulary import Event, Message

WORD = "flood"
"""What `Message.automatic` says of a mail that came too fast after others of its sender."""

BURST = 60
SECONDS_PER_MAIL = 30.0
"""A sender may write so many at once, and then one more for each so many seconds."""
MOST_SENDERS = 20_000


class Floods:
    """Remembers how much each sender wrote lately, in this process. *clock* answers seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when the sender may write a whole burst again

    def marked(self, event: Event, ours: frozenset[str]) -> Event:
        """*event*, which just came, marked where its sender writes too fast. Our own people may."""
        facts = event.facts
        if not isinstance(facts, Message) or facts.automatic:
            return event
        sender = next((each.handle for each in facts.participants or () if each.role.begins), "")
        if not sender or sender in ours or self._takes(sender):
            return event
        return replace(event, facts=replace(facts, automatic=WORD))

    def _takes(self, sender: str) -> bool:
        now = self._clock()
        full_at = max(self._full_at.pop(sender, now), now) + SECONDS_PER_MAIL
        takes = full_at - now <= BURST * SECONDS_PER_MAIL
        self._full_at[sender] = full_at if takes else full_at - SECONDS_PER_MAIL
        if len(self._full_at) > MOST_SENDERS:
            self._full_at.popitem(last=False)
        return takes
