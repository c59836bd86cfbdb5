"""The shared inbox, worked on by two people in two browsers: what one does the other sees while it happens."""

from __future__ import annotations

from datetime import UTC, datetime

from playwright.async_api import expect

from hub import Copy, RawMail
from tests.hub.web.office import Office
from tests.story.pages import Desk
from tests.story.test_inbox import inbox_of

MARTHA_AGAIN = (
    b"From: Martha Vogel <m.vogel@vogel.example>\r\nTo: sales@lumen.example\r\nSubject: Re: Haus am Kanal: lobby\r\n"
    b"Message-ID: <again@vogel.example>\r\nIn-Reply-To: <v3@mail.example>\r\nDate: %s\r\n\r\nOne thing I forgot.\r\n"
)


async def test_each_sees_that_the_other_reads_and_writes(office: Office, ada: Desk, ben: Desk) -> None:
    hers, his = await inbox_of(ada), await inbox_of(ben)
    await hers.open("Martha Vogel")
    await expect(his.row("Martha Vogel").locator("xpath=..").locator("[data-presence]")).to_be_visible()
    await his.open("Martha Vogel")
    await expect(his.presence).to_have_text("Ada Brandt is reading")
    await expect(hers.presence).to_have_text("Ben Okafor is reading")
    await ada.tab.keyboard.press("r")
    await ada.tab.keyboard.type("Dear Martha")
    await expect(his.presence).to_have_text("Ada Brandt writes")
    await ben.tab.reload()
    await expect(his.presence).to_have_text("Ada Brandt writes")
    await hers.open("Sofia Rossi")
    await expect(his.presence).to_be_empty()
    await ben.tab.keyboard.press("j")
    await expect(hers.row("Martha Vogel").locator("xpath=..").locator("[data-presence]")).to_be_hidden()


async def test_one_claims_before_the_other(office: Office, ada: Desk, ben: Desk) -> None:
    hers, his = await inbox_of(ada), await inbox_of(ben)
    await hers.open("Sofia Rossi")
    await his.open("Sofia Rossi")
    await ada.tab.keyboard.press("c")
    await expect(hers.toast).to_contain_text("It is yours")
    await expect(ben.tab.locator(".talk > header")).to_contain_text("Ada Brandt")
    await expect(his.selected.locator(".owner")).to_have_text("AB")
    await ben.tab.keyboard.press("c")
    await expect(his.toast).to_contain_text("Ada Brandt has it already.")
    await his.toast.get_by_role("button", name="Take over").click()
    await expect(his.selected.locator(".owner.mine")).to_have_text("BO")
    await expect(hers.selected.locator(".owner")).to_have_text("BO")


async def test_what_one_closes_rests_in_the_list_of_the_other(office: Office, ada: Desk, ben: Desk) -> None:
    hers, his = await inbox_of(ada), await inbox_of(ben)
    await his.open("Sofia Rossi")
    await hers.open("Sofia Rossi")
    await ada.tab.keyboard.press("e")
    await expect(hers.row("Sofia Rossi")).to_have_count(0)
    await expect(his.selected).to_contain_text("closed")
    await expect(ben.tab.locator(".talk > header")).to_contain_text("Closed")
    await expect(his.rows).to_have_count(9)
    await expect(his.box("All")).to_contain_text("8")
    await ada.tab.keyboard.press("z")
    await expect(ben.tab.locator(".talk > header")).to_contain_text("Open")


async def test_who_answers_hears_that_somebody_wrote_meanwhile(office: Office, ada: Desk, ben: Desk) -> None:
    hers, his = await inbox_of(ada), await inbox_of(ben)
    await hers.open("Martha Vogel")
    await his.open("Martha Vogel")
    await ada.tab.keyboard.press("r")
    await ada.tab.keyboard.type("We can start on Monday.")
    await ben.tab.keyboard.press("n")
    await ben.tab.keyboard.type("I have called her.")
    await ben.tab.keyboard.press("Control+Enter")
    await expect(ada.tab.locator(".said .internal")).to_contain_text("I have called her.")
    warning = ada.tab.locator(".meanwhile")
    await expect(warning).to_be_hidden()
    now = datetime.now(UTC)
    raw = MARTHA_AGAIN % now.strftime("%a, %d %b %Y %H:%M:%S +0000").encode()
    await office.service.ingest.record("sales-mail", [RawMail(raw, Copy("INBOX", "again"), now)])
    await expect(warning).to_contain_text("Martha Vogel has written meanwhile.")
    await expect(hers.said.last).to_contain_text("One thing I forgot.")
    await ada.tab.keyboard.press("Control+Enter")
    await expect(warning.get_by_role("button", name="Read it")).to_be_focused()
    await expect(hers.toast).to_have_count(0)
    await ada.tab.keyboard.press("Enter")
    await expect(warning).to_be_hidden()
    await ada.tab.keyboard.press("Control+Enter")
    await expect(hers.toast).to_contain_text("Sending in")
    await expect(ben.tab.locator(".said .letter")).to_contain_text("We can start on Monday.")
