"""The shared inbox, worked on by one person: by keyboard, with everything undone that was done."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from tests.hub.web.office import Office
from tests.servers.chromium import Complaints
from tests.story.pages import Desk, Inbox
from tests.story.test_looks import faults, overflow


async def inbox_of(desk: Desk, path: str = "/inbox") -> Inbox:
    """The inbox in *desk*'s first tab."""
    await desk.tab.goto(path)
    inbox = Inbox(desk.tab)
    await expect(inbox.rows.first).to_be_visible()
    return inbox


async def api(page: Page, method: str, path: str, body: object = None) -> object:
    """What the API answers the page's own login."""
    return await page.evaluate(
        """async ([method, path, body]) => {
            const csrf = document.querySelector("meta[name=csrf]").content;
            const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
            const sent = body === null ? undefined : JSON.stringify(body);
            const response = await fetch(`/api/v1${path}`, { method, headers, body: sent });
            if (!response.ok) throw new Error(await response.text());
            return response.status === 204 ? null : response.json();
        }""",
        [method, path, body],
    )


async def test_a_morning_by_keyboard(office: Office, ada: Desk) -> None:
    inbox, press = await inbox_of(ada), ada.tab.keyboard.press
    await expect(inbox.rows).to_have_count(9)
    await press("j")
    await expect(inbox.title).to_have_text("Reseller for Denmark?")
    await expect(inbox.rows.first).not_to_have_class(re.compile("unread"))
    await press("e")
    await expect(inbox.toast).to_contain_text("Closed")
    await expect(inbox.rows).to_have_count(8)
    await expect(inbox.selected).to_contain_text("+49 40 334455667")
    await expect(inbox.whom).to_contain_text("+49 40 334455667")
    await press("z")
    await expect(inbox.rows).to_have_count(9)
    await expect(inbox.rows.first).to_contain_text("Henrik Dahl")
    await expect(inbox.toast).to_have_count(0)

    await press("s")
    await expect(inbox.chooser).to_contain_text("Tomorrow morning")
    await inbox.chooser.get_by_role("option", name="Tomorrow morning").click()
    await expect(inbox.toast).to_contain_text("Snoozed until tomorrow 09:00")
    await expect(inbox.rows).to_have_count(8)
    await inbox.box("Snoozed").click()
    await expect(inbox.rows).to_have_count(1)
    await expect(inbox.rows.first).to_contain_text("+49 40 334455667")
    await expect(inbox.rows.first).to_contain_text("until tomorrow 09:00")
    await inbox.box("All").click()
    await expect(inbox.rows).to_have_count(8)


async def test_several_at_once(office: Office, ada: Desk) -> None:
    inbox, press = await inbox_of(ada), ada.tab.keyboard.press
    await press("j")
    await press("x")
    await press("j")
    await press("j")
    await press("x")
    bulk = ada.tab.get_by_role("toolbar")
    await expect(bulk).to_contain_text("2 selected")
    await press("a")
    await inbox.chooser.get_by_role("combobox").fill("ben")
    await expect(inbox.chooser.get_by_role("option")).to_have_count(1)
    await press("Enter")
    await expect(inbox.toast).to_contain_text("2 assigned")
    await expect(bulk).to_be_hidden()
    await expect(inbox.rows.locator(".owner", has_text="BO")).to_have_count(2)
    await press("z")
    await expect(inbox.rows.locator(".owner", has_text="BO")).to_have_count(0)

    boxes = ada.tab.get_by_role("checkbox")
    await boxes.nth(1).check()
    await boxes.nth(4).click(modifiers=["Shift"])
    await expect(bulk).to_contain_text("4 selected")
    await bulk.get_by_role("button", name="Close").click()
    await expect(inbox.rows).to_have_count(5)
    await inbox.toast.get_by_role("button", name="Undo").click()
    await expect(inbox.rows).to_have_count(9)


async def test_a_claim_takes_one_key(office: Office, ada: Desk) -> None:
    inbox, press = await inbox_of(ada, "/inbox?box=unassigned"), ada.tab.keyboard.press
    await press("j")
    await expect(inbox.title).to_have_text("Reseller for Denmark?")
    await press("c")
    await expect(inbox.toast).to_contain_text("It is yours")
    await expect(inbox.selected.locator(".owner.mine")).to_have_text("AB")
    await expect(ada.tab.locator(".talk > header")).to_contain_text("you")
    await inbox.box("Mine").click()
    await expect(inbox.rows).to_have_count(2)
    await expect(inbox.rows.first).to_contain_text("Henrik Dahl")
    await press("z")
    await expect(ada.tab.locator(".talk > header")).to_contain_text("Nobody")


async def test_a_note_names_a_colleague(office: Office, ada: Desk, ben: Desk) -> None:
    inbox, press = await inbox_of(ada), ada.tab.keyboard.press
    await inbox.open("Martha Vogel")
    await press("n")
    await expect(inbox.note).to_be_focused()
    await ada.tab.keyboard.type("What do we charge, @be")
    await expect(ada.tab.get_by_role("option", name="Ben Okafor")).to_be_visible()
    await press("Enter")
    await ada.tab.keyboard.type("?")
    await press("Control+Enter")
    noted = ada.tab.locator(".said .internal")
    await expect(noted).to_contain_text("only colleagues see it")
    await expect(noted.locator(".named")).to_have_text("@Ben Okafor")
    his = await inbox_of(ben, "/inbox?box=mentioned")
    await expect(his.box("Mentioned")).to_contain_text("1")
    await his.open("Martha Vogel")
    await expect(ben.tab.locator(".said .internal")).to_contain_text("What do we charge")


async def test_a_draft_outlives_the_page_and_the_line(office: Office, ada: Desk) -> None:
    inbox, page = await inbox_of(ada), ada.tab
    await inbox.open("Martha Vogel")
    await page.keyboard.press("r")
    await expect(inbox.field).to_be_focused()
    await page.keyboard.type("Dear Martha,")
    await expect(inbox.saved).to_have_text("Draft saved")
    await page.reload()
    await expect(inbox.field).to_have_value("Dear Martha,")
    await expect(page.locator(".recipient")).to_have_text("Martha Vogel")

    await ada.context.set_offline(True)
    await inbox.field.press_sequentially(" thank you")
    await expect(inbox.saved).to_have_text("Kept in this browser")
    await ada.context.set_offline(False)
    await page.reload()
    await expect(inbox.field).to_have_value("Dear Martha, thank you")
    await expect(inbox.saved).to_have_text("Draft saved")
    await page.get_by_role("button", name="Discard the draft").click()
    await expect(inbox.field).to_be_hidden()
    await page.keyboard.press("z")
    await expect(inbox.field).to_have_value("Dear Martha, thank you")


async def test_a_canned_answer_is_filled_in(office: Office, ada: Desk) -> None:
    inbox, page = await inbox_of(ada), ada.tab
    body = "Dear {{contact.first_name}},\n\nour showroom is open from nine to five.\n\n{{agent.name}}"
    await api(page, "POST", "/canned", {"title": "Showroom hours", "shortcut": "hours", "body": body})
    await inbox.open("Sofia Rossi")
    await page.keyboard.press("r")
    await page.keyboard.type(";ho")
    await expect(page.get_by_role("option", name="Showroom hours")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(inbox.field).to_have_value(re.compile(r"^Dear Sofia,\n\nour showroom .*\n\nAda Brandt$", re.S))


async def test_a_letter_can_be_called_back(office: Office, ada: Desk) -> None:
    inbox, page = await inbox_of(ada), ada.tab
    await inbox.open("Sofia Rossi")
    await page.keyboard.press("r")
    await page.keyboard.type("Friday suits us.")
    await page.keyboard.press("Control+Enter")
    await expect(inbox.toast).to_contain_text(re.compile(r"Sending in \d+ s"))
    letter = page.locator(".said .letter")
    await expect(letter).to_contain_text("Friday suits us.")
    await expect(letter).to_contain_text(re.compile(r"Sending in \d+ s"))
    await page.keyboard.press("z")
    await expect(letter).to_have_count(0)
    await expect(inbox.field).to_have_value("Friday suits us.")


async def test_what_arrives_does_not_shift_the_list(office: Office, ada: Desk) -> None:
    from tests.story import firm

    inbox = await inbox_of(ada)
    await inbox.open("Sofia Rossi")
    before = await inbox.row("Sofia Rossi").bounding_box()
    await firm.rings(office, "n1", "ended", **{"from": "+8613800138000"})
    news = ada.tab.locator("#news button")
    await expect(news).to_have_text("1 new")
    assert await inbox.row("Sofia Rossi").bounding_box() == before
    await news.click()
    await expect(inbox.rows).to_have_count(10)
    await expect(inbox.rows.first).to_contain_text("李娜")
    await expect(inbox.selected).to_contain_text("Sofia Rossi")


async def test_canned_answers_and_signatures_are_kept_in_settings(office: Office, ada: Desk) -> None:
    page = ada.tab
    await page.goto("/settings")
    panel = page.get_by_role("region", name="Canned answers")
    await expect(panel).to_contain_text("No canned answers yet.")
    await panel.get_by_role("button", name="New").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Title").fill("Delivery time")
    await dialog.get_by_label("Shortcut").fill("delivery")
    await dialog.get_by_label("Text").fill("Dear ")
    await dialog.get_by_role("button", name="contact.first_name").click()
    assert await faults(page) == []
    await dialog.get_by_role("button", name="Save").click()
    await expect(panel).to_contain_text("Dear {{contact.first_name}}")
    await panel.get_by_role("button", name="Delivery time").click()
    await dialog.get_by_role("button", name="Delete").click()
    await expect(panel).to_contain_text("No canned answers yet.")
    await page.get_by_role("button", name="Undo").click()
    await expect(panel).to_contain_text("Delivery time")

    signature = page.get_by_label("Under all letters")
    await signature.fill("Ada Brandt\nLumen, Berlin")
    await signature.blur()
    await expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    inbox = await inbox_of(ada)
    await inbox.open("Sofia Rossi")
    await page.keyboard.press("r")
    await expect(page.locator(".signature")).to_contain_text("Lumen, Berlin")
    assert await faults(page) == []


async def test_conversations_are_merged_split_and_linked(office: Office, ada: Desk) -> None:
    inbox, page = await inbox_of(ada), ada.tab
    press = page.keyboard.press
    await inbox.open("李娜")
    await press("l")
    await expect(inbox.chooser).to_contain_text("200 pendant lamps, Shenzhen Bay")
    await press("Enter")
    await expect(page.locator(".facts-line")).to_contain_text("200 pendant lamps, Shenzhen Bay")
    await press("z")
    await expect(page.locator(".facts-line")).not_to_contain_text("Shenzhen Bay")

    messages = page.locator(".said > .item")
    await expect(messages).to_have_count(6)
    await messages.last.hover()
    await messages.last.get_by_role("button", name="Split off from here").click()
    await expect(messages).to_have_count(1)
    await press("z")
    await expect(messages).to_have_count(6)

    await inbox.open("Sofia Rossi")
    await press("m")
    await inbox.chooser.get_by_role("combobox").fill("Martha")
    await inbox.chooser.get_by_role("option").filter(has_text="Haus am Kanal").click()
    await expect(inbox.title).to_contain_text("Haus am Kanal")
    await expect(inbox.rows).to_have_count(8)
    await expect(inbox.said.filter(has_text="Buongiorno")).to_have_count(1)
    await press("z")
    await expect(inbox.title).to_have_text("Visita in showroom")
    await expect(inbox.rows).to_have_count(9)


async def test_files_go_with_a_letter_that_is_sent_later(office: Office, ada: Desk) -> None:
    inbox, page = await inbox_of(ada), ada.tab
    await inbox.open("Sofia Rossi")
    await page.keyboard.press("r")
    await page.keyboard.type("The plan is attached.")
    plan = FilePayload(name="piano 1.pdf", mimeType="application/pdf", buffer=b"%PDF-1.7 " + bytes(3000))
    await page.locator("input[type=file]").set_input_files([plan])
    await expect(page.locator(".file:not(.going)")).to_contain_text("piano 1.pdf")
    await expect(inbox.saved).to_have_text("Draft saved")
    await page.reload()
    await expect(page.locator(".file")).to_contain_text("piano 1.pdf")
    await page.get_by_title("Send later").click()
    await page.get_by_role("button", name="Choose when").click()
    await inbox.chooser.get_by_role("option", name="In a month").click()
    await expect(inbox.toast).to_contain_text("Will be sent:")
    letter = page.locator(".said .letter")
    await expect(letter).to_contain_text("unless they write first")
    await letter.get_by_role("button", name="Cancel").click()
    await expect(letter).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_every_state_is_clean(
    browser: Browser, office: Office, complaints: Complaints, scheme: str, phone: bool
) -> None:
    async with Desk.open(browser, office, complaints, phone=phone, color_scheme=scheme) as desk:
        page = await desk.log_in("ada")
        await page.goto("/inbox")
        inbox, wrong, wide = Inbox(page), [], []
        await page.get_by_role("checkbox").nth(1).check(force=True)
        wrong += await faults(page)
        await page.get_by_role("button", name="Select none").click()
        await page.get_by_title("Filter and sort").click()
        wrong += await faults(page)
        wide.append(await overflow(page))
        await page.keyboard.press("Escape")
        await inbox.open("Martha Vogel")
        await page.get_by_role("button", name="Note").first.click()
        await inbox.note.press_sequentially("Is this right, @be")
        await expect(page.get_by_role("option", name="Ben Okafor")).to_be_visible()
        wrong += await faults(page)
        await page.keyboard.press("Enter")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".said .internal")).to_be_visible()
        await page.locator("[data-begin=reply]").click()
        await page.get_by_role("button", name="Cc, Bcc").click()
        await page.get_by_role("combobox", name="Cc", exact=True).fill("nobody at all")
        await page.keyboard.press("Enter")
        await expect(page.locator(".warnings")).to_contain_text("is no mail address")
        wrong += await faults(page)
        wide.append(await overflow(page))
        await page.get_by_role("button", name="Remove nobody at all").click()
        await inbox.field.fill("Tomorrow.")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".said .letter")).to_be_visible()
        await page.locator(".talk").get_by_role("button", name="Snooze").click()
        await expect(inbox.chooser).to_be_visible()
        wrong += await faults(page)
        await page.keyboard.press("Escape")
        await page.goto("/inbox/new")
        await page.get_by_role("textbox", name="Subject").fill("An offer")
        wrong += await faults(page)
        wide.append(await overflow(page))
        await page.goto("/inbox?box=mentioned")
        wrong += await faults(page)
        assert wrong == []
        assert "".join(wide) == ""
