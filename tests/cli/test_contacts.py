"""`hub contacts import`: from a file to the store, beside a running hub and without one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cli.command import hub, serving
from tests.servers.process import free_port

LIST = """Kd-Nr;Vorname;Nachname;Firma;E-Mail;Telefon;Ort
1;Jürgen;Müller;Bau GmbH;j.mueller@bau.example;030/1234567;Köln
2;Anna;Schmidt;Bau GmbH;a.schmidt@bau.example;030/1234567;Köln
3;;;;nonsense;;
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(f'[hub]\nlisten = "127.0.0.1:{free_port()}"\nregion = "DE"\n')
    (tmp_path / "list.csv").write_bytes(LIST.encode("cp1252"))
    return tmp_path


def names(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "data/hub.sqlite3") as store:
        return [name for (name,) in store.execute("SELECT name FROM contacts ORDER BY external_id")]


def test_a_list_is_taken_in_and_what_was_refused_is_said(folder: Path) -> None:
    done = hub(folder, "contacts", "import", "list.csv", "--map", "Kd-Nr=id")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "Taken in: 2 new, 0 changed, 0 known already, 1 refused.",
    )
    assert '"Kd-Nr" is the id.' in done.stdout
    assert '"Ort" is kept as it is.' in done.stdout
    row, refused = done.stderr.splitlines()
    assert row.startswith("row 3: +49 30 1234567 also belongs to contact/")
    assert refused == 'row 4: neither a name nor an address that can be read ("nonsense"); refused.'
    assert names(folder) == ["Jürgen Müller", "Anna Schmidt"]


def test_a_dry_run_leaves_no_trace(folder: Path) -> None:
    done = hub(folder, "contacts", "import", "list.csv", "--map", "Kd-Nr=id", "--dry-run")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "Would have been taken in: 2 new, 0 changed, 0 known already, 1 refused."
    assert names(folder) == []


def test_beside_a_running_hub(folder: Path) -> None:
    with serving(folder):
        for expected in ("2 new, 0 changed, 0 known already", "0 new, 0 changed, 2 known already"):
            done = hub(folder, "contacts", "import", "list.csv", "--map", "Kd-Nr=id")
            assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"Taken in: {expected}, 1 refused.")
    assert names(folder) == ["Jürgen Müller", "Anna Schmidt"]


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (("nothing.csv",), 1, "hub: nothing.csv: No such file or directory."),
        (("list.csv", "--map", "Nope=id"), 1, 'hub: list.csv: The file has no column "Nope".'),
        (("empty.csv",), 1, "hub: empty.csv: The file is empty"),
        (("list.csv", "--encoding", "klingon"), 1, "hub: list.csv: The file is not klingon"),
        (("list.csv", "--map", "id"), 2, '"id" is not HEADER=FIELD'),
        ((), 2, "the following arguments are required: FILE"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder: Path, args: tuple[str, ...], status: int, said: str) -> None:
    (folder / "empty.csv").touch()
    done = hub(folder, "contacts", "import", *args)
    assert done.returncode == status
    assert said in done.stderr
    assert status == 2 or len(done.stderr.splitlines()) == 1
