"""The worked example of CONTRIBUTING.md: taken out of the page, put where it says, tested, and run in a real hub."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import environment, hub, serving
from tests.import_rule import violations
from tests.servers.process import free_port

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
FILE = re.compile(r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECRET = "the-secret-of-this-test"


def files() -> dict[str, str]:
    """The files of the example by their paths."""
    found = dict(FILE.findall(PAGE.read_text("utf-8")))
    assert len(found) == 9
    return found


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which somebody has followed the page."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in ("connectors", "webhooks", "tests/contracts"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "hub").symlink_to(ROOT / "hub")
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / "tests" / "__init__.py").touch()
    for name, text in files().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_wire(text) if path.suffix == ".http" else text.encode())
    return root


def _wire(text: str) -> bytes:
    """A request as it comes over the wire (RFC 9112, 2.2): lines end with CRLF, and nothing follows the body."""
    head, _, body = text.partition("\n\n")
    return head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body.removesuffix("\n").encode()


def test_it_passes_the_contract_and_becomes_what_its_recording_says(checkout: Path) -> None:
    said = re.search(r'^make test ARGS="(tests/webhooks/[^"]+)"$', PAGE.read_text("utf-8"), re.MULTILINE)
    assert said
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-vv", *said[1].split()],
        cwd=checkout,
        env=environment({"PYTHONPATH": str(checkout)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("test_refuses_what_was_altered", "test_refuses_what_is_stale", "guestbook-entry"):
        assert re.search(rf"{name}\b.* PASSED", done.stdout), done.stdout
    assert "webhooks.guestbook cannot show a body that cannot be read" in done.stdout


def test_it_imports_only_what_it_may(checkout: Path) -> None:
    assert violations(checkout) == []


def test_it_is_written_as_the_rest_of_the_house(checkout: Path) -> None:
    paths = [checkout / name for name in files() if name.endswith(".py") and name != "send.py"]
    for tool in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--explicit-package-bases"]):
        done = subprocess.run(
            [sys.executable, "-m", *tool, *paths], cwd=checkout, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def address(checkout: Path) -> Iterator[str]:
    """A hub that runs the example's config."""
    port = free_port()
    config = checkout / "config.toml"
    config.write_text(f'[hub]\nlisten = "127.0.0.1:{port}"\n\n{files()["config.toml"]}')
    with serving(checkout, PYTHONPATH=str(checkout), GUESTBOOK_SECRET=SECRET) as running:
        yield running.address


def test_what_it_sends_stands_on_the_timeline(checkout: Path, address: str) -> None:
    environ = {"PYTHONPATH": str(checkout), "GUESTBOOK_SECRET": SECRET}
    token = hub(checkout, "token", "add", "test", "--scope", "write", **environ).stdout.split()[-1]

    def api(path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{address}/api/v1{path}", data, headers)) as answer:
            return json.load(answer)

    for _ in range(2):  # a provider that repeats itself changes nothing
        sent = subprocess.run(
            [sys.executable, "send.py"],
            cwd=checkout,
            env=environment({"HUB": address, "GUESTBOOK_SECRET": SECRET}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (sent.stdout, sent.stderr) == ("204\n", "")
    contact = api("/contacts", {"name": "Wang Xiaoming", "handles": ["wang@customer.example"]})
    (item,) = api(f"/contacts/{contact['id']}/timeline")["items"]
    assert (item["key"], item["preview"], item["direction"]) == ("guestbook:e8", "Hello", "inbound")
    assert "verifies deliveries to" in hub(checkout, "check", **environ).stdout
    assert hub(checkout, "quarantine", "list", **environ).stdout == "Nothing lies in quarantine.\n"
