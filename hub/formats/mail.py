"""Mail as it arrives (RFC 5322, 2045 to 2047, 2231, 6532) into frozen values.

`parse` is the way in: it reads the headers and the plain text and only measures the attachments. `body` and
`attachment` read the rest of the same bytes when somebody opens the mail.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hub.formats import automatic, charsets, headers, html, mime
from hub.formats.errors import Unreadable
from hub.formats.headers import Address
from hub.formats.mime import Part

__all__ = ["Address", "Attachment", "Body", "Mail", "Unreadable", "attachment", "body", "parse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file in a mail. *index* finds it again in the raw bytes, *size* is in bytes after decoding (of base64 without
    having decoded it), *content_id* is without angle brackets, *inline* says that the mail shows it itself."""

    index: int
    name: str
    media_type: str
    size: int
    content_id: str = ""
    inline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What the hub knows of a mail. No string holds NUL or a surrogate.

    Message ids are verbatim, with their angle brackets, and empty where the mail has none. *date* is in UTC, None
    where the mail has none that can be read. *headers* are all of the mail's own, in order, names in lower case.
    *text* is what a reader sees, with `\\n` at line ends. *automatic* is None for a mail that a person sent, else why
    it is not: `report`, `auto-replied`, `auto-generated`, `auto-notified`, `list` or `bulk`. *defects* says in words
    what was broken.
    """

    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    subject: str
    sender: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    date: datetime | None
    headers: tuple[tuple[str, str], ...]
    text: str
    attachments: tuple[Attachment, ...]
    automatic: str | None
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a reader sees: *html* where the mail has it (not sanitised), *text* always, and the parts that the HTML
    shows by `cid:`, as Content-ID without angle brackets to attachment index."""

    html: str | None
    text: str
    inline: Mapping[str, int] = field(default_factory=dict)


_USUAL = frozenset(
    (
        *("from", "to", "cc", "bcc", "subject", "date", "message-id", "received", "return-path", "reply-to", "sender"),
        *("mime-version", "content-type", "in-reply-to", "references", "delivered-to", "resent-from", "x-mailer"),
    )
)


def parse(raw: bytes) -> Mail:
    """The mail in *raw*, from a mailbox, an SMTP door or a file. Broken mails are read as far as a person could read
    them; raises `Unreadable` for what is none."""
    raw, root = _read(raw)
    chosen = _choose(root)
    fields = root.fields
    first = dict(reversed(fields))
    if "" in first.values():
        first = dict(reversed([field for field in fields if field[1]]))
    look_up = first.get
    defects = [defect for leaf in _all(root) for defect in leaf.defects]
    sent = look_up("date", "")
    date = headers.date(sent) if sent else None
    if sent and date is None:
        defects.append("unreadable date")
    subject = headers.text(look_up("subject", ""))
    in_reply_to = headers.message_ids(look_up("in-reply-to", ""))
    return Mail(
        message_id=headers.message_id(look_up("message-id", "")),
        in_reply_to=in_reply_to[-1] if in_reply_to else "",
        references=headers.message_ids(look_up("references", "")),
        subject=subject,
        sender=_addresses(first, "from") or _addresses(first, "sender"),
        reply_to=_addresses(first, "reply-to"),
        to=_every(fields, first, "to"),
        cc=_every(fields, first, "cc"),
        bcc=_every(fields, first, "bcc"),
        date=date,
        headers=fields if root.plain else _decoded(fields),
        text=_text(chosen, raw),
        attachments=tuple(_attachments(chosen, raw)),
        automatic=automatic.kind(root.media_type, first, subject),
        defects=tuple(dict.fromkeys(defects)),
    )


def body(raw: bytes) -> Body:
    """What `parse` leaves out of the same bytes: the HTML. Raises `Unreadable` as it does."""
    raw, root = _read(raw)
    chosen = _choose(root)
    pages = chosen.html if any(part.media_type == "text/html" for part in chosen.html) else []
    return Body(
        html="\n".join(_as_html(part, raw) for part in pages if part.media_type.startswith("text/")) or None,
        text=_text(chosen, raw),
        inline={each.content_id: each.index for each in _attachments(chosen, raw) if each.content_id},
    )


def attachment(raw: bytes, index: int) -> bytes:
    """The content of the attachment with that *index* in the same bytes. Raises `Unreadable` where there is none."""
    raw, root = _read(raw)
    for number, part in enumerate(root.leaves()):
        if number == index:
            return mime.content(part, raw)
    raise Unreadable(f"the mail has no part {index}")


def _read(raw: bytes) -> tuple[bytes, Part]:
    if b"\n" not in raw and b"\r" in raw:
        raw = raw.replace(b"\r", b"\n")
    if not raw[:1024].strip() and not raw.strip():
        raise Unreadable("empty")
    root = mime.read(raw)
    if not any(name in _USUAL for name, _ in root.fields):
        binary = b"\x00" in raw[:4096] or raw[:4096].translate(None, bytes(range(9, 14)) + bytes(range(32, 256))) != b""
        raise Unreadable("binary data, not a mail" if binary else "no mail header")
    return raw, root


def _decoded(fields: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value if "=?" not in value and (value.isascii() or value.isprintable()) else headers.text(value))
        for name, value in fields
    )


def _all(part: Part) -> list[Part]:
    return [part, *(inner for child in part.parts for inner in _all(child))]


def _addresses(first: Mapping[str, str], name: str) -> tuple[Address, ...]:
    value = first.get(name)
    return headers.addresses(value) if value else ()


def _every(fields: tuple[tuple[str, str], ...], first: Mapping[str, str], name: str) -> tuple[Address, ...]:
    """Recipients of every such field: RFC 5322 allows one, some programs write several."""
    if name not in first:
        return ()
    found = [value for each, value in fields if each == name]
    if len(found) == 1:
        return headers.addresses(found[0])
    return tuple(dict.fromkeys(address for value in found for address in headers.addresses(value)))


# --- which part is what: RFC 8621 section 4.1.4 -----------------------------------------------------------------


@dataclass(slots=True)
class _Chosen:
    """The leaves, by what a reader does with them; *related* are those inside a multipart/related."""

    text: list[Part]
    html: list[Part]
    leaves: list[Part]
    related: set[int]


def _choose(root: Part) -> _Chosen:
    chosen = _Chosen([], [], list(root.leaves()), set())
    _walk((root,), "mixed", False, chosen.text, chosen.html, chosen)
    return chosen


def _walk(
    parts: tuple[Part, ...],
    kind: str,
    in_alternative: bool,
    text: list[Part] | None,
    page: list[Part] | None,
    chosen: _Chosen,
) -> None:
    texts = len(text) if text is not None else -1
    pages = len(page) if page is not None else -1
    for number, part in enumerate(parts):
        if part.parts:
            inner = part.media_type.partition("/")[2]
            _walk(part.parts, inner, in_alternative or inner == "alternative", text, page, chosen)
            continue
        if kind == "related":
            chosen.related.add(part.start)
        media = part.media_type.startswith(("image/", "audio/", "video/"))
        if not media and part.media_type not in ("text/plain", "text/html"):
            continue
        if number and (kind == "related" or (not media and part.name)):
            continue
        if part.disposition == "attachment":
            continue
        if kind == "alternative":
            if part.media_type == "text/plain" and text is not None:
                text.append(part)
            elif part.media_type == "text/html" and page is not None:
                page.append(part)
            continue
        if in_alternative:
            if part.media_type == "text/plain":
                page = None
            elif part.media_type == "text/html":
                text = None
        if text is not None:
            text.append(part)
        if page is not None:
            page.append(part)
    if kind == "alternative" and text is not None and page is not None:
        if texts == len(text) and pages != len(page):
            text += page[pages:]
        elif pages == len(page) and texts != len(text):
            page += text[texts:]


def _attachments(chosen: _Chosen, raw: bytes) -> list[Attachment]:
    shown = {part.start for part in (*chosen.text, *chosen.html)}
    found: list[Attachment] = []
    for index, part in enumerate(chosen.leaves):
        textual = part.media_type in ("text/plain", "text/html")
        if part.start in shown and textual:
            continue
        if not part.fields and part.end - part.start <= 2:
            continue
        content_id = part.content_id
        found.append(
            Attachment(
                index=index,
                name=part.name,
                media_type=part.media_type,
                size=mime.size(part, raw),
                content_id=content_id,
                inline=part.start in shown or (part.start in chosen.related and bool(content_id)),
            )
        )
    return found


# --- text -------------------------------------------------------------------------------------------------------

_META_CHARSET = re.compile(rb"<meta[^>]+charset=[\"']?([A-Za-z0-9_-]+)", re.IGNORECASE)


def _text(chosen: _Chosen, raw: bytes) -> str:
    pages = [part for part in chosen.text if part.media_type == "text/html"]
    plain = {part.start: mime.text(part, raw) for part in chosen.text if part.media_type == "text/plain"}
    if all(text.isspace() or not text for text in plain.values()):
        pages = pages or [part for part in chosen.html if part.media_type == "text/html"]
        return _joined([html.to_text(_page(part, raw)) for part in pages])
    if not pages:
        return _joined(list(plain.values()))
    shown = [part for part in chosen.text if part.media_type in ("text/plain", "text/html")]
    return _joined([plain.get(part.start) or html.to_text(_page(part, raw)) for part in shown])


def _joined(pieces: list[str]) -> str:
    if len(pieces) == 1:
        return pieces[0]
    return "\n".join(piece if piece.endswith("\n") else piece + "\n" for piece in pieces if piece)


def _page(part: Part, raw: bytes) -> str:
    """The HTML of a part; where its header names no charset, the page may (HTML section 13.2.3.2)."""
    if part.parameters.get("charset"):
        return mime.text(part, raw)
    content = mime.content(part, raw)
    meta = _META_CHARSET.search(content[:4096])
    return charsets.decode(content, meta[1].decode("ascii") if meta else "")


def _as_html(part: Part, raw: bytes) -> str:
    if part.media_type == "text/html":
        return _page(part, raw)
    return f'<div style="white-space:pre-wrap">{entities.escape(mime.text(part, raw))}</div>'
