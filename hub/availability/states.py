"""Whether an agent can be reached at a moment, and why: pure over what is stored and the config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hub.hours import Hours
from hub.vocabulary import Agent


class State(StrEnum):
    """How an agent can be reached; where several hold, the first of them is shown."""

    ABSENT = "absent"  # she is out of the office
    DND = "dnd"  # she says: do not disturb
    BUSY = "busy"  # she is on a call
    WRAPPING = "wrapping"  # her wrap-up time runs
    OFF = "off"  # outside her working hours
    AWAY = "away"  # she says so: not at her desk
    AVAILABLE = "available"


DECLARED = (State.AVAILABLE, State.AWAY, State.DND)
"""What an agent says of herself; everything else follows from what happens."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What an agent said, and until when it holds (None: until she says otherwise)."""

    state: State
    until: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Away:
    """An absence that runs now: until when, who stands in ("" where the row does not say), and why."""

    until: datetime
    stand_in: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of all agents, by id: what they *declared*, who is *absent* now, who is *talking* in which
    interaction, and who is *wrapping* up which one, until when. Times are UTC."""

    declared: Mapping[str, Declared] = field(default_factory=dict)
    absent: Mapping[str, Away] = field(default_factory=dict)
    talking: Mapping[str, int] = field(default_factory=dict)
    wrapping: Mapping[str, tuple[int, datetime]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rota:
    """Who works when, as the config says: the agents, and the hours by name."""

    agents: Mapping[str, Agent] = field(default_factory=dict)
    hours: Mapping[str, Hours] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How *agent* stands. *holds* are all the states that are true of her, *state* the one that is shown, *until* when
    that ends by itself (UTC, None: unknown).

    *why* is a message id with its facts, so that each reader sees it in her language: `available`, `said:away`,
    `said:dnd`, `on-a-call:<interaction>`, `wraps-up:<interaction>`, `outside-hours:<name of the hours>`, `absent`.
    *note* is what she or whoever entered the absence wrote. *stand_in* takes her place while she is absent or off,
    "" where nobody does.
    """

    agent: str
    state: State
    why: str
    holds: frozenset[State] = frozenset()
    until: datetime | None = None
    note: str = ""
    stand_in: str = ""

    @property
    def free(self) -> bool:
        """Whether the next call of a group may be offered to her."""
        return self.state is State.AVAILABLE

    @property
    def out(self) -> bool:
        """Whether somebody stands in for her: she is absent, or it is outside her hours."""
        return State.ABSENT in self.holds or State.OFF in self.holds

    @property
    def present(self) -> bool:
        """Whether work may be given to her though she may be busy: she is not out, and may be disturbed."""
        return not self.out and State.DND not in self.holds


def standings(rota: Rota, known: Known, now: datetime, agents: Iterable[str] | None = None) -> dict[str, Standing]:
    """How each of *agents* (None: all of the rota) stands at *now* (aware). Agents that the config does not know are
    left out."""
    clock = _Clock(rota.hours, now)
    wanted = rota.agents if agents is None else [each for each in agents if each in rota.agents]
    return {each: _standing(rota.agents[each], known, clock) for each in wanted}


def stands_in(agent: str, everybody: Mapping[str, Standing]) -> str:
    """Who takes the place of *agent*: herself while she is not out, else her stand-in, or that one's, and so on; ""
    where none of them is there."""
    seen: set[str] = set()
    while agent and agent not in seen:
        seen.add(agent)
        standing = everybody.get(agent)
        if standing is None:
            return ""
        if not standing.out:
            return agent
        agent = standing.stand_in
    return ""


@dataclass(slots=True)
class _Clock:
    """The hours at one moment: agents share them, and each is asked once."""

    hours: Mapping[str, Hours]
    now: datetime
    _opens: dict[str, datetime | None] = field(default_factory=dict)

    def closed(self, name: str) -> bool:
        return bool(name) and name in self.hours and self.opens(name) != self.now

    def opens(self, name: str) -> datetime | None:
        if name not in self._opens:
            self._opens[name] = self.hours[name].next_open(self.now)
        return self._opens[name]


def _standing(agent: Agent, known: Known, clock: _Clock) -> Standing:
    said = known.declared.get(agent.id)
    if said is not None and said.until is not None and said.until <= clock.now:
        said = None
    absence = known.absent.get(agent.id)
    # Who says until when she is there means it, whatever her usual hours are.
    here = said is not None and said.state is State.AVAILABLE and said.until is not None
    holds = {State.ABSENT} if absence else set()
    if said is not None and said.state is not State.AVAILABLE:
        holds.add(said.state)
    if agent.id in known.talking:
        holds.add(State.BUSY)
    if agent.id in known.wrapping:
        holds.add(State.WRAPPING)
    if clock.closed(agent.hours) and not here:
        holds.add(State.OFF)
    state = next((each for each in State if each in holds), State.AVAILABLE)
    why, until, note = state.value, None, ""
    if state is State.ABSENT and absence:
        until, note = absence.until, absence.note
    elif state is State.BUSY:
        why = f"on-a-call:{known.talking[agent.id]}"
    elif state is State.WRAPPING:
        interaction_id, until = known.wrapping[agent.id]
        why = f"wraps-up:{interaction_id}"
    elif state is State.OFF:
        why, until = f"outside-hours:{agent.hours}", clock.opens(agent.hours)
    elif said is not None:
        why = state.value if state is State.AVAILABLE else f"said:{state}"
        until, note = said.until, said.note
    out = not holds.isdisjoint((State.ABSENT, State.OFF))
    stand_in = ((absence.stand_in if absence else "") or agent.stand_in) if out else ""
    return Standing(
        agent=agent.id,
        state=state,
        why=why,
        holds=frozenset(holds),
        until=until,
        note=note,
        stand_in=stand_in,
    )
