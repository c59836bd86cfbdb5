"""The phone rings: in every tab of everybody whose phone it is, and nowhere any more once it is answered or over."""

from __future__ import annotations

from playwright.async_api import Browser, expect

from tests.hub.web.office import Office
from tests.servers.chromium import Complaints
from tests.story.firm import rings
from tests.story.pages import Desk, Pop, Timeline
from tests.story.wire import Wire

LI_NA = {"from": "+8613800138000"}
UNKNOWN = {"from": "+4940778899"}
SHARED = {"from": "+493055512300"}


async def test_it_rings_in_both_tabs_and_dismissing_clears_both(office: Office, ada: Desk) -> None:
    first, second = Pop(ada.tab), Pop(await ada.new_tab("/contacts"))
    await rings(office, "c1", **LI_NA)
    await first.shows("李娜")
    await second.shows("李娜")
    card = first.card
    await expect(card).to_contain_text("光谱照明")
    await expect(card).to_contain_text("confirmed on")
    await expect(card).to_contain_text("€48,600 · Offer sent")
    await expect(card).to_contain_text("Two of 40 samples arrived broken")
    await expect(card).to_contain_text("also rings for Ben Okafor")
    await expect(card.locator(".latest li")).to_have_count(5)
    await ada.tab.keyboard.press("Escape")
    await first.gone()
    await second.gone()


async def test_a_colleague_answers_and_it_clears_here(office: Office, ada: Desk, ben: Desk) -> None:
    first, second, his = Pop(ada.tab), Pop(await ada.new_tab("/inbox")), Pop(ben.tab)
    await rings(office, "c2", **LI_NA)
    for pop in (first, second, his):
        await pop.shows("李娜")
    await rings(office, "c2", "answered", agent="ben", **LI_NA)
    await first.gone()
    await second.gone()
    await expect(first.current).to_have_count(0)
    await expect(his.current).to_be_visible()


async def test_who_answers_keeps_the_card_until_she_is_done(office: Office, ada: Desk) -> None:
    page, pop = ada.tab, Pop(ada.tab)
    await rings(office, "c3", **LI_NA)
    await pop.shows("李娜")
    await rings(office, "c3", "answered", agent="ada", **LI_NA)
    await expect(pop.current).to_be_visible()
    await pop.note.fill("Two lots: 120 in January, 80 in March.")
    await expect(pop.card.get_by_role("status")).to_have_text("Saved")
    await page.goto("/calls")
    await expect(pop.current).to_be_visible()
    await expect(pop.note).to_have_value("Two lots: 120 in January, 80 in March.")
    await rings(office, "c3", "ended", **LI_NA)
    await expect(pop.over).to_be_visible()
    await page.goto("/contacts")
    await expect(pop.over).to_be_visible()
    await pop.note.press("Control+Enter")
    await expect(pop.over).to_have_count(0)
    await page.goto("/contacts")
    await page.get_by_role("link", name="李娜").click()
    entry = await Timeline(page).unfold("Ada Brandt")
    await expect(entry).to_contain_text("Two lots: 120 in January, 80 in March.")


async def test_one_of_several_is_chosen_by_a_key_and_remembered(office: Office, ada: Desk) -> None:
    pop = Pop(ada.tab)
    await rings(office, "c4", **SHARED)
    await pop.shows("Who is it?")
    await ada.tab.keyboard.press("2")
    await expect(pop.name).to_have_text("Peter Krüger")
    await expect(pop.button("Open")).to_be_visible()
    await ada.tab.keyboard.press("Enter")
    await expect(ada.tab.get_by_role("heading", name="Peter Krüger", level=1)).to_be_visible()
    await expect(Timeline(ada.tab).entries).to_have_count(1)


async def test_an_unknown_caller_is_created_in_the_card(office: Office, ada: Desk) -> None:
    pop = Pop(ada.tab)
    await rings(office, "c5", **UNKNOWN)
    await pop.shows("Unknown caller")
    await expect(pop.card).to_contain_text("Hamburg")
    await ada.tab.keyboard.press("Enter")
    await expect(pop.card.get_by_label("Name")).to_be_focused()
    await ada.tab.keyboard.type("Nina Hartwig")
    await ada.tab.keyboard.press("Tab")
    await ada.tab.keyboard.type("Elbe Licht")
    await ada.tab.keyboard.press("Enter")
    await expect(pop.name).to_have_text("Nina Hartwig")
    await expect(pop.card).to_contain_text("Elbe Licht")
    await pop.button("Open").click()
    await expect(Timeline(ada.tab).entries.first).to_contain_text("ringing")


async def test_an_unknown_caller_is_linked_to_somebody_known(office: Office, ada: Desk) -> None:
    pop = Pop(ada.tab)
    await rings(office, "c6", **UNKNOWN)
    await pop.shows("Unknown caller")
    await pop.card.get_by_label("Name").fill("Tomasz")
    await pop.card.get_by_role("option", name="Tomasz Nowak").click()
    await expect(pop.name).to_have_text("Tomasz Nowak")


async def test_it_never_takes_the_focus_from_who_types(office: Office, ada: Desk) -> None:
    await ada.tab.goto("/contacts")
    field = ada.tab.get_by_role("searchbox", name="Search people")
    await field.fill("so")
    pop = Pop(ada.tab)
    await rings(office, "c7", **LI_NA)
    await pop.shows("李娜")
    await ada.tab.keyboard.type("n1")
    await expect(field).to_be_focused()
    await expect(field).to_have_value("son1")
    await expect(pop.ringing).to_have_count(1)
    await expect(ada.tab.locator("#announce")).to_have_text("Call from 李娜, 光谱照明（深圳）")


async def test_after_a_lost_connection_it_shows_what_rings_now_and_nothing_stale(
    browser: Browser, office: Office, complaints: Complaints
) -> None:
    async with Wire.to(office.url) as wire, Desk.open(browser, office, complaints, base_url=str(wire.url)) as desk:
        page = await desk.log_in("ada")
        pop, bar = Pop(page), page.locator("#offline")
        await rings(office, "c8", **LI_NA)
        await pop.shows("李娜")
        wire.cut()
        await expect(bar).to_contain_text("No connection to the hub")
        await rings(office, "c8", "ended", **LI_NA)
        await rings(office, "c9", **UNKNOWN)
        wire.mend()
        await expect(bar).to_be_hidden(timeout=20_000)
        await pop.shows("Unknown caller")
        await expect(pop.ringing).to_have_count(1)
