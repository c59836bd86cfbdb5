"""`hub serve`: it starts, says where it is, takes things in, and stops when told to."""

from __future__ import annotations

import json
import signal
import smtplib
import socket
import sqlite3
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.cli.command import Serving, hub, serving
from tests.servers.process import free_port


@pytest.fixture
def ports() -> tuple[int, int]:
    """Where the pages and the door for mail are."""
    return free_port(), free_port()


@pytest.fixture
def folder(tmp_path: Path, ports: tuple[int, int]) -> Path:
    """A folder with a config that has a door for mail."""
    web, mail = ports
    (tmp_path / "config.toml").write_text(
        f'[hub]\nlisten = "127.0.0.1:{web}"\n[sources.dropbox]\nprovider = "smtp"\nlisten = "127.0.0.1:{mail}"\n'
    )
    return tmp_path


@pytest.fixture
def running(folder: Path) -> Iterator[Serving]:
    with serving(folder) as running:
        yield running


def get(address: str) -> tuple[int, str]:
    """Status and body."""
    with urllib.request.urlopen(address) as answer:
        return answer.status, answer.read().decode()


def mail(number: int) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Grace <grace@example.net>"
    message["To"] = "support@example.org"
    message["Subject"] = f"Question {number}"
    message["Message-ID"] = f"<question-{number}@example.net>"
    message.set_content("Hello.")
    return message


def titles(folder: Path) -> list[str]:
    """The interactions on record, read behind the hub's back."""
    with sqlite3.connect(f"file:{folder / 'data' / 'hub.sqlite3'}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT title FROM interactions ORDER BY title").fetchall()
    connection.close()
    return [title for (title,) in rows]


def test_it_says_where_it_is_and_how_to_begin(running: Serving, ports: tuple[int, int]) -> None:
    link = running.line()

    assert running.address == f"http://127.0.0.1:{ports[0]}"
    assert link.startswith("Nobody can log in yet. This link makes the first administrator, once: ")
    assert get(link.rpartition(" ")[2])[0] == 200


def test_it_is_ready_when_it_says_so(running: Serving) -> None:
    assert get(f"{running.address}/readyz") == (200, '{"status": "ready"}')


@pytest.mark.usefixtures("running")
def test_a_mail_accepted_is_on_record(ports: tuple[int, int], folder: Path) -> None:
    with smtplib.SMTP("127.0.0.1", ports[1]) as door:
        door.send_message(mail(1))

        assert titles(folder) == ["Question 1"]


def test_sigterm_ends_it_with_status_0(folder: Path) -> None:
    with serving(folder) as running:
        assert running.stop(signal.SIGTERM) == 0

    assert sorted(path.name for path in (folder / "data").iterdir() if path.suffix in (".sock", "")) == []


def test_ctrl_c_ends_it_with_status_0(folder: Path) -> None:
    with serving(folder) as running:
        assert running.stop(signal.SIGINT) == 0


def test_after_sigkill_it_starts_again_and_has_everything(folder: Path, ports: tuple[int, int]) -> None:
    with serving(folder) as running, smtplib.SMTP("127.0.0.1", ports[1]) as door:
        door.send_message(mail(1))
        assert running.stop(signal.SIGKILL) == -signal.SIGKILL
    with serving(folder) as running:
        with smtplib.SMTP("127.0.0.1", ports[1]) as door:
            door.send_message(mail(2))

        assert titles(folder) == ["Question 1", "Question 2"]


@pytest.mark.usefixtures("running")
def test_a_second_hub_on_one_sqlite_ends_with_the_reason(folder: Path) -> None:
    done = hub(folder, "serve")

    assert done.returncode == 1
    assert done.stderr == (
        f"hub: {folder}/data/hub.sqlite3 is in use by another hub. Stop that one, or use its commands.\n"
    )


def test_an_address_in_use_ends_with_the_reason(folder: Path, ports: tuple[int, int]) -> None:
    with socket.create_server(("127.0.0.1", ports[0])):
        done = hub(folder, "serve")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"hub: config.toml: hub.listen: 127.0.0.1:{ports[0]} cannot be had. "
        "Stop what uses it, or set [hub] listen to another address."
    )


def test_a_source_that_is_wrong_is_logged_and_the_others_go_on(folder: Path) -> None:
    with (folder / "config.toml").open("a") as config:
        config.write('[sources.pbx]\nprovider = "calls"\ntoken = "env:PBX_TOKEN"\n')

    with serving(folder) as running:
        assert get(f"{running.address}/readyz")[0] == 200
        log = running.log()

    assert 'environment variable PBX_TOKEN is not set. Set it, or use \\"file:PATH\\".' in log
    assert log.count("\n") == len(log.splitlines())


def test_no_secret_and_no_person_is_logged(folder: Path, ports: tuple[int, int]) -> None:
    with (folder / "config.toml").open("a") as config:
        config.write('[sources.pbx]\nprovider = "calls"\ntoken = "env:PBX_TOKEN"\n')

    with serving(folder, PBX_TOKEN="q7-rather-secret") as running:
        with smtplib.SMTP("127.0.0.1", ports[1]) as door:
            door.send_message(mail(1))
        request = urllib.request.Request(
            f"{running.address}/webhooks/pbx",
            json.dumps({"id": "c1", "event": "ringing", "from": "+4930765432", "to": "+4930123456"}).encode(),
            {"Authorization": "Bearer q7-rather-secret", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status in (200, 204)
        assert running.stop() == 0

    log = running.log()
    assert log
    for word in ("q7-rather-secret", "grace", "Question", "765432"):
        assert word not in log


# --- commands beside a running hub ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("running")
def test_commands_act_through_the_running_hub(folder: Path) -> None:
    done = hub(folder, "quarantine", "list")

    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing lies in quarantine.\n", "")


@pytest.mark.usefixtures("running")
def test_check_asks_the_running_hub(folder: Path, ports: tuple[int, int]) -> None:
    done = hub(folder, "check")

    assert done.returncode == 0
    assert [" ".join(line.split()) for line in done.stdout.splitlines()] == [
        f"ok store {folder}/data/hub.sqlite3, where the hub is running",
        f"ok dropbox listens on 127.0.0.1:{ports[1]}",
    ]
