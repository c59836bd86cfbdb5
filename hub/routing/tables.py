"""`[plans.<name>]` in the config file: read, and checked as a whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hub.config_values import quoted
from hub.routing import plan as nodes
from hub.routing.plan import Node, People, Plan, Rule, Strategy, Target, When, exits, idle_exits
from hub.vocabulary import Prompt

Wrong = Callable[[str, str], None]
"""Takes the TOML path and what is wrong there."""

Words = str | dict[str, str]
"""What is said: one text, or one for each language. A text that begins with `audio:` names a recording."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PlanTable(_Table):
    """`[plans.<name>]`: a routing plan. Its nodes have tables of their own, by `kind`."""

    start: str
    record_says: Words = ""
    nodes: dict[str, dict[str, Any]]


class _Ringing(_Table):
    agents: list[str] = []
    team: str = ""
    skill: str = ""
    then: str
    strategy: Literal["all", "in-turn", "least-busy"] = "all"
    seconds: int = Field(20, ge=5, le=120)
    record: bool = False
    say: Words = ""


class OpenTable(_Table):
    """Opening hours decide."""

    kind: Literal["hours"]
    hours: str
    open: str
    closed: str


class SayTable(_Table):
    """Words."""

    kind: Literal["say"]
    say: Words
    then: str


class MenuTable(_Table):
    """A key decides."""

    kind: Literal["menu"]
    say: Words
    choices: dict[str, str]
    otherwise: str
    tries: int = Field(2, ge=1, le=5)
    seconds: int = Field(6, ge=2, le=30)


class RouteTable(_Table):
    """Who calls decides."""

    kind: Literal["route"]
    rules: list[dict[str, str]]
    otherwise: str


class RingTable(_Ringing):
    """Phones ring."""

    kind: Literal["ring"]
    owner: bool = False


class QueueTable(_Ringing):
    """Callers wait."""

    kind: Literal["queue"]
    strategy: Literal["all", "in-turn", "least-busy"] = "least-busy"
    most_seconds: int = Field(300, ge=10, le=3600)
    music: str = ""
    position: Words = ""


class VoicemailTable(_Table):
    """The caller leaves a message."""

    kind: Literal["voicemail"]
    say: Words
    seconds: int = Field(120, ge=5, le=600)


class EndTable(_Table):
    """It ends."""

    kind: Literal["hang-up"]
    say: Words = ""
    busy: bool = False


_NodeTable = OpenTable | SayTable | MenuTable | RouteTable | RingTable | QueueTable | VoicemailTable | EndTable
_NODE: TypeAdapter[_NodeTable] = TypeAdapter(Annotated[_NodeTable, Field(discriminator="kind")])
_KEYS = "0123456789*#"


def read(
    name: str,
    path: str,
    table: PlanTable,
    wrong: Wrong,
    *,
    hours: Collection[str],
    agents: Mapping[str, Collection[str]],
    teams: Mapping[str, Collection[str]],
) -> Plan | None:
    """The plan in *table* at *path*; None where something is wrong, which *wrong* is told. *agents* have their skills,
    *teams* their agents."""
    problems: list[tuple[str, str]] = []
    reader = _Reader(path, problems, hours, agents, teams)
    found = {node: read for node, text in table.nodes.items() if (read := reader.node(node, text)) is not None}
    made = Plan(name, table.start, found, words(table.record_says))
    if not problems:
        reader.whole(made)
    for where, message in problems:
        wrong(where, message)
    return None if problems else made


class _Reader:
    def __init__(
        self,
        path: str,
        problems: list[tuple[str, str]],
        hours: Collection[str],
        agents: Mapping[str, Collection[str]],
        teams: Mapping[str, Collection[str]],
    ) -> None:
        self._path = path
        self._problems = problems
        self._hours = hours
        self._agents = agents
        self._teams = teams

    def wrong(self, where: str, message: str) -> None:
        self._problems.append((f"{self._path}.{where}", message))

    def node(self, name: str, text: dict[str, Any]) -> Node | None:
        """One node."""
        where = f"nodes.{name}"
        if not name or not all((each.isalnum() and each.isascii()) or each in "-_" for each in name):
            self.wrong(where, "a node's name has only letters without accents, digits, - and _.")
            return None
        try:
            table = _NODE.validate_python(text)
        except ValidationError as error:
            for each in error.errors():
                kinds = "hours, say, menu, route, ring, queue, voicemail, hang-up"
                if each["type"].startswith("union_tag"):
                    self.wrong(f"{where}.kind", f"must be one of {kinds}.")
                else:
                    place = ".".join(str(part) for part in each["loc"][1:])
                    self.wrong(f"{where}.{place}", f"{each['msg'][0].lower()}{each['msg'][1:]}.")
            return None
        return self._node(where, table)

    def _node(self, where: str, table: _NodeTable) -> Node | None:
        match table:
            case OpenTable():
                if table.hours not in self._hours:
                    self.wrong(f"{where}.hours", f"there is no [hours.{table.hours}]. Add it, or name another.")
                return nodes.Open(hours=table.hours, open=table.open, closed=table.closed)
            case SayTable():
                return nodes.Say(say=words(table.say), then=table.then)
            case MenuTable():
                for key in table.choices:
                    if len(key) != 1 or key not in _KEYS:
                        self.wrong(f"{where}.choices", f'"{key}" is no key of a telephone. Keys are 0 to 9, * and #.')
                return nodes.Menu(
                    say=words(table.say),
                    choices=dict(table.choices),
                    otherwise=table.otherwise,
                    tries=table.tries,
                    seconds=table.seconds,
                )
            case RouteTable():
                rules = [self._rule(f"{where}.rules[{place}]", rule) for place, rule in enumerate(table.rules)]
                return nodes.Route(rules=tuple(filter(None, rules)), otherwise=table.otherwise)
            case RingTable():
                people = People(Target.OWNER) if table.owner else self._people(where, table)
                if table.owner and (table.agents or table.team or table.skill):
                    self.wrong(where, '"owner" stands alone. Remove it, or "agents", "team" and "skill".')
                return (
                    None
                    if people is None
                    else nodes.RingNode(
                        people=people,
                        then=table.then,
                        strategy=Strategy(table.strategy),
                        seconds=table.seconds,
                        record=table.record,
                        say=words(table.say),
                    )
                )
            case QueueTable():
                people = self._people(where, table)
                return (
                    None
                    if people is None
                    else nodes.QueueNode(
                        people=people,
                        then=table.then,
                        strategy=Strategy(table.strategy),
                        seconds=table.seconds,
                        most_seconds=table.most_seconds,
                        record=table.record,
                        say=words(table.say),
                        music=table.music,
                        position=words(table.position),
                    )
                )
            case VoicemailTable():
                return nodes.Voicemail(say=words(table.say), seconds=table.seconds)
            case EndTable():
                return nodes.End(say=words(table.say), busy=table.busy)

    def _people(self, where: str, table: _Ringing) -> People | None:
        said = [name for name in ("agents", "team", "skill") if getattr(table, name)]
        if len(said) != 1:
            self.wrong(where, 'must say who is to ring: one of "agents", "team" and "skill".')
            return None
        if table.agents:
            for place, agent in enumerate(table.agents):
                if agent not in self._agents:
                    self.wrong(f"{where}.agents[{place}]", f'there is no agent "{agent}". Add [agents.{agent}].')
            return People(Target.AGENTS, tuple(table.agents))
        if table.team:
            if table.team not in self._teams:
                self.wrong(f"{where}.team", f'there is no team "{table.team}". Add [teams.{table.team}].')
            return People(Target.TEAM, (table.team,))
        if not any(table.skill in skills for skills in self._agents.values()):
            self.wrong(f"{where}.skill", f'no agent has the skill "{table.skill}". Add it to her "skills".')
        return People(Target.SKILL, (table.skill,))

    def _rule(self, where: str, rule: Mapping[str, str]) -> Rule | None:
        text, _, what = rule.get("when", "").partition(":")
        if text not in set(When) or (bool(what) != (text in (When.LANGUAGE, When.NUMBER))):
            known = "known, owner, vip, open-case, language:<tag>, number:<beginning>"
            self.wrong(f"{where}.when", f"must be one of {known}.")
            return None
        if set(rule) != {"when", "then"}:
            self.wrong(where, 'a rule has "when" and "then", and nothing else.')
            return None
        return Rule(When(text), what, rule["then"])

    def whole(self, plan: Plan) -> None:
        """What only the whole plan shows: names that lead nowhere, nodes nobody reaches, circles without an end."""
        if plan.start not in plan.nodes:
            self.wrong("start", f'there is no node "{plan.start}". Name one of {", ".join(plan.nodes)}.')
            return
        if not plan.announcement:
            for name, node in plan.nodes.items():
                if isinstance(node, nodes.RingNode | nodes.QueueNode) and node.record:
                    self.wrong("record_says", f'is missing, and "{name}" records. Say here what the caller is told.')
        for name, node in plan.nodes.items():
            for key, then in _keys(node):
                if then not in plan.nodes:
                    self.wrong(f"nodes.{name}.{key}", f'leads to "{then}", and there is no such node.')
        if self._problems:
            return
        reached, ahead = set(), [plan.start]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead.extend(then for _, then in exits(plan.nodes[name]))
        for name in plan.nodes:
            if name not in reached:
                self.wrong(f"nodes.{name}", "is never reached. Lead to it, or remove it.")
        for name in plan.nodes:
            if name in _after(plan, name):
                self.wrong(
                    f"nodes.{name}",
                    "leads back to itself though the caller does nothing. Put a menu or a queue between.",
                )


def _keys(node: Node) -> Iterator[tuple[str, str]]:
    """The keys of a node's table that lead on, and where to."""
    match node:
        case nodes.Menu():
            for key, then in node.choices.items():
                yield f"choices.{quoted(key)}", then
            yield "otherwise", node.otherwise
        case nodes.Route():
            for place, rule in enumerate(node.rules):
                yield f"rules[{place}].then", rule.then
            yield "otherwise", node.otherwise
        case _:
            for why, then in exits(node):
                yield why if isinstance(node, nodes.Open) else "then", then


def _after(plan: Plan, name: str) -> set[str]:
    """The nodes that a caller comes to from *name* who does nothing."""
    found: set[str] = set()
    ahead = list(idle_exits(plan.nodes[name]))
    while ahead:
        node = ahead.pop()
        if node not in found:
            found.add(node)
            ahead.extend(idle_exits(plan.nodes[node]))
    return found


def words(said: Words) -> tuple[Prompt, ...]:
    """What is said, by language; `audio:` before a text makes it the name or address of a recording."""
    by_language = {"": said} if isinstance(said, str) else said
    return tuple(
        Prompt(audio=text.removeprefix("audio:").strip(), language=language)
        if text.startswith("audio:")
        else Prompt(text, language)
        for language, text in by_language.items()
        if text
    )
