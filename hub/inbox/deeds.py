"""What people do to conversations, inside a transaction: each deed remembers what was before, so that it can be undone.

Conversations of which the actor may not know do not exist for her: she is told so for each of them. A deed is undone
for every conversation that still is as the deed left it; of the others it is said who changed them since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.calls import missed
from hub.inbox.listing import State, known
from hub.privacy import sharing
from hub.privacy.sharing import NotYours, Sharing
from hub.privacy.visibility import Actor, Authority, sees
from hub.store.schema import (
    conversation_reads,
    conversations,
    copies,
    deeds,
    interactions,
    logins,
    note_mentions,
    notes,
    tokens,
)
from hub.vocabulary import Direction, Level

KEPT_DAYS = 30
"""So long a deed can be undone."""

FIELDS = ("state", "owner", "team", "snoozed_until", "waiting_since", "deal_id", "case_id", "sharing")
"""What people change of a conversation."""

MISSING = "There is no such conversation, or it is not open to you."
_RAW = {
    name: sa.type_coerce(conversations.c[name], sa.BigInteger).label(name)
    for name in ("snoozed_until", "waiting_since")
}


class Gone(LookupError):
    """There is no such record, or the actor may not know of it."""


class Stale(Exception):
    """The conversation is not at the revision any more that the actor has seen. *revision* is the present one."""

    def __init__(self, revision: int) -> None:
        super().__init__(f"is at revision {revision}")
        self.revision = revision


class Refused(Exception):
    """It cannot be done. The text says why; *owner* is the agent who is in the way, or ""."""

    def __init__(self, reason: str, owner: str = "") -> None:
        super().__init__(reason)
        self.owner = owner


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a deed: *done* conversations, those *refused* with the reason, and the *deed* to undo, None where
    nothing changed."""

    done: tuple[int, ...]
    refused: tuple[tuple[int, str], ...]
    deed: int | None


@dataclass(frozen=True, slots=True)
class By:
    """Who acts, when, and the ids that the deed and its rows in the audit take."""

    actor: Actor
    at: datetime
    deed: int
    audit: Sequence[int]


def change(
    conn: Connection,
    by: By,
    kind: str,
    ids: Sequence[int],
    values: Mapping[str, Any],
    taken: Callable[[str], str] | None = None,
) -> Done:
    """Set *values* (of `FIELDS`; times are microseconds) in the conversations *ids*; each that changes gets a new
    revision. *taken*: leave alone what another agent owns, and say so in the words that it has for her."""
    rows = _locked(conn, by.actor, ids)
    done: list[int] = []
    refused: list[tuple[int, str]] = []
    documents: dict[str, dict[str, Any]] = {}
    for id in dict.fromkeys(ids):
        row = rows.get(id)
        if row is None:
            refused.append((id, MISSING))
            continue
        if taken and row["owner"] not in ("", values["owner"]):
            refused.append((id, taken(row["owner"])))
            continue
        after = {name: value for name, value in _settled(row, values).items() if row[name] != value}
        before = {name: row[name] for name in after}
        if "sharing" in after:
            before["readers"] = _readers(conn, id)
        try:
            _apply(conn, by.actor, id, after)
        except NotYours as error:
            refused.append((id, str(error)))
            continue
        done.append(id)
        if after:
            documents[str(id)] = {"before": before, "after": after}
    if documents:
        write(conn, by, kind, {"conversations": documents}, [int(id) for id in documents])
    return Done(tuple(done), tuple(refused), by.deed if documents else None)


def read(conn: Connection, by: By, ids: Sequence[int], *, unread: bool = False) -> Done:
    """The actor's agent has read the conversations *ids*, or wants them marked as not read."""
    agent, rows = by.actor.agent, _locked(conn, by.actor, ids)
    reads = conversation_reads.c
    known = sa.select(reads.conversation_id, sa.type_coerce(reads.read_at, sa.BigInteger), reads.seen_id)
    before: dict[int, tuple[int, int | None]] = {
        id: (at, seen)
        for id, at, seen in conn.execute(known.where(reads.agent == agent, reads.conversation_id.in_(rows)))
    }
    latest = sa.func.max(sa.type_coerce(interactions.c.occurred_at, sa.BigInteger))
    query = sa.select(interactions.c.conversation_id, latest, sa.func.max(interactions.c.id)).where(
        interactions.c.conversation_id.in_(rows), sees(by.actor) > 0
    )
    if unread:
        query = query.where(interactions.c.direction == Direction.INBOUND.value)
    last = {id: (at, seen) for id, at, seen in conn.execute(query.group_by(interactions.c.conversation_id))}
    documents = {}
    for id in rows:
        if id not in last:
            continue
        was, known_id = before.get(id, (None, None))
        at, seen = last[id]
        after, seen = (at - 1, None) if unread else (max(at, was or 0), seen)
        if (after, seen) == (was, known_id):
            continue
        documents[str(id)] = {"before": was, "seen": known_id, "after": after}
        mark_read(conn, agent, id, after, seen)
    if not unread:
        _seen(conn, by, list(rows))
    if documents:
        kind = "unread" if unread else "read"
        conn.execute(
            deeds.insert().values(
                id=by.deed, actor=by.actor.record, kind=kind, before={"agent": agent, "reads": documents}, done_at=by.at
            )
        )
    refused = tuple((id, MISSING) for id in dict.fromkeys(ids) if id not in rows)
    return Done(tuple(id for id in dict.fromkeys(ids) if id in rows), refused, by.deed if documents else None)


def mark_read(conn: Connection, agent: str, conversation_id: int, at: int | None, seen: int | None = None) -> None:
    """*agent* has read up to *at* (microseconds), None for not at all; and what was there when the interaction of id
    *seen* was the newest, where that is known."""
    mine = (conversation_reads.c.agent == agent) & (conversation_reads.c.conversation_id == conversation_id)
    conn.execute(conversation_reads.delete().where(mine))
    if at is not None:
        row = {"agent": agent, "conversation_id": conversation_id, "read_at": at, "seen_id": seen}
        conn.exec_driver_sql(_READ[conn.dialect.name], row)


_READ = {
    "sqlite": "INSERT INTO conversation_reads (agent, conversation_id, read_at, seen_id)"
    " VALUES (:agent, :conversation_id, :read_at, :seen_id)",
    "postgresql": "INSERT INTO conversation_reads (agent, conversation_id, read_at, seen_id)"
    " VALUES (%(agent)s, %(conversation_id)s, %(read_at)s, %(seen_id)s)",
}


def write(conn: Connection, by: By, kind: str, before: Mapping[str, Any], ids: Sequence[int]) -> None:
    """Write the deed down, and into the audit for each of the conversations *ids*."""
    conn.execute(deeds.insert().values(id=by.deed, actor=by.actor.record, kind=kind, before=before, done_at=by.at))
    for entry, id in zip(by.audit, ids, strict=False):
        audit.note(conn, entry, by.actor, f"conversation.{kind}", f"conversation/{id}", by.at)


def find(conn: Connection, actor: Actor, deed_id: int) -> sa.Row[Any]:
    """The deed, to undo it: the actor's own, or anybody's for who may read everything. Raises `Gone`, `Refused`."""
    row = conn.execute(sa.select(deeds).where(deeds.c.id == deed_id).with_for_update()).one_or_none()
    everything = actor.authority in (Authority.ADMIN, Authority.MANAGER)
    if row is None or not (everything or row.actor == actor.record):
        raise Gone(f"deed/{deed_id}")
    if row.undone_at is not None:
        raise Refused("It is undone already.")
    return row


def undo_change(conn: Connection, by: By, deed: sa.Row[Any]) -> Done:
    """Put back what a deed changed, where it still is as it left it."""
    documents = deed.before["conversations"]
    rows = _locked(conn, by.actor, [int(id) for id in documents])
    done, refused = [], []
    for text, document in documents.items():
        id = int(text)
        row = rows.get(id)
        if row is None:
            refused.append((id, MISSING))
        elif any(row[name] != value for name, value in document["after"].items()):
            refused.append((id, changed_since(conn, deed, id)))
        else:
            try:
                _apply(conn, by.actor, id, document["before"])
            except NotYours as error:
                refused.append((id, str(error)))
            else:
                done.append(id)
    return Done(tuple(done), tuple(refused), None)


def undo_read(conn: Connection, by: By, deed: sa.Row[Any]) -> Done:
    """Put back how far the agent had read."""
    agent, documents = deed.before["agent"], deed.before["reads"]
    rows = _locked(conn, by.actor, [int(id) for id in documents])
    for id in rows:
        document = documents[str(id)]
        mark_read(conn, agent, id, document["before"], document.get("seen"))
    refused = tuple((int(id), MISSING) for id in documents if int(id) not in rows)
    return Done(tuple(rows), refused, None)


def changed_since(conn: Connection, deed: sa.Row[Any], conversation_id: int) -> str:
    """Who changed the conversation after *deed*, as a sentence."""
    later = conn.execute(
        sa.select(deeds.c.actor)
        .where(
            deeds.c.done_at >= deed.done_at,
            deeds.c.id != deed.id,
            deeds.c.undone_at.is_(None),
            deeds.c.kind.not_in(("read", "unread")),
            sa.type_coerce(deeds.c.before, sa.Text).contains(str(conversation_id)),
        )
        .order_by(deeds.c.done_at.desc())
    ).scalar()
    if later is None:
        return "Something new came in since; it is not as it was left."
    return f"{name_of(conn, later)} has changed it since."


def name_of(conn: Connection, record: str) -> str:
    """The name of the login or token that the audit calls *record*."""
    kind, _, id = record.partition("/")
    table = {"login": logins, "token": tokens}.get(kind)
    name = conn.execute(sa.select(table.c.name).where(table.c.id == int(id))).scalar() if table is not None else None
    return name or record


def opens_fully(conn: Connection, actor: Actor, ids: Sequence[int]) -> set[int]:
    """Those of the conversations *ids* of which *actor* reads everything: nobody decides how a thread is shared that
    is not open to her."""
    hidden = sa.select(interactions.c.conversation_id).where(
        interactions.c.conversation_id.in_(ids), sees(actor) < Level.ALL.rank
    )
    return set(ids) - set(conn.execute(hidden).scalars())


def forget(conn: Connection, now: datetime) -> None:
    """Delete the deeds that are too old to undo."""
    conn.execute(deeds.delete().where(deeds.c.done_at < now - timedelta(days=KEPT_DAYS)))


def _settled(row: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """*values* with what follows from the state: who is answered or let go does not wait any more."""
    settled = dict(values)
    state = values.get("state", row["state"])
    if "state" in values:
        if state != State.SNOOZED:
            settled["snoozed_until"] = None
        if state in (State.CLOSED, State.WAITING):
            settled["waiting_since"] = None
    return settled


def _locked(conn: Connection, actor: Actor, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What of *ids* the actor may know, locked in one order; times as microseconds."""
    plain = [conversations.c[name] for name in ("id", "revision", *FIELDS) if name not in _RAW]
    query = sa.select(*plain, *_RAW.values()).where(conversations.c.id.in_(list(ids)), known(actor))
    rows = conn.execute(query.order_by(conversations.c.id).with_for_update(of=conversations)).mappings()
    return {row["id"]: dict(row) for row in rows}


def locked(conn: Connection, actor: Actor, conversation_id: int) -> dict[str, Any]:
    """One conversation, locked, with its `FIELDS` and its revision. Raises `Gone`."""
    rows = _locked(conn, actor, [conversation_id])
    if not rows:
        raise Gone(f"conversation/{conversation_id}")
    return rows[conversation_id]


def _apply(conn: Connection, actor: Actor, id: int, values: Mapping[str, Any]) -> None:
    """Set *values* of `FIELDS`; `readers` may read what becomes private with `sharing`. Raises `NotYours`."""
    if "sharing" in values:
        sharing.decide(conn, actor, id, Sharing(values["sharing"]), values.get("readers", ()))
    rest = {name: value for name, value in values.items() if name not in ("sharing", "readers")}
    if values:
        _set(conn, id, rest)
    if "state" in values:
        missed.follow(conn, id, values["state"], datetime.now(UTC))


def _readers(conn: Connection, id: int) -> list[str]:
    """The agents to whom a private conversation is open."""
    inside = sa.select(interactions.c.id).where(interactions.c.conversation_id == id)
    shares = sa.select(copies.c.audience).distinct().where(copies.c.interaction_id.in_(inside), copies.c.source == "")
    return sorted(conn.execute(shares).scalars())


def _set(conn: Connection, id: int, values: Mapping[str, Any]) -> None:
    raw = {conversations.c[name]: _instant(name, value) for name, value in values.items()}
    statement = conversations.update().where(conversations.c.id == id)
    conn.execute(statement.values({**raw, conversations.c.revision: conversations.c.revision + 1}))


def _instant(name: str, value: Any) -> Any:
    """Microseconds go into the column as they are."""
    return sa.literal(value, sa.BigInteger) if name in _RAW and value is not None else value


def _seen(conn: Connection, by: By, ids: Sequence[int]) -> None:
    """The notes in *ids* that name the agent are seen."""
    inside = (
        sa.select(notes.c.id)
        .join(interactions, interactions.c.id == notes.c.interaction_id)
        .where(interactions.c.conversation_id.in_(ids))
    )
    conn.execute(
        note_mentions.update()
        .where(
            note_mentions.c.agent == by.actor.agent,
            note_mentions.c.seen_at.is_(None),
            note_mentions.c.note_id.in_(inside),
        )
        .values(seen_at=by.at)
    )
