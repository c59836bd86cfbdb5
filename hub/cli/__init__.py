"""The `hub` command. Each subcommand is a module here with `add(subparsers)` and `run(args) -> int`.

Exit status 0: done; 1: it did not work, and one line on stderr says why and what to do; 2: usage.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COMMANDS = (
    *("serve", "check", "ingest", "contacts", "quarantine", "sources", "mail", "calls", "booking"),
    *("user", "token", "demo", "bench", "doctor"),
)


class Parser(argparse.ArgumentParser):
    """A parser that takes `--config PATH` wherever it stands in the command."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_argument(
            "--config",
            type=Path,
            metavar="PATH",
            default=argparse.SUPPRESS,
            help="the config file (default: config.toml in this folder)",
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that this terminal cannot show must not end a command
            stream.reconfigure(errors="backslashreplace")
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parser(arguments).parse_args(arguments)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain about it once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        from hub.cli.failures import told

        print(told(error), file=sys.stderr)
        return 1


def _parser(arguments: Sequence[str]) -> Parser:
    """The parser of every command, or for speed of the only one that is asked for."""
    parser = Parser(prog="hub", description="Mail, calls, calendars and mentions on one timeline for each contact.")
    parser.set_defaults(config=Path("config.toml"))
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    asked = arguments[0] if arguments else ""
    for name in (asked,) if asked in COMMANDS else COMMANDS:
        module = importlib.import_module(f"hub.cli.{name}")
        module.add(subparsers)
        subparsers.choices[name].set_defaults(run=module.run)
    return parser
