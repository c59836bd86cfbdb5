"""From what lies in a calendar to what the hub keeps of it and what it means for timelines: pure, for workers.

Somebody from outside in it makes it a meeting, unless it is private. What changed against the state before is told, and
only that: a provider that writes the same event anew says nothing. What goes from its organizer's own calendar is
cancelled; what goes from somebody else's is only gone from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from hub.calendars.expanding import Meetings, occurrences
from hub.calendars.objects import Put, Stored
from hub.calendars.owners import Owner, Owners
from hub.formats import handles, ics
from hub.formats.digest import stable_id
from hub.formats.ics import IcsEvent, Occurrence
from hub.meetings import event_of
from hub.vocabulary import Copy, Event, Level, Meeting, Scheduled

UNREADABLE = "unreadable:"
"""Begins the UID of what cannot be read: it lies there all the same, and goes or is mended like everything else."""
GONE = "gone/"
"""In the id of an event: it tells that a meeting was deleted."""
MOST_EVENTS = 1_000
"""So many events of one object (a series and its instances that were moved) become interactions."""
_EPOCH = 1_577_836_800  # 2020: what is told later of the same state of a meeting has the higher number until 2088
_ALWAYS = datetime.fromtimestamp(0, UTC)
_PRIVATE = re.compile(rb"^CLASS[^:\r\n]*:[ \t]*(?:PRIVATE|CONFIDENTIAL)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_TIMES = ("BEGIN", "END", "UID", "DTSTAMP", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE",
          "RECURRENCE-ID", "SEQUENCE", "STATUS", "TRANSP", "VERSION", "PRODID", "X-WR-TIMEZONE", "TZID",
          "TZOFFSETFROM", "TZOFFSETTO", "TZNAME", "CLASS", "X-MICROSOFT-CDO-BUSYSTATUS")  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Job:
    """An object to read: as it is now, None where it is gone, and as it was, None where it is new. *lies_elsewhere*
    are the handles in whose calendars the same UID lies beside this one."""

    source: str
    now: Scheduled | None
    was: Stored | None
    lies_elsewhere: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Understood:
    """What is to be kept of an object, None for nothing, and what it tells of meetings. *refused* says in one line why
    it cannot be read, *uid* is its UID."""

    put: Put | None = None
    events: tuple[Event, ...] = ()
    refused: str = ""
    uid: str = ""


def understand(jobs: Sequence[Job], owners: Owners, at: datetime) -> list[Understood]:
    """One answer for each of *jobs*. *at* is the time of the reading, UTC."""
    return [_one(job, owners, owners.of(job.source), at) for job in jobs]


def _one(job: Job, owners: Owners, owner: Owner, at: datetime) -> Understood:
    before = _said(job.was.raw, owner) if job.was and not job.was.uid.startswith(UNREADABLE) else []
    told = {}
    if job.was is not None and before and not job.was.private and _is_meeting(before, owners):
        told = _events(before, _copy(job.source, job.was), job.was.expanded, owners)
    if job.now is None:
        assert job.was is not None
        return Understood(events=_gone(job, before, told, owner, at), uid=job.was.uid)
    said, refused = [], ""
    try:
        said = list(ics.events(job.now.raw, ZoneInfo(owner.zone)))
    except ics.Unreadable as error:
        refused = str(error)
    if said and all(each.start is None for each in said):
        refused = "when it begins cannot be read"
    if refused:
        return unreadable(job.now, refused)
    if not said:
        return Understood()  # tasks and journals take no time and are no meetings
    main = next((each for each in said if each.recurrence_id is None), said[0])
    uid = main.uid or f"{UNREADABLE}{job.now.copy.provider_id}"
    if owners.never.covers(_people(said)):
        return Understood(_put(job.now, uid, "", times_only(job.now.raw), private=True), uid=uid)
    private = job.now.copy.level is Level.METADATA or is_private(job.now.raw)
    put = _put(job.now, uid, main.summary, job.now.raw, private=private)
    if private or not (told or _is_meeting(said, owners)):  # whoever was taken off it is still to see how it ended
        hidden = _hidden(told, job, at) if private else ()
        return Understood(put, hidden, uid=uid)
    now = _events(said, job.now.copy, job.now.expanded, owners)
    shown = job.was is not None and job.was.private
    events = [
        _told(_shown(each) if shown else each, job, at)
        for key, each in now.items()
        if key not in told or _sense(told[key]) != _sense(each)
    ]
    events += _dropped(told, now, said, job, owner, owners, at)
    return Understood(put, tuple(events[:MOST_EVENTS]), uid=uid)


def unreadable(item: Scheduled, why: str) -> Understood:
    """An object that cannot be read is kept as it is, so that it can be mended or taken away like any other."""
    uid = f"{UNREADABLE}{item.copy.provider_id}"
    return Understood(_put(item, uid, "", item.raw, private=True), refused=why, uid=uid)


def is_private(raw: bytes) -> bool:
    """Whether an event in it is for its owner alone (RFC 5545, 3.8.1.3)."""
    return _PRIVATE.search(raw) is not None


def times_only(raw: bytes) -> bytes:
    """*raw* without what says more than when it takes place: of people whom the hub must not record nothing is kept,
    and the time is taken all the same."""
    kept: list[str] = []
    keep = False
    alarm = 0
    for line in raw.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
        if not line.startswith((" ", "\t")):
            name = (found := _NAME.match(line)) and found[0].upper()
            starts_alarm = line.upper().startswith("BEGIN:VALARM")
            alarm += starts_alarm
            keep = bool(name) and name in _TIMES and not alarm
            alarm -= line.upper().startswith("END:VALARM") and alarm > 0
        if keep:
            kept.append(line)
    return "\r\n".join([*kept, ""]).encode()


def series_of(said: Sequence[IcsEvent]) -> IcsEvent | None:
    """The series among *said*; None where it is a single event, or only instances of one."""
    return next((each for each in said if each.recurrence_id is None and each.start is not None), None)


def meetings_of(objects: Iterable[tuple[bytes, bool, bool]], owner: Owner, owners: Owners) -> Meetings:
    """Which occurrences of *objects* (each with whether its provider tells every occurrence, and whether it is
    private) are meetings with somebody from outside once they begin."""
    instances: set[int] = set()
    found = False
    for raw, expanded, private in objects:
        said = _said(raw, owner)
        if private or not said or owners.never.covers(_people(said)) or not _is_meeting(said, owners):
            continue
        series = series_of(said)
        if series is not None and _is_cancelled(series):
            continue
        found = True
        changed = [each for each in said if each.recurrence_id and not waits(each, expanded=expanded)]
        instances.update(_second(each.recurrence_id, each, owner) for each in changed if each.recurrence_id)
    return Meetings(found, frozenset(instances))


def instance_of(
    objects: Iterable[tuple[bytes, bool, bool]], copies: Sequence[Copy], occurrence: Occurrence, owner: Owner,
    owners: Owners,
) -> Event | None:  # fmt: skip
    """What *objects*, which lie at *copies*, say of one occurrence: by words of its own, or by those of its series."""
    best: tuple[IcsEvent, Copy] | None = None
    for (raw, _, private), where in zip(objects, copies, strict=True):
        told = [] if private else _said(raw, owner)
        if not told or owners.never.covers(_people(told)) or not _is_meeting(told, owners):
            continue
        for each in told:
            if each.recurrence_id and _second(each.recurrence_id, each, owner) == occurrence.instance:
                best = each, where
        series = series_of(told)
        if series is not None and best is None:
            best = series, where
    if best is None:
        return None
    said, copy = best
    begins, ends, instance = (_moment(each, said, owner) for each in occurrence[:3])
    return event_of(replace(said, recurrence_id=instance, start=begins, end=ends, rule=""), copy, owners.region)


def _second(moment: datetime, said: IcsEvent, owner: Owner) -> int:
    """The second at which *moment* of *said* is: days are written as UTC midnights, and begin at the owner's."""
    if said.all_day:
        moment = datetime.combine(moment.date(), time(), ZoneInfo(owner.zone))
    return int(moment.timestamp())


def _moment(second: int, said: IcsEvent, owner: Owner) -> datetime:
    """The reverse of `_second`."""
    if said.all_day:
        return datetime.combine(datetime.fromtimestamp(second, ZoneInfo(owner.zone)).date(), time(), UTC)
    return datetime.fromtimestamp(second, UTC)


def waits(said: IcsEvent, *, expanded: bool) -> bool:
    """Whether it is an instance that becomes an interaction of its own only when it begins: one that its provider
    tells although nobody changed it."""
    return expanded and said.recurrence_id is not None and said.start == said.recurrence_id and not _is_cancelled(said)


def _said(raw: bytes, owner: Owner) -> list[IcsEvent]:
    try:
        return list(ics.events(bytes(raw), ZoneInfo(owner.zone)))
    except ics.Unreadable:
        return []


def _put(item: Scheduled, uid: str, title: str, raw: bytes, *, private: bool) -> Put:
    copy = item.copy
    return Put(copy.place, copy.provider_id, uid, item.etag, title, copy.audience, private, item.expanded, raw)


def _copy(source: str, was: Stored) -> Copy:
    return Copy(was.place, was.provider_id, audience=was.audience)


def _people(said: Iterable[IcsEvent]) -> list[str]:
    people = [each for event in said for each in (event.organizer, *event.attendees) if each is not None]
    return [handle for each in people if (handle := handles.mail(each.address))]


def _is_meeting(said: Iterable[IcsEvent], owners: Owners) -> bool:
    return owners.outside(_people(said))


def _is_cancelled(said: IcsEvent) -> bool:
    return said.method == "CANCEL" or said.status == "CANCELLED"


def _events(said: Iterable[IcsEvent], copy: Copy, expanded: bool, owners: Owners) -> dict[str, Event]:
    """What is said of each meeting, by key."""
    copy = replace(copy, flags=frozenset(), labels=frozenset())
    found = {}
    for each in said:
        if not waits(each, expanded=expanded) and (event := event_of(each, copy, owners.region)) is not None:
            found[event.key] = event
    return found


def _told(event: Event, job: Job, at: datetime, word: str = "") -> Event:
    """*event* as one that is told once for each state of its object. Of two states that their calendar numbers and
    dates alike the one that was read later counts."""
    state = job.was.changed_at if job.was else int(at.timestamp() * 1_000_000)
    copy = event.copy or Copy()
    where = f"{job.source}/{copy.place}/{copy.provider_id}"
    return replace(
        event,
        id=f"{where}/{state}/{word}{stable_id(event.at, event.facts)}",
        order=int(at.timestamp()) - _EPOCH,
    )


def _sense(event: Event) -> Meeting:
    """What *event* says, without when it was written: some providers stamp everything anew each time they are asked."""
    facts = event.facts
    assert isinstance(facts, Meeting)
    return replace(facts, answers=tuple(replace(each, at=_ALWAYS) for each in facts.answers))


def _gone(
    job: Job, before: Sequence[IcsEvent], told: dict[str, Event], owner: Owner, at: datetime
) -> tuple[Event, ...]:
    """What it means that an object lies there no more: cancelled, where its organizer deleted what is still to come."""
    organizers = {handle for each in before if each.organizer and (handle := handles.mail(each.organizer.address))}
    if not organizers & owner.handles or organizers & job.lies_elsewhere:
        return ()
    return tuple(
        _told(replace(event, at=at, facts=_cancelled(event.facts)), job, at, GONE)
        for event in told.values()
        if _is_to_come(event, at)
    )


def _is_to_come(event: Event, at: datetime) -> bool:
    facts = event.facts
    if not isinstance(facts, Meeting) or facts.cancelled:
        return False
    return bool(facts.rule) or facts.ends_at is None or facts.ends_at > at


def _cancelled(facts: object) -> Meeting:
    assert isinstance(facts, Meeting)
    return Meeting(cancelled=True, sequence=facts.sequence, series_start=facts.series_start)


def _shown(event: Event) -> Event:
    assert isinstance(event.facts, Meeting)
    return replace(event, facts=replace(event.facts, private=False))


def _hidden(told: dict[str, Event], job: Job, at: datetime) -> tuple[Event, ...]:
    """What was a meeting is private from now on: nobody else is to read what it is about."""
    found = []
    for event in told.values():
        assert isinstance(event.facts, Meeting)
        facts = Meeting(private=True, sequence=event.facts.sequence, title="", text="", place="", url="")
        found.append(_told(replace(event, facts=facts), job, at))
    return tuple(found)


def _dropped(
    told: dict[str, Event], now: dict[str, Event], said: Sequence[IcsEvent], job: Job, owner: Owner, owners: Owners,
    at: datetime,
) -> list[Event]:  # fmt: skip
    """What became of instances of a series that have no words of their own any more: they are as the series has them
    again, or were taken out of it."""
    series = series_of(said)
    if series is None or series.start is None or job.now is None:
        return []
    found = []
    for key, event in told.items():
        instance = getattr(event.facts, "series_start", None)
        if key in now or instance is None or not _is_to_come(event, at):
            continue
        back = (
            as_instance(series, instance, job.now.copy, owners.region)
            if _recurs(job, owner, series, instance)
            else None
        )
        fresh = back or replace(event, at=max(at, event.at), facts=_cancelled(event.facts))
        found.append(_told(replace(fresh, at=max(event.at, fresh.at)), job, at))
    return found


def as_instance(series: IcsEvent, instance: datetime, copy: Copy, region: str) -> Event | None:
    """The occurrence of *series* that begins at *instance* by its rule, as an interaction of its own."""
    assert series.start is not None
    length = (series.end or series.start) - series.start
    said = replace(series, recurrence_id=instance, start=instance, end=instance + length, rule="")
    return event_of(said, replace(copy, flags=frozenset(), labels=frozenset()), region)


def _recurs(job: Job, owner: Owner, series: IcsEvent, instance: datetime) -> bool:
    """Whether the series still has *instance*."""
    assert job.now is not None
    second = _second(instance, series, owner)
    return any(each.instance == second for each in occurrences([(job.now.raw, False)], owner, second, second + 1))
