"""Messages and posts whose writer took them back: nothing of what they said is kept, in whatever order edits, the
deletion and the first wording come in.

The fold leaves out their words (`hub.fold.stripped`), what comes in later is stripped before it is written (`emptied`),
and what was written before is written anew without them (`forget`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import sqlalchemy as sa

from hub import facts as documents
from hub.fold import is_taken_back, stripped
from hub.letters import letters
from hub.store.blobs import Blobs
from hub.store.schema import conversations, events
from hub.store.sets import Run

if TYPE_CHECKING:
    from hub.batch import Entry, Subject

_REWRITE = Run("UPDATE events SET facts = ?, blob = NULL WHERE key = ? AND event_id = ?")
_FORGET_SEARCH = Run("DELETE FROM search WHERE rowid = ?", "DELETE FROM search WHERE interaction_id = %s")


def emptied(entry: Entry) -> Entry:
    """*entry* as it may be written of an interaction that was taken back."""
    bare = replace(entry.event, facts=stripped(entry.event.facts), raw=None, search=None)
    return replace(entry, event=bare, live=False, blob=None, size=0)


def forget(conn: sa.Connection, subjects: Iterable[Subject], blobs: Blobs) -> None:
    """Write what was known of those of *subjects* that were taken back anew, without what they said. Files are
    forgotten with the fold that names none (`hub.files.rows`)."""
    for subject in subjects:
        if not subject.row or not is_taken_back(subject.facts):
            continue
        _FORGET_SEARCH(conn, subject.id)
        fresh = {entry.event.id for _, entry in subject.entries}
        before = [each.event for each in subject.told if each.event.id not in fresh]
        blobs.release(conn, _blobs(conn, subject.key))
        _REWRITE.many(conn, [(documents.encode(stripped(each.facts)), subject.key, each.id) for each in before])
        letters.forget(conn, blobs, subject.key)
        title = orjson.loads(subject.row.facts).get("title")
        if title:
            named = sa.and_(conversations.c.id == subject.conversation, conversations.c.title == title)
            conn.execute(conversations.update().where(named).values(title=""))


def _blobs(conn: sa.Connection, key: str) -> Sequence[str]:
    named = sa.select(events.c.blob).where(events.c.key == key, events.c.blob.is_not(None))
    return list(conn.scalars(named))
