"""The ledger of missed calls: who has to call whom back, and by when.

An entry closes itself when anyone of us reaches the person, on any channel: a talk, or a message that one of us wrote.
An attempt that nobody answers reaches nobody. Functions take a connection and run inside somebody's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from hub.calls import blocking
from hub.store import ids
from hub.store.schema import (
    contacts,
    conversations,
    interactions,
    micros,
    missed_calls,
    moment,
)
from hub.store.sets import Run, SetRead, SetWrite, among
from hub.vocabulary import Call, Direction, Kind, Match, Message, Outcome

if TYPE_CHECKING:
    from hub.batch import Subject

RECENT_DAYS = 14
"""A call that was missed before the hub was connected is in the ledger only where it is younger than this."""

MISSED = (Outcome.MISSED, Outcome.VOICEMAIL)
_RECENT = RECENT_DAYS * 86_400 * 1_000_000
_COLUMNS = ("interaction_id", "handle", "contact_id", "owner", "state", "missed_at", "due_at")
_ADD = SetWrite(missed_calls, _COLUMNS, "ON CONFLICT (interaction_id) DO NOTHING")
_FORGET = Run("DELETE FROM missed_calls WHERE interaction_id = ?")
_KNOWN = SetRead(sa.select(missed_calls.c.interaction_id).where(among(missed_calls.c.interaction_id)))
_OWNERS = SetRead(sa.select(contacts.c.id, contacts.c.owner).where(among(contacts.c.id)))
_KEPT_BY = SetRead(sa.select(conversations.c.id, conversations.c.owner).where(among(conversations.c.id)))
_OPEN = (missed_calls.c.interaction_id, missed_calls.c.handle, missed_calls.c.contact_id, missed_calls.c.missed_at)
_OF_HANDLES = SetRead(sa.select(*_OPEN).where(sa.text("state = 'open'"), among(missed_calls.c.handle)))
_OF_CONTACTS = SetRead(sa.select(*_OPEN).where(sa.text("state = 'open'"), among(missed_calls.c.contact_id)))
_CLOSE = Run(
    "UPDATE missed_calls SET state = 'closed', closed_at = ?, closed_by = ?, closed_how = ?"
    " WHERE interaction_id = ? AND state = 'open'"
)
_OVER = Run(
    "UPDATE conversations SET state = 'closed', waiting_since = NULL"
    " WHERE id = (SELECT conversation_id FROM interactions WHERE id = ?)"
    " AND channel = 'voice' AND state = 'open' AND waiting_since IS NOT NULL"
)
_SKEW = 3600.0
"""Seconds by which a provider's clock may be ahead of ours."""


def _reached_sql(table: str, key: str, dialect: str) -> str:
    kind = "text" if key == "handle" else "bigint"
    sqlite = dialect == "sqlite"
    among_keys = "IN (SELECT value FROM json_each(:keys))" if sqlite else f"= ANY(%(keys)s::{kind}[])"
    since, mark = (":since", "%") if sqlite else ("%(since)s", "%%")
    return (
        f"SELECT x.{key}, i.occurred_at FROM {table} x JOIN interactions i ON i.id = x.interaction_id"  # noqa: S608
        f" WHERE x.{key} {among_keys} AND x.interaction_id >= {since}"
        " AND ((i.kind = 'call' AND i.outcome = 'completed')"
        f" OR (i.kind = 'message' AND i.direction = 'outbound' AND i.facts NOT LIKE '{mark}\"automatic\":\"{mark}'))"
    )


_REACHED = {
    (table, dialect): _reached_sql(table, key, dialect)
    for table, key in (("participants", "handle"), ("activities", "contact_id"))
    for dialect in ("sqlite", "postgresql")
}
_CONVERSATIONS = SetRead(sa.select(interactions.c.conversation_id).where(among(interactions.c.id)))


def in_plain_hours(missed_at: datetime) -> datetime:
    """When a call is to be returned where the config says nothing: four hours later."""
    return missed_at + timedelta(hours=4)


Due = Callable[[datetime], datetime]
"""When a call that was missed then is to be returned, UTC."""


@dataclass(slots=True)
class Moved:
    """What became of the ledger: the calls whose entries opened or closed, and the conversations that are closed by
    it."""

    entries: set[int] = field(default_factory=set)
    conversations: set[int] = field(default_factory=set)


def recorded(
    conn: sa.Connection, subjects: Sequence[Subject], who: Mapping[str, Match], due: Due, now: int, ours: frozenset[str]
) -> Moved:
    """What *subjects*, which were just written, mean for the ledger. *who* is whom their handles belong to, *now* is
    microseconds since 1970, UTC."""
    moved = Moved()
    calls = [each for each in subjects if isinstance(each.facts, Call) and each.facts.outcome is not None]
    _settle_known(conn, calls, moved)
    _add(conn, [each for each in calls if _was_missed(each, now)], who, due, moved, ours)
    _close(conn, [each for each in subjects if _reaches(each, now)], who, now, moved, ours)
    return moved


def _was_missed(subject: Subject, now: int) -> bool:
    facts = subject.facts
    assert isinstance(facts, Call)
    missed = facts.outcome in MISSED and subject.direction is Direction.INBOUND
    return missed and (subject.live or now - subject.at < _RECENT)


def _settle_known(conn: sa.Connection, calls: Iterable[Subject], moved: Moved) -> None:
    """A call that was missed, as far as was known, was taken after all: it leaves the ledger."""
    taken = [each for each in calls if each.row and isinstance(each.facts, Call) and each.facts.outcome not in MISSED]
    for (interaction_id,) in _KNOWN(conn, sorted(each.id for each in taken)):
        _FORGET(conn, interaction_id)
        moved.entries.add(interaction_id)


def _add(
    conn: sa.Connection,
    calls: Sequence[Subject],
    who: Mapping[str, Match],
    due: Due,
    moved: Moved,
    ours: frozenset[str],
) -> None:
    known = {id for (id,) in _KNOWN(conn, sorted(each.id for each in calls))}
    handles = sorted({handle for each in calls if (handle := _caller(each, ours))})
    blocked = blocking.blocked(conn, handles)
    fresh = [each for each in calls if each.id not in known and _caller(each, ours) not in blocked]
    if not fresh:
        return
    owners = dict(_OWNERS(conn, sorted({sure for each in fresh if (sure := _contact(each, who, ours)) is not None})))
    keepers = dict(_KEPT_BY(conn, sorted({each.conversation for each in fresh})))
    since = min(each.at for each in fresh)
    by_handle = _reached(conn, "participants", handles, since)
    by_contact = _reached(conn, "activities", sorted(owners), since)
    rows = []
    for subject in fresh:
        handle, contact = _caller(subject, ours), _contact(subject, who, ours)
        assert isinstance(subject.facts, Call)
        # Nobody can call back who withheld her number; what she said still has to be heard.
        if not handle and subject.facts.outcome is not Outcome.VOICEMAIL:
            continue
        if max(by_handle.get(handle, 0), by_contact.get(contact, 0)) > subject.at:
            continue  # by the time it became known, somebody had reached her
        owner = keepers.get(subject.conversation, "") or owners.get(contact or 0, "")
        due_at = micros(due(moment(subject.at)))
        rows.append((subject.id, handle, contact, owner, "open", subject.at, due_at))
        moved.entries.add(subject.id)
    _ADD(conn, rows)


def _reaches(subject: Subject, now: int) -> bool:
    """Whether one of us reached somebody outside in it."""
    facts = subject.facts
    if subject.direction is Direction.INTERNAL or not (subject.live or now - subject.at < _RECENT):
        return False
    if isinstance(facts, Call):
        return facts.outcome is Outcome.COMPLETED
    return isinstance(facts, Message) and subject.direction is Direction.OUTBOUND and not facts.automatic


def _close(
    conn: sa.Connection,
    reached: Sequence[Subject],
    who: Mapping[str, Match],
    now: int,
    moved: Moved,
    ours: frozenset[str],
) -> None:
    if not reached:
        return
    by_handle: dict[str, list[Subject]] = {}
    by_contact: dict[int, list[Subject]] = {}
    for subject in reached:
        for participant in subject.participants:
            if participant.handle and participant.handle not in ours:
                by_handle.setdefault(participant.handle, []).append(subject)
                found = who.get(participant.handle)
                if found and found.sure:
                    by_contact.setdefault(found.sure.contact_id, []).append(subject)
    entries = {row[0]: row for row in _OF_HANDLES(conn, sorted(by_handle))}
    entries.update({row[0]: row for row in _OF_CONTACTS(conn, sorted(by_contact))})
    closed = []
    for interaction_id, handle, contact, missed_at in sorted(entries.values(), key=lambda row: int(row[0])):
        by = [each for each in (*by_handle.get(handle, ()), *by_contact.get(contact or 0, ())) if each.at > missed_at]
        if not by:
            continue
        first = min(by, key=lambda each: each.at)
        how = "call" if isinstance(first.facts, Call) else "message"
        if _CLOSE(conn, now, first.id, how, interaction_id):
            closed.append(interaction_id)
            moved.entries.add(interaction_id)
    moved.conversations |= _over(conn, closed)


def _over(conn: sa.Connection, closed: Sequence[int]) -> set[int]:
    """Close the conversations of entries that are closed, and answer which."""
    done = [interaction_id for interaction_id in closed if _OVER(conn, interaction_id)]
    return {id for (id,) in _CONVERSATIONS(conn, done)}


def _caller(subject: Subject, ours: frozenset[str]) -> str:
    return next((p.handle for p in subject.participants if p.role.begins and p.handle not in ours), "")


def _contact(subject: Subject, who: Mapping[str, Match], ours: frozenset[str]) -> int | None:
    found = who.get(_caller(subject, ours))
    return found.sure.contact_id if found and found.sure else None


def _reached(conn: sa.Connection, table: str, keys: Sequence[Any], since: int) -> dict[Any, int]:
    """When those of *keys* were last reached by one of us, in what was recorded from *since* (microseconds) on."""
    if not keys:
        return {}
    sqlite = conn.dialect.name == "sqlite"
    sql = _REACHED[table, conn.dialect.name]
    first = ids.since(since / 1e6 - _SKEW)
    found: dict[Any, int] = {}
    for name, at in conn.exec_driver_sql(
        sql, {"keys": orjson.dumps(keys).decode() if sqlite else keys, "since": first}
    ):
        found[name] = max(at, found.get(name, 0))
    return found


# --- what people see and do ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MissedCall:
    """An entry: the call, who called (*handle* "" where withheld), who is to call back (*owner*, "" nobody yet), by
    when. *times* counts the open entries of the same caller. Times are UTC."""

    interaction_id: int
    handle: str
    contact_id: int | None
    owner: str
    state: str
    missed_at: datetime
    due_at: datetime
    closed_at: datetime | None
    closed_by: int | None
    closed_how: str
    times: int

    def overdue(self, now: datetime) -> bool:
        """Whether it should have been returned by *now*."""
        return self.state == "open" and self.due_at < now


def listed(
    conn: sa.Connection,
    which: sa.ColumnElement[bool],
    *,
    state: str = "open",
    owner: str | None = None,
    limit: int = 100,
) -> list[MissedCall]:
    """At most *limit* entries in *state*, of *owner* alone where one is given; the open ones by when they are due, the
    closed ones the latest first. *which* says what of `interactions` the reader may know (`hub.privacy.visibility`)."""
    again = missed_calls.alias("again")
    times = (
        sa.select(sa.func.count())
        .select_from(again)
        .where(again.c.handle == missed_calls.c.handle, again.c.state == "open", again.c.handle != "")
        .scalar_subquery()
    )
    query = (
        sa.select(missed_calls, times.label("times"))
        .join(interactions, interactions.c.id == missed_calls.c.interaction_id)
        .where(which, missed_calls.c.state == state)
        .limit(limit)
    )
    if owner is not None:
        query = query.where(missed_calls.c.owner == owner)
    order = missed_calls.c.due_at if state == "open" else missed_calls.c.closed_at.desc()
    return [_view(row) for row in conn.execute(query.order_by(order, missed_calls.c.interaction_id))]


def one(conn: sa.Connection, which: sa.ColumnElement[bool], interaction_id: int) -> MissedCall | None:
    """The entry of that call, where the reader may know of it."""
    query = (
        sa.select(missed_calls, sa.literal(1).label("times"))
        .join(interactions, interactions.c.id == missed_calls.c.interaction_id)
        .where(which, missed_calls.c.interaction_id == interaction_id)
    )
    row = conn.execute(query).one_or_none()
    return _view(row) if row else None


def change(
    conn: sa.Connection, interaction_id: int, now: datetime, *, owner: str | None = None, due_at: datetime | None = None
) -> None:
    """Give the entry to somebody, or another time. Who owns it owns its conversation."""
    values: dict[str, Any] = {}
    if owner is not None:
        values["owner"] = owner
        mine = sa.select(interactions.c.conversation_id).where(interactions.c.id == interaction_id).scalar_subquery()
        conn.execute(conversations.update().where(conversations.c.id == mine).values(owner=owner))
    if due_at is not None:
        values |= {"due_at": due_at, "alerted_at": None}
    if values:
        conn.execute(missed_calls.update().where(missed_calls.c.interaction_id == interaction_id).values(**values))


def close(conn: sa.Connection, interaction_id: int, now: datetime) -> set[int]:
    """Somebody says that this call need not be returned (any more). Answers the conversations that are closed by it."""
    return _over(conn, [interaction_id] if _CLOSE(conn, micros(now), None, "agent", interaction_id) else [])


def follow(conn: sa.Connection, conversation_id: int, state: str, now: datetime) -> None:
    """A person put a conversation into *state*: the missed calls in it are closed with it, and open again if she takes
    that back."""
    inside = missed_calls.c.interaction_id.in_(
        sa.select(interactions.c.id).where(
            interactions.c.conversation_id == conversation_id, interactions.c.kind == Kind.CALL.value
        )
    )
    if state == "closed":
        values: dict[str, Any] = {"state": "closed", "closed_at": now, "closed_how": "inbox"}
        conn.execute(missed_calls.update().where(inside, missed_calls.c.state == "open").values(**values))
    elif state == "open":
        values = {"state": "open", "closed_at": None, "closed_how": ""}
        conn.execute(missed_calls.update().where(inside, missed_calls.c.closed_how == "inbox").values(**values))


def _late(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(missed_calls.c.state == "open", missed_calls.c.due_at < now, missed_calls.c.alerted_at.is_(None))


def any_overdue(conn: sa.Connection, now: datetime) -> bool:
    """Whether there is an overdue entry of which nobody was told yet."""
    return conn.execute(sa.select(missed_calls.c.interaction_id).where(_late(now)).limit(1)).first() is not None


def overdue(conn: sa.Connection, now: datetime) -> list[tuple[int, str]]:
    """The entries that are overdue and of which nobody was told yet, with their owners. From now on she was."""
    told = missed_calls.update().where(_late(now)).values(alerted_at=now)
    rows = conn.execute(told.returning(missed_calls.c.interaction_id, missed_calls.c.owner)).all()
    return [(row.interaction_id, row.owner) for row in rows]


def _view(row: sa.Row[Any]) -> MissedCall:
    return MissedCall(
        row.interaction_id,
        row.handle,
        row.contact_id,
        row.owner,
        row.state,
        row.missed_at,
        row.due_at,
        row.closed_at,
        row.closed_by,
        row.closed_how,
        max(1, row.times),
    )
