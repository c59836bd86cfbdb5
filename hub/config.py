"""The config file: read in two passes, first the frame, then each source's own settings through its plug-in.

Whatever is wrong is said at once, one line each, with the TOML path and the cure. What is wrong with the frame stops
the start (`ConfigError`); a source that is wrong is left out, stands among `Config.problems`, and the others go on.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from hub import config_values as values
from hub import registry
from hub.alerts.rules import RuleTable
from hub.booking.types import EventType, Form
from hub.config_alerts import AlertsConfig, AlertsTable, read_alerts
from hub.config_booking import BookingConfig, BookingTable, read_booking
from hub.config_calls import CallsTable, HoursTable, LineTable, Telephony, read_plans, read_telephony
from hub.config_reader import STRICT, Reader
from hub.config_reader import ConfigError as ConfigError
from hub.config_reader import Problem as Problem
from hub.config_sources import CrmConfig, CrmTable, read_crm, read_oauth, read_sources
from hub.config_sources import SourceConfig as SourceConfig
from hub.config_sources import SourceTable as SourceTable
from hub.config_staff import AgentTable, TeamTable, read_agents, read_teams
from hub.config_texts import TemplateConfig, TemplateTable, read_templates
from hub.config_watch import WatchConfig, WatchTable, read_watch
from hub.config_ways import WayConfig, WayTable, read_ways
from hub.contracts import (
    Adapter,
    Calendar,
    Connector,
    Dialer,
    Door,
    Fetcher,
    Loan,
    Misconfigured,
    Profiles,
    Recorder,
    Sender,
    Settings,
    Setup,
    Teller,
    Webhook,
)
from hub.grants import keys as token_keys
from hub.grants.apps import App, OAuthTable
from hub.inbox.teams import Team
from hub.privacy.mail_rules import Internal
from hub.references import Secrets
from hub.routing.plan import Plan
from hub.routing.tables import PlanTable
from hub.vocabulary import Agent

Value = TypeVar("Value")
Lend = Callable[[str], Loan]
"""What the running hub lends to the plug-ins of the source of that name."""


class HubTable(BaseModel):
    """`[hub]`: the hub itself."""

    model_config = STRICT

    listen: str = "127.0.0.1:8080"
    public_url: str = ""
    store: str = "sqlite:///data/hub.sqlite3"
    redis: str = ""
    region: str = ""
    timezone: str = "UTC"
    languages: list[str] = list(values.LANGUAGES)
    key: str = ""


class PrivacyTable(BaseModel):
    """`[privacy]`: what is never recorded."""

    model_config = STRICT

    never_log: list[str] = []
    internal: Literal["record", "metadata", "skip"] = "record"
    domains: list[str] = []
    skip_folders: list[str] = []
    skip_headers: list[str] = ["Sensitivity: Private", "Sensitivity: Personal"]


class InboxTable(BaseModel):
    """`[inbox]`: how conversations are worked on. Seconds and hours."""

    model_config = STRICT

    undo_seconds: int = Field(10, ge=0, le=120)
    amber_hours: float = Field(4, gt=0)
    red_hours: float = Field(24, gt=0)
    authenticated_by: list[str] = []


TABLES: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "hub": HubTable,
        "privacy": PrivacyTable,
        "inbox": InboxTable,
        "calls": CallsTable,
        "hours": HoursTable,
        "lines": LineTable,
        "templates": TemplateTable,
        "agents": AgentTable,
        "teams": TeamTable,
        "sources": SourceTable,
        "oauth": OAuthTable,
        "plans": PlanTable,
        "booking": BookingTable,
        "event_types": EventType,
        "booking_forms": Form,
        "watch": WatchTable,
        "alerts": AlertsTable,
        "rules": RuleTable,
        "ways": WayTable,
        "crm": CrmTable,
    }
)
"""The tables of the file. All but `hub`, `privacy`, `inbox`, `calls`, `booking`, `watch` and `alerts` hold one such for
each name."""


@dataclass(frozen=True, slots=True)
class Plugins:
    """The plug-ins of one source, ready to run."""

    connector: Connector | None
    door: Door | None
    webhook: Webhook | None
    sender: Sender | None
    dialer: Dialer | None = None
    recorder: Recorder | None = None
    calendar: Calendar | None = None
    fetcher: Fetcher | None = None
    profiles: Profiles | None = None
    teller: Teller | None = None


@dataclass(frozen=True, slots=True)
class InboxConfig:
    """A letter can be called back for *undo_seconds*; what waits for us turns amber after *amber_hours*, then red.
    *authenticated_by* are the mail servers of ours whose word on who wrote a mail is believed (`authserv-id`)."""

    undo_seconds: int = 10
    amber_hours: float = 4
    red_hours: float = 24
    authenticated_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is kept of mail: see `hub.privacy.mail_rules`. *never_log* are handles (`mailto:…`, `tel:…`) and mail
    domains (`example.org`) of which nothing is ever recorded, on any channel."""

    never_log: tuple[str, ...] = ()
    internal: Internal = Internal.RECORD
    domains: tuple[str, ...] = ()
    skip_folders: tuple[str, ...] = ()
    skip_headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file, checked. *problems* name the sources that were left out, *left_out* the agents whose calendars
    these are; *secrets* are what no log may hold."""

    path: Path
    listen: str
    public_url: str
    store: str = field(repr=False)
    redis: str = field(repr=False)
    region: str
    timezone: str
    languages: tuple[str, ...]
    sources: Mapping[str, SourceConfig]
    agents: Mapping[str, Agent]
    teams: Mapping[str, Team]
    inbox: InboxConfig
    telephony: Telephony
    plans: Mapping[str, Plan]
    booking: BookingConfig
    watch: WatchConfig
    alerts: AlertsConfig
    ways: Mapping[str, WayConfig]
    templates: Mapping[str, TemplateConfig]
    oauth: Mapping[str, App]
    keys: tuple[bytes, ...] = field(repr=False)
    crm: Mapping[str, CrmConfig]
    privacy: Privacy
    problems: tuple[Problem, ...]
    secrets: frozenset[str] = field(repr=False)
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of *listen*."""
        return values.listen(self.listen)

    @property
    def store_path(self) -> Path | None:
        """The SQLite file, None where the store is a PostgreSQL."""
        return Path(self.store.removeprefix("sqlite:///")) if self.store.startswith("sqlite:///") else None

    def zone(self, agent: str) -> ZoneInfo:
        """The zone in which a colleague works: that of her hours, else the hub's own."""
        hours = self.agents[agent].hours if agent in self.agents else ""
        return self.telephony.hours[hours].zone if hours else ZoneInfo(self.timezone)

    def webhook_url(self, source: str) -> str:
        """Where the provider of *source* reaches us, and what it signs."""
        return f"{self.public_url}/webhooks/{source}"

    def built(self, lend: Lend | None = None) -> tuple[dict[str, Plugins], tuple[Problem, ...]]:
        """The plug-ins of every source, and what is wrong: the file's problems and what plug-ins say of theirs. *lend*
        answers what the running hub lends to the source of that name."""
        plugins, problems = {}, list(self.problems)
        for name in self.sources:
            try:
                plugins[name] = self.plugins(name, lend)
            except Misconfigured as verdict:
                problems.append(Problem(f"sources.{name}", str(verdict), source=name))
        return plugins, tuple(problems)

    def plugins(self, source: str, lend: Lend | None = None) -> Plugins:
        """The plug-ins of *source*, newly built. Raises what their constructors raise (`Misconfigured`)."""
        config = self.sources[source]
        theirs = [handle for agent in config.agents for handle in self.agents[agent].handles]
        setup = Setup(
            name=config.name,
            region=self.region,
            ours=tuple(dict.fromkeys((*config.ours, *theirs))),
            rings=config.rings,
            agents=tuple(self.agents.values()),
            webhook_url=self.webhook_url(source),
            loan=lend(source) if lend else None,
            plan=config.plan,
            zone=self.zone(config.agents[0]).key if config.agents else self.timezone,
        )

        def build(plugin: Callable[..., Value] | None, settings: Settings | None) -> Value | None:
            return None if plugin is None else plugin(settings, setup)

        def of(plugin: type[registry.Plugin] | None) -> Settings | None:
            return None if plugin is None else config.typed[plugin.Settings]

        offers = config.offers
        connector = build(offers.connector, of(offers.connector))
        return Plugins(
            connector=connector if connector is not None and connector.ready else None,
            door=build(offers.door, of(offers.door)),
            webhook=build(offers.webhook, of(offers.webhook)),
            sender=build(offers.sender, of(offers.sender)),
            dialer=build(offers.dialer, of(offers.dialer)),
            recorder=build(offers.recorder, of(offers.recorder)),
            calendar=build(offers.calendar, of(offers.calendar)),
            fetcher=build(offers.fetcher, of(offers.fetcher)),
            profiles=build(offers.profiles, of(offers.profiles)),
            teller=build(offers.teller, of(offers.teller)),
        )

    def adapters(self) -> tuple[dict[str, Adapter], tuple[Problem, ...]]:
        """The adapter of every CRM, newly built, and what is wrong with those that cannot be (`Problem.source` names
        the CRM)."""
        adapters, problems = {}, []
        for name, crm in self.crm.items():
            setup = Setup(
                name=name, region=self.region, ours=(), rings=(), agents=tuple(self.agents.values()), webhook_url=""
            )
            try:
                adapters[name] = crm.offers(crm.settings, setup)
            except Misconfigured as verdict:
                problems.append(Problem(f"crm.{name}", str(verdict), source=name))
        return adapters, tuple(problems)


def load(path: Path | str, environ: Mapping[str, str] | None = None) -> Config:
    """The checked config of the TOML file at *path*. Raises `ConfigError` with all that is wrong with the frame."""
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        cure = "there is no such file. Go to the hub's folder, or name the file with --config PATH."
        raise ConfigError(path, (Problem("", cure),)) from None
    except OSError as error:
        raise ConfigError(path, (Problem("", f"cannot be read: {error.strerror}."),)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(path, (Problem("", f"is not UTF-8 (byte {error.start}). Save it as UTF-8."),)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, (Problem("", f"is not valid TOML: {error}."),)) from error
    return _config(Reader(path, document, os.environ if environ is None else environ))


def _config(reader: Reader) -> Config:
    """Both passes. Raises `ConfigError`."""
    for key in reader.document:
        if key not in TABLES:
            reader.wrong(values.quoted(key), values.unknown(key, TABLES, "table"))
    hub = reader.checked("hub", HubTable, reader.section("hub")) or HubTable()
    reader.region = reader.value("hub.region", "", values.region, hub.region)
    reader.value("hub.listen", ("", 0), values.listen, hub.listen)
    reader.timezone = reader.value("hub.timezone", "UTC", values.timezone, hub.timezone)
    telephony = read_telephony(reader)
    agents = read_agents(reader)
    teams = read_teams(reader, agents)
    sources = read_sources(reader, agents)
    config = Config(
        path=reader.path,
        listen=hub.listen,
        public_url=reader.value("hub.public_url", "", values.public_url, hub.public_url)
        if hub.public_url
        else f"http://{hub.listen}",
        store=reader.url("hub.store", hub.store, lambda text: values.store(text, reader.folder)),
        redis=reader.url("hub.redis", hub.redis, values.redis),
        region=reader.region,
        timezone=reader.timezone,
        languages=reader.all("hub.languages", hub.languages or ["en"], values.language),
        sources=MappingProxyType(sources),
        agents=MappingProxyType(agents),
        teams=MappingProxyType(teams),
        inbox=_inbox(reader),
        telephony=telephony,
        plans=MappingProxyType(read_plans(reader, agents, teams)),
        booking=read_booking(reader, agents),
        watch=read_watch(reader),
        alerts=read_alerts(reader),
        ways=MappingProxyType(read_ways(reader)),
        templates=MappingProxyType(read_templates(reader)),
        oauth=MappingProxyType(read_oauth(reader)),
        keys=_keys(reader, hub.key),
        crm=MappingProxyType(read_crm(reader)),
        privacy=_privacy(reader),
        problems=tuple(reader.problems),
        secrets=frozenset(reader.secrets),
        left_out={
            name: tuple(agent for agent in named if agent in agents)
            for name, table in reader.section("sources").items()
            if name not in sources and isinstance(table, dict) and isinstance(named := table.get("agents", []), list)
        },
    )
    if any(not problem.source for problem in reader.problems):
        raise ConfigError(reader.path, tuple(reader.problems))
    return config


def _inbox(reader: Reader) -> InboxConfig:
    """How conversations are worked on."""
    table = reader.checked("inbox", InboxTable, reader.section("inbox")) or InboxTable()
    if table.red_hours < table.amber_hours:
        reader.wrong("inbox.red_hours", f"must not be less than amber_hours, which is {table.amber_hours:g}.")
    servers = frozenset(name.lower() for name in table.authenticated_by)
    return InboxConfig(table.undo_seconds, table.amber_hours, table.red_hours, servers)


def _keys(reader: Reader, reference: str) -> tuple[bytes, ...]:
    """The keys behind *reference*, with which tokens are encrypted; none where there is no reference."""
    if not reference:
        return ()
    secrets = Secrets(reader.folder, reader.environ)
    text = secrets.secret(reference, "hub.key")
    for where, message in secrets.problems:
        reader.wrong(where, message)
    if text is None:
        return ()
    reader.secrets.update(text.replace(",", " ").split())
    return reader.value("hub.key", (), token_keys.read, text)


def _privacy(reader: Reader) -> Privacy:
    """What is never recorded."""
    table = reader.checked("privacy", PrivacyTable, reader.section("privacy")) or PrivacyTable()
    rules = reader.all("privacy.never_log", table.never_log, lambda text: values.handle_or_domain(text, reader.region))
    return Privacy(
        rules,
        Internal(table.internal),
        reader.all("privacy.domains", table.domains, values.domain),
        tuple(name.casefold().rstrip("/.") for name in table.skip_folders),
        tuple(
            header
            for place, text in enumerate(table.skip_headers)
            if all(header := reader.value(f"privacy.skip_headers[{place}]", ("", ""), values.header, text))
        ),
    )
