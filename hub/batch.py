"""What a batch is made of: what callers hand in, what is known of it, and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hub.alerts.book import Rulebook
from hub.calendars.objects import Change, Follow, nobody_follows
from hub.calendars.owners import Owners
from hub.calls.missed import Due, in_plain_hours
from hub.calls.recordings.policy import Sound
from hub.fold import Told
from hub.inbox.teams import Assignment
from hub.live import LiveEvent
from hub.mentions.heard import Heard
from hub.ours import Ours
from hub.pops import House
from hub.store.blobs import Blobs
from hub.vocabulary import Direction, Event, Facts, Flagged, Message, Participant, Receipt, Removed


@dataclass(frozen=True, slots=True)
class Entry:
    """One event to record, and the blob it was read from (already settled if large)."""

    event: Event
    live: bool
    blob: str | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """One thing that goes to quarantine: what it is, why, and its bytes."""

    kind: str
    reason: str
    blob: str
    raw: bytes = field(repr=False)
    about: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What one caller wants recorded at once: of one source, with the cursor after it where it holds a lease.

    *changes* are about copies that were recorded before, or in this part, *receipts* about texts that we sent, and
    *calendar* is what changes in the calendars of the source, and *watch* what its posts amount to.
    """

    source: str
    entries: tuple[Entry, ...] = ()
    refused: tuple[Refused, ...] = ()
    changes: tuple[Flagged | Removed, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    calendar: Change = field(default_factory=Change)
    watch: Heard = field(default_factory=Heard)
    cursor: str | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What happened: live events to publish, and the parts whose lease was not theirs any more."""

    news: list[LiveEvent]
    lost: list[Part]


def _no_conversation(_: str) -> int | None:
    """Where nothing of ours is sent, no Message-ID names a conversation."""
    return None


def _nobody_watches(_: int) -> tuple[str, ...]:
    """Where nothing is watched for."""
    return ()


@dataclass(frozen=True, slots=True)
class Books:
    """What recording needs to know beside the batch: our addresses, new ids, the blobs, which CRMs to tell, which
    conversation a Message-ID of ours names (`hub.letters.token`), whose new conversations are, when a missed call is
    *due*, what *sound* of calls may be kept, in what *house* phones ring, whose calendars are whose (*owners*), who
    *follows* what changes in them, the sources whose files can be *fetched*, and by which rules somebody is told
    (*alerts*), and who watches a query (*watchers*)."""

    ours: Ours
    new_id: Callable[[], int]
    blobs: Blobs
    destinations: tuple[str, ...] = ()
    conversation_of: Callable[[str], int | None] = _no_conversation
    assignment: Assignment = field(default_factory=Assignment)
    due: Due = in_plain_hours
    sound: Sound = field(default_factory=Sound)
    house: House = field(default_factory=House)
    owners: Owners = field(default_factory=Owners)
    follows: Follow = nobody_follows
    fetched: frozenset[str] = frozenset()
    alerts: Rulebook = field(default_factory=Rulebook)
    watchers: Callable[[int], tuple[str, ...]] = _nobody_watches


class Row(NamedTuple):
    """An interaction as it stands in the store."""

    id: int
    key: str
    conversation_id: int
    open_level: int
    source: str
    kind: str
    facts: str
    blob: str | None
    revision: int
    occurred_at: int


@dataclass(slots=True)
class Subject:
    """One interaction of the batch: what was known, what is new, and what it amounts to."""

    key: str
    row: Row | None
    told: list[Told]
    entries: list[tuple[str, Entry]] = field(default_factory=list)
    id: int = 0
    facts: Facts = field(default_factory=Message)
    direction: Direction = Direction.INBOUND
    at: int = 0
    conversation: int = 0
    topic: str = ""
    level: int = 0

    @property
    def live(self) -> bool:
        return any(entry.live for _, entry in self.entries)

    @property
    def participants(self) -> tuple[Participant, ...]:
        return self.facts.participants or ()
