from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from tests.servers.process import ServerProcess, free_port, program

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


def test_a_missing_program_fails_with_the_name_of_its_package() -> None:
    with pytest.raises(
        pytest.fail.Exception, match=r"^no-such-server is missing: install the Debian package some-mta$"
    ):
        program("no-such-server", package="some-mta")


def test_a_server_that_gives_up_shows_its_last_words(tmp_path: Path) -> None:
    def answers() -> None:
        raise ConnectionError("nobody there")

    process = ServerProcess([sys.executable, "-c", "exit('bad configuration')"], answers=answers, log=tmp_path / "log")
    with pytest.raises(pytest.fail.Exception, match=r"(?s)nobody there.*bad configuration"):
        process.start()


def test_a_killed_server_takes_its_children_along(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def answers() -> None:
        if not log.read_text().endswith("\n"):
            raise ConnectionError("no child yet")

    process = ServerProcess([sys.executable, "-c", PARENT], answers=answers, log=log)
    process.start()
    child = os.pidfd_open(int(log.read_text()))
    try:
        assert select.select([child], [], [], 0) == ([], [], [])
        process.kill()
        # Readable means ended (pidfd_open(2)).
        assert select.select([child], [], [], 0) == ([child], [], [])
    finally:
        os.close(child)


def test_free_ports_are_not_privileged() -> None:
    assert free_port() > 1023
