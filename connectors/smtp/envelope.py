"""What only the envelope of a mail says, written into the mail, so that it is not lost with the envelope."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from email.header import Header

from hub.formats import headers

_RECIPIENTS = re.compile(
    rb"^(?:resent-)?(?:to|cc|bcc)[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", re.IGNORECASE | re.MULTILINE
)
_WHOLE_RECIPIENTS = re.compile(rb"^(?:to|cc|bcc)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)", re.IGNORECASE | re.MULTILINE)
_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)
_NEAR_THE_TOP = 262_144
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")


def with_envelope(raw: bytes, sender: str, recipients: Iterable[str]) -> bytes:
    """*raw* below `Return-Path` (RFC 5321, 4.4) and a `Bcc` (RFC 5322, 3.6.3) with each recipient that no header names.

    *sender* is "" where the mail must not be answered. The same mail with the same envelope gives the same bytes, so
    that a repetition is known as one.
    """
    lines = [b"Return-Path: <%s>\r\n" % _bytes(sender)]
    end = _END_OF_HEADERS.search(raw)
    named = b"\n".join(_RECIPIENTS.findall(raw, 0, end.start() if end else len(raw))).lower()
    blind = [address for address in dict.fromkeys(recipients) if not _names(named, _bytes(address).lower())]
    if blind:
        lines.append(b"Bcc: %s\r\n" % b",\r\n ".join(b"<%s>" % _bytes(address) for address in sorted(blind)))
    return b"".join(lines) + raw


def without_recipients(raw: bytes, unwanted: Callable[[str], bool]) -> bytes:
    """*raw*, in whose To, Cc and Bcc no address stands that is *unwanted*. All other lines stay as they are."""
    end = end_of_headers(raw)

    def rewritten(field: re.Match[bytes]) -> bytes:
        name, _, value = field[0].partition(b":")
        found = headers.addresses(headers.unfold(value.decode("utf-8", "replace")).strip())
        kept = [address for address in found if not unwanted(address.address)]
        if len(kept) == len(found):
            return field[0]
        ending = b"\r\n" if field[0].endswith(b"\r\n") else b"\n"
        return name + b": " + (b"," + ending + b" ").join(map(written, kept)) + ending if kept else b""

    return _WHOLE_RECIPIENTS.sub(rewritten, raw[:end]) + raw[end:]


def end_of_headers(raw: bytes) -> int:
    """Where the empty line after the headers begins."""
    end = _END_OF_HEADERS.search(raw)
    return raw.index(b"\n", end.start()) + 1 if end else len(raw)


def passed(raw: bytes) -> int:
    """How many servers the mail says it has been through (RFC 5321, 4.4): each writes its line at the very top."""
    end = _END_OF_HEADERS.search(raw, 0, _NEAR_THE_TOP)
    return len(_RECEIVED.findall(raw, 0, end.start() if end else _NEAR_THE_TOP))


def written(address: headers.Address) -> bytes:
    """*address* as it stands in a header."""
    spec = _bytes(_CONTROL.sub("", address.address))
    name = _CONTROL.sub(" ", address.name).strip()
    if not name or not spec:
        return spec and b"<%s>" % spec
    if name.isascii():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return b'"%s" <%s>' % (quoted.encode(), spec)
    return encoded(name) + b" <%s>" % spec


def encoded(text: str) -> bytes:
    """*text* as the value of a header field, folded (RFC 2047 where it is not ASCII)."""
    text = " ".join(_CONTROL.sub(" ", text).split())
    return Header(text, None if text.isascii() else "utf-8", maxlinelen=900).encode(linesep="\r\n").encode("ascii")


def _names(headers: bytes, address: bytes) -> bool:
    return re.search(rb"(?<![\w.!#$%&'*+/=?^`{|}~-])" + re.escape(address) + rb"(?![\w.-])", headers) is not None


def _bytes(address: str) -> bytes:
    # What was no UTF-8 on the wire leaves as it came.
    return address.encode("utf-8", "surrogateescape")
