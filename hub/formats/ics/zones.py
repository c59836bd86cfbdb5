"""Time zones as calendars name them: by IANA, by Windows, by city, by offset, or by rules of their own (VTIMEZONE)."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

_OFFSET = re.compile(r"(?:GMT|UTC|Etc/GMT)?\s?([+-])(\d{1,2}):?(\d{2})?$", re.IGNORECASE)
_BRACKETS = re.compile(r"\([^()]*\)")
_CITY = re.compile(r"[A-Z][\w.'-]*(?: [A-Z][\w.'-]*)*")


@lru_cache(maxsize=256)
def zone_named(name: str) -> tzinfo | None:
    """The zone that *name* means: an IANA or Windows name, an offset, a Windows display name with its cities, or a name
    with a vendor before it. None where nobody could tell."""
    name = name.strip(" \"'")
    if name.rpartition("/")[2].upper() in ("UTC", "Z", "GMT"):
        return UTC
    parts = name.strip("/").split("/")
    for begin in range(len(parts)):
        candidate = "/".join(parts[begin:])
        if candidate in _names():
            return ZoneInfo(_names()[candidate])
    if name in WINDOWS_TO_OLSON:
        return ZoneInfo(WINDOWS_TO_OLSON[name])
    offset = _OFFSET.fullmatch(name)
    if offset:
        length = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        if length < timedelta(days=1):
            return timezone(-length if offset[1] == "-" else length)
    for city in _CITY.findall(_BRACKETS.sub("", name)):
        known = _names().get(city.replace(" ", "_"))
        if known:
            return ZoneInfo(known)
    return None


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Every zone by its name and by its city."""
    names = {name: name for name in available_timezones()}
    return {name.rpartition("/")[2]: name for name in sorted(names, reverse=True) if "/" in name} | names
