"""Imports each named module in a process of its own that has loaded none of ours, and prints what went wrong.

``python -m tests.import_alone MODULE...`` loads everything of third parties once and forks for each module, which takes
milliseconds where a new interpreter takes most of a second. The output is JSON: module -> traceback.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import multiprocessing
import sys
import tempfile
import traceback
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


def failure(module: str) -> str:
    """The traceback of importing *module*; empty where it went well."""
    # Guards the method itself: where one of ours is loaded already, importing it would prove nothing.
    if early := [name for name in sys.modules if name.partition(".")[0] in OURS - {"tests"}]:
        return f"{early[0]} was loaded before its turn"
    try:
        importlib.import_module(module)
    except BaseException:
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    load_third_parties(Path.cwd())
    with tempfile.TemporaryDirectory() as compiled:
        # The first to import a module compiles it for those that come after, wherever the environment says otherwise.
        sys.dont_write_bytecode, sys.pycache_prefix = False, compiled
        with multiprocessing.get_context("fork").Pool(maxtasksperchild=1) as pool:
            found = zip(sys.argv[1:], pool.map(failure, sys.argv[1:], chunksize=1), strict=True)
    json.dump({module: text for module, text in found if text}, sys.stdout)
