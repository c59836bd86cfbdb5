"""`hub bench`: measure this machine with the benchmarks of a checkout."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from hub.operation import Failure

TOP = Path(__file__).parents[2]


def add(subparsers: Any) -> None:
    """The command line."""
    parser = subparsers.add_parser(
        "bench",
        help="measure how fast the hub is here",
        description="Run the benchmarks of a checkout, each beside its baseline. What follows is passed on to them.",
    )
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="for the benchmarks")


def run(args: argparse.Namespace) -> int:
    """Run them as a program of their own, and return its exit status."""
    if not (TOP / "tests" / "bench" / "__main__.py").is_file():
        raise Failure(
            "The benchmarks are in a checkout, not in the installed hub. Clone it, and run `make bench` there."
        )
    return subprocess.run([sys.executable, "-m", "tests.bench", *args.rest], cwd=TOP, check=False).returncode  # noqa: S603
