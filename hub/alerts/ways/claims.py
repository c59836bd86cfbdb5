"""The tellings of a way that are due: who sends them, and how that ended. As `hub.letters.claims` does for letters.

A telling is claimed before it is sent and settled after. A claim that ran out without being settled means that somebody
began to send and was never heard of again: where the way knows a repetition it is sent again, elsewhere it becomes
`perhaps`. Functions take a connection and run inside somebody's transaction; what they write of a telling they write
only while the claim is still the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.crm.records import insert
from hub.store.alert_tables import alert_tellings as tellings
from hub.store.clock import clock
from hub.store.columns import EPOCH
from hub.store.way_tables import way_states, ways

QUEUED, SENT, PERHAPS, FAILED = "queued", "sent", "perhaps", "failed"
CANCELLED, EXPIRED = "cancelled", "expired"

UNHEARD = "It may have been sent: nobody heard the end of it."


@dataclass(frozen=True, slots=True)
class Claimed:
    """A telling that is ours to send until *claimed_until*. *way_id* is that of a way that she made herself, None
    for one that everybody has."""

    id: int
    alert_id: int | None
    agent: str
    way: str
    way_id: int | None
    kind: str
    attempts: int
    expires_at: datetime | None
    claimed_until: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt to send *row* ended: *state* is what it is now. One that is still `queued` is sent again in *wait*
    seconds. *gone*: whom it was for is not there any more, and what she made for it is forgotten."""

    row: Claimed
    state: str
    reason: str = ""
    provider_id: str = ""
    wait: float = 0
    gone: bool = False


def due_ways(conn: Connection) -> list[str]:
    """The ways that have something to send, or to give up."""
    return list(conn.scalars(sa.select(tellings.c.way).where(_due(clock(conn))).distinct()))


def is_due(conn: Connection, way: str) -> bool:
    """Whether there is anything to claim."""
    query = sa.select(sa.literal(1)).select_from(tellings).where(tellings.c.way == way, _due(clock(conn)))
    return conn.execute(query.limit(1)).first() is not None


def claim(conn: Connection, way: str, limit: int, seconds: float, *, repeatable: bool) -> list[Claimed]:
    """At most *limit* tellings of *way* that are due, claimed for *seconds*, so that no other hub sends them meanwhile.
    What has expired is not given out, nor what somebody began to send where that is not *repeatable*."""
    now = clock(conn)
    until = now + timedelta(seconds=seconds)
    wanted = sa.select(tellings).where(tellings.c.way == way, _due(now)).order_by(tellings.c.due_at, tellings.c.id)
    rows = conn.execute(wanted.limit(limit).with_for_update(skip_locked=True)).all()
    unheard = {row.id for row in rows if row.claimed_until is not None and not repeatable}
    expired = {row.id for row in rows if row.expires_at is not None and row.expires_at <= now} - unheard
    _all(conn, unheard, state=PERHAPS, reason=UNHEARD, claimed_until=None)
    _all(conn, expired, state=EXPIRED, claimed_until=None)
    ours = [row for row in rows if row.id not in unheard and row.id not in expired]
    _all(conn, [row.id for row in ours], claimed_until=until)
    return [
        Claimed(row.id, row.alert_id, row.agent, row.way, row.way_id, row.kind, row.attempts, row.expires_at, until)
        for row in ours
    ]


def forget_claims(conn: Connection) -> None:
    """Say that every claim has run out: on SQLite whoever held one is gone when the next hub starts."""
    conn.execute(tellings.update().where(tellings.c.claimed_until.is_not(None)).values(claimed_until=EPOCH))


def settle(conn: Connection, ended: Sequence[Ended]) -> None:
    """Write down how they ended."""
    if not ended:
        return
    now = clock(conn)
    mine = sa.and_(tellings.c.id == sa.bindparam("b_id"), tellings.c.claimed_until == sa.bindparam("b_until"))
    over = tellings.update().where(mine).values(
        state=sa.bindparam("b_state"), reason=sa.bindparam("b_reason"), provider_id=sa.bindparam("b_provider_id"),
        sent_at=sa.bindparam("b_sent_at"), attempts=tellings.c.attempts + 1, claimed_until=None,
    )  # fmt: skip
    # What was called off meanwhile stays so: only what was sent after all says that it was.
    again = tellings.update().where(mine).values(
        reason=sa.bindparam("b_reason"), due_at=sa.bindparam("b_due_at"), attempts=tellings.c.attempts + 1,
        claimed_until=None,
    )  # fmt: skip
    _many(conn, over, ended, lambda each: each.state != QUEUED, lambda each: {
        "b_state": each.state, "b_reason": each.reason, "b_provider_id": each.provider_id,
        "b_sent_at": now if each.state in (SENT, PERHAPS) else None,
    })  # fmt: skip
    _many(conn, again, ended, lambda each: each.state == QUEUED, lambda each: {
        "b_reason": each.reason, "b_due_at": now + timedelta(seconds=each.wait),
    })  # fmt: skip
    gone = {each.row.way_id for each in ended if each.gone and each.row.way_id is not None}
    if gone:
        conn.execute(ways.delete().where(ways.c.id.in_(gone)))
        conn.execute(way_states.delete().where(way_states.c.way_id.in_(gone)))
    note(conn, [each for each in ended if each.row.way_id not in gone and each.state not in (CANCELLED, EXPIRED)], now)


def cancel(conn: Connection, way_id: int) -> None:
    """What waits for a way that somebody made herself is not sent any more."""
    waiting = tellings.c.way_id == way_id, tellings.c.state.in_(("held", QUEUED))
    conn.execute(tellings.update().where(*waiting).values(state=CANCELLED))


def note(conn: Connection, ended: Iterable[Ended], now: datetime) -> None:
    """Remember how each way did when it was last used for somebody."""
    last: dict[tuple[str, int, str], dict[str, object]] = {}
    for each in ended:
        good = each.state == SENT
        place = (each.row.way, each.row.way_id or 0, each.row.agent)
        values = last.setdefault(place, {"sent_at": None, "failed_at": None, "reason": ""})
        values.update({"sent_at": now} if good else {"failed_at": now, "reason": each.reason})
    if not last:
        return
    made = insert(conn, way_states)
    new = made.excluded
    failed = new.failed_at.is_not(None)
    conn.execute(
        made.on_conflict_do_update(
            index_elements=["way", "way_id", "agent"],
            set_={
                "sent_at": sa.func.coalesce(new.sent_at, way_states.c.sent_at),
                "failed_at": sa.func.coalesce(new.failed_at, way_states.c.failed_at),
                "reason": sa.case((failed, new.reason), else_=way_states.c.reason),
            },
        ),
        [{"way": way, "way_id": way_id, "agent": agent, **values} for (way, way_id, agent), values in last.items()],
    )


def _due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        tellings.c.state == QUEUED,
        sa.or_(tellings.c.due_at <= now, tellings.c.expires_at <= now),
        sa.or_(tellings.c.claimed_until.is_(None), tellings.c.claimed_until < now),
    )


def _all(conn: Connection, ids: Iterable[int], **values: object) -> None:
    if ids := list(ids):
        conn.execute(tellings.update().where(tellings.c.id.in_(ids)).values(values))


def _many(
    conn: Connection,
    statement: sa.Update,
    ended: Sequence[Ended],
    which: Callable[[Ended], bool],
    values: Callable[[Ended], dict[str, object]],
) -> None:
    rows = [{"b_id": each.row.id, "b_until": each.row.claimed_until, **values(each)} for each in ended if which(each)]
    if rows:
        conn.execute(statement, rows)
