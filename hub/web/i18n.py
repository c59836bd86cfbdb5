"""The languages of the pages: which one a reader gets, and how dates, numbers and sentences read in it.

The catalogues are the `.po` files in `hub/web/locale`; they are read once at start. English stands in the source.
"""

from __future__ import annotations

import datetime as calendar
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

TAGS = ("en", "zh-Hans", "zh-Hant")
"""BCP 47 tags of the languages the hub speaks; the first one is the last resort."""

NAMES = {"en": "English", "zh-Hans": "简体中文", "zh-Hant": "繁體中文"}
"""Each language in its own words, for choosing it."""

_TRADITIONAL = ("zh-hant", "zh-tw", "zh-hk", "zh-mo")


@cache
def catalogue(tag: str) -> NullTranslations:
    """The translations for *tag*, one of `TAGS`; English has none and reads as it is written."""
    if tag == "en":
        return NullTranslations()
    path = files("hub.web") / "locale" / tag.replace("-", "_") / "LC_MESSAGES" / "messages.po"
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source))
    compiled.seek(0)
    return GNUTranslations(compiled)


def zone(name: str) -> ZoneInfo:
    """The time zone *name* (IANA), UTC where there is no such zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


@cache
def zones() -> frozenset[str]:
    """The names of all time zones (IANA)."""
    return frozenset(available_timezones())


def chosen(preferred: str, accepted: str, offered: tuple[str, ...]) -> str:
    """The tag to speak: the login's own choice, else the first of the browser's `Accept-Language` we offer, else the
    first offered."""
    if preferred in offered:
        return preferred
    for tag in _by_quality(accepted):
        lower = tag.lower()
        if lower.startswith("zh"):
            wanted = "zh-Hant" if lower.startswith(_TRADITIONAL) else "zh-Hans"
        else:
            wanted = lower.split("-")[0]
        if wanted in offered:
            return wanted
    return offered[0] if offered else TAGS[0]


def _by_quality(accepted: str) -> list[str]:
    """The tags of an `Accept-Language` header (RFC 9110 section 12.5.4), best first."""
    ranked = []
    for part in accepted.split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            quality = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            quality = 0.0
        if tag and tag != "*" and quality > 0:
            ranked.append((quality, tag))
    return [tag for _, tag in sorted(ranked, key=lambda pair: -pair[0])]


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader's language and time zone: everything that a page writes goes through here.

    Moments are aware datetimes; *now* is given once per page, so that one page tells one time.
    """

    tag: str
    timezone: str
    now: datetime

    @classmethod
    def at(cls, tag: str, timezone: str) -> Reader:
        """A reader of a page that is being made now."""
        return cls(tag, timezone, datetime.now(UTC))

    @property
    def locale(self) -> Locale:
        """The CLDR locale of the language."""
        return _locale(self.tag)

    def gettext(self, message: str) -> str:
        """*message* in the reader's language."""
        return catalogue(self.tag).gettext(message)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """The form that goes with *number*."""
        return catalogue(self.tag).ngettext(one, many, number)

    def pgettext(self, context: str, message: str) -> str:
        """*message* in the reader's language, of those that English calls the same the one meant by *context*."""
        return catalogue(self.tag).pgettext(context, message)

    def local(self, moment: datetime) -> datetime:
        """*moment* on the reader's clock."""
        return moment.astimezone(zone(self.timezone))

    def exact(self, moment: datetime) -> str:
        """Day and time in full, as it stands in a tooltip."""
        return dates.format_datetime(self.local(moment), _EXACT[self.tag], locale=self.locale)

    def clock(self, moment: datetime) -> str:
        """The time of day, 14:05 in every language."""
        return dates.format_time(self.local(moment), "HH:mm", locale=self.locale)

    def ago(self, moment: datetime) -> str:
        """Relative up to a week, the date after that."""
        apart = moment - self.now
        if abs(apart) >= timedelta(days=7):
            return self.date(moment)
        if abs(apart) < timedelta(seconds=45):
            return self.gettext("just now")
        said = dates.format_timedelta(
            apart, granularity="minute", threshold=0.9, add_direction=True, format="short", locale=self.locale
        )
        return _ABBREVIATED.sub("", said) if self.tag == "en" else said

    def date(self, moment: datetime) -> str:
        """The day without its weekday; the year only where it is another one."""
        local = self.local(moment)
        pattern = _DAY[self.tag] if local.year == self.local(self.now).year else _DAY_OF_YEAR[self.tag]
        return dates.format_date(local.date(), pattern, locale=self.locale)

    def day(self, moment: datetime) -> str:
        """A day as a heading: today, yesterday, or weekday and date."""
        day, today = self.local(moment).date(), self.local(self.now).date()
        if day == today:
            return self.gettext("Today")
        if day == today - timedelta(days=1):
            return self.gettext("Yesterday")
        return self.weekday(day)

    def full_date(self, day: calendar.date) -> str:
        """A day of any year."""
        return dates.format_date(day, _FULL[self.tag], locale=self.locale)

    def weekday(self, day: calendar.date) -> str:
        """Weekday and date; the year only where it is another one."""
        this_year = day.year == self.local(self.now).year
        pattern = _HEADING[self.tag] if this_year else _HEADING_OF_YEAR[self.tag]
        return dates.format_date(day, pattern, locale=self.locale)

    def short_weekday(self, day: calendar.date) -> str:
        """The weekday alone, abbreviated: "Fri"."""
        return dates.format_date(day, "EEE", locale=self.locale)

    def long_weekday(self, day: calendar.date) -> str:
        """The weekday alone: "Friday"."""
        return dates.format_date(day, "EEEE", locale=self.locale)

    def lasting(self, seconds: float) -> str:
        """How long something is, in one unit: "3 days", "12 min"."""
        return dates.format_timedelta(timedelta(seconds=seconds), threshold=0.9, format="short", locale=self.locale)

    def number(self, value: float) -> str:
        """*value* with the thousands marked."""
        return numbers.format_decimal(value, locale=self.locale)

    def money(self, amount: float, currency: str) -> str:
        """*amount* of *currency* (ISO 4217), without cents where there are none."""
        if not currency:
            return self.number(amount)
        digits = "" if amount == int(amount) else ".00"
        return numbers.format_currency(
            amount, currency, format=f"¤#,##0{digits}", currency_digits=False, locale=self.locale
        )

    def size(self, count: int) -> str:
        """*count* bytes as people say it."""
        if count < 1000:
            return f"{self.number(count)} B"
        if count < 1_000_000:
            return f"{self.number(round(count / 1000))} kB"
        return f"{self.number(round(count / 1_000_000, 1))} MB"


_ABBREVIATED = re.compile(r"(?<=min|.hr)s?\.")
"""CLDR writes "12 min. ago"; newer editions, which browsers follow, leave the full stop out."""
_EXACT = {"en": "EEEE d MMMM y, HH:mm:ss", "zh-Hans": "y年M月d日EEEE HH:mm:ss", "zh-Hant": "y年M月d日EEEE HH:mm:ss"}
_DAY = {"en": "d MMM", "zh-Hans": "M月d日", "zh-Hant": "M月d日"}
_DAY_OF_YEAR = {"en": "d MMM y", "zh-Hans": "y年M月d日", "zh-Hant": "y年M月d日"}
_FULL = {"en": "d MMMM y", "zh-Hans": "y年M月d日", "zh-Hant": "y年M月d日"}
_HEADING = {"en": "EEEE d MMMM", "zh-Hans": "M月d日 EEEE", "zh-Hant": "M月d日 EEEE"}
_HEADING_OF_YEAR = {"en": "EEEE d MMMM y", "zh-Hans": "y年M月d日 EEEE", "zh-Hant": "y年M月d日 EEEE"}


@cache
def _locale(tag: str) -> Locale:
    return Locale.parse(tag, sep="-")


def talking(seconds: int) -> str:
    """A call's length as a clock: 4:12, 1:04:12."""
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
