"""May this number be called, now, by this agent? A pure function of what is known; each refusal has a name.

The same gate stands before a call that somebody clicks and before every entry of a list. It does no I/O:
`hub.dialing.known` reads what it asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType, shortnumberinfo, timezone

from hub.hours import Span

MOST_A_DAY = 5
"""How often one number is called within 24 hours, by all of us together."""

_DAYS_AHEAD = 30
_PERSONAL = frozenset(
    (
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.PAGER,
    )
)
"""Types of numbers that lie somewhere. A toll-free one lies in its whole country, from Guam to Puerto Rico."""


class Rule(StrEnum):
    """Why a number is not called."""

    NO_NUMBER = "no-number"
    EMERGENCY = "emergency"
    PREMIUM = "premium"
    OUR_OWN = "our-own"
    NEVER_RECORDED = "never-recorded"
    DO_NOT_CALL = "do-not-call"
    BLOCKED = "blocked"
    CONSENT = "consent"
    HOURS = "hours"
    QUIET_DAY = "quiet-day"
    TOO_OFTEN = "too-often"
    NO_LINE = "no-line"
    NO_AGENT_PHONE = "no-agent-phone"
    ON_A_CALL = "on-a-call"

    @property
    def may_override(self) -> bool:
        """Whether a person may call all the same, and say why."""
        return self in (Rule.HOURS, Rule.QUIET_DAY, Rule.TOO_OFTEN)

    @property
    def by_the_clock(self) -> bool:
        """Whether another hour or another day is all it needs (`next_allowed`)."""
        return self in (Rule.HOURS, Rule.QUIET_DAY)

    @property
    def about_us(self) -> bool:
        """Whether it says something of the agent and her phones rather than of the number."""
        return self in (Rule.NO_LINE, Rule.NO_AGENT_PHONE, Rule.ON_A_CALL)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule that stands in the way. *facts* fill the sentence that says so (`hub.web.pages.dial_words`)."""

    rule: Rule
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def may_override(self) -> bool:
        """Whether a person may call all the same, and say why."""
        return self.rule.may_override


@dataclass(frozen=True, slots=True)
class Rules:
    """What the config says. *allowed* are the hours on the callee's own clock, *quiet_days* weekdays from Monday as 0,
    *holidays* days on which nobody is called. In *consent_regions* (ISO 3166) only who agreed is called. *ours* are our
    lines. *zone* stands in where nobody knows where a number is, *region* reads a number without country code."""

    zone: ZoneInfo
    region: str = ""
    allowed: Span | None = None
    quiet_days: frozenset[int] = frozenset()
    holidays: frozenset[date] = frozenset()
    consent_regions: frozenset[str] = frozenset()
    ours: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a call that somebody wants. *callee* is a handle, "" where it is no number, and then *typed* is
    what stood there. *agreed* is what the callee said of being called, None where nobody asked. *calls* is how often we
    called within 24 hours. *phone* of the agent is to ring ("": none that any phone system reaches), *line* says
    whether a line fits; *talking*: she is on a call; *never_recorded*: nothing may be kept of this number."""

    callee: str
    typed: str = ""
    agreed: bool | None = None
    blocked: bool = False
    never_recorded: bool = False
    calls: int = 0
    phone: str = ""
    line: bool = True
    talking: bool = False


def gate(known: Known, rules: Rules, at: datetime) -> tuple[Refusal, ...]:
    """All that stands in the way of the call at *at* (aware), the gravest first; nothing where it may be placed."""
    return (*_never(known, rules), *_not_now(known, rules, at), *_not_us(known))


def next_allowed(callee: str, rules: Rules, at: datetime) -> datetime | None:
    """The first moment from *at* on at which neither the hour nor the day forbids the call, in UTC as *at* is aware.
    None where there is none within a month."""
    places = zones(callee, rules.zone)
    if not _quiet(places, rules, at):
        return at
    begins = rules.allowed[0] if rules.allowed else time.min
    candidates = {
        datetime.combine(at.astimezone(zone).date() + timedelta(days), begin, zone).astimezone(at.tzinfo)
        for zone in places
        for days in range(_DAYS_AHEAD)
        for begin in (begins, time.min)
    }
    return next((each for each in sorted(candidates) if each >= at and not _quiet(places, rules, each)), None)


@lru_cache(maxsize=4096)
def zones(callee: str, otherwise: ZoneInfo) -> tuple[ZoneInfo, ...]:
    """The time zones in which *callee*'s phone may be; *otherwise* alone where nobody knows."""
    number = _number(callee)
    if number is None or phonenumbers.number_type(number) not in _PERSONAL:
        return (otherwise,)
    found = []
    for name in timezone.time_zones_for_number(number):
        try:
            found.append(ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError):  # Etc/Unknown, or a zone newer than this system's files
            continue
    return tuple(found) or (otherwise,)


def region_of(callee: str) -> str:
    """The ISO 3166 region of a number, "" where it has none."""
    number = _number(callee)
    if number is None:
        return ""
    return phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(
        number.country_code or 0
    )


def _never(known: Known, rules: Rules) -> Iterable[Refusal]:
    if not known.callee:
        yield Refusal(Rule.EMERGENCY if _emergency(known.typed, rules.region) else Rule.NO_NUMBER)
        return
    number = _number(known.callee)
    if number is not None:
        national = phonenumbers.national_significant_number(number)
        if _emergency(national, region_of(known.callee)):
            yield Refusal(Rule.EMERGENCY)
        if phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE:
            yield Refusal(Rule.PREMIUM)
    if known.callee in rules.ours or known.callee == known.phone:
        yield Refusal(Rule.OUR_OWN)
    if known.never_recorded:
        yield Refusal(Rule.NEVER_RECORDED)
    if known.agreed is False:
        yield Refusal(Rule.DO_NOT_CALL)
    if known.blocked:
        yield Refusal(Rule.BLOCKED)
    region = region_of(known.callee)
    if known.agreed is None and region in rules.consent_regions:
        yield Refusal(Rule.CONSENT, {"region": region})


def _not_now(known: Known, rules: Rules, at: datetime) -> Iterable[Refusal]:
    if known.callee:
        places = zones(known.callee, rules.zone)
        too_early_or_late = next((zone for zone in places if not _within(rules.allowed, at, zone)), None)
        if too_early_or_late is not None and rules.allowed is not None:
            begin, end = rules.allowed
            yield Refusal(
                Rule.HOURS,
                {
                    "local": f"{at.astimezone(too_early_or_late):%H:%M}",
                    "zone": too_early_or_late.key,
                    "begin": f"{begin:%H:%M}",
                    "end": "24:00" if end == time.max else f"{end:%H:%M}",
                },
            )
        quiet = next((day for day in (at.astimezone(zone).date() for zone in places) if _is_quiet(day, rules)), None)
        if quiet is not None:
            yield Refusal(Rule.QUIET_DAY, {"day": quiet.isoformat()})
    if known.calls >= MOST_A_DAY:
        yield Refusal(Rule.TOO_OFTEN, {"times": str(known.calls)})


def _not_us(known: Known) -> Iterable[Refusal]:
    if not known.line:
        yield Refusal(Rule.NO_LINE)
    elif not known.phone:
        yield Refusal(Rule.NO_AGENT_PHONE)
    if known.talking:
        yield Refusal(Rule.ON_A_CALL)


def _quiet(places: tuple[ZoneInfo, ...], rules: Rules, at: datetime) -> bool:
    return any(not _within(rules.allowed, at, zone) or _is_quiet(at.astimezone(zone).date(), rules) for zone in places)


def _within(allowed: Span | None, at: datetime, zone: ZoneInfo) -> bool:
    return allowed is None or allowed[0] <= at.astimezone(zone).time() < allowed[1]


def _is_quiet(day: date, rules: Rules) -> bool:
    return day.weekday() in rules.quiet_days or day in rules.holidays


def _number(handle: str) -> PhoneNumber | None:
    if not handle.startswith("tel:"):
        return None
    try:
        return phonenumbers.parse(handle.removeprefix("tel:"))
    except NumberParseException:
        return None


def _emergency(typed: str, region: str) -> bool:
    return bool(region) and shortnumberinfo.is_emergency_number(typed, region)
