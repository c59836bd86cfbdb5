"""When somebody may be told, on her own clock: quiet hours and digests, over the days on which clocks change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Severity = Literal["info", "notice", "warning", "urgent"]
SEVERITIES: tuple[Severity, ...] = ("info", "notice", "warning", "urgent")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day, "07:30"."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]

DEFAULT_WAYS: Mapping[str, tuple[str, ...]] = {
    "info": (),
    "notice": ("push",),
    "warning": ("push", "chat"),
    "urgent": ("push", "chat", "mail"),
}
"""By which ways somebody is told who has not said otherwise, by kind or name; on screen she always is."""

_STRICT = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
_STEPS = 20


class Quiet(BaseModel):
    """Quiet hours that begin on *days* at *from* and last until the next *until*, in her zone."""

    model_config = _STRICT

    days: tuple[Weekday, ...] = WEEKDAYS
    begin: Clock = Field("22:00", alias="from")
    until: Clock = "07:00"


class Preferences(BaseModel):
    """How one of us wants to be told. Within *quiet* hours nothing goes out but what is urgent, where
    *urgent_pierces*. At the times of *digest* she is told together what is of *digest_of*. *ways* are those for each
    severity, by kind or name; what is not there is as `DEFAULT_WAYS`. By those that are *off* she is never told; of the
    rules that are *muted* she hears nothing at all."""

    model_config = _STRICT

    quiet: tuple[Quiet, ...] = Field((), max_length=20)
    urgent_pierces: bool = False
    digest: tuple[Clock, ...] = Field((), max_length=24)
    digest_of: tuple[Severity, ...] = ("info", "notice")
    ways: dict[Severity, tuple[Name, ...]] = {}
    off: tuple[Name, ...] = Field((), max_length=100)
    muted: tuple[Name, ...] = Field((), max_length=500)

    def wanted(self, severity: str) -> tuple[str, ...]:
        """By which ways, by kind or name, she is told of what is so severe."""
        return next((ways for name, ways in self.ways.items() if name == severity), DEFAULT_WAYS[severity])

    def quiet_until(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """When the quiet hours around *moment* (aware) are over, UTC; None where it is not quiet then. Where they never
        are over it is some days later."""
        at = moment
        for _ in range(_STEPS):
            local = at.astimezone(zone)
            ends = [end for quiet in self.quiet if (end := _end(quiet, local.weekday(), local.time())) is not None]
            if not ends:
                break
            at = _after(at, max(ends), zone)
        return at.astimezone(UTC) if at > moment else None

    def next_digest(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first time after *moment* (aware) at which she wants a digest, UTC; None where she wants none."""
        if not self.digest:
            return None
        return min(_after(moment, time.fromisoformat(each), zone) for each in self.digest)

    def due(self, severity: str, now: datetime, zone: ZoneInfo) -> datetime | None:
        """Until when what is so severe has to wait at *now*, UTC; None where she may be told at once."""
        due = self.next_digest(now, zone) if severity in self.digest_of else None
        if severity == "urgent" and self.urgent_pierces:
            return due
        return self.quiet_until(due or now, zone) or due


def _end(quiet: Quiet, weekday: int, now: time) -> time | None:
    """Until when it is quiet at *now*, today or in the night that follows; None where it is not."""
    begin, until = time.fromisoformat(quiet.begin), time.fromisoformat(quiet.until)
    today, before = WEEKDAYS[weekday] in quiet.days, WEEKDAYS[weekday - 1] in quiet.days
    if begin < until:
        return until if today and begin <= now < until else None
    if (today and now >= begin) or (before and now < until):
        return until
    return None


def _after(moment: datetime, clock: time, zone: ZoneInfo) -> datetime:
    """The first moment after *moment* at which clocks in *zone* show *clock*. What clocks leave out is taken as if they
    did not."""
    day = moment.astimezone(zone).date()
    for days in range(3):
        for fold in (0, 1):
            found = datetime.combine(day + timedelta(days), clock, zone).replace(fold=fold).astimezone(UTC)
            if found > moment:
                return found
    return (moment + timedelta(days=1)).astimezone(UTC)
