"""`hub doctor`: whether this machine has what the hub needs."""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import redis.asyncio
from redis.exceptions import RedisError

from hub.config import Config, ConfigError, load
from hub.contracts import Unavailable
from hub.control import perform
from hub.operation import Failure
from hub.store import StoreLocked
from hub.web.app import STATIC

OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 35, 0)  # RETURNING
FREE_BYTES = 1 << 30
SLOW_FSYNC_SECONDS = 0.02
FSYNCS = 15
FEWEST_FILES = 1024
REDIS_SECONDS = 3.0


class Finding(NamedTuple):
    """One line of the report: `ok`, `note` (works, could be better) or `wrong` (does not work)."""

    grade: str
    what: str
    text: str


def add(subparsers: Any) -> None:
    """The command line."""
    subparsers.add_parser(
        "doctor",
        help="say whether this machine has what the hub needs",
        description="Look at Python, SQLite, the disk, Redis, the locale, the time zones and the permissions of OAuth "
        "providers, and say what is missing.",
    )


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 where something does not work."""
    config: Config | None = None
    findings = [python(), sqlite(), locale(), assets()]
    try:
        config = load(args.config)
    except ConfigError as error:
        findings += [Finding("wrong", "config", line) for line in str(error).splitlines()]
    else:
        findings.append(Finding("ok", "config", f"{config.path}, {len(config.sources)} sources"))
        findings += [Finding("wrong", "config", f"{config.path}: {problem}") for problem in config.problems]
    findings += [files(len(config.sources) if config else 0), zones(config)]
    findings += disk(_store_folder(config))
    if config is not None:
        findings.append(asyncio.run(redis_reached(config.redis)))
        findings += asyncio.run(permissions(config))
    for finding in findings:
        print(f"{finding.grade:6}{finding.what:12}{finding.text}")
    return 1 if any(finding.grade == "wrong" for finding in findings) else 0


def python() -> Finding:
    """The Python that runs this."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding("wrong", "python", f"{version} is too old. Install Python 3.11 or newer.")
    return Finding("ok", "python", f"{version}, {sys.executable}")


def sqlite() -> Finding:
    """SQLite with full-text search."""
    with sqlite3.connect(":memory:") as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE t USING fts5(body)")
        except sqlite3.OperationalError:
            text = f"{sqlite3.sqlite_version} has no FTS5, so nothing could be searched. Use Debian's Python."
            return Finding("wrong", "sqlite", text)
    connection.close()
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return Finding("wrong", "sqlite", f"{sqlite3.sqlite_version} is too old. 3.35 or newer is needed.")
    return Finding("ok", "sqlite", f"{sqlite3.sqlite_version} with FTS5")


def locale() -> Finding:
    """Names from everywhere must be readable in this terminal."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        cure = "Set LANG=C.UTF-8."
        return Finding("note", "locale", f"this terminal speaks {sys.stdout.encoding}, not UTF-8. {cure}")
    return Finding("ok", "locale", "UTF-8")


def assets() -> Finding:
    """The scripts and styles of the pages, built by `make install`."""
    if not (STATIC / "app.css").is_file():
        return Finding("wrong", "pages", "their scripts and styles are not built. Run `make install`.")
    return Finding("ok", "pages", "scripts and styles are built")


def files(sources: int) -> Finding:
    """Every screen and every mailbox holds a connection; a mailbox has a second one while it is measured."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FEWEST_FILES + 2 * sources
    if soft != resource.RLIM_INFINITY and soft < wanted:
        cure = f"Raise it: ulimit -n {4 * wanted}, or LimitNOFILE={4 * wanted}."
        return Finding("note", "files", f"only {soft} may be open, {wanted} would be well. {cure}")
    return Finding("ok", "files", f"{'any number' if soft == resource.RLIM_INFINITY else soft} may be open")


def zones(config: Config | None) -> Finding:
    """The time zone database."""
    name = config.timezone if config else "UTC"
    try:
        ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return Finding("wrong", "time zones", f"{name} is not there. Install tzdata.")
    return Finding("ok", "time zones", name)


def disk(folder: Path) -> Iterator[Finding]:
    """Room, and how long one durable write takes: nothing is acknowledged before it."""
    try:
        free = shutil.disk_usage(folder).free
        seconds = fsync_seconds(folder)
    except OSError as error:
        yield Finding("wrong", "disk", f"{folder} cannot be written: {error.strerror}. Let the hub's user write there.")
        return
    grade, cure = ("note", " Make room.") if free < FREE_BYTES else ("ok", "")
    yield Finding(grade, "disk", f"{free / (1 << 30):,.1f} GiB free in {folder}.{cure}")
    grade, cure = (
        ("note", " Calls and mails wait for it: use a faster disk.") if seconds > SLOW_FSYNC_SECONDS else ("ok", "")
    )
    yield Finding(grade, "disk", f"a durable write takes {seconds * 1000:.2f} ms.{cure}")


def fsync_seconds(folder: Path) -> float:
    """The median time of an fsync after 4 KiB in *folder*."""
    with tempfile.TemporaryFile(dir=folder) as file:

        def once() -> float:
            file.write(os.urandom(4096))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            return time.perf_counter() - began

        return statistics.median(once() for _ in range(FSYNCS))


async def redis_reached(url: str) -> Finding:
    """Whether the Redis of the config answers."""
    if not url:
        return Finding("ok", "redis", "not used: this hub is alone")
    client = redis.asyncio.from_url(url, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS)
    try:
        version = (await client.info("server"))["redis_version"]
    except (RedisError, OSError) as error:
        said = str(error).rstrip(".")
        return Finding("wrong", "redis", f"does not answer: {said}. Start it, or correct [hub] redis.")
    finally:
        await client.aclose()
    return Finding("ok", "redis", f"{version} answers")


async def permissions(config: Config) -> list[Finding]:
    """What OAuth providers permit, and until when. The store is opened only where a source is read by OAuth."""
    if not any(source.oauth for source in config.sources.values()):
        return []
    try:
        lines = await perform(config, "grants.examine", {})
    except (Failure, Unavailable, StoreLocked) as error:
        return [Finding("wrong", "oauth", f"permissions are not known: {error}")]
    return [Finding(line["grade"], "oauth", f"{line['what']}: {line['text']}") for line in lines]


def _store_folder(config: Config | None) -> Path:
    """Where the store lies or will lie: the nearest folder that is there."""
    path = config.store_path if config else None
    folder = path.parent if path else Path.cwd()
    while not folder.is_dir():
        folder = folder.parent
    return folder
