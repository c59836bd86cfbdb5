"""Calendar files into the standard's components (icalendar), as far as each can be read."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator
from datetime import tzinfo
from typing import Any, NamedTuple

from icalendar import Calendar, Component
from icalendar.prop.broken import vBroken

from hub.formats import charsets
from hub.formats.errors import Unreadable
from hub.formats.ics.zones import Zones, zone_named

MOST_BYTES = 8 << 20
"""Of a text that is read whole. A calendar that is larger is taken apart first."""

_BROKEN = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError)
"""What icalendar raises for what is broken."""
_FOLD = re.compile(r"(?:\r?\n)+[ \t]")
_LINES = re.compile(r"(?<=\n)")
_TZID = re.compile(r"^TZID(?:;[^:\r\n]*)?:(.*?)\s*$", re.MULTILINE | re.IGNORECASE)


class Opened(NamedTuple):
    """One VCALENDAR of a file, and what the names of zones mean in it."""

    calendar: Component
    zones: Zones


def opened(raw: bytes, zone: tzinfo, only: re.Pattern[str] | None = None) -> list[Opened]:
    """The calendars in a file, without what cannot be read of them, and without alarms, which nobody here obeys.

    *zone* is where times without a zone are meant, unless the file names one (X-WR-TIMEZONE). Zones are the file's
    own: the library would keep the rules of the first calendar that used a name for every other. Where *only* some
    lines matter, the others are not looked at. Raises `Unreadable`.
    """
    text = _text(raw)
    whole, blocks = _taken_out(text, ("VTIMEZONE", "VALARM"))
    rules: dict[str, str] = {}
    for kind, block in blocks:
        rule = _FOLD.sub("", block)
        tzid = _TZID.search(rule)
        if kind == "VTIMEZONE" and tzid:
            rules.setdefault(tzid[1].strip(" \"'"), rule)
    if only is not None:
        whole = "".join(line for line in _LINES.split(_FOLD.sub("", whole)) if only.match(line))
    found = []
    for calendar in _calendars(whole if "BEGIN:V" in whole.upper() else text):
        named = str(calendar.get("X-WR-TIMEZONE", ""))
        found.append(Opened(calendar, Zones(rules, (zone_named(named) if named else None) or zone)))
    return found


def first(component: Component, name: str) -> Any:
    """The value of a property, of several the first; None where there is none or nobody can read it."""
    value: Any = component.get(name)
    if isinstance(value, list):
        value = value[0] if value else None
    return None if isinstance(value, vBroken) else value


def _text(raw: bytes) -> str:
    if len(raw) > MOST_BYTES:
        raise Unreadable(f"it is larger than {MOST_BYTES >> 20} MB")
    text = charsets.decode(raw.removeprefix(b"\xef\xbb\xbf"), "utf-8")
    if "BEGIN:V" not in text.upper():
        raise Unreadable("no calendar: there is no BEGIN line")
    return text


def _taken_out(text: str, kinds: Collection[str]) -> tuple[str, list[tuple[str, str]]]:
    """*text* without the components of these *kinds* (upper case), and those. One that does not end stays."""
    rest: list[str] = []
    blocks: list[tuple[str, str]] = []
    kind = ""
    block: list[str] = []
    for line in _LINES.split(text):
        word = line[:24].strip().upper()
        if not kind and word.startswith("BEGIN:") and word[6:] in kinds:
            kind, block = word[6:], [line]
        elif not kind:
            rest.append(line)
        else:
            block.append(line)
            if word == f"END:{kind}":
                blocks.append((kind, "".join(block)))
                kind, block = "", []
    return "".join([*rest, *block]), blocks


def _calendars(text: str) -> list[Component]:
    with warnings.catch_warnings():
        # The library warns of the zone names that it has to guess at; so do we have to.
        warnings.simplefilter("ignore")
        try:
            whole: list[Component] = list(Calendar.from_ical(text, multiple=True))
            reason = "it is cut off"
        except _BROKEN as error:
            whole, reason = [], str(error)
        found = whole or list(_rescued(text))
    if not found:
        raise Unreadable(f"no event in it can be read: {reason}")
    return found


def _rescued(text: str) -> Iterator[Component]:
    """The calendar without what breaks it: first without its zones, then event by event."""
    without_zones, _ = _taken_out(text, ("VTIMEZONE",))
    heads = re.findall(r"^(?:METHOD|X-WR-TIMEZONE):.*$", text, re.MULTILINE | re.IGNORECASE)
    head = "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *(line.strip() for line in heads[:2]), ""])
    alone = [f"{head}{block.rstrip()}\r\nEND:VCALENDAR\r\n" for _, block in _taken_out(text, ("VEVENT",))[1]]
    for attempts in ([without_zones], alone):
        rescued = False
        for attempt in attempts:
            try:
                found = list(Calendar.from_ical(attempt, multiple=True))
            except _BROKEN:
                continue
            yield from found
            rescued = rescued or bool(found)
        if rescued:
            return
