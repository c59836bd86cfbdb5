"""A mail of ours, made from what somebody wrote: whom it is from and to, what it answers, what stands in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from hub.formats import automatic, handles
from hub.formats.automatic import Automatic
from hub.formats.mail import Mail
from hub.formats.quotes import new_text
from hub.letters import wire
from hub.vocabulary import Role

MOST_REFERENCES = 20
"""Message-IDs in References: the first, and the last ones before ours (RFC 5322, 3.6.4 sets no bound, servers do)."""

LONGEST_QUOTE = 20_000
"""Characters of the answered mail that are quoted."""

_REPLY = re.compile(r"^\s*(?:(?:re|aw|sv|vs|odp|antw|rv|回复|回覆|答复|答覆)(?:\[\d+\])?\s*[:：]\s*)+", re.IGNORECASE)
_CJK = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by her mail handle, and the name to show with it."""

    handle: str
    name: str = ""

    @property
    def address(self) -> str:
        """`local@domain` as it goes over the wire."""
        return address(self.handle)


@dataclass(frozen=True, slots=True)
class File:
    """A file to go with a mail."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A calendar (RFC 5545) that a mail brings, which mail programs act upon: *method* is the METHOD in it."""

    data: bytes = field(repr=False)
    method: str


@dataclass(frozen=True, slots=True)
class People:
    """To whom an answer goes."""

    to: tuple[Person, ...]
    cc: tuple[Person, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What goes into a mail. *message_id* and *references* are verbatim with their angle brackets, *in_reply_to* is ""
    for a mail that answers none; *marker* is the hub's own (`hub.formats.automatic.outgoing`); *automatic* says why
    nobody wrote it, None where somebody did. *invitation* stands beside the text, and once more as a file for programs
    that look only there. Blind copies do not stand in it."""

    message_id: str
    date: datetime
    sender: Person
    to: tuple[Person, ...]
    cc: tuple[Person, ...] = ()
    subject: str = ""
    text: str = ""
    files: tuple[File, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    marker: str
    automatic: Automatic | None = None
    invitation: Invitation | None = None


def mail(content: Content) -> bytes:
    """The whole mail (RFC 5322), CRLF line ends. Nothing in *content* can add a field."""
    fields = [
        wire.plain("Date", format_datetime(content.date)),
        wire.mailboxes("From", [(content.sender.name, content.sender.address)]),
    ]
    for name, people in (("To", content.to), ("Cc", content.cc)):
        if people:
            fields.append(wire.mailboxes(name, [(each.name, each.address) for each in people]))
    if not content.to and not content.cc:
        fields.append(b"To: undisclosed-recipients:;\r\n")
    fields.append(wire.unstructured("Subject", content.subject))
    fields.append(wire.message_ids("Message-ID", [content.message_id]))
    if content.in_reply_to:
        fields.append(wire.message_ids("In-Reply-To", [content.in_reply_to]))
    if content.references:
        fields.append(wire.message_ids("References", content.references))
    fields += [wire.plain(name, value) for name, value in automatic.outgoing(content.marker, content.automatic)]
    fields.append(b"MIME-Version: 1.0\r\n")
    body, files = wire.text_part(content.text), content.files
    if content.invitation is not None:
        said = content.invitation
        body = wire.alternative([body, wire.calendar_part(said.data, said.method)])
        files = (*files, File("invite.ics", "application/ics", said.data))
    parts = [body, *(wire.file_part(f.name, f.media_type, f.data) for f in files)]
    return b"".join(fields) + wire.mixed(parts)


def text(written: str, signature: str = "", quoted: str = "") -> str:
    """What somebody wrote, her signature below (RFC 3676, 4.3), and below that what she answers."""
    pieces = [written.rstrip()]
    if signature.strip():
        pieces.append("-- \n" + signature.strip("\n").rstrip())
    if quoted:
        pieces.append(quoted)
    return "\n\n".join(pieces) + "\n"


def quoted(answered: Mail, timezone: str) -> str:
    """The new part of *answered* as a quote, with the line that says whose it is."""
    said = new_text(answered.text)[:LONGEST_QUOTE]
    if not said:
        return ""
    sender = answered.sender[0] if answered.sender else None
    name = wire.line(sender.name or sender.address) if sender else ""
    who = f"{name} <{wire.line(sender.address)}>" if sender and sender.name and sender.address else name
    when = f"{answered.date.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}" if answered.date else ""
    if _CJK.search(said):
        head = f"在 {when}，{who} 写道：" if when else f"{who} 写道："
    else:
        head = f"On {when}, {who} wrote:" if when else f"{who} wrote:"
    rows = (f">{row}" if row.startswith(">") else f"> {row}".rstrip() for row in said.split("\n"))
    return "\n".join((head, *rows))


def reply_subject(subject: str) -> str:
    """*subject* with "Re: " before it, once, whatever marks of other languages it carries."""
    return f"Re: {_REPLY.sub('', wire.line(subject))}".rstrip()


def references(answered: Mail) -> tuple[str, ...]:
    """What the answer to *answered* refers to (RFC 5322, 3.6.4): its References, else its In-Reply-To, and itself."""
    before = answered.references or ((answered.in_reply_to,) if answered.in_reply_to else ())
    own = (answered.message_id,) if answered.message_id else ()
    thread = tuple(dict.fromkeys((*(each for each in before if each not in own), *own)))
    if len(thread) > MOST_REFERENCES:
        thread = (thread[0], *thread[-(MOST_REFERENCES - 1) :])
    return thread


def answer_to(answered: Mail, ours: Collection[str], *, everybody: bool) -> People:
    """To whom the answer to *answered* goes: its Reply-To, else its sender; with *everybody* all other recipients too.
    We ourselves (*ours*, handles) are left out. Of a mail that we wrote, to those it went to."""
    by_us = any(handles.mail(each.address) in ours for each in answered.sender)
    if by_us:
        first, rest = answered.to, answered.cc
    else:
        first, rest = (answered.reply_to or answered.sender), (*answered.to, *answered.cc)
    to = _people(first, ours)
    if not to and not by_us:
        to = _people(answered.sender, ours)
    taken = {each.handle for each in to}
    cc = tuple(each for each in _people(rest, ours) if each.handle not in taken) if everybody or by_us else ()
    return People(to, cc if everybody else ())


def address(handle: str) -> str:
    """`local@domain` of a mail handle."""
    return unquote(handle.removeprefix("mailto:"))


def domain(handle: str) -> str:
    """The domain of a mail handle, in ASCII as handles have it."""
    return address(handle).rpartition("@")[2]


def envelope(to: Sequence[Person], cc: Sequence[Person], bcc: Sequence[Person]) -> dict[str, tuple[Role | str, str]]:
    """Every recipient once, by handle: her role (blind copies are `bcc`) and her name. The first role counts."""
    found: dict[str, tuple[Role | str, str]] = {}
    for role, people in ((Role.RECIPIENT, to), (Role.COPIED, cc), ("bcc", bcc)):
        for each in people:
            found.setdefault(each.handle, (role, each.name))
    return found


def _people(addresses: Sequence[object], ours: Collection[str]) -> tuple[Person, ...]:
    found: dict[str, Person] = {}
    for each in addresses:
        handle = handles.mail(getattr(each, "address", ""))
        if handle and handle not in ours:
            found.setdefault(handle, Person(handle, getattr(each, "name", "")))
    return tuple(found.values())
