"""What people read and what scripts get from the `hub` command: exit status 0, 1 or 2, and one line that helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cli import COMMANDS
from hub.cli.failures import told
from hub.operation import Failure
from hub.store import StoreLocked
from tests.cli.command import hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an empty config."""
    (tmp_path / "config.toml").write_text("")
    return tmp_path


def test_help_names_every_command(tmp_path: Path) -> None:
    done = hub(tmp_path, "--help")

    assert done.returncode == 0
    listed = done.stdout.partition("COMMAND\n")[2]
    assert [line.split()[0] for line in listed.splitlines() if line[4] != " "] == list(COMMANDS)


@pytest.mark.parametrize("args", [(), ("frobnicate",), ("serve", "--fast"), ("quarantine",), ("quarantine", "replay")])
def test_wrong_usage_is_2(folder: Path, args: tuple[str, ...]) -> None:
    done = hub(folder, *args)

    assert done.returncode == 2
    assert done.stdout == ""
    assert "usage: hub" in done.stderr


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_config_may_stand_anywhere_in_the_command(tmp_path: Path, place: int) -> None:
    (tmp_path / "other.toml").write_text('[hub]\nstore = "sqlite:///other/hub.sqlite3"\n')
    args = ["quarantine", "list"]
    args[place:place] = ["--config", "other.toml"]

    done = hub(tmp_path, *args)

    assert (done.returncode, done.stdout) == (0, "Nothing lies in quarantine.\n")
    assert (tmp_path / "other" / "hub.sqlite3").exists()


def test_no_config_says_where_to_look(tmp_path: Path) -> None:
    done = hub(tmp_path, "serve")

    assert done.returncode == 1
    assert done.stderr == (
        "hub: config.toml: there is no such file. Go to the hub's folder, or name the file with --config PATH.\n"
    )


def test_a_wrong_config_is_told_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[hub]\nlisen = "127.0.0.1:1"\nregion = "Germany"\n')

    done = hub(tmp_path, "serve")

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        'hub: config.toml: hub.lisen: unknown key. Did you mean "listen"?',
        'hub: config.toml: hub.region: "Germany" is no country. Write two capital letters such as "DE".',
    ]


def test_a_store_that_is_not_there_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[hub]\nstore = "postgresql://hub@127.0.0.1:1/hub"\n')

    done = hub(tmp_path, "quarantine", "list")

    assert done.returncode == 1
    assert done.stderr.startswith("hub: the store cannot be opened: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_developer_sees_where(folder: Path) -> None:
    assert "Traceback" not in hub(folder, "quarantine", "show", "7").stderr
    assert "Traceback" in hub(folder, "quarantine", "show", "7", HUB_DEBUG="1").stderr


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Failure("It is\nbroken."), "hub: It is broken."),
        (StoreLocked("It is in use."), "hub: It is in use."),
        (FileNotFoundError(2, "No such file or directory", "a.eml"), "hub: a.eml: No such file or directory."),
        (
            ValueError("ada@example.org"),
            "hub: something the hub did not expect (ValueError). Set HUB_DEBUG=1 to see where.",
        ),
    ],
)
def test_whatever_goes_wrong_is_one_line(error: Exception, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUB_DEBUG", raising=False)

    assert told(error) == line


def test_bench_passes_on_what_follows(folder: Path) -> None:
    done = hub(folder, "bench", "nonsense")

    assert done.returncode == 2
    assert done.stderr.startswith("no benchmark is called nonsense; there are ")
