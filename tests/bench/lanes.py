"""Pops while 10,000 mails are being taken in, beside the same pops on the same hub at rest.

`hub ingest` hands the running hub an mbox of the mixed mails; 100 calls a second ring meanwhile, for as long as the
mails last. Only what rang while mails were taken in counts.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from tests.bench.calls import measure
from tests.bench.corpus import mails
from tests.bench.office import Office, office
from tests.bench.report import Ratio, median, percentile

RATE = 100
AT_REST = 1000
WHILE_BUSY = 300
RINGS_FOR = 1.0
MAILS = 10_000


def _mbox(path: Path) -> None:
    with path.open("wb") as file:
        for raw in mails(MAILS, seed=2):
            file.write(b"From hub@example.org Mon Mar  2 09:00:00 2026\n")
            file.write(raw.replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ") + b"\n\n")


def _busy(hub: Office, mbox: Path, loop: asyncio.Runner) -> tuple[list[float], float]:
    """The times of pops while *mbox* is taken in, and the mails per second."""
    command = [str(Path(sys.executable).with_name("hub")), "ingest", "--config", str(hub.config), str(mbox)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={"OFFICE_SECRET": "unused-by-this-command"})
    times: list[float] = []
    first = AT_REST + 1000
    while process.poll() is None:
        took = loop.run(measure(hub.target(first), RATE, WHILE_BUSY, RINGS_FOR)).took
        first += WHILE_BUSY
        if process.poll() is None:
            times += took
    if process.returncode or not times:
        raise RuntimeError(f"the mails were not taken in, or too fast to measure ({process.returncode})")
    return times, MAILS / (time.perf_counter() - began)


def run() -> str:
    """Milliseconds at the 99th percentile."""
    with (
        tempfile.TemporaryDirectory() as folder,
        office(Path(folder)) as hub,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        mbox = Path(folder) / "mails.mbox"
        _mbox(mbox)
        loop.run(measure(hub.target(0), RATE, RATE, RINGS_FOR))
        rest = loop.run(measure(hub.target(RATE), RATE, AT_REST, RINGS_FOR)).took
        busy, rate = _busy(hub, mbox, loop)
    late, at_rest = percentile(busy, 0.99), percentile(rest, 0.99)
    return "\n".join(
        [
            str(Ratio("pop, p99, while mails come in", late * 1e3, at_rest * 1e3, "ms", "<= 3")),
            f"  medians {median(busy) * 1e3:.2f} and {median(rest) * 1e3:.2f} ms; {len(busy)} pops,"
            f" {rate:,.0f} mails/s beside them",
        ]
    )
