"""A day on the phone with Asterisk: `hub serve` in a process of its own, a real Asterisk with real SIP calls, and Ada
at Chromium with two tabs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.connectors.asterisk.conftest import with_linkedids
from tests.faults.hub_process import HubProcess, hub_process
from tests.servers.asterisk import Asterisk
from tests.servers.chromium import Complaints
from tests.servers.phones import Phones
from tests.story.pages import Pop, Timeline

PASSWORD = "lamps and 200 pendants"
LI_NA, DESK, MENU = "+4917012345678", "+4930123490", "+4930123491"
SOURCES = """
[sources.pbx]
provider = "asterisk"
ours = ["tel:+4930123490", "tel:+4930123491"]
plan = "front"
host = "127.0.0.1"
port = {ami}
username = "hub"
secret = "env:AMI_SECRET"
ari_url = "{ari}"
ari_username = "hub"
ari_password = "env:ARI_SECRET"
trunks = ["trunk"]
phones = {{ 100 = "PJSIP/desk" }}
cdr_file = "{folder}/log/cdr-csv/Master.csv"
spool = "{folder}/spool"

[lines."tel:+4930123490"]
record = "announced"

[agents.ada]
name = "Ada"
extensions = ["pbx/100"]

[plans.front]
start = "menu"

[plans.front.nodes.menu]
kind = "menu"
say = {{ en = "audio:hello-world" }}
choices = {{ 2 = "ada" }}
otherwise = "ada"

[plans.front.nodes.ada]
kind = "ring"
agents = ["ada"]
then = "box"

[plans.front.nodes.box]
kind = "voicemail"
say = {{ en = "audio:hello-world" }}
"""
DIALPLAN = """[test]
exten => +4930123490,1,MixMonitor(${UNIQUEID}.wav,b)
 same => n,Dial(PJSIP/desk,20)
 same => n,Hangup()
exten => +4930123491,1,Stasis(hub)
 same => n,Dial(PJSIP/second,20)
"""


@pytest.fixture
async def hub(tmp_path: Path, asterisk: Asterisk) -> AsyncIterator[HubProcess]:
    """A hub at that Asterisk, and Ada's login."""
    with_linkedids(asterisk)
    asterisk.extend(DIALPLAN)
    tables = SOURCES.format(ami=asterisk.ami.port, ari=asterisk.ari.url, folder=asterisk.folder)
    secrets = {"AMI_SECRET": asterisk.ami.secret, "ARI_SECRET": asterisk.ari.password}
    async with hub_process(tmp_path, tables, environ=secrets) as running:
        await running.login("ada", PASSWORD, role="admin", agent="ada")
        yield running


async def test_the_phone_rings_and_a_plan_answers(
    hub: HubProcess, phones: Phones, browser: Browser, complaints: Complaints
) -> None:
    async with hub.client(await hub.token("crm")) as client:
        contact = await _contact(client)
        context = await browser.new_context(
            viewport=ViewportSize(width=1440, height=900), locale="en-GB", base_url=hub.url
        )
        context.on("page", complaints.listen)
        first = await _logged_in(await context.new_page())
        second = await context.new_page()
        await second.goto(f"/contacts/{contact}")
        await _until(lambda: _listens(client))

        desk = await phones.answer("desk", after=3, speaks=True, calls=1)
        caller = await phones.call(DESK, number=LI_NA, talk=2, speaks=True)
        await _is_taken(first, second)
        assert await caller.done() == 0, caller.complaints
        assert await desk.done() == 0, desk.complaints
        for tab in (first, second):
            await expect(Pop(tab).current).to_have_count(0)
        await expect(Pop(first).over).to_be_visible()
        await Pop(first).over.get_by_role("button", name="Done").click()
        await expect(Pop(first).over).to_have_count(0)

        await second.goto(f"/contacts/{contact}")
        entries = Timeline(second).entries
        await expect(entries).to_have_count(1)
        await expect(entries.nth(0)).to_contain_text("0:02")
        call = (await _timeline(client, contact))[0]
        assert (call["direction"], call["outcome"]) == ("inbound", "completed")
        assert call["duration"] in (2, 3)
        recording = await _until(lambda: _kept(client, call["id"]))
        async with client.get(f"/api/v1/recordings/{recording}/audio") as answer:
            assert (answer.status, (await answer.read())[:4]) == (200, b"RIFF")

        await _until(lambda: _is_free(client))
        # The plan answers; the caller presses 2, and Ada's phone rings.
        await phones.answer("desk", after=3, talk=0.5)
        caller = await phones.call(MENU, number=LI_NA, talk=None, digits="w2")
        await _is_taken(first, second)
        assert await caller.done() == 0, caller.complaints
        answered = await _until(lambda: _second(client, contact))
        assert (answered["outcome"], answered["direction"]) == ("completed", "inbound")
        await context.close()


async def _is_taken(first: Page, second: Page) -> None:
    """Her screen pops in both tabs while it rings; once she answers it is the call she is on, in both."""
    for tab in (first, second):
        await Pop(tab).shows("Li Na")
    for tab in (first, second):
        await Pop(tab).gone()
        await expect(Pop(tab).current).to_be_visible()


async def _contact(client: aiohttp.ClientSession) -> str:
    async with client.post("/api/v1/contacts", json={"name": "Li Na", "handles": [f"tel:{LI_NA}"]}) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["id"])


async def _logged_in(tab: Page) -> Page:
    await tab.goto("/login")
    await tab.get_by_label("Name").fill("ada")
    await tab.get_by_label("Password").fill(PASSWORD)
    await tab.get_by_role("button", name="Sign in").click()
    await expect(tab.get_by_role("heading", name="Now", level=1)).to_be_visible()
    return tab


async def _listens(client: aiohttp.ClientSession) -> bool:
    async with client.get("/api/v1/sources") as answer:
        return all(each["state"] == "listening" for each in (await answer.json())["items"])


async def _is_free(client: aiohttp.ClientSession) -> bool:
    async with client.get("/api/v1/availability") as answer:
        return all(each["state"] == "available" for each in (await answer.json())["items"])


async def _timeline(client: aiohttp.ClientSession, contact: str) -> list[dict[str, Any]]:
    async with client.get(f"/api/v1/contacts/{contact}/timeline") as answer:
        items: list[dict[str, Any]] = (await answer.json())["items"]
        return items


async def _second(client: aiohttp.ClientSession, contact: str) -> dict[str, Any] | None:
    """The newer of two calls, once both are over."""
    found = await _timeline(client, contact)
    return found[0] if len(found) == 2 and found[0].get("outcome") else None


async def _kept(client: aiohttp.ClientSession, interaction: str) -> str | None:
    async with client.get("/api/v1/recordings", params={"interaction": interaction}) as answer:
        assert answer.status == 200, await answer.text()
        return next((each["id"] for each in (await answer.json())["items"] if each["state"] == "kept"), None)


async def _until(true: Callable[[], Awaitable[Any]]) -> Any:
    """What *true* answers once it answers something; only asking again tells."""
    async with asyncio.timeout(45):
        while not (answer := await true()):  # noqa: ASYNC110 — it is another process that changes
            await asyncio.sleep(0.1)
    return answer
