"""Every page: usable by everybody (axe, WCAG 2.2 AA), on a phone, in light and dark, and light to load."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Response, expect

from tests.hub.web.office import Office
from tests.servers.chromium import Complaints
from tests.story.firm import rings
from tests.story.pages import Desk, Inbox, Pop, Timeline
from tests.story.test_pop import LI_NA, SHARED, UNKNOWN

PAGES = ("/", "/inbox", "/contacts", "/calls", "/calendar", "/sources", "/settings")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FIRST_VIEW = 150_000


async def faults(page: Page) -> list[str]:
    """What axe finds wrong with *page* as it stands."""
    options: dict[str, Any] = {"runOnly": {"type": "tag", "values": RULES}}
    found = (await Axe().run(page, options=options)).response["violations"]
    return [f"{page.url}: {each['id']}: {node['html']}" for each in found for node in each["nodes"]]


async def overflow(page: Page) -> str:
    """What sticks out to the right of *page*, "" where nothing does."""
    return str(
        await page.evaluate(
            """() => document.documentElement.scrollWidth <= innerWidth ? "" :
            [...document.querySelectorAll("body *")]
            .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
            .slice(0, 5).map((each) => each.outerHTML.slice(0, 120)).join("\\n")"""
        )
    )


async def contact(page: Page, name: str) -> None:
    """Open somebody's page."""
    await page.goto("/contacts")
    await page.get_by_role("link", name=name).click()
    await expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_every_page_is_clean(
    browser: Browser, office: Office, complaints: Complaints, scheme: str, phone: bool
) -> None:
    async with Desk.open(browser, office, complaints, phone=phone, color_scheme=scheme) as desk:
        anonymous = await desk.new_tab("/login")
        wrong = [*await faults(anonymous), *await faults(await desk.new_tab("/setup/used-up"))]
        page = await desk.log_in("ada")
        wide = []
        for path in PAGES:
            await page.goto(path)
            wrong += await faults(page)
            wide.append(await overflow(page))
        await contact(page, "李娜")
        entry = await Timeline(page).unfold("Re: Offer for 200 pendant lamps")
        await expect(entry.frame_locator("iframe").get_by_text("Two questions before I sign")).to_be_visible()
        wrong += await faults(page)
        wide.append(await overflow(page))
        await page.get_by_role("button", name="Edit").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        wrong += await faults(page)
        await page.goto("/inbox")
        await Inbox(page).row("Reseller for Denmark").click()
        await expect(Inbox(page).title).to_have_text("Reseller for Denmark?")
        wrong += await faults(page)
        wide.append(await overflow(page))
        await page.goto("/nothing-here")
        wrong += await faults(page)
        assert wrong == []
        assert "".join(wide) == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_state_of_the_pop_is_clean(
    browser: Browser, office: Office, complaints: Complaints, scheme: str
) -> None:
    async with Desk.open(browser, office, complaints, color_scheme=scheme) as desk:
        page = await desk.log_in("ada")
        pop, wrong = Pop(page), []
        for ident, caller, name in (
            ("1", LI_NA, "李娜"),
            ("2", UNKNOWN, "Unknown caller"),
            ("3", SHARED, "Who is it?"),
        ):
            await rings(office, ident, **caller)
            await pop.shows(name)
            wrong += await faults(page)
            await rings(office, ident, "ended", **caller)
            await pop.gone()
        await rings(office, "4", **LI_NA)
        await rings(office, "4", "answered", agent="ada", **LI_NA)
        await expect(pop.current).to_be_visible()
        wrong += await faults(page)
        await rings(office, "4", "ended", **LI_NA)
        await expect(pop.over).to_be_visible()
        assert [*wrong, *await faults(page)] == []


async def test_the_first_view_is_light_and_comes_from_here_alone(
    browser: Browser, office: Office, complaints: Complaints
) -> None:
    async with Desk.open(browser, office, complaints) as desk:
        page = await desk.log_in("ada")
        cold = await desk.context.browser.new_context(storage_state=await desk.context.storage_state())  # type: ignore[union-attr]
        first = await cold.new_page()
        seen: list[Response] = []
        first.on("response", lambda each: seen.append(each))
        await first.goto(str(office.url.with_path("/inbox")))
        await expect(Inbox(first).rows.first).to_be_visible()
        sizes = {each.url: (await each.request.sizes())["responseBodySize"] for each in seen if "/live" not in each.url}
        await cold.close()
        assert await page.title()
        assert sum(sizes.values()) < FIRST_VIEW, sizes
        assert {re.sub(r"^(\w+://[^/]+).*", r"\1", url) for url in sizes} == {str(office.url).rstrip("/")}


@pytest.mark.parametrize(
    ("locale", "title"), [("zh-CN", "收件箱"), ("zh-TW", "收件匣"), ("fr-FR", "Inbox")], ids=["hans", "hant", "other"]
)
async def test_each_reader_gets_her_language(
    browser: Browser, office: Office, complaints: Complaints, locale: str, title: str
) -> None:
    async with Desk.open(browser, office, complaints, locale=locale) as desk:
        page = await desk.new_tab("/login")
        await page.locator("#name").fill("ben")
        await page.locator("#password").fill("correct horse battery")
        await page.locator("button[type=submit]").click()
        await page.get_by_role("link", name=title).click()
        await expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
        assert await faults(page) == []
