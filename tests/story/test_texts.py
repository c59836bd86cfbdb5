"""SMS and WhatsApp in the inbox: a signed webhook brings them in, Twilio's API takes the answer, and its receipts come
back to whoever wrote it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.async_api import Browser, expect

from hub import Channel, Event, Message, Participant, Role
from tests.fakes.twilio import ACCOUNT, Twilio
from tests.fakes.twilio_api import KEY_SECRET, KEY_SID, TwilioApi, twilio_api
from tests.hub.web.office import PUBLIC_URL, TWILIO_TOKEN, Office, open_office
from tests.servers.chromium import Complaints
from tests.story.pages import Desk, Inbox
from tests.story.test_looks import faults, overflow

TOML = f"""
[hub]
public_url = "{PUBLIC_URL}"
store = "{{store}}"
region = "DE"
timezone = "Europe/Berlin"

[inbox]
undo_seconds = 1

[sources.mobile]
provider = "twilio"
ours = ["tel:+4930123456"]
account_sid = "{ACCOUNT}"
auth_token = "env:TWILIO_TOKEN"
api_key_sid = "{KEY_SID}"
api_key_secret = "env:PBX_TOKEN"
api_url = "{{api}}"

[templates.back-in-touch]
source = "mobile"
id = "HX00000000000000000000000000000000"
text = "Hello {{{{1}}}}, we have news about {{{{2}}}}. Shall we call you?"
language = "en"

[agents.ada]
name = "Ada Brandt"
"""


@dataclass(frozen=True, slots=True)
class Firm:
    """The hub, its Twilio, and what Twilio tells it."""

    office: Office
    api: TwilioApi

    async def told(self, **fields: str) -> None:
        """Twilio says *fields* to the webhook, signed."""
        _, headers, body = Twilio(f"{PUBLIC_URL}/webhooks/mobile", TWILIO_TOKEN).request(fields)
        client = await self.office.client(**headers)
        async with client.post("/webhooks/mobile", data=body) as answer:
            assert answer.status < 300, await answer.text()

    async def comes(self, sid: str, text: str, sender: str = "+491701234567", name: str = "") -> None:
        """A text comes in. A WhatsApp user's *sender* begins with whatsapp:."""
        ours = "whatsapp:+4930123456" if sender.startswith("whatsapp:") else "+4930123456"
        about = {"ProfileName": name} if name else {}
        await self.told(
            MessageSid=f"SM{sid:0>32}", SmsStatus="received", From=sender, To=ours, Body=text, NumMedia="0", **about
        )

    async def becomes(self, status: str, **more: str) -> None:
        """Twilio says what became of the last text of ours."""
        sid = list(self.api.messages)[-1]
        await self.told(MessageSid=sid, MessageStatus=status, From="+4930123456", To="+491701234567", **more)

    async def chat(self, text: str, at: datetime) -> None:
        """Somebody on WhatsApp wrote *text* some time ago."""
        people = (
            Participant("tel:+491711111111", Role.SENDER, "Jonas"),
            Participant("tel:+4930123456", Role.RECIPIENT),
        )
        facts = Message(participants=people, text=text, sent_at=at)
        conversation = "chat:tel:+4930123456|tel:+491711111111"
        event = Event(
            key=f"twilio:SM{at:%H%M%S%f}", id="1", channel=Channel.CHAT, at=at, facts=facts, conversation=conversation
        )
        await self.office.service.ingest.record("mobile", [event])


@asynccontextmanager
async def open_firm(folder: Path) -> AsyncIterator[Firm]:
    """The firm, whose letters leave."""
    async with twilio_api() as api:
        toml = TOML.replace("{api}", api.url).replace('"env:PBX_TOKEN"', '"file:key"')
        (folder / "key").write_text(KEY_SECRET)
        (folder / "key").chmod(0o600)
        async with open_office(f"sqlite:///{folder / 'hub.sqlite3'}", folder, toml) as office, office.service.letters:
            await office.login("ada", agent="ada")
            yield Firm(office, api)


@pytest.fixture
async def firm(tmp_path: Path) -> AsyncIterator[Firm]:
    """A running one."""
    async with open_firm(tmp_path) as opened:
        yield opened


async def test_an_sms_is_answered_and_its_receipts_are_seen(
    firm: Firm, browser: Browser, complaints: Complaints
) -> None:
    await firm.comes("a1", "Is the lamp there?")
    async with Desk.open(browser, firm.office, complaints) as desk:
        page = await desk.log_in("ada")
        await page.goto("/inbox")
        inbox = Inbox(page)
        await inbox.rows.first.click()
        await expect(inbox.said.first).to_contain_text("Is the lamp there?")
        await page.keyboard.press("r")
        count = page.locator("[data-length]")
        await inbox.field.fill("Yes [today]")
        await expect(count).to_have_text("147 left · 1 SMS")
        await inbox.field.fill("Ja 价")
        await expect(count).to_have_text("66 left · 1 SMS")
        await inbox.field.fill("Yes, come by.")
        await page.keyboard.press("Control+Enter")
        await expect(inbox.said.last).to_contain_text("Yes, come by.")
        await expect(inbox.said.last).to_contain_text("Sent", timeout=15_000)
        (sent,) = [said for method, path, said in firm.api.asked if (method, path) == ("POST", "Messages.json")]
        assert (sent["From"], sent["To"], sent["Body"]) == (["+4930123456"], ["+491701234567"], ["Yes, come by."])
        ours = page.locator(".bubble.ours")
        await firm.becomes("delivered")
        await expect(ours).to_contain_text("Delivered")
        assert await faults(page) == []

        await page.keyboard.press("r")
        await inbox.field.fill("Until six.")
        await page.keyboard.press("Control+Enter")
        await expect(ours).to_have_count(2, timeout=15_000)
        await firm.becomes("undelivered", ErrorCode="30003")
        await expect(ours.last).to_contain_text("Not delivered")
        await expect(ours.last).to_contain_text("switched off")
        await ours.last.get_by_role("button", name="Send again").click()
        await expect(ours).to_have_count(3, timeout=15_000)
        await expect(page.get_by_role("button", name="Send again")).to_have_count(0)
    said = await firm.office.service.store.read(
        lambda conn: conn.execute(sa.text("SELECT count(*) FROM letters")).scalar()
    )
    assert said == 3


async def test_after_a_day_of_silence_whatsapp_is_written_to_with_a_template_on_a_phone(
    firm: Firm, browser: Browser, complaints: Complaints
) -> None:
    now = datetime.now(UTC)
    await firm.chat("Do you have it in green?", now - timedelta(hours=30))
    async with Desk.open(browser, firm.office, complaints, phone=True) as desk:
        page = await desk.log_in("ada")
        await page.goto("/inbox")
        await Inbox(page).rows.first.click()
        await page.get_by_role("button", name="Reply").first.click()
        await expect(page.locator("[data-window]")).to_contain_text("silent for too long")
        await expect(Inbox(page).field).to_be_hidden()
        await page.get_by_label("Gap 1").fill("Jonas")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.locator("#toasts").get_by_text("Fill in: 2")).to_be_visible()
        await page.get_by_label("Gap 2").fill("the green lamp")
        await expect(page.locator(".preview .written")).to_have_text(
            "Hello Jonas, we have news about the green lamp. Shall we call you?"
        )
        assert await overflow(page) == ""
        assert await faults(page) == []
        await page.get_by_role("button", name="Send", exact=True).click()
        ours = page.locator(".bubble.ours")
        await expect(ours).to_contain_text("we have news about the green lamp", timeout=15_000)
        (sent,) = [said for method, path, said in firm.api.asked if (method, path) == ("POST", "Messages.json")]
        assert sent["To"] == ["whatsapp:+491711111111"]
        assert sent["ContentSid"] == ["HX00000000000000000000000000000000"]
        await firm.chat("Yes, please", datetime.now(UTC))
        await expect(page.locator(".bubble").last).to_contain_text("Yes, please")
        await page.get_by_role("button", name="Reply").first.click()
        await expect(page.locator("[data-window]")).to_contain_text("free text for another 23 h")
        await expect(Inbox(page).field).to_be_visible()
