"""The store itself: schema, transactions, lanes, locks, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from hub import Unavailable
from hub.formats.digest import digest
from hub.store import Lane, Store, StoreLocked
from hub.store.blobs import INLINE_LIMIT
from hub.store.schema import audit, blobs, metadata
from tests.servers.postgresql import PostgreSQL


async def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    def differences(conn: sa.Connection) -> list[object]:
        context = MigrationContext.configure(conn, opts={"compare_type": False})
        return [
            change
            for change in compare_metadata(context, metadata)
            # SQLite cannot tell what an index on an expression is; the full-text tables are no metadata's.
            if "search" not in repr(change) and "ix_activities_timeline" not in repr(change)
        ]

    assert await store.read(differences) == []


async def test_opening_twice_migrates_once(empty_url: str) -> None:
    for _ in range(2):
        async with Store.open(empty_url) as store:
            versions = await store.read(
                lambda conn: list(conn.execute(sa.text("SELECT version_num FROM alembic_version")))
            )
            assert len(versions) == 1


async def test_a_failed_write_leaves_nothing_and_the_next_one_works(store: Store) -> None:
    def half(conn: sa.Connection) -> None:
        conn.execute(audit.insert().values(id=1, at=_now(), actor="a", action="x", record="r"))
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        await store.write(half)
    await store.write(
        lambda conn: conn.execute(audit.insert().values(id=2, at=_now(), actor="a", action="x", record="r")) and None
    )
    assert await store.read(lambda conn: list(conn.execute(sa.select(audit.c.id)).scalars())) == [2]


async def test_a_ringing_phone_goes_before_the_mail_that_waits(store: Store) -> None:
    if store.dialect != "sqlite":
        await _lanes_do_not_wait_for_each_other(store)
        return
    order: list[str] = []
    gate, entered = threading.Event(), threading.Event()

    def busy(conn: sa.Connection) -> None:
        entered.set()
        gate.wait(10)

    first = asyncio.create_task(store.write(busy, Lane.BULK))
    await asyncio.to_thread(entered.wait, 10)
    rest = [
        asyncio.create_task(store.write(lambda conn, name=name: order.append(name), lane))
        for name, lane in (("mail", Lane.BULK), ("page", Lane.PEOPLE), ("mail", Lane.BULK), ("call", Lane.CALLS))
    ]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *rest)
    assert order == ["call", "page", "mail", "mail"]


async def _lanes_do_not_wait_for_each_other(store: Store) -> None:
    gate = threading.Event()
    mail = asyncio.create_task(store.write(lambda conn: gate.wait(10), Lane.BULK))
    assert await store.write(lambda conn: "rings", Lane.CALLS) == "rings"
    gate.set()
    assert await mail is True


async def test_small_and_large_blobs_come_back(store: Store) -> None:
    for data in (b"small", os.urandom(INLINE_LIMIT + 1)):
        name = digest(data)
        await asyncio.to_thread(store.blobs.settle, name, data)
        await store.write(lambda conn, name=name, data=data: store.blobs.keep(conn, [(name, data), (name, data)]))
        assert await store.read(lambda conn, name=name: store.blobs.read(conn, name)) == data
    assert await store.read(lambda conn: set(conn.execute(sa.select(blobs.c.refs)).scalars())) == {2}
    assert await store.read(lambda conn: store.blobs.read(conn, "no such")) is None


async def test_a_second_hub_on_one_sqlite_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.sqlite3'}"
    async with Store.open(url):
        with pytest.raises(StoreLocked, match="in use by another hub"):
            async with Store.open(url):
                raise AssertionError("both are open")
    async with Store.open(url) as store:
        assert store.dialect == "sqlite"


async def test_a_full_disk_is_unavailable_and_nothing_is_half_there(tmp_path: Path) -> None:
    """The child may write files of 1 MB at most: what the system says then is what it says of a full disk."""
    program = """
import asyncio, resource, signal, sys
from hub import Unavailable
from hub.store import Store
from hub.store.schema import audit, moment

async def main(url):
    async with Store.open(url) as store:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        try:
            for number in range(1000):
                await store.write(lambda conn: conn.execute(audit.insert().values(
                    id=number, at=moment(0), actor="a", action="x" * 10000, record="r")) and None)
        except Unavailable as error:
            count = await store.read(lambda conn: conn.exec_driver_sql("SELECT count(*) FROM audit").scalar())
            print("unavailable", number == count)

asyncio.run(main(sys.argv[1]))
"""
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path / 'hub.sqlite3'}"]
    output = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert output.stdout == "unavailable True\n", output.stderr


async def test_a_server_that_goes_away_is_unavailable_and_comes_back(postgres_url: str, postgres: PostgreSQL) -> None:
    async with Store.open(postgres_url) as store:
        assert await store.write(lambda conn: 1) == 1
        await store.read(
            lambda conn: (
                conn.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                ).all()
                and None
            )
        )
        with pytest.raises(Unavailable):
            await store.write(lambda conn: conn.exec_driver_sql("SELECT 1").scalar())
        assert await store.write(lambda conn: conn.exec_driver_sql("SELECT 1").scalar()) == 1


async def test_a_server_that_goes_away_while_it_is_asked_is_unavailable(postgres_url: str) -> None:
    def cut(conn: sa.Connection) -> None:
        conn.connection.cursor().execute("SELECT pg_terminate_backend(pg_backend_pid())")

    async with Store.open(postgres_url) as store:
        for ask in (store.read, store.write):
            with pytest.raises(Unavailable):
                await ask(cut)
            assert await ask(lambda conn: conn.execute(sa.select(1)).scalar()) == 1


async def test_ids_grow_and_do_not_repeat(store: Store) -> None:
    ids = [store.ids() for _ in range(50_000)]
    assert ids == sorted(set(ids))
    assert max(ids) < 1 << 63


def _now() -> datetime:
    return datetime.now(UTC)
