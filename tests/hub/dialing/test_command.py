"""`hub calls dial`, as a person types it where no hub runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cli.command import hub
from tests.fakes.dialer import POINTS, TOKEN, switchboard
from tests.hub.dialing.board import TOML
from tests.hub.third_party import distribution

TOP = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("number", "agent", "status", "said"),
    [
        ("030 98765432", "ada", 0, "board/21 rings, then tel:+493098765432.\n"),
        ("112", "ada", 1, "hub: 112 is not called. Emergency numbers are dialled on the phone itself.\n"),
        ("030 98765432", "adda", 1, 'hub: There is no agent "adda". Did you mean "ada"?\n'),
    ],
)
async def test_a_number_is_called_from_the_command_line(
    tmp_path: Path, number: str, agent: str, status: int, said: str
) -> None:
    distribution(tmp_path, POINTS)
    async with switchboard() as board:
        toml = TOML.replace("{store}", "sqlite:///hub.sqlite3").replace("{url}", board.url)
        (tmp_path / "config.toml").write_text(toml)
        environ = {"PYTHONPATH": f"{tmp_path}:{TOP}", "PBX_TOKEN": TOKEN}
        done = await asyncio.to_thread(hub, tmp_path, "calls", "dial", number, "--agent", agent, **environ)
    assert (done.returncode, done.stdout or done.stderr) == (status, said)
    assert len(board.placed) == (0 if status else 1)
