"""A thousand idle mailboxes at a real Dovecot: memory and threads for each, processor time at rest.

The whole core listens with the real connector: lease, cursor, measurements. The baseline is as many asyncio streams
that say LOGIN, EXAMINE and IDLE and nothing else. Each runs in a process of its own, over loopback without TLS.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import uvloop

from hub.config import load
from hub.service import Service
from hub.sources.keeper import Status
from hub.sources.states import State
from hub.sources.supervisor import Supervisor
from tests.bench.report import Ratio
from tests.servers.dovecot import dovecot

MAILBOXES = int(os.environ.get("IDLE_MAILBOXES", "1000"))
AT_ONCE = 50
SETTLE_SECONDS = 75
"""Until the last of them was measured for the first time, and what starting took is given back."""
REST_SECONDS = 60
LIMIT_KB = 150
PASSWORD = "secret-of-all"

TUNED = """
service imap {
  process_limit = 5000
}
service imap-login {
  service_count = 0
  client_limit = 10000
  process_min_avail = 1
}
service auth {
  client_limit = 20000
}
service anvil {
  client_limit = 20000
}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What *mailboxes* cost: kB of memory for each, threads beyond those of an empty hub, CPU seconds in a minute of
    rest, and the seconds until all of them listened."""

    mailboxes: int
    kilobytes: float
    threads: int
    cpu: float
    up: float


def _resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _cost(mailboxes: int, before: tuple[int, int], began: float, up: float) -> Cost:
    """Measured once all stand."""
    gc.collect()
    kilobytes = (_resident() - before[0]) / mailboxes / 1000
    used = _cpu()
    await asyncio.sleep(REST_SECONDS)
    cpu = (_cpu() - used) * 60 / REST_SECONDS
    return Cost(mailboxes, kilobytes, threading.active_count() - before[1], cpu, up - began)


async def _hub(port: int, mailboxes: int) -> Cost:
    """The hub with as many sources."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text("")
        async with Service.open(load(path)) as service:
            await service.store.read(lambda conn: None)
            async with Supervisor(service.store, service.ingest, {}):
                await asyncio.sleep(1)
            gc.collect()
            before = (_resident(), threading.active_count())
            path.write_text("".join(_table(number, port) for number in range(mailboxes)))
            plugins, problems = load(path, {"PASSWORD": PASSWORD}).built()
            waiting, all_listen = set(plugins), asyncio.Event()

            def changed(status: Status) -> None:
                if status.state is State.LISTENING:
                    waiting.discard(status.source)
                if not waiting:
                    all_listen.set()

            began = time.monotonic()
            async with Supervisor(service.store, service.ingest, plugins, problems, on_change=changed):
                await all_listen.wait()
                up = time.monotonic()
                await asyncio.sleep(SETTLE_SECONDS)
                return await _cost(mailboxes, before, began, up)


def _table(number: int, port: int) -> str:
    return (
        f'[sources.mail-{number}]\nprovider = "imap"\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
        f'username = "user{number}"\npassword = "env:PASSWORD"\n'
    )


async def _streams(port: int, mailboxes: int) -> Cost:
    """As many bare connections."""
    gc.collect()
    before = (_resident(), threading.active_count())
    began = time.monotonic()
    slots = asyncio.Semaphore(AT_ONCE)
    idling: list[asyncio.Task[None]] = []

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            pass
        writer.close()

    async def connect(number: int) -> None:
        async with slots:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await reader.readline()
            for line in (f"LOGIN user{number} {PASSWORD}", "EXAMINE INBOX"):
                writer.write(f"a {line}\r\n".encode())
                while not (answer := await reader.readline()).startswith(b"a "):
                    if not answer:
                        raise ConnectionError(f"Dovecot hung up on user{number}")
            writer.write(b"a IDLE\r\n")
            await reader.readline()
            idling.append(asyncio.create_task(wait(reader, writer)))

    await asyncio.gather(*(connect(number) for number in range(mailboxes)))
    up = time.monotonic()
    cost = await _cost(mailboxes, before, began, up)
    for task in idling:
        task.cancel()
    await asyncio.gather(*idling, return_exceptions=True)
    return cost


def _hub_alone(port: int, mailboxes: int) -> Cost:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_hub(port, mailboxes))


def _streams_alone(port: int, mailboxes: int) -> Cost:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_streams(port, mailboxes))


def _in_its_own_process(work: Callable[[int, int], Cost], port: int) -> Cost:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, port, MAILBOXES).result()


def run() -> str:
    """Costs for each mailbox, beside bare connections."""
    people = {f"user{number}": PASSWORD for number in range(MAILBOXES)}
    with dovecot(more=people, tuned=TUNED) as server:
        bare = _in_its_own_process(_streams_alone, server.imap_port)
        ours = _in_its_own_process(_hub_alone, server.imap_port)
    met = "met" if ours.kilobytes <= LIMIT_KB and ours.threads < 10 else "NOT met"
    return "\n".join(
        [
            f"  {ours.mailboxes} mailboxes: {ours.kilobytes:.0f} kB each, {ours.threads} more threads for all of them"
            f"   goal <= {LIMIT_KB} kB and no thread each {met}",
            str(Ratio("memory of one, beside a bare stream", ours.kilobytes, bare.kilobytes, "kB", "<= 15")),
            f"  at rest: {ours.cpu:.2f} CPU seconds a minute for all ({100 * ours.cpu / 60:.1f} % of a core);"
            f" bare streams {bare.cpu:.2f}",
            f"  all of them listened after {ours.up:.0f} s; bare streams stood after {bare.up:.0f} s",
        ]
    )
