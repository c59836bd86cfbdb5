"""The mail that a report is about, as far as it came back: whole, its header, or a few lines in the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hub.formats import headers, mime
from hub.formats.mime import Part

LONGEST = 65_536
"""Bytes of a part, and characters of a text, that are looked at."""

_TYPES = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers", "message/rfc822-headers")

_MESSAGE_ID = re.compile(
    r"^[ \t]*(?:X-)?(?:Original-)?Message-ID[ \t]*:\s{0,9}(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE
)
# Where a server indents the header that it quotes, what is folded cannot be told from what is next.
_SUBJECT = re.compile(
    r"^(?:Subject[ \t]*:[ \t]*(\S[^\n]{0,900}(?:\n[ \t]+[^\n]{1,900}){0,9})|[ \t]+Subject:[ \t]*(\S[^\n]{0,900}))",
    re.IGNORECASE | re.MULTILINE,
)
_TO = re.compile(r"^[ \t]*To[ \t]*:[ \t]*([^\n]{1,2000}(?:\n[ \t]+[^\n]{1,900}){0,99})", re.IGNORECASE | re.MULTILINE)
_QUOTES = "'\"“”„‘’"


@dataclass(frozen=True, slots=True)
class Original:
    """What came back of a mail. *to* are the addresses that it names; *raw* the mail, where it is there in full."""

    message_id: str = ""
    subject: str = ""
    to: tuple[str, ...] = ()
    raw: bytes = b""

    def or_else(self, other: Original) -> Original:
        """This, and from *other* what this does not know."""
        return Original(
            self.message_id or other.message_id,
            self.subject or other.subject,
            self.to or other.to,
            self.raw or other.raw,
        )


def is_returned(part: Part) -> bool:
    """Whether *part*, a leaf, holds a mail. Some servers forget the blank line that would make it one: then the mail's
    header is that of the part."""
    return part.media_type in _TYPES or any(name == "message-id" for name, _ in part.fields)


def from_parts(leaves: Sequence[Part], raw: bytes) -> Original:
    """The mail in the first of *leaves* that holds one."""
    for part in leaves:
        if not is_returned(part):
            continue
        if part.media_type not in _TYPES:
            return _from_fields(part)
        content = beginning(part, raw)
        found = _from_fields(mime.read(content))
        whole = part.media_type in ("message/rfc822", "message/global")
        return replace(found, raw=mime.content(part, raw)) if whole and part.end - part.start <= 1_000_000 else found
    return Original()


def from_text(text: str) -> Original:
    """What lines like those of a header tell in a *text*."""
    text = text[:LONGEST]
    ident, subject, to = _MESSAGE_ID.search(text), _SUBJECT.search(text), _TO.search(text)
    return Original(
        ident[1] if ident else "",
        headers.text(headers.unfold(subject[1] or subject[2])).strip().strip(_QUOTES) if subject else "",
        _addresses(headers.unfold(to[1])) if to else (),
    )


def beginning(part: Part, raw: bytes) -> bytes:
    """The first of a part's bytes, decoded."""
    return mime.content(replace(part, end=min(part.end, part.start + LONGEST)), raw)


def _from_fields(part: Part) -> Original:
    return Original(
        headers.message_id(part.value("message-id")),
        headers.text(part.value("subject")),
        _addresses(part.value("to")),
    )


def _addresses(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.address for each in headers.addresses(value[:8_192]) if "@" in each.address))
