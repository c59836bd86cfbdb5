"""The tables of the config file that are about telephony: hours, lines, and how calls are worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.hours import Hours, Span


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
