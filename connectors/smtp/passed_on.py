"""A mail that an agent forwards becomes the mail of whoever wrote it.

It is built anew: the writer's words, files and headers stand where a mail has its own, and the mail that the agent sent
hangs on it, whole, as `message/rfc822`. The same forwarded mail gives the same Message-ID, so that it is one on
the timeline however often it is forwarded; where it is attached with its own Message-ID, it has that.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from email.utils import format_datetime
from urllib.parse import quote

from connectors.smtp.entrances import Entrance
from connectors.smtp.envelope import encoded, end_of_headers, written
from hub.formats import handles, mail
from hub.formats.digest import digest, stable_id
from hub.formats.forwarded import Forwarded, forwarded
from hub.formats.headers import Address

MOST_COPIED = 20_000_000
"""Bytes of a mail up to which its files are shown as the writer's; those of a larger one are in the attached mail."""

_FIELD = re.compile(rb"[^\n]+(?:\n[ \t][^\n]*)*(?:\n|\Z)|\n")
_OF_CONTENT = re.compile(rb"(?:content-[a-z-]+|mime-version)[ \t]*:", re.IGNORECASE)
_MESSAGE_ID = re.compile(rb"message-id[ \t]*:[ \t\r\n]*<", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"(?!message/|multipart/)[\w.+-]+/[\w.+-]+", re.ASCII)
_IDENTS = 20


class NothingForwarded(Exception):
    """The mail of one of our people holds none of somebody else."""


def passed_on(raw: bytes, entrance: Entrance, ours: frozenset[str]) -> bytes | None:
    """The mail that *raw*, which came in at *entrance*, passes on. `None` where *raw* itself is it: a mail program
    redirected it, and none of our people, whose handles are *ours*, is its sender. Raises `NothingForwarded`, and
    `Unreadable` as `mail.parse` does."""
    parsed = mail.parse(raw)
    if not any(handles.mail(address.address) in ours for address in parsed.sender):
        return None
    found = forwarded(raw, parsed)
    if found is None:
        raise NothingForwarded
    domain = entrance.address.rpartition("@")[2]
    by = next(iter(parsed.sender))
    agent = _address(entrance, by)
    if found.index is not None:
        fields, part = _of_attached(mail.attachment(raw, found.index), found, agent, ours, domain)
    else:
        fields, part = _of_text(raw, parsed, found, agent, ours, domain)
    boundary = b"=_passed-on-" + digest(raw)[:32].encode()
    return b"".join(
        (
            b"Resent-From: " + written(by) + b"\r\n",
            *fields,
            b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary="' + boundary + b'"\r\n\r\n',
            *(b"--" + boundary + b"\r\n" + piece + b"\r\n" for piece in part),
            b"--" + boundary + b"\r\nContent-Type: message/rfc822\r\n",
            b'Content-Disposition: attachment; filename="forwarded.eml"\r\n\r\n',
            raw,
            b"\r\n--" + boundary + b"--\r\n",
        )
    )


def mail_address(entrance: Entrance) -> str:
    """The first mail address of the agent whose entrance it is, "" where she has none."""
    return next((h.removeprefix("mailto:") for h in entrance.agent.handles if h.startswith("mailto:")), "")


def _address(entrance: Entrance, by: Address) -> Address:
    return Address(entrance.agent.name, mail_address(entrance)) if mail_address(entrance) else by


def _of_attached(
    inner: bytes, found: Forwarded, agent: Address, ours: frozenset[str], domain: str
) -> tuple[list[bytes], list[bytes]]:
    """The headers of the attached mail, and what it says, both as they stand in it."""
    end = end_of_headers(inner)
    lines = [line for line in _FIELD.findall(inner[:end]) if line.strip()]
    own = [line for line in lines if not _OF_CONTENT.match(line)]
    own = [line if line.endswith(b"\n") else line + b"\r\n" for line in own]
    if not any(_MESSAGE_ID.match(line) for line in own):
        own.append(_message_id(digest(inner)[:32], domain))
    parsed = mail.parse(inner)
    if not _reaches(ours, (*parsed.sender, *parsed.to, *parsed.cc, *parsed.bcc)):
        own.append(b"Bcc: " + written(agent) + b"\r\n")
    content = [line for line in lines if _OF_CONTENT.match(line) and not line[:5].lower().startswith(b"mime-")]
    return own, [b"".join(content) + inner[end:] if inner[end:] else b"".join(content) + b"\r\n"]


def _of_text(
    raw: bytes, parsed: mail.Mail, found: Forwarded, agent: Address, ours: frozenset[str], domain: str
) -> tuple[list[bytes], list[bytes]]:
    """Headers after what the block above the forwarded mail says, its text, and the files that came with it."""
    to = [address for address in found.to if address.address]
    if not _reaches(ours, (found.sender, *to)):
        to.insert(0, agent)
    ident = stable_id(found.sender.address.lower(), found.date, found.subject, found.text)
    earlier = dict.fromkeys((*parsed.references, *((parsed.in_reply_to,) if parsed.in_reply_to else ())))
    fields = [b"From: " + written(found.sender) + b"\r\n"]
    fields += [b"To: " + b",\r\n ".join(map(written, to)) + b"\r\n"] if to else []
    fields += [b"Subject: " + encoded(found.subject) + b"\r\n"]
    fields += [b"Date: " + format_datetime(found.date).encode() + b"\r\n"] if found.date else []
    fields += [b"References: " + "\r\n ".join(list(earlier)[-_IDENTS:]).encode() + b"\r\n"] if earlier else []
    fields.append(_message_id(ident, domain))
    text = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    pieces = [text + base64.encodebytes(found.text.encode("utf-8", "replace"))]
    if len(raw) <= MOST_COPIED:
        pieces += _files(raw, parsed)
    return fields, pieces


def _files(raw: bytes, parsed: mail.Mail) -> Iterator[bytes]:
    for each in parsed.attachments:
        kind = each.media_type if _MEDIA_TYPE.fullmatch(each.media_type) else "application/octet-stream"
        head = (
            f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n"
            f"Content-Disposition: attachment;\r\n filename*=utf-8''{quote(each.name, safe='')}\r\n\r\n"
        )
        yield head.encode() + base64.encodebytes(mail.attachment(raw, each.index))


def _message_id(ident: str, domain: str) -> bytes:
    return f"Message-ID: <{ident}@{domain}>\r\n".encode()


def _reaches(ours: frozenset[str], addresses: tuple[Address, ...]) -> bool:
    """Whether one of our people is among *addresses*: else nobody could say whom the mail reached."""
    return any(handles.mail(address.address) in ours for address in addresses)
