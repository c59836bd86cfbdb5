"""The calendar as colleagues use it: the week, what is asked of them, what can be booked, and why a time is open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, Page, expect

from hub.booking.states import BookingView, Invitee
from hub.privacy.visibility import Authority
from tests.hub.calendars.diary import ics, scheduled, vevent
from tests.hub.web.office import Office, open_office
from tests.servers.chromium import Complaints
from tests.story import firm
from tests.story.pages import DESKTOP, PHONE, Desk
from tests.story.test_looks import faults, overflow

BERLIN = ZoneInfo("Europe/Berlin")
TOML = (
    firm.TOML.replace('name = "Ada Brandt"\n', 'name = "Ada Brandt"\nhours = "office"\n')
    + """
[hours.office]
mon = "09:00-17:00"
tue = "09:00-17:00"
wed = "09:00-17:00"
thu = "09:00-17:00"
fri = "09:00-17:00"

[sources.ben-calendar]
provider = "ical"
agents = ["ben"]
url = "https://calendar.lumen.example/ben.ics"

[booking]
company = "Lumen"

[event_types.showroom]
title = "Visit to the showroom"
durations = [60]
hosts = ["ada", "ben"]
assign = "round-robin"
hours = "office"
notice = 0
approval = true
place = { kind = "address", value = "Lampenweg 4, Berlin" }

[event_types.intro]
title = "First talk"
durations = [30]
hosts = ["ada"]
notice = 0
place = { kind = "video", value = "https://meet.lumen.example/{uid}" }
"""
)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """The lamp makers, who can be booked."""
    async with (
        open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, TOML) as opened,
        opened.service.bookings,
    ):
        await firm.fill(opened.service, datetime.now(UTC))
        await opened.login("ada", Authority.ADMIN, "ada")
        yield opened


async def booked(office: Office, slug: str, place: int, name: str, mail: str, zone: str) -> BookingView:
    """The time at *place* among those that are offered next week is somebody's."""
    service = office.service
    event_type = await service.event_types.get(slug)
    assert event_type is not None
    monday = next_monday()
    offer = await service.slots.offered(slug, event_type.durations[0], monday, monday + timedelta(5))
    at = offer.slots[place].starts_at
    held = await service.bookings.hold(slug, at, event_type.durations[0], zone=zone)
    return (await service.bookings.confirm(held.secret, Invitee(name=name, mail=mail))).booking


def next_monday() -> datetime:
    today = datetime.now(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(7 - today.weekday())


async def fill_week(office: Office) -> BookingView:
    """Two talks, and a visit that is asked for; it is the answer."""
    await booked(office, "intro", 3, "李娜", "li.na@guangpu.example", "Asia/Shanghai")
    await booked(office, "intro", 20, "Martha Vogel", "m.vogel@vogel.example", "Europe/Berlin")
    return await booked(office, "showroom", 9, "Sofia Rossi", "sofia@rossi.example", "Europe/Rome")


async def test_the_week_and_what_is_asked(browser: Browser, office: Office, complaints: Complaints) -> None:
    asked = await fill_week(office)
    async with Desk.open(browser, office, complaints) as desk:
        page = await desk.log_in("ada")
        if "ada" in asked.hosts:
            await expect(page.get_by_role("link", name="Sofia Rossi · asks whether you agree")).to_be_visible()
        await page.goto(f"/calendar?day={next_monday().date()}&agent={asked.organizer}")
        await page.locator(".block.asked", has_text="Sofia Rossi").click()
        await expect(page.get_by_role("heading", level=2)).to_contain_text("Sofia Rossi")
        await page.get_by_role("button", name="Agree").click()
        await expect(page.locator(".chip.well", has_text="confirmed")).to_be_visible()
        await page.get_by_role("button", name="Cancel it").click()
        await page.get_by_label("Why?").fill("The showroom is closed")
        await page.get_by_role("dialog").get_by_role("button", name="Cancel this booking").click()
        await expect(page.locator(".chip.late", has_text="cancelled")).to_be_visible()
        await page.goto("/calendar/bookings?of=all")
        await expect(page.locator(".booked .row")).to_have_count(2)
        await expect(page.get_by_text("for her (Shanghai)")).to_be_visible()


async def test_an_event_type_is_made_and_then_booked(browser: Browser, office: Office, complaints: Complaints) -> None:
    async with Desk.open(browser, office, complaints) as desk:
        page = await desk.log_in("ada")
        await page.goto("/calendar/types")
        await page.get_by_role("link", name="New event type").click()
        await page.get_by_label("Title").fill("Light plan")
        await page.get_by_label("Address", exact=False).first.fill("light-plan")
        await page.get_by_label("Questions").fill("How large is the room? *\nAnything else?")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name="Light plan")).to_be_visible()
        await page.goto("/book/light-plan?zone=Europe/Berlin")
        await page.locator(".times button").first.click()
        await page.locator("#name").fill("Li Na")
        await page.locator("#mail").fill("li.na@customer.example")
        await page.locator("#q-q1").fill("20 m²")
        if await page.locator("#phone").count():
            await page.locator("#phone").fill("+49 30 5551234")
        await page.locator("button.primary").click()
        await expect(page.locator(".notice.well")).to_be_visible()
        await page.goto("/calendar/bookings")
        await page.get_by_role("link", name="Li Na").click()
        await expect(page.get_by_text("Ada Brandt is its only host.")).to_be_visible()
        await page.goto("/calendar/types/light-plan/edit")
        await expect(page.get_by_label("Questions")).to_have_value("How large is the room? *\nAnything else?\n")


async def test_why_a_time_is_not_offered(browser: Browser, office: Office, complaints: Complaints) -> None:
    async with Desk.open(browser, office, complaints) as desk:
        page = await desk.log_in("ada")
        day = next_monday().date()
        await page.goto(f"/calendar/explain?type=intro&at={day}T10:00")
        await expect(page.get_by_text("This time is offered.")).to_be_visible()
        await page.goto(f"/calendar/explain?type=intro&at={day}T20:00")
        await expect(page.get_by_text("This time is not offered.")).to_be_visible()
        await expect(page.locator(".closes")).to_contain_text("Outside her working hours.")


async def test_of_a_colleagues_private_event_only_that_she_is_busy_is_seen(
    browser: Browser, office: Office, complaints: Complaints
) -> None:
    begins = next_monday() + timedelta(days=2, hours=10)
    items = [
        scheduled("1", ics(vevent("1", begins, "SUMMARY:Dentist", "CLASS:PRIVATE")), place="/ben/"),
        scheduled("2", ics(vevent("2", begins + timedelta(minutes=30), "SUMMARY:Fair in Milan")), place="/ben/"),
    ]
    await office.service.ingest.record("ben-calendar", items, live=True)
    async with Desk.open(browser, office, complaints) as desk:
        page = await desk.log_in("ada")
        await page.goto(f"/calendar?day={next_monday().date()}&agent=ben")
        await expect(page.locator(".block.taken")).to_have_count(2)
        await expect(page.locator(".block.taken .strong")).to_have_text(["busy", "Fair in Milan"])
        assert "Dentist" not in await page.content()
        await expect(page.locator(".notice.late")).to_contain_text("No time is offered meanwhile.")
        assert await faults(page) == []


PATHS = ("/calendar/bookings?of=all", "/calendar/types", "/calendar/types/new", "/calendar/feeds")


async def look(page: Page, wrong: list[str], wide: list[str]) -> None:
    wrong.extend(await faults(page))
    wide.append(await overflow(page))


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
async def test_every_view_is_clean(
    browser: Browser, office: Office, complaints: Complaints, size: dict[str, int], scheme: str
) -> None:
    asked = await fill_week(office)
    async with Desk.open(browser, office, complaints, viewport=size, color_scheme=scheme) as desk:
        page = await desk.log_in("ada")
        wrong: list[str] = []
        wide: list[str] = []
        day = next_monday().date()
        for path in (
            f"/calendar?day={day}",
            f"/calendar/explain?type=showroom&at={day}T12:00",
            f"/calendar/bookings/{asked.id}",
            *PATHS,
        ):
            await page.goto(path)
            await look(page, wrong, wide)
        await page.goto(f"/calendar/bookings/{asked.id}")
        await page.get_by_role("button", name="Move").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await look(page, wrong, wide)
        assert (wrong, "".join(wide)) == ([], "")
