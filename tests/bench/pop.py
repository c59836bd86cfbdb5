"""Signed callback in, `pop` event at the agent: 300 calls a second, and 50 that tell six events while 500 are alive.

100,000 contacts, 200 agents connected.

The baseline is a bare aiohttp app that only forwards the POST to the agent's stream (`tests.bench.bare`), driven by
the same load generator, taking turns with the hub. Every call rings for a second and ends with a second callback, at
both. The hub verifies the signature, looks the caller up, and commits with fsync before it tells.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import uvloop

from tests.bench.calls import measure
from tests.bench.office import bare, office
from tests.bench.report import Ratio, median, percentile

RATE = 300
CALLS = 1500
ROUNDS = 3
RINGS_FOR = 2.0

TALKING_RATE = 50
ALIVE = 500
TALKING_CALLS = 1500


def run() -> str:
    """Milliseconds: the median, and the 99th percentile against the baseline's median."""
    ours: list[list[float]] = []
    baseline: list[list[float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        office(Path(folder)) as hub,
        bare() as forwarder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        loop.run(measure(hub.target(0), RATE, RATE, RINGS_FOR))  # both are warm, and every cache is filled
        loop.run(measure(forwarder, RATE, RATE, RINGS_FOR))
        for number in range(ROUNDS):
            baseline.append(loop.run(measure(forwarder, RATE, CALLS, RINGS_FOR)).took)
            target = hub.target((number + 1) * CALLS)
            ours.append(loop.run(measure(target, RATE, CALLS, RINGS_FOR)).took)
    return "\n".join([_lines("pop", ours, baseline, "<= 3", "<= 15"), _talking()])


def _talking() -> str:
    """The same while calls are long, and each tells six events."""
    talks = ALIVE / TALKING_RATE
    ours: list[list[float]] = []
    baseline: list[list[float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        office(Path(folder)) as hub,
        bare(talks) as forwarder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        loop.run(measure(hub.talking(0, 1.5), TALKING_RATE, TALKING_RATE, 1.5))
        for number in range(ROUNDS):
            baseline.append(loop.run(measure(forwarder, TALKING_RATE, TALKING_CALLS, talks)).took)
            target = hub.talking((number + 1) * TALKING_CALLS, talks)
            ours.append(loop.run(measure(target, TALKING_RATE, TALKING_CALLS, talks)).took)
    return _lines("pop, six events a call", ours, baseline, "<= 4", "<= 20")


def _lines(what: str, ours: list[list[float]], baseline: list[list[float]], middle: str, late: str) -> str:
    bare_median = median([median(times) for times in baseline]) * 1e3
    return "\n".join(
        [
            str(Ratio(f"{what}, median", median([median(t) for t in ours]) * 1e3, bare_median, "ms", middle)),
            str(Ratio(f"{what}, p99", median([percentile(t, 0.99) for t in ours]) * 1e3, bare_median, "ms", late)),
            f"  p99 of the bare app: {median([percentile(t, 0.99) for t in baseline]) * 1e3:.2f} ms",
        ]
    )
