"""Every extension point of the hub on one page. Errors are verdicts: they say what the hub does next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from hub.vocabulary import (
    Activity,
    Agent,
    Appointment,
    Arrival,
    Asked,
    Busy,
    Changed,
    Changes,
    Channel,
    ContactRecord,
    Delivery,
    Dial,
    Dialled,
    Event,
    File,
    Freshness,
    Item,
    Kept,
    Letter,
    Media,
    Pressed,
    Profile,
    Receipt,
    Recording,
    Reply,
    Sent,
    Sighting,
    Speech,
    Step,
    Telling,
)


class Verdict(Exception):
    """Base of what a plug-in may raise. The text is shown to people: one line, what is wrong and what to do."""


class Rejected(Verdict):
    """The provider knows us and says no (password, revoked permission). Not tried again until somebody acts."""


class Unavailable(Verdict):
    """The provider cannot be reached or is busy. Tried again after *retry_after* seconds, or after the back-off."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Misconfigured(Verdict):
    """Our settings cannot be right (no such folder, no such host). Not tried again until the config changes."""


class Forged(Verdict):
    """The delivery's signature is absent, wrong or too old: 401, and nothing of it is kept but a count."""


class Malformed(Verdict):
    """The delivery could not be read far enough to verify it: 400, and nothing of it is kept but a count."""


class Unsupported(Verdict):
    """This one thing cannot be taken, the next may be. A genuine delivery that is not understood is quarantined and
    then accepted; what a CRM refuses to take is set aside in the outbox."""


class Conflict(Verdict):
    """What was to be changed is not any more as it was when it was read: read it again first."""


class Settings(BaseModel):
    """Base of a plug-in's settings: the keys of its `[sources.<name>]` or `[crm.<name>]` table beyond the common
    ones."""

    # Without the last one, pydantic would quote a password in its errors.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @property
    def own(self) -> tuple[str, ...]:
        """Handles of ours that these settings imply, as a bot's token does its address: they count beside the source's
        `ours`."""
        return ()


class Loan(Protocol):
    """What the running hub lends the plug-ins of one source of what only it may keep."""

    async def access_token(self, refused: str | None = None) -> str:
        """The OAuth access token that somebody connected the source with, good for a minute at least; another than
        *refused*, which the provider has just not taken. Raises `Rejected` where there is none or the permission has
        ended, `Unavailable` where it cannot be renewed now, `Misconfigured` where the hub cannot keep any."""

    async def rebind(self, place: str, sightings: Sequence[Sighting]) -> frozenset[str]:
        """The folder *place* numbers its mails anew: the copies that the hub knows in it, by Message-ID, size and date,
        get their new ids. Answers the ids among *sightings* that it does not know, which are to be fetched.
        Raises `Unavailable`."""

    async def route(self, asked: Asked) -> Step | None:
        """What to do next with a call that the hub answers on this source; None where no plan answers it, and the
        phone system is to go on by itself. Raises `Unavailable`."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the core tells a plug-in about itself: the source's or CRM's *name*, the default *region* for phone numbers,
    our own addresses on this source (*ours*), whose screens ring by default (*rings*), the colleagues (*agents*),
    and the *webhook_url* under which the provider reaches us. A CRM has neither addresses nor screens nor webhook.
    *plan* is the routing plan by which the hub answers this source's calls, "" where it only observes them. *zone* is
    the IANA name of the zone in which a calendar's floating times are meant.
    *loan* is `None` where no hub runs: for a check of the file, and for a CRM."""

    name: str
    region: str
    ours: tuple[str, ...]
    rings: tuple[str, ...]
    agents: tuple[Agent, ...]
    webhook_url: str
    loan: Loan | None = None
    plan: str = ""
    zone: str = "UTC"


Record = Callable[[Sequence[Item]], Awaitable[None]]
"""Returns once the items are durable. Raises `Unavailable` where the store cannot take them."""


class Connector(ABC):
    """Opens a connection out and listens. Built as `Connector(settings, setup)`; no I/O in the constructor."""

    Settings: ClassVar[type[Settings]]

    @property
    def ready(self) -> bool:
        """Whether the settings say how to listen. A source that is only told by its webhook says nothing of it, and
        then the hub has no connector for it."""
        return True

    @abstractmethod
    def listen(self, cursor: str | None) -> AsyncGenerator[Arrival, None]:
        """Hold one connection and yield what is heard after *cursor* (`None`: from the beginning), in the order the
        connector chooses. Retries nothing, stores nothing; closes its socket when the generator is closed.
        Raises `Rejected`, `Unavailable`, `Misconfigured`."""

    async def committed(self, cursor: str) -> None:  # noqa: B027 — nothing to do is a full answer
        """Everything up to *cursor* is durable: the provider may be acknowledged. By default nothing is."""

    @abstractmethod
    async def freshness(self, cursor: str | None) -> Freshness:
        """What the provider has beyond *cursor*, cheaply, over a connection of its own. Raises as `listen`."""

    async def wake(self, word: str = "") -> None:  # noqa: B027 — nothing to do is a full answer
        """A webhook said there is news, and perhaps the *word* that lets us ask for it. A connector that waits by
        itself need not care."""


class Door(ABC):
    """Listens on a port of its own. Built as `Door(settings, setup)`; no I/O in the constructor."""

    Settings: ClassVar[type[Settings]]

    @abstractmethod
    async def serve(self, record: Record) -> None:
        """Listen until cancelled; say "accepted" only after `record(items)` returned. A port that cannot be had
        raises `Misconfigured`."""

    @property
    @abstractmethod
    def address(self) -> tuple[str, int]:
        """Host and port it listens on, for `hub check` and the sources page."""

    def addresses(self) -> Mapping[str, Mapping[str, str]]:
        """The addresses at which it takes things for one agent: agent id → what for → address. By default none."""
        return {}


class Webhook(ABC):
    """Answers HTTP that a provider sends. Built as `Webhook(settings, setup)`. Pure: no I/O, no clock but
    `delivery.received_at`, no web framework."""

    Settings: ClassVar[type[Settings]]

    swallows: ClassVar[bool] = False
    """Whether the provider's protocol wants a delivery that is not genuine answered as if it were (WebSub, 8): nothing
    of it is kept all the same."""

    undetectable: ClassVar[frozenset[str]] = frozenset()
    """Faults this provider's scheme cannot show ("stale", "altered"), printed by the contract suite."""

    @abstractmethod
    def verify(self, delivery: Delivery) -> None:
        """Return for a genuine delivery. Raises `Forged`, or `Malformed` where it cannot be read so far."""

    @abstractmethod
    def parse(self, delivery: Delivery) -> Sequence[Event | Changed | Receipt | Pressed]:
        """What a verified delivery says; empty where it is known and not wanted. Raises `Unsupported`."""

    def advice(self) -> Sequence[str]:
        """What somebody has to enter at the provider, a line each, for `hub check`. By default nothing is said."""
        return ()

    def asked(self, delivery: Delivery) -> Asked | None:
        """The question in a verified delivery that asks what to do with a call; by default there is none."""
        return None

    def reply(self, delivery: Delivery, step: Step | None = None) -> Reply:
        """What the provider is told once everything is durable. *step* is the answer to what it `asked`, None where it
        asked nothing or no plan answers."""
        return Reply()


class Sender(ABC):
    """Says something on a source's channel. Built as `Sender(settings, setup)`; no I/O in the constructor.

    Several calls may be under way at once, never two about the same `Letter.key`. Each tries once. Both raise
    `Rejected`, `Misconfigured`, `Unavailable` (it surely did not happen) and `Unsupported` (this one letter is never
    taken: the text says why); they let `TimeoutError` out where no answer came and it may have happened.
    """

    Settings: ClassVar[type[Settings]]

    channels: ClassVar[frozenset[Channel]] = frozenset({Channel.EMAIL})
    """What it can send on."""

    speech: ClassVar[Mapping[Channel, Speech]] = MappingProxyType({})
    """How one talks on those of its channels that are chats or posts: a conversation that came in over this source is
    answered over it. A text message or a mail needs no such word."""

    @property
    def ready(self) -> bool:
        """Whether the settings say how to send. A source that only receives says nothing of it."""
        return True

    @abstractmethod
    async def send(self, letter: Letter) -> Sent:
        """Hand *letter* to the provider, who then has it for good."""

    async def file(self, letter: Letter) -> None:  # noqa: B027 — nothing to do is a full answer
        """Keep a copy of a letter that was sent where the provider keeps such, once, however often this is called: most
        mail servers leave that to the sender."""

    async def close(self) -> None:  # noqa: B027 — nothing to do is a full answer
        """The hub stops: close what is open."""


class Dialer(ABC):
    """Places calls over a source. Built as `Dialer(settings, setup)`; no I/O in the constructor. Each call tries once.

    All raise `Rejected`, `Misconfigured`, `Unavailable` (it surely did not happen) and `Unsupported` (this one never
    will: the text says why); they let `TimeoutError` out where no answer came and it may have happened.
    """

    Settings: ClassVar[type[Settings]]

    @property
    def ready(self) -> bool:
        """Whether the settings say how to call."""
        return True

    @abstractmethod
    def reaches(self, phone: str) -> bool:
        """Whether it can ring this *phone* of a colleague (a handle, or an extension such as `pbx/21`)."""

    @abstractmethod
    async def dial(self, wanted: Dial) -> Dialled:
        """Place a call. Returns as soon as the provider has taken it: what becomes of it is told by its events."""

    @abstractmethod
    async def hang_up(self, key: str) -> None:
        """End the call of that key, whoever is on it. One that is over stays over."""

    async def close(self) -> None:  # noqa: B027 — nothing to do is a full answer
        """The hub stops: close what is open."""


class Recorder(ABC):
    """Brings in the recordings of a source's calls, and begins and ends them. Built as `Recorder(settings, setup)`; no
    I/O in the constructor. Raises as `Dialer`."""

    Settings: ClassVar[type[Settings]]

    @property
    def ready(self) -> bool:
        """Whether the settings say how to fetch."""
        return True

    @abstractmethod
    async def fetch(self, recording: Recording, most: int) -> Media:
        """The sound of *recording*, of at most *most* bytes, with the source's own credentials and from the configured
        host only: an address elsewhere, a redirect away from it, what is larger or is no sound raises `Unsupported`.
        One that is not there yet raises `Unavailable`."""

    async def record(self, key: str, on: bool) -> None:
        """Begin or go on (*on*), or pause, recording the call of that key. By default a source cannot."""
        raise Unsupported("This phone system cannot be told to record.")

    async def close(self) -> None:  # noqa: B027 — nothing to do is a full answer
        """The hub stops: close what is open."""


class Fetcher(ABC):
    """Brings in the files of a source's messages. Built as `Fetcher(settings, setup)`; no I/O in the constructor.
    Raises as `Dialer`."""

    Settings: ClassVar[type[Settings]]

    @property
    def ready(self) -> bool:
        """Whether the settings say how to fetch."""
        return True

    @abstractmethod
    async def fetch(self, file: File, most: int) -> Media:
        """The bytes of *file*, at most *most*, with the source's own credentials and from the provider's own hosts
        only: an address elsewhere and what is larger raise `Unsupported`. One that is not there yet raises
        `Unavailable`."""

    async def close(self) -> None:  # noqa: B027 — nothing to do is a full answer
        """The hub stops: close what is open."""


class Profiles(ABC):
    """Knows the authors of a source's posts where the posts say little of them. Built as `Profiles(settings, setup)`;
    no I/O in the constructor. Raises as `Dialer`."""

    Settings: ClassVar[type[Settings]]

    most: ClassVar[int] = 25
    """So many can be asked for at once."""

    @property
    def ready(self) -> bool:
        """Whether the settings say whom to ask."""
        return True

    @abstractmethod
    async def look_up(self, handles: Sequence[str]) -> Mapping[str, Profile]:
        """What is known of those of *handles*, at most `most`, whom the platform knows."""

    async def close(self) -> None:  # noqa: B027 — nothing to do is a full answer
        """The hub stops: close what is open."""


class Teller(ABC):
    """Tells colleagues of alerts over a source. Built as `Teller(settings, setup)`; no I/O in the constructor. Raises
    as `Dialer`."""

    Settings: ClassVar[type[Settings]]

    @property
    def ready(self) -> bool:
        """Whether the settings say how to tell."""
        return True

    @abstractmethod
    def reaches(self, handle: str) -> bool:
        """Whether it can tell whoever has this *handle*."""

    @abstractmethod
    async def tell(self, handle: str, telling: Telling, known: str) -> str:
        """Tell her, and answer what the provider calls the message. With *known*, which an earlier call answered, that
        message is changed into *telling*, and nothing is added."""

    async def close(self) -> None:  # noqa: B027 — nothing to do is a full answer
        """The hub stops: close what is open."""


class Calendar(ABC):
    """Reads and writes a source's calendar, for booking. Built as `Calendar(settings, setup)`; no I/O in the
    constructor. It touches nothing but what `put` made, and each call tries once.

    All raise `Rejected`, `Misconfigured`, `Unavailable` (it surely did not happen) and `Unsupported` (this one never
    will: the text says why); `put` and `delete` let `TimeoutError` out where no answer came and it may have happened.
    """

    Settings: ClassVar[type[Settings]]

    @property
    def ready(self) -> bool:
        """Whether the settings say which calendar to write into. One that is only read says nothing of it."""
        return True

    @property
    def notifies(self) -> bool:
        """Whether the provider itself tells the invited of what `put` and `delete` do. Then the hub does not."""
        return False

    @abstractmethod
    async def busy(self, since: datetime, until: datetime) -> Sequence[Busy]:
        """The time taken in the calendars of this source within [*since*, *until*), aware, as the provider has it at
        this moment. What is cancelled, declined or shown as free takes none."""

    @abstractmethod
    async def put(self, appointment: Appointment, kept: Kept | None) -> Kept:
        """Write *appointment*: anew where *kept* is None, else over what lies there. Doing it again after it happened
        unheard makes no second one. Raises `Conflict` where what lies there was changed since (its etag), or is
        gone."""

    @abstractmethod
    async def delete(self, kept: Kept) -> None:
        """Take it out of the calendar. What is gone already is no error. Raises `Conflict` as `put`."""

    async def close(self) -> None:  # noqa: B027 — nothing to do is a full answer
        """The hub stops: close what is open."""


class Adapter(ABC):
    """Connects one outside CRM or ERP. Built as `Adapter(settings, setup)`; no I/O in the constructor.

    Several calls may be under way at once, never two about the same `key`. Each tries once. All raise `Rejected`,
    `Unavailable` (it surely did not happen) and `Misconfigured`; `upsert` and `log` also `Unsupported`, where the CRM
    does not take this one record, and they let `TimeoutError` out where no answer came and it may have happened.
    """

    Settings: ClassVar[type[Settings]]

    idempotent: ClassVar[bool] = False
    """Whether `upsert` and `log` find by its `key` what an earlier attempt made, and bring it up to date. Where they
    cannot, the hub shows an attempt that nobody heard the end of as "perhaps" and does not repeat it by itself."""

    @abstractmethod
    def changes(self, cursor: str | None) -> AsyncGenerator[Changes, None]:
        """What changed in the CRM after *cursor* (`None`: everything there is), oldest first, in batches. Ends where
        there is no more; resuming after any batch's cursor misses and repeats nothing."""

    @abstractmethod
    async def upsert(self, record: ContactRecord) -> str:
        """Make sure that the CRM has this contact, and answer its id there. One that is there already (by id, by key
        or by an address) is completed where it is empty; what the CRM knows otherwise stands."""

    @abstractmethod
    async def log(self, activity: Activity, previous_id: str | None) -> str:
        """Write an activity onto its contact and answer its id in the CRM. With *previous_id*, the id that an earlier
        call answered, that one is brought up to date and nothing is added."""

    async def close(self) -> None:  # noqa: B027 — nothing to do is a full answer
        """The hub stops: close what is open."""
