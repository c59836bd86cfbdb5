"""Nothing that a mail names elsewhere is fetched while it is read, in whatever way it names it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

from playwright.async_api import Route, expect

from hub.vocabulary import Copy, RawMail
from tests.hub.web.office import Office
from tests.story.pages import Desk
from tests.story.test_pages import open_li_na

SPY = "https://spy.example"
PAGE = f"""
<html><head><base href="{SPY}/base/"><meta http-equiv="refresh" content="0;url={SPY}/refresh">
<link rel="stylesheet" href="{SPY}/style.css"><link rel="preload" as="image" href="{SPY}/preload.png">
<link rel="icon" href="{SPY}/icon.png"><script src="{SPY}/script.js"></script>
<style>@import url({SPY}/import.css); @font-face {{font-family: f; src: url({SPY}/font.woff)}}
body {{background: url({SPY}/body.png); font-family: f}} p::after {{content: url({SPY}/after.png)}}</style></head>
<body background="{SPY}/background.png"><p style="background-image:url('{SPY}/inline.png')">The offer is fine</p>
<p style="background-image:\\75rl({SPY}/escaped.png);list-style:url({SPY}/list.png)">for us</p>
<img src="{SPY}/img.png"><img srcset="{SPY}/srcset.png 2x"><img src="relative.png"><img src="//spy.example/plain.png">
<picture><source srcset="{SPY}/source.png"><img src="{SPY}/picture.png"></picture>
<table background="{SPY}/table.png"><tr><td background="{SPY}/cell.png">x</td></tr></table>
<video poster="{SPY}/poster.png" src="{SPY}/video.mp4" autoplay></video><audio src="{SPY}/audio.mp3" autoplay></audio>
<iframe src="{SPY}/frame.html"></iframe><iframe srcdoc="&lt;img src={SPY}/srcdoc.png&gt;"></iframe>
<object data="{SPY}/object.swf"></object><embed src="{SPY}/embed.swf"><input type="image" src="{SPY}/input.png">
<svg><image href="{SPY}/svg.png"/><use xlink:href="{SPY}/use.svg#x"/></svg>
<form action="{SPY}/form"><button>b</button></form>
<img src="x" onerror="fetch('{SPY}/onerror')"><a ping="{SPY}/ping" href="{SPY}/link">here</a>
<img lowsrc="{SPY}/low.png" dynsrc="{SPY}/dyn.png" longdesc="{SPY}/long.html"></body></html>
"""


async def test_no_mail_is_heard_of_elsewhere_when_it_is_read(office: Office, ada: Desk) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "li.na@guangpu.example", "ada@lumen.example"
    message["Subject"], message["Message-ID"] = "A page that listens", "<spy@mail.example>"
    message.set_content("The offer is fine")
    message.add_alternative(PAGE, subtype="html")
    now = datetime.now(UTC)
    await office.service.ingest.record("mail", [RawMail(message.as_bytes(), Copy("INBOX", "spy"), now)])
    asked: list[str] = []

    async def elsewhere(route: Route) -> None:
        asked.append(route.request.url)
        await route.abort()

    await ada.context.route(lambda url: not url.startswith((str(office.url), "data:", "blob:", "about:")), elsewhere)
    entry = await (await open_li_na(ada)).unfold("A page that listens")
    mail = entry.frame_locator("iframe")
    await expect(mail.get_by_text("The offer is fine")).to_be_visible()
    shown = await (await entry.locator("iframe").element_handle()).content_frame()
    assert shown is not None
    await shown.wait_for_load_state("load")  # by then all that it would fetch was asked for
    assert asked == []
    assert not any(SPY in frame.url for frame in ada.tab.frames)
    left = "iframe, object, embed, form, base[href], meta[http-equiv=refresh], [src*='spy.'], link[href*='spy.']"
    await expect(mail.locator(left)).to_have_count(0)
    async with ada.tab.expect_request(f"{SPY}/**"):
        await entry.get_by_role("button", name="Load images").click()
