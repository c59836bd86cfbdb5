"""The tables of the config file that name plug-ins: sources, outside CRMs, and apps at OAuth providers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, Field

from hub import config_values as values
from hub import registry
from hub.config_reader import STRICT, Reader
from hub.contracts import Adapter, Settings, Setup
from hub.grants.apps import App, OAuthTable
from hub.vocabulary import Agent


class SourceTable(BaseModel):
    """`[sources.<name>]`: the keys every source has; the others are its plug-in's own."""

    model_config = STRICT

    provider: str
    ours: list[str] = []
    rings: list[str] = []
    oauth: str = ""
    account: str = ""
    canary_minutes: int = Field(0, ge=0)
    team: str = ""
    plan: str = ""
    agents: list[str] = []


class CrmTable(BaseModel):
    """`[crm.<name>]`: the key every CRM has; the others are its adapter's own."""

    model_config = STRICT

    adapter: str


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """A source: its addresses (*ours*, handles), whose screens it *rings* (agent ids), and its plug-in's *settings* as
    they stand in the file, where secrets are still references. *oauth* is the app that asks for permission to read it,
    "" where a password does, and *account* whoever gives it where that is another than the mailbox itreader. *team* is
    the team its new conversations belong to, "" for none. Every *canary_minutes* (0: never) it sends a test mail to
    itreader.
    *plan* is the routing plan by which the hub answers its calls, "" where it only observes them. *agents* are those
    whose time is taken by what lies in it, where it is a calendar.
    `Config.plugins` builds the plug-ins it *offers*."""

    name: str
    provider: str
    ours: tuple[str, ...]
    rings: tuple[str, ...]
    settings: Mapping[str, Any]
    oauth: str
    account: str
    canary_minutes: int
    team: str
    plan: str
    agents: tuple[str, ...]
    offers: registry.Provider = field(repr=False)
    typed: Mapping[type[Settings], Settings] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CrmConfig:
    """An outside CRM: its adapter's name and settings, and the class that `Config.adapters` builds with them."""

    name: str
    adapter: str
    settings: Settings = field(repr=False)
    offers: Callable[[Settings, Setup], Adapter] = field(repr=False)


def read_sources(reader: Reader, agents: Mapping[str, Agent]) -> dict[str, SourceConfig]:
    """The sources that are right. What is wrong with the others is among the problems, under their names."""
    sources = {}
    for name, table in reader.tables("sources"):
        before = len(reader.problems)
        source = _source(reader, name, table, agents)
        if source is not None and len(reader.problems) == before:
            sources[name] = source
    return sources


def _source(reader: Reader, name: str, table: dict[str, Any], agents: Mapping[str, Agent]) -> SourceConfig | None:
    """One source: the common keys, then its plug-in's."""
    path = f"sources.{values.quoted(name)}"
    common = {key: value for key, value in table.items() if key in SourceTable.model_fields}
    own = {key: value for key, value in table.items() if key not in SourceTable.model_fields}
    frame = reader.checked(path, SourceTable, common, source=name)
    if frame is None:
        return None
    ours = reader.all(f"{path}.ours", frame.ours, reader.handle, source=name)
    for place, agent in enumerate(frame.rings):
        reader.agent(f"{path}.rings[{place}]", agent, agents, name)
    if frame.team and frame.team not in (teams := reader.section("teams")):
        guess = registry.nearest(frame.team, teams)
        cure = f'Did you mean "{guess}"?' if guess else f"Add [teams.{frame.team}]."
        reader.wrong(f"{path}.team", f'there is no team "{frame.team}". {cure}', source=name)
    try:
        offers = _provider(reader, frame.provider)
    except registry.UnknownPlugin as error:
        reader.wrong(f"{path}.provider", str(error), source=name)
        return None
    except registry.BrokenPlugin as error:
        reader.wrong(f"{path}.provider", str(error))
        return None
    typed = reader.settings(path, offers.settings, own, [*SourceTable.model_fields], source=name)
    reader.named(f"{path}.plan", frame.plan, "plans", source=name)
    for place, agent in enumerate(frame.agents):
        reader.agent(f"{path}.agents[{place}]", agent, agents, name)
    if frame.oauth and frame.oauth not in (apps := reader.section("oauth")):
        guess = registry.nearest(frame.oauth, apps)
        cure = f'Did you mean "{guess}"?' if guess else f"Add [oauth.{frame.oauth}]."
        reader.wrong(f"{path}.oauth", f'there is no OAuth app "{frame.oauth}". {cure}', source=name)
    if frame.canary_minutes and not (offers.sender and any(each.startswith("mailto:") for each in ours)):
        cure = 'Only a source that sends mail and has a "mailto:…" in "ours" can send one to itreader.'
        reader.wrong(f"{path}.canary_minutes", f"there is no way round for a test mail. {cure}", source=name)
    return SourceConfig(
        name=name,
        provider=frame.provider,
        ours=tuple(dict.fromkeys((*ours, *(handle for settings in typed.values() for handle in settings.own)))),
        rings=tuple(frame.rings),
        settings=MappingProxyType(own),
        oauth=frame.oauth,
        account=frame.account,
        canary_minutes=frame.canary_minutes,
        team=frame.team,
        plan=frame.plan,
        agents=tuple(dict.fromkeys(agent for agent in frame.agents if agent in agents)),
        offers=offers,
        typed=MappingProxyType(typed),
    )


def _provider(reader: Reader, name: str) -> registry.Provider:
    """The plug-ins of provider *name*, looked up once for a thousand sources. Raises as `registry.provider`."""
    if name not in reader.providers:
        reader.providers[name] = registry.provider(name)
    return reader.providers[name]


def read_oauth(reader: Reader) -> dict[str, App]:
    """The apps at OAuth providers."""
    apps = {}
    for name, table in reader.tables("oauth"):
        typed = reader.settings(f"oauth.{values.quoted(name)}", (OAuthTable,), table, []).get(OAuthTable)
        if isinstance(typed, OAuthTable):
            apps[name] = App.of(name, typed)
    return apps


def read_crm(reader: Reader) -> dict[str, CrmConfig]:
    """The outside CRMs."""
    crm = {}
    for name, table in reader.tables("crm"):
        path = f"crm.{values.quoted(name)}"
        frame = reader.checked(path, CrmTable, {key: value for key, value in table.items() if key == "adapter"})
        if frame is None:
            continue
        own = {key: value for key, value in table.items() if key != "adapter"}
        try:
            adapter = registry.adapter(frame.adapter)
        except (registry.UnknownPlugin, registry.BrokenPlugin) as error:
            reader.wrong(f"{path}.adapter", str(error))
            continue
        typed = reader.settings(path, (adapter.Settings,), own, ["adapter"])
        if adapter.Settings in typed:
            crm[name] = CrmConfig(name, frame.adapter, typed[adapter.Settings], adapter)
    return crm
