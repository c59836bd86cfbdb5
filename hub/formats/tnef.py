"""What Outlook packs into `winmail.dat` (MS-OXTNEF): the text of a mail and its files.

Nothing is unpacked twice: a mail inside is flattened into its files and its text.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from hub.formats import charsets, html, rtf
from hub.formats.errors import Unreadable

_SIGNATURE = 0x223E9F78
_MOST_FILES = 1_000
_MOST_PROPERTIES = 20_000
_DEEPEST = 3

_BODY, _MESSAGE_CLASS, _SUBJECT, _CODEPAGE = 0x0002800C, 0x00078008, 0x00018004, 0x00069007
_MESSAGE_PROPERTIES, _NEW_FILE, _FILE_DATA = 0x00069003, 0x00069002, 0x0006800F
_FILE_TITLE, _FILE_PROPERTIES = 0x00018010, 0x00069005

_P_SUBJECT, _P_BODY, _P_HTML, _P_RTF, _P_CODEPAGE = 0x0037, 0x1000, 0x1013, 0x1009, 0x3FDE
_P_DATA, _P_SHORT_NAME, _P_NAME, _P_TITLE, _P_MEDIA_TYPE, _P_CONTENT_ID = 0x3701, 0x3704, 0x3707, 0x3001, 0x370E, 0x3712

_FIXED = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 0xA: 4, 0xB: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_STRING, _UNICODE, _BINARY, _OBJECT = 0x1E, 0x1F, 0x102, 0xD


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file inside. *name* is as it was written, *media_type* and *content_id* are empty where it has none."""

    name: str
    data: bytes
    media_type: str = ""
    content_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tnef:
    """A `winmail.dat`. *text* is what a reader sees, *html* its page if it has one, *defects* says what was cut."""

    subject: str
    message_class: str
    text: str
    html: str
    files: tuple[File, ...]
    defects: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    """What has been read so far."""

    charset: str = "cp1252"
    subject: str = ""
    message_class: str = ""
    body: bytes = b""
    properties: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    files: list[dict[int, tuple[int, bytes]]] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)


def read(data: bytes) -> Tnef:
    """The TNEF stream in *data*, as far as it goes. Raises `Unreadable` for what is none."""
    return _read(data, 0)


def _read(data: bytes, depth: int) -> Tnef:
    if len(data) < 6 or struct.unpack_from("<I", data)[0] != _SIGNATURE:
        raise Unreadable("no TNEF signature")
    found = _Found()
    for attribute, value in _attributes(data, found):
        try:
            _take(attribute, value, found)
        except (struct.error, IndexError):
            found.defects.append("a property that is cut")
    subject = _string(found, found.properties.get(_P_SUBJECT)) or found.subject
    page = _page(found)
    text = _string(found, found.properties.get(_P_BODY)) or charsets.decode(found.body, found.charset)
    if not text.strip():
        text = html.to_text(page) if page else _rich(found)
    files: list[File] = []
    for properties in found.files:
        files += _files(properties, found, depth)
    return Tnef(
        subject=subject.strip("\x00 "),
        message_class=found.message_class,
        text=text.replace("\r\n", "\n").replace("\r", "\n"),
        html=page,
        files=tuple(files[:_MOST_FILES]),
        defects=tuple(dict.fromkeys(found.defects)),
    )


def _attributes(data: bytes, found: _Found) -> Iterator[tuple[int, bytes]]:
    """Section 2.1.3.2: level, id, length, value, checksum; a wrong checksum is no reason to lose a file."""
    at = 6
    for number in count():
        if at + 9 > len(data):
            return
        if number == _MOST_PROPERTIES:
            found.defects.append(f"more than {_MOST_PROPERTIES:,} attributes")
            return
        level, attribute, length = struct.unpack_from("<BII", data, at)
        if level not in (1, 2):
            found.defects.append("an attribute of no level")
            return
        at += 9
        if at + length > len(data):
            found.defects.append("an attribute that is cut")
        yield attribute, data[at : at + length]
        at += length + 2


def _take(attribute: int, value: bytes, found: _Found) -> None:
    if attribute == _CODEPAGE:
        page = f"cp{struct.unpack_from('<I', value)[0]}"
        found.charset = page if charsets.known(page) else found.charset
    elif attribute == _SUBJECT:
        found.subject = charsets.decode(value, found.charset)
    elif attribute == _MESSAGE_CLASS:
        found.message_class = charsets.decode(value, "ascii")
    elif attribute == _BODY:
        found.body = value
    elif attribute == _MESSAGE_PROPERTIES:
        found.properties.update(_properties(value, found))
    elif attribute == _NEW_FILE:
        if len(found.files) < _MOST_FILES:
            found.files.append({})
        else:
            found.defects.append(f"more than {_MOST_FILES:,} files")
    elif found.files and attribute == _FILE_DATA:
        found.files[-1].setdefault(_P_DATA, (_BINARY, value))
    elif found.files and attribute == _FILE_TITLE:
        found.files[-1].setdefault(_P_TITLE, (_STRING, value))
    elif found.files and attribute == _FILE_PROPERTIES:
        found.files[-1].update(_properties(value, found))


def _properties(data: bytes, found: _Found) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """Section 2.1.3.4: MAPI properties as (id, (type, value)), of several values the first."""
    (stated,) = struct.unpack_from("<I", data)
    at = 4
    if stated > _MOST_PROPERTIES:
        found.defects.append(f"more than {_MOST_PROPERTIES:,} properties")
    for _ in range(min(stated, _MOST_PROPERTIES)):
        kind, ident = struct.unpack_from("<HH", data, at)
        at += 4
        if ident >= 0x8000:  # a name follows: a set, and a number or a string
            (by_name,) = struct.unpack_from("<I", data, at + 16)
            at += 24 if not by_name else 24 + _padded(struct.unpack_from("<I", data, at + 20)[0])
        several, kind = bool(kind & 0x1000), kind & 0xEFFF
        values = 1
        if several or kind not in _FIXED:
            (values,) = struct.unpack_from("<I", data, at)
            at += 4
        first: bytes | None = None
        for number in range(values):
            if kind in _FIXED:
                length = stored = _FIXED[kind]
            elif kind in (_STRING, _UNICODE, _BINARY, _OBJECT):
                (length,) = struct.unpack_from("<I", data, at)
                at, stored = at + 4, _padded(length)
            else:
                found.defects.append("a property of an unknown type")
                return
            if at + length > len(data):
                found.defects.append("a property that is cut")
            if number == 0:
                first = data[at : at + length]
            at += stored
            if at > len(data):
                break
        if first is not None:
            yield ident, (kind, first)


def _padded(length: int) -> int:
    return (length + 3) & ~3


def _string(found: _Found, value: tuple[int, bytes] | None) -> str:
    if value is None:
        return ""
    kind, data = value
    if kind == _UNICODE:
        return charsets.clean(data.decode("utf-16-le", "replace"))
    return charsets.decode(data, found.charset)


def _page(found: _Found) -> str:
    value = found.properties.get(_P_HTML)
    if value is None or value[0] == _UNICODE:
        return _string(found, value)
    kind, number = found.properties.get(_P_CODEPAGE, (0, b""))
    page = f"cp{struct.unpack('<I', number)[0]}" if kind == 3 and len(number) == 4 else ""
    return charsets.decode(value[1], {"cp65001": "utf-8", "cp28591": "iso-8859-1"}.get(page, page))


def _rich(found: _Found) -> str:
    _, packed = found.properties.get(_P_RTF, (0, b""))
    if not packed:
        return ""
    try:
        return rtf.to_text(rtf.unpack(packed))
    except Unreadable as error:
        found.defects.append(str(error))
        return ""


def _files(properties: dict[int, tuple[int, bytes]], found: _Found, depth: int) -> list[File]:
    """The file with those *properties*; of a mail inside its text and its files."""
    kind, data = properties.get(_P_DATA, (0, b""))
    names = (_string(found, properties.get(name)).strip("\x00 ") for name in (_P_NAME, _P_SHORT_NAME, _P_TITLE))
    name = next((each for each in names if each), "")
    if kind == _OBJECT:
        data = data[16:]  # the identifier of its interface
        if depth < _DEEPEST:
            try:
                inner = _read(data, depth + 1)
            except Unreadable:
                pass
            else:
                found.defects += inner.defects
                text = File(name=f"{inner.subject or name or 'mail'}.txt", data=inner.text.encode(), media_type=_TEXT)
                return [text, *inner.files]
    if not data and not name:
        return []
    return [
        File(
            name=name,
            data=data,
            media_type=_string(found, properties.get(_P_MEDIA_TYPE)).strip("\x00 ").lower(),
            content_id=_string(found, properties.get(_P_CONTENT_ID)).strip("\x00 <>"),
        )
    ]


_TEXT = "text/plain"
