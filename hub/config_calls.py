"""The tables of the config file that are about telephony: hours, lines, and how calls are worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from hub import config_values as values
from hub.config_reader import Reader
from hub.hours import WEEKDAYS, Hours, Span, read_spans
from hub.inbox.teams import Team
from hub.routing.plan import Plan
from hub.routing.tables import PlanTable
from hub.routing.tables import read as read_plan
from hub.vocabulary import Agent

_NEVER: tuple[Span, ...] = ()


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CallsTable(_Table):
    """`[calls]`: how calls are worked on."""

    ring_seconds: int = Field(40, ge=5, le=300)
    wrap_up_seconds: int = Field(60, ge=0, le=3600)
    dispositions: list[str] = ["Done", "Call again", "Sent to a colleague", "Wrong number"]
    missed_hours: float = Field(4, gt=0)
    hours: str = ""
    presumed_over_hours: float = Field(6, gt=0)
    call_from: str = "08:00"
    call_to: str = "20:00"
    quiet_days: list[str] = ["sun"]
    consent_regions: list[str] = []
    dialers: list[str] = []


class HoursTable(_Table):
    """`[hours.<name>]`: when somebody is there."""

    timezone: str = ""
    mon: str = ""
    tue: str = ""
    wed: str = ""
    thu: str = ""
    fri: str = ""
    sat: str = ""
    sun: str = ""
    holidays: list[date] = []
    special: dict[str, str] = {}


class LineTable(_Table):
    """`[lines."tel:+4930123456"]`: one of our numbers."""

    name: str = ""
    record: Literal["never", "announced", "consent"] = "never"
    voicemail: bool = False
    keep_days: int = Field(90, ge=1, le=36_500)


class Recorded(StrEnum):
    """When calls on a line may be recorded: never; when the caller was told so at the beginning; when she agreed."""

    NEVER = "never"
    ANNOUNCED = "announced"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class LineConfig:
    """One of our numbers (*handle*): what it is called, whether its calls may be recorded and its voicemails fetched,
    and for how many days either is kept."""

    handle: str
    name: str = ""
    record: Recorded = Recorded.NEVER
    voicemail: bool = False
    keep_days: int = 90


@dataclass(frozen=True, slots=True)
class CallsConfig:
    """How calls are worked on. *dispositions* are what an agent may say of a call that is over; *hours* names those in
    which *missed_hours* are counted ("": around the clock). *allowed* are the hours, of the callee's own clock, in
    which we may call; in *consent_regions* (ISO 3166) only who agreed is called. *dialers* are the sources that place
    calls, in the order of preference: all that can, where none is named."""

    ring_seconds: int = 40
    wrap_up_seconds: int = 60
    dispositions: tuple[str, ...] = ()
    missed_hours: float = 4
    hours: str = ""
    presumed_over_hours: float = 6
    allowed: Span | None = None
    quiet_days: frozenset[int] = frozenset({6})
    consent_regions: frozenset[str] = frozenset()
    dialers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Telephony:
    """All of it: `calls`, `hours` by name, `lines` by handle."""

    calls: CallsConfig = field(default_factory=CallsConfig)
    hours: Mapping[str, Hours] = field(default_factory=dict)
    lines: Mapping[str, LineConfig] = field(default_factory=dict)

    def line(self, handle: str) -> LineConfig:
        """What is said of one of our numbers; what holds for all where nothing is."""
        return self.lines.get(handle, LineConfig(handle))


def read_telephony(reader: Reader) -> Telephony:
    """What is said of calls, hours and lines."""
    hours = {}
    for name, table in reader.tables("hours"):
        path = f"hours.{values.quoted(name)}"
        if (read := reader.checked(path, HoursTable, table)) is not None:
            hours[name] = _opening(reader, name, path, read)
    lines = {}
    for number, table in reader.section("lines").items():
        path = f"lines.{values.quoted(number)}"
        handle = reader.value(path, "", reader.handle, number)
        line = reader.checked(path, LineTable, table) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            reader.wrong(path, f"must be a table. Write [{path}] and its keys below.")
        if handle and line is not None:
            record = Recorded(line.record)
            lines[handle] = LineConfig(handle, line.name, record, line.voicemail, line.keep_days)
    return Telephony(_calls(reader), MappingProxyType(hours), MappingProxyType(lines))


def _opening(reader: Reader, name: str, path: str, table: HoursTable) -> Hours:
    """One table of hours."""
    zone = reader.value(f"{path}.timezone", "UTC", values.timezone, table.timezone or reader.timezone)
    week = [reader.value(f"{path}.{day}", _NEVER, read_spans, getattr(table, day)) for day in WEEKDAYS]
    special = {}
    for day, text in table.special.items():
        where = f"{path}.special.{values.quoted(day)}"
        when = reader.value(where, None, values.day, day)
        if when is not None:
            special[when] = reader.value(where, _NEVER, read_spans, text)
    return Hours(name, ZoneInfo(zone), week, frozenset(table.holidays), MappingProxyType(special))


def _calls(reader: Reader) -> CallsConfig:
    """How calls are worked on."""
    table = reader.checked("calls", CallsTable, reader.section("calls")) or CallsTable()
    reader.named("calls.hours", table.hours, "hours")
    span = reader.value("calls.call_from", _NEVER, read_spans, f"{table.call_from}-{table.call_to}")
    days = set()
    for place, day in enumerate(table.quiet_days):
        if day in WEEKDAYS:
            days.add(WEEKDAYS.index(day))
        else:
            reader.wrong(f"calls.quiet_days[{place}]", values.unknown(day, WEEKDAYS, "weekday"))
    for place, source in enumerate(table.dialers):
        reader.named(f"calls.dialers[{place}]", source, "sources")
    return CallsConfig(
        table.ring_seconds,
        table.wrap_up_seconds,
        tuple(dict.fromkeys(table.dispositions)),
        table.missed_hours,
        table.hours,
        table.presumed_over_hours,
        span[0] if span else None,
        frozenset(days),
        frozenset(reader.all("calls.consent_regions", table.consent_regions, values.region)),
        tuple(table.dialers),
    )


def read_plans(reader: Reader, agents: Mapping[str, Agent], teams: Mapping[str, Team]) -> dict[str, Plan]:
    """The routing plans."""
    plans = {}
    for name, table in reader.tables("plans"):
        path = f"plans.{values.quoted(name)}"
        read = reader.checked(path, PlanTable, table)
        made = read and read_plan(
            name,
            path,
            read,
            reader.wrong,
            hours=reader.section("hours"),
            agents={agent.id: agent.skills for agent in agents.values()},
            teams={team.id: team.agents for team in teams.values()},
        )
        if made:
            plans[name] = made
    return plans
