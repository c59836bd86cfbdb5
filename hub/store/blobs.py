"""Blobs: raw mails, deliveries and recordings, named by their hash, kept once, counted.

Small ones lie in the row itself: they become durable with the transaction that names them, at no further cost (a
file and its folder cost two fsyncs each). Large ones are files beside a SQLite store, written and synced before that
transaction; with PostgreSQL all lie in the database, so that several hubs see them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from hub.store.schema import blobs
from hub.store.sets import SetWrite

INLINE_LIMIT = 64 << 10

_KEEP = SetWrite(
    blobs,
    ("hash", "size", "refs", "data"),
    "ON CONFLICT (hash) DO UPDATE SET refs = blobs.refs + excluded.refs",
)


def sync_folder(folder: Path) -> None:
    """Make the names in *folder* durable: a file that is synced may still have none after a power cut. Blocks."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Blobs:
    """*folder* is where large blobs become files; `None` keeps all in the database."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._durable: set[Path] = set()  # folders whose own names are

    def settle(self, name: str, data: bytes) -> None:
        """Make a large blob durable before the transaction that will name it. Small ones need nothing. Blocks."""
        if self._folder is None or len(data) <= INLINE_LIMIT:
            return
        path = self._path(name)
        if not path.exists():
            self._write(path, data)
        # Of a file that is there already, too: whoever wrote it may have been killed before this, or be about to do it.
        sync_folder(path.parent)
        if path.parent not in self._durable:
            sync_folder(self._folder)
            sync_folder(self._folder.parent)
            self._durable.add(path.parent)

    def _write(self, path: Path, data: bytes) -> None:
        """A file appears under its name whole and synced, or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def keep(self, conn: sa.Connection, items: Sequence[tuple[str, bytes]]) -> None:
        """Count a reference for each of *items* (name, bytes), in the caller's transaction. Call `settle` before."""
        counted: dict[str, tuple[bytes, int]] = {}
        for name, data in items:
            counted[name] = (data, counted.get(name, (data, 0))[1] + 1)
        inline = self._folder is None
        rows = [
            (name, len(data), refs, data if inline or len(data) <= INLINE_LIMIT else None)
            for name, (data, refs) in sorted(counted.items())
        ]
        _KEEP(conn, rows)

    def share(self, conn: sa.Connection, name: str) -> bool:
        """Count one more reference to a blob that is kept, in the caller's transaction; False where it is not."""
        more = blobs.update().where(blobs.c.hash == name).values(refs=blobs.c.refs + 1)
        return bool(conn.execute(more).rowcount)

    def release(self, conn: sa.Connection, names: Sequence[str]) -> None:
        """Give a reference to each of *names* back, in the caller's transaction; what nobody refers to goes. The file
        of a large one goes with the next `sweep`."""
        for name in names:
            conn.execute(blobs.update().where(blobs.c.hash == name).values(refs=blobs.c.refs - 1))
        conn.execute(blobs.delete().where(blobs.c.hash.in_(sorted(set(names))), blobs.c.refs <= 0))

    def sweep(self, conn: sa.Connection) -> int:
        """Remove the files that no row names, left by a deletion or by a hub that was killed, and answer how many.
        Only before anything is recorded: what was just settled has no row yet. Blocks."""
        if self._folder is None or not self._folder.is_dir():
            return 0
        named = set(conn.execute(sa.select(blobs.c.hash).where(blobs.c.data.is_(None))).scalars())
        strays = [path for path in self._folder.glob("??/*") if path.name not in named]
        for path in strays:
            path.unlink(missing_ok=True)
        return len(strays)

    def read(self, conn: sa.Connection, name: str) -> bytes | None:
        """The bytes of blob *name*, or `None` where there is no such blob."""
        row = conn.execute(sa.select(blobs.c.data).where(blobs.c.hash == name)).one_or_none()
        if row is None:
            return None
        if row.data is not None:
            return bytes(row.data)
        return self._path(name).read_bytes()

    def _path(self, name: str) -> Path:
        assert self._folder is not None
        return self._folder / name[:2] / name
