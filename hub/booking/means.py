"""What booking works with, put together once; and the secrets that make a booking its invitee's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from hub.booking.catalogue import Catalogue
from hub.booking.choosing import Choice, Slot
from hub.booking.following import Following
from hub.config import Config
from hub.contracts import Calendar
from hub.formats.signing import hmac_base64
from hub.ingest import Ingest
from hub.live import Live
from hub.store import Store


class Slots(Protocol):
    """Knows what is offered, by the rules and the calendars as the hub has them: see `hub.booking.slots`."""

    async def at(
        self, slug: str, duration: int, starts_at: datetime, *, without: int | None = None, host: str = ""
    ) -> Slot | None:
        """The time that begins at this moment; None where it is not offered. *without*: as if that appointment were not
        there."""

    async def nearest(
        self, slug: str, duration: int, moment: datetime, count: int = 3, *, without: int | None = None, host: str = ""
    ) -> Sequence[Slot]:
        """The times nearest to *moment*."""

    async def choose(self, slug: str, slot: Slot, *, contact_id: int | None = None, mail: str = "") -> Choice:
        """Who takes *slot*; the contact is known by her id or her *mail* (a handle)."""


class CalendarState(Protocol):
    """How fresh one calendar of an agent is."""

    @property
    def source(self) -> str: ...
    @property
    def stale(self) -> bool: ...
    @property
    def why(self) -> str: ...


class AgentBusy(Protocol):
    """When an agent is busy by her calendars as the hub has them, in seconds since 1970."""

    @property
    def spans(self) -> Sequence[tuple[int, int]]: ...
    @property
    def version(self) -> int: ...
    @property
    def calendars(self) -> Sequence[CalendarState]: ...


class Calendars(Protocol):
    """What lies in the calendars (`hub.calendars`)."""

    async def busy(self, agents: Sequence[str], since: datetime, until: datetime) -> Mapping[str, AgentBusy]:
        """When each of *agents* is busy in [*since*, *until*)."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets of bookings: 32 bytes that nobody can guess who has not the store's *key*, which all hubs on the store
    share. The hub can tell each one again, for a link in a later mail; stored with the booking is only its
    fingerprint (`hub.accounts.fingerprint`)."""

    key: str = field(repr=False)

    def of(self, booking_id: int) -> str:
        """The secret of that booking, in URL-safe characters."""
        made = hmac_base64(self.key, b"booking:%d" % booking_id)
        return made.replace("+", "-").replace("/", "_").rstrip("=")


@dataclass(frozen=True, slots=True)
class Means:
    """What every part of booking works with. *ways* are the calendar plug-ins by source."""

    config: Config
    store: Store
    ingest: Ingest
    live: Live
    catalogue: Catalogue
    slots: Slots
    calendars: Calendars | None
    ways: Mapping[str, Calendar]
    secrets: Secrets
    following: Following

    def uid(self, appointment_id: int) -> str:
        """The UID under which the hub writes an appointment."""
        return f"{appointment_id}@{urlsplit(self.config.public_url).hostname or 'hub.invalid'}"

    def link(self, booking_id: int) -> str:
        """The page where its invitee sees and changes a booking."""
        return f"{self.config.public_url}/booking/{self.secrets.of(booking_id)}"

    def mail(self, agent: str) -> str:
        """The handle under which an agent invites: her first mail address, else the first of a calendar of hers or of
        the mailbox that tells the invitees; "" where there is none."""
        known = self.config.agents.get(agent)
        told_from = self.config.booking.mails_from
        candidates = [
            *(known.handles if known else ()),
            *(h for s in self.sources_of(agent) for h in self.config.sources[s].ours),
            *(self.config.sources[told_from].ours if told_from in self.config.sources else ()),
        ]
        return next((handle for handle in candidates if handle.startswith("mailto:")), "")

    def name(self, agent: str) -> str:
        """How people call an agent."""
        known = self.config.agents.get(agent)
        return known.name if known else agent

    def sources_of(self, agent: str) -> tuple[str, ...]:
        """The sources whose calendars take that agent's time."""
        return tuple(name for name, source in self.config.sources.items() if agent in source.agents)

    def written_to(self, agent: str) -> str:
        """The source into whose calendar her appointments are written, "" where there is none."""
        return next((name for name in self.sources_of(agent) if name in self.ways and self.ways[name].ready), "")
