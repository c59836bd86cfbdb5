"""`make bench`: measure the hub, each figure against a baseline of the same run. `ARGS="pop store"` chooses."""

from __future__ import annotations

import importlib
import sys
import time

NAMES = (
    "parse",
    "ingest",
    "sync",
    "arrive",
    "store",
    "timeline",
    "inbox",
    "pop",
    "center",
    "lanes",
    "idle",
    "folding",
    "calendars",
    "expanding",
    "booking",
    "alerts",
    "matching",
    "reading",
    "mentioned",
)


def main(chosen: list[str]) -> int:
    """Run the benchmarks named in *chosen*, or all; the exit status is 2 for a name that is none."""
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        print(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in chosen or NAMES:
        began = time.perf_counter()
        print(f"{name}: {importlib.import_module(f'tests.bench.{name}').__doc__.splitlines()[0]}", flush=True)
        print(importlib.import_module(f"tests.bench.{name}").run(), flush=True)
        print(f"  took {time.perf_counter() - began:.0f} s\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
