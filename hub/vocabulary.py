"""The words of the hub, as frozen values: what plug-ins say and what the core works on.

Nothing here does I/O. Times are aware and in UTC, durations are seconds, addresses are handles (URIs, see
`hub.formats.handles`). In a fact that an event tells, `None` means "this event does not know", never "empty":
an interaction is the fold of what its events know (`hub.fold`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hub.formats.mail import Attachment as Attachment
from hub.formats.reports import Report as Report

NAMESPACES = frozenset({"mail", "ical", "twilio", "slack"})
"""Key namespaces of what other systems name: nothing whose own name becomes a namespace may be called so."""


class Channel(StrEnum):
    """The medium, not a configured account."""

    EMAIL = "email"
    VOICE = "voice"
    SMS = "sms"
    CHAT = "chat"
    SOCIAL = "social"
    CALENDAR = "calendar"
    WEB = "web"


class Kind(StrEnum):
    """What sort of thing happened."""

    MESSAGE = "message"
    CALL = "call"
    MEETING = "meeting"
    MENTION = "mention"


class Direction(StrEnum):
    """Seen from us: who began it."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class Role(StrEnum):
    """What a participant is in an interaction."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    COPIED = "copied"
    CALLER = "caller"
    CALLEE = "callee"
    ORGANIZER = "organizer"
    ATTENDEE = "attendee"

    @property
    def begins(self) -> bool:
        """True for the one who began the interaction: this decides its direction."""
        return self in (Role.SENDER, Role.CALLER, Role.ORGANIZER)


class Level(StrEnum):
    """How much of a copy may be read: nothing beyond who and when, the subject too, or all."""

    METADATA = "metadata"
    SUBJECT = "subject"
    ALL = "all"

    @property
    def rank(self) -> int:
        """1, 2 or 3: the wider, the higher. 0 stands for "not at all" where a number is stored."""
        return (Level.METADATA, Level.SUBJECT, Level.ALL).index(self) + 1


class CallState(StrEnum):
    """Where a call or one of its legs stands. A state never goes back: the order is the rank."""

    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"

    @property
    def rank(self) -> int:
        """Later states win over earlier ones, whatever order their events came in."""
        return (CallState.RINGING, CallState.ANSWERED, CallState.ENDED).index(self)


class Outcome(StrEnum):
    """How a call ended. `missed` is ours: nobody took an inbound call, whatever the provider calls it."""

    COMPLETED = "completed"
    MISSED = "missed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    VOICEMAIL = "voicemail"


@dataclass(frozen=True, slots=True)
class Participant:
    """A handle in a role. *handle* is empty where somebody took part who withheld the address."""

    handle: str
    role: Role
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is known of a mail, an SMS or a chat message.

    *text* is the body where the message has no raw form; of a mail the body is read from *raw* (the hash of its
    blob) when somebody opens it, and *preview* holds its first words. *thread* are the ids of messages before this
    one, oldest first; *ident* its own id in that space. *automatic* says why no person wrote it, *protection* how it
    is signed or encrypted, *report* what a mail server tells of another mail, *defects* what was broken in it or
    beyond a limit. *derived_by* is the version of what made preview and indexed text from the raw form, so that they
    can be made anew when it changes.
    """

    participants: tuple[Participant, ...] | None = None
    title: str | None = None
    text: str | None = None
    preview: str | None = None
    sent_at: datetime | None = None
    ident: str | None = None
    thread: tuple[str, ...] | None = None
    attachments: tuple[Attachment, ...] | None = None
    raw: str | None = None
    automatic: str | None = None
    protection: str | None = None
    report: Report | None = None
    defects: tuple[str, ...] | None = None
    derived_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One phone of a call. *phone* is what rings: a handle, or an extension such as `pbx/21`; *agent* an agent's id
    where the provider names one. *id* is the provider's and unique within the call."""

    id: str
    phone: str | None = None
    agent: str | None = None
    state: CallState | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is known of a call. *line* is the number of ours that was called or calls out; *legs* the phones.

    *duration* is talking time in seconds. *direction* is set only where the provider says it; otherwise the core
    derives it from the addresses that are ours.
    """

    participants: tuple[Participant, ...] | None = None
    line: str | None = None
    direction: Direction | None = None
    state: CallState | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    duration: int | None = None
    outcome: Outcome | None = None
    legs: tuple[Leg, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """What is known of a meeting (RFC 5545 VEVENT). *ends_at* is exclusive; all-day meetings run from UTC midnight."""

    participants: tuple[Participant, ...] | None = None
    title: str | None = None
    text: str | None = None
    place: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    all_day: bool | None = None
    cancelled: bool | None = None
    sequence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """What is known of a public post that names us."""

    participants: tuple[Participant, ...] | None = None
    title: str | None = None
    text: str | None = None
    url: str | None = None
    posted_at: datetime | None = None


Facts = Message | Call | Meeting | Mention


@dataclass(frozen=True, slots=True)
class Copy:
    """A place where a message lies: the folder, the id it has there, its flags, and how much of it may be read.

    *audience* is the id of the only agent (beside those who may read everything) to whom it is open; "" is everyone.
    *labels* are what the provider files it under besides *place* (Gmail's labels). *size* is in bytes, *received_at*
    when the server took it, UTC; the hub sets both from a `RawMail`.
    """

    place: str = ""
    provider_id: str = ""
    flags: frozenset[str] = frozenset()
    level: Level = Level.ALL
    audience: str = ""
    labels: frozenset[str] = frozenset()
    size: int = 0
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing a provider said about one interaction.

    *key* is `<namespace>:<the provider's id verbatim>`; (*key*, *id*) is unique and makes a repetition harmless: use
    the provider's event id, or `hub.formats.digest.stable_id(...)` of its stable fields. *at* is the provider's time
    in UTC; *order* breaks ties within it (a sequence number). *conversation* names the thread where the interaction is
    not a thread of its own (a chat's thread_ts; mails are threaded by `Message.ident` and `Message.thread`).
    *raw* are the bytes it was read from, kept as a blob; *search* is text to find it by beyond what the facts hold.
    """

    key: str
    id: str
    channel: Channel
    at: datetime
    facts: Facts
    order: int = 0
    conversation: str = ""
    copy: Copy | None = None
    raw: bytes | None = field(default=None, repr=False)
    search: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RawMail:
    """A mail as it came, not yet understood. The core applies the privacy rules, parses it, and keeps the bytes.

    *received_at* is when the server took it, UTC; it stands in where the mail's own date is missing or absurd.
    """

    raw: bytes = field(repr=False)
    copy: Copy
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that came and cannot be understood: it goes to quarantine with its bytes and the reason. Of a mail
    *copy* says where it lies, so that the privacy rules can be asked."""

    raw: bytes = field(repr=False)
    reason: str
    received_at: datetime
    copy: Copy | None = None


@dataclass(frozen=True, slots=True)
class Flagged:
    """The flags of a copy as they are now (RFC 7162). Nothing happens where the hub has no such copy."""

    place: str
    provider_id: str
    flags: frozenset[str]
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Removed:
    """A copy that does not lie there any more: deleted, or moved, and then it comes again elsewhere. What was recorded
    stays recorded."""

    place: str
    provider_id: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """A mail that a mailbox has, without the mail: enough to know it again after the server has renumbered its folder.

    *message_id* is verbatim, with its angle brackets, "" where it has none; *size* is in bytes (RFC822.SIZE),
    *received_at* is the server's INTERNALDATE, UTC.
    """

    provider_id: str
    message_id: str
    size: int
    received_at: datetime


Item = Event | RawMail | Unreadable | Flagged | Removed


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far the first reading of a source is: *done* of *total* items."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a connector yields: items and the cursor after them. *live* is false for what is older than the connection:
    no alerts, no automatic answers. *backfill* says how far the first reading is, `None` where there is none (any
    more)."""

    items: tuple[Item, ...]
    cursor: str | None
    live: bool = True
    backfill: Backfill | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request as it arrived. *url* is the public URL the provider called (built from `public_url`),
    *headers* have lower-case names, *received_at* is UTC."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Changed:
    """A webhook's word that a source has news: its connector is woken and reads them."""

    source: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a webhook answers its provider."""

    status: int = 204
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Freshness:
    """What the provider has beyond what we have: *messages*, and the age in *seconds* of the oldest of them.
    `None` where the provider cannot say."""

    messages: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message to be sent, ready in the channel's wire format: of a mail *raw* is the whole of it (RFC 5322, CRLF line
    ends, with its Message-ID and without Bcc), *sender* and *recipients* are the envelope's addresses as handles."""

    key: str
    sender: str
    recipients: tuple[str, ...]
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """A letter that the provider took: what it calls it ("" where it does not say), and the recipients that it refused
    at once, each with the reason as one line. It took it for at least one of them."""

    provider_id: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A contact that a handle may belong to. *confidence* is 0 to 1, *reasons* are message ids with their facts
    (`hub.match` lists them), so that each reader sees them in her language."""

    contact_id: int
    name: str
    company_id: int | None
    company: str
    confidence: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The answer to "who is this?": candidates in falling confidence. Empty means unknown; several means ask."""

    handle: str
    candidates: tuple[Candidate, ...] = ()

    @property
    def sure(self) -> Candidate | None:
        """The one candidate, where there is exactly one."""
        return self.candidates[0] if len(self.candidates) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRecord:
    """A contact as the hub tells it to a CRM, or a CRM to the hub.

    *id* is the CRM's own, "" where we do not know it; *key* names the hub's contact the same way at every attempt, ""
    in what a CRM tells. *company* is the company's name. *handles* are the addresses that are this person's alone.
    """

    id: str = ""
    key: str = ""
    name: str
    company: str = ""
    title: str = ""
    handles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """Contacts that are new or changed in a CRM, as they stand now, and the cursor after them."""

    records: tuple[ContactRecord, ...]
    cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """An interaction as it goes onto one contact in a CRM.

    *key* names it the same way at every attempt; *contact* is the contact's id in the CRM. *facts* are cut down to what
    everybody at the hub may read: of a mail of which only the metadata is open there is neither title nor text. *url*
    leads to the contact's timeline in the hub.
    """

    key: str
    contact: str
    channel: Channel
    direction: Direction
    occurred_at: datetime
    facts: Facts
    url: str


@dataclass(frozen=True, slots=True)
class Agent:
    """A colleague: the handles and extensions (`pbx/21`) at which she can be reached."""

    id: str
    name: str
    handles: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
