"""What a mail says, as far as the rules and its copy's level allow: a pure function from bytes to events.

Beside the message itself a mail may hold meetings (iMIP, RFC 6047), and what a mail server reports of another mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hub.facts import content_key
from hub.formats import automatic, handles, ics, mail
from hub.formats.authentication import authenticated
from hub.formats.digest import digest
from hub.formats.quotes import new_text
from hub.formats.reports import Report, looks_like_report, report
from hub.formats.search import terms
from hub.letters.token import Tokens
from hub.meetings.said import NEEDS_AUTHENTICATION, event_of, speakers
from hub.privacy.mail_rules import MailRules
from hub.vocabulary import Channel, Copy, Event, Level, Message, Participant, RawMail, Role, Unreadable

VERSION = 2
"""Of preview and indexed text: raise it when the same mail would give others."""

PREVIEW = 300
PREVIEW_FROM = 1500  # characters of the text in which the first words are looked for
MOST_MEETINGS = 50  # of one mail
MOST_PARTICIPANTS = 1_000
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_ADDRESS = re.compile(rb"[^\s<>\"',;:()]+@[^\s<>\"',;:()]+")


@dataclass(frozen=True, slots=True)
class Guide:
    """What mails are understood by: the privacy *rules*, the *region* in which numbers without a country code are
    read, the *tokens* by which mails of ours are known, where we send any, and the mail *servers* (authserv-ids) whose
    word on who wrote a mail is believed."""

    rules: MailRules = field(default_factory=MailRules)
    region: str = ""
    tokens: Tokens | None = None
    servers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Opened:
    """A mail that was understood, and the hash of its bytes. *event* is `None` where nothing may be recorded;
    *meetings* are what its calendar parts say."""

    event: Event | None
    blob: str
    meetings: tuple[Event, ...] = ()


def understand(source: str, letter: RawMail, guide: Guide) -> Opened | Unreadable:
    """What *letter* says. Pure."""
    rules = guide.rules
    blob = digest(letter.raw)
    try:
        parsed = mail.parse(letter.raw)
    except mail.Unreadable as error:
        if forbidden(letter.raw, letter.copy, rules):
            return Opened(None, blob)
        return Unreadable(letter.raw, str(error), letter.received_at)
    everybody = _participants(parsed)
    people = everybody[:MOST_PARTICIPANTS]
    level = rules.decide((person.handle for person in everybody), letter.copy, parsed.headers).level
    if level is None:
        return Opened(None, blob)
    copy = replace(letter.copy, level=level, size=len(letter.raw), received_at=letter.received_at)
    sent_at = parsed.date if _plausible(parsed.date, letter.received_at) else None
    said = _report(letter.raw, parsed, level)
    facts = Message(
        participants=people,
        title=parsed.subject if level is not Level.METADATA else None,
        preview=" ".join(new_text(parsed.text[:PREVIEW_FROM]).split())[:PREVIEW] if level is Level.ALL else None,
        sent_at=sent_at,
        ident=parsed.message_id or None,
        thread=_thread(parsed, said),
        attachments=parsed.attachments if level is Level.ALL else None,
        raw=blob if level is Level.ALL else None,
        automatic="auto-notified" if _comes_back(parsed, guide.tokens) else parsed.automatic,
        protection=parsed.protection or None,
        report=said,
        defects=_defects(parsed, len(everybody)) or None,
        derived_by=VERSION,
    )
    event = Event(
        key=f"mail:{parsed.message_id}" if parsed.message_id else content_key(facts, blob),
        id=f"{source}/{copy.place}/{copy.provider_id or blob}",
        channel=Channel.EMAIL,
        at=sent_at or letter.received_at,
        facts=facts,
        copy=copy,
        search=_searched(parsed, people, level),
    )
    return Opened(event, blob, tuple(_meetings(letter.raw, parsed, event, guide)))


def forbidden(raw: bytes, copy: Copy, rules: MailRules) -> bool:
    """Whether nothing may be kept of a mail that cannot be understood, not even in quarantine, as far as can be seen:
    by what looks like an address in its head, by its place, and by its header where that can be read."""
    if rules.never.covers(_addresses(raw)) or rules.place(copy).level is None:
        return True
    try:
        parsed = mail.parse(raw)
    except mail.Unreadable:
        return False
    return rules.decide((each.handle for each in _participants(parsed)), copy, parsed.headers).level is None


def _report(raw: bytes, parsed: mail.Mail, level: Level) -> Report | None:
    """What a mail server says of a mail of ours; no more of its words than *level* allows."""
    found = report(raw, parsed) if looks_like_report(parsed) else None
    if found is None or level is Level.ALL:
        return found
    quiet = tuple(replace(each, diagnostic="") for each in found.recipients)
    return replace(found, original_subject="", recipients=quiet)


def _defects(parsed: mail.Mail, people: int) -> tuple[str, ...]:
    """What was broken, and which limits were hit."""
    beyond = (f"{people} participants, the first {MOST_PARTICIPANTS} are kept",) if people > MOST_PARTICIPANTS else ()
    return (*parsed.defects, *beyond)


def _comes_back(parsed: mail.Mail, tokens: Tokens | None) -> bool:
    """Whether it is a mail of ours that somebody's server sends back to us under another name: nobody wrote it."""
    if tokens is None or not automatic.loops(parsed.headers, tokens.marker):
        return False
    return tokens.conversation_of(parsed.message_id) is None


def _meetings(raw: bytes, parsed: mail.Mail, event: Event, guide: Guide) -> Iterator[Event]:
    """What the calendar parts say, where it comes from whoever it speaks for: anybody can write an invitation in
    somebody else's name. What takes back what was said, or answers it, needs more than a name: a signature that our
    mail server has checked, or a thread of ours. A part whose object says another method than its header is not
    believed (RFC 6047, 2.4)."""
    copy = event.copy
    if not parsed.calendars or copy is None or copy.level is not Level.ALL:
        return
    if guide.tokens is not None and guide.tokens.conversation_of(parsed.message_id) is not None:
        return  # what the hub says of its own appointments it knows, and to each of the invited it says her part alone
    senders = {handle for each in parsed.sender if (handle := handles.mail(each.address))}
    sure = _known_thread(parsed, guide.tokens) or any(
        authenticated(parsed.headers, guide.servers, sender.rpartition("@")[2]) for sender in senders
    )
    for part in parsed.calendars:
        try:
            found = ics.events(mail.attachment(raw, part.index))
        except mail.Unreadable:
            continue  # it stays an attachment
        for number, said in enumerate(found[:MOST_MEETINGS]):
            if not senders & speakers(said) or (part.method and part.method != said.method):
                continue
            if said.method in NEEDS_AUTHENTICATION and not sure:
                continue
            meeting = event_of(said, _place(copy), guide.region)
            if meeting is not None:
                yield replace(meeting, id=f"{event.id}/{part.index}.{number}")


def _known_thread(parsed: mail.Mail, tokens: Tokens | None) -> bool:
    """Whether it answers a mail of ours: only who had that mail can name it."""
    before = (*parsed.references, parsed.in_reply_to)
    return tokens is not None and any(tokens.conversation_of(each) is not None for each in before if each)


def _place(copy: Copy) -> Copy:
    """Where the meeting lies: with its mail, but it is no mail that a mailbox could renumber or flag."""
    return replace(copy, provider_id=f"{copy.provider_id}/calendar", flags=frozenset(), size=0, received_at=None)


def _participants(parsed: mail.Mail) -> tuple[Participant, ...]:
    groups = (
        (Role.SENDER, parsed.sender),
        (Role.RECIPIENT, parsed.to),
        (Role.COPIED, parsed.cc),
        (Role.COPIED, parsed.bcc),
    )
    found: dict[tuple[str, Role], Participant] = {}
    for role, addresses in groups:
        for address in addresses:
            handle = handles.mail(address.address) or ""
            name = address.name or ("" if handle else address.address)
            found.setdefault((handle or name, role), Participant(handle, role, name))
    return tuple(found.values())


def _thread(parsed: mail.Mail, said: Report | None) -> tuple[str, ...]:
    """References (RFC 5322, 3.6.4), oldest first, without the mail itself; In-Reply-To where it adds one; and the mail
    that it reports on."""
    wanted = (
        *parsed.references,
        *((parsed.in_reply_to,) if parsed.in_reply_to else ()),
        *((said.original_message_id,) if said and said.original_message_id else ()),
    )
    return tuple(ref for ref in dict.fromkeys(wanted) if ref != parsed.message_id)


def _plausible(date: datetime | None, received_at: datetime) -> bool:
    """False where the mail's own date is missing, from the future or from before there was mail."""
    return date is not None and EARLIEST < date < received_at + timedelta(days=1)


def _searched(parsed: mail.Mail, people: Sequence[Participant], level: Level) -> str:
    words = [f"{person.name} {person.handle.removeprefix('mailto:')}" for person in people]
    if level is not Level.METADATA:
        words.append(parsed.subject)
    if level is Level.ALL:
        words += [parsed.text, *(each.name for each in parsed.attachments)]
    return terms(" ".join(words))


def _addresses(raw: bytes) -> set[str]:
    """Whatever looks like an address in the headers of a mail that cannot be parsed."""
    head = raw[:65536].partition(b"\r\n\r\n")[0].partition(b"\n\n")[0]
    found = (handles.mail(match.decode("utf-8", "replace")) for match in _ADDRESS.findall(head))
    return {handle for handle in found if handle}
