"""A month of free times as the page shows it: the days that have room, and the times of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel import dates

from hub.booking.choosing import Slot
from hub.booking.slots import Slots
from hub.web.i18n import Reader

MONTHS_AHEAD = 13


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the grid: how many times it has, and whether it is the one that is looked at."""

    date: date
    times: int
    chosen: bool
    here: bool
    """Whether it belongs to the month, and does not only fill up its weeks."""


@dataclass(frozen=True, slots=True)
class Month:
    """What is offered in one month of the reader's zone. *weeks* begin on Monday; *times* are those of the *day* that
    is looked at. *next* is the first free time after this month where it has none; *stale* says that a calendar could
    not be asked."""

    first: date
    weeks: tuple[tuple[Day, ...], ...]
    day: date | None
    times: tuple[Slot, ...]
    earliest: Slot | None
    next: Slot | None
    before: date | None
    after: date | None
    stale: bool


async def month(
    slots: Slots,
    reader: Reader,
    slug: str,
    duration: int,
    *,
    wanted: str = "",
    day: str = "",
    host: str = "",
    without: int | None = None,
) -> Month:
    """The month *wanted* (`2026-11`), or that of *day* (`2026-11-24`), or the first that has a free time."""
    zone = ZoneInfo(reader.timezone)
    today = reader.now.astimezone(zone).date()
    chosen = _date(day)
    first = (_date(f"{wanted}-01") or chosen or today).replace(day=1)
    furthest = _later(today.replace(day=1), MONTHS_AHEAD)
    first = min(max(first, today.replace(day=1)), furthest)
    offer = await slots.offered(
        slug, duration, _begins(first, zone), _begins(_later(first, 1), zone), host=host, without=without
    )
    if not offer.slots and offer.next is not None and not wanted and chosen is None:
        first = offer.next.starts_at.astimezone(zone).date().replace(day=1)
        offer = await slots.offered(
            slug, duration, _begins(first, zone), _begins(_later(first, 1), zone), host=host, without=without
        )
    by_day: dict[date, list[Slot]] = {}
    for slot in offer.slots:
        by_day.setdefault(slot.starts_at.astimezone(zone).date(), []).append(slot)
    if chosen not in by_day:
        chosen = min(by_day, default=None)
    return Month(
        first=first,
        weeks=_weeks(first, today, by_day, chosen),
        day=chosen,
        times=tuple(by_day[chosen]) if chosen else (),
        earliest=offer.slots[0] if offer.slots else None,
        next=offer.next,
        before=_later(first, -1) if first > today.replace(day=1) else None,
        after=_later(first, 1) if first < furthest else None,
        stale=bool(offer.stale),
    )


def _weeks(
    first: date, today: date, by_day: dict[date, list[Slot]], chosen: date | None
) -> tuple[tuple[Day, ...], ...]:
    start = max(first, today)  # the weeks that are over need no room
    start -= timedelta(days=start.weekday())
    weeks = []
    while start < _later(first, 1):
        days = [start + timedelta(days=number) for number in range(7)]
        weeks.append(tuple(Day(day, len(by_day.get(day, ())), day == chosen, day.month == first.month) for day in days))
        start += timedelta(days=7)
    return tuple(weeks)


def parts(reader: Reader, times: Sequence[Slot]) -> tuple[tuple[str, tuple[Slot, ...]], ...]:
    """*times* as morning, afternoon and evening of the reader's clock, with the words for each."""
    t = reader.gettext
    groups: dict[str, list[Slot]] = {t("Morning"): [], t("Afternoon"): [], t("Evening"): []}
    words = list(groups)
    for slot in times:
        hour = reader.local(slot.starts_at).hour
        groups[words[0 if hour < 12 else 1 if hour < 18 else 2]].append(slot)
    return tuple((word, tuple(some)) for word, some in groups.items() if some)


def month_name(reader: Reader, first: date) -> str:
    """The month as a heading: "November 2026"."""
    return dates.format_skeleton("yMMMM", first, locale=reader.locale)


def _begins(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _later(first: date, months: int) -> date:
    number = first.year * 12 + first.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 < found.year < 2100 else None
