"""Which addresses are ours, and whose phone rings: both from the config."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from hub.vocabulary import Agent, Call, CallState, Direction, Joined, Leg


class Reach(Enum):
    """How a call reaches an agent."""

    PHONE = auto()  # her own phone was dialled, or the call was passed on to it
    GROUP_PHONE = auto()  # her phone rings because she is one of a group
    GROUP = auto()  # nobody says whose phone rings: she is one of the group that may take it


@dataclass(frozen=True, slots=True)
class Rung:
    """What a call does at an agent's: the furthest *state* of her phones, since when she talks (*answered_at*, UTC),
    and who passed it on to her (*passed_by*, an agent's id, "" nobody)."""

    state: CallState
    reach: Reach = Reach.PHONE
    answered_at: datetime | None = None
    passed_by: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """What the config says of one source: its own addresses, and the agents who ring when nothing finer is known."""

    ours: frozenset[str] = frozenset()
    rings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ours:
    """Our own addresses: they decide direction, are never matched to a contact, and say which agent a phone is.
    *groups* are the agents of each queue that the phone systems name."""

    agents: tuple[Agent, ...] = ()
    lines: Mapping[str, Line] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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
        return self._on(leg) or (self._rings(source) if leg.phone and self._shared(leg.phone, source) else ())

    def group(self, queue: str, source: str) -> tuple[str, ...]:
        """Who may take a call that waits in *queue* ("" for none): the team of that name, else the source's `rings`."""
        return self.groups.get(queue.casefold(), ()) or self._rings(source)

    def rung(self, call: Call, direction: Direction, source: str) -> dict[str, Rung]:
        """The agents whom this call reaches, each with the furthest of her phones.

        Where no leg names a phone, an inbound call reaches the agent who holds the number called, else the group of its
        queue, else the source's `rings`. A call that names a phone nobody has rings nobody. A call that one of us makes
        rings at the other end: she is on it once she talks.
        """
        if direction is Direction.OUTBOUND:
            return self._calling(call)
        reached: dict[str, Rung] = {}
        callers = {agent for each in call.participants or () if each.role.begins for agent in self._called(each.handle)}
        for leg in call.legs:
            if leg.state is None or leg.state is CallState.QUEUED:  # it is being set up: its phone does not ring yet
                continue
            agents = self.agents_of(leg, source)
            reach = _reach(leg, call) if self._on(leg) else Reach.GROUP
            unknown = reach is Reach.GROUP and len(agents) > 1 and leg.state.taken  # nobody says who took it
            passed_on = leg.state is CallState.TRANSFERRED  # she is out of it, though nobody took it yet
            state: CallState = CallState.ENDED if unknown or passed_on else leg.state
            for agent in agents:
                if agent in callers and state is CallState.RINGING:  # it rings at the other end
                    continue
                rung = Rung(state, reach, leg.answered_at, self._passed_by(leg, call))
                if agent not in reached or _alive(rung.state) > _alive(reached[agent].state):
                    reached[agent] = rung
        if any(leg.phone or leg.agent for leg in call.legs) or direction is not Direction.INBOUND:
            return reached
        state = call.state or CallState.RINGING
        called = self._called(call.line or "")
        group = called or self.group(call.queue or "", source)
        if state.taken and len(group) > 1:  # nobody says who took it
            state = CallState.ENDED
        return dict.fromkeys(group, Rung(state, Reach.PHONE if called else Reach.GROUP, call.answered_at))

    def _calling(self, call: Call) -> dict[str, Rung]:
        """Who of us makes this call, once she talks."""
        reached: dict[str, Rung] = {}
        talking = call.state is not None and call.state.taken
        for leg in call.legs:
            on = talking and leg.state in (CallState.ANSWERED, CallState.HELD)
            if not on and leg.state not in (CallState.TRANSFERRED, CallState.ENDED):
                continue
            for agent in self._on(leg):
                rung = Rung(leg.state if on and leg.state else CallState.ENDED, answered_at=leg.answered_at)
                if agent not in reached or _alive(rung.state) > _alive(reached[agent].state):
                    reached[agent] = rung
        if not reached and call.state is not None and call.state.taken:
            callers = [
                agent for each in call.participants or () if each.role.begins for agent in self._called(each.handle)
            ]
            if len(callers) == 1:
                reached[callers[0]] = Rung(call.state, answered_at=call.answered_at)
        return reached

    def _on(self, leg: Leg) -> tuple[str, ...]:
        named = self.agents_at(leg.agent) if leg.agent else ()
        return named or (self.agents_at(leg.phone) if leg.phone else ())

    def _called(self, handle: str) -> tuple[str, ...]:
        return self.agents_at(handle) if handle else ()

    def _rings(self, source: str) -> tuple[str, ...]:
        return self.lines.get(source, Line()).rings

    def _shared(self, phone: str, source: str) -> bool:
        return phone in self.lines.get(source, Line()).ours

    def _passed_by(self, leg: Leg, call: Call) -> str:
        """The agent whose phone passed the call on to *leg*."""
        by = next((each for each in call.legs if each.id == leg.by), None) if leg.by else None
        agents = self._on(by) if by else ()
        return agents[0] if len(agents) == 1 else ""


def _reach(leg: Leg, call: Call) -> Reach:
    of_queue = leg.joined is Joined.QUEUE or (leg.joined is None and bool(call.queue))
    return Reach.GROUP_PHONE if of_queue else Reach.PHONE


def _alive(state: CallState) -> int:
    """Of several phones of one agent the answered one counts, then one that still rings, then one that stopped."""
    return -1 if state is CallState.ENDED else state.rank
