"""What one does on the pages with a mouse or a finger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import Browser, expect

from tests.hub.web.office import Office
from tests.servers.chromium import Complaints
from tests.story import firm
from tests.story.pages import Desk, Inbox, Timeline


async def open_li_na(desk: Desk) -> Timeline:
    """Li Na's page."""
    await desk.tab.goto("/contacts")
    await desk.tab.get_by_role("link", name="李娜").click()
    await expect(desk.tab.get_by_role("heading", name="李娜", level=1)).to_be_visible()
    return Timeline(desk.tab)


async def test_the_timeline_is_filtered_and_searched_where_it_stands(office: Office, ada: Desk) -> None:
    past = await open_li_na(ada)
    await expect(past.entries).to_have_count(10)
    await ada.tab.locator("label.toggle", has_text="Calls").click()
    await expect(past.entries).to_have_count(3)
    await ada.tab.locator("label.toggle", has_text="Mail").click()
    await expect(past.entries).to_have_count(10)
    await past.search.fill("brass")
    await expect(past.entries).to_have_count(2)
    await expect(past.entries.locator("mark").first).to_have_text("Brass")
    await past.search.fill("交货期")
    await expect(past.entries).to_have_count(1)
    await past.search.fill("nothing like it")
    await expect(ada.tab.get_by_text("Nothing found.")).to_be_visible()


async def test_a_mail_unfolds_in_its_frame_and_loads_images_only_when_asked(office: Office, ada: Desk) -> None:
    asked: list[str] = []
    await ada.context.route(
        "https://tracker.example/**", lambda route: (asked.append(route.request.url), route.abort())[1]
    )
    entry = await (await open_li_na(ada)).unfold("Re: Offer for 200 pendant lamps")
    mail = entry.frame_locator("iframe")
    await expect(mail.get_by_text("Can you deliver in two lots")).to_be_visible()
    await expect(mail.get_by_text("here is our offer for 200")).to_be_hidden()
    await mail.get_by_text("Earlier mails").click()
    await expect(mail.get_by_text("here is our offer for 200")).to_be_visible()
    assert asked == []
    async with ada.tab.expect_request("https://tracker.example/**"):
        await entry.get_by_role("button", name="Load images").click()
    async with ada.tab.expect_download() as download:
        await entry.get_by_role("link", name="灯具清单.xlsx").click()
    assert (await download.value).suggested_filename == "灯具清单.xlsx"


async def test_what_arrives_while_one_reads_is_a_notice_not_a_shift(office: Office, ada: Desk) -> None:
    past = await open_li_na(ada)
    entry = await past.unfold("Thank you. You will have it by Friday.")
    before = await entry.bounding_box()
    await firm.rings(office, "n1", "ended", **{"from": "+8613800138000"})
    now = datetime.now(UTC)
    call = firm.past_call("n2", now - timedelta(minutes=1), firm.LI_NA, seconds=40)
    await office.service.ingest.record("front-desk", call)
    await expect(past.news).to_have_text("2 new")
    assert await entry.bounding_box() == before
    await past.news.click()
    await expect(past.entries).to_have_count(12)
    await expect(past.entries.first).to_contain_text("李娜")


async def test_the_inbox_keeps_its_place_and_remembers_the_address(office: Office, ada: Desk) -> None:
    page, inbox = ada.tab, Inbox(ada.tab)
    await page.goto("/inbox")
    await page.get_by_title("Filter and sort").click()
    await page.locator("label.toggle", has_text="Waiting").click()
    await expect(inbox.rows).to_have_count(9)
    await page.locator("label.toggle", has_text="Calls").click()
    await expect(inbox.rows).to_have_count(3)
    await page.get_by_label("Order").select_option("Longest waiting first")
    await expect(inbox.rows.first).to_contain_text("Number withheld")
    await page.keyboard.press("Escape")
    await page.get_by_role("searchbox", name="Search conversations").fill("garnier")
    await expect(inbox.rows).to_have_count(1)
    await inbox.row("Éloïse Garnier").click()
    await expect(inbox.title).to_have_text("Call to us")
    await expect(inbox.whom).to_contain_text("Atelier Garnier")
    await page.reload()
    await expect(inbox.rows).to_have_count(1)
    await expect(inbox.title).to_have_text("Call to us")
    await page.go_back()
    await expect(page.get_by_text("No conversation is open.")).to_be_visible()


async def test_on_a_phone_one_pane_at_a_time(browser: Browser, office: Office, complaints: Complaints) -> None:
    async with Desk.open(browser, office, complaints, phone=True) as desk:
        page = await desk.log_in("ada")
        inbox = Inbox(page)
        await page.get_by_role("link", name="Inbox").tap()
        await inbox.row("Reseller for Denmark").tap()
        await expect(inbox.title).to_be_visible()
        await expect(inbox.rows.first).to_be_hidden()
        await page.get_by_role("link", name="Back to the list").tap()
        await expect(inbox.rows.first).to_be_visible()
        small = await page.evaluate(
            """() => [...document.querySelectorAll("a, button, input, select, summary, label.toggle")]
            .map((each) => (each.matches("[type=checkbox], [type=radio]") ? each.closest("label") ?? each : each))
            .map((each) => [each.outerHTML.slice(0, 80), each.getBoundingClientRect()])
            .filter(([html, box]) => box.width > 1 && box.height > 1 && (box.height < 44 || box.width < 24))
            .map(([html]) => html)"""
        )
        assert small == []


async def test_quarantine_is_shown_and_tried_again(office: Office, ada: Desk) -> None:
    page = ada.tab
    await page.goto("/sources")
    await expect(page.get_by_text("imap.lumen.example refuses the password")).to_be_visible()
    await page.get_by_role("button", name="Show binary data, not a mail").click()
    await expect(page.get_by_role("dialog")).to_contain_text("not a mail at all")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Try again binary data, not a mail").click()
    await expect(page.locator("#toasts")).to_contain_text("Still not understood: binary data, not a mail")


async def test_appearance_stays_as_it_was_chosen(office: Office, ada: Desk) -> None:
    page = ada.tab
    await page.goto("/settings")
    await page.locator("label.toggle", has_text="Dark").click()
    await page.goto("/")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 21, 23)"
