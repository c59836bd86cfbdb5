"""A store of the release before becomes one of this release, with what lies in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from hub.store import Store
from hub.store.migrate import upgrade
from hub.store.schema import metadata, micros

NOW = datetime.now(UTC)
# What the first release wrote: id, direction, kind, facts, days ago → whether it waits for an answer now.
BEFORE = {
    1: ("inbound", "message", '{"title":"Offer?"}', 1, True),
    2: ("outbound", "message", '{"title":"Offer"}', 1, False),
    3: ("inbound", "message", '{"title":"Away","automatic":"auto-replied"}', 1, False),
    4: ("inbound", "message", '{"title":"Long ago"}', 40, False),
}
INTERACTION = (
    "INSERT INTO interactions (id, key, channel, kind, direction, occurred_at, title, preview, state, outcome,"
    " conversation_id, source, open_level, facts, revision, recorded_at)"
    " VALUES (:id, :key, 'email', :kind, :direction, :at, 'Offer', '', '', '', :id, 'mail', 3, :facts, 1, :at)"
)
CONVERSATION = (
    "INSERT INTO conversations (id, channel, title, last_at, last_interaction_id)"
    " VALUES (:id, 'email', 'Offer', :at, :id)"
)
COPY = (
    "INSERT INTO copies (interaction_id, source, place, provider_id, flags, level, audience)"
    " VALUES (:id, 'mail', 'INBOX', :key, '', 3, '')"
)


def first_release(url: str) -> None:
    """A store as the first release left it."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    upgrade(engine, "0001")
    with engine.begin() as conn:
        for id, (direction, kind, facts, days, _) in BEFORE.items():
            row = {"id": id, "key": f"mail:<{id}>", "direction": direction, "kind": kind, "facts": facts,
                   "at": micros(NOW - timedelta(days=days))}  # fmt: skip
            for statement in (CONVERSATION, INTERACTION, COPY):
                conn.execute(sa.text(statement), row)
    engine.dispose()


async def test_what_the_first_release_recorded_stands_in_the_shared_inbox(empty_url: str) -> None:
    first_release(empty_url)
    async with Store.open(empty_url) as store:
        rows = await store.read(
            lambda conn: conn.execute(
                sa.text("SELECT id, state, waiting_since IS NOT NULL FROM conversations ORDER BY id")
            ).all()
        )
        found = [(row[0], row[1], bool(row[2])) for row in rows]
        assert found == [(id, "open" if waits else "closed", waits) for id, (*_, waits) in BEFORE.items()]
        copies = await store.read(lambda conn: conn.execute(metadata.tables["copies"].select()).all())
        assert [(row.size, row.received_at, row.gone) for row in copies] == [(0, None, False)] * len(BEFORE)
