"""The words of the hub, as frozen values: what plug-ins say and what the core works on.

Nothing here does I/O. Times are aware and in UTC, durations are seconds, addresses are handles (URIs, see
`hub.formats.handles`). In a fact that an event tells, `None` means "this event does not know", never "empty":
an interaction is the fold of what its events know (`hub.fold`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from hub.formats.ics import Appointment as Appointment
from hub.formats.ics import Attendee as Attendee
from hub.formats.mail import Attachment as Attachment
from hub.formats.reports import Report as Report

NAMESPACES = frozenset(
    {
        *("mail", "ical", "twilio", "slack", "log", "letter", "matrix", "xmpp", "telegram", "whatsapp", "messenger"),
        *("instagram", "wecom", "dingtalk", "feishu", "web", "feed", "mastodon", "at", "reddit", "hackernews"),
    }
)
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
    """Where a call or one of its legs stands. It never goes back to a lower rank.

    `queued`: it waits for a phone, or to be placed. `held` and `transferred` (it was passed on, and the next one has
    not taken it yet) are ways of being answered, among which the latest counts.
    """

    QUEUED = "queued"
    RINGING = "ringing"
    ANSWERED = "answered"
    HELD = "held"
    TRANSFERRED = "transferred"
    ENDED = "ended"

    @property
    def rank(self) -> int:
        """States of a higher rank win over those of a lower one, whatever order their events came in."""
        return _CALL_RANKS[self]

    @property
    def taken(self) -> bool:
        """Whether somebody has picked up, and it is not over."""
        return self in (CallState.ANSWERED, CallState.HELD, CallState.TRANSFERRED)


_CALL_RANKS = {
    CallState.QUEUED: 0,
    CallState.RINGING: 1,
    CallState.ANSWERED: 2,
    CallState.HELD: 2,
    CallState.TRANSFERRED: 2,
    CallState.ENDED: 3,
}


class Joined(StrEnum):
    """How a leg came into its call, where it is not the phone that was simply dialled."""

    QUEUE = "queue"
    PICKUP = "pickup"
    BLIND_TRANSFER = "blind-transfer"
    WARM_TRANSFER = "warm-transfer"
    CONFERENCE = "conference"


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


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes with a message of a chat, or of a web page. *id* is the provider's, and enough to ask for it
    unless *url* says where it lies. *size* is in bytes, 0 where the provider does not say; *inline*: a picture, a voice
    message or a sticker, which chats show in place."""

    id: str
    name: str = ""
    media_type: str = ""
    size: int = 0
    url: str = ""
    inline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is known of a mail, an SMS or a chat message.

    *text* is the body where the message has no raw form; of a mail the body is read from *raw* (the hash of its
    blob) when somebody opens it, and *preview* holds its first words. *thread* are the ids of messages before this
    one, oldest first; *ident* its own id in that space. *automatic* says why no person wrote it, *protection* how it
    is signed or encrypted, *report* what a mail server tells of another mail, *defects* what was broken in it or
    beyond a limit. *files* are a chat's. *edited_at*: the writer has changed it since. *deleted*: the writer took it
    back, and nothing of what it said is kept. *derived_by* is the version of what made preview and indexed text from
    the raw form, so that they can be made anew when it changes.
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
    files: tuple[File, ...] | None = None
    edited_at: datetime | None = None
    deleted: bool | None = None
    derived_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One phone of a call. *phone* is what rings: a handle, or an extension such as `pbx/21`; *agent* an agent's id
    where the provider names one. *id* is the provider's and unique within the call. *joined* says how it came in, and
    *by* the id of the leg that passed the call on to it."""

    id: str
    phone: str | None = None
    agent: str | None = None
    state: CallState | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    joined: Joined | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a provider keeps of a call's sound. *id* is the provider's; *url* where it lies, "" where the id is enough
    to ask for it; *voicemail*: the caller left it for us. *seconds* is its length."""

    id: str
    url: str = ""
    voicemail: bool = False
    seconds: int | None = None
    channels: int | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was said in a call, or in one of its recordings (*recording*, an id; "" is the call itself). *id* is the
    provider's: a later text under it replaces the earlier one."""

    id: str
    text: str
    recording: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is known of a call. *line* is the number of ours that was called or calls out; *legs* the phones.

    *duration* is talking time in seconds. *direction* is set only where the provider says it; otherwise the core
    derives it from the addresses that are ours. *queue* is the name of the queue or group that it waits or waited in.
    *recovered*: it was read afterwards from what the provider keeps, because nothing told of it when it happened.
    *presumed*: its end was never heard, a rule of ours closed it.
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
    queue: str | None = None
    recordings: tuple[Recording, ...] = ()
    transcripts: tuple[Transcript, ...] = ()
    recovered: bool | None = None
    presumed: bool | None = None


class Attendance(StrEnum):
    """What somebody who is invited says (RFC 5545, 3.2.12)."""

    NEEDS_ACTION = "needs-action"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    TENTATIVE = "tentative"
    DELEGATED = "delegated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one of the invited (*handle*) said of a meeting, at *at*, to the state of it that *sequence* numbers.

    *delegated_to* is the handle of whom she sends in her place. *uninvited*: the organizer knows nothing of her.
    *proposed_start* and *proposed_end* are the other time that she asks for (RFC 5546, 3.2.7), and *refused* tells
    that the organizer will not have it.
    """

    handle: str
    attendance: Attendance
    at: datetime
    sequence: int = 0
    comment: str = ""
    delegated_to: str = ""
    uninvited: bool = False
    proposed_start: datetime | None = None
    proposed_end: datetime | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """What is known of a meeting (RFC 5545 VEVENT). *ends_at* is exclusive; all-day meetings run from UTC midnight.

    *answers* are what the invited say, one for each (`hub.meetings` folds them). *rule* is the RRULE of a series, ""
    where it takes place once; *series_start* the start that one of its instances had by the rule. *zone* is the IANA
    name of the zone it was planned in. *private*: its calendar's owner keeps it to herself.
    """

    participants: tuple[Participant, ...] | None = None
    title: str | None = None
    text: str | None = None
    place: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    all_day: bool | None = None
    cancelled: bool | None = None
    tentative: bool | None = None
    sequence: int | None = None
    rule: str | None = None
    series_start: datetime | None = None
    zone: str | None = None
    url: str | None = None
    private: bool | None = None
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """What is known of a public post: a connector tells of every one that it hears, and the hub keeps those that a
    query of ours finds, or that are addressed to us.

    The author is the participant in the role `sender`, with her profile at *author_url* and *reach* followers. *text*
    is plain, *url* is where people read the post. *site* is the host, forum or channel on which it stands
    (`news.example.org`, `reddit.com/r/crm`), *language* what the platform says it is written in (BCP 47), *links* are
    the addresses it names. *answers* and *repost_of* are the keys of the posts that it answers and repeats; a bare
    repost has no text. *addressed*: it names an account of ours, as the platform itself says. *edited_at*: it was
    changed since. *deleted*: it was taken down, and nothing of what it said is kept.
    """

    participants: tuple[Participant, ...] | None = None
    title: str | None = None
    text: str | None = None
    url: str | None = None
    posted_at: datetime | None = None
    author_url: str | None = None
    reach: int | None = None
    site: str | None = None
    language: str | None = None
    links: tuple[str, ...] | None = None
    answers: str | None = None
    repost_of: str | None = None
    addressed: bool | None = None
    edited_at: datetime | None = None
    deleted: bool | None = None


Facts = Message | Call | Meeting | Mention


@dataclass(frozen=True, slots=True)
class Profile:
    """What a platform shows of somebody who posts: her *name*, and *reach* followers where it says so."""

    name: str = ""
    reach: int | None = None


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


class Delivered(StrEnum):
    """What became of a text message of ours. It never goes back to an earlier one of these, except that `failed` is
    believed until it was `delivered`."""

    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A provider's word on a message that we sent: *key* is the interaction's, *reason* why it failed, as one line.
    Nothing happens where the hub sent no such message."""

    key: str
    state: Delivered
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """An object of a calendar as it stands there now. *raw* is iCalendar (RFC 5545): all of one UID, or one instance
    of a series where the provider keeps those apart. *copy* says in which calendar (`place`, its address or id), under
    which id, and who may read it; *etag* is the provider's word for this state, "" where it has none.

    *expanded*: the provider tells every occurrence as an object of its own, so that the rule of the series itself
    takes nobody's time.
    """

    copy: Copy
    etag: str
    raw: bytes = field(repr=False)
    expanded: bool = False


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that lies in the calendar *place* now, by provider's id: what the hub knows beyond that has gone from it.
    It is told after the whole calendar was read anew, because the provider could not say what changed."""

    place: str
    provider_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Busy:
    """Time that something in a calendar takes: from *starts_at* until *ends_at* (exclusive), UTC. *uid* is the event's,
    "" where the provider says nothing but the time."""

    starts_at: datetime
    ends_at: datetime
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where an appointment of ours lies in a calendar: the calendar (*place*), the provider's id and *etag* for it, and
    the *uid* that it has there, which some providers choose themselves."""

    place: str
    provider_id: str
    etag: str
    uid: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """All posts of *author* (a handle) are gone: she left the platform, or was put off it. Nothing they said is
    kept."""

    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Pressed:
    """Somebody (*by*, a handle) pressed a button of ours in a chat: *value* is what we gave the button."""

    value: str
    by: str
    at: datetime


Item = Event | RawMail | Unreadable | Flagged | Removed | Receipt | Scheduled | Inventory | Withdrawn | Pressed


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
    """A webhook's word that a source has news: its connector is woken and reads them. *word* is what the provider wants
    to hear then, where it said one."""

    source: str
    word: str = field(default="", repr=False)


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
class Template:
    """A text that a provider has approved beforehand, with which a conversation may be begun where free text may not
    (WhatsApp). *id* is the provider's, *values* fill its gaps by name or number."""

    id: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file to be sent with a message of a chat."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Speech:
    """What may be said on a channel of a source: at most *longest* characters; with *enclosures*, files of at most
    *largest* bytes each, which can go without a text. *window* is how long after the other side's last word free text
    is taken (None: always); *templates*: beyond it approved ones are. *begins*: a conversation may be begun with
    whoever has not written first."""

    longest: int
    enclosures: bool = False
    largest: int = 0
    window: timedelta | None = None
    templates: bool = False
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press below a message: *value* comes back as `Pressed`, or *url* opens."""

    label: str
    value: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """An alert as a chat tells it to one colleague: a line that says what, lines below, and the *buttons*; *done* is
    what stands in their place when nothing is to be pressed any more."""

    title: str
    lines: tuple[str, ...] = ()
    url: str = ""
    buttons: tuple[Button, ...] = ()
    done: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message to be sent, ready in the channel's wire format: of a mail *raw* is the whole of it (RFC 5322, CRLF line
    ends, with its Message-ID and without Bcc), of a text message its text in UTF-8. *sender* and *recipients* are the
    envelope's addresses as handles; *channel* is the medium where these leave it open (an SMS and a WhatsApp message
    go to the same number). *template* says it instead of *raw*, which is then what people read of it. Of a chat or a
    post *conversation* is the thread as its events call it (`Event.conversation`), *answers* the key of the message
    that is answered, "" for none, and *enclosures* are the files."""

    key: str
    sender: str
    recipients: tuple[str, ...]
    raw: bytes = field(repr=False)
    template: Template | None = None
    channel: Channel | None = None
    conversation: str = ""
    answers: str = ""
    enclosures: tuple[Enclosure, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """A letter that the provider took: what it calls it ("" where it does not say), and the recipients that it refused
    at once, each with the reason as one line. It took it for at least one of them. *key* is the interaction's, where
    the provider's id decides it: "" leaves it as `Letter.key`."""

    provider_id: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """A call to be placed: *phone* of the *agent* rings first (a handle, or an extension such as `pbx/21`), then
    *callee* (a handle), who sees *line*, a number of ours. *id* is the hub's own and the same at every attempt.
    *ring_seconds* is how long the callee's phone rings. *machine*: find out whether a person or a machine answers.
    """

    id: str
    agent: str
    phone: str
    callee: str
    line: str
    ring_seconds: int = 40
    machine: bool = False


@dataclass(frozen=True, slots=True)
class Dialled:
    """A call that the provider places: the *key* of the interaction that its events will make."""

    key: str


@dataclass(frozen=True, slots=True)
class Media:
    """A file as a provider keeps it: a media type such as `audio/wav`, and the bytes."""

    media_type: str
    data: bytes = field(repr=False)


class Heard(StrEnum):
    """What became of the step before, when a provider asks what to do next with a call."""

    BEGAN = "began"  # the call has just come in: there was none
    DONE = "done"  # it was said, or left, or waited for
    DIGITS = "digits"  # the caller pressed something
    NOTHING = "nothing"  # the caller pressed nothing in time
    ANSWERED = "answered"  # a phone was picked up, and the talk is over
    UNANSWERED = "unanswered"  # no phone was picked up


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A provider asks what to do with a call that the hub is to answer. *key*, *caller* and *line* are as in the
    call's events, *caller* "" where withheld. *place* is the `Step.place` that it was given before, "" at the
    beginning; *heard* what came of it, with *digits* where some were pressed."""

    key: str
    caller: str
    line: str
    at: datetime
    place: str = ""
    heard: Heard = Heard.BEGAN
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something the caller hears: *text* to be spoken in *language* (BCP 47), or the *audio* at an https address or
    under a name that the phone system knows."""

    text: str = ""
    language: str = ""
    audio: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Wait until the caller presses up to *most* digits, for *seconds*."""

    most: int = 1
    seconds: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """Ring these *phones* (handles, or extensions such as `pbx/21`) at once for *seconds*, and connect the first that
    is picked up. *record*: from the answer on, once the caller was told."""

    phones: tuple[str, ...]
    seconds: int = 20
    record: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Keep the caller waiting for *seconds* with *music* (as `Prompt.audio`; "" is the provider's own), then ask
    again. *queue* is what it waits in."""

    queue: str
    seconds: int = 10
    music: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeMessage:
    """Let the caller leave a message of at most *seconds* after a tone."""

    seconds: int = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """End the call. *busy*: without having answered it, so that the caller hears the busy tone."""

    busy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do next with a call: say the *prompts*, then the *action*; None goes on at once and asks again. *place*
    comes back with the next `Asked`; it is of letters, digits and ``.:/,_-`` only."""

    place: str
    prompts: tuple[Prompt, ...] = ()
    action: Listen | Ring | Wait | TakeMessage | HangUp | None = None


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
    """A colleague: the handles and extensions (`pbx/21`) at which she can be reached. *hours* names the table of her
    working hours ("": always), *skills* and *languages* (BCP 47) what callers may be brought to her for, *stand_in* is
    the agent who takes her place while she is away."""

    id: str
    name: str
    handles: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    hours: str = ""
    skills: frozenset[str] = frozenset()
    languages: tuple[str, ...] = ()
    stand_in: str = ""

    @property
    def phones(self) -> tuple[str, ...]:
        """What can ring: her extensions, and those of her handles that are phones."""
        return (*self.extensions, *(handle for handle in self.handles if handle.startswith(("tel:", "sip:", "sips:"))))
