"""From one file with everybody's events to one for each event, as calendar servers keep them (RFC 4791, 4.1)."""

from __future__ import annotations

import re

from hub.formats.digest import digest

_BLOCK = re.compile(
    rb"^BEGIN:(VEVENT|VTIMEZONE)[ \t]*\r?$.*?^END:\1[ \t]*\r?$\n?", re.MULTILINE | re.DOTALL | re.IGNORECASE
)
_ALARM = re.compile(rb"^BEGIN:VALARM.*?^END:VALARM[^\n]*\n?", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_FOLD = re.compile(rb"\r?\n[ \t]")
_UID = re.compile(rb"^UID(?:;[^:\r\n]*)?:[ \t]*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_ZONE = re.compile(rb"^TZID(?:;[^:\r\n]*)?:[ \t]*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_IN_ZONE = re.compile(rb';TZID="?([^":;,\r\n]+)', re.IGNORECASE)
_FLOATING = re.compile(rb"^X-WR-TIMEZONE[;:][^\r\n]*", re.MULTILINE | re.IGNORECASE)
_STAMP = re.compile(rb"^DTSTAMP[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*", re.MULTILINE | re.IGNORECASE)


def split(raw: bytes) -> dict[str, bytes]:
    """The events of a feed by UID, each a whole iCalendar object with the zones that it names, in the feed's order. An
    event without a UID is called after its text. What is no event is left out."""
    blocks = [(found[1].upper(), found[0]) for found in _BLOCK.finditer(raw)]
    zones = {_name(_ZONE, text): text for kind, text in blocks if kind == b"VTIMEZONE"}
    floating = _FLOATING.search(_BLOCK.sub(b"", raw))
    head = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + (floating[0] + b"\r\n" if floating else b"")
    events: dict[str, list[bytes]] = {}
    for kind, text in blocks:
        if kind == b"VEVENT":
            uid = _name(_UID, _ALARM.sub(b"", text)).decode("utf-8", "replace")
            events.setdefault(uid or f"without-uid-{digest(sense(text))[:32]}", []).append(_ended(text))
    return {uid: b"".join((head, *_used(zones, texts), *texts, b"END:VCALENDAR\r\n")) for uid, texts in events.items()}


def sense(text: bytes) -> bytes:
    """*text* without the time at which it was written down (DTSTAMP): many feeds write the present."""
    return _STAMP.sub(b"", text)


def _name(pattern: re.Pattern[bytes], text: bytes) -> bytes:
    found = pattern.search(_FOLD.sub(b"", text))
    return found[1].strip() if found else b""


def _used(zones: dict[bytes, bytes], texts: list[bytes]) -> list[bytes]:
    named = dict.fromkeys(found[1].strip() for text in texts for found in _IN_ZONE.finditer(_FOLD.sub(b"", text)))
    return [_ended(zones[name]) for name in named if name in zones]


def _ended(text: bytes) -> bytes:
    return text if text.endswith(b"\n") else text + b"\r\n"
