"""What the store knows of each source: who listens to it, how far we are, how it does, and how fresh we are.

A *lease* says which hub listens. It ends by itself when its holder stops renewing it, and its *epoch* grows whenever
it is taken, so that what a former holder still has in its hands can be told from what is ours (`hub.record`).
Functions take a connection and run inside somebody's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub.store.schema import sources
from hub.vocabulary import Freshness

if TYPE_CHECKING:
    from hub.control import Progress
    from hub.service import Service


class State(StrEnum):
    """How a source does, in a word; its cause stands beside it."""

    NEW = "new"
    CONNECTING = "connecting"
    LISTENING = "listening"
    WAITING = "waiting"
    """It failed and will be tried again."""
    FAILED = "failed"
    """A bug stopped it. It will be tried again."""
    REJECTED = "rejected"
    """The provider says no. It is not tried again until somebody acts."""
    MISCONFIGURED = "misconfigured"
    """Our settings cannot be right. It is not tried again until somebody acts."""
    ELSEWHERE = "elsewhere"
    """Another hub listens. Each hub knows this for itself; the store has the listening hub's word."""
    OFF = "off"
    """The hub that listened was stopped."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to listen to a source. *cursor* is where to go on, *until* the end of the lease if nobody renews it."""

    source: str
    holder: str
    epoch: int
    cursor: str | None
    until: datetime


def clock(conn: Connection) -> datetime:
    """The time by which leases run: the database's own, so that the clocks of several hubs need not agree."""
    if conn.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = conn.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC)


def lease(conn: Connection, name: str, holder: str, seconds: float, now: datetime) -> Lease | None:
    """Take the lease of source *name* for *seconds*; None while another holder's lease runs.

    The same holder may take it again at any time. The epoch grows each time.
    """
    _make(conn, name)
    until = now + timedelta(seconds=seconds)
    free = sa.or_(sources.c.leased_until.is_(None), sources.c.leased_until < now, sources.c.holder == holder)
    row = conn.execute(
        sources.update()
        .where(sources.c.name == name, free)
        .values(holder=holder, leased_until=until, epoch=sources.c.epoch + 1)
        .returning(sources.c.epoch, sources.c.cursor)
    ).first()
    return None if row is None else Lease(name, holder, row.epoch, row.cursor, until)


def renew(conn: Connection, held: Lease, seconds: float, now: datetime) -> bool:
    """Hold a lease for *seconds* from now; False where another hub has taken it."""
    return bool(conn.execute(_ours(held).values(leased_until=now + timedelta(seconds=seconds))).rowcount)


def release(conn: Connection, held: Lease) -> None:
    """Give a lease back, so that another hub need not wait for its end."""
    conn.execute(_ours(held).values(holder="", leased_until=None))


def state(conn: Connection, name: str, state: State, cause: str = "", epoch: int | None = None) -> None:
    """Write down how a source does, and why. With an *epoch* only while nobody has taken the lease since."""
    _make(conn, name)
    statement = sources.update().where(sources.c.name == name)
    if epoch is not None:
        statement = statement.where(sources.c.epoch == epoch)
    conn.execute(statement.values(state=state.value, cause=cause))


def measured(conn: Connection, name: str, freshness: Freshness, now: datetime) -> None:
    """Write down how far behind the provider we are."""
    _make(conn, name)
    conn.execute(
        sources.update()
        .where(sources.c.name == name)
        .values(behind_messages=freshness.messages, behind_seconds=freshness.seconds, measured_at=now)
    )


def cursor(conn: Connection, name: str) -> str | None:
    """How far we are in source *name*; None before its first arrival."""
    return conn.execute(sa.select(sources.c.cursor).where(sources.c.name == name)).scalar()


def _ours(held: Lease) -> sa.Update:
    """The row of a lease, if it is still the same one."""
    return sources.update().where(
        sources.c.name == held.source, sources.c.epoch == held.epoch, sources.c.holder == held.holder
    )


def _make(conn: Connection, name: str) -> None:
    """A row for *name*, where there is none yet."""
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    conn.execute(insert(sources).values(name=name).on_conflict_do_nothing())


def listed(conn: Connection) -> list[dict[str, Any]]:
    """What the store knows of every source, as JSON can say it."""
    rows = conn.execute(sa.select(sources).order_by(sources.c.name))
    return [
        {str(name): value.isoformat() if isinstance(value, datetime) else value for name, value in row._mapping.items()}
        for row in rows
    ]


async def list_operation(service: Service, args: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """`sources`: {} → what the store knows of every source (`hub.control`)."""
    return await service.store.read(listed)
