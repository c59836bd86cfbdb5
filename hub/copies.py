"""What changes of a mail after it was recorded: the flags of its copies, whether they still lie there, and their ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.store.schema import copies, interactions, micros
from hub.store.sets import Run
from hub.vocabulary import Flagged, Removed, Sighting

_FLAG = Run(
    "UPDATE copies SET flags = ?, labels = ? WHERE source = ? AND place = ? AND provider_id = ?"
)
_GONE = Run("UPDATE copies SET gone = ? WHERE source = ? AND place = ? AND provider_id = ?")
_REBIND = Run(
    "UPDATE copies SET provider_id = ?, gone = ? WHERE interaction_id = ? AND source = ? AND place = ? AND provider_id = ?"
)
SECOND = 1_000_000


def words(names: Iterable[str]) -> str:
    """Flags or labels as the store keeps them: in order, a line each."""
    return "\n".join(sorted(names))


def change(conn: Connection, source: str, changes: Sequence[Flagged | Removed]) -> None:
    """Write down what a mailbox says of copies that the hub may have; of others nothing is kept."""
    latest = {(each.place, each.provider_id, type(each)): each for each in changes}.values()
    _FLAG.many(
        conn,
        [(words(one.flags), words(one.labels), source, one.place, one.provider_id)
         for one in latest if isinstance(one, Flagged)],
    )  # fmt: skip
    _GONE.many(conn, [(True, source, one.place, one.provider_id) for one in latest if isinstance(one, Removed)])


def rebind(conn: Connection, source: str, place: str, sightings: Sequence[Sighting]) -> frozenset[str]:
    """Give the copies in *place* that are among *sightings* their new ids, and answer the ids of the others.

    A copy is known again by Message-ID and size; where the mail has no Message-ID, or the size was never learned, by
    the second in which the server took it. Each copy is given out once.
    """
    known = _copies(conn, source, place, sightings)
    unknown, bound = set(), []
    for sighting in sightings:
        found = next((names for names in _names(sighting) if known.get(names)), None)
        if found is None:
            unknown.add(sighting.provider_id)
            continue
        interaction_id, old = known[found].pop()
        for others in known.values():
            if (interaction_id, old) in others:
                others.remove((interaction_id, old))
        if old != sighting.provider_id:
            bound.append((sighting.provider_id, False, interaction_id, source, place, old))
    _REBIND.many(conn, bound)
    return frozenset(unknown)
