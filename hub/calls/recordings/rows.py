"""The recordings of calls as rows: which there are, what becomes of each, and which are due.

Functions take a connection and run inside somebody's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.calls.recordings.policy import Sound, State, Why
from hub.store.blobs import Blobs
from hub.store.schema import consents, micros, moment, recordings
from hub.store.sets import SetRead, SetWrite, among
from hub.vocabulary import Call, Recording

if TYPE_CHECKING:
    from hub.batch import Subject

RECORD = "record"
"""The purpose under which consent to being recorded stands."""

_ADD = SetWrite(
    recordings,
    (
        "id", "interaction_id", "source", "provider_id", "url", "voicemail", "state", "reason", "seconds", "channels",
        "started_at", "due_at", "keep_until",
    ),
    "ON CONFLICT (source, provider_id) DO UPDATE SET seconds = COALESCE(excluded.seconds, recordings.seconds),"
    " channels = COALESCE(excluded.channels, recordings.channels)",
)  # fmt: skip
_KNOWN = SetRead(sa.select(recordings.c.source, recordings.c.provider_id).where(among(recordings.c.provider_id)))
_SAID = SetRead(
    sa.select(consents.c.handle, consents.c.given).where(
        consents.c.purpose == RECORD, among(consents.c.handle)
    )
)  # fmt: skip


def recorded(
    conn: sa.Connection, subjects: Sequence[Subject], sound: Sound, new_id: Callable[[], int], now: int
) -> None:
    """The recordings that *subjects* tell of. *now* is microseconds since 1970, UTC."""
    told = list(_told(subjects))
    known = set(_KNOWN(conn, sorted({recording.id for _, _, recording in told})))
    fresh = [each for each in told if (each[1], each[2].id) not in known]
    if not fresh:
        return
    said = dict(_SAID(conn, sorted({p.handle for subject, _, _ in fresh for p in subject.participants if p.handle})))
    rows: dict[tuple[str, str], tuple[Any, ...]] = {}
    for subject, source, recording in fresh:
        assert isinstance(subject.facts, Call)
        line = subject.facts.line or ""
        answers = [bool(said[p.handle]) for p in subject.participants if p.handle in said]
        answer = (all(answers) if answers else None) if not recording.voicemail else None
        why = sound.unwanted(line, voicemail=recording.voicemail, said=answer)
        if why is None and source not in sound.sources:
            why = Why.NO_SOURCE
        began = micros(recording.started_at) if recording.started_at else subject.at
        rows[source, recording.id] = (
            new_id(), subject.id, source, recording.id, recording.url, recording.voicemail,
            State.UNWANTED if why else State.WAITING, why or "", recording.seconds, recording.channels,
            began, now, micros(sound.until(line, moment(began))),
        )  # fmt: skip
    _ADD(conn, [rows[name] for name in sorted(rows)])


def _told(subjects: Iterable[Subject]) -> Iterable[tuple[Subject, str, Recording]]:
    """Each recording with the source that told of it: only that one can fetch it."""
    for subject in subjects:
        if not isinstance(subject.facts, Call) or not subject.facts.recordings:
            continue
        for source, entry in subject.entries:
            facts = entry.event.facts
            for recording in facts.recordings if isinstance(facts, Call) else ():
                yield subject, source, recording


# --- what is kept ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording as people see it. *size* in bytes, *seconds* its length; *reason* is a `Why` or a line of words."""

    id: int
    interaction_id: int
    source: str
    provider_id: str
    url: str
    voicemail: bool
    state: State
    reason: str
    blob: str
    media_type: str
    size: int
    seconds: int | None
    channels: int | None
    started_at: datetime | None
    keep_until: datetime | None
    attempts: int

    @property
    def recording(self) -> Recording:
        """As the source told of it."""
        return Recording(
            id=self.provider_id,
            url=self.url,
            voicemail=self.voicemail,
            seconds=self.seconds,
            channels=self.channels,
            started_at=self.started_at,
        )


def of(conn: sa.Connection, interaction_ids: Sequence[int]) -> list[Kept]:
    """The recordings of these calls, the earliest first. Whether the reader may know of them the caller has asked."""
    query = sa.select(recordings).where(recordings.c.interaction_id.in_(interaction_ids))
    return [_view(row) for row in conn.execute(query.order_by(recordings.c.started_at, recordings.c.id))]


def by_id(conn: sa.Connection, recording_id: int) -> Kept | None:
    """The recording of that id."""
    row = conn.execute(sa.select(recordings).where(recordings.c.id == recording_id)).one_or_none()
    return _view(row) if row else None


def claim(conn: sa.Connection, now: datetime, until: datetime, most: int) -> list[Kept]:
    """At most *most* recordings that are to be fetched now, claimed *until* then."""
    free = sa.or_(recordings.c.claimed_until.is_(None), recordings.c.claimed_until < now)
    due = sa.and_(recordings.c.state == State.WAITING, recordings.c.due_at <= now, free)
    ids = conn.execute(
        sa.select(recordings.c.id)
        .where(due)
        .order_by(recordings.c.due_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).scalars()
    chosen = recordings.c.id.in_(list(ids))
    rows = conn.execute(recordings.update().where(chosen).values(claimed_until=until).returning(recordings)).all()
    return [_view(row) for row in rows]


def any_due(conn: sa.Connection, now: datetime) -> bool:
    """Whether something is to be fetched or has been kept long enough."""
    waiting = sa.and_(recordings.c.state == State.WAITING, recordings.c.due_at <= now)
    old = sa.and_(recordings.c.keep_until < now, recordings.c.state.in_((State.KEPT, State.WAITING)))
    return any(conn.execute(sa.select(recordings.c.id).where(which).limit(1)).first() for which in (waiting, old))


def settle(conn: sa.Connection, blobs: Blobs, recording_id: int, media_type: str, blob: str, data: bytes) -> bool:
    """It was fetched; the blob is settled. False where it is not wanted any more."""
    mine = sa.and_(recordings.c.id == recording_id, recordings.c.state == State.WAITING)
    values = {
        "state": State.KEPT, "reason": "", "blob": blob, "media_type": media_type, "size": len(data),
        "claimed_until": None,
    }  # fmt: skip
    if not conn.execute(recordings.update().where(mine).values(**values)).rowcount:
        return False
    blobs.keep(conn, [(blob, data)])
    return True


def put_off(conn: sa.Connection, recording_id: int, reason: str, due_at: datetime) -> None:
    """It could not be fetched now: try again then."""
    values = {"reason": reason, "due_at": due_at, "claimed_until": None, "attempts": recordings.c.attempts + 1}
    conn.execute(recordings.update().where(recordings.c.id == recording_id).values(**values))


def give_up(conn: sa.Connection, recording_id: int, state: State, reason: str) -> None:
    """It is not fetched (again)."""
    values = {"state": state, "reason": reason, "claimed_until": None}
    conn.execute(recordings.update().where(recordings.c.id == recording_id).values(**values))


def delete(conn: sa.Connection, blobs: Blobs, which: sa.ColumnElement[bool], why: Why) -> int:
    """Let go of the sound of the recordings *which*; that there was one stays known. Answers how many."""
    alive = sa.and_(which, recordings.c.state.in_((State.KEPT, State.WAITING, State.FAILED)))
    gone = conn.execute(sa.select(recordings.c.id, recordings.c.blob).where(alive).with_for_update()).all()
    blobs.release(conn, [row.blob for row in gone if row.blob])
    values = {"state": State.GONE, "reason": why, "blob": "", "size": 0}
    conn.execute(recordings.update().where(recordings.c.id.in_([row.id for row in gone])).values(**values))
    return len(gone)


def expire(conn: sa.Connection, blobs: Blobs, now: datetime) -> int:
    """Let go of what was kept long enough."""
    return delete(conn, blobs, recordings.c.keep_until < now, Why.EXPIRED)


def agreed(conn: sa.Connection, interaction_id: int, now: datetime) -> None:
    """The person said in this call that it may be recorded: what waited for that is fetched."""
    waits = sa.and_(recordings.c.interaction_id == interaction_id, recordings.c.reason == Why.CONSENT)
    conn.execute(recordings.update().where(waits).values(state=State.WAITING, reason="", due_at=now))


def soon(now: datetime, attempts: int) -> datetime:
    """When to try again after so many attempts: the first time within seconds, for some providers tell of a recording
    a moment before it is there."""
    return now + timedelta(seconds=min(3600, 5 * 3**attempts))


def _view(row: sa.Row[Any]) -> Kept:
    names = [name for name in Kept.__dataclass_fields__ if name != "state"]
    return Kept(state=State(row.state), **{name: getattr(row, name) for name in names})
