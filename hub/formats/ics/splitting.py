"""A file that holds a whole calendar, taken apart: one small text for each UID, with the zones that it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hub.formats.digest import stable_id
from hub.formats.errors import Unreadable

MOST_EVENTS = 100_000
MOST_FEED = 64 << 20
"""Bytes of a whole calendar: some hundred thousand events."""
_UID = re.compile(rb"^UID(?:;[^:\r\n]*)?:(.*)$", re.IGNORECASE)
_ZONE = re.compile(rb'TZID=(?:"([^"]*)"|([^:;,]*))', re.IGNORECASE)
_TZID = re.compile(rb"^TZID(?:;[^:\r\n]*)?:(.*)$", re.IGNORECASE)
_KEPT_FOR_ALL = (b"X-WR-TIMEZONE", b"METHOD", b"CALSCALE")

_OF_THE_FILE = (b"DTSTAMP", b"CREATED", b"LAST-MODIFIED")

Line = bytes


def split(raw: bytes) -> dict[str, bytes]:
    """The events in *raw* by UID, each text with its calendar's zones and METHOD. Events without a UID are named by
    what they say (`content:…`). What is no event is left out. Raises `Unreadable` for what is no calendar, and for
    more than `MOST_EVENTS` events or `MOST_FEED` bytes."""
    if len(raw) > MOST_FEED:
        raise Unreadable(f"it is larger than {MOST_FEED >> 20} MB")
    if b"BEGIN:VCALENDAR" not in raw[:4096].upper() and b"BEGIN:VCALENDAR" not in raw.upper():
        raise Unreadable("no calendar: there is no BEGIN:VCALENDAR")
    head: dict[bytes, Line] = {}
    zones: dict[bytes, list[Line]] = {}
    events: dict[str, list[list[Line]]] = {}
    number = 0
    for kind, block in _blocks(raw):
        if kind == b"":
            head.setdefault(block[0].partition(b":")[0].partition(b";")[0].upper(), block[0])
        elif kind == b"VTIMEZONE":
            zones.setdefault(_first(_TZID, block), block)
        elif kind == b"VEVENT":
            number += 1
            if number > MOST_EVENTS:
                raise Unreadable(f"it holds more than {MOST_EVENTS:,} events")
            uid = _first(_UID, block).decode("utf-8", "replace") or _content(block)
            events.setdefault(uid, []).append(block)
    shared = [head[name] for name in _KEPT_FOR_ALL if name in head]
    return {uid: _text(shared, zones, blocks) for uid, blocks in events.items()}


def _text(shared: list[Line], zones: dict[bytes, list[Line]], blocks: list[list[Line]]) -> bytes:
    named = {quoted or bare for block in blocks for line in block for quoted, bare in _ZONE.findall(line)}
    lines = [b"BEGIN:VCALENDAR", b"VERSION:2.0", *shared]
    for name in sorted(named & zones.keys()):
        lines += zones[name]
    for block in blocks:
        lines += block
    return b"\r\n".join([*lines, b"END:VCALENDAR", b""])


def _content(block: list[Line]) -> str:
    """A name for an event without a UID: what it says, not when it was asked for."""
    said = (line.hex() for line in block if not line.upper().startswith(_OF_THE_FILE))
    return f"content:{stable_id(*said)}"


def _first(pattern: re.Pattern[bytes], block: list[Line]) -> bytes:
    """The value of the block's own property that *pattern* finds, not of one of the blocks within it."""
    depth = 0
    for line in block[1:]:
        upper = line[:6].upper()
        depth += upper == b"BEGIN:"
        if not depth and (found := pattern.match(line)):
            return found[1].strip()
        depth -= upper.startswith(b"END:")
    return b""


def _blocks(raw: bytes) -> Iterator[tuple[bytes, list[Line]]]:
    """What stands in the calendar: each component with its kind and its unfolded lines, and each property of the
    calendar itself as the kind of no name."""
    stack: list[bytes] = []
    block: list[Line] = []
    for line in _unfolded(raw):
        upper = line[:40].upper()
        if upper.startswith(b"BEGIN:"):
            stack.append(upper[6:].strip())
        if len(stack) >= 2:
            block.append(line)
        elif len(stack) == 1 and b":" in line and not upper.startswith((b"BEGIN:", b"END:")):
            yield b"", [line]
        if upper.startswith(b"END:") and stack:
            kind = stack.pop()
            if len(stack) == 1:
                yield kind, block
                block = []


def _unfolded(raw: bytes) -> Iterator[Line]:
    """The content lines (RFC 5545, 3.1), put together again where they were folded; some write empty lines
    between."""
    line = b""
    for each in raw.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        if not each:
            continue
        if each[:1] in (b" ", b"\t"):
            line += each[1:]
            continue
        if line:
            yield line
        line = each
    if line:
        yield line
