"""The store: SQLite or PostgreSQL behind the same three verbs. Nothing of it runs in the event loop."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.pool import QueuePool

from hub.contracts import Unavailable
from hub.store.blobs import Blobs, sync_folder
from hub.store.ids import Ids
from hub.store.migrate import upgrade

log = logging.getLogger(__name__)
T = TypeVar("T")

READERS = 4
CHECKPOINT_SECONDS = 0.5
CHECKPOINT_LIMIT = 64 << 20  # a write-ahead log beyond this is emptied even if the writers must wait for it
RETRIES = 3


class StoreLocked(Exception):
    """Another hub has this SQLite store open. The text says which file and what to do."""


class Lane(IntEnum):
    """What goes first when several writes wait: a ringing phone, then people at their screens, then the rest."""

    CALLS = 0
    PEOPLE = 1
    BULK = 2


@dataclass(slots=True)
class _Job:
    work: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]

    def settle(self, result: Any, error: BaseException | None) -> None:
        def tell() -> None:
            if self.done.cancelled():
                return
            if error is None:
                self.done.set_result(result)
            else:
                self.done.set_exception(error)

        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(tell)


class Writer:
    """A thread with a connection of its own that runs one transaction after the other, the most urgent lane first."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._lanes: tuple[deque[_Job], ...] = tuple(deque() for _ in Lane)
        self._tokens: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[Connection], T], lane: Lane) -> T:
        """Run *work* in a transaction of its own. It is durable when this returns."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._lanes[lane].append(_Job(work, loop, done))
        self._tokens.put(True)
        return await done

    def close(self) -> None:
        """Finish what waits and end the thread."""
        self._tokens.put(False)
        self._thread.join()

    def _run(self) -> None:
        conn: Connection | None = None
        while self._tokens.get():
            job = next(lane for lane in self._lanes if lane).popleft()
            try:
                if conn is None:
                    conn = self._engine.connect()
                result = self._transact(conn, job.work)
            except BaseException as error:  # the caller decides what it means; this thread must live
                told = translate(error)
                job.settle(None, told)
                if conn is not None and isinstance(told, Unavailable):  # begin anew with a connection that works
                    conn.invalidate()
                    conn.close()
                    conn = None
            else:
                job.settle(result, None)
        if conn is not None:
            conn.close()

    def _transact(self, conn: Connection, work: Callable[[Connection], Any]) -> Any:
        for attempt in range(RETRIES):
            try:
                with conn.begin():
                    return work(conn)
            except Exception as error:
                if not _worth_repeating(error) or attempt == RETRIES - 1:
                    raise
        return None


def _code(error: BaseException) -> str:
    """PostgreSQL's SQLSTATE, from SQLAlchemy's error or the driver's own."""
    origin = getattr(error, "orig", None) or error
    return getattr(origin, "sqlstate", None) or ""


def _worth_repeating(error: BaseException) -> bool:
    return _code(error) in ("40001", "40P01")  # serialisation failure, deadlock


def translate(error: BaseException, what: str = "the store cannot write") -> BaseException:
    """A store that is down, locked, full or in trouble is `Unavailable`; data errors and bugs stay what they are."""
    origin = getattr(error, "orig", None) or error
    kinds = {cls.__name__ for cls in type(origin).__mro__}
    trouble = isinstance(error, OSError) or not kinds.isdisjoint(("OperationalError", "InterfaceError"))
    if trouble or getattr(error, "connection_invalidated", False) or _code(error)[:2] in ("08", "53", "57", "58"):
        unavailable = Unavailable(f"{what}: {origin}".strip())
        unavailable.__cause__ = error
        return unavailable
    return error


class Store:
    """Open with `Store.open(url)`. `read` and `write` run functions of a SQLAlchemy connection in threads."""

    def __init__(self, url: str, blobs: Path | None) -> None:
        self.dialect = sa.make_url(url).get_backend_name()
        self.ids = Ids()
        self._engine = _engine(url, writes=True)
        self._reading = _engine(url, writes=False) if self.dialect == "sqlite" else self._engine
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._writers: dict[Lane, Writer] = {}
        self.blobs = Blobs(blobs)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, migrate: bool = True) -> AsyncGenerator[Store, None]:
        """The store at *url* (`sqlite:///path` or `postgresql://…`), brought to the newest schema.

        Raises `StoreLocked` where another process has this SQLite open, `Unavailable` where it cannot be reached.
        """
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        async with AsyncExitStack() as stack:
            folder: Path | None = None
            database = sa.make_url(url).database
            if url.startswith("sqlite") and database:
                path = _place(database)
                stack.enter_context(_Lock(path))
                folder = path.parent / "blobs"
            store = cls(url, folder)
            stack.callback(store._dispose)
            if migrate:
                try:
                    await asyncio.to_thread(upgrade, store._engine)
                except sa.exc.OperationalError as error:
                    raise Unavailable(f"the store cannot be opened: {error.orig}") from error
            store._start()
            if store.dialect == "sqlite":
                await store.read(store.blobs.sweep)
                checkpoints = asyncio.create_task(store._checkpoint())
                stack.push_async_callback(_cancelled, checkpoints)
            yield store

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run *work* in a reader thread; what it returns must not hold on to the connection."""

        def job() -> T:
            with self._reading.connect() as conn:
                return work(conn)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, job)
        except OSError:  # a blob's file: the store itself answers
            raise
        except Exception as error:
            told = translate(error, "the store cannot be read")
            if told is error:
                raise
            raise told from error

    async def write(self, work: Callable[[Connection], T], lane: Lane = Lane.PEOPLE) -> T:
        """Run *work* in one transaction; it is durable when this returns. *work* may be repeated after a deadlock.

        Raises `Unavailable` where the store cannot take it; errors in the data stay SQLAlchemy's.
        """
        return await self._writers[lane].write(work, lane)

    def _start(self) -> None:
        if self.dialect == "sqlite":  # one writer at a time is the database's own rule: one thread, lanes by urgency
            writer = Writer(self._engine, "store-write")
            self._writers = dict.fromkeys(Lane, writer)
        else:
            self._writers = {lane: Writer(self._engine, f"store-write-{lane.name.lower()}") for lane in Lane}

    def _dispose(self) -> None:
        for writer in set(self._writers.values()):
            writer.close()
        self._readers.shutdown()
        self._reading.dispose()
        self._engine.dispose()

    async def _checkpoint(self) -> None:
        """Move the write-ahead log into the database beside the writers, not inside their commits."""

        def passive() -> int:
            with self._engine.connect() as conn:
                cursor = conn.connection.cursor()
                frames = cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
                cursor.close()
                return int(frames) * 4096

        def restart(conn: Connection) -> None:
            conn.connection.cursor().execute("COMMIT")  # a checkpoint cannot run inside a transaction
            conn.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            conn.connection.cursor().execute("BEGIN IMMEDIATE")

        put_off = False
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            try:
                if await asyncio.to_thread(passive) > CHECKPOINT_LIMIT:
                    await self.write(restart, Lane.BULK)
                put_off = False
            except (sa.exc.OperationalError, sqlite3.OperationalError, Unavailable) as error:
                if not put_off:
                    log.warning("checkpoint put off: %s", error)
                put_off = True


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _place(database: str) -> Path:
    """Where a SQLite file really is: its lock and its blobs lie there, by whatever name somebody opens it."""
    path = Path(database).resolve()
    if not path.parent.exists():
        path.parent.mkdir(parents=True, mode=0o700)
        sync_folder(path.parent.parent)
    return path


class _Lock:
    """Held while this process has the SQLite store open: `<store>.lock` beside it."""

    def __init__(self, store: Path) -> None:
        self._store = store

    def __enter__(self) -> None:
        self._file = os.open(f"{self._store}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise StoreLocked(f"{self._store} is in use by another hub. Stop that one, or use its commands.") from error

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _engine(url: str, *, writes: bool) -> Engine:
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_size=READERS + len(Lane), max_overflow=2, pool_pre_ping=True)
    engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=2 if writes else READERS,
        connect_args={"check_same_thread": False, "timeout": 10, "cached_statements": 256},
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN itself, below
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "wal_autocheckpoint = 0",
            "foreign_keys = ON",
            "cache_size = -65536",
            "temp_store = MEMORY",
            "mmap_size = 268435456",
            "query_only = " + ("OFF" if writes else "ON"),
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
