"""The subscribers and their secrets.

A secret is encrypted with the keys of `[hub] key` where there are any. Elsewhere none is stored: it is derived from the
store's own key, so that whoever has only a copy of this table has no secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.formats.signing import hmac_hex
from hub.formats.standard_webhooks import secret
from hub.grants.keys import Keys
from hub.store.way_tables import subscriber_events, subscribers

OVERLAP = timedelta(hours=24)
"""How long the secret before the latest one still signs, too."""

EVENTS = ("alert.opened", "alert.acknowledged", "alert.ended")
"""What one can subscribe to."""

QUEUED, SENT, FAILED, CANCELLED = "queued", "sent", "failed", "cancelled"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where webhooks go (*url*), and which of `EVENTS`. *failing_since* is when it last began to take none. A
    subscriber that is not *enabled* is sent nothing; *reason* says why it was switched off, "" where a person did."""

    id: int
    url: str = field(repr=False)
    label: str
    events: tuple[str, ...]
    enabled: bool
    generation: int
    rolled_at: datetime | None
    failing_since: datetime | None
    reason: str
    version: int
    created_at: datetime
    sealed: str = field(repr=False)
    sealed_before: str = field(repr=False)


class Sealing:
    """Keeps the secrets: with *keys* (`[hub] key`), else derived from *store_key*."""

    def __init__(self, keys: Sequence[bytes], store_key: str) -> None:
        self._keys = Keys(keys, None) if keys else None
        self._store_key = store_key

    def new(self, subscriber_id: int, generation: int) -> tuple[str, str]:
        """A new secret, and what is stored of it."""
        if self._keys is None:
            return self._derived(subscriber_id, generation), ""
        made = secret()
        return made, self._keys.sealed(made)

    def of(self, subscriber: Subscriber, now: datetime) -> list[str]:
        """The secrets that sign at *now*, the latest first. Raises `WrongKey`."""
        found = [self._read(subscriber.sealed, subscriber.id, subscriber.generation)]
        if subscriber.rolled_at is not None and now < subscriber.rolled_at + OVERLAP:
            found.append(self._read(subscriber.sealed_before, subscriber.id, subscriber.generation - 1))
        return found

    def _read(self, sealed: str, subscriber_id: int, generation: int) -> str:
        if not sealed:
            return self._derived(subscriber_id, generation)
        return (self._keys or Keys((), None)).unsealed(sealed)

    def _derived(self, subscriber_id: int, generation: int) -> str:
        return secret(bytes.fromhex(hmac_hex(self._store_key, b"subscriber:%d:%d" % (subscriber_id, generation))))


def listed(conn: Connection) -> list[Subscriber]:
    """All, in the order in which they were made."""
    return [_read(row) for row in conn.execute(sa.select(subscribers).order_by(subscribers.c.id))]


def by_id(conn: Connection, subscriber_id: int, *, lock: bool = False) -> Subscriber | None:
    """One. *lock*: nobody else changes it in this transaction."""
    query = sa.select(subscribers).where(subscribers.c.id == subscriber_id)
    row = conn.execute(query.with_for_update() if lock else query).first()
    return None if row is None else _read(row)


def add(
    conn: Connection, subscriber_id: int, url: str, label: str, events: Sequence[str], sealed: str, now: datetime
) -> None:
    """A new one, switched on."""
    conn.execute(
        subscribers.insert().values(
            id=subscriber_id,
            url=url,
            label=label,
            events=list(events),
            secret=sealed,
            since=now,
            created_at=now,
        )
    )


def change(conn: Connection, subscriber_id: int, version: int | None, **values: Any) -> bool:
    """Change what *values* say. False where it is not at *version* any more."""
    where = [subscribers.c.id == subscriber_id]
    if version is not None:
        where.append(subscribers.c.version == version)
    if values.get("enabled"):
        values |= {"reason": "", "failing_since": None, "since": datetime.now(UTC)}
    done = conn.execute(subscribers.update().where(*where).values(version=subscribers.c.version + 1, **values))
    if done.rowcount and values.get("enabled") is False:
        cancel(conn, subscriber_id)
    return bool(done.rowcount)


def cancel(conn: Connection, subscriber_id: int) -> None:
    """What waits is not sent any more."""
    waiting = subscriber_events.c.subscriber_id == subscriber_id, subscriber_events.c.state == QUEUED
    conn.execute(subscriber_events.update().where(*waiting).values(state=CANCELLED, claimed_until=None))


def roll(conn: Connection, subscriber: Subscriber, sealed: str, now: datetime) -> None:
    """The next secret; the one before signs, too, for `OVERLAP`."""
    conn.execute(
        subscribers.update()
        .where(subscribers.c.id == subscriber.id)
        .values(
            secret=sealed, old_secret=subscriber.sealed, generation=subscriber.generation + 1, rolled_at=now,
            version=subscribers.c.version + 1,
        )
    )  # fmt: skip


def remove(conn: Connection, subscriber_id: int) -> bool:
    """Forget it and all that was sent to it. False where there is none."""
    return bool(conn.execute(subscribers.delete().where(subscribers.c.id == subscriber_id)).rowcount)


def _read(row: sa.Row[*tuple[Any, ...]]) -> Subscriber:
    return Subscriber(
        id=row.id,
        url=row.url,
        label=row.label,
        events=tuple(row.events),
        enabled=row.enabled,
        generation=row.generation,
        rolled_at=row.rolled_at,
        failing_since=row.failing_since,
        reason=row.reason,
        version=row.version,
        created_at=row.created_at,
        sealed=row.secret,
        sealed_before=row.old_secret,
    )
