"""The pages as people use them: what stands where, said once, for every test that drives a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from tests.hub.web.office import PASSWORD, Office
from tests.servers.chromium import Complaints

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@dataclass(slots=True)
class Desk:
    """One person's browser: its tabs share cookies, storage and the one live stream."""

    office: Office
    context: BrowserContext
    complaints: Complaints = field(repr=False)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, browser: Browser, office: Office, complaints: Complaints, *, phone: bool = False, **options: Any
    ) -> AsyncIterator[Desk]:
        """A browser with an empty profile; *options* are Playwright's."""
        size = PHONE if phone else DESKTOP
        settings: dict[str, Any] = {"viewport": size, "locale": "en-GB", "base_url": str(office.url)}
        settings |= {"reduced_motion": "reduce", **options}
        if phone:
            settings |= {"has_touch": True, "is_mobile": True}
        context = await browser.new_context(**settings)
        context.on("page", complaints.listen)
        try:
            yield cls(office, context, complaints)
        finally:
            await context.close()

    async def log_in(self, name: str) -> Page:
        """Sign in through the form; answers the tab, which then shows Now."""
        page = await self.context.new_page()
        await page.goto("/login")
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Now", level=1)).to_be_visible()
        return page

    @property
    def tab(self) -> Page:
        """The first tab."""
        return self.context.pages[0]

    async def new_tab(self, path: str = "/") -> Page:
        """Another tab at *path*."""
        page = await self.context.new_page()
        await page.goto(path)
        return page


@dataclass(frozen=True, slots=True)
class Pop:
    """The screen pop in one tab."""

    page: Page

    @property
    def card(self) -> Locator:
        """The card on top."""
        return self.page.locator("#pops > .pop").first

    @property
    def ringing(self) -> Locator:
        """The cards of calls that ring."""
        return self.page.locator("#pops > .pop.ringing")

    @property
    def current(self) -> Locator:
        """The call she took."""
        return self.page.locator("#pops > .pop.current")

    @property
    def over(self) -> Locator:
        """The call that has ended, to be wrapped up."""
        return self.page.locator("#pops > .pop.over")

    @property
    def name(self) -> Locator:
        """Who calls, in large letters."""
        return self.card.locator(".name strong")

    @property
    def note(self) -> Locator:
        """The field for a note."""
        return self.card.get_by_role("textbox", name="Note")

    def button(self, name: str) -> Locator:
        """A button of the card: Open, Note, Dismiss, Done."""
        return self.card.locator("footer").get_by_text(name, exact=False)

    async def gone(self) -> None:
        """Wait until nothing rings in this tab."""
        await expect(self.ringing).to_have_count(0)

    async def shows(self, name: str) -> None:
        """Wait until a call of *name* rings, with its details."""
        await expect(self.ringing.first).to_be_visible()
        await expect(self.name).to_have_text(name)
        await expect(self.card.locator(".card-more")).to_be_visible()


@dataclass(frozen=True, slots=True)
class Timeline:
    """The timeline on a contact's page."""

    page: Page

    @property
    def entries(self) -> Locator:
        """Its lines, newest first."""
        return self.page.locator("#stream .entry")

    @property
    def search(self) -> Locator:
        """The field that searches it."""
        return self.page.get_by_role("searchbox", name="Search this timeline")

    @property
    def news(self) -> Locator:
        """The notice that says how much is new."""
        return self.page.locator("#news button")

    async def unfold(self, text: str) -> Locator:
        """Open the first line that holds *text*; answers it once its content has come."""
        entry = self.entries.filter(has_text=text).first
        await entry.locator("summary").first.click()
        await expect(entry.locator(".envelope")).to_be_visible()
        return entry


@dataclass(frozen=True, slots=True)
class Inbox:
    """The inbox."""

    page: Page

    @property
    def rows(self) -> Locator:
        """The conversations in the list."""
        return self.page.locator("#shelf .conversation")

    def row(self, text: str) -> Locator:
        """The first conversation that holds *text*."""
        return self.rows.filter(has_text=text).first

    @property
    def title(self) -> Locator:
        """What the open conversation is about."""
        return self.page.locator("#talk-title")

    @property
    def whom(self) -> Locator:
        """The pane that says who it is."""
        return self.page.locator(".whom")

    @property
    def selected(self) -> Locator:
        """The row of the conversation that is open."""
        return self.page.locator("#shelf .conversation.selected")

    @property
    def said(self) -> Locator:
        """What was said and noted in the open conversation."""
        return self.page.locator(".said > [data-item]")

    @property
    def field(self) -> Locator:
        """Where an answer is written."""
        return self.page.get_by_role("textbox", name="Your answer")

    @property
    def note(self) -> Locator:
        """Where a note is written."""
        return self.page.get_by_role("textbox", name="Note for colleagues")

    @property
    def saved(self) -> Locator:
        """What is said of the draft."""
        return self.page.locator(".letter-part .saved")

    @property
    def presence(self) -> Locator:
        """Who else is here."""
        return self.page.locator(".presence")

    @property
    def toast(self) -> Locator:
        """What was just done, with the way back."""
        return self.page.locator(".toast.with-undo")

    @property
    def chooser(self) -> Locator:
        """The dialog in which something is chosen."""
        return self.page.locator("dialog.chooser[open]")

    def box(self, name: str) -> Locator:
        """A box above the list."""
        return self.page.get_by_role("navigation", name="Boxes").get_by_role("link", name=name)

    async def open(self, text: str) -> None:
        """Open the first conversation that holds *text*, and wait until it can be worked on."""
        await self.row(text).click()
        await expect(self.selected).to_contain_text(text)
        await expect(self.page.locator("[data-composer]")).to_be_visible()
