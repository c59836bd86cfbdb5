"""`hub user` and `hub token`, beside a running hub: what they make opens its doors, and what they end closes them."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import HUB, Serving, environment, hub, serving
from tests.servers.process import free_port

PASSWORD = "correct horse battery"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Serving]:
    config = f'[hub]\nlisten = "127.0.0.1:{free_port()}"\n[agents.ada]\nname = "Ada"\n'
    (tmp_path / "config.toml").write_text(config)
    with serving(tmp_path) as running:
        yield running


def add_user(folder: Path, *args: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [HUB, "user", "add", *args, "--password-stdin"]
    return subprocess.run(
        command, cwd=folder, env=environment({}), input=f"{password}\n", capture_output=True, text=True, check=False
    )


def status(address: str, token: str = "", body: dict[str, str] | None = None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, headers | {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_login_is_made_listed_closed_and_opened(running: Serving, tmp_path: Path) -> None:
    made = add_user(tmp_path, "Ada", "--agent", "ada")
    assert (made.returncode, made.stdout) == (0, '"ada" may log in.\n'), made.stderr
    login = {"name": "ada", "password": PASSWORD}
    assert status(f"{running.address}/login", body=login) == 200
    assert hub(tmp_path, "user", "list").stdout == "ada: agent, agent ada\n"
    assert hub(tmp_path, "user", "disable", "ada").returncode == 0
    assert status(f"{running.address}/login", body=login) == 401
    assert hub(tmp_path, "user", "list").stdout == "ada: agent, agent ada, disabled\n"
    assert hub(tmp_path, "user", "enable", "ada").returncode == 0
    assert status(f"{running.address}/login", body=login) == 200


def test_a_forgotten_password_is_set_anew_by_a_link(running: Serving, tmp_path: Path) -> None:
    assert add_user(tmp_path, "mia", "--role", "manager").returncode == 0
    link = hub(tmp_path, "user", "reset", "mia").stdout.strip()
    assert link.startswith(f"{running.address}/setup/")
    assert status(link, body={"password": "an entirely new one"}) == 201
    assert status(link, body={"password": "and another one"}) == 410
    assert status(f"{running.address}/login", body={"name": "mia", "password": "an entirely new one"}) == 200
    assert status(f"{running.address}/login", body={"name": "mia", "password": PASSWORD}) == 401


def test_a_token_is_the_last_word_and_opens_what_its_scope_says(running: Serving, tmp_path: Path) -> None:
    made = hub(tmp_path, "token", "add", "erp", "--scope", "read", "--agent", "ada")
    assert made.returncode == 0
    token = made.stdout.split()[-1]
    assert token.startswith("hub_")
    assert status(f"{running.address}/api/v1/contacts", token) == 200
    assert status(f"{running.address}/api/v1/pops", token) == 200
    assert status(f"{running.address}/api/v1/quarantine", token) == 403
    listed = hub(tmp_path, "token", "list").stdout
    assert listed.startswith("erp: read, agent ada, made ")
    assert token not in listed
    assert hub(tmp_path, "token", "revoke", "erp").returncode == 0
    assert hub(tmp_path, "token", "list").stdout == "There is no token yet.\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("token", "add", "erp"), "the following arguments are required: --scope"),
        (("token", "add", "e:r", "--scope", "read"), "without blanks and colons"),
        (("token", "add", "erp", "--scope", "read", "--agent", "bob"), 'There is no agent "bob". There are: ada.'),
        (("token", "revoke", "nobody"), 'There is no token "nobody".'),
        (("user", "disable", "nobody"), 'There is no login "nobody".'),
        (("user", "reset", "nobody"), 'There is no open login "nobody".'),
        (("user", "add", "ada"), "There is nobody to ask for the password. Use --password-stdin."),
    ],
)
def test_what_cannot_be_done_is_said(running: Serving, tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    done = hub(tmp_path, *args)
    assert done.returncode == (2 if "required" in said else 1)
    assert said in done.stderr


def test_a_login_that_cannot_be_is_refused(running: Serving, tmp_path: Path) -> None:
    assert add_user(tmp_path, "ada", "--agent", "ada").returncode == 0
    for args, password, said in (
        (("ada",), PASSWORD, 'There is already a login "ada"'),
        (("ben", "--agent", "ada"), PASSWORD, 'Agent "ada" already belongs to the login "ada".'),
        (("ben", "--agent", "bob"), PASSWORD, 'There is no agent "bob".'),
        (("ben",), "short", "A password needs at least 8 characters."),
    ):
        done = add_user(tmp_path, *args, password=password)
        assert done.returncode == 1
        assert said in done.stderr
    assert hub(tmp_path, "user", "list").stdout == "ada: agent, agent ada\n"
