"""Time zones as calendars name them: by IANA, by Windows, by a vendor, by rules of their own, by city, by offset."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from dateutil.tz import tzical
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

MOST_ZONES = 20
"""Zones with rules of their own that one text may have. Real calendars have one or two."""

_OFFSET = re.compile(r"\(?(?:GMT|UTC|Etc/GMT)?\s?([+-])(\d{1,2}):?(\d{2})?\)?$", re.IGNORECASE)
_BRACKETS = re.compile(r"\([^()]*\)")
_CITY = re.compile(r"[^\W\d_][\w.'-]*(?: [^\W\d_][\w.'-]*)*")
_AMERICAN = {
    "Atlantic Time": "America/Halifax",
    "Eastern Time": "America/New_York",
    "Central Time": "America/Chicago",
    "Mountain Time": "America/Denver",
    "Pacific Time": "America/Los_Angeles",
}
"""Windows shows these zones without a city."""
_RULES = ("BEGIN:", "END:", "TZID", "DTSTART", "RRULE", "RDATE", "TZOFFSETFROM", "TZOFFSETTO", "TZNAME")
_YEARLY = re.compile(r"RRULE:(?=.*FREQ=YEARLY)(?!.*(?:BYHOUR|BYMINUTE|BYSECOND|BYSETPOS)).*", re.IGNORECASE)


@lru_cache(maxsize=256)
def zone_named(name: str) -> tzinfo | None:
    """The zone that *name* means: an IANA or Windows name, one with a vendor before it, a Windows display name with its
    cities, or an offset. None where nobody could tell."""
    return zone_known(name) or zone_guessed(name)


@lru_cache(maxsize=256)
def zone_known(name: str) -> tzinfo | None:
    """The zone whose IANA or Windows name (CLDR windowsZones) *name* is, perhaps with a vendor before it."""
    name = name.strip(" \"'")
    if name.rpartition("/")[2].upper() in ("UTC", "Z", "GMT"):
        return UTC
    if name in WINDOWS_TO_OLSON:
        return ZoneInfo(WINDOWS_TO_OLSON[name])
    parts = name.strip("/").split("/")
    for begin in range(len(parts)):
        known = _names().get("/".join(parts[begin:]).casefold())
        if known:
            return ZoneInfo(known)
    return None


@lru_cache(maxsize=256)
def zone_guessed(name: str) -> tzinfo | None:
    """The zone that *name* describes: `GMT-0300`, `(UTC+01:00) Amsterdam, Berlin, …`."""
    name = name.strip(" \"'")
    offset = _OFFSET.fullmatch(name)
    if offset:
        length = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        if length < timedelta(days=1):
            return timezone(-length if offset[1] == "-" else length)
    for city in _CITY.findall(_BRACKETS.sub("", name)):
        known = _AMERICAN.get(city.strip()) or _cities().get(city.replace(" ", "_").casefold())
        if known:
            return ZoneInfo(known)
    return None


class Zones:
    """The zones in one calendar: what the names in it mean (PROVIDERS: windowsZones, the file's own rules, its
    X-WR-TIMEZONE), and where times without a zone are meant (*floating*)."""

    def __init__(self, rules: Mapping[str, str], floating: tzinfo) -> None:
        self.floating = floating
        self._rules = rules
        self._own: dict[str, tzinfo | None] = {}

    def named(self, name: str) -> tzinfo | None:
        """What *name* means here, None where nobody could tell."""
        return zone_known(name) or self._ruled(name) or zone_guessed(name)

    def _ruled(self, name: str) -> tzinfo | None:
        name = name.strip(" \"'")
        if name not in self._own:
            text = self._rules.get(name, "")
            self._own[name] = _by_rules(text) if text and len(self._own) < MOST_ZONES else None
        return self._own[name]


def iana_name(zone: tzinfo | None) -> str:
    """The IANA name of *zone*, "" where it has none."""
    return "UTC" if zone is UTC else zone.key if isinstance(zone, ZoneInfo) else ""


@lru_cache(maxsize=64)
def _by_rules(text: str) -> tzinfo | None:
    """The zone that a VTIMEZONE defines (RFC 5545, 3.6.5). Its rules must be yearly: they are counted through."""
    lines = [line for line in text.splitlines() if line.upper().startswith(_RULES)]
    if any(line.upper().startswith("RRULE") and not _YEARLY.match(line) for line in lines):
        return None
    # dateutil wants a zone's start without parameters.
    lines = [re.sub(r"^DTSTART;[^:]*:", "DTSTART:", line, flags=re.IGNORECASE) for line in lines]
    try:
        found: tzinfo | None = tzical(io.StringIO("\r\n".join(lines))).get()
    except (ValueError, TypeError, IndexError, AttributeError, OverflowError):
        return None
    return found


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Every zone by its name in lower case, and by its city."""
    return _cities() | {name.casefold(): name for name in available_timezones()}


@lru_cache(maxsize=1)
def _cities() -> dict[str, str]:
    return {name.rpartition("/")[2].casefold(): name for name in sorted(available_timezones(), reverse=True)}
