"""The tables of the config file that are about colleagues and their teams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel

from hub import config_values as values
from hub.config_reader import STRICT, Reader
from hub.inbox.teams import Assign, Team
from hub.vocabulary import Agent


class AgentTable(BaseModel):
    """`[agents.<id>]`: a colleague."""

    model_config = STRICT

    name: str
    handles: list[str] = []
    extensions: list[str] = []
    hours: str = ""
    skills: list[str] = []
    languages: list[str] = []
    stand_in: str = ""


class TeamTable(BaseModel):
    """`[teams.<id>]`: colleagues who share conversations."""

    model_config = STRICT

    name: str = ""
    agents: list[str] = []
    assign: Literal["by-hand", "round-robin", "least-busy"] = "by-hand"


def read_agents(reader: Reader) -> dict[str, Agent]:
    """The colleagues. A handle or an extension belongs to one of them only, or nobody would know who rings."""
    agents: dict[str, Agent] = {}
    owner: dict[str, str] = {}
    for name, table in reader.tables("agents"):
        path = f"agents.{values.quoted(name)}"
        agent = reader.checked(path, AgentTable, table)
        if agent is None:
            continue
        handles = reader.all(f"{path}.handles", agent.handles, reader.handle)
        extensions = reader.all(f"{path}.extensions", agent.extensions, reader.extension)
        for kind, some in (("handles", handles), ("extensions", extensions)):
            for place, one in enumerate(some):
                if owner.setdefault(one, name) != name:
                    cure = 'Give it to one of them; a shared line stands in its source\'s "ours", with "rings".'
                    reader.wrong(f"{path}.{kind}[{place}]", f"{one} is {owner[one]}'s already. {cure}")
        reader.named(f"{path}.hours", agent.hours, "hours")
        if agent.stand_in:
            reader.agent(f"{path}.stand_in", agent.stand_in, reader.section("agents"))
        agents[name] = Agent(
            name,
            agent.name,
            handles,
            extensions,
            hours=agent.hours,
            skills=frozenset(agent.skills),
            languages=reader.all(f"{path}.languages", agent.languages, values.language_tag),
            stand_in=agent.stand_in,
        )
    return agents


def read_teams(reader: Reader, agents: Mapping[str, Agent]) -> dict[str, Team]:
    """The teams."""
    teams = {}
    for name, table in reader.tables("teams"):
        path = f"teams.{values.quoted(name)}"
        team = reader.checked(path, TeamTable, table)
        if team is None:
            continue
        for place, agent in enumerate(team.agents):
            reader.agent(f"{path}.agents[{place}]", agent, agents)
        if team.assign != "by-hand" and not team.agents:
            reader.wrong(f"{path}.agents", f'must name who takes turns. Name somebody, or remove "{team.assign}".')
        people = tuple(dict.fromkeys(agent for agent in team.agents if agent in agents))
        teams[name] = Team(name, team.name or name, people, Assign(team.assign))
    return teams
