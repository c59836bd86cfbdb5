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
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub import config_values as values
from hub import registry
from hub.booking.types import EventType, Form
from hub.config_booking import BookingConfig, BookingTable
from hub.config_calls import CallsConfig, CallsTable, HoursTable, LineConfig, LineTable, Recorded, Telephony
from hub.config_texts import TemplateConfig, TemplateTable
from hub.contracts import (
    Adapter,
    Calendar,
    Connector,
    Dialer,
    Door,
    Loan,
    Misconfigured,
    Recorder,
    Sender,
    Settings,
    Setup,
    Webhook,
)
from hub.grants import keys as token_keys
from hub.grants.apps import App, OAuthTable
from hub.hours import WEEKDAYS, Hours, Span, read_spans
from hub.inbox.teams import Assign, Team
from hub.privacy.mail_rules import Internal
from hub.references import Secrets, is_reference
from hub.routing.plan import Plan
from hub.routing.tables import PlanTable
from hub.routing.tables import read as read_plan
from hub.vocabulary import Agent

T = TypeVar("T", bound=BaseModel)
_NEVER: tuple[Span, ...] = ()
Value = TypeVar("Value")
Lend = Callable[[str], Loan]
"""What the running hub lends to the plug-ins of the source of that name."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class HubTable(_Table):
    """`[hub]`: the hub itself."""

    listen: str = "127.0.0.1:8080"
    public_url: str = ""
    store: str = "sqlite:///data/hub.sqlite3"
    redis: str = ""
    region: str = ""
    timezone: str = "UTC"
    languages: list[str] = list(values.LANGUAGES)
    key: str = ""


class PrivacyTable(_Table):
    """`[privacy]`: what is never recorded."""

    never_log: list[str] = []
    internal: Literal["record", "metadata", "skip"] = "record"
    domains: list[str] = []
    skip_folders: list[str] = []
    skip_headers: list[str] = ["Sensitivity: Private", "Sensitivity: Personal"]


class AgentTable(_Table):
    """`[agents.<id>]`: a colleague."""

    name: str
    handles: list[str] = []
    extensions: list[str] = []
    hours: str = ""
    skills: list[str] = []
    languages: list[str] = []
    stand_in: str = ""


class TeamTable(_Table):
    """`[teams.<id>]`: colleagues who share conversations."""

    name: str = ""
    agents: list[str] = []
    assign: Literal["by-hand", "round-robin", "least-busy"] = "by-hand"


class InboxTable(_Table):
    """`[inbox]`: how conversations are worked on. Seconds and hours."""

    undo_seconds: int = Field(10, ge=0, le=120)
    amber_hours: float = Field(4, gt=0)
    red_hours: float = Field(24, gt=0)
    authenticated_by: list[str] = []


class SourceTable(_Table):
    """`[sources.<name>]`: the keys every source has; the others are its plug-in's own."""

    provider: str
    ours: list[str] = []
    rings: list[str] = []
    oauth: str = ""
    account: str = ""
    canary_minutes: int = Field(0, ge=0)
    team: str = ""
    plan: str = ""
    agents: list[str] = []


class CrmTable(_Table):
    """`[crm.<name>]`: the key every CRM has; the others are its adapter's own."""

    adapter: str


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
        "crm": CrmTable,
    }
)
"""The tables of the file. All but `hub`, `privacy`, `inbox`, `calls` and `booking` hold one such for each name."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: the TOML *path*, one line that says what to do, and the *source* it concerns ("": the frame)."""

    path: str
    message: str
    source: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(Exception):
    """The hub cannot start with this file. The text has one line for each problem."""

    def __init__(self, path: Path, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))
        self.problems = problems


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


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """A source: its addresses (*ours*, handles), whose screens it *rings* (agent ids), and its plug-in's *settings* as
    they stand in the file, where secrets are still references. *oauth* is the app that asks for permission to read it,
    "" where a password does, and *account* whoever gives it where that is another than the mailbox itself. *team* is
    the team its new conversations belong to, "" for none. Every *canary_minutes* (0: never) it sends a test mail to
    itself.
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
    """The whole file, checked. *problems* name the sources that were left out; *secrets* are what no log may hold."""

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
    templates: Mapping[str, TemplateConfig]
    oauth: Mapping[str, App]
    keys: tuple[bytes, ...] = field(repr=False)
    crm: Mapping[str, CrmConfig]
    privacy: Privacy
    problems: tuple[Problem, ...]
    secrets: frozenset[str] = field(repr=False)

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
    return _Reader(path, document, os.environ if environ is None else environ).config()


class _Reader:
    """Reads one document and collects what is wrong with it."""

    def __init__(self, path: Path, document: dict[str, Any], environ: Mapping[str, str]) -> None:
        self.path = path
        self.folder = path.absolute().parent
        self.document = document
        self.environ = environ
        self.problems: list[Problem] = []
        self.secrets: set[str] = set()
        self.region = ""
        self.timezone = "UTC"
        self.providers: dict[str, registry.Provider] = {}

    def config(self) -> Config:
        """Both passes. Raises `ConfigError`."""
        for key in self.document:
            if key not in TABLES:
                self.wrong(values.quoted(key), values.unknown(key, TABLES, "table"))
        hub = self.checked("hub", HubTable, self.section("hub")) or HubTable()
        self.region = self.value("hub.region", "", values.region, hub.region)
        self.value("hub.listen", ("", 0), values.listen, hub.listen)
        self.timezone = self.value("hub.timezone", "UTC", values.timezone, hub.timezone)
        telephony = self.telephony()
        agents = self.agents()
        teams = self.teams(agents)
        sources = self.sources(agents)
        config = Config(
            path=self.path,
            listen=hub.listen,
            public_url=self.value("hub.public_url", "", values.public_url, hub.public_url)
            if hub.public_url
            else f"http://{hub.listen}",
            store=self.url("hub.store", hub.store, lambda text: values.store(text, self.folder)),
            redis=self.url("hub.redis", hub.redis, values.redis),
            region=self.region,
            timezone=self.timezone,
            languages=self.all("hub.languages", hub.languages or ["en"], values.language),
            sources=MappingProxyType(sources),
            agents=MappingProxyType(agents),
            teams=MappingProxyType(teams),
            inbox=self.inbox(),
            telephony=telephony,
            plans=MappingProxyType(self.plans(agents, teams)),
            booking=self.booking(agents),
            templates=MappingProxyType(self.templates()),
            oauth=MappingProxyType(self.oauth()),
            keys=self.keys(hub.key),
            crm=MappingProxyType(self.crm()),
            privacy=self.privacy(),
            problems=tuple(self.problems),
            secrets=frozenset(self.secrets),
        )
        if any(not problem.source for problem in self.problems):
            raise ConfigError(self.path, tuple(self.problems))
        return config

    def agents(self) -> dict[str, Agent]:
        """The colleagues. A handle or an extension belongs to one of them only, or nobody would know who rings."""
        agents: dict[str, Agent] = {}
        owner: dict[str, str] = {}
        for name, table in self.tables("agents"):
            path = f"agents.{values.quoted(name)}"
            agent = self.checked(path, AgentTable, table)
            if agent is None:
                continue
            handles = self.all(f"{path}.handles", agent.handles, self.handle)
            extensions = self.all(f"{path}.extensions", agent.extensions, self.extension)
            for kind, some in (("handles", handles), ("extensions", extensions)):
                for place, one in enumerate(some):
                    if owner.setdefault(one, name) != name:
                        cure = 'Give it to one of them; a shared line stands in its source\'s "ours", with "rings".'
                        self.wrong(f"{path}.{kind}[{place}]", f"{one} is {owner[one]}'s already. {cure}")
            self.named(f"{path}.hours", agent.hours, "hours")
            if agent.stand_in:
                self.agent(f"{path}.stand_in", agent.stand_in, self.section("agents"))
            agents[name] = Agent(
                name,
                agent.name,
                handles,
                extensions,
                hours=agent.hours,
                skills=frozenset(agent.skills),
                languages=self.all(f"{path}.languages", agent.languages, values.language_tag),
                stand_in=agent.stand_in,
            )
        return agents

    def telephony(self) -> Telephony:
        """What is said of calls, hours and lines."""
        hours = {}
        for name, table in self.tables("hours"):
            path = f"hours.{values.quoted(name)}"
            if (read := self.checked(path, HoursTable, table)) is not None:
                hours[name] = self.opening(name, path, read)
        lines = {}
        for number, table in self.section("lines").items():
            path = f"lines.{values.quoted(number)}"
            handle = self.value(path, "", self.handle, number)
            line = self.checked(path, LineTable, table) if isinstance(table, dict) else None
            if not isinstance(table, dict):
                self.wrong(path, f"must be a table. Write [{path}] and its keys below.")
            if handle and line is not None:
                record = Recorded(line.record)
                lines[handle] = LineConfig(handle, line.name, record, line.voicemail, line.keep_days)
        return Telephony(self.calls(), MappingProxyType(hours), MappingProxyType(lines))

    def plans(self, agents: Mapping[str, Agent], teams: Mapping[str, Team]) -> dict[str, Plan]:
        """The routing plans."""
        plans = {}
        for name, table in self.tables("plans"):
            path = f"plans.{values.quoted(name)}"
            read = self.checked(path, PlanTable, table)
            made = read and read_plan(
                name,
                path,
                read,
                self.wrong,
                hours=self.section("hours"),
                agents={agent.id: agent.skills for agent in agents.values()},
                teams={team.id: team.agents for team in teams.values()},
            )
            if made:
                plans[name] = made
        return plans

    def booking(self, agents: Mapping[str, Agent]) -> BookingConfig:
        """How appointments are booked, the event types, and the forms that lead to them."""
        table = self.checked("booking", BookingTable, self.section("booking")) or BookingTable()
        self.named("booking.mails_from", table.mails_from, "sources")
        self.named("booking.texts_from", table.texts_from, "sources")
        types, forms = {}, {}
        for slug, written in self.tables("event_types"):
            path = f"event_types.{values.quoted(slug)}"
            if (read := self.checked(path, EventType, written)) is None:
                continue
            for place, agent in enumerate(read.hosts):
                self.agent(f"{path}.hosts[{place}]", agent, agents)
            self.named(f"{path}.hours", read.hours, "hours")
            self.named(f"{path}.team", read.team, "teams")
            types[slug] = read
        for slug, written in self.tables("booking_forms"):
            path = f"booking_forms.{values.quoted(slug)}"
            if (form := self.checked(path, Form, written)) is None:
                continue
            for place, route in enumerate(form.routes):
                where = f"{path}.routes[{place}]"
                if route.host:
                    self.agent(f"{where}.host", route.host, agents)
            forms[slug] = form
        return BookingConfig(
            mails_from=table.mails_from,
            texts_from=table.texts_from,
            company=table.company,
            stale_minutes=table.stale_minutes,
            hold_minutes=table.hold_minutes,
            new_contacts=table.new_contacts,
            origins=self.all("booking.origins", table.origins, values.origin),
            refused_domains=tuple(domain.lower() for domain in table.refused_domains),
            types=MappingProxyType(types),
            forms=MappingProxyType(forms),
        )

    def opening(self, name: str, path: str, table: HoursTable) -> Hours:
        """One table of hours."""
        zone = self.value(f"{path}.timezone", "UTC", values.timezone, table.timezone or self.timezone)
        week = [self.value(f"{path}.{day}", _NEVER, read_spans, getattr(table, day)) for day in WEEKDAYS]
        special = {}
        for day, text in table.special.items():
            where = f"{path}.special.{values.quoted(day)}"
            when = self.value(where, None, values.day, day)
            if when is not None:
                special[when] = self.value(where, _NEVER, read_spans, text)
        return Hours(name, ZoneInfo(zone), week, frozenset(table.holidays), MappingProxyType(special))

    def calls(self) -> CallsConfig:
        """How calls are worked on."""
        table = self.checked("calls", CallsTable, self.section("calls")) or CallsTable()
        self.named("calls.hours", table.hours, "hours")
        span = self.value("calls.call_from", _NEVER, read_spans, f"{table.call_from}-{table.call_to}")
        days = set()
        for place, day in enumerate(table.quiet_days):
            if day in WEEKDAYS:
                days.add(WEEKDAYS.index(day))
            else:
                self.wrong(f"calls.quiet_days[{place}]", values.unknown(day, WEEKDAYS, "weekday"))
        for place, source in enumerate(table.dialers):
            self.named(f"calls.dialers[{place}]", source, "sources")
        return CallsConfig(
            table.ring_seconds,
            table.wrap_up_seconds,
            tuple(dict.fromkeys(table.dispositions)),
            table.missed_hours,
            table.hours,
            table.presumed_over_hours,
            span[0] if span else None,
            frozenset(days),
            frozenset(self.all("calls.consent_regions", table.consent_regions, values.region)),
            tuple(table.dialers),
        )

    def templates(self) -> dict[str, TemplateConfig]:
        """The texts that may begin a conversation where free text may not."""
        templates = {}
        for name, table in self.tables("templates"):
            path = f"templates.{values.quoted(name)}"
            if (read := self.checked(path, TemplateTable, table)) is None:
                continue
            self.named(f"{path}.source", read.source, "sources")
            language = self.value(f"{path}.language", "", values.language_tag, read.language) if read.language else ""
            templates[name] = TemplateConfig(name, read.source, read.id, read.text, language)
        return templates

    def named(self, path: str, name: str, section: str, source: str = "") -> None:
        """*name*, where one is given, must be one of the tables of *section*."""
        if name and name not in (there := self.section(section)):
            guess = registry.nearest(name, there)
            cure = f'Did you mean "{guess}"?' if guess else f"Add [{section}.{name}]."
            self.wrong(path, f"there is no [{section}.{name}]. {cure}", source=source)

    def teams(self, agents: Mapping[str, Agent]) -> dict[str, Team]:
        """The teams."""
        teams = {}
        for name, table in self.tables("teams"):
            path = f"teams.{values.quoted(name)}"
            team = self.checked(path, TeamTable, table)
            if team is None:
                continue
            for place, agent in enumerate(team.agents):
                self.agent(f"{path}.agents[{place}]", agent, agents)
            if team.assign != "by-hand" and not team.agents:
                self.wrong(f"{path}.agents", f'must name who takes turns. Name somebody, or remove "{team.assign}".')
            people = tuple(dict.fromkeys(agent for agent in team.agents if agent in agents))
            teams[name] = Team(name, team.name or name, people, Assign(team.assign))
        return teams

    def inbox(self) -> InboxConfig:
        """How conversations are worked on."""
        table = self.checked("inbox", InboxTable, self.section("inbox")) or InboxTable()
        if table.red_hours < table.amber_hours:
            self.wrong("inbox.red_hours", f"must not be less than amber_hours, which is {table.amber_hours:g}.")
        servers = frozenset(name.lower() for name in table.authenticated_by)
        return InboxConfig(table.undo_seconds, table.amber_hours, table.red_hours, servers)

    def agent(self, path: str, agent: str, agents: Mapping[str, object], source: str = "") -> None:
        """*agent* must be one of *agents*."""
        if agent not in agents:
            guess = registry.nearest(agent, agents)
            cure = f'Did you mean "{guess}"?' if guess else f"Add [agents.{agent}]."
            self.wrong(path, f'there is no agent "{agent}". {cure}', source=source)

    def sources(self, agents: Mapping[str, Agent]) -> dict[str, SourceConfig]:
        """The sources that are right. What is wrong with the others is among the problems, under their names."""
        sources = {}
        for name, table in self.tables("sources"):
            before = len(self.problems)
            source = self.source(name, table, agents)
            if source is not None and len(self.problems) == before:
                sources[name] = source
        return sources

    def source(self, name: str, table: dict[str, Any], agents: Mapping[str, Agent]) -> SourceConfig | None:
        """One source: the common keys, then its plug-in's."""
        path = f"sources.{values.quoted(name)}"
        common = {key: value for key, value in table.items() if key in SourceTable.model_fields}
        own = {key: value for key, value in table.items() if key not in SourceTable.model_fields}
        frame = self.checked(path, SourceTable, common, source=name)
        if frame is None:
            return None
        ours = self.all(f"{path}.ours", frame.ours, self.handle, source=name)
        for place, agent in enumerate(frame.rings):
            self.agent(f"{path}.rings[{place}]", agent, agents, name)
        if frame.team and frame.team not in (teams := self.section("teams")):
            guess = registry.nearest(frame.team, teams)
            cure = f'Did you mean "{guess}"?' if guess else f"Add [teams.{frame.team}]."
            self.wrong(f"{path}.team", f'there is no team "{frame.team}". {cure}', source=name)
        try:
            offers = self.provider(frame.provider)
        except registry.UnknownPlugin as error:
            self.wrong(f"{path}.provider", str(error), source=name)
            return None
        except registry.BrokenPlugin as error:
            self.wrong(f"{path}.provider", str(error))
            return None
        typed = self.settings(path, offers.settings, own, [*SourceTable.model_fields], source=name)
        self.named(f"{path}.plan", frame.plan, "plans", source=name)
        for place, agent in enumerate(frame.agents):
            self.agent(f"{path}.agents[{place}]", agent, agents, name)
        if frame.oauth and frame.oauth not in (apps := self.section("oauth")):
            guess = registry.nearest(frame.oauth, apps)
            cure = f'Did you mean "{guess}"?' if guess else f"Add [oauth.{frame.oauth}]."
            self.wrong(f"{path}.oauth", f'there is no OAuth app "{frame.oauth}". {cure}', source=name)
        if frame.canary_minutes and not (offers.sender and any(each.startswith("mailto:") for each in ours)):
            cure = 'Only a source that sends mail and has a "mailto:…" in "ours" can send one to itself.'
            self.wrong(f"{path}.canary_minutes", f"there is no way round for a test mail. {cure}", source=name)
        return SourceConfig(
            name=name,
            provider=frame.provider,
            ours=ours,
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

    def provider(self, name: str) -> registry.Provider:
        """The plug-ins of provider *name*, looked up once for a thousand sources. Raises as `registry.provider`."""
        if name not in self.providers:
            self.providers[name] = registry.provider(name)
        return self.providers[name]

    def oauth(self) -> dict[str, App]:
        """The apps at OAuth providers."""
        apps = {}
        for name, table in self.tables("oauth"):
            typed = self.settings(f"oauth.{values.quoted(name)}", (OAuthTable,), table, []).get(OAuthTable)
            if isinstance(typed, OAuthTable):
                apps[name] = App.of(name, typed)
        return apps

    def keys(self, reference: str) -> tuple[bytes, ...]:
        """The keys behind *reference*, with which tokens are encrypted; none where there is no reference."""
        if not reference:
            return ()
        secrets = Secrets(self.folder, self.environ)
        text = secrets.secret(reference, "hub.key")
        for where, message in secrets.problems:
            self.wrong(where, message)
        if text is None:
            return ()
        self.secrets.update(text.replace(",", " ").split())
        return self.value("hub.key", (), token_keys.read, text)

    def crm(self) -> dict[str, CrmConfig]:
        """The outside CRMs."""
        crm = {}
        for name, table in self.tables("crm"):
            path = f"crm.{values.quoted(name)}"
            frame = self.checked(path, CrmTable, {key: value for key, value in table.items() if key == "adapter"})
            if frame is None:
                continue
            own = {key: value for key, value in table.items() if key != "adapter"}
            try:
                adapter = registry.adapter(frame.adapter)
            except (registry.UnknownPlugin, registry.BrokenPlugin) as error:
                self.wrong(f"{path}.adapter", str(error))
                continue
            typed = self.settings(path, (adapter.Settings,), own, ["adapter"])
            if adapter.Settings in typed:
                crm[name] = CrmConfig(name, frame.adapter, typed[adapter.Settings], adapter)
        return crm

    def privacy(self) -> Privacy:
        """What is never recorded."""
        table = self.checked("privacy", PrivacyTable, self.section("privacy")) or PrivacyTable()
        rules = self.all("privacy.never_log", table.never_log, lambda text: values.handle_or_domain(text, self.region))
        return Privacy(
            rules,
            Internal(table.internal),
            self.all("privacy.domains", table.domains, values.domain),
            tuple(name.casefold().rstrip("/.") for name in table.skip_folders),
            tuple(
                header
                for place, text in enumerate(table.skip_headers)
                if all(header := self.value(f"privacy.skip_headers[{place}]", ("", ""), values.header, text))
            ),
        )

    def settings(
        self, path: str, models: tuple[type[Settings], ...], own: dict[str, Any], common: list[str], source: str = ""
    ) -> dict[type[Settings], Settings]:
        """*own* as the settings of each plug-in, which gets the keys it declares; a key that none declares is wrong."""
        declared = {model: {field.alias or name for name, field in model.model_fields.items()} for model in models}
        known = set().union(*declared.values())
        for key in own:
            if key not in known:
                self.wrong(f"{path}.{values.quoted(key)}", values.unknown(key, [*known, *common]), source=source)
        typed = {}
        for model, keys in declared.items():
            secrets = Secrets(self.folder, self.environ)
            table = secrets.filled(model, {key: value for key, value in own.items() if key in keys}, path)
            for where, message in secrets.problems:
                self.wrong(where, message, source=source)
            self.secrets |= secrets.known
            settings = self.checked(path, model, table, source=source, told={where for where, _ in secrets.problems})
            if settings is not None:
                typed[model] = settings
        return typed

    # --- single tables and values ------------------------------------------------------------------------------------

    def section(self, key: str) -> dict[str, Any]:
        """The table under *key*, empty where there is none."""
        table = self.document.get(key, {})
        if not isinstance(table, dict):
            self.wrong(key, f"must be a table. Write [{key}] and its keys below.")
            return {}
        return table

    def tables(self, key: str) -> list[tuple[str, dict[str, Any]]]:
        """The named tables under *key*."""
        found = []
        for name, table in self.section(key).items():
            source = name if key == "sources" else ""
            path = f"{key}.{values.quoted(name)}"
            if not isinstance(table, dict):
                self.wrong(path, f"must be a table. Write [{path}] and its keys below.", source=source)
            elif self.value(path, "", values.name, name, source=source):
                found.append((name, table))
        return found

    def checked(
        self, path: str, model: type[T], table: dict[str, Any], source: str = "", told: set[str] | None = None
    ) -> T | None:
        """*table* as *model*, without the keys that are wrong so that the others are looked at, too; None where that
        cannot be. What was *told* already is not told twice."""
        try:
            return model.model_validate(table)
        except ValidationError as error:
            found = values.complaints(error, model, model.model_fields)
        for loc, message in found:
            where = values.toml_path(path, loc)
            if where not in (told or ()):
                self.wrong(where, message, source=source)
        wrong = {loc[0] for loc, _ in found if loc}
        try:
            return model.model_validate({key: value for key, value in table.items() if key not in wrong})
        except ValidationError:
            return None

    def value(self, path: str, default: Value, check: Callable[[str], Value], text: str, source: str = "") -> Value:
        """*text* as *check* reads it, *default* where it is wrong."""
        try:
            return check(text)
        except ValueError as error:
            self.wrong(path, str(error), source=source)
            return default

    def all(self, path: str, texts: list[str], check: Callable[[str], str], source: str = "") -> tuple[str, ...]:
        """Each of *texts* as *check* reads it, without those that are wrong."""
        read = (self.value(f"{path}[{place}]", "", check, text, source) for place, text in enumerate(texts))
        return tuple(dict.fromkeys(text for text in read if text))

    def url(self, path: str, text: str, check: Callable[[str], str]) -> str:
        """A URL that may hold a password: then it must be a reference."""
        if values.has_password(text):
            cure = 'Put the whole URL into an environment variable or a file, and write "env:NAME" or "file:PATH".'
            self.wrong(path, f"a password must not stand in this file. {cure}")
            return ""
        if is_reference(text):
            secrets = Secrets(self.folder, self.environ)
            found = secrets.secret(text, path)
            for where, message in secrets.problems:
                self.wrong(where, message)
            if found is None:
                return ""
            self.secrets.add(found)
            text = found
        return self.value(path, "", check, text)

    def handle(self, text: str) -> str:
        """An address of ours."""
        return values.handle(text, self.region)

    def extension(self, text: str) -> str:
        """`pbx/21`: the source that knows this phone, and the phone's name there."""
        source, slash, number = text.partition("/")
        if not slash or not number or source not in self.section("sources"):
            guess = registry.nearest(source, self.section("sources"))
            cure = f'Did you mean "{guess}/{number}"?' if guess and number else 'Write "SOURCE/NUMBER".'
            raise ValueError(f'"{text}" names no phone of a source. {cure}')
        return text

    def wrong(self, path: str, message: str, source: str = "") -> None:
        """Remember a problem."""
        self.problems.append(Problem(path, message, source))
