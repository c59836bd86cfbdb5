from __future__ import annotations

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page
from pytest_aiohttp import AiohttpServer

from tests.servers.chromium import Complaints

HTML = "<!doctype html><title>Calls</title><button onclick=\"document.title = 'Answered'\">报价</button>"


async def test_a_click_reaches_a_page_served_here(aiohttp_server: AiohttpServer, page: Page) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=HTML, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    server = await aiohttp_server(app)
    await page.goto(str(server.make_url("/")))
    await page.get_by_role("button", name="报价").click()
    assert await page.title() == "Answered"


@pytest.mark.parametrize(
    ("html", "complaint"),
    [
        ("<script>throw new Error('lost')</script>", "lost"),
        (
            "<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\"><script>1</script>",
            "Content Security Policy",
        ),
    ],
    ids=["script-threw", "policy-refused"],
)
async def test_what_a_page_complains_about_is_heard(browser: Browser, html: str, complaint: str) -> None:
    page = await browser.new_page()
    complaints = Complaints()
    complaints.listen(page)
    await page.set_content(html)
    assert len(complaints.heard) == 1
    assert complaint in complaints.heard[0]
