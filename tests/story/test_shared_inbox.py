"""Two agents in two browsers share a mailbox: a real Dovecot holds it, a real Postfix takes what they write and brings
what the customer answers, and `hub serve` runs as its users start it."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.faults.hub_process import HubProcess, hub_process
from tests.servers.chromium import Complaints
from tests.servers.dovecot import PASSWORDS, Dovecot
from tests.servers.postfix import BOUNCES, Postfix
from tests.servers.waiting import mails_in
from tests.story.pages import Inbox
from tests.story.test_inbox import api

PASSWORD = "lamps and 200 pendants"
CONFIG = """
[inbox]
undo_seconds = 2

[sources.sales-mail]
provider = "imap"
ours = ["mailto:alice@example.test"]
host = "127.0.0.1"
port = {imap_port}
security = "none"
username = "alice"
password = "env:SALES_MAIL_PASSWORD"
smtp_host = "127.0.0.1"
smtp_port = {smtp_port}
smtp_security = "none"
smtp_auth = "none"
save_sent = "yes"
from_name = "{{agent}} at Lumen"

[agents.ada]
name = "Ada"

[agents.ben]
name = "Ben"
"""


@pytest.fixture
async def hub(tmp_path: Path, dovecot: Dovecot, postfix: Postfix) -> AsyncIterator[HubProcess]:
    """A hub on the shared mailbox, and two logins."""
    config = CONFIG.format(imap_port=dovecot.imap_port, smtp_port=postfix.port)
    async with hub_process(tmp_path, config, environ={"SALES_MAIL_PASSWORD": PASSWORDS["alice"]}) as running:
        await running.login("ada", PASSWORD, role="agent", agent="ada")
        await running.login("ben", PASSWORD, role="agent", agent="ben")
        yield running


@asynccontextmanager
async def at_the_inbox(browser: Browser, hub: HubProcess, complaints: Complaints, name: str) -> AsyncIterator[Inbox]:
    """Somebody at a browser of her own, who has opened the inbox."""
    context = await browser.new_context(locale="en-GB", base_url=hub.url, reduced_motion="reduce")
    context.on("page", complaints.listen)
    page = await context.new_page()
    await page.goto("/login?next=/inbox")
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Inbox", level=1)).to_be_visible()
    yield Inbox(page)
    await context.close()


def from_bob(ident: str, text: str, **headers: str) -> bytes:
    """A mail of the customer to the shared address."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Bob <bob@example.test>", "alice@example.test", "Lamps for the lobby"
    mail["Date"], mail["Message-ID"] = format_datetime(datetime.now(UTC)), f"<{ident}@customer.test>"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail.as_bytes()


async def test_two_agents_share_a_mailbox(
    hub: HubProcess, dovecot: Dovecot, browser: Browser, complaints: Complaints
) -> None:
    async with (
        at_the_inbox(browser, hub, complaints, "ada") as hers,
        at_the_inbox(browser, hub, complaints, "ben") as his,
    ):
        ada, ben = hers.page, his.page
        await asyncio.to_thread(dovecot.deliver, from_bob("one", "Do you have lamps for a lobby?"))
        for inbox in (hers, his):
            await expect(inbox.rows).to_have_count(1)
            await inbox.open("Bob")
        await expect(his.presence).to_have_text("Ada is reading")
        await ada.keyboard.press("c")
        await expect(his.selected.locator(".owner")).to_have_text("A")
        await ada.keyboard.press("r")
        await ada.keyboard.type("Dear Bob, we have three of them.")
        await expect(his.presence).to_have_text("Ada writes")
        await ada.keyboard.press("Control+Enter")
        await expect(hers.toast).to_contain_text("Sending in")

        (arrived,) = await asyncio.to_thread(mails_in, dovecot, "bob", 1)
        answer = email.message_from_bytes(arrived, policy=email.policy.default)
        assert answer["From"] == "Ada at Lumen <alice@example.test>"
        assert answer["Subject"] == "Re: Lamps for the lobby"
        assert answer["In-Reply-To"] == answer["References"] == "<one@customer.test>"
        assert "we have three of them" in answer.get_content()
        assert "> Do you have lamps for a lobby?" in answer.get_content()
        (filed,) = await asyncio.to_thread(mails_in, dovecot, "alice", 1, "Sent")
        assert email.message_from_bytes(filed)["Message-ID"] == answer["Message-ID"]
        for inbox in (hers, his):
            await expect(inbox.said.filter(has_text="three of them")).to_have_count(1)
            await expect(inbox.page.locator(".delivery")).to_have_text("Sent")
            await expect(inbox.page.locator(".talk > header")).to_contain_text("Waits for them")

        again = from_bob("two", "Two are enough.", In_Reply_To=answer["Message-ID"])
        await asyncio.to_thread(dovecot.deliver, again)
        for inbox in (hers, his):
            await expect(inbox.said.last).to_contain_text("Two are enough.")
            await expect(inbox.page.locator(".talk > header")).to_contain_text("Open")
            await expect(inbox.page.locator(".talk > header")).to_contain_text("3 messages")
        await ben.goto("/inbox?box=all")
        await expect(his.rows).to_have_count(1)


async def test_a_letter_that_comes_back_says_so_where_it_was_written(
    hub: HubProcess, browser: Browser, complaints: Complaints
) -> None:
    async with at_the_inbox(browser, hub, complaints, "ada") as hers:
        page = hers.page
        await page.keyboard.press("N")
        await expect(page.get_by_role("heading", name="New conversation")).to_be_visible()
        await page.keyboard.type(f"nobody@{BOUNCES}")
        await page.keyboard.press("Enter")
        await page.get_by_label("Subject").fill("An offer")
        await page.get_by_role("textbox", name="Your letter").fill("Here it is.")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".delivery")).to_have_text("Could not be delivered", timeout=30_000)
        await expect(page.locator(".notice.why")).to_contain_text("User unknown")
        await _refuses(page, f"nobody@{BOUNCES}")


async def _refuses(page: Page, address: str) -> None:
    """The composer says that nothing is sent to *address*, until somebody lifts it."""
    await page.goto("/inbox/new")
    await page.get_by_role("combobox", name="To").fill(address)
    await page.keyboard.press("Enter")
    warning = page.locator(".warnings")
    await expect(warning).to_contain_text("does not take mail")
    await warning.get_by_role("button", name="Send there again").click()
    await expect(warning).to_be_hidden()


async def test_what_was_answered_before_is_suggested(
    hub: HubProcess, dovecot: Dovecot, browser: Browser, complaints: Complaints
) -> None:
    async with at_the_inbox(browser, hub, complaints, "ada") as hers:
        page = hers.page
        body = "We ship to Norway twice a week; customs are paid here."
        await api(page, "POST", "/canned", {"title": "Norway", "shortcut": "norway", "body": body})
        await api(page, "POST", "/canned", {"title": "Opening hours", "body": "From nine to five."})
        first = from_bob("norway", "Do you ship pendants to Norway? Who pays the customs?")
        await asyncio.to_thread(dovecot.deliver, first)
        await expect(hers.rows).to_have_count(1)
        await hers.open("Bob")
        await page.keyboard.press("r")
        await page.keyboard.type(";nor")
        await expect(page.get_by_role("option", name="Norway")).to_be_visible()
        await page.keyboard.press("Enter")
        await expect(hers.field).to_have_value(body)
        await page.keyboard.press("Control+Shift+Enter")
        await expect(hers.rows).to_have_count(0)
        await asyncio.to_thread(mails_in, dovecot, "bob", 1)
        await expect(hers.box("Closed")).to_be_visible()

        again = from_bob("oslo", "We are in Oslo, Norway: how is it with customs for pendants?")
        await asyncio.to_thread(dovecot.deliver, again.replace(b"Lamps for the lobby", b"Oslo"))
        await expect(hers.row("Oslo")).to_be_visible()
        await hers.open("Oslo")
        suggestion = page.get_by_role("group", name="Suggested answers").get_by_role("button")
        await expect(suggestion).to_contain_text("Norway")
        await suggestion.click()
        await expect(hers.field).to_have_value(body)
