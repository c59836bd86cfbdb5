"""The files of messages as rows: which there are, what becomes of each, and which are due.

Functions take a connection and run inside somebody's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.files.states import MOST_BYTES, State, Why
from hub.formats.filenames import filename
from hub.store.blobs import Blobs
from hub.store.chat_tables import chat_files
from hub.store.columns import moment
from hub.vocabulary import File, Message

if TYPE_CHECKING:
    from hub.batch import Subject

OURS = "letter:"
"""Ids of events, and of files in them, that a letter of ours made; such a file's url is `blob:<hash>`."""


def recorded(
    conn: sa.Connection,
    subjects: Iterable[Subject],
    fetched: frozenset[str],
    blobs: Blobs,
    new_id: Callable[[], int],
    now: int,
) -> None:
    """Bring the rows to what *subjects*, which were just written, say of their files. *fetched* are the sources that
    can fetch, *now* microseconds since 1970, UTC."""
    for subject in subjects:
        if not isinstance(subject.facts, Message):
            continue
        wanted = tuple(dict.fromkeys(subject.facts.files or ()))
        if wanted or (subject.row and '"files":[{' in subject.row.facts):
            _settle_one(conn, subject, wanted, fetched, blobs, new_id, moment(now))


def _settle_one(
    conn: sa.Connection,
    subject: Subject,
    wanted: Sequence[File],
    fetched: frozenset[str],
    blobs: Blobs,
    new_id: Callable[[], int],
    now: datetime,
) -> None:
    mine = chat_files.c.interaction_id == subject.id
    known = {(row.provider_id, row.url): row for row in conn.execute(sa.select(chat_files).where(mine))}
    stay = {(file.id, file.url) for file in wanted}
    delete(conn, blobs, chat_files.c.id.in_([row.id for name, row in known.items() if name not in stay]))
    for position, file in enumerate(wanted):
        row = known.get((file.id, file.url))
        if row is not None:
            again = chat_files.update().where(chat_files.c.id == row.id)
            conn.execute(again.values(position=position, name=filename(file.name) or row.name))
            continue
        source, ours = _teller(subject, file)
        state, reason, blob = State.WAITING, "", ""
        if ours:
            blob = file.url.removeprefix("blob:")
            state = State.HERE if blobs.share(conn, blob) else State.GONE
            blob = blob if state is State.HERE else ""
        elif file.size > MOST_BYTES:
            state = State.TOO_LARGE
        elif source not in fetched:
            state, reason = State.FAILED, Why.NO_SOURCE
        conn.execute(
            chat_files.insert().values(
                id=new_id(), interaction_id=subject.id, position=position, source=source, provider_id=file.id,
                url=file.url, name=filename(file.name), media_type=file.media_type, size=file.size, inline=file.inline,
                state=state, reason=reason, blob=blob, due_at=now,
            )
        )  # fmt: skip


def _teller(subject: Subject, file: File) -> tuple[str, bool]:
    """The source that told of *file*, which alone can fetch it, and whether that was a letter of ours."""
    for told in reversed(subject.told):
        facts = told.event.facts
        if isinstance(facts, Message) and file in (facts.files or ()):
            ours = told.event.id.startswith(OURS) and file.id.startswith(OURS) and file.url.startswith("blob:")
            return told.source, ours
    return "", False


# --- what is here -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as people see it; *position* counts within its message, *size* is in bytes; *reason* is a `Why` or a line
    of words."""

    id: int
    interaction_id: int
    position: int
    source: str
    provider_id: str
    url: str
    name: str
    media_type: str
    size: int
    inline: bool
    state: State
    reason: str
    blob: str
    attempts: int

    @property
    def file(self) -> File:
        """As the source told of it."""
        return File(
            id=self.provider_id,
            name=self.name,
            media_type=self.media_type,
            size=self.size,
            url=self.url,
            inline=self.inline,
        )


def of(conn: sa.Connection, interaction_ids: Sequence[int]) -> Mapping[int, tuple[Kept, ...]]:
    """The files of these messages, in order. Whether the reader may know of them the caller has asked."""
    found: dict[int, tuple[Kept, ...]] = {}
    query = sa.select(chat_files).where(chat_files.c.interaction_id.in_(list(interaction_ids)))
    for row in conn.execute(query.order_by(chat_files.c.interaction_id, chat_files.c.position, chat_files.c.id)):
        found[row.interaction_id] = (*found.get(row.interaction_id, ()), _view(row))
    return found


def one(conn: sa.Connection, interaction_id: int, position: int) -> Kept | None:
    """The file at *position* of a message."""
    here = sa.and_(chat_files.c.interaction_id == interaction_id, chat_files.c.position == position)
    row = conn.execute(sa.select(chat_files).where(here).limit(1)).one_or_none()
    return _view(row) if row else None


def claim(conn: sa.Connection, now: datetime, until: datetime, most: int) -> list[Kept]:
    """At most *most* files that are to be fetched now, claimed *until* then."""
    free = sa.or_(chat_files.c.claimed_until.is_(None), chat_files.c.claimed_until < now)
    ids = conn.execute(
        sa.select(chat_files.c.id)
        .where(chat_files.c.state == State.WAITING, chat_files.c.due_at <= now, free)
        .order_by(chat_files.c.due_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).scalars()
    chosen = chat_files.c.id.in_(list(ids))
    rows = conn.execute(chat_files.update().where(chosen).values(claimed_until=until).returning(chat_files)).all()
    return [_view(row) for row in rows]


def any_due(conn: sa.Connection, now: datetime) -> bool:
    """Whether something is to be fetched."""
    waiting = sa.select(chat_files.c.id).where(chat_files.c.state == State.WAITING, chat_files.c.due_at <= now)
    return conn.execute(waiting.limit(1)).first() is not None


def settle(conn: sa.Connection, blobs: Blobs, file_id: int, media_type: str, blob: str, data: bytes) -> bool:
    """It was fetched; the blob is settled. False where it is not wanted any more."""
    mine = sa.and_(chat_files.c.id == file_id, chat_files.c.state == State.WAITING)
    values = {
        "state": State.HERE, "reason": "", "blob": blob, "media_type": media_type, "size": len(data),
        "claimed_until": None,
    }  # fmt: skip
    if not conn.execute(chat_files.update().where(mine).values(**values)).rowcount:
        return False
    blobs.keep(conn, [(blob, data)])
    return True


def put_off(conn: sa.Connection, file_id: int, reason: str, due_at: datetime) -> None:
    """It could not be fetched now: try again then."""
    values = {"reason": reason, "due_at": due_at, "claimed_until": None, "attempts": chat_files.c.attempts + 1}
    conn.execute(chat_files.update().where(chat_files.c.id == file_id).values(**values))


def give_up(conn: sa.Connection, file_id: int, state: State, reason: str) -> None:
    """It is not fetched (again)."""
    values = {"state": state, "reason": reason, "claimed_until": None}
    conn.execute(chat_files.update().where(chat_files.c.id == file_id).values(**values))


def delete(conn: sa.Connection, blobs: Blobs, which: sa.ColumnElement[bool]) -> None:
    """Forget the files *which*, with their bytes."""
    gone = conn.execute(chat_files.delete().where(which).returning(chat_files.c.blob)).all()
    blobs.release(conn, [row.blob for row in gone if row.blob])


def soon(now: datetime, attempts: int) -> datetime:
    """When to try again after so many attempts: the first time within seconds."""
    return now + timedelta(seconds=min(3600, 5 * 3**attempts))


def _view(row: sa.Row[Any]) -> Kept:
    names = [name for name in Kept.__dataclass_fields__ if name != "state"]
    return Kept(state=State(row.state), **{name: getattr(row, name) for name in names})
