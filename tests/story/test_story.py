"""The whole story, with nothing of ours in the test's own process: `hub serve` as its users start it, their mail in a
real Dovecot, their calls signed as Twilio signs them, and Ada at Chromium with two tabs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from tests.fakes.twilio import InboundCall, Twilio
from tests.faults.hub_process import HubProcess, hub_process
from tests.servers.chromium import Complaints
from tests.servers.dovecot import PASSWORDS, Dovecot
from tests.story.pages import DESKTOP, Pop, Timeline

TOKEN = "the token of the story"
PASSWORD = "lamps and 200 pendants"
LI_NA = "+4917012345678"
SOURCES = """
[sources.front-desk]
provider = "twilio"
ours = ["tel:+4930123456"]
rings = ["ada", "ben"]
account_sid = "AC00000000000000000000000000000000"
auth_token = "env:TWILIO_AUTH_TOKEN"

[sources.sales-mail]
provider = "imap"
ours = ["mailto:alice@example.test"]
host = "127.0.0.1"
port = {imap_port}
security = "none"
username = "alice"
password = "env:SALES_MAIL_PASSWORD"

[agents.ada]
name = "Ada"
handles = ["tel:+4930123451"]

[agents.ben]
name = "Ben"
handles = ["tel:+4930123452"]
"""


@pytest.fixture
async def hub(tmp_path: Path, dovecot: Dovecot) -> AsyncIterator[HubProcess]:
    """A hub with the sources above, and Ada's login."""
    secrets = {"TWILIO_AUTH_TOKEN": TOKEN, "SALES_MAIL_PASSWORD": PASSWORDS["alice"]}
    async with hub_process(tmp_path, SOURCES.format(imap_port=dovecot.imap_port), environ=secrets) as running:
        await running.login("ada", PASSWORD, role="admin", agent="ada")
        yield running


def _offer() -> bytes:
    """The mail that Li Na wrote yesterday."""
    mail = EmailMessage()
    mail["From"] = "Li Na <li.na@customer.example>"
    mail["To"] = "alice@example.test"
    mail["Subject"] = "Offer for 200 pendant lamps"
    mail["Date"] = format_datetime(datetime.now(UTC) - timedelta(days=1))
    mail["Message-ID"] = "<offer@customer.example>"
    mail.set_content("Could you send us an offer for 200 pendant lamps?\n")
    mail.add_alternative("<p>Could you send us an offer for <b>200 pendant lamps</b>?</p>", subtype="html")
    return mail.as_bytes()


async def test_the_phone_rings(hub: HubProcess, dovecot: Dovecot, browser: Browser, complaints: Complaints) -> None:
    token = await hub.token("crm")
    async with hub.client(token) as api:
        contact = {
            "name": "Li Na",
            "company": "Customer Ltd",
            "handles": [f"tel:{LI_NA}", "mailto:li.na@customer.example"],
        }
        async with api.post("/api/v1/contacts", json=contact) as answer:
            assert answer.status == 201, await answer.text()
            contact_id = (await answer.json())["id"]

        await asyncio.to_thread(dovecot.deliver, _offer())
        await _on_the_timeline(api, contact_id, "mail:<offer@customer.example>")

        context = await browser.new_context(viewport=DESKTOP, locale="en-GB", base_url=hub.url)
        context.on("page", complaints.listen)
        first = await context.new_page()
        await first.goto("/login")
        await first.get_by_label("Name").fill("ada")
        await first.get_by_label("Password").fill(PASSWORD)
        await first.get_by_role("button", name="Sign in").click()
        await expect(first.get_by_role("heading", name="Now", level=1)).to_be_visible()
        second = await context.new_page()
        await second.goto(f"/contacts/{contact_id}")
        await expect(Timeline(second).entries).to_have_count(1)

        phone = _Phone(hub)
        await phone.says("ringing", 0)
        for tab in (first, second):
            await Pop(tab).shows("Li Na")
        await phone.says("in-progress", 4)
        for tab in (first, second):
            await Pop(tab).gone()
            await expect(Pop(tab).current).to_be_visible()
        await phone.says("completed", 256)
        for tab in (first, second):
            await expect(Pop(tab).current).to_have_count(0)

        await second.goto(f"/contacts/{contact_id}")
        entries = Timeline(second).entries
        await expect(entries).to_have_count(2)
        await expect(entries.nth(0)).to_contain_text("4:12")
        await expect(entries.nth(1)).to_contain_text("Offer for 200 pendant lamps")
        mail = await Timeline(second).unfold("Offer for 200 pendant lamps")
        frame = mail.locator("iframe").content_frame
        await expect(frame.get_by_text("200 pendant lamps")).to_be_visible()
        await context.close()


class _Phone:
    """Ada's phone, as Twilio tells of it: the leg that `<Dial>` rings for Li Na's call."""

    def __init__(self, hub: HubProcess) -> None:
        self._hub = hub
        self._twilio = Twilio(f"{hub.url}/webhooks/front-desk", TOKEN)
        self._call = InboundCall("CA" + "1" * 32, caller=LI_NA, line="+4930123456", began=datetime.now(UTC))

    async def says(self, status: str, second: int) -> None:
        """A signed callback of the leg."""
        more = {"CallDuration": str(second - 4)} if status == "completed" else {}
        url, headers, body = self._twilio.request(
            self._call.leg("CA" + "2" * 32, "+4930123451", status, second, **more)
        )
        async with self._hub.client() as client, client.post(url, headers=headers, data=body) as answer:
            assert answer.status == 204, await answer.text()


async def _on_the_timeline(api: aiohttp.ClientSession, contact_id: str, key: str) -> None:
    """Returns once *key* is there, however long the mailbox takes; the test's own limit ends it."""
    async with asyncio.timeout(30):
        while True:
            async with api.get(f"/api/v1/contacts/{contact_id}/timeline") as answer:
                if key in [item["key"] for item in (await answer.json())["items"]]:
                    return
            await asyncio.sleep(0.05)
