"""Imports each named module in a process that has loaded nothing of ours but the packages around it, and prints what
went wrong.

``python -m tests.import_alone MODULE...`` loads everything of third parties once. Then it forks where Python would go
deeper: whoever imports `hub.web.pages` has `hub` and `hub.web` by then, and whoever imports a module of it has that,
too. So each process imports only what is new to it. The output is JSON: module -> traceback.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import json
import os
import sys
import tempfile
import traceback
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from tests.import_rule import OURS, modules


def load_third_parties(root: Path) -> None:
    """Import every outside module that ours name."""
    for _, path in modules(root):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            else:
                continue
            for name in names:
                if name.partition(".")[0] not in OURS:
                    # What can't be imported shows in the module that needs it.
                    with contextlib.suppress(ImportError):
                        importlib.import_module(name)


def failures(around: str, names: Sequence[str]) -> dict[str, str]:
    """The traceback of each of *names* that cannot be imported alone, by a process that has imported the package
    *around* them. Those directly in one of ours are tried on every core."""
    depth = around.count(".") + 2
    at_once = (os.cpu_count() or 1) if depth == 2 else 1
    first = sorted({".".join(name.split(".")[:depth]) for name in names if name != around})
    running: deque[tuple[int, int]] = deque()
    found: dict[str, str] = {}
    for name in first:
        if len(running) == at_once:
            found |= _heard(*running.popleft())
        running.append(_apart(name, [each for each in names if each == name or each.startswith(f"{name}.")]))
    for each in running:
        found |= _heard(*each)
    return found


def _apart(name: str, names: Sequence[str]) -> tuple[int, int]:
    """A process that imports *name*, and then all of *names* alone: its id, and where it says how that went."""
    reading, writing = os.pipe()
    if process := os.fork():
        os.close(writing)
        return process, reading
    try:
        try:
            importlib.import_module(name)
        except BaseException:
            found = {name: traceback.format_exc()}
        else:
            found = failures(name, names)
        with os.fdopen(writing, "w") as out:
            json.dump(found, out)
    finally:
        os._exit(0)


def _heard(process: int, reading: int) -> dict[str, str]:
    with os.fdopen(reading) as said:
        text = said.read()
    os.waitpid(process, 0)
    found: dict[str, str] = json.loads(text)
    return found


if __name__ == "__main__":
    load_third_parties(Path.cwd())
    gc.freeze()  # what is never looked at again is never copied by a fork
    # Guards the method itself: where one of ours is loaded already, importing it would prove nothing.
    if early := [name for name in sys.modules if name.partition(".")[0] in OURS - {"tests"}]:
        sys.exit(f"{early[0]} was loaded before its turn")
    with tempfile.TemporaryDirectory() as compiled:
        # The first to import a module compiles it for those that come after, wherever the environment says otherwise.
        sys.dont_write_bytecode, sys.pycache_prefix = False, compiled
        found = {}
        for package in sorted({name.partition(".")[0] for name in sys.argv[1:]}):
            if package in sys.argv[1:]:
                process = _apart(package, [name for name in sys.argv[1:] if name.partition(".")[0] == package])
                found |= _heard(*process)
    json.dump(found, sys.stdout)
