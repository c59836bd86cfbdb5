from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.import_rule import modules, violations

ROOT = Path(__file__).parents[1]
# Alembic runs these itself; they are scripts, not modules.
MIGRATIONS = "hub.store.migrations."


def test_nobody_imports_what_is_not_theirs() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("connectors/imap/loop.py", "import hub\nfrom hub import Message\nhub.Message\n"),
        ("connectors/imap/loop.py", "from hub.formats.mail import parse\nfrom hub.formats import mail\n"),
        ("connectors/imap/loop.py", "import hub.http\nhub.http.client\n"),
        ("connectors/imap/loop.py", "from . import wire\nfrom .wire import fetch\nimport connectors.imap.wire\n"),
        ("connectors/imap/__init__.py", "from .wire import fetch\nfrom connectors.imap.wire import idle\n"),
        ("webhooks/twilio/__init__.py", "from connectors.twilio import normalise\nimport connectors.twilio\n"),
        ("webhooks/twilio.py", "from connectors.twilio.payload import Call\n"),
        ("adapters/tryton/client.py", "import aiohttp\nfrom hub import Adapter\n"),
        ("hub/ingest.py", "from hub.store import engine\nfrom . import store\nimport hubspot\n"),
        ("hub/registry.py", "import importlib\nimportlib.import_module(f'connectors.{name}')\n"),
    ],
)
def test_what_the_rule_allows(tmp_path: Path, path: str, source: str) -> None:
    _tree(tmp_path, path, source)
    assert violations(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "source", "target"),
    [
        ("connectors/imap/loop.py", "from hub.store import engine", "hub.store.engine"),
        ("connectors/imap/loop.py", "from hub.contracts import Connector", "hub.contracts"),
        ("connectors/imap/loop.py", "from hub import store", "hub.store"),
        ("connectors/imap/loop.py", "import hub.store.engine", "hub.store.engine"),
        ("connectors/imap/loop.py", "import hub\nhub.store.engine.open()", "hub.store"),
        ("connectors/imap/loop.py", "import hub as core\ncore.store", "hub.store"),
        ("connectors/imap/loop.py", "import hub.httpx", "hub.httpx"),
        ("connectors/imap/loop.py", "from connectors.twilio import Call", "connectors.twilio"),
        ("connectors/imap/loop.py", "from ..twilio import Call", "connectors.twilio"),
        ("connectors/imap/loop.py", "from ...hub import store", "hub.store"),
        ("connectors/imap/loop.py", "from ... import hub\nhub.store", "hub.store"),
        ("connectors/imap/loop.py", "import connectors", "connectors"),
        ("connectors/imap/__init__.py", "from .. import twilio", "connectors.twilio"),
        ("connectors/twilio/loop.py", "from webhooks.twilio import Door", "webhooks.twilio"),
        ("connectors/imap/loop.py", "def late():\n    from hub import store", "hub.store"),
        ("connectors/imap/loop.py", "if TYPE_CHECKING:\n    from hub.store import engine", "hub.store.engine"),
        ("connectors/imap/loop.py", "import importlib\nimportlib.import_module('hub.store')", "hub.store"),
        ("connectors/imap/loop.py", "from tests.servers import dovecot", "tests.servers"),
        ("connectors/__init__.py", "from connectors.twilio import Call", "connectors.twilio"),
        ("webhooks/slack/__init__.py", "from connectors.twilio import Call", "connectors.twilio"),
        ("webhooks/slack/__init__.py", "from webhooks.twilio import Door", "webhooks.twilio"),
        ("adapters/twilio/__init__.py", "from connectors.twilio import Call", "connectors.twilio"),
        ("hub/ingest.py", "import connectors.twilio", "connectors.twilio"),
        ("hub/ingest.py", "from webhooks import twilio", "webhooks.twilio"),
        ("hub/store/engine.py", "from ...adapters import tryton", "adapters"),
        ("hub/ingest.py", "__import__('adapters')", "adapters"),
        ("hub/ingest.py", "import tests", "tests"),
    ],
)
def test_what_the_rule_finds(tmp_path: Path, path: str, source: str, target: str) -> None:
    _tree(tmp_path, path, source)
    found = violations(tmp_path)
    assert all(violation.startswith(f"{path}:") for violation in found)
    assert target in [violation.rpartition(" imports ")[2] for violation in found]


def _tree(root: Path, path: str, source: str) -> None:
    for file in (
        "hub/store/engine.py",
        "connectors/twilio/payload.py",
        "connectors/imap/wire.py",
        "webhooks/twilio.py",
    ):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(source)


def test_each_module_can_be_imported_alone() -> None:
    names = [name for name, path in modules(ROOT) if not name.startswith(MIGRATIONS)]
    command = [sys.executable, "-m", "tests.import_alone", *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    failures: dict[str, str] = json.loads(done.stdout)
    assert failures == {}, "\n".join(f"{module}: {text}" for module, text in failures.items())
