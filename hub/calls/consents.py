"""What people agreed to, and what they do not want: to be called, to be recorded. Every change is in the audit.

Functions take a connection and run inside somebody's transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from hub import audit
from hub.calls.recordings import rows as recordings
from hub.privacy.visibility import Actor
from hub.store.schema import consents


class Purpose(StrEnum):
    """What for. `call`: to be called by us; without a word we may, where the config asks for no consent."""

    CALL = "call"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person at *handle* said: *given* is yes, else no (do not call, do not record). *evidence* says how we
    know, *interaction_id* in which call or message; *actor* wrote it down at *at* (UTC)."""

    handle: str
    purpose: Purpose
    given: bool
    evidence: str
    interaction_id: int | None
    actor: str
    at: datetime


def of(conn: sa.Connection, handle: str) -> list[Consent]:
    """What is known of *handle*, by purpose."""
    query = sa.select(consents).where(consents.c.handle == handle).order_by(consents.c.purpose)
    return [
        Consent(row.handle, Purpose(row.purpose), row.given, row.evidence, row.interaction_id, row.actor, row.at)
        for row in conn.execute(query)
    ]


def write(conn: sa.Connection, actor: Actor, new_id: Callable[[], int], said: Consent) -> None:
    """Write down what somebody said; it replaces what she said before. A yes to being recorded that was said in a call
    lets that call's recordings be fetched."""
    mine = sa.and_(consents.c.handle == said.handle, consents.c.purpose == said.purpose)
    conn.execute(consents.delete().where(mine))
    conn.execute(
        consents.insert().values(
            handle=said.handle,
            purpose=said.purpose,
            given=said.given,
            evidence=said.evidence,
            interaction_id=said.interaction_id,
            actor=said.actor,
            at=said.at,
        )
    )
    entry = new_id()
    audit.note(
        conn,
        entry,
        actor,
        f"consent.{said.purpose}.{'given' if said.given else 'refused'}",
        f"consent/{entry}",
        said.at,
    )
    if said.purpose is Purpose.RECORD and said.given and said.interaction_id is not None:
        recordings.agreed(conn, said.interaction_id, said.at)


def forget(
    conn: sa.Connection, actor: Actor, new_id: Callable[[], int], handle: str, purpose: Purpose, at: datetime
) -> bool:
    """Nothing is known any more of what somebody said. False where nothing was."""
    mine = sa.and_(consents.c.handle == handle, consents.c.purpose == purpose)
    if not conn.execute(consents.delete().where(mine)).rowcount:
        return False
    entry = new_id()
    audit.note(conn, entry, actor, f"consent.{purpose}.forgotten", f"consent/{entry}", at)
    return True
