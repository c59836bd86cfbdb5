"""Deletes an interaction for good: it goes from every timeline and does not come back with the next reading.

What outside CRMs were told stays with them.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import audit
from hub.alerts import telling
from hub.calls.recordings import rows as sound
from hub.calls.recordings.policy import Why
from hub.dialing import dials
from hub.files import rows as files
from hub.letters.letters import forget
from hub.live import LiveEvent
from hub.privacy.visibility import Actor
from hub.store import Store
from hub.store.alert_tables import reminders
from hub.store.chat_tables import chat_files, chat_threads
from hub.store.mention_tables import (
    mention_bands,
    mention_corrections,
    mention_matches,
    mention_spread,
    mentions,
    posts,
)
from hub.store.schema import (
    activities,
    conversation_reads,
    conversation_refs,
    conversations,
    copies,
    events,
    interactions,
    missed_calls,
    note_mentions,
    notes,
    participants,
    pops,
    recordings,
    tasks,
    tombstones,
    wrap_ups,
)
from hub.visitors import sessions

_ABOUT = (
    *(mentions, mention_bands, mention_matches, mention_spread, mention_corrections),
    *(activities, copies, participants, pops, notes, missed_calls, recordings, reminders, wrap_ups, chat_threads),
)
_OF_CONVERSATION = (conversation_refs, conversation_reads)


def delete(conn: Connection, store: Store, actor: Actor, interaction_id: int, now: datetime) -> list[LiveEvent]:
    """Delete the interaction in the caller's transaction. Answers what to tell the screens, nothing where there is no
    such interaction. Who may do so is the caller's to ask. The files of large blobs go when the hub starts the next
    time."""
    row = conn.execute(
        sa.select(interactions.c.key, interactions.c.conversation_id).where(interactions.c.id == interaction_id)
    ).one_or_none()
    if row is None:
        return []
    conn.execute(tombstones.insert().values(key=row.key, actor=actor.record, at=now))
    _release(conn, store, row.key)
    forget(conn, store.blobs, row.key)
    dials.remove(conn, row.key)
    conn.execute(posts.delete().where(posts.c.key == row.key))
    telling.forgotten(conn, interaction_id)
    files.delete(conn, store.blobs, chat_files.c.interaction_id == interaction_id)
    sound.delete(conn, store.blobs, recordings.c.interaction_id == interaction_id, Why.DELETED)
    conn.execute(
        note_mentions.delete().where(
            note_mentions.c.note_id.in_(sa.select(notes.c.id).where(notes.c.interaction_id == interaction_id))
        )
    )
    contacts = conn.scalars(sa.select(activities.c.contact_id).where(activities.c.interaction_id == interaction_id))
    told = [str(contact) for contact in contacts]
    conn.execute(tasks.update().where(tasks.c.interaction_id == interaction_id).values(interaction_id=None))
    sessions.forget(conn, interaction_id)
    for table in _ABOUT:
        conn.execute(table.delete().where(table.c.interaction_id == interaction_id))
    index = "rowid" if conn.dialect.name == "sqlite" else "interaction_id"
    conn.execute(sa.text(f"DELETE FROM search WHERE {index} = :id"), {"id": interaction_id})  # noqa: S608
    conn.execute(interactions.delete().where(interactions.c.id == interaction_id))
    _shorten(conn, row.conversation_id)
    audit.note(conn, store.ids(), actor, "interaction.delete", f"interaction/{interaction_id}", now)
    return [LiveEvent("activity", {"conversations": [str(row.conversation_id)], "contacts": told})]


def _release(conn: Connection, store: Store, key: str) -> None:
    """Forget the events, and the blobs that nothing else names."""
    named = conn.scalars(sa.select(events.c.blob).where(events.c.key == key, events.c.blob.is_not(None))).all()
    store.blobs.release(conn, named)
    conn.execute(events.delete().where(events.c.key == key))


def _shorten(conn: Connection, conversation_id: int) -> None:
    """The conversation ends with what is left of it, or goes where nothing is."""
    last = conn.execute(
        sa.select(interactions.c.id, interactions.c.occurred_at)
        .where(interactions.c.conversation_id == conversation_id)
        .order_by(interactions.c.occurred_at.desc(), interactions.c.id.desc())
        .limit(1)
    ).one_or_none()
    this = conversations.c.id == conversation_id
    if last is not None:
        conn.execute(conversations.update().where(this).values(last_at=last.occurred_at, last_interaction_id=last.id))
        return
    conn.execute(conversations.delete().where(this))
    for table in _OF_CONVERSATION:
        conn.execute(table.delete().where(table.c.conversation_id == conversation_id))
