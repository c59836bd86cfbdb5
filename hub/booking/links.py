"""One-time links: with one of them one person may book once, and the booking is known to be hers.

A link is 32 random bytes; stored is only its fingerprint. It is used up in the transaction that makes the booking.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.accounts import fingerprint
from hub.booking.catalogue import Catalogue
from hub.booking.states import Code, Refused
from hub.crm.records import Unknown
from hub.privacy.visibility import Actor
from hub.store import Store
from hub.store.schema import booking_links, contacts

LONGEST_DAYS = 365
DAYS = 14
_BYTES = 32
_LONGEST = 100
"""Characters of a secret that are looked at: ours have 43."""


class Why(StrEnum):
    """Why a link is not good."""

    UNKNOWN = "unknown"
    """Nobody made it: it was forged, or its contact was erased."""
    USED = "used"
    EXPIRED = "expired"
    ELSEWHERE = "elsewhere"
    """It was made for another event type."""


_TEXTS = {
    Why.UNKNOWN: "This link is not known here. Please ask for a new one.",
    Why.USED: "This link was good for one booking, which has been made. Please ask for a new one.",
    Why.EXPIRED: "The time of this link is over. Please ask for a new one.",
    Why.ELSEWHERE: "This link was made for something else. Please ask for a new one.",
}


class NotGood(Refused):
    """A link with which nobody may book: *why* says what is wrong with it."""

    def __init__(self, why: Why) -> None:
        super().__init__(Code.LINK, _TEXTS[why])
        self.why = why


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is good, until *expires_at* (UTC): for which event type, and for which contact, None for whoever has
    it."""

    id: int
    event_type: str
    contact_id: int | None
    expires_at: datetime


class Links:
    """The one-time links of a hub at *public_url*."""

    def __init__(self, store: Store, catalogue: Catalogue, public_url: str) -> None:
        self._store = store
        self._catalogue = catalogue
        self._public_url = public_url

    async def make(self, event_type: str, contact_id: int | None, days: int, actor: Actor) -> str:
        """The address of a new link for *event_type*, good for *days* (1 to 365). It is shown once: nobody can find it
        again. Raises `Refused` for an unknown event type or so many days, `Unknown` where there is no such contact."""
        if await self._catalogue.get(event_type) is None:
            raise Refused(Code.UNKNOWN_TYPE, f'There is no event type "{event_type[:64]}".')
        if not 1 <= days <= LONGEST_DAYS:
            raise Refused(Code.TOO_FAR, f"A link is good for 1 to {LONGEST_DAYS} days.", {"days": str(days)})
        secret, link_id, entry, now = secrets.token_urlsafe(_BYTES), self._store.ids(), self._store.ids(), _now()

        def work(conn: Connection) -> None:
            if contact_id is not None:
                known = sa.select(sa.literal(1)).where(contacts.c.id == contact_id)
                if conn.execute(known).first() is None:
                    raise Unknown(f"contact/{contact_id}")
            conn.execute(
                booking_links.insert().values(
                    id=link_id,
                    hash=fingerprint(secret),
                    event_type=event_type,
                    contact_id=contact_id,
                    expires_at=now + timedelta(days=days),
                    actor=actor.record,
                    created_at=now,
                )
            )
            audit.note(conn, entry, actor, "booking-link.make", f"booking-link/{link_id}", now)

        await self._store.write(work)
        return f"{self._public_url}/link/{secret}"

    async def find(self, secret: str) -> Link:
        """The link with that secret. Raises `NotGood`."""
        return await self._store.read(lambda conn: read(conn, secret))


def read(conn: Connection, secret: str, event_type: str = "", now: datetime | None = None) -> Link:
    """The link with that secret, for *event_type* where one is named. Raises `NotGood`."""
    query = sa.select(booking_links).where(booking_links.c.hash == fingerprint(secret))
    row = conn.execute(query).one_or_none() if len(secret) <= _LONGEST else None
    if row is None:
        raise NotGood(Why.UNKNOWN)
    if row.used_at is not None:
        raise NotGood(Why.USED)
    if row.expires_at <= (now or _now()):
        raise NotGood(Why.EXPIRED)
    if event_type not in ("", row.event_type):
        raise NotGood(Why.ELSEWHERE)
    return Link(row.id, row.event_type, row.contact_id, row.expires_at)


def use(conn: Connection, link_id: int, now: datetime) -> None:
    """It is used up, in the transaction that makes the booking. Two who hold a time with one link at the same moment
    are one who books, and one who does not. Raises `NotGood`."""
    unused = sa.and_(booking_links.c.id == link_id, booking_links.c.used_at.is_(None))
    if not conn.execute(booking_links.update().where(unused).values(used_at=now)).rowcount:
        raise NotGood(Why.USED)


def _now() -> datetime:
    return datetime.now(UTC)
