"""Teams: whose conversations a source's are, and who of them gets a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hub.availability.states import Rota


class Assign(StrEnum):
    """How a team's new conversations find their owner."""

    BY_HAND = "by-hand"
    ROUND_ROBIN = "round-robin"
    LEAST_BUSY = "least-busy"


@dataclass(frozen=True, slots=True)
class Team:
    """Colleagues (*agents*, by id) who share conversations."""

    id: str
    name: str
    agents: tuple[str, ...] = ()
    assign: Assign = Assign.BY_HAND


@dataclass(frozen=True, slots=True)
class Assignment:
    """Whom a new conversation belongs to: the team of its source (*teams*, by the source's name), and the agent whose
    own address it was sent to or from (*agents*, by handle). *rota* says who works when: a team's new conversation
    goes to somebody who is there."""

    teams: Mapping[str, Team] = field(default_factory=dict)
    agents: Mapping[str, str] = field(default_factory=dict)
    rota: Rota = field(default_factory=Rota)
