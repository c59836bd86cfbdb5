"""The tables of the config file that are about calendars and booking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hub import config_values as values
from hub.booking.types import EventType, Form
from hub.config_reader import Reader
from hub.vocabulary import Agent


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


def read_booking(reader: Reader, agents: Mapping[str, Agent]) -> BookingConfig:
    """How appointments are booked, the event types, and the forms that lead to them."""
    table = reader.checked("booking", BookingTable, reader.section("booking")) or BookingTable()
    reader.named("booking.mails_from", table.mails_from, "sources")
    reader.named("booking.texts_from", table.texts_from, "sources")
    types, forms = {}, {}
    for slug, written in reader.tables("event_types"):
        path = f"event_types.{values.quoted(slug)}"
        if (read := reader.checked(path, EventType, written)) is None:
            continue
        for place, agent in enumerate(read.hosts):
            reader.agent(f"{path}.hosts[{place}]", agent, agents)
        reader.named(f"{path}.hours", read.hours, "hours")
        reader.named(f"{path}.team", read.team, "teams")
        types[slug] = read
    for slug, written in reader.tables("booking_forms"):
        path = f"booking_forms.{values.quoted(slug)}"
        if (form := reader.checked(path, Form, written)) is None:
            continue
        for place, route in enumerate(form.routes):
            where = f"{path}.routes[{place}]"
            if route.host:
                reader.agent(f"{where}.host", route.host, agents)
        forms[slug] = form
    return BookingConfig(
        mails_from=table.mails_from,
        texts_from=table.texts_from,
        company=table.company,
        stale_minutes=table.stale_minutes,
        hold_minutes=table.hold_minutes,
        new_contacts=table.new_contacts,
        origins=reader.all("booking.origins", table.origins, values.origin),
        refused_domains=tuple(domain.lower() for domain in table.refused_domains),
        types=MappingProxyType(types),
        forms=MappingProxyType(forms),
    )
