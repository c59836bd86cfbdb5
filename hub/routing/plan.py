"""What a routing plan is made of: nodes that lead to nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hub.inbox.teams import Team
from hub.vocabulary import Agent, Prompt

Prompts = tuple[Prompt, ...]
"""The same words in several languages: a caller hears the one that is hers, or else the first."""


class Strategy(StrEnum):
    """Which of several free agents rings."""

    ALL = "all"
    IN_TURN = "in-turn"
    LEAST_BUSY = "least-busy"


class Target(StrEnum):
    """Who is meant."""

    OWNER = "owner"
    AGENTS = "agents"
    TEAM = "team"
    SKILL = "skill"


class When(StrEnum):
    """What a rule asks of a caller."""

    KNOWN = "known"
    OWNER = "owner"  # somebody owns the contact, and is there herself or by a stand-in
    VIP = "vip"
    OPEN_CASE = "open-case"
    LANGUAGE = "language"  # with a language behind it: language:zh
    NUMBER = "number"  # with the beginning of a number behind it: number:+4930


@dataclass(frozen=True, slots=True)
class People:
    """Who is to ring: *names* are the ids of agents, of one team, or of one skill."""

    target: Target
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Opening hours decide."""

    hours: str
    open: str
    closed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Words, and then the next node."""

    say: Prompts
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """A key decides. After *tries* without a right one it goes on with *otherwise*."""

    say: Prompts
    choices: Mapping[str, str]
    otherwise: str
    tries: int = 2
    seconds: int = 6


@dataclass(frozen=True, slots=True)
class Rule:
    """*when* it holds (with *what* behind it), go on *then*."""

    when: When
    what: str
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Who calls decides: the first rule that holds."""

    rules: tuple[Rule, ...]
    otherwise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RingNode:
    """Phones ring; where nobody takes the call, or nobody is free, it goes on."""

    people: People
    then: str
    strategy: Strategy = Strategy.ALL
    seconds: int = 20
    record: bool = False
    say: Prompts = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNode:
    """Callers wait for the next free agent, the longest first, for at most *most_seconds*. *position* tells a caller
    which place in the queue she has, instead of `{position}`, whenever it changed."""

    people: People
    then: str
    strategy: Strategy = Strategy.LEAST_BUSY
    seconds: int = 20
    most_seconds: int = 300
    record: bool = False
    say: Prompts = ()
    music: str = ""
    position: Prompts = ()

    def label(self, node: str) -> str:
        """What this queue is called, where *node* is its name in the plan: the team's id, so that all queues of a team
        are one, else as the node."""
        return self.people.names[0] if self.people.target is Target.TEAM else node


@dataclass(frozen=True, slots=True, kw_only=True)
class Voicemail:
    """The caller leaves a message."""

    say: Prompts
    seconds: int = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """It ends, perhaps with words; *busy* is the busy tone."""

    say: Prompts = ()
    busy: bool = False


Node = Open | Say | Menu | Route | RingNode | QueueNode | Voicemail | End


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan: it begins at *start*. The *announcement* tells a caller that the call is recorded."""

    name: str
    start: str
    nodes: Mapping[str, Node]
    announcement: Prompts = ()


def exits(node: Node) -> Iterator[tuple[str, str]]:
    """Where *node* may lead: (what decides it, the next node)."""
    match node:
        case Open():
            yield "open", node.open
            yield "closed", node.closed
        case Say():
            yield "", node.then
        case Menu():
            yield from node.choices.items()
            yield "otherwise", node.otherwise
        case Route():
            for rule in node.rules:
                yield (f"{rule.when}:{rule.what}" if rule.what else rule.when), rule.then
            yield "otherwise", node.otherwise
        case RingNode() | QueueNode():
            yield "unanswered", node.then
        case Voicemail() | End():
            return


def idle_exits(node: Node) -> Iterator[str]:
    """Where *node* leads a caller who does nothing, and whom nobody takes. A circle of these would never end."""
    for why, then in exits(node):
        if not isinstance(node, Menu) or why == "otherwise":
            yield then


def members(people: People, agents: Mapping[str, Agent], teams: Mapping[str, Team]) -> tuple[str, ...]:
    """The ids of the agents that *people* means, whoever is there; those of an owner depend on the call."""
    match people.target:
        case Target.AGENTS:
            return people.names
        case Target.TEAM:
            return tuple(agent for name in people.names if name in teams for agent in teams[name].agents)
        case Target.SKILL:
            return tuple(each.id for each in agents.values() if not each.skills.isdisjoint(people.names))
        case Target.OWNER:
            return ()
