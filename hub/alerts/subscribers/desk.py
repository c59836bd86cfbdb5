"""Subscribers as people and programs work with them: made, changed, tried, and what was sent to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.alerts.book import Rulebook
from hub.alerts.facts import Fact, FactKind
from hub.alerts.raising import raised
from hub.alerts.subscribers import claims, rows
from hub.alerts.subscribers.claims import Attempt, Due
from hub.alerts.subscribers.couriers import Couriers, WebhooksPace
from hub.alerts.subscribers.rows import EVENTS, Sealing, Subscriber
from hub.contracts import Unsupported
from hub.courier import Status
from hub.http import Guarded
from hub.http.addresses import checked, place
from hub.live import Live, LiveEvent
from hub.privacy.visibility import Actor
from hub.store import Store
from hub.store.way_tables import subscriber_attempts, subscriber_events

TEST = "test"
"""The type of a webhook that only tries whether it works."""

MOST = 100
"""So many subscribers there may be."""


class Refused(Exception):
    """What was asked for cannot be: *field* is wrong. The text says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class Changed(Exception):
    """Somebody else has changed it meanwhile."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One attempt: of which webhook (*event*, its webhook-id), and what became of it. *state* is how the webhook itself
    does."""

    id: int
    event: str
    type: str
    alert_id: int | None
    at: datetime
    status: int
    milliseconds: int
    answer: str = field(repr=False)
    reason: str
    state: str


class Subscribers:
    """`async with Subscribers(...)` sends what is due until the end of the block; all else works at once. *allow* are
    the places of our own network that may subscribe; by the rules of *book* somebody is told where the hub itself
    switched one off."""

    def __init__(
        self,
        store: Store,
        live: Live,
        sealing: Sealing,
        public_url: str,
        allow: frozenset[str],
        book: Rulebook,
        *,
        pace: WebhooksPace | None = None,
    ) -> None:
        self._store = store
        self._live = live
        self._book = book
        self._sealing = sealing
        self._allow = allow
        self._web = Guarded(allow)
        self._couriers = Couriers(store, live, self._web, sealing, public_url, self._off, pace=pace)

    async def __aenter__(self) -> Self:
        await self._couriers.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._couriers.__aexit__(*error)
        await self.close()

    async def close(self) -> None:
        """Close what a trial opened."""
        await self._web.close()

    def look(self) -> None:
        """Something is due now."""
        self._couriers.look()

    def statuses(self) -> dict[int, Status]:
        """How each subscriber does to whom this hub has sent something."""
        return self._couriers.statuses()

    async def listed(self) -> list[Subscriber]:
        """All of them."""
        return await self._store.read(rows.listed)

    async def one(self, subscriber_id: int) -> Subscriber | None:
        """One of them."""
        return await self._store.read(lambda conn: rows.by_id(conn, subscriber_id))

    async def add(self, actor: Actor, url: str, label: str, events: Sequence[str]) -> tuple[int, str]:
        """A new one. Answers its id and its secret, which is not shown again. Raises `Refused`."""
        self._check(url, events)
        subscriber_id, now = self._store.ids(), datetime.now(UTC)
        secret, sealed = self._sealing.new(subscriber_id, 1)
        entry = self._store.ids()

        def work(conn: Connection) -> None:
            if len(rows.listed(conn)) >= MOST:
                raise Refused("url", f"There are {MOST} subscribers already.")
            rows.add(conn, subscriber_id, url, label, events, sealed, now)
            audit.note(conn, entry, actor, "subscriber.create", f"subscriber/{subscriber_id}", now)

        await self._store.write(work)
        return subscriber_id, secret

    async def change(self, actor: Actor, subscriber_id: int, version: int | None, **values: Any) -> bool:
        """Change its url, label, events, or whether it is enabled. False where there is none. Raises `Refused` and
        `Changed`."""
        self._check(values.get("url"), values.get("events", EVENTS))
        entry, now = self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> list[LiveEvent] | None:
            before = rows.by_id(conn, subscriber_id, lock=True)
            if before is None:
                return None
            if not rows.change(conn, subscriber_id, version, **values):
                raise Changed
            audit.note(conn, entry, actor, "subscriber.change", f"subscriber/{subscriber_id}", now)
            seen_to = before.reason and "enabled" in values
            return raised(conn, [_fact(before, now, ended=True)], self._book, self._store.ids, now) if seen_to else []

        news = await self._store.write(work)
        self._live.publish(news or [])
        return news is not None

    async def remove(self, actor: Actor, subscriber_id: int) -> bool:
        """Forget it and what was sent to it. False where there is none."""
        entry, now = self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> bool:
            if not rows.remove(conn, subscriber_id):
                return False
            audit.note(conn, entry, actor, "subscriber.delete", f"subscriber/{subscriber_id}", now)
            return True

        return await self._store.write(work)

    async def roll(self, actor: Actor, subscriber_id: int) -> str | None:
        """A new secret, which is not shown again; for a day the old one signs, too. None where there is none."""
        entry, now = self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> str | None:
            found = rows.by_id(conn, subscriber_id, lock=True)
            if found is None:
                return None
            secret, sealed = self._sealing.new(subscriber_id, found.generation + 1)
            rows.roll(conn, found, sealed, now)
            audit.note(conn, entry, actor, "subscriber.roll", f"subscriber/{subscriber_id}", now)
            return secret

        return await self._store.write(work)

    async def tried(self, subscriber_id: int) -> Attempt | None:
        """Send a webhook of type `test` now, once, whether or not it is enabled. None where there is none. Raises
        `WrongKey`."""
        found = await self.one(subscriber_id)
        if found is None:
            return None
        event_id, now = self._store.ids(), datetime.now(UTC)
        due = Due(event_id, subscriber_id, TEST, {"subscriber": str(subscriber_id)}, now, 0, None)
        ended = await self._couriers.attempted(due, found)
        attempt_id = self._store.ids()

        def work(conn: Connection) -> None:
            if rows.by_id(conn, subscriber_id, lock=True) is None:
                return
            conn.execute(
                subscriber_events.insert().values(
                    id=event_id, subscriber_id=subscriber_id, type=TEST, data=due.data, at=now, due_at=now, attempts=1,
                    state=rows.FAILED if ended.reason else rows.SENT,
                )
            )  # fmt: skip
            claims.logged(conn, attempt_id, ended)

        await self._store.write(work)
        return ended

    async def attempts(self, subscriber_id: int, beyond: int | None, limit: int) -> list[Logged]:
        """What was sent to it, the latest first, those before the attempt *beyond*."""
        tried, events = subscriber_attempts.c, subscriber_events.c
        query = (
            sa.select(subscriber_attempts, events.type, events.alert_id, events.state)
            .join(subscriber_events, events.id == tried.event_id)
            .where(tried.subscriber_id == subscriber_id)
            .order_by(tried.id.desc())
            .limit(limit)
        )
        if beyond is not None:
            query = query.where(tried.id < beyond)
        found = await self._store.read(lambda conn: conn.execute(query).all())
        return [
            Logged(
                row.id, f"msg_{row.event_id}", row.type, row.alert_id, row.at, row.status, row.milliseconds, row.answer,
                row.reason, row.state,
            )
            for row in found
        ]  # fmt: skip

    async def repeat(self, actor: Actor, subscriber_id: int, attempt_id: int) -> bool:
        """Send again what that attempt was about, as the same webhook. False where there is none, or it is under
        way."""
        entry, now = self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> bool:
            if not claims.again(conn, subscriber_id, attempt_id, now):
                return False
            audit.note(conn, entry, actor, "subscriber.repeat", f"subscriber/{subscriber_id}", now)
            return True

        done = await self._store.write(work)
        self.look()
        return done

    def _off(self, conn: Connection, ids: Sequence[int]) -> list[LiveEvent]:
        now = datetime.now(UTC)
        found = [each for number in ids if (each := rows.by_id(conn, number)) is not None]
        return raised(conn, [_fact(each, now) for each in found], self._book, self._store.ids, now)

    def _check(self, url: str | None, events: Sequence[str]) -> None:
        unknown = [each for each in events if each not in EVENTS]
        if unknown or not events:
            raise Refused("events", f"One can subscribe to {', '.join(EVENTS)}.")
        if url is None:
            return
        try:
            at = checked(url, allow=self._allow)
        except Unsupported as verdict:
            raise Refused("url", f"{verdict}.") from verdict
        if at.scheme != "https" and place(at) not in self._allow:
            raise Refused("url", "Write an https address: what is sent there is nobody else's business.")


def _fact(subscriber: Subscriber, now: datetime, *, ended: bool = False) -> Fact:
    """A subscriber that takes nothing is behind, as a source may be."""
    return Fact(
        kind=FactKind.SOURCE_LAG,
        key=f"subscriber/{subscriber.id}",
        at=now,
        source=subscriber.label or urlsplit(subscriber.url).hostname or "",
        values={"subscriber": str(subscriber.id)},
        ended=ended,
    )
