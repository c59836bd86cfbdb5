"""Calls of people who are never recorded: they ring like any other, from memory, and leave nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hub.fold import Told, direction, fold
from hub.live import Live
from hub.ours import Ours
from hub.pops import RINGING_SECONDS, TALKING_SECONDS, Pop, advance, news, ringing
from hub.vocabulary import Call, CallState, Event

LATE_SECONDS = 3600.0
"""A recording or a second end comes no later than this, and nobody waits longer in a queue."""


@dataclass(slots=True)
class _Call:
    id: int
    until: float
    told: list[Told] = field(default_factory=list)
    pops: dict[str, Pop] = field(default_factory=dict)
    over: bool = False


class Unrecorded:
    """Keeps the events of a live call as long as it lasts, and for a while its key, so that what comes late is not
    recorded either; nothing of it is stored or logged."""

    def __init__(self, live: Live, ours: Ours, new_id: Callable[[], int]) -> None:
        self._live = live
        self._ours = ours
        self._new_id = new_id
        self._calls: dict[str, _Call] = {}

    def take(self, source: str, event: Event) -> None:
        """One event of such a call."""
        self._forget()
        call = self._calls.setdefault(event.key, _Call(self._new_id(), time.monotonic() + RINGING_SECONDS * 2))
        if call.over:
            return
        call.told.append(Told(source, event))
        facts = fold(call.told, self._ours.handles)
        if not isinstance(facts, Call):
            return
        now = time.time_ns() // 1000
        call_now = ringing(
            facts,
            direction(facts, self._ours.handles),
            source,
            self._ours,
            interaction_id=call.id,
            since=now,
            fresh=True,
        )
        changed = advance(call_now, call.pops, now, self._new_id)
        call.pops.update({pop.agent: pop for pop in changed})
        self._live.publish(news(changed, {}))
        call.over = facts.state is CallState.ENDED
        if call.over:
            call.told.clear()
        if facts.state is not None and facts.state.taken:
            call.until = time.monotonic() + TALKING_SECONDS
        elif call.over or facts.state is CallState.QUEUED:
            call.until = time.monotonic() + LATE_SECONDS

    def knows(self, key: str) -> bool:
        """True for a call that rings from memory: an event of it that names nobody must not be recorded either."""
        return key in self._calls

    def shown(self) -> Mapping[str, list[Pop]]:
        """The pops that stand on screens now, by agent."""
        self._forget()
        shown: dict[str, list[Pop]] = {}
        for call in self._calls.values():
            for pop in call.pops.values():
                if pop.shown:
                    shown.setdefault(pop.agent, []).append(pop)
        return shown

    def dismiss(self, pop_id: int, agent: str) -> Pop | None:
        """Clear a pop of *agent*; `None` where it is not one of these."""
        for call in self._calls.values():
            pop = call.pops.get(agent)
            if pop and pop.id == pop_id and pop.state == "ringing":
                call.pops[agent] = pop.moved("dismissed")
                return call.pops[agent]
        return None

    def _forget(self) -> None:
        now = time.monotonic()
        for key in [key for key, call in self._calls.items() if call.until < now]:
            del self._calls[key]
