"""What changes of a mail after it was recorded: its copies' flags, their ids, and whether they still lie there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.store.schema import copies, interactions, micros
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
    in which the server took it. Each is given out once.
    """
    known = _known(conn, source, place, sightings)
    taken: set[tuple[int, str]] = set()
    unknown, bound = set(), []
    for sighting in sightings:
        found = next((copy for name in _names(sighting) for copy in known[name] if copy not in taken), None)
        if found is None:
            unknown.add(sighting.provider_id)
            continue
        taken.add(found)
        bound.append((sighting.provider_id, False, found[0], source, place, found[1]))
    _REBIND.many(conn, bound)
    return frozenset(unknown)


def _known(
    conn: Connection, source: str, place: str, sightings: Sequence[Sighting]
) -> defaultdict[tuple[str, int], list[tuple[int, str]]]:
    """The copies in *place* that may be meant, by what a sighting is known by: interaction and id in the folder."""
    new = [sighting.provider_id for sighting in sightings]
    keys = [f"mail:{sighting.message_id}" for sighting in sightings if sighting.message_id]
    seconds = [micros(sighting.received_at.replace(microsecond=0)) for sighting in sightings]
    found: defaultdict[tuple[str, int], list[tuple[int, str]]] = defaultdict(list)
    here = (copies.c.source == source) & (copies.c.place == place) & copies.c.provider_id.not_in(new)
    columns = sa.select(
        copies.c.interaction_id, copies.c.provider_id, interactions.c.key, copies.c.size, copies.c.received_at
    ).join(interactions, interactions.c.id == copies.c.interaction_id)
    statement = columns.where(here, interactions.c.key.in_(keys) | copies.c.received_at.in_(seconds))
    for interaction_id, provider_id, key, size, received_at in conn.execute(statement.order_by(copies.c.provider_id)):
        copy = (interaction_id, provider_id)
        found[key, size].append(copy)
        if received_at is not None:
            found[f"at:{micros(received_at)}", size].append(copy)
    return found


def _names(sighting: Sighting) -> Iterable[tuple[str, int]]:
    if sighting.message_id:
        yield f"mail:{sighting.message_id}", sighting.size
    yield f"at:{micros(sighting.received_at.replace(microsecond=0))}", sighting.size
