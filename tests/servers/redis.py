"""A Redis server that keeps nothing on disk."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.process import ServerProcess, account, folder_for, free_port, program

PACKAGE = "redis-server"


class Redis:
    """One running server on 127.0.0.1."""

    def __init__(self, process: ServerProcess, port: int) -> None:
        self.process = process
        self.port = port

    @property
    def url(self) -> str:
        """The address as ``[hub] redis`` takes it."""
        return f"redis://127.0.0.1:{self.port}"

    def flush(self) -> None:
        """Forget everything."""
        _exchange(self.port, b"FLUSHALL\r\n", b"+OK\r\n")


@contextmanager
def redis() -> Iterator[Redis]:
    """A running server. A test that stops it opens one of its own with this."""
    owner = account()
    server = program("redis-server", package=PACKAGE)
    folder = folder_for("redis", owner)
    port = free_port()
    command: list[str | Path] = [server, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", ""]
    process = ServerProcess(
        command, answers=lambda: _exchange(port, b"PING\r\n", b"+PONG\r\n"), log=folder / "log", owner=owner
    )
    try:
        process.start()
        try:
            yield Redis(process, port)
        finally:
            process.stop()
    finally:
        shutil.rmtree(folder)


def _exchange(port: int, command: bytes, expected: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(command)
        answer = connection.recv(256)
    if answer != expected:
        raise ConnectionError(f"Redis answered {answer!r}")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """One server for the whole run; a test uses `redis_url`, which empties it first."""
    with redis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: Redis) -> str:
    """The address of a Redis that holds nothing yet."""
    redis_server.flush()
    return redis_server.url
