"""A hub is killed in the middle of a list: no number is dialled twice, and what may have been placed is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from tests.fakes.dialer import POINTS, SOURCE, TOKEN, Placed, Switchboard, switchboard
from tests.faults.hub_process import HubProcess, hub_process
from tests.hub.third_party import distribution

TOP = Path(__file__).parents[3]
PATIENCE = 120
NUMBERS = [f"+4930987654{number:02}" for number in range(4)]


def tables(board: Switchboard) -> str:
    return f"""
[calls]
call_from = "00:00"
call_to = "24:00"
quiet_days = []
wrap_up_seconds = 0

[sources.{SOURCE}]
provider = "switchboard"
ours = ["tel:+4930123456"]
url = "{board.url}"
token = "env:BOARD_TOKEN"

[agents.ada]
name = "Ada"
extensions = ["{SOURCE}/21"]
"""


async def test_a_hub_that_is_killed_in_the_middle_of_a_list_dials_no_number_twice(tmp_path: Path) -> None:
    distribution(tmp_path, POINTS)
    environ = {"PYTHONPATH": f"{tmp_path}:{TOP}", "BOARD_TOKEN": TOKEN}
    async with (
        asyncio.timeout(PATIENCE),
        switchboard() as board,
        hub_process(tmp_path, tables(board), environ=environ) as hub,
    ):
        token = await hub.token("test", "write", "ada")
        (tmp_path / "numbers.csv").write_text("number\n" + "\n".join([*NUMBERS, "nonsense"]))
        said = await hub.command("calls", "list-import", "Offers", "numbers.csv", "--agent", "ada")
        assert said.startswith('"Offers": 4 numbers.')
        async with hub.client(token) as api:
            list_id = (await asked(api, "GET", "/dial-lists"))["items"][0]["id"]
            await asked(api, "POST", f"/dial-lists/{list_id}/start")
            await over(api, board, await board.dialled())
            board.answers.clear()
            await board.dialled()
        # The switchboard has it in its hands, and its answer reaches nobody.
        await hub.kill()
        board.answers.set()
        await hub.start()
        async with hub.client(token) as api:
            page = await until(api, list_id, lambda page: page["state"] == "paused")
            assert [each["state"] for each in page["entries"]] == ["reached", "perhaps", "waiting", "waiting"]
            assert page["reason"].startswith("The phone system was asked to call")
            await asked(api, "POST", f"/dial-lists/{list_id}/start")
            call = await board.dialled()
        # And once it is on the phone: after the kill the call goes on, and the list with it.
        await on_the_timeline(hub, token, call)
        await hub.kill()
        await hub.start()
        async with hub.client(token) as api:
            await over(api, board, call)
            await over(api, board, await board.dialled())
            page = await until(api, list_id, lambda page: page["state"] == "done")
    assert [each["state"] for each in page["entries"]] == ["reached", "perhaps", "reached", "reached"]
    assert [call.callee for call in board.placed] == [f"tel:{number}" for number in NUMBERS]
    assert "Offers: done, 4 of 4 done, for ada" in await listed(tmp_path, environ)


async def listed(folder: Path, environ: dict[str, str]) -> str:
    """What `hub calls lists` prints without a hub."""
    return await HubProcess(folder, "", environ).command("calls", "lists")


async def over(api: aiohttp.ClientSession, board: Switchboard, call: Placed) -> None:
    await board.tell(api, call, "answered")
    await board.tell(api, call, "ended", duration=5)


async def on_the_timeline(hub: HubProcess, token: str, call: Placed) -> None:
    """Return once the hub has written down that a call was placed."""
    async with hub.client(token) as api:
        while True:
            async with api.get(f"/api/v1/dials/{call.dial}") as answer:
                if "interaction" in await answer.json():
                    return
            await asyncio.sleep(0.05)


async def asked(api: aiohttp.ClientSession, method: str, path: str) -> Any:
    async with api.request(method, f"/api/v1{path}") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def until(api: aiohttp.ClientSession, list_id: str, true: Callable[[Any], bool]) -> Any:
    """The list once *true* says so of it."""
    while True:
        if true(page := await asked(api, "GET", f"/dial-lists/{list_id}")):
            return page
        await asyncio.sleep(0.05)
