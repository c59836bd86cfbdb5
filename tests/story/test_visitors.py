"""A stranger on a firm's web site: she fills in its form, and chats; agents answer from the inbox. The form's answer
goes by mail through a real Postfix and comes back through a real Dovecot, and `hub serve` runs as users start it."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, FrameLocator, Page, expect

from tests.faults.hub_process import HubProcess, hub_process
from tests.hub.web.office import Office, open_office
from tests.hub.web.visitors.conftest import VISITORS
from tests.servers.chromium import Complaints
from tests.servers.dovecot import PASSWORDS, Dovecot
from tests.servers.postfix import Postfix
from tests.servers.waiting import mails_in
from tests.story.pages import DESKTOP, PHONE, Desk
from tests.story.test_looks import faults, overflow
from tests.story.test_shared_inbox import CONFIG, PASSWORD, at_the_inbox, from_bob

SMALLEST = {"width": 320, "height": 640}
WEB = """
[teams.sales]
name = "Sales"
agents = ["ada", "ben"]

[sources.contact-form]
provider = "web"
team = "sales"
title = "Ask about lamps"
origins = ["{site}"]

[sources.website-chat]
provider = "web"
kind = "chat"
team = "sales"
title = "Lamp chat"
greeting = "Hello, what can we do for you?"
origins = ["{site}"]
"""
AGENTS = """
[inbox]
undo_seconds = 0

[agents.ada]
name = "Ada"

[agents.ben]
name = "Ben"
"""
PAGE = """<!doctype html><html lang="en"><title>Lamps</title><body><h1>Lamps</h1>
<script src="{hub}/form/embed.js" data-form="contact-form"></script>
<script src="{hub}/chat/embed.js" data-chat="website-chat" data-text="Chat with us"></script>"""


@dataclass(frozen=True, slots=True)
class Firm:
    """The hub, and the address of the firm's own web site, which shows its form and its chat."""

    hub: HubProcess
    site: str


@asynccontextmanager
async def a_firm(folder: Path, sources: str, **environ: str) -> AsyncIterator[Firm]:
    """A hub with a form, a chat and *sources*, and a login."""
    running: list[HubProcess] = []

    async def shown(request: web.Request) -> web.Response:
        return web.Response(text=PAGE.format(hub=running[0].url), content_type="text/html")

    app = web.Application()
    app.router.add_get("/", shown)
    async with TestServer(app) as theirs:
        site = str(theirs.make_url("")).rstrip("/")
        config = sources.replace("undo_seconds = 2", "undo_seconds = 0") + WEB.format(site=site)
        async with hub_process(folder, config, environ=environ) as hub:
            running.append(hub)
            await hub.login("ada", PASSWORD, role="agent", agent="ada")
            yield Firm(hub, site)


@asynccontextmanager
async def on_the_site(browser: Browser, firm: Firm, complaints: Complaints) -> AsyncIterator[Page]:
    """A stranger, who looks at the firm's web site."""
    context = await browser.new_context(locale="en-GB", reduced_motion="reduce")
    context.on("page", complaints.listen)
    page = await context.new_page()
    await page.goto(firm.site)
    yield page
    await context.close()


async def answer(page: Page, text: str) -> None:
    """Write *text* in the open conversation."""
    await page.keyboard.press("r")
    await page.keyboard.type(text)
    await page.keyboard.press("Control+Enter")


async def say(chat: FrameLocator, text: str) -> None:
    """Say *text* in the chat."""
    await chat.get_by_role("textbox", name="Your message").fill(text)
    await chat.get_by_role("textbox", name="Your message").press("Enter")


async def test_a_lead_is_answered_by_mail_and_what_she_writes_back_is_the_same_conversation(
    tmp_path: Path, dovecot: Dovecot, postfix: Postfix, browser: Browser, complaints: Complaints
) -> None:
    mail = CONFIG.format(imap_port=dovecot.imap_port, smtp_port=postfix.port)
    async with (
        a_firm(tmp_path, mail, SALES_MAIL_PASSWORD=PASSWORDS["alice"]) as firm,
        on_the_site(browser, firm, complaints) as site,
        at_the_inbox(browser, firm.hub, complaints, "ada") as inbox,
    ):
        form = site.frame_locator("iframe[src*='/form/']")
        await form.get_by_label("Name").fill("Bob")
        await form.get_by_label("Mail address").fill("bob@example.test")
        await form.get_by_label("Your message").fill("Do you have lamps for a lobby?")
        await asyncio.sleep(3)  # whoever sends it sooner is no person
        await form.get_by_role("button", name="Send").click()
        await expect(form.get_by_role("heading", name="Thank you")).to_be_visible()

        await expect(inbox.rows).to_have_count(1)
        await inbox.open("Bob")
        await expect(inbox.said.last).to_contain_text("Do you have lamps for a lobby?")
        await expect(inbox.page.locator(".talk > header")).to_contain_text("Sales")
        await answer(inbox.page, "Dear Bob, we have three of them.")
        (arrived,) = await asyncio.to_thread(mails_in, dovecot, "bob", 1)
        letter = email.message_from_bytes(arrived, policy=email.policy.default)
        assert letter["From"] == "Ada at Lumen <alice@example.test>"
        assert letter["To"] == "Bob <bob@example.test>"
        assert letter["Subject"] == "Re: Ask about lamps"
        assert "> Do you have lamps for a lobby?" in letter.get_content()
        await expect(inbox.said.filter(has_text="three of them")).to_have_count(1)

        back = from_bob("back", "Two are enough.", In_Reply_To=letter["Message-ID"])
        await asyncio.to_thread(dovecot.deliver, back)
        await expect(inbox.said.last).to_contain_text("Two are enough.")
        await expect(inbox.page.locator(".talk > header")).to_contain_text("3 messages")
        await inbox.page.goto("/inbox?box=all")
        await expect(inbox.rows).to_have_count(1)


async def test_a_visitor_chats_with_an_agent_and_finds_it_again_when_she_returns(
    tmp_path: Path, browser: Browser, complaints: Complaints
) -> None:
    async with (
        a_firm(tmp_path, AGENTS) as firm,
        on_the_site(browser, firm, complaints) as site,
        at_the_inbox(browser, firm.hub, complaints, "ada") as inbox,
    ):
        await site.get_by_role("button", name="Chat with us").click()
        chat = site.frame_locator("iframe[src*='/chat/']")
        await expect(chat.get_by_text("We are here")).to_be_visible()
        await expect(chat.get_by_role("textbox", name="Your message")).to_be_focused()
        await say(chat, "Do you repair <b>lamps</b>?")
        await expect(inbox.rows).to_have_count(1)
        await inbox.open("Lamp chat")
        await expect(inbox.said.last).to_contain_text("Do you repair <b>lamps</b>?")
        await answer(inbox.page, "We do.")
        await expect(chat.locator(".line.ours").last).to_contain_text("We do.")
        await expect(chat.locator(".line.ours").last).to_contain_text("Ada")
        await expect(inbox.page.locator(".delivery")).to_have_text("Read")

        await say(chat, "Mine is a pendant.")
        await chat.get_by_label("Mail address").fill("bob@example.test")
        await chat.get_by_role("button", name="Save").click()
        await expect(chat.get_by_label("Mail address")).to_be_hidden()
        await expect(inbox.said.last).to_contain_text("Mine is a pendant.")

        await chat.get_by_role("textbox", name="Your message").press("Escape")
        await expect(site.get_by_role("button", name="Close")).to_be_hidden()
        await answer(inbox.page, "Bring it by.")
        await expect(site.get_by_role("button", name="Chat with us")).to_contain_text("1")
        await expect(inbox.page.locator(".delivery").last).to_have_text("Delivered")
        await site.reload()
        await expect(site.get_by_role("button", name="Chat with us")).to_contain_text("1")
        await site.get_by_role("button", name="Chat with us").click()
        await expect(chat.locator(".line")).to_have_count(5)
        await expect(chat.locator(".line").last).to_contain_text("Bring it by.")
        await expect(inbox.page.locator(".delivery").last).to_have_text("Read")

        await firm.hub.kill()
        await say(chat, "On Monday?")
        await expect(chat.locator(".line.waits")).to_have_count(1)
        await expect(chat.get_by_text("not sent yet")).to_be_visible()
        await firm.hub.start()
        await expect(chat.locator(".line.waits")).to_have_count(0, timeout=40_000)
        await inbox.page.reload()
        await expect(inbox.said.last).to_contain_text("On Monday?")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """The firm of the tests of these pages."""
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, VISITORS) as opened:
        yield opened


@pytest.mark.parametrize(
    ("tag", "size", "scheme"),
    [("en", DESKTOP, "light"), ("zh-Hans", PHONE, "dark"), ("zh-Hant", SMALLEST, "light")],
)
async def test_the_pages_are_clean_and_fit(
    browser: Browser, office: Office, complaints: Complaints, tag: str, size: dict[str, int], scheme: str
) -> None:
    async with Desk.open(browser, office, complaints, viewport=size, locale=tag, color_scheme=scheme) as desk:
        wrong: list[str] = []
        wide: list[str] = []

        async def look() -> None:
            wrong.extend(await faults(page))
            wide.append(await overflow(page))

        page = await desk.new_tab("/form/contact-form")
        await expect(page.locator("html")).to_have_attribute("lang", tag)
        await look()
        await page.locator("form").evaluate("(form) => { form.noValidate = true }")
        await page.locator("#mail").fill("nowhere")
        await page.locator("button.primary").click()
        await expect(page.locator("#mail-wrong")).to_be_visible()
        await look()
        await page.locator("#name").focus()
        for typed in ("Li Na", "li.na@customer.example", "", "", "Lamps"):
            if typed:
                await page.keyboard.press("Control+A")
                await page.keyboard.type(typed)
            await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator(".notice.well")).to_be_visible()
        await look()
        await page.goto("/chat/website-chat")
        await page.locator("#text").fill("Hello " + "a-very-long-word" * 20)
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-who]")).to_be_visible()
        await look()
        assert (wrong, set(wide)) == ([], {""})


async def test_the_form_works_without_scripts(browser: Browser, office: Office, complaints: Complaints) -> None:
    async with Desk.open(browser, office, complaints, java_script_enabled=False) as desk:
        page = await desk.new_tab("/form/contact-form")
        await page.locator("#name").fill("Li Na")
        await page.locator("#about").select_option("Repair")
        await page.locator("#message").fill("Do you repair lamps?")
        await page.locator("#consent").check()
        await page.locator("button.primary").click()
        await expect(page.locator(".notice.well")).to_contain_text("Thanks, until soon.")
