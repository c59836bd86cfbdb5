"""The audit: who did what to which record, kept for ever.

It holds record ids only (`contact/7`, `login/3`), never names, addresses or subjects, so that a person can be erased
while the audit stays as it was written.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from hub.privacy.visibility import Actor
from hub.store.schema import audit


def note(conn: Connection, entry_id: int, actor: Actor, action: str, record: str, now: datetime) -> None:
    """Write down that *actor* did *action* (`contact.create`) to *record*, in the transaction that does it."""
    conn.execute(audit.insert().values(id=entry_id, at=now, actor=actor.record, action=action, record=record))
