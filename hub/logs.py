"""How the hub logs: one line for each thing that happened, `name=value` pairs, and nothing about people.

Names of sources and ids of records are enough to find what happened. The text of an unexpected error is left out, since
it may quote what it stumbled over; where it happened says more to whoever mends it. Secrets of the config are blotted
out wherever they turn up. With HUB_DEBUG=1 the errors are whole, for a developer's own machine.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

OURS = ("hub", "connectors", "webhooks", "adapters")
SHORTEST_SECRET = 6
"""Shorter secrets would blot out ordinary words."""

REMEMBERED_SECRETS = 4
"""Of secrets that change, so many are left out for each owner: a token and its predecessor, each with a companion."""

_HERE = Path(__file__).parent.parent


def debugging(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether errors are to be shown whole."""
    return environ.get("HUB_DEBUG", "") not in ("", "0")


class OneLine(logging.Formatter):
    """Formats a record as one line without *secrets*."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._by_owner = {"": tuple(secrets)}
        self._secrets = self._sorted()

    def hide(self, owner: str, secrets: Iterable[str]) -> None:
        """Leave these out, too, for *owner*, and what it had just before."""
        known = tuple(secrets)
        before = self._by_owner.get(owner, ())
        if known != before[: len(known)]:
            self._by_owner[owner] = (*known, *before)[:REMEMBERED_SECRETS]
            self._secrets = self._sorted()

    def _sorted(self) -> list[str]:
        known = {secret for some in self._by_owner.values() for secret in some if len(secret) >= SHORTEST_SECRET}
        return sorted(known, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """`time=… level=… logger=… message="…"`, and for an error what it was and where."""
        pairs = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            pairs["error"] = type(error).__name__
            pairs["at"] = place(error)
        line = " ".join(f"{name}={_quoted(value)}" for name, value in pairs.items())
        for secret in self._secrets:
            line = line.replace(secret, "[secret]")
        return f"{line}\n{self.formatException(record.exc_info)}" if error and debugging() and record.exc_info else line


def place(error: BaseException) -> str:
    """Where *error* came from, innermost first: `hub/ingest.py:81:record < …`, and the errors behind it."""
    frames = [
        f"{_relative(frame.filename)}:{frame.lineno}:{frame.name}"
        for frame in reversed(traceback.extract_tb(error.__traceback__))
    ]
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    told = " < ".join(frames[:8])
    return f"{told}; after {type(behind).__name__} at {place(behind)}" if behind is not None else told


def begin(secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Log to *stream* (stderr) from now on: our own from INFO, libraries from WARNING."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(OneLine(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)


def hide(owner: str, secrets: Iterable[str]) -> None:
    """Blot *secrets* out from now on wherever they turn up: tokens, which the config does not know. *owner* is whose
    they are; what it had long before is forgotten."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, OneLine):
            handler.formatter.hide(owner, secrets)


def forgotten_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The event loop's word about an error nobody waited for, in our form: its own form quotes the error."""
    log = logging.getLogger("hub.loop")
    error = context.get("exception")
    task = context.get("task") or context.get("future")
    name = task.get_name() if isinstance(task, asyncio.Task) else ""
    log.error("%s %s", "an error that nobody waited for", name, exc_info=error)


def _relative(filename: str) -> str:
    path = Path(filename)
    if path.is_relative_to(_HERE):
        return str(path.relative_to(_HERE))
    return "/".join(path.parts[-2:])


def _quoted(value: str) -> str:
    return value if value and not any(c in value for c in ' "=\\\n\r\t') else json.dumps(value, ensure_ascii=False)
