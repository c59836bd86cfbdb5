"""Merging and splitting conversations, inside a transaction, and undoing either with what was learned since.

References move along, so that later replies follow; and what somebody took apart is not joined again by a reply that
names both (`split_conversations`, asked by `hub.threads`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.crm.join import change_identities
from hub.inbox.deeds import By, Done, Gone, Refused, changed_since, locked, write
from hub.inbox.states import waiting_since
from hub.privacy.visibility import sees
from hub.store.schema import (
    conversation_reads,
    conversation_refs,
    conversations,
    drafts,
    interactions,
    letters,
    merged_conversations,
    split_conversations,
)

_MOVED = (interactions, conversation_refs, letters)
_OPEN_FIRST = ("open", "waiting", "snoozed", "closed")


def merge(conn: Connection, by: By, gone: int, into: int) -> None:
    """Make the conversation *gone* a part of *into*. Raises `Gone`, and `Refused` where they are of two channels."""
    change_identities(conn)  # no batch that is under way may still write to the one that goes
    if gone == into:
        raise Refused("A conversation cannot be merged into itself.")
    for each in sorted((gone, into)):
        locked(conn, by.actor, each)
    rows = {each: _row(conn, each) for each in (gone, into)}
    if rows[gone]["channel"] != rows[into]["channel"]:
        raise Refused("Only conversations of one channel can be merged: a conversation is one thread of one channel.")
    document: dict[str, Any] = {
        "gone": rows[gone],
        "into": rows[into],
        "interactions": _ids(conn, interactions.c.id, interactions, gone),
        "refs": _ids(conn, conversation_refs.c.ref, conversation_refs, gone),
        "letters": _ids(conn, letters.c.id, letters, gone),
        "drafts": _own(conn, drafts, (gone, into)),
        "reads": _own(conn, conversation_reads, (gone, into)),
        "led": list(
            conn.execute(sa.select(merged_conversations.c.id).where(merged_conversations.c.into_id == gone)).scalars()
        ),
        "apart": _pairs(conn, (gone, into)),
    }
    for table in _MOVED:
        conn.execute(table.update().where(table.c.conversation_id == gone).values(conversation_id=into))
    _keep_newest(conn, document["drafts"], into)
    _restore(conn, conversation_reads, (gone, into), _read_least(document["reads"], into))
    conn.execute(merged_conversations.update().where(merged_conversations.c.into_id == gone).values(into_id=into))
    conn.execute(merged_conversations.insert().values(id=gone, into_id=into))
    _keep_apart(conn, (gone, into), {tuple(into if id == gone else id for id in pair) for pair in document["apart"]})
    conn.execute(conversations.delete().where(conversations.c.id == gone))
    _put(conn, into, _united(rows[gone], rows[into]))
    document["after"] = _row(conn, into)
    write(conn, by, "merge", document, [gone, into])


def split(conn: Connection, by: By, conversation_id: int, first: int, new: int) -> None:
    """Begin the conversation *new* with the interaction *first* of *conversation_id* and all that came after it.
    Raises `Gone`, and `Refused` where nothing would be left."""
    change_identities(conn)
    locked(conn, by.actor, conversation_id)
    begins = conn.execute(
        sa.select(sa.type_coerce(interactions.c.occurred_at, sa.BigInteger).label("at"), interactions.c.title).where(
            interactions.c.id == first, interactions.c.conversation_id == conversation_id, sees(by.actor) > 0
        )
    ).one_or_none()
    if begins is None:
        raise Gone(f"interaction/{first}")
    there = sa.tuple_(sa.literal(begins.at, sa.BigInteger), sa.literal(first, sa.BigInteger))
    here = sa.tuple_(sa.type_coerce(interactions.c.occurred_at, sa.BigInteger), interactions.c.id)
    rows = conn.execute(
        sa.select(interactions.c.id, interactions.c.key, interactions.c.facts).where(
            interactions.c.conversation_id == conversation_id, here >= there
        )
    ).all()
    moved = [row.id for row in rows]
    if len(moved) == len(_ids(conn, interactions.c.id, interactions, conversation_id)):
        raise Refused("This is where the conversation begins: nothing would be left of it.")
    before = _row(conn, conversation_id)
    named = [ref for row in rows for ref in _names(row.key, row.facts)]
    ours = conversation_refs.c.conversation_id == conversation_id
    refs = list(
        conn.execute(sa.select(conversation_refs.c.ref).where(ours, conversation_refs.c.ref.in_(named))).scalars()
    )
    written = (letters.c.conversation_id == conversation_id) & letters.c.key.in_([row.key for row in rows])
    sent = list(conn.execute(sa.select(letters.c.id).where(written)).scalars())
    _insert(conn, {**before, "id": new, "title": begins.title or before["title"], "topic": "", "revision": 1})
    conn.execute(split_conversations.insert().values(id=new, from_id=conversation_id))
    _move(conn, new, moved, refs, sent)
    for each in (conversation_id, new):
        _measure(conn, each, waits=True)
    document = {
        "from": before, "new": new, "interactions": moved, "refs": refs, "letters": sent,
        "after": _row(conn, conversation_id), "made": _row(conn, new),
    }  # fmt: skip
    write(conn, by, "split", document, [conversation_id, new])


def undo_merge(conn: Connection, by: By, deed: sa.Row[Any]) -> Done:
    """Two conversations again. What came since and answers only what was the other's goes with it; what people changed
    of the one that stayed stays changed."""
    change_identities(conn)
    document = deed.before
    gone, into = document["gone"]["id"], document["into"]["id"]
    locked(conn, by.actor, into)
    led = conn.execute(sa.select(merged_conversations.c.into_id).where(merged_conversations.c.id == gone)).scalar()
    if led != into:
        raise Refused(changed_since(conn, deed, into))
    refs, moved = set(document["refs"]), set(document["interactions"])
    learned = _learned(conn, into, refs, moved)
    now, after = _row(conn, into), document["after"]
    _insert(conn, {**document["gone"], **({"state": now["state"]} if learned else {})})
    _move(conn, gone, sorted(moved), sorted(refs), document["letters"], only=into)
    conn.execute(merged_conversations.delete().where(merged_conversations.c.id == gone))
    ids = document["led"]
    conn.execute(merged_conversations.update().where(merged_conversations.c.id.in_(ids)).values(into_id=gone))
    _keep_apart(conn, (gone, into), {*map(tuple, document["apart"]), (gone, into)})
    _put(conn, into, {name: document["into"][name] for name in _OWN if now[name] == after[name]})
    for table, name in ((drafts, "drafts"), (conversation_reads, "reads")):
        kept = [row for row in document[name] if row["conversation_id"] == gone]
        _restore(conn, table, (gone,), kept)
    _restore(
        conn,
        conversation_reads,
        (into,),
        _read_before(document["reads"], _own(conn, conversation_reads, (into,)), into),
    )
    _measure(conn, gone, waits=learned)
    _measure(conn, into, waits=now["waiting_since"] != after["waiting_since"])
    return Done((gone, into), (), None)


def undo_split(conn: Connection, by: By, deed: sa.Row[Any]) -> Done:
    """One conversation again, with what came to either since."""
    change_identities(conn)
    document = deed.before
    old, new = document["from"]["id"], document["new"]
    for each in sorted((old, new)):
        try:
            locked(conn, by.actor, each)
        except Gone as error:
            raise Refused(changed_since(conn, deed, each)) from error
    now = _row(conn, new)
    if any(now[name] != document["made"][name] for name in _OWN if name not in ("waiting_since", "topic")):
        raise Refused(changed_since(conn, deed, new))
    for table in _MOVED:
        conn.execute(table.update().where(table.c.conversation_id == new).values(conversation_id=old))
    _keep_newest(conn, _own(conn, drafts, (new, old)), old)
    conn.execute(conversation_reads.delete().where(conversation_reads.c.conversation_id == new))
    pairs = {tuple(old if id == new else id for id in pair) for pair in _pairs(conn, (new, old))}
    _keep_apart(conn, (new, old), pairs)
    conn.execute(conversations.delete().where(conversations.c.id == new))
    conn.execute(merged_conversations.insert().values(id=new, into_id=old))
    current = _row(conn, old)
    _put(conn, old, {name: document["from"][name] for name in _OWN if current[name] == document["after"][name]})
    grown = now["waiting_since"] != document["made"]["waiting_since"]
    _measure(conn, old, waits=grown or current["waiting_since"] != document["after"]["waiting_since"])
    return Done((old, new), (), None)


def absorb(conn: Connection, gone: int, into: int) -> None:
    """A mail that names two conversations has made them one: what was still to do in *gone* is to do in *into*, and
    what agents had begun to write there goes along. Called before *gone* is deleted."""
    rows = {each: _row(conn, each) for each in (gone, into) if _stands(conn, each)}
    if len(rows) == 2:
        _put(conn, into, _united(rows[gone], rows[into]))
    _keep_newest(conn, _own(conn, drafts, (gone, into)), into)
    _restore(conn, conversation_reads, (gone, into), _read_least(_own(conn, conversation_reads, (gone, into)), into))


# --- the parts -------------------------------------------------------------------------------------------------------

_OWN = ("state", "owner", "team", "snoozed_until", "waiting_since", "deal_id", "case_id", "sharing", "topic")
_COLUMNS = tuple(str(name) for name in conversations.c.keys())  # noqa: SIM118  # a collection of columns


def _row(conn: Connection, id: int) -> dict[str, Any]:
    """The whole row as the driver has it: times in microseconds."""
    columns = [
        sa.type_coerce(column, sa.BigInteger).label(column.name)
        if column.name.endswith(("_at", "_until", "_since"))
        else column
        for column in conversations.c
    ]
    row = conn.execute(sa.select(*columns).where(conversations.c.id == id)).one()
    return dict(zip(_COLUMNS, row, strict=True))


def _stands(conn: Connection, id: int) -> bool:
    return conn.execute(sa.select(conversations.c.id).where(conversations.c.id == id)).first() is not None


def _insert(conn: Connection, row: dict[str, Any]) -> None:
    names = ", ".join(_COLUMNS)
    marks = ", ".join(f":{name}" for name in _COLUMNS)
    conn.execute(sa.text(f"INSERT INTO conversations ({names}) VALUES ({marks})"), row)  # noqa: S608


def _put(conn: Connection, id: int, values: dict[str, Any]) -> None:
    sets = ", ".join(f"{name} = :{name}" for name in values)
    comma = ", " if sets else ""
    text = f"UPDATE conversations SET {sets}{comma}revision = revision + 1 WHERE id = :id"  # noqa: S608
    conn.execute(sa.text(text), {**values, "id": id})


def _measure(conn: Connection, id: int, *, waits: bool) -> None:
    """What follows from what is in a conversation: its last interaction and, if *waits*, since when somebody waits."""
    last = conn.execute(
        sa.select(interactions.c.id, sa.type_coerce(interactions.c.occurred_at, sa.BigInteger).label("at"))
        .where(interactions.c.conversation_id == id)
        .order_by(interactions.c.occurred_at.desc(), interactions.c.id.desc())
        .limit(1)
    ).one_or_none()
    if last is None:
        return
    values: dict[str, Any] = {"last_at": last.at, "last_interaction_id": last.id}
    if waits and _row(conn, id)["state"] in ("open", "snoozed"):
        values["waiting_since"] = waiting_since(conn, id)
    _put(conn, id, values)


def _move(
    conn: Connection, to: int, moved: Sequence[int], refs: Sequence[str], sent: Sequence[int], only: int | None = None
) -> None:
    for table, column, ids in (
        (interactions, interactions.c.id, moved),
        (conversation_refs, conversation_refs.c.ref, refs),
        (letters, letters.c.id, sent),
    ):
        for start in range(0, len(ids), 500):
            statement = table.update().where(column.in_(ids[start : start + 500]))
            if only is not None:
                statement = statement.where(table.c.conversation_id == only)
            conn.execute(statement.values(conversation_id=to))


def _learned(conn: Connection, into: int, refs: set[str], moved: set[int]) -> bool:
    """Add to *refs* and *moved* what came to *into* since and answers only what was the other's; whether there was
    such."""
    before = len(moved)
    rows = conn.execute(
        sa.select(interactions.c.id, interactions.c.key, interactions.c.facts)
        .where(interactions.c.conversation_id == into)
        .order_by(interactions.c.occurred_at, interactions.c.id)
    ).all()
    theirs = set(_ids(conn, conversation_refs.c.ref, conversation_refs, into)) - refs
    for row in rows:
        if row.id in moved:
            continue
        own, named = set(_names(row.key, row.facts)), set(_answers(row.key, row.facts))
        if named & refs and not named & (theirs - own):
            moved.add(row.id)
            refs |= own
            theirs -= own
    return len(moved) > before


def _names(key: str, facts: dict[str, Any]) -> list[str]:
    """The reference by which others name this interaction (see `hub.threads`)."""
    ident = facts.get("ident")
    return [f"{key.partition(':')[0]}:{ident}"] if ident and not key.startswith("mail:content:") else []


def _answers(key: str, facts: dict[str, Any]) -> list[str]:
    return [f"{key.partition(':')[0]}:{ident}" for ident in facts.get("thread") or ()]


def _united(gone: dict[str, Any], into: dict[str, Any]) -> dict[str, Any]:
    """What the two amount to: what is still to do stays to do, and *into* decides where both say something."""
    state = min(gone["state"], into["state"], key=_OPEN_FIRST.index)
    since = [each["waiting_since"] for each in (gone, into) if each["waiting_since"] is not None]
    last = max(gone, into, key=lambda each: (each["last_at"], each["last_interaction_id"]))
    values = {name: into[name] or gone[name] for name in ("owner", "team", "deal_id", "case_id")}
    ways = {gone["sharing"], into["sharing"]}  # what is still to come is open no wider than either was
    values["sharing"] = "private" if "private" in ways else ways.pop() if len(ways) == 1 else ""
    snoozed = [each["snoozed_until"] for each in (gone, into) if each["snoozed_until"] is not None]
    return {
        **values,
        "state": state,
        "waiting_since": min(since) if since and state in ("open", "snoozed") else None,
        "snoozed_until": min(snoozed) if snoozed and state == "snoozed" else None,
        "last_at": last["last_at"],
        "last_interaction_id": last["last_interaction_id"],
    }


def _ids(conn: Connection, column: sa.Column[Any], table: sa.Table, conversation_id: int) -> list[Any]:
    return list(
        conn.execute(sa.select(column).where(table.c.conversation_id == conversation_id).order_by(column)).scalars()
    )


def _own(conn: Connection, table: sa.Table, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The rows that agents have in the conversations *ids*, as the driver has them."""
    columns = [
        sa.type_coerce(column, sa.BigInteger if column.name.endswith("_at") else sa.Text).label(column.name)
        if column.name in ("read_at", "updated_at", "content")
        else column
        for column in table.c
    ]
    rows = conn.execute(sa.select(*columns).where(table.c.conversation_id.in_(ids)))
    return [{str(column.name): value for column, value in zip(table.c, row, strict=True)} for row in rows]


def _restore(conn: Connection, table: sa.Table, ids: Sequence[int], rows: Sequence[dict[str, Any]]) -> None:
    conn.execute(table.delete().where(table.c.conversation_id.in_(ids)))
    for row in rows:
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        conn.execute(sa.text(f"INSERT INTO {table.name} ({names}) VALUES ({marks})"), row)  # noqa: S608


def _keep_newest(conn: Connection, rows: Sequence[dict[str, Any]], into: int) -> None:
    """Of each agent's drafts the newest one, in *into*."""
    newest: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["updated_at"]):
        newest[row["agent"]] = {**row, "conversation_id": into}
    _restore(conn, drafts, [row["conversation_id"] for row in rows], list(newest.values()))


def _read_least(rows: Sequence[dict[str, Any]], into: int) -> list[dict[str, Any]]:
    """Who has read both has read as far as in the one where she read less; who has not read one has read neither."""
    by_agent: dict[str, list[int]] = {}
    for row in rows:
        by_agent.setdefault(row["agent"], []).append(row["read_at"])
    return [
        {"agent": agent, "conversation_id": into, "read_at": min(times), "seen_id": None}
        for agent, times in by_agent.items()
        if len(times) > 1
    ]


def _read_before(before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]], into: int) -> list[dict[str, Any]]:
    """How far *into* was read *before* it was merged, but for whoever has read in it since."""
    own = {row["agent"]: row for row in before if row["conversation_id"] == into}
    merged = {row["agent"]: row for row in _read_least(before, into)}
    current = {row["agent"]: row for row in now}
    agents = sorted({*own, *current})
    chosen = ((own if current.get(each) == merged.get(each) else current).get(each) for each in agents)
    return [row for row in chosen if row is not None]


def _pairs(conn: Connection, ids: Sequence[int]) -> list[tuple[int, int]]:
    """What is kept apart from any of *ids*."""
    table = split_conversations.c
    rows = conn.execute(sa.select(table.id, table.from_id).where(table.id.in_(ids) | table.from_id.in_(ids)))
    return [(id, from_id) for id, from_id in rows]


def _keep_apart(conn: Connection, ids: Sequence[int], pairs: Iterable[tuple[int, ...]]) -> None:
    """*pairs* instead of what was kept apart from any of *ids*."""
    table = split_conversations.c
    conn.execute(split_conversations.delete().where(table.id.in_(ids) | table.from_id.in_(ids)))
    for id, from_id in sorted({pair for pair in pairs if pair[0] != pair[1]}):
        conn.execute(split_conversations.insert().values(id=id, from_id=from_id))
