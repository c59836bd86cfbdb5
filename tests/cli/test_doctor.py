"""`hub doctor`: what this machine has and lacks."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tests.cli.command import hub
from tests.servers.process import free_port


def findings(output: str) -> dict[str, list[tuple[str, str]]]:
    """The report as what → [(grade, text)]."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in output.splitlines():
        found.setdefault(line[6:18].strip(), []).append((line[:6].strip(), line[18:]))
    return found


def test_a_sound_machine(tmp_path: Path, redis_url: str) -> None:
    (tmp_path / "config.toml").write_text(f'[hub]\nredis = "{redis_url}"\ntimezone = "Asia/Shanghai"\n')

    done = hub(tmp_path, "doctor")

    found = findings(done.stdout)
    assert found["python"][0][0] == "ok"
    assert found["sqlite"][0][1].endswith("with FTS5")
    assert found["locale"] == [("ok", "UTF-8")]
    assert found["time zones"] == [("ok", "Asia/Shanghai")]
    assert found["config"] == [("ok", "config.toml, 0 sources")]
    assert found["redis"][0][0] == "ok"
    assert [text.split(" ")[-1] for _, text in found["disk"]][1].startswith("ms")
    assert not (tmp_path / "data").exists()


def test_a_redis_that_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'[hub]\nredis = "redis://127.0.0.1:{free_port()}/0"\n')

    done = hub(tmp_path, "doctor")

    assert done.returncode == 1
    ((grade, text),) = findings(done.stdout)["redis"]
    assert grade == "wrong"
    assert text.startswith("does not answer: ")
    assert text.endswith("Start it, or correct [hub] redis.")


def test_a_terminal_without_utf8(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")

    done = hub(tmp_path, "doctor", PYTHONIOENCODING="iso8859-1")

    assert findings(done.stdout)["locale"] == [("note", "this terminal speaks iso8859-1, not UTF-8. Set LANG=C.UTF-8.")]


@pytest.mark.parametrize("text", ['[hub]\nlisen = "x"\n', '[sources.x]\nprovider = "nobody"\n'])
def test_a_wrong_config_does_not_hide_the_rest(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text)

    done = hub(tmp_path, "doctor")

    assert done.returncode == 1
    assert [grade for grade, _ in findings(done.stdout)["config"]][-1] == "wrong"
    assert findings(done.stdout)["python"][0][0] == "ok"


def test_a_thousand_mailboxes_want_more_files_than_a_shell_allows(tmp_path: Path) -> None:
    mailbox = '[sources.mail-{}]\nprovider = "smtp"\nlisten = "127.0.0.1:0"\n'
    (tmp_path / "config.toml").write_text("".join(mailbox.format(number) for number in range(1000)))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        done = hub(tmp_path, "doctor")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    cure = "Raise it: ulimit -n 12096, or LimitNOFILE=12096."
    assert findings(done.stdout)["files"] == [("note", f"only 1024 may be open, 3024 would be well. {cure}")]
