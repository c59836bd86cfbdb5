"""10,000 attempts by 64 clients to book 1,000 slots, each sold once, beside the bare database doing the same exclusion.

An attempt of ours is what a visitor's is: the rules say whether the time is offered, it is held, and confirmed with a
contact, its interaction and its notices; or the three nearest free times are answered. The bare driver does what the
database itself must: insert the appointment and its host's time, which it refuses where they overlap, and confirm it in
a second transaction; the same tables, the same durability. On PostgreSQL two processes share the clients.

`python -m tests.bench.booking (ours|bare) URL FOLDER HUB HUBS` is one of them.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
import uvloop

from hub.booking.states import Gone, Invitee, Refused
from hub.cli.serve import SWITCH_SECONDS
from hub.config import load
from hub.service import Service
from hub.store.migrate import upgrade
from tests.bench.report import median
from tests.servers.postgresql import postgresql

SLOTS = 1000
ATTEMPTS = 10
"""Of each slot."""
CLIENTS = 64
HOSTS = 10
ROUNDS = 3
_MINUTES = 30
_OVERLAP = "appointment_hosts_overlap"


def beginning() -> datetime:
    """The first slot: midnight the day after tomorrow, UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)


def attempts(hub: int, hubs: int) -> list[tuple[str, datetime]]:
    """What the clients of one hub try: a host's event type and a time, in an order of their own."""
    each = SLOTS // HOSTS
    slots = [
        (f"host-{host}", beginning() + timedelta(minutes=_MINUTES * number))
        for host in range(HOSTS)
        for number in range(each)
    ]
    tries = slots * (ATTEMPTS // hubs)
    random.Random(hub).shuffle(tries)
    return tries


def config_of(folder: Path, url: str) -> Path:
    """A firm of ten, each of whom can be booked at any hour."""
    path = folder / "config.toml"
    lines = ["[hub]", 'public_url = "https://hub.example.org"', f'store = "{url}"']
    for host in range(HOSTS):
        lines += [
            f"[agents.host-{host}]", f'name = "Host {host}"', f'handles = ["mailto:host-{host}@example.org"]',
            f"[event_types.host-{host}]", 'title = "Call"', f"durations = [{_MINUTES}]", f'hosts = ["host-{host}"]',
            "notice = 0", 'place = { kind = "you-call", value = "+49 30 123456" }',
        ]  # fmt: skip
    path.write_text("\n".join(lines))
    return path


# --- one process ------------------------------------------------------------------------------------------------------


async def ours(url: str, folder: Path, hub: int, hubs: int) -> dict[str, Any]:
    """A hub and its clients. Answers how many they booked, and in how many seconds."""
    config = load(config_of(folder, url))
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(Service.open(config))
        bookings = await stack.enter_async_context(service.bookings)
        waiting = attempts(hub, hubs)
        sold: list[int] = []
        alternatives = 0

        async def client(number: int) -> None:
            nonlocal alternatives
            who = Invitee(name=f"Client {number}", mail=f"client-{hub}-{number}@customer.example")
            while waiting:
                slug, at = waiting.pop()
                try:
                    held = await bookings.hold(slug, at, _MINUTES, zone="Europe/Berlin", language="en")
                    sold.append((await bookings.confirm(held.secret, replace(who))).booking.id)
                except Gone as gone:
                    alternatives += len(gone.alternatives)
                except Refused as refused:
                    raise AssertionError(refused.code) from refused

        _ready()
        began = time.perf_counter()
        await asyncio.gather(*(client(number) for number in range(CLIENTS // hubs)))
        return {"seconds": time.perf_counter() - began, "sold": len(sold), "alternatives": alternatives}


def bare(url: str, hub: int, hubs: int) -> dict[str, Any]:
    """The same by the driver alone: one thread for SQLite, which has one writer, else one for each client."""
    waiting = attempts(hub, hubs)
    ids = iter(range(hub * 10_000_000 + 1, (hub + 1) * 10_000_000))
    lock = threading.Lock()
    sold = 0

    def client() -> None:
        nonlocal sold
        connection = _connected(url)
        mark = "?" if url.startswith("sqlite") else "%s"
        appointment = (
            "INSERT INTO appointments (id, uid, event_type, state, starts_at, ends_at, zone, organizer, title,"
            " created_at, changed_at)"
            f" VALUES ({mark}, {mark}, {mark}, 'held', {mark}, {mark}, 'UTC', {mark}, 'Call', 0, 0)"
        )
        host = (
            "INSERT INTO appointment_hosts (appointment_id, agent, blocked_from, blocked_until, active)"
            f" VALUES ({mark}, {mark}, {mark}, {mark}, {mark})"
        )
        confirm = f"UPDATE appointments SET state = 'confirmed' WHERE id = {mark} AND state = 'held'"
        while True:
            with lock:
                if not waiting:
                    break
                (slug, at), id = waiting.pop(), next(ids)
            begins = int(at.timestamp()) * 1_000_000
            ends = begins + _MINUTES * 60_000_000
            try:
                if url.startswith("sqlite"):
                    connection.execute("BEGIN IMMEDIATE")
                connection.execute(appointment, (id, str(id), slug, begins, ends, slug))
                connection.execute(host, (id, slug, begins, ends, True))
                connection.execute("COMMIT")
                if url.startswith("sqlite"):
                    connection.execute("BEGIN IMMEDIATE")
                connection.execute(confirm, (id,))
                connection.execute("COMMIT")
            except (
                sqlite3.IntegrityError,
                psycopg.errors.ExclusionViolation,
                psycopg.errors.DeadlockDetected,
            ) as error:
                connection.execute("ROLLBACK")
                if _OVERLAP not in str(error) and not isinstance(error, psycopg.errors.DeadlockDetected):
                    raise
            else:
                with lock:
                    sold += 1
        connection.close()

    threads = 1 if url.startswith("sqlite") else CLIENTS // hubs
    _ready()
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for each in [pool.submit(client) for _ in range(threads)]:
            each.result()
    return {"seconds": time.perf_counter() - began, "sold": sold}


def _connected(url: str) -> Any:
    if not url.startswith("sqlite"):
        return psycopg.connect(url)  # begins a transaction with the first statement
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _ready() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


# --- all of them ------------------------------------------------------------------------------------------------------


def measured(what: str, url: str, hubs: int) -> float:
    """Attempts a second. The processes begin together."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        processes = []
        for hub in range(hubs):
            own = Path(folder) / str(hub)
            own.mkdir()
            words = [sys.executable, "-m", "tests.bench.booking", what, url, str(own), str(hub), str(hubs)]
            processes.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
        assert [process.returncode for process in processes] == [0] * hubs
    sold_once(url, sum(each["sold"] for each in told))
    return SLOTS * ATTEMPTS / max(float(each["seconds"]) for each in told)


def sold_once(url: str, told: int) -> None:
    """Every slot was sold, none twice, and each booking that somebody was told of is there."""
    engine = _engine(url)
    with engine.connect() as conn:
        times = conn.execute(sa.text("SELECT organizer, starts_at FROM appointments WHERE state = 'confirmed'")).all()
    engine.dispose()
    assert len(times) == len(set(times)) == told == SLOTS, (len(times), len(set(times)), told)


def _engine(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


def _migrate(url: str) -> None:
    engine = _engine(url)
    upgrade(engine)
    engine.dispose()


def sqlite() -> str:
    """One hub on SQLite, beside sqlite3."""
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name:
        empty = Path(name) / "empty.sqlite3"
        _migrate(f"sqlite:///{empty}")
        for number in range(ROUNDS):
            for what, found in rates.items():
                path = Path(name) / f"{what}-{number}.sqlite3"
                shutil.copyfile(empty, path)
                found.append(measured(what, f"sqlite:///{path}", 1))
    return _line("SQLite, one hub: attempts", rates)


def postgres() -> str:
    """Two hubs on one PostgreSQL, beside psycopg in two processes."""
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    with postgresql(durable=True) as server:
        template = server.prepared("bench", _migrate)
        for _ in range(ROUNDS):
            for what, found in rates.items():
                database = server.create(template)
                found.append(measured(what, server.url(database), 2))
                server.drop(database)
        server.process.kill()
    return _line("PostgreSQL, two hubs: attempts", rates)


def _line(what: str, rates: dict[str, list[float]]) -> str:
    ours, bare = median(rates["ours"]), median(rates["bare"])
    sold = f"sold {SLOTS} of {SLOTS}, each once"
    return f"  {what:<34} {ours:>8,.0f} /s   bare {bare:>8,.0f} /s   ratio {ours / bare:6.3f}   {sold}"


def run() -> str:
    """All figures."""
    return "\n".join([sqlite(), postgres()])


if __name__ == "__main__":
    what, url, folder, hub, hubs = sys.argv[1:]
    sys.setswitchinterval(SWITCH_SECONDS)  # as `hub serve` does
    if what == "ours":
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(json.dumps(runner.run(ours(url, Path(folder), int(hub), int(hubs)))), flush=True)
    else:
        print(json.dumps(bare(url, int(hub), int(hubs))), flush=True)
