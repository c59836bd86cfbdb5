"""A day on the phone with Twilio: `hub serve` in a process of its own, requests signed as Twilio signs them, Twilio's
REST API on loopback, and Ada at Chromium."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.fakes.twilio import ACCOUNT, InboundCall, Twilio
from tests.fakes.twilio_api import KEY_SECRET, KEY_SID, WAV, TwilioApi, twilio_api
from tests.faults.hub_process import HubProcess, hub_process
from tests.servers.chromium import Complaints
from tests.story.pages import Pop, Timeline

PASSWORD = "lamps and 200 pendants"
TOKEN = "the token of the story"
LI_NA, LINE, ADAS_PHONE = "+4917012345678", "+4930123456", "+4930123451"
SOURCES = f"""
[sources.front-desk]
provider = "twilio"
ours = ["tel:{LINE}"]
account_sid = "{ACCOUNT}"
auth_token = "env:TWILIO_AUTH_TOKEN"
api_key_sid = "{KEY_SID}"
api_key_secret = "env:TWILIO_KEY_SECRET"
api_url = "{{api_url}}"
poll_seconds = 5

[lines."tel:{LINE}"]
name = "Front desk"
voicemail = true

[agents.ada]
name = "Ada"
handles = ["tel:{ADAS_PHONE}"]
"""


@pytest.fixture
async def api() -> AsyncIterator[TwilioApi]:
    async with twilio_api() as running:
        yield running


@pytest.fixture
async def hub(tmp_path: Path, api: TwilioApi) -> AsyncIterator[HubProcess]:
    """A hub that takes Twilio's callbacks and asks its API, and Ada's login."""
    secrets = {"TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_KEY_SECRET": KEY_SECRET}
    async with hub_process(tmp_path, SOURCES.format(api_url=api.url), environ=secrets) as running:
        await running.login("ada", PASSWORD, role="admin", agent="ada")
        yield running


async def test_a_day_on_the_phone_with_twilio(
    hub: HubProcess, api: TwilioApi, browser: Browser, complaints: Complaints
) -> None:
    async with hub.client(await hub.token("crm")) as client:
        contact = await _contact(client)
        context = await browser.new_context(
            viewport=ViewportSize(width=1440, height=900), locale="en-GB", base_url=hub.url
        )
        context.on("page", complaints.listen)
        tab = await context.new_page()
        await _log_in(tab)

        await _a_call_that_ada_takes(hub, tab)
        await tab.goto(f"/contacts/{contact}")
        entries = Timeline(tab).entries
        await expect(entries).to_have_count(1)
        await expect(entries.nth(0)).to_contain_text("4:12")

        await _a_message_is_left(hub, api, client, contact)

        # While nobody listens, Li Na calls and Ada takes it: Twilio's callbacks are lost.
        await tab.goto("about:blank")
        await hub.kill()
        missed = _a_call_nobody_told_of(api)
        await hub.start()
    async with hub.client(await hub.token("again")) as client:
        found = await _until(lambda: _on_the_timeline(client, contact, f"twilio:{missed}"))
        assert (found["recovered"], found["outcome"], found["duration"]) == (True, "completed", 45)
        await tab.goto(f"/contacts/{contact}")
        await expect(entries).to_have_count(3)
        await expect(entries.filter(has_text="0:45")).to_have_count(1)
        await context.close()


async def _a_call_that_ada_takes(hub: HubProcess, tab: Page) -> None:
    """Her screen pops while it rings, is quiet once she answers, and shows the call until it is over."""
    call, leg = InboundCall("CA" + "1" * 32, caller=LI_NA, line=LINE, began=datetime.now(UTC)), "CA" + "2" * 32
    await _tells(hub, call.leg(leg, ADAS_PHONE, "initiated", 0))
    await _tells(hub, call.leg(leg, ADAS_PHONE, "ringing", 0))
    await Pop(tab).shows("Li Na")
    await _tells(hub, call.leg(leg, ADAS_PHONE, "in-progress", 4))
    await Pop(tab).gone()
    await expect(Pop(tab).current).to_be_visible()
    await _tells(hub, call.leg(leg, ADAS_PHONE, "completed", 256, CallDuration="252"))
    await _tells(hub, call.over(256))
    await expect(Pop(tab).current).to_have_count(0)


async def _a_message_is_left(hub: HubProcess, api: TwilioApi, client: aiohttp.ClientSession, contact: str) -> None:
    """The sound lies at Twilio a moment, and then here, beside what was said."""
    sid = "CA" + "3" * 32
    call = InboundCall(sid, caller=LI_NA, line=LINE, began=datetime.now(UTC) - timedelta(seconds=30))
    recording = api.recording(sid, sid=f"RE{sid[2:]}", date_created=None)
    await _tells(hub, call.over(25))
    address = api.recordings[recording]["media_url"]
    await _tells(hub, {**call.message_left(12, 9), "RecordingUrl": address, "RecordingChannels": "1"})

    told = await _until(lambda: _on_the_timeline(client, contact, f"twilio:{sid}"))
    assert told["outcome"] == "voicemail"
    assert not told.get("recovered")

    async def kept() -> Any:
        async with client.get("/api/v1/recordings", params={"interaction": told["id"]}) as answer:
            assert answer.status == 200, await answer.text()
            found = [each for each in (await answer.json())["items"] if each["state"] == "kept"]
        return found[0]["id"] if found else None

    ident = await _until(kept)
    async with client.get(f"/api/v1/recordings/{ident}/audio") as answer:
        assert (answer.status, await answer.read()) == (200, WAV)


def _a_call_nobody_told_of(api: TwilioApi) -> str:
    now = datetime.now(UTC)
    common = {"start_time": now - timedelta(seconds=50), "end_time": now, "from": LI_NA}
    sid = api.call(to=LINE, duration="50", **common)
    api.call(parent_call_sid=sid, to=ADAS_PHONE, duration="45", direction="outbound-dial", **common)
    return sid


async def _tells(hub: HubProcess, fields: dict[str, str]) -> None:
    """A signed callback."""
    url, headers, body = Twilio(f"{hub.url}/webhooks/front-desk", TOKEN).request(fields)
    async with hub.client() as client, client.post(url, headers=headers, data=body) as answer:
        assert answer.status == 204, await answer.text()


async def _contact(client: aiohttp.ClientSession) -> str:
    async with client.post("/api/v1/contacts", json={"name": "Li Na", "handles": [f"tel:{LI_NA}"]}) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["id"])


async def _log_in(tab: Page) -> None:
    await tab.goto("/login")
    await tab.get_by_label("Name").fill("ada")
    await tab.get_by_label("Password").fill(PASSWORD)
    await tab.get_by_role("button", name="Sign in").click()
    await expect(tab.get_by_role("heading", name="Now", level=1)).to_be_visible()


async def _on_the_timeline(client: aiohttp.ClientSession, contact: str, key: str) -> Mapping[str, Any] | None:
    """The call of *key*, once it is there and over."""
    async with client.get(f"/api/v1/contacts/{contact}/timeline") as answer:
        found = [each for each in (await answer.json())["items"] if each["key"] == key]
    return next((each for each in found if each.get("outcome")), None)


async def _until(true: Callable[[], Awaitable[Any]]) -> Any:
    """What *true* answers once it answers something; only asking again tells."""
    async with asyncio.timeout(45):
        while not (answer := await true()):  # noqa: ASYNC110 — it is another process that changes
            await asyncio.sleep(0.1)
    return answer
