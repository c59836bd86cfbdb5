"""What only the envelope of a mail says, written into the mail, so that it is not lost with the envelope."""

from __future__ import annotations

import re
from collections.abc import Iterable

_RECIPIENTS = re.compile(
    rb"^(?:resent-)?(?:to|cc|bcc)[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", re.IGNORECASE | re.MULTILINE
)
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


def _names(headers: bytes, address: bytes) -> bool:
    return re.search(rb"(?<![\w.!#$%&'*+/=?^`{|}~-])" + re.escape(address) + rb"(?![\w.-])", headers) is not None


def _bytes(address: str) -> bytes:
    # What was no UTF-8 on the wire leaves as it came.
    return address.encode("utf-8", "surrogateescape")
