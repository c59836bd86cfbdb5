"""A day without a mouse."""

from __future__ import annotations

from playwright.async_api import expect

from tests.hub.web.office import PASSWORD, Office
from tests.story.firm import rings
from tests.story.pages import Desk, Inbox, Pop, Timeline
from tests.story.test_pop import LI_NA


async def test_everything_is_within_two_keys(office: Office, ada: Desk) -> None:
    page = ada.tab
    press, text = page.keyboard.press, page.keyboard.type
    await press("g")
    await press("i")
    inbox = Inbox(page)
    await expect(page.get_by_role("heading", name="Inbox", level=1)).to_be_visible()
    await press("j")
    await expect(inbox.rows.first).to_be_focused()
    await expect(inbox.title).to_have_text("Reseller for Denmark?")
    await press("w")
    dialog = page.locator("#dialog")
    await expect(dialog.get_by_role("heading", name="Who is henrik.dahl@dahl-lys.example?")).to_be_visible()
    await text("Tomasz")
    await expect(dialog.get_by_role("button", name="Tomasz Nowak")).to_be_visible()
    await press("Tab")
    await press("Enter")
    await expect(inbox.whom).to_contain_text("Tomasz Nowak")
    await press("p")
    await expect(page.get_by_role("heading", name="Tomasz Nowak", level=1)).to_be_visible()
    await press("j")
    await press("Enter")
    await expect(Timeline(page).entries.first.locator(".written")).to_contain_text("three lighting shops")
    await press("/")
    await text("+49 30 12398765")
    await expect(page.get_by_role("option", name="Martha Vogel").first).to_be_visible()
    await press("Enter")
    await expect(page.get_by_role("heading", name="Martha Vogel", level=1)).to_be_visible()
    await press("f")
    await text("invoice")
    await expect(Timeline(page).entries).to_have_count(1)
    await press("Escape")
    await press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await press("Escape")
    await press("g")
    await press("n")
    await expect(page.get_by_role("heading", name="Now", level=1)).to_be_visible()


async def test_the_pop_by_keys(office: Office, ada: Desk) -> None:
    pop = Pop(ada.tab)
    await rings(office, "k1", **LI_NA)
    await pop.shows("李娜")
    await ada.tab.keyboard.press("n")
    await expect(pop.note).to_be_focused()
    await ada.tab.keyboard.type("calls back at four")
    await ada.tab.keyboard.press("Escape")
    await expect(pop.card.get_by_role("status")).to_have_text("Saved")
    await ada.tab.keyboard.press("Escape")
    await pop.gone()


async def test_signing_in_by_keys_leads_where_one_wanted_to_go(office: Office, ada: Desk) -> None:
    page = ada.tab
    await ada.context.clear_cookies()
    await page.goto("/calls?only=missed")
    await expect(page.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("ada")
    await page.keyboard.press("Tab")
    await page.keyboard.type("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    await expect(page.get_by_label("Password")).to_be_focused()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Calls", level=1)).to_be_visible()
    assert page.url.endswith("/calls?only=missed")
