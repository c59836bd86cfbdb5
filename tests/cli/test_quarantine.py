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


@pytest.fixture
async def with_a_mail(folder: Path) -> Path:
    """The same, and a mail that an older hub could not read."""
    raw = b"From: grace@example.net\r\nTo: support@example.org\r\nMessage-ID: <m1@example.net>\r\n\r\nHello."
    about = {
        "received_at": "2026-05-04T12:00:00+00:00",
        "place": "INBOX",
        "provider_id": "7:1",
        "flags": [],
        "level": "all",
        "audience": "",
    }
    async with Service.open(load(folder / "config.toml")) as service:
        await service.ingest.quarantine("mail", "mail", "a bug of last year", raw, about)
    return folder


def test_replay_records_what_can_be_read_now(with_a_mail: Path) -> None:
    done = hub(with_a_mail, "quarantine", "replay", only_id(with_a_mail))

    assert (done.returncode, done.stdout, done.stderr) == (0, "1 replayed.\n", "")
    assert "a bug of last year" not in hub(with_a_mail, "quarantine", "list").stdout
    assert " (replayed): a bug of last year" in hub(with_a_mail, "quarantine", "list", "--all").stdout


def test_replay_of_all_says_what_stays_and_why(with_a_mail: Path) -> None:
    done = hub(with_a_mail, "quarantine", "replay", "--all")

    assert done.returncode == 1
    assert done.stdout == "1 replayed.\n"
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"hub: {only_id(with_a_mail)} stays in quarantine: ")


def test_replay_of_an_unknown_id(folder: Path) -> None:
    done = hub(folder, "quarantine", "replay", "7")

    assert done.returncode == 1
    assert done.stderr.startswith("hub: There is nothing of id 7 in quarantine.")
