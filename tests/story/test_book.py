"""A customer books: on a phone, by keyboard, without scripts, in three languages, and from another web site."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, expect

from tests.hub.web.office import Office, open_office
from tests.hub.web.test_book import BOOKING
from tests.servers.chromium import Complaints
from tests.story.pages import DESKTOP, PHONE, Desk
from tests.story.test_looks import faults, overflow

SMALLEST = {"width": 320, "height": 640}


@pytest.fixture
async def firm(tmp_path: Path) -> AsyncIterator[Office]:
    """A hub on which something can be booked."""
    async with (
        open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, BOOKING) as opened,
        opened.service.bookings,
    ):
        yield opened


async def next_month(page: Page) -> None:
    """On to a day that is whole, whatever the time is now."""
    await page.locator("a[rel=next]").click()
    await page.locator("a[rel=prev]").wait_for()
    await page.locator(".times button").nth(3).wait_for()


async def fill_in(page: Page) -> None:
    """Who she is."""
    await page.locator("#name").fill("Li Na")
    await page.locator("#mail").fill("li.na@customer.example")
    await page.locator("#q-topic").fill("Lamps")
    await page.locator("button.primary").click()
    await expect(page.locator(".notice.well")).to_be_visible()


@pytest.mark.parametrize(
    ("tag", "size", "scheme"),
    [("en", DESKTOP, "light"), ("zh-Hans", PHONE, "dark"), ("zh-Hant", SMALLEST, "light"), ("en", SMALLEST, "dark")],
)
async def test_a_customer_books_moves_and_cancels(
    browser: Browser, firm: Office, complaints: Complaints, tag: str, size: dict[str, int], scheme: str
) -> None:
    async with Desk.open(
        browser, firm, complaints, viewport=size, locale=tag, timezone_id="America/New_York", color_scheme=scheme
    ) as desk:
        wrong, wide = [], []

        async def look() -> None:
            wrong.extend(await faults(page))
            wide.append(await overflow(page))

        page = await desk.new_tab("/book/")
        await expect(page.locator("html")).to_have_attribute("lang", tag)
        await look()
        await page.get_by_role("link", name="First talk").click()
        await expect(page.locator("#zone")).to_have_value("America/New_York")
        await next_month(page)
        await look()
        chosen = await page.locator(".times button").nth(1).text_content()
        await page.locator(".times button").nth(1).click()
        await expect(page.locator("#name")).to_be_visible()
        await look()
        await fill_in(page)
        await expect(page.locator(".pairs time")).to_contain_text(str(chosen).strip())
        await look()
        await page.locator(".actions a").nth(1).click()
        await next_month(page)
        moved = await page.locator(".times button").nth(3).text_content()
        await look()
        await page.locator(".times button").nth(3).click()
        await expect(page.locator(".pairs time")).to_contain_text(str(moved).strip())
        await page.locator(".actions a.danger").click()
        await look()
        await page.locator("button.danger").click()
        await expect(page.locator("a.button.primary")).to_be_visible()
        await look()
        assert (wrong, set(wide)) == ([], {""})


async def test_without_scripts(browser: Browser, firm: Office, complaints: Complaints) -> None:
    async with Desk.open(browser, firm, complaints, java_script_enabled=False) as desk:
        page = await desk.new_tab("/book/intro")
        await page.locator("#zone").select_option("Asia/Shanghai")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator("#zone")).to_have_value("Asia/Shanghai")
        await page.locator("a.day").last.click()
        await page.locator(".times button").first.click()
        await fill_in(page)
        await expect(page.locator(".pairs")).to_contain_text("Shanghai")


async def test_by_keyboard_alone(browser: Browser, firm: Office, complaints: Complaints) -> None:
    async with Desk.open(browser, firm, complaints) as desk:
        page = await desk.new_tab("/book/intro?zone=Europe/Berlin&month=2027-01")
        await page.keyboard.press("n")
        await expect(page.locator(".times button").first).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#name")).to_be_visible()
        await page.locator("#name").focus()
        for typed in ("Li Na", "li.na@customer.example", "Lamps"):
            await page.keyboard.type(typed)
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator(".notice.well")).to_be_visible()


async def test_two_at_once_want_the_same_time(browser: Browser, firm: Office, complaints: Complaints) -> None:
    async with Desk.open(browser, firm, complaints) as one, Desk.open(browser, firm, complaints) as other:
        first = await one.new_tab("/book/intro?zone=Europe/Berlin")
        second = await other.new_tab("/book/intro?zone=Europe/Berlin")
        await first.locator(".times button").first.click()
        await expect(first.locator("#name")).to_be_visible()
        await second.locator(".times button").first.click()
        await expect(second.get_by_role("alert")).to_be_visible()
        await expect(second.locator(".times button")).to_have_count(3)
        await second.locator(".times button").first.click()
        await expect(second.locator("#name")).to_be_visible()


async def test_within_another_web_site(browser: Browser, tmp_path: Path, complaints: Complaints) -> None:
    """The named one shows it inline, in a window and behind a button; another one may not."""
    pages = {
        "inline": '<p>Our firm</p><script src="{hub}/book/embed.js" data-book="intro"></script>',
        "button": '<script src="{hub}/book/embed.js" data-book="intro" data-show="button" data-text="Talk"></script>',
        "popup": '<script src="{hub}/book/embed.js"></script><a href="{hub}/book/intro" data-book-popup>Book</a>',
    }
    hub = ""

    async def site(request: web.Request) -> web.Response:
        body = pages[request.match_info["page"]].format(hub=hub)
        return web.Response(text=f"<!doctype html><title>Firm</title><body>{body}", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{page}", site)
    async with TestServer(app) as theirs:
        toml = BOOKING.replace("https://www.example.org", f"http://127.0.0.1:{theirs.port}")
        async with (
            open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, toml) as office,
            office.service.bookings,
            Desk.open(browser, office, complaints) as desk,
        ):
            hub = str(office.url).rstrip("/")
            page = await desk.new_tab(str(theirs.make_url("/inline")))
            await expect(page.frame_locator("iframe").locator(".times button").first).to_be_visible()
            await page.goto(str(theirs.make_url("/button")))
            await page.get_by_role("button", name="Talk").click()
            await expect(page.frame_locator("dialog iframe").locator(".times button").first).to_be_visible()
            await page.goto(str(theirs.make_url("/popup")))
            await page.get_by_role("link", name="Book").click()
            inside = page.frame_locator("dialog iframe")
            await inside.locator(".times button").first.click()
            await inside.locator("#name").fill("Li Na")
            await inside.locator("#mail").fill("li.na@customer.example")
            await inside.locator("#q-topic").fill("Lamps")
            await inside.locator("button.primary").click()
            await expect(inside.locator(".notice.well")).to_be_visible()
            stranger = str(theirs.make_url("/inline")).replace("127.0.0.1", "localhost")
            async with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
                await page.goto(stranger)
            await expect(page.frame_locator("iframe").locator(".times button")).to_have_count(0)
            assert all("frame-ancestors" in each for each in complaints.heard)
            complaints.heard.clear()
