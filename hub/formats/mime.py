"""The structure of a mail (RFC 2045, 2046): a tree of parts over the bytes, in which nothing is decoded yet.

Broken mails are read the way a person would read them: what is cut, unclosed or misplaced ends where something else
begins, and never costs more than itself.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from hub.formats import charsets, headers
from hub.formats.filenames import filename

# So that no mail can be made to take long. Who hits one of them is named in `defects`.
_DEEPEST = 40
_MOST_PARTS = 2_000
_MOST_STRAYS = 50
_MOST_FALSE_BOUNDARIES = 20_000
_LONGEST_HEADER = 1_000_000
_LONGEST_FIELD_NAME = 200
_FAR = 65_536
_LARGE = 1_000_000

_HEADER_END = re.compile(rb"\n\r*\n")
_NAME = re.compile(r"[!-9;-~]+")
_CONTROLS = bytes([*range(9), 11, 12, 13, *range(14, 32), 127])
_WHOLE_FIELD = re.compile(rb"[^\n]++(?:\n[ \t][^\n]*+)*+\n?|\n")
_USUAL = re.compile(
    r"^(?:from|to|cc|bcc|subject|date|message-id|received|return-path|reply-to|sender|mime-version|in-reply-to|"
    r"references|content-(?:type|transfer-encoding|disposition|id|description|language))[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_USUAL_BYTES = re.compile(_USUAL.pattern.encode("ascii"), re.IGNORECASE | re.MULTILINE)
_LOOKS_LIKE_BOUNDARY = re.compile(rb"(?:\A|\n)--(\S[^\r\n]*?)[ \t]*\r*\n")
# What follows a Content-Type without the blank that would make it part of it.
_STRAY_PARAMETER = re.compile(r"(?:boundary|charset|name|filename)\*?\s*=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part. *fields* are (name in lower case, unfolded value with its encoded words) in order; the body is bytes
    *start* to *end* of the mail, or of *inside* where the part was unpacked from another one; *parts* are the children
    of a multipart. *defects* are those of its structure; *plain* says that no value has encoded words or control
    characters."""

    fields: tuple[tuple[str, str], ...]
    media_type: str
    parameters: Mapping[str, str]
    start: int
    end: int
    parts: tuple[Part, ...] = ()
    defects: tuple[str, ...] = ()
    plain: bool = False
    inside: bytes | None = None

    def value(self, name: str) -> str:
        """The value of the first field of that name, empty where there is none."""
        for each, value in self.fields:
            if each == name:
                return value
        return ""

    @property
    def disposition(self) -> str:
        """`attachment`, `inline`, or empty where the part does not say (RFC 2183)."""
        value = self.value("content-disposition")
        if not value:
            return ""
        said = headers.parameters(value)[0]
        return said if said in ("", "inline") else "attachment"

    @property
    def name(self) -> str:
        """The file's name without any path, empty where the part has none."""
        value = self.value("content-disposition")
        name = headers.parameters(value)[1].get("filename", "") if value else ""
        name = name or self.parameters.get("name", "")
        return filename(name) if name else ""

    @property
    def content_id(self) -> str:
        """RFC 2392: what `cid:` points at, without angle brackets."""
        return self.value("content-id").strip("<> \t")

    @property
    def encoding(self) -> str:
        """`base64`, `quoted-printable`, `x-uuencode`, or empty where the bytes stand for themselves."""
        value = self.value("content-transfer-encoding")
        return _encoding(value) if value else ""

    def leaves(self) -> Iterator[Part]:
        """The parts that are no multipart, in the order of the mail."""
        if self.parts:
            for part in self.parts:
                yield from part.leaves()
        else:
            yield self


def read(raw: bytes, own: bool = False) -> Part:
    """The tree of a whole mail. A part without any field is what stands where no header does. With *own* the parts know
    their bytes, because these are not the bytes of the mail that they belong to."""
    reader = _Reader(raw, raw if own else None)
    root = reader.entity(_first_line(raw), len(raw), "text/plain", 0)
    return replace(root, defects=(*root.defects, *reader.limits)) if reader.limits else root


def content(part: Part, raw: bytes, most: int | None = None) -> bytes:
    """The body of a leaf, transfer encoding undone; of *most* bytes of it, where that is fewer."""
    source = raw if part.inside is None else part.inside
    body = source[part.start : part.end if most is None else min(part.end, part.start + most)]
    encoding = part.encoding
    if encoding == "base64":
        return headers.from_base64(body)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "x-uuencode":
        return _from_uuencode(body)
    return body


def size(part: Part, raw: bytes) -> int:
    """The length of `content(part, raw)`, without decoding base64 or what is large (exact where it is well-formed)."""
    encoding = part.encoding
    length = part.end - part.start
    if not encoding:
        return length
    source = raw if part.inside is None else part.inside
    if encoding == "base64":
        return _base64_size(source, part.start, part.end)
    if length < _LARGE:
        return len(content(part, raw))
    if encoding == "x-uuencode":
        return length * 45 // 62
    soft = source.count(b"=\n", part.start, part.end), source.count(b"=\r\n", part.start, part.end)
    return length - 2 * (source.count(b"=", part.start, part.end) - sum(soft)) - 2 * soft[0] - 3 * soft[1]


def text(part: Part, raw: bytes, most: int | None = None) -> str:
    """The body of a text part with `\\n` at line ends; of *most* bytes of it, where that is fewer."""
    decoded = charsets.decode(content(part, raw, most), part.parameters.get("charset", ""))
    if "\r" in decoded:
        decoded = decoded.replace("\r\n", "\n").replace("\r", "\n")
    return decoded


def _first_line(raw: bytes) -> int:
    """Where the header begins: after a byte order mark and blank lines."""
    start = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    while start < len(raw) and raw[start] in b" \t\r\n":
        start += 1
    return start


class _Header(NamedTuple):
    """The fields, where the body begins, and what was wrong. Where the text is not *exact*, it stands for its bytes as
    Latin-1 until a charset is known; *plain* is that of `Part`."""

    fields: list[tuple[str, str]]
    body: int
    defects: tuple[str, ...] = ()
    exact: bool = True
    plain: bool = False


class _Reader:
    """Reads one mail; counts its parts, so that a hostile one stays cheap."""

    def __init__(self, raw: bytes, inside: bytes | None) -> None:
        self.bytes = raw
        self.inside = inside
        self.count = 0
        self.limits: dict[str, None] = {}

    def entity(self, start: int, end: int, default: str, depth: int) -> Part:
        self.count += 1
        fields, body, defects, exact, plain = self.fields(start, end)
        media_type = default
        parameters: Mapping[str, str] = {}
        for name, value in fields:
            if name == "content-type":
                media_type, parameters = headers.parameters(value)
                if "/" not in media_type:
                    media_type = "text/plain" if media_type in ("", "text") else "application/octet-stream"
                break
        parts: tuple[Part, ...] = ()
        if media_type.startswith("multipart/"):
            boundary = parameters.get("boundary", "").rstrip().encode("utf-8", "replace")
            if not boundary:
                found = _LOOKS_LIKE_BOUNDARY.search(self.bytes, max(start, body - 1), end)
                boundary = found[1] if found else b""
                defects += ("no boundary",)
            deep = depth >= _DEEPEST
            spans = self.split(body, end, boundary) if boundary and not deep else []
            if deep:
                # What is further in is kept as a file: nobody would read it.
                media_type, parameters = "application/octet-stream", {}
                self.limits[f"more than {_DEEPEST} levels of parts"] = None
            elif spans:
                inner = "message/rfc822" if media_type == "multipart/digest" else "text/plain"
                parts = tuple(self.entity(first, last, inner, depth + 1) for first, last in spans)
            else:
                # Better the bare text than nothing at all.
                media_type, parameters = "text/plain", {}
                defects += ("multipart without parts",)
        if not exact:
            hint = parameters.get("charset") or next(
                (p.parameters["charset"] for p in parts if "charset" in p.parameters), ""
            )
            fields = [(name, charsets.decode(value.encode("latin-1"), "utf-8", hint)) for name, value in fields]
        return Part(tuple(fields), media_type, parameters, body, end, parts, defects, plain, self.inside)

    def fields(self, start: int, end: int) -> _Header:
        """The header from *start*."""
        raw = self.bytes
        if raw.startswith((b"\n", b"\r\n"), start):
            return _Header([], raw.index(b"\n", start) + 1)
        over = _HEADER_END.search(raw, start, end)
        last, body = over.span() if over else (end, end)
        if last - start > _LONGEST_HEADER:
            if last == end:
                return self.broken(start, end)
            data = self.shortened(start, last)
        else:
            data = raw[start:last]
        if b"\x1b" in data:  # Japanese as it was sent before there were encoded words
            data = charsets.decode(data).encode("utf-8")
        data = data.translate(None, _CONTROLS)
        try:
            block, exact = data.decode("utf-8"), True
        except UnicodeDecodeError:
            block, exact = data.decode("latin-1"), False
        plain = exact and "=?" not in block and (block.isascii() or block.replace("\n", "").isprintable())
        block = headers.unfold(block)
        name_of = _field_name if len(block) < _FAR else _field_name.__wrapped__
        found: list[tuple[str, str]] = []
        for line in block.split("\n"):
            name, colon, value = line.partition(":")
            known = name_of(name)
            if not colon or not known:
                return self.broken(start, end)
            found.append((known, value.strip(" \t\r")))
        return _Header(found, body, (), exact, plain)

    def shortened(self, start: int, end: int) -> bytes:
        """As much of a huge header as is read: of the usual fields first, and never half a word."""
        self.limits[f"a header longer than {_LONGEST_HEADER:,} bytes"] = None
        left = {True: _LONGEST_HEADER, False: _LONGEST_HEADER // 4}
        kept: list[bytes] = []
        position = start
        while max(left.values()) > 100:
            if left[False] <= 100:
                found = _USUAL_BYTES.search(self.bytes, position, end)
                position = found.start() if found else end
            field = _WHOLE_FIELD.match(self.bytes, position, end)
            if field is None:
                break
            position = field.end()
            usual = _USUAL_BYTES.match(self.bytes, field.start(), end) is not None
            length = field.end() - field.start()
            if length <= left[usual]:
                kept.append(field[0])
                left[usual] -= length
            elif left[usual] > 100:
                piece = self.bytes[field.start() : field.start() + left[usual]]
                cut = max(piece.rfind(b","), piece.rfind(b" "), piece.rfind(b"\n"))
                kept.append((piece[:cut] if cut > 0 else piece).rstrip() + b"\n")
                left[usual] = 0
        return b"".join(kept).rstrip(b"\r\n")

    def broken(self, start: int, end: int) -> _Header:
        """`fields` where a line is none: an mbox's "From " line, a fold without its blank, a missing blank line."""
        found: list[list[str]] = []
        defects: tuple[str, ...] = ()
        position = start
        strays = 0
        while position < end:
            if position - start > _LONGEST_HEADER:
                self.limits[f"a header longer than {_LONGEST_HEADER:,} bytes"] = None
                over = _HEADER_END.search(self.bytes, position - 1, end)
                position = over.end() if over else position
                break
            line_end = self.bytes.find(b"\n", position, end)
            after = line_end + 1 if line_end != -1 else end
            line = self.bytes[position:after].replace(b"\x00", b"").decode("latin-1")
            goes_on = bool(found) and line[:1] in (" ", "\t")
            if not goes_on and not line.strip(" \t\r\n"):
                position = after
                break
            if goes_on:
                found[-1].append(line)
            elif found and _STRAY_PARAMETER.match(line):
                found[-1] += [" ", line]
                defects = ("a line in the header that is no field",)
            elif ":" in line and _field_name(line.partition(":")[0][:_LONGEST_FIELD_NAME]):
                found.append([line])
            elif strays >= _MOST_STRAYS or not self.fields_follow(after, end):
                defects = (*defects, "no blank line after the header")
                break
            elif not line.startswith(("From ", ">From ")):
                strays += 1
                defects = ("a line in the header that is no field",)
            position = after
        fields = []
        for each in found:
            name, _, value = headers.unfold("".join(each)).partition(":")
            fields.append((_field_name(name[:_LONGEST_FIELD_NAME]), value.strip(" \t\r\n")))
        return _Header(fields, position, defects, exact=False)

    def fields_follow(self, position: int, end: int) -> bool:
        """Whether more of the header follows."""
        end = min(end, position + _FAR)
        over = _HEADER_END.search(self.bytes, max(0, position - 1), end)
        return bool(_USUAL.search(self.bytes[position : over.start() if over else end].decode("latin-1")))

    def split(self, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
        """From where to where the parts go. What stands before the first and after the last boundary is no part."""
        raw = self.bytes
        delimiter = b"--" + boundary
        spans: list[tuple[int, int]] = []
        opened = -1
        false = 0
        position = raw.find(delimiter, start, end)
        while position != -1:
            after = position + len(delimiter)
            closing = raw[after : after + 2] == b"--"
            line_end = raw.find(b"\n", after, end)
            rest = raw[after + 2 * closing : line_end if line_end != -1 else end]
            if (position == start or raw[position - 1] == 10) and (not rest.strip() or closing):
                if opened != -1:
                    spans.append((opened, self.before_newline(opened, position)))
                    opened = -1
                if closing or line_end == -1:
                    return spans
                if self.count + len(spans) >= _MOST_PARTS:
                    self.limits[f"more than {_MOST_PARTS:,} parts"] = None
                    return spans
                opened = line_end + 1
            else:
                false += 1
                if false > _MOST_FALSE_BOUNDARIES:
                    self.limits[f"more than {_MOST_FALSE_BOUNDARIES:,} lines that look like a boundary"] = None
                    break
            position = raw.find(delimiter, after, end)
        if opened != -1:
            spans.append((opened, end))
        return spans

    def before_newline(self, start: int, position: int) -> int:
        """The line end before a boundary belongs to the boundary (RFC 2046 section 5.1.1)."""
        if position > start and self.bytes[position - 1] == 10:
            position -= 1
            if position > start and self.bytes[position - 1] == 13:
                position -= 1
        return position


@lru_cache(maxsize=1_024)
def _field_name(written: str) -> str:
    """A field's name in lower case, empty where it can be none (RFC 5322 section 2.2; blanks may follow it, 4.5)."""
    name = written.rstrip(" \t")
    return name.lower() if _NAME.fullmatch(name) else ""


def _encoding(value: str) -> str:
    named = value.strip(" \t\"';").lower().replace("_", "-")
    if named.startswith("base64"):
        return "base64"
    if named.startswith(("quoted-printable", "quotedprintable", "qp")):
        return "quoted-printable"
    if named.startswith(("x-uu", "uue")):
        return "x-uuencode"
    return ""


def _base64_size(raw: bytes, start: int, end: int) -> int:
    while end > start and raw[end - 1] in b"\r\n \t":
        end -= 1
    total = end - start
    first = raw.find(b"\n", start, end) + 1 - start
    if first > 1:
        # Lines of one length: known by their last ends, so that a large file need not be scanned.
        full, newline = divmod(total, first)[0], 2 if raw[start + first - 2] == 13 else 1
        ends = (start + first * full - 1, start + first * ((full + 1) // 2) - 1)
        if all(raw[at] == 10 for at in ends):
            total -= full * newline
        else:
            total -= raw.count(b"\n", start, end) + raw.count(b"\r", start, end)
    padding = 0
    while padding < 2 and end - padding > start and raw[end - padding - 1] == 61:
        padding += 1
    return (total - padding) * 3 // 4


def _from_uuencode(body: bytes) -> bytes:
    out: list[bytes] = []
    for line in body.splitlines():
        if line.startswith(b"begin ") or not line:
            continue
        if line.strip() in (b"end", b"`"):
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some writers pad a line beyond its stated length.
            out.append(binascii.a2b_uu(line[: (((line[0] - 32) & 63) * 4 + 5) // 3]))
    return b"".join(out)
