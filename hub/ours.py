"""Which addresses are ours, and whose phone rings: both from the config."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.vocabulary import Agent, Call, CallState, Direction, Leg


@dataclass(frozen=True, slots=True)
class Line:
    """What the config says of one source: its own addresses, and the agents who ring when nothing finer is known."""

    ours: frozenset[str] = frozenset()
    rings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ours:
    """Our own addresses: they decide direction, are never matched to a contact, and say which agent a phone is."""

    agents: tuple[Agent, ...] = ()
    lines: Mapping[str, Line] = field(default_factory=dict)
    handles: frozenset[str] = field(init=False)
    _at: Mapping[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        at: dict[str, list[str]] = defaultdict(list)
        for agent in self.agents:
            for phone in (agent.id, *agent.handles, *agent.extensions):
                at[phone].append(agent.id)
        everything = {handle for agent in self.agents for handle in agent.handles}
        everything.update(handle for line in self.lines.values() for handle in line.ours)
        object.__setattr__(self, "handles", frozenset(everything))
        object.__setattr__(self, "_at", {phone: tuple(ids) for phone, ids in at.items()})

    def agents_at(self, phone: str) -> tuple[str, ...]:
        """The agents at *phone*: a handle, an extension (`pbx/21`) or an agent's own id."""
        return self._at.get(phone, ())

    def agents_of(self, leg: Leg, source: str) -> tuple[str, ...]:
        """Whose phone a leg is. A leg to the source's shared number is everybody's who rings for the source."""
        named = self.agents_at(leg.agent) if leg.agent else ()
        if named or not leg.phone:
            return named
        line = self.lines.get(source, Line())
        return self.agents_at(leg.phone) or (line.rings if leg.phone in line.ours else ())

    def rung(self, call: Call, direction: Direction, source: str) -> dict[str, CallState]:
        """The agents whose phones this call reached, each with the furthest state of her legs.

        Where no leg names a phone, an inbound call rings the agents who hold the number called, else the source's
        `rings`. A call that names a phone nobody has rings nobody, and neither does a call that one of us makes: it
        rings at the other end.
        """
        states: dict[str, CallState] = {}
        if direction is Direction.OUTBOUND:
            return states
        for leg in call.legs:
            for agent in self.agents_of(leg, source):
                # A leg without a state is being set up: its phone does not ring yet.
                if leg.state and (agent not in states or _alive(leg.state) > _alive(states[agent])):
                    states[agent] = leg.state
        if any(leg.phone or leg.agent for leg in call.legs) or direction is not Direction.INBOUND:
            return states
        state = call.state or CallState.RINGING
        called = self.agents_at(call.line) if call.line else ()
        return dict.fromkeys(called or self.lines.get(source, Line()).rings, state)


def _alive(state: CallState) -> int:
    """Of several phones of one agent the answered one counts, then one that still rings, then one that stopped."""
    return (CallState.ENDED, CallState.RINGING, CallState.ANSWERED).index(state)
