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


async def test_missed_calls_of_the_release_before_are_in_the_ledger(empty_url: str) -> None:
    engine = sa.create_engine(empty_url.replace("postgresql://", "postgresql+psycopg://"))
    upgrade(engine, "0002")
    missed, at = {"id": 7, "key": "pbx:7"}, micros(NOW - timedelta(hours=5))
    with engine.begin() as conn:
        for statement in (
            "INSERT INTO conversations (id, channel, title, last_at, last_interaction_id, owner, waiting_since)"
            " VALUES (:id, 'voice', '', :at, :id, 'ada', :at)",
            "INSERT INTO interactions (id, key, channel, kind, direction, occurred_at, title, preview, state, outcome,"
            " conversation_id, source, open_level, facts, revision, recorded_at) VALUES (:id, :key, 'voice', 'call',"
            " 'inbound', :at, '', '', 'ended', 'missed', :id, 'pbx', 3, '{}', 1, :at)",
            "INSERT INTO participants (interaction_id, position, handle, role, name, ours)"
            " VALUES (:id, 0, 'tel:+4917012345678', 'caller', '', false)",
        ):
            conn.execute(sa.text(statement), {**missed, "at": at})
    engine.dispose()
    async with Store.open(empty_url) as store:
        rows = await store.read(lambda conn: conn.execute(metadata.tables["missed_calls"].select()).all())
        found = [(row.interaction_id, row.handle, row.owner, row.state, row.missed_at) for row in rows]
        assert found == [(7, "tel:+4917012345678", "ada", "open", NOW - timedelta(hours=5))]
        assert rows[0].alerted_at is not None
