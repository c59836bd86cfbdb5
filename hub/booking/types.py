"""What can be booked: event types and the questions that lead to them, as config file, page and API write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.hours import Span, read_spans

MOST_HOSTS = 100
Minutes = Annotated[int, Field(ge=0, le=60 * 24 * 31)]
Ident = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Assign(StrEnum):
    """Who of an event type's hosts takes a booking: the only one; one in turn; all of them; *fixed* and one in turn."""

    ONE = "one"
    ROUND_ROBIN = "round-robin"
    COLLECTIVE = "collective"
    FIXED_AND_ROTATING = "fixed-and-rotating"


class Question(_Table):
    """Something the invitee is asked. *options* are the answers of `choice` (one) and `choices` (any)."""

    id: Ident
    label: str = Field(min_length=1, max_length=200)
    type: Literal["text", "long", "choice", "choices", "yes-no", "number", "date", "phone", "mail"] = "text"
    required: bool = False
    options: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()

    @model_validator(mode="after")
    def _has_options(self) -> Self:
        if self.type in ("choice", "choices") and len(self.options) < 2:
            raise ValueError(f'the question "{self.id}" offers nothing to choose from: give it two options at least')
        return self


class Place(_Table):
    """Where it takes place. `address` and `you-call`: *value* is the address, or our number. `we-call`: the invitee
    is asked for hers. `video`: *value* is the link, in which `{uid}` stands for a word nobody can guess. `ask`: the
    invitee says where."""

    kind: Literal["address", "we-call", "you-call", "video", "ask"] = "we-call"
    value: str = Field("", max_length=500)

    @model_validator(mode="after")
    def _has_value(self) -> Self:
        if self.kind in ("address", "you-call", "video") and not self.value:
            raise ValueError(f'a place of kind "{self.kind}" needs a value')
        return self


class Reminder(_Table):
    """Tell the invitee so many *minutes* before it begins."""

    minutes: Annotated[int, Field(ge=5, le=60 * 24 * 14)]
    way: Literal["mail", "sms"] = "mail"


class EventType(_Table):
    """`[event_types.<slug>]`: one sort of meeting that can be booked at `/book/<slug>`. All lengths are minutes.

    *durations*: the invitee chooses where there are several. *hosts* are agents' ids, *weights* how much more often
    than others one takes her turn. *hours* names an `[hours.*]` table, "" is each host's own; *special* and *holidays*
    add days to it. *step* is the distance between two times offered, 0 is the duration. *most_per_day* and
    *most_per_week* count per host, 0 is no limit. *owner_first*: whoever owns the contact takes it, where she is a host
    and free. *team* puts it on that team's page, and *listed* tells whether pages list it at all. *follow_up* is
    sent so long after its end, 0 is never.
    """

    title: str = Field(min_length=1, max_length=200)
    description: str = Field("", max_length=4000)
    durations: tuple[Annotated[int, Field(ge=5, le=720)], ...] = Field((30,), min_length=1, max_length=8)
    hosts: tuple[str, ...] = Field(min_length=1, max_length=MOST_HOSTS)
    assign: Assign = Assign.ONE
    fixed: tuple[str, ...] = ()
    weights: Mapping[str, Annotated[int, Field(ge=1, le=100)]] = Field(default_factory=dict)
    owner_first: bool = True
    hours: str = ""
    special: Mapping[date, str] = Field(default_factory=dict)
    holidays: tuple[date, ...] = ()
    step: Minutes = 0
    buffer_before: Minutes = 0
    buffer_after: Minutes = 0
    notice: Minutes = 240
    window_days: int = Field(60, ge=1, le=365)
    most_per_day: int = Field(0, ge=0, le=100)
    most_per_week: int = Field(0, ge=0, le=500)
    seats: int = Field(1, ge=1, le=500)
    questions: tuple[Question, ...] = Field((), max_length=20)
    approval: bool = False
    payment_url: str = Field("", max_length=500)
    place: Place = Place()
    languages: tuple[str, ...] = ()
    reminders: tuple[Reminder, ...] = Field((Reminder(minutes=24 * 60),), max_length=5)
    follow_up: Minutes = 0
    team: str = ""
    listed: bool = True

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.assign is Assign.ONE and len(self.hosts) != 1:
            raise ValueError('with assign = "one" there is one host. For several write "round-robin" or "collective"')
        if (self.assign is Assign.FIXED_AND_ROTATING) != bool(self.fixed):
            raise ValueError('"fixed" names the hosts that always take part with assign = "fixed-and-rotating"')
        for name, some in (("fixed", self.fixed), ("weights", tuple(self.weights))):
            if strange := set(some) - set(self.hosts):
                raise ValueError(f'"{name}" names {", ".join(sorted(strange))}, who is not among the hosts')
        if len(set(self.hosts)) != len(self.hosts):
            raise ValueError("a host is named twice")
        if len({question.id for question in self.questions}) != len(self.questions):
            raise ValueError("two questions have the same id")
        if self.payment_url and not self.payment_url.startswith("https://"):
            raise ValueError("payment_url begins with https://")
        for spans in self.special.values():
            read_spans(spans)
        return self

    def special_spans(self) -> dict[date, tuple[Span, ...]]:
        """*special*, read."""
        return {day: read_spans(spans) for day, spans in self.special.items()}


class Route(_Table):
    """Answers that lead somewhere: all of *when* (question's id → the answers that count) to *event_type*, and there to
    *host* where one is named."""

    when: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    event_type: Ident
    host: str = ""


class Form(_Table):
    """`[booking_forms.<slug>]`: questions at `/book/for/<slug>` that choose the event type and host. The first route
    that fits counts; where none does, *otherwise* is said."""

    title: str = Field(min_length=1, max_length=200)
    description: str = Field("", max_length=4000)
    questions: tuple[Question, ...] = Field(min_length=1, max_length=20)
    routes: tuple[Route, ...] = Field(min_length=1, max_length=100)
    otherwise: str = Field("", max_length=1000)

    @model_validator(mode="after")
    def _asks(self) -> Self:
        known = {question.id: question for question in self.questions}
        for route in self.routes:
            for id, answers in route.when.items():
                if id not in known:
                    raise ValueError(f'a route asks for "{id}", which is no question of this form')
                if known[id].options and (strange := set(answers) - set(known[id].options)):
                    raise ValueError(f'no option of "{id}" is {", ".join(sorted(strange))}')
        return self
