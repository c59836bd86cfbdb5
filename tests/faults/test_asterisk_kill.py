"""The hub is killed while fifty real calls ring, are talked and end at a real Asterisk. None is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.connectors.asterisk.conftest import with_linkedids
from tests.faults.hub_process import hub_process, until
from tests.servers.asterisk import Asterisk
from tests.servers.phones import Phones

CALLS = 50
CALLER = "+4915112345678"
PATIENCE = 120

TABLES = """
[sources.pbx]
provider = "asterisk"
ours = ["tel:+4930123456"]
host = "{host}"
port = {port}
username = "{username}"
secret = "env:AMI_SECRET"
trunks = ["trunk"]
cdr_file = "{cdr_file}"

[agents.ada]
name = "Ada"
extensions = ["pbx/100"]
"""


async def test_events_lost_while_the_listener_was_down_come_from_the_call_detail_records(
    tmp_path: Path, asterisk: Asterisk, phones: Phones
) -> None:
    with_linkedids(asterisk)
    ami = asterisk.ami
    tables = TABLES.format(host=ami.host, port=ami.port, username=ami.username, cdr_file=asterisk.cdr_file)
    async with asyncio.timeout(PATIENCE), hub_process(tmp_path, tables, environ={"AMI_SECRET": ami.secret}) as hub:
        token = await hub.token("test")
        async with hub.client(token) as api:
            contact = await _introduced(api)
            await phones.answer("desk", after=0.4)
            callers = await phones.call("+4930123456", number=CALLER, talk=1, calls=CALLS, rate=10)
            # Of another process there is nothing to await.
            while sum(call["state"] == "ended" for call in await _calls(api, contact)) < 5:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await hub.kill()
        before = _ended(tmp_path)
        # Meanwhile some calls come and go of which nobody hears, and some that it knew end.
        written = len(before) + 20
        await until(lambda: asterisk.cdr_file.read_bytes().count(b"\n") >= written)
        await hub.start()
        assert await callers.done() == 0, callers.complaints
        async with hub.client(token) as api:
            while True:
                found = await _calls(api, contact)
                if len(found) >= CALLS and all(call["state"] == "ended" for call in found):
                    break
                await asyncio.sleep(0.1)
        # What the records tell of calls that were heard comes after them, and changes nothing.
        await asyncio.sleep(1.5)
        async with hub.client(token) as api:
            found = await _calls(api, contact)

    assert len({call["key"] for call in found}) == len(found) == CALLS
    assert {(call["outcome"], call["direction"]) for call in found} == {("completed", "inbound")}
    heard, marked = _ended(tmp_path), _recovered(tmp_path)
    assert before <= heard
    assert {call["key"] for call in found} == heard | marked
    assert heard & marked == set(), "heard when it ended, and yet marked"
    assert len(marked) >= 10


async def _introduced(api: aiohttp.ClientSession) -> str:
    """The contact who calls."""
    async with api.post("/api/v1/contacts", json={"name": "Carol", "handles": [f"tel:{CALLER}"]}) as answer:
        assert answer.status == 201, await answer.text()
        ident: str = (await answer.json())["id"]
        return ident


async def _calls(api: aiohttp.ClientSession, contact: str) -> list[dict[str, Any]]:
    async with api.get(f"/api/v1/contacts/{contact}/timeline", params={"limit": "200"}) as answer:
        assert answer.status == 200, await answer.text()
        items: list[dict[str, Any]] = (await answer.json())["items"]
        return items


def _ended(folder: Path) -> set[str]:
    """The calls whose end was heard when it happened."""
    with sqlite3.connect(folder / "hub.sqlite3") as store:
        return {key for (key,) in store.execute("SELECT key FROM events WHERE event_id = 'ended'")}


def _recovered(folder: Path) -> set[str]:
    """The calls that are marked."""
    with sqlite3.connect(folder / "hub.sqlite3") as store:
        rows = store.execute("SELECT key, facts FROM interactions WHERE kind = 'call'").fetchall()
    return {key for key, facts in rows if orjson.loads(facts).get("recovered")}
