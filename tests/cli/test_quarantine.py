"""`hub quarantine` on a store with something in it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from hub.config import load
from hub.service import Service
from tests.cli.command import HUB, environment, hub

RAW = b"\x1b]0;owned\x07no mail\r\nat all \xff" + b"." * 5000


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A folder whose store has one thing in quarantine."""
    (tmp_path / "config.toml").write_text('[hub]\ntimezone = "Asia/Tokyo"\n')
    async with Service.open(load(tmp_path / "config.toml")) as service:
        about: dict[str, Any] = {"received_at": "2026-05-04T12:00:00+00:00", "place": "INBOX"}
        await service.ingest.quarantine("mail", "mail", "no header \x1b[2J at all", RAW, about)
    return tmp_path


def only_id(folder: Path) -> str:
    return hub(folder, "quarantine", "list").stdout.split()[0]


def test_list_is_one_line_for_each(folder: Path) -> None:
    done = hub(folder, "quarantine", "list")

    assert done.returncode == 0
    (line,) = done.stdout.splitlines()
    assert f" JST  mail  mail, {len(RAW):,} bytes: no header \\x1b[2J at all" in line


def test_list_of_another_source_is_empty(folder: Path) -> None:
    assert hub(folder, "quarantine", "list", "--source", "pbx").stdout == "Nothing lies in quarantine.\n"


def test_show_lets_no_stranger_command_the_terminal(folder: Path) -> None:
    number = only_id(folder)
    done = hub(folder, "quarantine", "show", number)

    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "reason  no header \\x1b[2J at all\n" in done.stdout
    assert 'about   {"received_at": "2026-05-04T12:00:00+00:00", "place": "INBOX"}\n' in done.stdout
    assert "\n\\x1b]0;owned\\x07no mail\nat all \\xff....." in done.stdout
    assert done.stdout.endswith(f"… {len(RAW) - 4000:,} bytes more: hub quarantine show {number} --raw\n")


def test_show_raw_is_the_bytes_alone(folder: Path) -> None:
    done = subprocess.run(
        [HUB, "quarantine", "show", only_id(folder), "--raw"],
        cwd=folder,
        env=environment({}),
        capture_output=True,
        check=True,
    )

    assert done.stdout == RAW
