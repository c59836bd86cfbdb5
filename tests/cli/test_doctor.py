"""`hub doctor`: what this machine has and lacks."""

from __future__ import annotations

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
