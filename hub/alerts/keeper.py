"""Looks at the clock: what is due to be told, what time has made true, and what is of no use any more.

Each step says what it takes in the statement that takes it, so that of several hubs on one store one does it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts import reminders, scans, telling
from hub.alerts.book import Rulebook
from hub.alerts.facts import Fact, FactKind
from hub.alerts.raising import MORE, Wanted, opened, raised
from hub.alerts.rules import Rule
from hub.alerts.timing import Preferences
from hub.availability.rows import now_read
from hub.availability.states import stands_in
from hub.contracts import Unavailable
from hub.live import Live, LiveEvent
from hub.store import Lane, Store
from hub.store.alert_tables import alert_tellings, alerts

log = logging.getLogger(__name__)

LOOK_SECONDS = 20.0
SELDOM = timedelta(hours=1)
MORE_QUIET = timedelta(hours=1)
"""When a flood has added nothing for so long, the alert that counts it is over."""
_AT_ONCE = 500


class Keeper:
    """`async with Keeper(...)` looks every few seconds until the end of the block."""

    def __init__(self, store: Store, live: Live, book: Rulebook, look: float = LOOK_SECONDS) -> None:
        self._store = store
        self._live = live
        self._book = book
        self._look = look
        self._seldom_at: datetime | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="alerts")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def look(self, now: datetime) -> None:
        """One look at *now* (UTC)."""
        await self._store.read(self._book.refresh)
        await self._step(_any_expired, self._expire, now)
        await self._step(_any_woken, self._wake, now)
        await self._step(_any_late, self._escalate, now)
        await self._step(_any_held, self._release, now)
        await self._step(reminders.any_due, self._remind, now)
        await self._scan(now)

    async def _step(
        self,
        is_due: Callable[[Connection, datetime], bool],
        work: Callable[[Connection, datetime], list[LiveEvent]],
        now: datetime,
    ) -> None:
        if await self._store.read(lambda conn: is_due(conn, now)):
            self._live.publish(await self._store.write(lambda conn: work(conn, now), Lane.BULK))

    def _expire(self, conn: Connection, now: datetime) -> list[LiveEvent]:
        ids = conn.scalars(sa.select(alerts.c.id).where(_expired(now)).limit(_AT_ONCE)).all()
        return telling.over(conn, ids, "expired", self._book, self._store.ids, now)

    def _wake(self, conn: Connection, now: datetime) -> list[LiveEvent]:
        a = alerts.c
        some = sa.select(a.id).where(_woken(now)).limit(_AT_ONCE)
        again = alerts.update().where(a.id.in_(some), _woken(now))
        rows = conn.execute(again.values(state="open", snoozed_until=None, updated_at=now).returning(alerts)).all()
        self._tell(conn, rows, now)
        return [_news(row) for row in rows]

    def _escalate(self, conn: Connection, now: datetime) -> list[LiveEvent]:
        """Tell somebody else of what nobody has seen to in time."""
        a = alerts.c
        some = sa.select(a.id).where(_late(now)).limit(_AT_ONCE)
        taken = alerts.update().where(a.id.in_(some), _late(now)).values(escalate_at=None, escalated_at=now)
        rows = conn.execute(taken.returning(alerts)).all()
        standings = now_read(conn, self._book.rota, now)
        wanted, names = [], {}
        for row in rows:
            rule = self._book.named(row.rule)
            agent = self._book.rota.agents.get(row.agent)
            other = (rule.table.escalate_to if rule else "") or (agent.stand_in if agent else "")
            other = (stands_in(other, standings) if other else "") or other
            if rule is None or not other or other == row.agent:
                continue
            wanted.append(
                Wanted(rule, other, _fact(row), row.key, row.kind, row._mapping["count"], escalated_from=row.agent)
            )
            names[row.id] = other
        for number, other in names.items():
            conn.execute(alerts.update().where(a.id == number).values(escalated_to=other, updated_at=now))
        return opened(conn, wanted, self._book, self._store.ids, now, again=False)

    def _release(self, conn: Connection, now: datetime) -> list[LiveEvent]:
        """Tell what was held: one by itself, several of one way as one digest."""
        t = alert_tellings.c
        rows = conn.execute(sa.select(alert_tellings).where(_held(now)).order_by(t.id).with_for_update()).all()
        groups: dict[tuple[Any, ...], list[sa.Row[Any]]] = defaultdict(list)
        for row in rows:
            groups[row.agent, row.way, row.way_id].append(row)
        for (agent, way, way_id), some in groups.items():
            mine = alert_tellings.update().where(t.id.in_([row.id for row in some]))
            if len(some) == 1:
                conn.execute(mine.values(state="queued", due_at=now))
                continue
            digest = self._store.ids()
            conn.execute(
                alert_tellings.insert().values(
                    id=digest, agent=agent, way=way, way_id=way_id, kind="digest", state="queued", due_at=now,
                    created_at=now,
                )
            )  # fmt: skip
            conn.execute(mine.values(state="cancelled", reason="digest", digest_id=digest))
        return []

    def _remind(self, conn: Connection, now: datetime) -> list[LiveEvent]:
        return raised(conn, reminders.due(conn, now), self._book, self._store.ids, now)

    def _move(self, conn: Connection, now: datetime) -> list[LiveEvent]:
        return raised(conn, scans.moved_deals(conn, now), self._book, self._store.ids, now)

    async def _scan(self, now: datetime) -> None:
        seldom = self._seldom_at is None or now - self._seldom_at >= SELDOM
        if seldom:
            self._seldom_at = now
        for kind, scan in {**scans.OFTEN, **(scans.SELDOM if seldom else {})}.items():
            for rule in self._book.rules:
                if kind in rule.kinds:
                    await self._scanned(kind, scan, rule, now)
        for rule in self._book.wants(FactKind.BOOKING):
            await self._raise(rule, await self._store.read(partial(scans.booked, rule=rule, now=now)), now)
        if self._book.wants(FactKind.DEAL_MOVED):
            await self._step(scans.any_moved, self._move, now)

    async def _scanned(self, kind: FactKind, scan: scans.Scan, rule: Rule, now: datetime) -> None:
        """Raise what holds by now of *rule*, and end what does not hold any more."""

        def found(conn: Connection) -> list[Fact]:
            over = scans.over(conn, kind, scan, self._book, rule, now)
            return over + (scan(conn, self._book, rule, now, None) if rule.table.enabled else [])

        await self._raise(rule, await self._store.read(found), now)

    async def _raise(self, rule: Rule, facts: Sequence[Fact], now: datetime) -> None:
        if not facts:
            return

        def work(conn: Connection) -> list[LiveEvent]:
            return raised(conn, facts, self._book, self._store.ids, now, only=rule, again=False)

        self._live.publish(await self._store.write(work, Lane.BULK))

    def _tell(self, conn: Connection, rows: Sequence[sa.Row[Any]], now: datetime) -> None:
        preferences = telling.preferences(conn, sorted({row.agent for row in rows}))
        new = []
        for row in rows:
            rule, hers = self._book.named(row.rule), preferences.get(row.agent, Preferences())
            if rule is not None and rule.table.enabled and rule.name not in hers.muted:
                new.append(telling.New(row.id, row.agent, rule, row.expires_at, hers))
        telling.tell(conn, new, self._book, self._store.ids, now)

    async def _run(self) -> None:
        while True:
            try:
                await self.look(datetime.now(UTC))
            except Unavailable as error:
                log.warning("alerts cannot be looked after: %s", error)
            except Exception:
                log.exception("alerts cannot be looked after")
            await asyncio.sleep(self._look)


def _expired(now: datetime) -> sa.ColumnElement[bool]:
    quiet = sa.and_(alerts.c.kind == MORE, alerts.c.updated_at < now - MORE_QUIET)
    return sa.and_(alerts.c.ended_at.is_(None), sa.or_(alerts.c.expires_at <= now, quiet))


def _woken(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(alerts.c.state == "snoozed", alerts.c.snoozed_until <= now)


def _late(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(alerts.c.escalate_at <= now, alerts.c.state == "open")


def _held(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(alert_tellings.c.state == "held", alert_tellings.c.due_at <= now)


def _any(conn: Connection, column: sa.ColumnElement[int], which: sa.ColumnElement[bool]) -> bool:
    return conn.execute(sa.select(column).where(which).limit(1)).first() is not None


def _any_expired(conn: Connection, now: datetime) -> bool:
    return _any(conn, alerts.c.id, _expired(now))


def _any_woken(conn: Connection, now: datetime) -> bool:
    return _any(conn, alerts.c.id, _woken(now))


def _any_late(conn: Connection, now: datetime) -> bool:
    return _any(conn, alerts.c.id, _late(now))


def _any_held(conn: Connection, now: datetime) -> bool:
    return _any(conn, alert_tellings.c.id, _held(now))


def _fact(row: sa.Row[Any]) -> Fact:
    """The fact of an alert, as far as it was kept."""
    names = ("company", "deal", "case", "conversation", "query", "task", "booking", "mention", "reminder")
    ids: dict[str, Any] = {f"{name}_id": int(row.about[name]) for name in names if name in row.about}
    return Fact(
        kind=FactKind(row.kind) if row.kind != MORE else FactKind.TEST,
        key=row.key,
        at=row.fact_at,
        interaction_id=row.interaction_id,
        contact_id=row.contact_id,
        source=row.about.get("source", ""),
        values=row.about.get("values", {}),
        expires_at=row.expires_at,
        **ids,
    )


def _news(row: sa.Row[Any]) -> LiveEvent:
    return LiveEvent("alert", {"id": str(row.id), "state": row.state, "severity": row.severity}, row.agent)
