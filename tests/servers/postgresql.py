"""A PostgreSQL server with databases made and thrown away for each test."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.servers.process import Account, ServerProcess, account, folder_for, free_port, program

PACKAGE = "postgresql"
USER = "hub"
# What was committed outlives a killed server but not a power cut: most tests need no more.
FAST = ("-c", "fsync=off", "-c", "full_page_writes=off")


class PostgreSQL:
    """One running cluster on 127.0.0.1; logs in without a password."""

    def __init__(self, process: ServerProcess, port: int) -> None:
        self.process = process
        self.port = port
        self._numbers = count(1)
        self._prepared: set[str] = set()
        self._emptied: dict[str, list[str]] = {}

    def url(self, database: str) -> str:
        """The address of *database* as ``[hub] store`` takes it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template0") -> str:
        """Create a database as a copy of *template* and return its name."""
        name = f"test_{next(self._numbers)}"
        self._run("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def drop(self, database: str) -> None:
        """Drop *database*, whoever is still connected to it."""
        self._run("DROP DATABASE {} WITH (FORCE)", database)

    @contextmanager
    def out_of_reach(self, database: str) -> Iterator[None]:
        """Nobody reaches *database* within the block, and who was connected is cut off."""
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(allow.format(sql.Identifier(database), sql.Literal(False)))
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])
            yield
            connection.execute(allow.format(sql.Identifier(database), sql.Literal(True)))

    def prepared(self, name: str, prepare: Callable[[str], None]) -> str:
        """The name of a template database that ``prepare(url)`` filled, once for this cluster.

        ``create(template)`` copies it in some tenths of a second, which is faster than migrating anew.
        """
        if name not in self._prepared:
            self._run("CREATE DATABASE {} TEMPLATE {}", name, "template0")
            prepare(self.url(name))
            self._prepared.add(name)
        return name

    @contextmanager
    def lent(self, template: str) -> Iterator[str]:
        """A database that is as *template*, whose own tables are empty. What is written into it goes afterwards, and it
        is lent again: that takes a fiftieth of copying the template."""
        free = self._emptied.setdefault(template, [])
        name = free.pop() if free else self.create(template)
        before = self._shape(name)
        yield name
        if self._shape(name) != before:
            self.drop(name)
            return
        self._empty(name)
        free.append(name)

    def _empty(self, database: str) -> None:
        """Cut off whoever is connected to *database*, and delete all rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
            ).fetchall()
            # In any order, whatever refers to what.
            connection.execute("SET session_replication_role = replica")
            statements = [sql.SQL("DELETE FROM {}").format(sql.Identifier(table)) for (table,) in tables]
            connection.execute(sql.SQL("; ").join(statements))

    def _shape(self, database: str) -> tuple[object, ...]:
        """What changes when somebody changes tables, or has written so much that a new database is quicker."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            shape = connection.execute(
                "SELECT count(*), max(oid), (SELECT count(*) FROM pg_attribute), (SELECT count(*) FROM pg_constraint),"
                " pg_database_size(current_database()) > 30000000 FROM pg_class"
            ).fetchone()
            assert shape is not None
            return shape

    def _run(self, statement: LiteralString, *names: str) -> None:
        # CREATE DATABASE can't run inside a transaction.
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def postgresql(*, durable: bool = False) -> Iterator[PostgreSQL]:
    """A running cluster. *durable* writes through to the disk, as production does; otherwise it is fast."""
    owner = account("postgres")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda bin: int(bin.parent.name), reverse=True)
    server = program("postgres", package=PACKAGE, folders=folders)
    folder = folder_for("postgresql", owner)
    try:
        _initialise(server.with_name("initdb"), folder, owner)
        port = free_port()
        command: list[str | Path] = [server, "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port)]
        # No socket file; connections enough for a pool on each side of a race.
        command += ["-k", "", "-N", "200", *(() if durable else FAST)]

        def answers() -> None:
            try:
                psycopg.connect(f"postgresql://{USER}@127.0.0.1:{port}/postgres", connect_timeout=2).close()
            except psycopg.OperationalError as error:
                raise ConnectionError(str(error)) from error

        process = ServerProcess(command, answers=answers, log=folder / "log", owner=owner)
        process.start()
        try:
            yield PostgreSQL(process, port)
        finally:
            # SIGINT is PostgreSQL's fast shutdown: it ends open sessions instead of waiting for them.
            process.stop(signal.SIGINT)
    finally:
        shutil.rmtree(folder)


def _initialise(initdb: Path, folder: Path, owner: Account) -> None:
    command: list[str | Path] = [initdb, "--pgdata", folder / "data", "--username", USER, "--auth", "trust"]
    command += ["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
    with owner.popen(command, folder=folder, stdout=subprocess.PIPE) as process:
        output, _ = process.communicate(timeout=60)
    if process.returncode:
        pytest.fail(f"initdb failed: {output.decode()}", pytrace=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """One fast cluster for the whole run."""
    with postgresql() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgreSQL) -> Iterator[str]:
    """The address of an empty database of this test's own."""
    database = postgres.create()
    yield postgres.url(database)
    postgres.drop(database)
