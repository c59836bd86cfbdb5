"""Who may import what, read from the source without running it.

Plug-ins (everything under `connectors`, `webhooks` and `adapters`) import `hub` itself, `hub.formats`, `hub.http` and
their own folder; `webhooks.x` also imports `connectors.x`. The core imports no plug-in. Nobody imports the tests.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

CORE = "hub"
PLUGINS = ("connectors", "webhooks", "adapters")
PACKAGES = (CORE, *PLUGINS)
OURS = frozenset({*PACKAGES, "tests"})
OPEN_TO_PLUGINS = ("hub.formats", "hub.http")


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Each module below *root* that a deployment carries: its dotted name and its file."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def violations(root: Path) -> list[str]:
    """Each import below *root* that the rule forbids, as ``file:line: module imports target``."""
    names = {name for name, _ in modules(root)} | {
        ".".join(path.relative_to(root).parts)
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.is_dir()
    }
    return [
        f"{path.relative_to(root)}:{line}: {module} imports {target}"
        for module, path in modules(root)
        for line, target in _targets(module, path, names)
        if target.partition(".")[0] in OURS and not _allowed(module, target)
    ]


def _allowed(module: str, target: str) -> bool:
    if target.startswith("tests"):
        return False
    package, _, rest = module.partition(".")
    if package == CORE:
        return _inside(target, CORE)
    if target == CORE or any(_inside(target, door) for door in OPEN_TO_PLUGINS):
        return True
    plugin = rest.partition(".")[0]
    if not plugin:
        # `connectors/__init__.py` belongs to no plug-in.
        return False
    own = [f"{package}.{plugin}"] + ([f"connectors.{plugin}"] if package == "webhooks" else [])
    return any(_inside(target, folder) for folder in own)


def _inside(target: str, folder: str) -> bool:
    return target == folder or target.startswith(f"{folder}.")


def _targets(module: str, path: Path, names: set[str]) -> Iterator[tuple[int, str]]:
    """What *module* imports: by statement, by `import_module`, or by reaching through a name it imported."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
                bound[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, path, node)
            for alias in node.names:
                # `from hub import store` reaches a module, `from hub import Message` a name of the package.
                inner = f"{base}.{alias.name}".lstrip(".")
                yield node.lineno, inner if inner in names else base
                bound[alias.asname or alias.name] = inner
        elif isinstance(node, ast.Call):
            yield from _dynamic(node)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (chain := _chain(node, bound)) in names:
            assert chain is not None
            yield node.lineno, chain


def _base(module: str, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    # One dot means the package that holds the module, or the package itself in its `__init__`.
    kept = len(parts) - node.level + (path.name == "__init__.py")
    return ".".join([*parts[:kept], *([node.module] if node.module else [])])


def _dynamic(call: ast.Call) -> Iterator[tuple[int, str]]:
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if function in {"import_module", "__import__"} and call.args:
        name = call.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            yield call.lineno, name.value


def _chain(node: ast.expr, bound: dict[str, str]) -> str | None:
    """The dotted name that `hub.store.engine` means here, or None where it does not start with an imported name."""
    if isinstance(node, ast.Name):
        return bound.get(node.id)
    if isinstance(node, ast.Attribute) and (left := _chain(node.value, bound)):
        return f"{left}.{node.attr}"
    return None
