"""The rules by which a time is offered or not: pure, for one host at a time.

Each rule says which *beginnings* it closes: the seconds at which an appointment of a given length, with its buffers,
must not begin. What is offered is what no rule closes (`Person.free`), and what is explained asks the same objects
(`Rule.reasons`), so that the two cannot disagree.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from hub.booking.openings import Openings, day_of, midnight
from hub.booking.spans import EVER, Span, gaps
from hub.booking.types import EventType
from hub.hours import Hours

Fact = str | int

LASTING = frozenset({"notice", "window", "absent", "stale-calendar", "unknown-agent"})
"""The rules that count for a free seat in an appointment that takes place anyhow."""


class CalendarState(Protocol):
    """How fresh one of somebody's calendars is: *current_at* (UTC) is when we last knew all of it."""

    @property
    def source(self) -> str: ...
    @property
    def current_at(self) -> datetime | None: ...
    @property
    def stale(self) -> bool: ...
    @property
    def why(self) -> str: ...


class AgentBusy(Protocol):
    """When somebody's calendars take her time: sorted spans that do not overlap."""

    @property
    def spans(self) -> tuple[Span, ...]: ...
    @property
    def calendars(self) -> tuple[CalendarState, ...]: ...


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a time is open or not. *kind* is the name of the rule and *facts* are what it found (times as ISO 8601 in
    UTC), so that each reader gets them in her language. *source* is the calendar, *current_at* how fresh it is.

    Kinds that open: `hours`, `calendar`, `no-calendar`, `stand-in`, `seats-left`, and each of the rules below where it
    does not close. Kinds that close: `outside-hours`, `past-closing`, `holiday`, `special-day`, `between-times`,
    `notice`, `window`, `absent`, `calendar`, `stale-calendar`, `appointment`, `most-per-day`, `most-per-week`,
    `unknown-agent`, `takes-part-already`.
    """

    kind: str
    opens: bool
    facts: Mapping[str, Fact] = field(default_factory=dict)
    source: str = ""
    current_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Length:
    """How long an appointment takes, and the buffers around it, in seconds."""

    seconds: int
    before: int = 0
    after: int = 0

    def beside(self, since: int, until: int) -> Span:
        """The beginnings whose appointment, buffers included, would touch the time from *since* until *until*."""
        return since - self.seconds - self.after + 1, until + self.before

    def within(self, since: int, until: int) -> Span:
        """The beginnings whose appointment, without its buffers, would touch that time."""
        return since - self.seconds + 1, until


@dataclass(frozen=True, slots=True)
class Rule:
    """What closes the beginnings in *closed*. *facts* are true of the rule, those in *each* of the span beside them.
    Where it is *silent*, nothing is said of the beginnings that it does not close."""

    kind: str
    closed: Sequence[Span]
    facts: Mapping[str, Fact] = field(default_factory=dict)
    each: Sequence[Mapping[str, Fact]] = ()
    source: str = ""
    current_at: datetime | None = None
    silent: bool = False

    def closes(self, at: int) -> bool:
        """Whether nothing may begin at *at*."""
        return any(since <= at < until for since, until in self.closed)

    def reasons(self, at: int) -> tuple[Reason, ...]:
        """What it says of a beginning; nothing where it is *silent* and does not close it."""
        found = []
        for place, (since, until) in enumerate(self.closed):
            if since <= at < until:
                more = self.each[place] if self.each else {}
                found.append(Reason(self.kind, False, {**self.facts, **more}, self.source, self.current_at))
        if not found and not self.silent:
            found.append(Reason(self.kind, True, self.facts, self.source, self.current_at))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class OpenHours(Rule):
    """Her hours, special days and holidays as a rule. *words* tells of a beginning what the hours say."""

    words: Callable[[int], Reason] | None = None

    def reasons(self, at: int) -> tuple[Reason, ...]:
        """What her hours say of that time."""
        return (self.words(at),) if self.words else ()


@dataclass(frozen=True, slots=True)
class InCalendars(Rule):
    """What lies in her calendars."""

    busy: AgentBusy | None = None
    length: Length = Length(0)

    def reasons(self, at: int) -> tuple[Reason, ...]:
        """Each time that is taken, or how fresh the calendars are in which nothing lies."""
        reach, before = self.length.seconds + self.length.after - 1, self.length.before
        taken = [(since + reach, until - before) for since, until in self.closed if since <= at < until]
        if taken:
            return tuple(Reason(self.kind, False, {"since": iso(since), "until": iso(until)}) for since, until in taken)
        states = self.busy.calendars if self.busy else ()
        if not states:
            return (Reason("no-calendar", True),)
        return tuple(
            Reason(self.kind, True, {"why": each.why} if each.why else {}, each.source, each.current_at)
            for each in states
            if not each.stale
        )


@dataclass(frozen=True, slots=True)
class Own:
    """An appointment of the hub's own that takes somebody's time, its buffers included in *blocked*; in seconds."""

    id: int
    event_type: str
    state: str
    starts_at: int
    blocked: Span


@dataclass(frozen=True, slots=True)
class Away:
    """An absence in seconds, and who stands in ("": nobody)."""

    since: int
    until: int
    stand_in: str = ""


@dataclass(frozen=True, slots=True)
class Week:
    """How somebody works: her *hours* (those of the event type, or her own, with its special days), when that is
    (*openings*), and the *zone* in which her days and weeks are counted."""

    hours: Hours
    openings: Openings
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who could take an appointment: when she is open, and the rules that close her time. *away* are the
    beginnings at which she is absent, with the absence."""

    agent: str
    openings: Openings
    rules: tuple[Rule, ...]
    away: tuple[tuple[Span, Away], ...] = ()

    def free(self, since: int, until: int) -> list[Span]:
        """The beginnings from *since* until *until* that no rule closes."""
        return gaps((span for rule in self.rules for span in rule.closed), since, until)

    def reasons(self, at: int) -> tuple[Reason, ...]:
        """What each rule says of a beginning."""
        return tuple(reason for rule in self.rules for reason in rule.reasons(at))

    def lasts(self, at: int) -> bool:
        """Whether what takes place then may take on one more."""
        return not any(rule.closes(at) for rule in self.rules if rule.kind in LASTING)

    def worked(self, since: int, until: int) -> list[Span]:
        """The beginnings in that time at which she would work, were she free."""
        hours = next(rule for rule in self.rules if isinstance(rule, OpenHours))
        return gaps(hours.closed, since, until)


def nobody(agent: str) -> Person:
    """A host whom the config file does not know (any more): she takes nothing."""
    shut: tuple[Span, ...] = ((-EVER, EVER),)
    return Person(agent, Openings([], []), (Rule("unknown-agent", shut), OpenHours("hours", shut)))


def person(
    event: EventType,
    slug: str,
    length: Length,
    agent: str,
    week: Week,
    *,
    busy: AgentBusy,
    own: Sequence[Own],
    away: Sequence[Away],
    now: int,
    since: int,
    until: int,
) -> Person:
    """The rules of *event* for one host, for beginnings from *since* until *until*. What she has booked (*own*) is
    known for a week around that time, so that her days and weeks are counted whole."""
    opened = week.openings
    closed = [length.within(each.since, each.until) for each in away]
    stale = [each for each in busy.calendars if each.stale]
    rules = [
        _hours(week.hours, opened, length),
        Rule("notice", ((-EVER, now + event.notice * 60),), {"minutes": event.notice}),
        Rule("window", ((now + event.window_days * 86_400 + 1, EVER),), {"days": event.window_days}),
        Rule(
            "absent",
            closed,
            each=[{"since": iso(each.since), "until": iso(each.until), "stand_in": each.stand_in} for each in away],
            silent=True,
        ),
        *(
            Rule("stale-calendar", ((-EVER, EVER),), {"why": each.why}, (), each.source, each.current_at)
            for each in stale
        ),
        _calendar(busy, length, since, until),
        Rule(
            "appointment",
            [length.beside(*each.blocked) for each in own],
            each=[_told(each) for each in own],
            silent=True,
        ),
    ]
    counted = [day_of(week.zone, each.starts_at) for each in own if each.event_type == slug]
    if event.most_per_day:
        rules.append(_most("most-per-day", event.most_per_day, counted, 1, week.zone))
    if event.most_per_week:
        mondays = [day - timedelta(day.weekday()) for day in counted]
        rules.append(_most("most-per-week", event.most_per_week, mondays, 7, week.zone))
    return Person(agent, opened, tuple(rules), tuple(zip(closed, away, strict=True)))


def _hours(hours: Hours, opened: Openings, length: Length) -> OpenHours:
    begin = [(opens, closes - length.seconds + 1) for opens, closes in opened.spans if closes - opens >= length.seconds]
    return OpenHours("hours", gaps(begin, -EVER, EVER), words=lambda at: _hours_said(hours, opened, length, at))


def _hours_said(hours: Hours, opened: Openings, length: Length, at: int) -> Reason:
    day = day_of(hours.zone, at)
    facts: dict[str, Fact] = {"hours": hours.name, "zone": hours.zone.key, "date": day.isoformat()}
    if not hours.name and not hours.special and not hours.holidays:
        return Reason("hours", True, facts)
    if day in hours.special:
        facts["special"] = ", ".join(f"{begin:%H:%M}-{end:%H:%M}" for begin, end in hours.special[day])
    for since, until in opened.spans:
        if since <= at < until:
            facts |= {"since": iso(since), "until": iso(until)}
            fits = at + length.seconds <= until
            return Reason("hours" if fits else "past-closing", fits, facts)
    if day in hours.special:
        return Reason("special-day", False, facts)
    return Reason("holiday" if day in hours.holidays else "outside-hours", False, facts)


def _calendar(busy: AgentBusy, length: Length, since: int, until: int) -> InCalendars:
    """What lies in her calendars. The spans before and after the time that is asked for close nothing in it."""
    begin = bisect_left(busy.spans, since - length.before, key=lambda span: span[1])
    end = bisect_left(busy.spans, until + length.seconds + length.after, lo=begin, key=lambda span: span[0])
    reach, before = length.seconds + length.after - 1, length.before
    closed = [(opens - reach, closes + before) for opens, closes in busy.spans[begin:end]]
    return InCalendars("calendar", closed, busy=busy, length=length)


def _told(own: Own) -> dict[str, Fact]:
    since, until = own.blocked
    told: dict[str, Fact] = {"appointment": own.id, "state": own.state, "event_type": own.event_type}
    return told | {"since": iso(since), "until": iso(until)}


def _most(kind: str, most: int, counted: Iterable[date], days: int, zone: ZoneInfo) -> Rule:
    """No more than *most* in the *days* that begin with each of the dates in *counted*."""
    full = sorted((day, taken) for day, taken in Counter(counted).items() if taken >= most)
    return Rule(
        kind,
        [(midnight(zone, day), midnight(zone, day + timedelta(days))) for day, _ in full],
        {"most": most},
        [{"from": day.isoformat(), "taken": taken} for day, taken in full],
    )


def iso(moment: int) -> str:
    """*moment* as ISO 8601, in UTC; the ends of time as ""."""
    return datetime.fromtimestamp(moment, UTC).isoformat() if abs(moment) < 10**11 else ""
