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

from hub.formats import automatic, charsets, flowed, headers, html, mime, protection
from hub.formats.chosen import Chosen, choose
from hub.formats.errors import Unreadable
from hub.formats.filenames import filename
from hub.formats.headers import Address
from hub.formats.mime import Part
from hub.formats.protection import Protection

__all__ = ["Address", "Attachment", "Body", "CalendarPart", "Mail", "Unreadable", "attachment", "body", "parse"]

LONGEST_TEXT = 1_000_000
LONGEST_SUBJECT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file in a mail. *index* finds it again in the raw bytes: those of the mail's own parts come first, then those
    of what was unpacked (`winmail.dat`, signed S/MIME). *name* is fit to save a file under, *size* is in bytes after
    decoding (of base64 without having decoded it), *content_id* is without angle brackets, *inline* says that the mail
    shows it itself."""

    index: int
    name: str
    media_type: str
    size: int
    content_id: str = ""
    inline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarPart:
    """An iCalendar object in a mail (RFC 6047): `attachment(raw, index)` are its bytes. *method* is in capitals, empty
    where neither the part nor the object names one."""

    index: int
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What the hub knows of a mail. No string holds NUL or a surrogate.

    Message ids are verbatim, with their angle brackets, and empty where the mail has none. *date* is in UTC, None
    where the mail has none that can be read. *headers* are all of the mail's own, in order, names in lower case.
    *text* is what a reader sees, with `\\n` at line ends. *automatic* is None for a mail that a person sent, else why
    it is not: `report`, `auto-replied`, `auto-generated`, `auto-notified`, `list` or `bulk`. *protection* says how the
    mail is signed or encrypted; no signature was verified. *calendars* are its iCalendar objects, each once. *defects*
    says in words what was broken, and which limit was hit.
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
    protection: Protection = ""
    calendars: tuple[CalendarPart, ...] = ()
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a reader sees: *html* where the mail has it (not sanitised), *text* always, and the parts that the HTML
    shows, as Content-ID without angle brackets or Content-Location to attachment index."""

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
    chosen = choose(root, raw)
    fields = root.fields
    first = dict(reversed(fields))
    if "" in first.values():
        first = dict(reversed([field for field in fields if field[1]]))
    look_up = first.get
    defects = [defect for part in _all(root) for defect in part.defects] if root.parts else [*root.defects]
    sent = look_up("date", "")
    date = headers.date(sent) if sent else None
    if sent and date is None:
        defects.append("unreadable date")
    subject = headers.text(look_up("subject", ""))
    if len(subject) > LONGEST_SUBJECT:
        subject = subject[:LONGEST_SUBJECT]
        defects.append(f"a subject longer than {LONGEST_SUBJECT:,} characters")
    in_reply_to = headers.message_ids(look_up("in-reply-to", ""))
    references = headers.message_ids(look_up("references", ""))
    if len(references) == headers.MOST_IDS:
        defects.append(f"{headers.MOST_IDS} references or more")
    to = _every(fields, first, "to", defects)
    cc = _every(fields, first, "cc", defects)
    bcc = _every(fields, first, "bcc", defects)
    text = _text(chosen, raw)
    attachments = tuple(_attachments(chosen, raw))
    defects += chosen.defects
    return Mail(
        message_id=headers.message_id(look_up("message-id", "")),
        in_reply_to=in_reply_to[-1] if in_reply_to else "",
        references=references,
        subject=subject,
        sender=_addresses(first, "from") or _addresses(first, "sender"),
        reply_to=_addresses(first, "reply-to"),
        to=to,
        cc=cc,
        bcc=bcc,
        date=date,
        headers=fields if root.plain else _decoded(fields),
        text=text,
        attachments=attachments,
        automatic=automatic.kind(root.media_type, first, subject),
        protection=_protection(chosen, raw, text),
        calendars=_calendars(chosen, attachments, raw) if attachments else (),
        defects=tuple(dict.fromkeys(defects)) if defects else (),
    )


def body(raw: bytes) -> Body:
    """What `parse` leaves out of the same bytes: the HTML. Raises `Unreadable` as it does."""
    raw, root = _read(raw)
    chosen = choose(root, raw)
    pages = chosen.html if any(part.media_type == "text/html" for part in chosen.html) else []
    inline: dict[str, int] = {}
    for index, part in enumerate(chosen.leaves):
        for name in (part.content_id, part.value("content-location").strip()) if pages else ():
            if name:
                inline.setdefault(name, index)
    return Body(
        html="\n".join(_as_html(part, raw) for part in pages if part.media_type.startswith("text/")) or None,
        text=_text(chosen, raw),
        inline=inline,
    )


def attachment(raw: bytes, index: int) -> bytes:
    """The content of the attachment with that *index* in the same bytes. Raises `Unreadable` where there is none."""
    raw, root = _read(raw)
    leaves = choose(root, raw).leaves
    if not 0 <= index < len(leaves):
        raise Unreadable(f"the mail has no part {index}")
    return mime.content(leaves[index], raw)


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


def _every(
    fields: tuple[tuple[str, str], ...], first: Mapping[str, str], name: str, defects: list[str]
) -> tuple[Address, ...]:
    """Recipients of every such field: RFC 5322 allows one, some programs write several."""
    if name not in first:
        return ()
    values = [value for each, value in fields if each == name]
    if len(values) == 1:
        found = headers.addresses(values[0])
    else:
        found = tuple(dict.fromkeys(address for value in values for address in headers.addresses(value)))
    if len(found) > headers.MOST_ADDRESSES:
        defects.append(f"more than {headers.MOST_ADDRESSES:,} addresses in {name.capitalize()}")
        found = found[: headers.MOST_ADDRESSES]
    return found


# --- attachments ------------------------------------------------------------------------------------------------


def _attachments(chosen: Chosen, raw: bytes) -> list[Attachment]:
    shown = {id(part) for part in (*chosen.text, *chosen.html)}
    found: list[Attachment] = []
    for index, part in enumerate(chosen.leaves):
        textual = part.media_type in ("text/plain", "text/html")
        if (id(part) in shown and textual) or id(part) in chosen.opened:
            continue
        if not part.fields and part.inside is None and part.end - part.start <= 2:
            continue
        content_id = part.content_id
        related = id(part) in chosen.related
        found.append(
            Attachment(
                index=index,
                name=part.name or _name_by_content(part, raw),
                media_type=part.media_type,
                size=mime.size(part, raw),
                content_id=content_id,
                inline=id(part) in shown or (related and bool(content_id or part.value("content-location"))),
            )
        )
    return found


_MAILS = frozenset(("message/rfc822", "message/global"))


def _name_by_content(part: Part, raw: bytes) -> str:
    """A name for what came without one: a mail has its subject, an invitation is known by its kind."""
    if part.media_type == "text/calendar":
        return "invite.ics"
    if part.media_type not in _MAILS:
        return ""
    fields = mime.read(mime.content(part, raw, _FAR)).fields
    subject = headers.text(next((value for name, value in fields if name == "subject"), ""))
    return filename(re.sub(r"[/\\]", "_", f"{subject[:150].strip() or 'mail'}.eml"))


_STRONGEST: tuple[Protection, ...] = ("pgp-encrypted", "smime-encrypted", "smime-signed", "pgp-signed")


def _protection(chosen: Chosen, raw: bytes, text: str) -> Protection:
    """The strongest that any part shows."""
    protected = [part for part in chosen.leaves if part.media_type in protection.PROTECTED]
    found = {protection.of_text(text)} if "-----BEGIN PGP " in text else set()
    for part in protected:
        start = mime.content(part, raw, 400) if part.media_type in protection.OPAQUE else b""
        found.add(protection.of_part(part.media_type, part.parameters.get("smime-type", ""), start))
    return next((each for each in _STRONGEST if each in found), "") if found else ""


_CALENDARS = frozenset(("text/calendar", "application/ics"))
_CALENDAR_LINE = re.compile(rb"^(?:METHOD|UID|SEQUENCE|RECURRENCE-ID|DTSTAMP|DTSTART)[;:][^\r\n]*", re.M | re.I)
_METHOD = re.compile(rb"^METHOD:[ \t]*([A-Za-z-]{1,40})", re.M | re.I)
_LONGEST_CALENDAR = 4_000_000


def _calendars(chosen: Chosen, attachments: tuple[Attachment, ...], raw: bytes) -> tuple[CalendarPart, ...]:
    """Google sends the same object as an alternative and as a file: the first of those that say the same."""
    found: dict[tuple[bytes, ...], CalendarPart] = {}
    for each in attachments:
        if each.media_type not in _CALENDARS and not each.name.lower().endswith((".ics", ".ical")):
            continue
        part = chosen.leaves[each.index]
        content = mime.content(part, raw, _LONGEST_CALENDAR)
        if b"BEGIN:VCALENDAR" not in content.upper():
            continue
        written = _METHOD.search(content)
        method = part.parameters.get("method", "") or (written[1].decode("ascii") if written else "")
        says = tuple(
            line.strip() for line in _CALENDAR_LINE.findall(content.replace(b"\r\n ", b"").replace(b"\n ", b""))
        )
        found.setdefault(says, CalendarPart(index=each.index, method=method.strip().upper()))
    return tuple(found.values())


# --- text -------------------------------------------------------------------------------------------------------

_META_CHARSET = re.compile(rb"<meta[^>]+charset=[\"']?([A-Za-z0-9_-]+)", re.IGNORECASE)


_FAR = 65_536
_MOST_BYTES = 4 * LONGEST_TEXT
_MOST_BYTES_OF_PAGE = 20_000_000


def _text(chosen: Chosen, raw: bytes) -> str:
    pages = [part for part in chosen.text if part.media_type == "text/html"]
    plain = {id(part): _plain(part, raw) for part in chosen.text if part.media_type == "text/plain"}
    if all(text.isspace() or not text for text in plain.values()):
        pages = pages or [part for part in chosen.html if part.media_type == "text/html"]
        text = _joined([html.to_text(_page(part, raw)) for part in pages])
    elif not pages:
        text = _joined(list(plain.values()))
    else:
        shown = [part for part in chosen.text if part.media_type in ("text/plain", "text/html")]
        text = _joined([plain.get(id(part)) or html.to_text(_page(part, raw)) for part in shown])
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT]
        chosen.defects.append(f"a text longer than {LONGEST_TEXT:,} characters")
    elif any(part.end - part.start > html.LONGEST for part in pages):
        chosen.defects.append(f"a page longer than {html.LONGEST:,} bytes")
    return text


def _joined(pieces: list[str]) -> str:
    if len(pieces) == 1:
        return pieces[0]
    return "\n".join(piece if piece.endswith("\n") else piece + "\n" for piece in pieces if piece)


def _plain(part: Part, raw: bytes) -> str:
    text = mime.text(part, raw, _MOST_BYTES)
    if part.parameters.get("format", "").lower() == "flowed":
        text = flowed.unflow(text, part.parameters.get("delsp", "").lower() == "yes")
    return text


def _page(part: Part, raw: bytes) -> str:
    """The HTML of a part; where its header names no charset, the page may (HTML section 13.2.3.2)."""
    if part.parameters.get("charset"):
        return mime.text(part, raw, _MOST_BYTES_OF_PAGE)
    content = mime.content(part, raw, _MOST_BYTES_OF_PAGE)
    meta = _META_CHARSET.search(content[:4096])
    return charsets.decode(content, meta[1].decode("ascii") if meta else "")


def _as_html(part: Part, raw: bytes) -> str:
    if part.media_type == "text/html":
        return html.tamed(_page(part, raw))
    return f'<div style="white-space:pre-wrap">{entities.escape(_plain(part, raw)[:LONGEST_TEXT])}</div>'
