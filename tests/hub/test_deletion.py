"""What is deleted here is gone, and does not come back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hub import deletion
from hub.privacy.visibility import HUB
from hub.store import Store
from tests.hub.core import Core, letter, open_core

TABLES = ("interactions", "events", "copies", "participants", "activities", "conversations", "blobs", "search", "notes")


async def counts(core: Core) -> dict[str, int]:
    return {table: await core.one(f"SELECT count(*) FROM {table}") for table in TABLES}


async def delete(core: Core, interaction_id: int) -> bool:
    now = datetime.now(UTC)
    return bool(await core.store.write(lambda conn: deletion.delete(conn, core.store, HUB, interaction_id, now)))


async def test_what_is_deleted_does_not_come_back_with_the_next_reading(core: Core) -> None:
    await core.contact("Li Na", "mailto:li.na@customer.example")
    await core.ingest.record("mail", [letter("a@customer.example")])
    assert await delete(core, await core.one("SELECT id FROM interactions"))
    assert set((await counts(core)).values()) == {0}
    await core.ingest.record("mail", [letter("a@customer.example", uid=9)])
    await core.ingest.record("other", [letter("a@customer.example", place="Archive")])
    assert set((await counts(core)).values()) == {0}


async def test_the_rest_of_its_conversation_stays(core: Core) -> None:
    await core.ingest.record("mail", [letter("a@customer.example", uid=1)])
    later = datetime(2026, 11, 21, 9, tzinfo=UTC)
    await core.ingest.record(
        "mail", [letter("b@customer.example", references=["a@customer.example"], uid=2, date=later)]
    )
    first, last = [row[0] for row in await core.rows("SELECT id FROM interactions ORDER BY occurred_at")]
    assert await delete(core, last)
    assert await core.rows("SELECT last_interaction_id FROM conversations") == [(first,)]
    assert (await counts(core))["blobs"] == 1
    answer = letter("c@customer.example", references=["b@customer.example"], uid=3)
    await core.ingest.record("mail", [answer])
    assert await core.one("SELECT count(*) FROM conversations") == 1


async def test_what_is_not_there_cannot_be_deleted(core: Core) -> None:
    assert not await delete(core, 12)


async def test_the_file_of_a_large_one_goes_when_the_hub_starts_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.sqlite3'}"
    async with Store.open(url) as store, open_core(store) as core:
        await core.ingest.record("mail", [letter("a@customer.example", text="x" * 100_000, uid=1)])
        await core.ingest.record("mail", [letter("b@customer.example", text="y" * 100_000, uid=2)])
        assert await delete(core, await core.one("SELECT min(id) FROM interactions"))
    stray = tmp_path / "blobs" / "ab" / "tmphalf"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"half of a mail")
    async with Store.open(url) as store, open_core(store) as core:
        kept = await core.one("SELECT hash FROM blobs")
        assert [path.name for path in (tmp_path / "blobs").glob("??/*")] == [kept]
