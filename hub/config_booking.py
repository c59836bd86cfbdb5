"""The tables of the config file that are about calendars and booking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.booking.types import EventType, Form


class BookingTable(BaseModel):
    """`[booking]`: how appointments are booked."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    mails_from: str = ""
    texts_from: str = ""
    company: str = ""
    stale_minutes: int = Field(15, ge=1, le=24 * 60)
    hold_minutes: int = Field(10, ge=2, le=60)
    new_contacts: Literal["create", "match"] = "create"
    origins: list[str] = []
    refused_domains: list[str] = []


@dataclass(frozen=True, slots=True)
class BookingConfig:
    """How appointments are booked. *mails_from* and *texts_from* name the sources that tell the invitees ("": the first
    that can send, and no texts). *company* stands on the pages. A calendar of which we knew all longer than
    *stale_minutes* ago offers no time. A slot is held for *hold_minutes* while its form is filled in. *new_contacts*:
    whether an invitee whom nobody knows becomes a contact. *origins* are the web sites that may show the pages within
    theirs, *refused_domains* mail domains (beside the well-known throw-away ones) from which nobody books.

    *types* are the event types of the file by slug, *forms* the questions that lead to them.
    """

    mails_from: str = ""
    texts_from: str = ""
    company: str = ""
    stale_minutes: int = 15
    hold_minutes: int = 10
    new_contacts: Literal["create", "match"] = "create"
    origins: tuple[str, ...] = ()
    refused_domains: tuple[str, ...] = ()
    types: Mapping[str, EventType] = field(default_factory=dict)
    forms: Mapping[str, Form] = field(default_factory=dict)
