"""What a booking can be, what is asked of it, and what is answered: values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hub.booking.choosing import Slot
from hub.booking.choosing import Why as Chosen


class State(StrEnum):
    """Where an appointment, and each seat in it, stands."""

    HELD = "held"
    """Somebody fills in the form."""
    ASKED = "asked"
    """A host has to agree."""
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    """A host did not agree."""
    RELEASED = "released"
    """Nothing came of it."""


Why = Chosen
"""One reason why somebody was chosen: `hub.booking.choosing.Why`, or `others-taken` {agents} (whoever should have had
it was taken at that moment), or `reassigned` {agent, by}."""

TAKES_TIME = (State.HELD, State.ASKED, State.CONFIRMED)
BOOKED = (State.ASKED, State.CONFIRMED)


class Code(StrEnum):
    """Why something is refused."""

    UNKNOWN_TYPE = "unknown-type"
    UNKNOWN_DURATION = "unknown-duration"
    UNKNOWN_ZONE = "unknown-zone"
    UNKNOWN_HOST = "unknown-host"
    NO_ZONE = "no-zone"
    """A time that does not say in which zone it is meant."""
    PAST = "past"
    TOO_FAR = "too-far"
    UNKNOWN_BOOKING = "unknown-booking"
    """No booking has this secret or id: it was forged, or erased."""
    OVER = "over"
    """The booking has ended: nothing can be done with it any more."""
    TOO_EARLY = "too-early"
    """It has not taken place yet."""
    BAD_ANSWERS = "bad-answers"
    LINK = "link"
    """The one-time link is unknown, used, expired, or for something else."""
    UNREACHABLE = "calendar-unreachable"
    CHANGED = "changed-in-calendar"
    NOT_YOURS = "not-yours"
    NOT_ASKED = "not-asked"
    """Nobody waits for an answer to it."""


class Gone(Exception):
    """The time is not free any more. *alternatives* are the nearest that are."""

    def __init__(self, alternatives: Sequence[Slot] = ()) -> None:
        super().__init__("This time is not free any more.")
        self.alternatives = tuple(alternatives)


class Refused(Exception):
    """It cannot be done. *code* says why, the text is for people; *fields* name the answers it concerns."""

    def __init__(self, code: Code, text: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.fields = dict(fields or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitee:
    """Who books. *answers* are to the event type's questions, by their id; *guests* further mail addresses.
    *place* is where she wants it, where the event type asks."""

    name: str
    mail: str
    phone: str = ""
    place: str = ""
    answers: Mapping[str, object] = field(default_factory=dict)
    guests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A time that is kept for whoever has the *secret*, until *held_until*. All times are UTC."""

    booking_id: int
    secret: str = field(repr=False)
    held_until: datetime
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """What became of an appointment in one host's calendar: *state* is `due`, `doing`, `done` or `failed`, *wanted*
    `put` or `delete`, *reason* why it is not done."""

    agent: str
    source: str
    wanted: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingView:
    """A booking and its appointment, with all that pages show. Times are UTC; *zone* and *language* are the invitee's.

    *state* is the booking's own: of an appointment with several seats one may be cancelled while others are not.
    *attendance* is what the invitee answered in her own calendar ("" nothing yet). *conflict*: something else came
    into a host's calendar at the same time. *overlaps*: it was moved in a calendar onto another booking. *why* says how
    the hosts were chosen. *guests* are further mail addresses.
    """

    id: int
    appointment_id: int
    uid: str
    event_type: str
    title: str
    place: str
    state: State
    starts_at: datetime
    ends_at: datetime
    planned_in: str
    hosts: tuple[str, ...]
    organizer: str
    why: tuple[Why, ...]
    sequence: int
    notifier: str
    overlaps: bool
    conflict: bool
    seat: int
    seats_taken: int
    name: str
    mail: str
    phone: str
    zone: str
    language: str
    answers: Mapping[str, object]
    guests: tuple[str, ...]
    contact_id: int | None
    link_id: int | None
    held_until: datetime | None
    ended_by: str
    reason: str
    no_show: bool
    attendance: str
    interaction_id: int | None
    calendars: tuple[Written, ...]
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Booked:
    """What came of a confirmation. *state* is `confirmed`, or `asked` where a host has to agree first."""

    booking: BookingView
    state: State

    @property
    def appointment(self) -> int:
        """The appointment's id."""
        return self.booking.appointment_id
