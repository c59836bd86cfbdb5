"""How commands act on a store that the running hub holds: over a Unix socket beside it, one JSON document a line.

SQLite has one writing process. Where `hub serve` is running, a command's operation is done there; otherwise the
command opens the store itself, lock and all. With PostgreSQL several may write, so the command always opens it.
The socket's mode is 0600: who may open the store's files may use it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from hub.accounts import AccountError
from hub.config import Config
from hub.contracts import Verdict
from hub.operation import Failure, Operation, Progress
from hub.operations import OPERATIONS
from hub.quarantine import NotHeld
from hub.service import Service

log = logging.getLogger(__name__)

LONGEST_LINE = 1 << 27
LONGEST_PATH = 100
"""Bytes of a socket's path: Linux allows 107, macOS 103."""


KNOWN = (Failure, Verdict, AccountError, NotHeld)
"""Errors whose text is meant for people."""


def socket_path(config: Config) -> Path | None:
    """Where the running hub listens for commands: beside a SQLite store, nowhere for PostgreSQL."""
    store = config.store_path
    return None if store is None else store.with_suffix(".sock")


class Control:
    """`async with Control(service)` serves the operations to this machine's commands until the end of the block."""

    def __init__(self, service: Service, table: Mapping[str, Operation] | None = None) -> None:
        self._service = service
        self._operations = OPERATIONS if table is None else table
        self._path = socket_path(service.config)
        self._server: asyncio.Server | None = None
        self._visits: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Control:
        if self._path is not None:
            self._server = await asyncio.start_unix_server(self._met, sock=_bound(self._path), limit=LONGEST_LINE)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None and self._path is not None:
            self._path.unlink(missing_ok=True)
            self._server.close()
            for visit in self._visits:
                visit.cancel()
            await asyncio.gather(*self._visits, return_exceptions=True)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.current_task()
        assert visit is not None
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)
        try:
            await self._visit(reader, writer)
        except (OSError, KeyError, orjson.JSONDecodeError) as error:
            log.warning("a command's question was not understood, or it left: %s", type(error).__name__)
        except asyncio.CancelledError:  # asyncio's streams would report it as an error
            log.info("the hub stops before a command's operation is done")
        finally:
            writer.close()

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question, unless who asked it hangs up before."""

        async def progress(news: Mapping[str, Any]) -> None:
            await _send(writer, _line({"progress": news}))

        line = await reader.readline()
        if not line:  # somebody asked only whether we are here
            return
        question = orjson.loads(line)
        work = asyncio.create_task(self._answer(question["operation"], question["args"], progress))
        hung_up = asyncio.create_task(reader.read())
        try:
            done, _ = await asyncio.wait((work, hung_up), return_when=asyncio.FIRST_COMPLETED)
            if work in done:
                await _send(writer, work.result())
        finally:
            work.cancel()
            hung_up.cancel()
            await asyncio.gather(work, hung_up, return_exceptions=True)

    async def _answer(self, name: str, args: Mapping[str, Any], progress: Progress) -> bytes:
        operation = self._operations.get(name)
        if operation is None:
            return _line({"error": f"The running hub is of another version: it cannot do {name}. Restart it."})
        try:
            return _line({"result": await operation(self._service, args, progress)})
        except KNOWN as error:
            return _line({"error": str(error)})
        except Exception as error:
            log.exception("an operation failed")
            return _line({"error": f"The running hub failed with {type(error).__name__}; its log says where."})


async def answers(config: Config) -> bool:
    """Whether a hub is running that does operations for us."""
    path = socket_path(config)
    if path is not None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_unix_connection(path)
            await _close(writer)
            return True
    return False


async def perform(
    config: Config,
    operation: str,
    args: Mapping[str, Any],
    on_progress: Callable[[Mapping[str, Any]], None] | None = None,
) -> Any:
    """Do *operation* in the running hub, or here where none runs, and return its result.

    *on_progress* hears how far it is. Raises `Failure` with what the running hub says; where it is done here also
    what the operation raises, `StoreLocked` and `Unavailable`.
    """

    def tell(news: Mapping[str, Any]) -> None:
        if on_progress is not None:
            on_progress(news)

    path = socket_path(config)
    if path is not None:
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE)
            return await _ask(reader, writer, operation, args, tell)

    async def progress(news: Mapping[str, Any]) -> None:
        tell(news)

    async with Service.open(config) as service:
        return await OPERATIONS[operation](service, args, progress)


async def _ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    operation: str,
    args: Mapping[str, Any],
    tell: Callable[[Mapping[str, Any]], None],
) -> Any:
    try:
        await _send(writer, _line({"operation": operation, "args": args}))
        while line := await reader.readline():
            answer = orjson.loads(line)
            if "progress" in answer:
                tell(answer["progress"])
            elif "error" in answer:
                raise Failure(answer["error"])
            else:
                return answer["result"]
    except ConnectionError as error:
        raise Failure("The running hub went away. Try again.") from error
    finally:
        await _close(writer)
    raise Failure("The running hub stopped before it was done. Try again.")


async def _send(writer: asyncio.StreamWriter, line: bytes) -> None:
    writer.write(line)
    await writer.drain()


def _line(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(document) + b"\n"


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _bound(path: Path) -> socket.socket:
    """A socket at *path* for this user alone. Whoever holds the store's lock may take away what a crash left there."""
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise Failure(f"{path} is too long for a socket ({LONGEST_PATH} bytes). Move the store to a shorter path.")
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    path.chmod(0o600)  # nobody can have connected: it does not listen yet
    return listening
