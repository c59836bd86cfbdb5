"""What changes of a mail after it was recorded: its copies' flags, their ids, and whether they still lie there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.store.schema import copies, interactions
from hub.store.sets import Run
from hub.vocabulary import Flagged, Removed, Sighting

_FLAG = Run("UPDATE copies SET flags = ?, labels = ? WHERE source = ? AND place = ? AND provider_id = ?")
_GONE = Run("UPDATE copies SET gone = ? WHERE source = ? AND place = ? AND provider_id = ?")
_REBIND = Run(
    "UPDATE copies SET provider_id = ?, gone = ?"
    " WHERE interaction_id = ? AND source = ? AND place = ? AND provider_id = ?"
)


def flags(names: Iterable[str]) -> str:
    """Flags as the store keeps them: in order. None holds a blank (RFC 3501, 9)."""
    return " ".join(sorted(names))


def labels(names: Iterable[str]) -> str:
    """Labels as the store keeps them: in order, a line each."""
    return "\n".join(sorted(names))


def change(conn: Connection, source: str, changes: Sequence[Flagged | Removed]) -> None:
    """Write down what a mailbox says of copies that the hub may have; of others nothing is kept."""
    latest = {(each.place, each.provider_id, type(each)): each for each in changes}.values()
    _FLAG.many(
        conn,
        [(flags(one.flags), labels(one.labels), source, one.place, one.provider_id)
         for one in latest if isinstance(one, Flagged)],
    )  # fmt: skip
    _GONE.many(conn, [(True, source, one.place, one.provider_id) for one in latest if isinstance(one, Removed)])


def rebind(conn: Connection, source: str, place: str, sightings: Sequence[Sighting]) -> frozenset[str]:
    """Give the copies in *place* that are among *sightings* their new ids, and answer the ids of the others.

    A copy is known again by its Message-ID and size, or where the mail has no Message-ID by its size and the second
    in which the server took it. Each is given out once; one that has its new id already is left alone.
    """
    here = (copies.c.source == source) & (copies.c.place == place)
    ids = [sighting.provider_id for sighting in sightings]
    done = set(conn.scalars(sa.select(copies.c.provider_id).where(here, copies.c.provider_id.in_(ids))))
    left = [sighting for sighting in sightings if sighting.provider_id not in done]
    known = _known(conn, here, left)
    unknown, bound = set(), []
    for sighting in left:
        found = known[_name(sighting)]
        if found:
            interaction_id, old = found.pop(0)
            bound.append((sighting.provider_id, False, interaction_id, source, place, old))
        else:
            unknown.add(sighting.provider_id)
    _REBIND.many(conn, bound)
    return frozenset(unknown)


def _name(sighting: Sighting) -> tuple[str | datetime, int]:
    """What a mail is known again by."""
    if sighting.message_id:
        return f"mail:{sighting.message_id}", sighting.size
    return sighting.received_at.replace(microsecond=0), sighting.size


def _known(
    conn: Connection, here: sa.ColumnElement[bool], sightings: Sequence[Sighting]
) -> defaultdict[tuple[str | datetime, int], list[tuple[int, str]]]:
    """The copies that may be meant, as interaction and id in the folder, by what they are known by."""
    found: defaultdict[tuple[str | datetime, int], list[tuple[int, str]]] = defaultdict(list)
    names = {_name(sighting)[0] for sighting in sightings}
    keys = sorted(name for name in names if isinstance(name, str))
    seconds = sorted(name for name in names if isinstance(name, datetime))
    copy = (copies.c.interaction_id, copies.c.provider_id, copies.c.size)
    by_key = sa.select(*copy, interactions.c.key).join(interactions, interactions.c.id == copies.c.interaction_id)
    by_time = sa.select(*copy, copies.c.received_at)
    for asked, statement in ((keys, by_key.where(interactions.c.key.in_(keys))),
                             (seconds, by_time.where(copies.c.received_at.in_(seconds)))):  # fmt: skip
        if asked:
            for interaction_id, provider_id, size, name in conn.execute(statement.where(here).order_by(copy[1])):
                found[name, size].append((interaction_id, provider_id))
    return found
