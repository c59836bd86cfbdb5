"""Statements that run once for a whole set of rows, on SQLite and on PostgreSQL.

A batch of 64 interactions costs one call per statement instead of 64 (docs/PERFORMANCE.md has the figures). `SetRead`
and `SetWrite` are compiled from the tables once per database and then run on the driver's cursor, inside the
transaction of the SQLAlchemy connection they are given. Values pass as the driver takes them: integers for `Instant`,
text for `Document`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

_DIALECTS = {"sqlite": sqlite.dialect(paramstyle="named"), "postgresql": postgresql.psycopg.dialect()}  # type: ignore[no-untyped-call]


class among(sa.ColumnElement[bool]):  # noqa: N801 — reads as an operator
    """`column` is one of the values that the statement is run with."""

    inherit_cache = True
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[Any]) -> None:
        self.column = column
        self.keys: sa.BindParameter[Any] = sa.bindparam("keys")

    def self_group(self, against: Any = None) -> among:
        """As it is: SQLAlchemy would add `= 1` for SQLite, and SQLite then finds no index for it."""
        return self


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    return (
        f"{compiler.process(element.column, **kw)} IN (SELECT value FROM json_each({compiler.process(element.keys)}))"
    )


@compiles(among, "postgresql")
def _among_postgresql(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    kind = element.column.type.compile(dialect=_DIALECTS["postgresql"])
    return f"{compiler.process(element.column, **kw)} = ANY({compiler.process(element.keys)}::{kind}[])"


class given(sa.ColumnElement[Any]):  # noqa: N801 — as `among`
    """A value of *kind* that the statement is run with under *name*."""

    inherit_cache = True

    def __init__(self, name: str, kind: sa.types.TypeEngine[Any]) -> None:
        self.type = kind
        self.value: sa.BindParameter[Any] = sa.bindparam(name)


@compiles(given)
def _given(element: given, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.value)


class SetRead:
    """A select with one `among(...)` in it, and perhaps a `given(...)`; its other values stand in the statement. Rows
    are tuples of driver values."""

    def __init__(self, select: sa.Select[Any]) -> None:
        literal = {"literal_binds": True}
        self._sql = {
            name: str(select.compile(dialect=dialect, compile_kwargs=literal)) for name, dialect in _DIALECTS.items()
        }

    def sql(self, dialect: str) -> str:
        """The statement in the words of *dialect*, with one parameter, `keys`."""
        return self._sql[dialect]

    def __call__(self, conn: sa.Connection, keys: Sequence[Any], **values: Any) -> list[tuple[Any, ...]]:
        """The rows for *keys*, with *values* where they are `given`; no statement is sent for an empty set."""
        if not keys:
            return []
        name = conn.dialect.name
        value = orjson.dumps(list(keys)).decode() if name == "sqlite" else list(keys)
        cursor = conn.connection.cursor()
        cursor.execute(self._sql[name], {"keys": value, **values})
        rows = list(cursor.fetchall())
        cursor.close()
        return rows


class SetWrite:
    """An insert of a set of rows into *columns* of *table*, with what to do on conflict (the same SQL on both).

    Rows are tuples in the order of *columns*; within a set they must be distinct where *on_conflict* updates.
    """

    def __init__(self, table: sa.Table, columns: Sequence[str], on_conflict: str = "") -> None:
        names = ", ".join(columns)
        kinds = [table.c[column].type.compile(dialect=_DIALECTS["postgresql"]) for column in columns]
        self._arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
        marks = ", ".join("?" * len(columns))
        head = f"INSERT INTO {table.name} ({names})"
        self._sqlite = f"{head} VALUES ({marks}) {on_conflict}"
        self._postgresql = f"{head} SELECT * FROM unnest({self._arrays}) {on_conflict}"

    def __call__(self, conn: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write *rows*; no statement is sent for an empty set."""
        if not rows:
            return
        cursor = conn.connection.cursor()
        if conn.dialect.name == "sqlite":
            cursor.executemany(self._sqlite, rows)
        else:
            cursor.execute(self._postgresql, [list(column) for column in zip(*rows, strict=True)])
        cursor.close()


class Run:
    """One parametrised statement in each database's words, run for its effect; answers how many rows it touched."""

    def __init__(self, sqlite: str, postgresql: str | None = None) -> None:
        self._sqlite = sqlite
        self._postgresql = postgresql or sqlite.replace("?", "%s")

    def __call__(self, conn: sa.Connection, *values: Any) -> int:
        """Run with *values*."""
        cursor = conn.connection.cursor()
        cursor.execute(self._sqlite if conn.dialect.name == "sqlite" else self._postgresql, values)
        count = cursor.rowcount
        cursor.close()
        return count

    def many(self, conn: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run once for each of *rows*."""
        if not rows:
            return
        cursor = conn.connection.cursor()
        cursor.executemany(self._sqlite if conn.dialect.name == "sqlite" else self._postgresql, rows)
        cursor.close()
