"""`hub calls simulate`, as a person types it where no hub runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.cli.command import hub
from tests.hub.routing.test_tables import FIRM, PLAN

NIGHT = ("--at", "2026-12-24T22:00")


async def test_a_plan_is_tried_out_on_the_command_line(tmp_path: Path) -> None:
    firm = FIRM.replace('name = "Ada"', 'name = "Ada"\nhandles = ["tel:+4930123451"]').replace(
        "[hub]", '[hub]\nregion = "DE"\nstore = "sqlite:///hub.sqlite3"'
    )
    (tmp_path / "config.toml").write_text(firm + PLAN)

    pressed = ("--from", "+4917012345678", "--press", "1", "--nobody-answers")
    done = await asyncio.to_thread(hub, tmp_path, "calls", "simulate", "front", *pressed, *NIGHT)
    absent = await asyncio.to_thread(hub, tmp_path, "calls", "simulate", "frunt")

    assert done.stdout.splitlines() == [
        "22:00:00  says “Drücken Sie 1.”, then waits 6 s for a key",
        "          because menu: asks for a key",
        "          the caller presses 1",
        "22:00:03  rings +49 30 123451 for 20 s",
        "          because menu: pressed 1",
        "          because ring: Ada is free",
        "          nobody picks up",
        "22:00:23  says “Nobody is there.”, then takes a message of at most 120 s",
        "          because ring: nobody answered",
        "          because box: a message can be left",
        "22:00:43  hangs up",
        "          because box: a message was left",
    ]
    assert (absent.returncode, absent.stderr) == (1, 'hub: There is no plan "frunt". Did you mean "front"?\n')
