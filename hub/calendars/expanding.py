"""When the events of one UID take place: pure, for workers. The standard's work is done by `hub.formats.ics`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from zoneinfo import ZoneInfo

from hub.calendars.owners import Owner
from hub.calendars.packing import packed
from hub.formats import ics
from hub.formats.digest import stable_id
from hub.formats.ics import Occurrence

VERSION = 1
"""Of what is expanded: raise it when the same objects would give other times."""

ALWAYS = datetime.fromtimestamp(0, UTC)
FOREVER = datetime(2105, 1, 1, tzinfo=UTC)
_RECURS = re.compile(rb"^(?:RRULE|RDATE)[;:]", re.MULTILINE | re.IGNORECASE)
_MADE_WITH = tuple(version(name) for name in ("tzdata", "icalendar", "python-dateutil"))


@dataclass(frozen=True, slots=True)
class Group:
    """The objects of one UID in one calendar, each with whether its provider tells every occurrence by itself, and
    whether it is private; and the times between which they are expanded. *low* is since when beginnings of occurrences
    may not have been told of."""

    objects: tuple[tuple[bytes, bool, bool], ...] = field(repr=False)
    uid: str
    low: datetime
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Expanded:
    """What a group amounts to: its busy *times* (`hub.calendars.packing`) from *since* until *until*, None for good;
    why it cannot be expanded; and when its next occurrence begins that is a meeting of its own then."""

    times: bytes
    since: datetime
    until: datetime | None
    refused: str = ""
    begins_at: datetime | None = None


def made_with(owner: Owner) -> str:
    """Names the circumstances that times depend on beside their objects."""
    return f"{stable_id(owner.zone, sorted(owner.handles), _MADE_WITH, VERSION)}/"


def recurs(objects: Iterable[tuple[bytes, bool, bool]]) -> bool:
    """Whether there is any rule in it, so that it reaches as far as one looks."""
    return any(_RECURS.search(raw) for raw, _, _ in objects)


def occurrences(objects: Sequence[tuple[bytes, bool]], owner: Owner, since: int, until: int) -> Sequence[Occurrence]:
    """When the events in *objects* (each with whether its provider tells every occurrence) take place within [*since*,
    *until*), in seconds, by the rules of *owner*'s calendar. Raises `ics.Unreadable`, and of it `ics.TooMany`."""
    texts = [raw for raw, told in objects if not (told and _RECURS.search(raw))]
    window = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)
    return ics.expand(texts, *window, zone=ZoneInfo(owner.zone), ours=owner.handles)


@dataclass(frozen=True, slots=True)
class Meetings:
    """Which occurrences of a group are meetings of their own once they begin: none where *any* is false, else all but
    the *instances* (seconds) that are so already, because somebody changed them."""

    any: bool = False
    instances: frozenset[int] = frozenset()

    def begins(self, occurrence: Occurrence) -> bool:
        """Whether *occurrence* is to be told of when it begins."""
        return self.any and occurrence.instance not in self.instances


def expanded(group: Group, owner: Owner, meetings: Meetings) -> Expanded:
    """When *group* takes its owner's time, and when the next of its *meetings* begins."""
    again = recurs(group.objects) or any(told for _, told, _ in group.objects)
    since, until = (group.since, group.until) if again else (ALWAYS, FOREVER)
    window = int(since.timestamp()), int(until.timestamp())
    try:
        found = occurrences([(raw, told) for raw, told, _ in group.objects], owner, *window)
    except ics.Unreadable as error:
        return Expanded(b"", group.since, group.until, str(error))
    times = packed((each.starts, each.ends) for each in found if each.busy)
    begins_at = None
    if again and meetings.any:
        low = int(group.low.timestamp())
        to_come = [each.starts for each in found if each.starts >= low and meetings.begins(each)]
        begins_at = datetime.fromtimestamp(min(to_come), UTC) if to_come else None
    return Expanded(times, since, until if again else None, begins_at=begins_at)
