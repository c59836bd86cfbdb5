"""Alerts as colleagues work with them: told, seen to, put off, and by which rules and ways."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from playwright.async_api import Browser, Locator, Page, expect

from hub.alerts.facts import Fact, FactKind
from hub.privacy.visibility import Actor, Authority
from hub.store.alert_tables import alert_tellings, alerts, reminders
from hub.store.schema import activities, contacts, interactions
from tests.fakes.push import PushService, push_service
from tests.hub.web.office import Office, open_office
from tests.servers.chromium import Complaints
from tests.story import firm
from tests.story.pages import Desk, Inbox, Timeline
from tests.story.test_live import streams
from tests.story.test_looks import faults, overflow

BERLIN = ZoneInfo("Europe/Berlin")
RULES = """
[rules.vip]
kind = "message"
severity = "urgent"
who = ["ada"]

[rules.came-back]
kind = "bounce"
severity = "warning"
who = ["ada"]

[rules.booked]
kind = "booking"
who = ["ada"]

[alerts]
allow_private = ["{push}"]
"""
SUBSCRIBES = """
const given = {subscription};
PushManager.prototype.subscribe = async ({ applicationServerKey: key }) => {
  const packed = btoa(String.fromCharCode(...key)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  sessionStorage.setItem("key", packed);
  return { toJSON: () => given };
};
window.asked = { get applicationServerKey() { return sessionStorage.getItem("key"); } };
"""
SHOWN = "navigator.serviceWorker.ready.then((worker) => worker.getNotifications())"
WIDER = "innerWidth > screen.width ? `${location.href} is wider than the screen` : ''"
SHOTS = os.environ.get("SHOTS", "")
"""Where to keep what the pages look like, for people to look at."""


@pytest.fixture
async def pushes() -> AsyncIterator[PushService]:
    """A push service on loopback."""
    async with push_service() as running:
        yield running
        assert running.complaints == []


@pytest.fixture
async def office(tmp_path: Path, pushes: PushService) -> AsyncIterator[Office]:
    """The lamp makers with rules. Nothing is sent: what is to be told waits in the store, where tests read it."""
    toml = firm.TOML + RULES.replace("{push}", pushes.place)
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, toml) as opened:
        await firm.fill(opened.service, datetime.now(UTC))
        await opened.login("ada", Authority.ADMIN, "ada")
        await opened.login("ben", Authority.AGENT, "ben")
        yield opened


async def happens(office: Office, kind: FactKind, key: str, **more: Any) -> int:
    """A fact that a rule of Ada's is about; answers the id of her alert."""
    fact = Fact(kind=kind, key=key, at=datetime.now(UTC), **more)
    await office.service.alerts.happened([fact])
    query = sa.select(alerts.c.id).where(alerts.c.key == key, alerts.c.agent == "ada")
    return int(await office.service.store.read(lambda conn: conn.execute(query).scalar_one()))


async def writes(office: Office, key: str) -> int:
    """Li Na writes, which is urgent to Ada."""
    contact, mail = await li_na(office)
    return await happens(office, FactKind.MESSAGE, key, contact_id=contact, interaction_id=mail)


async def li_na(office: Office) -> tuple[int, int]:
    """The id of Li Na, and of the last mail she wrote."""
    query = (
        sa.select(activities.c.contact_id, activities.c.interaction_id)
        .join(contacts, contacts.c.id == activities.c.contact_id)
        .join(interactions, interactions.c.id == activities.c.interaction_id)
        .where(contacts.c.name == "李娜", interactions.c.kind == "message", interactions.c.direction == "inbound")
        .order_by(interactions.c.occurred_at.desc())
    )
    row = await office.service.store.read(lambda conn: conn.execute(query.limit(1)).one())
    return row.contact_id, row.interaction_id


async def tellings(office: Office, alert: int) -> dict[str, str]:
    """How what is to be told of *alert* does, by way."""
    query = sa.select(alert_tellings.c.way, alert_tellings.c.state).where(alert_tellings.c.alert_id == alert)
    found = await office.service.store.read(lambda conn: conn.execute(query).all())
    return {row.way: row.state for row in found}


def cards(page: Page) -> Locator:
    """The alerts that have come up over *page*."""
    return page.locator("#told > .told-card")


def rows(page: Page) -> Locator:
    """The alerts that stand in the list of *page*."""
    return page.locator("[data-list] > [data-alert]")


async def test_an_alert_comes_up_in_every_tab_once_and_goes_from_all_when_one_sees_to_it(
    office: Office, ada: Desk
) -> None:
    first, second, now = ada.tab, await ada.new_tab("/contacts"), await ada.new_tab("/")
    await first.goto("/calendar")
    await streams(office, 1)
    await expect(now.get_by_text("Nothing needs you.")).to_be_visible()
    search = second.get_by_role("searchbox").first
    await search.focus()
    await writes(office, "message/1")
    for page in (first, second):
        await expect(cards(page)).to_have_count(1)
        await expect(cards(page)).to_contain_text("李娜 writes")
        await expect(page.locator("#bell")).to_have_attribute("aria-label", "Alerts: 1 open")
        await expect(page.locator("#announce")).to_have_text("Alert, Urgent: 李娜 writes")
    await expect(rows(now)).to_have_count(1)
    await expect(search).to_be_focused()
    await cards(first).get_by_role("button", name="Acknowledge").click()
    await expect(cards(second)).to_have_count(0, timeout=1000)
    await expect(cards(first)).to_have_count(0)
    await expect(now.get_by_text("Nothing needs you.")).to_be_visible()
    await expect(now.get_by_text("1 seen to today")).to_be_visible()
    await expect(second.locator("#bell")).to_have_attribute("aria-label", "Alerts: none open")
    for page in (second, now):
        await page.close()
    await first.goto("about:blank")
    await streams(office, 0)
    await happens(office, FactKind.BOUNCE, "bounce/1")
    await first.goto("/contacts")
    await expect(cards(first)).to_contain_text("came back")
    await cards(first).get_by_role("button", name="Close").click()
    await first.reload()
    await streams(office, 1)
    await happens(office, FactKind.BOOKING, "booking/1", values={"state": "booked"})
    await expect(cards(first)).to_have_count(1)
    await expect(cards(first)).to_contain_text("An appointment was booked")
    await expect(first.locator("#bell")).to_have_attribute("aria-label", "Alerts: 2 open")


async def test_alerts_are_worked_with_keys_and_say_why(office: Office, ada: Desk) -> None:
    page = ada.tab
    await happens(office, FactKind.BOOKING, "booking/1", values={"state": "booked"})
    await happens(office, FactKind.BOUNCE, "bounce/1")
    alert = await writes(office, "message/1")
    await page.goto("/")
    await expect(rows(page).locator(".severity")).to_have_text(["Urgent", "Warning", "Info"])
    await rows(page).first.get_by_text("Why did I get this?").click()
    await expect(rows(page).first).to_contain_text("The rule “vip” tells you.")
    await expect(rows(page).first).to_contain_text("A customer writes")
    await page.locator("h1").click()
    await page.keyboard.press("j")
    await expect(rows(page).first).to_be_focused()
    await page.keyboard.press("j")
    await page.keyboard.press("a")
    await expect(rows(page)).to_have_count(2)
    await expect(rows(page).nth(1)).to_be_focused()
    await page.keyboard.press("s")
    await page.get_by_role("button", name="Tomorrow morning").click()
    await expect(rows(page)).to_have_count(1)
    await expect(page.get_by_text("2 seen to today")).to_be_visible()
    await page.keyboard.press("k")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/inbox/\d+"))
    await page.goto("/alerts?state=snoozed")
    await expect(rows(page)).to_contain_text("snoozed until")
    await page.goto("/alerts")
    await page.get_by_label("Choose: 李娜 writes").check()
    await page.get_by_role("button", name="Acknowledge those chosen").click()
    await expect(page.get_by_text("Nothing is open.")).to_be_visible()
    await page.goto(f"/alerts/{alert}")
    await expect(page.get_by_role("heading", name="李娜 writes")).to_be_visible()
    await expect(page.locator("article")).to_contain_text("acknowledged")


async def test_quiet_hours_set_on_the_page_hold_a_mail(office: Office, ada: Desk) -> None:
    page = ada.tab
    await page.goto("/settings/alerts")
    before = await writes(office, "message/1")
    assert await tellings(office, before) == {"mail": "queued"}
    await page.get_by_role("button", name="Add quiet hours").click()
    row = page.locator("[data-quiet]")
    for day in ("Sat", "Sun"):
        await row.locator("label.toggle", has_text=day).click()
    for name in ("from", "until"):
        await row.locator(f"input[name={name}]").fill("00:00")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#told-settings [data-said]")).to_have_text("Saved.")
    assert await tellings(office, await writes(office, "message/2")) == {"mail": "held"}
    await page.reload()
    await expect(row.locator("input[name=day]:checked")).to_have_count(7)
    await page.get_by_label("What is urgent reaches me in quiet hours, too").check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#told-settings [data-said]")).to_have_text("Saved.")
    assert await tellings(office, await writes(office, "message/3")) == {"mail": "queued"}
    await page.get_by_label("Urgent: Mail").uncheck()
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#told-settings [data-said]")).to_have_text("Saved.")
    assert await tellings(office, await writes(office, "message/4")) == {}


async def test_a_rule_is_tried_over_the_last_30_days_and_made(office: Office, ada: Desk) -> None:
    page = ada.tab
    await page.goto("/settings/rules")
    vip = page.locator("[data-rule-name=vip]")
    await expect(vip).to_contain_text("config file, read only")
    await expect(vip.get_by_role("link")).to_have_count(0)
    await page.get_by_role("link", name="New rule").click()
    await page.get_by_label("When", exact=True).select_option("A call is missed")
    await expect(page.get_by_text("Channels", exact=True)).to_have_count(0)
    await page.get_by_label("Name", exact=True).fill("missed-by-all")
    await page.locator("label.toggle", has_text="everybody").click()
    await page.get_by_role("button", name="Try it").click()
    await expect(page.locator("#tried [data-count]")).to_have_text("It would have told 4 times.")
    await expect(page.locator("#tried .would > li")).to_have_count(4)
    await expect(page.locator("#tried .bar")).not_to_have_count(0)
    await page.get_by_role("button", name="Save").click()
    made = page.locator("[data-rule-name=missed-by-all]")
    await expect(made).to_contain_text("made here")
    await made.get_by_label("on").uncheck()
    await expect(page.locator("#toasts")).to_contain_text("The rule is off.")
    other = await ada.new_tab()
    await made.get_by_role("link", name="Edit").click()
    await other.goto(page.url)
    await expect(page.get_by_label("The rule is on")).not_to_be_checked()
    await other.get_by_label("The rule is on").check()
    await other.get_by_role("button", name="Save").click()
    await expect(other.locator("[data-rule-name=missed-by-all] [data-enabled]")).to_be_checked()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed this rule meanwhile.")
    await other.get_by_role("button", name="Delete missed-by-all").click()
    await expect(other.locator("[data-rule-name=missed-by-all]")).to_have_count(0)
    await other.get_by_role("button", name="Undo").click()
    await expect(other.locator("[data-rule-name=missed-by-all]")).to_have_count(1)


async def test_a_reminder_is_set_from_a_timeline_entry_or_a_conversation_and_stands_on_now(
    office: Office, ada: Desk
) -> None:
    page = ada.tab
    contact, _ = await li_na(office)
    await page.goto(f"/contacts/{contact}")
    entry = await Timeline(page).unfold("Re: Offer for 200 pendant lamps")
    await entry.get_by_role("button", name="Remind me").click()
    await page.get_by_label("Note, for you alone").fill("Ask about the brass")
    await page.get_by_role("button", name="In an hour").click()
    await expect(page.locator("#toasts")).to_contain_text("You will be reminded.")
    await page.goto("/")
    await page.get_by_text("1 reminder to come").click()
    await expect(page.locator("#alerts-block").get_by_role("link", name="Ask about the brass")).to_be_visible()
    await page.goto("/inbox")
    await Inbox(page).open("Reseller for Denmark")
    await page.locator(".talk .menu > summary").first.click()
    await page.get_by_role("button", name="Remind me").click()
    wished = (datetime.now(BERLIN) + timedelta(days=2)).replace(hour=9, minute=30, second=0, microsecond=0)
    await page.get_by_label("Another time").fill(wished.strftime("%Y-%m-%dT%H:%M"))
    await page.get_by_role("button", name="Choose", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("You will be reminded.")
    query = sa.select(reminders).order_by(reminders.c.due_at)
    soon, later = await office.service.store.read(lambda conn: conn.execute(query).all())
    assert soon.agent == "ada"
    assert timedelta(minutes=55) < soon.due_at - datetime.now(UTC) <= timedelta(hours=1)
    assert later.due_at == wished


async def test_this_browser_is_pushed_to_and_the_push_goes_with_its_alert(
    browser: Browser, office: Office, complaints: Complaints, pushes: PushService
) -> None:
    phone = pushes.browser(office.service.ways.public_key)
    async with Desk.open(browser, office, complaints) as desk:
        await desk.context.grant_permissions(["notifications"], origin=str(office.url).rstrip("/"))
        # Chromium reaches its maker's push service only; what it would answer comes from ours.
        await desk.context.add_init_script(SUBSCRIBES.replace("{subscription}", json.dumps(phone.subscription)))
        page = await desk.log_in("ada")
        session = await desk.context.new_cdp_session(page)
        registered: list[str] = []
        session.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda told: registered.extend(each["registrationId"] for each in told["registrations"]),
        )
        await session.send("ServiceWorker.enable")
        await page.goto("/settings/alerts")
        await page.get_by_role("button", name="Tell me here, too").click()
        await expect(page.locator("#push [data-said]")).to_contain_text("On. Alerts reach this browser")
        assert await page.evaluate("asked.applicationServerKey") == office.service.ways.public_key
        mine = page.locator("#my-ways li", has_text="Push")
        await mine.get_by_role("button", name="Test").click()
        await expect(mine.locator("[data-result]")).to_contain_text("The trial went out")
        (trial,) = await phone.told()
        assert trial.message["title"] == "This is a trial: alerts reach you this way."

        alert = await writes(office, "message/1")
        told = {"tag": f"alert-{alert}", "title": "A customer writes", "body": "", "severity": "urgent"}
        told["url"] = f"https://hub.example.org/alerts/{alert}"
        push = {"origin": str(office.url).rstrip("/"), "registrationId": registered[-1], "data": json.dumps(told)}
        await session.send("ServiceWorker.deliverPushMessage", push)
        await page.wait_for_function(f"{SHOWN}.then((all) => all.some((each) => each.title === 'A customer writes'))")
        await office.service.alerts.acknowledge(Actor("ada", Authority.AGENT, "ada"), [alert])
        await page.wait_for_function(f"{SHOWN}.then((all) => all.length === 0)")
        assert await page.evaluate("caches.keys()") == []

        await page.get_by_role("button", name="Not here any more").click()
        await expect(page.get_by_role("button", name="Tell me here, too")).to_be_visible()
        await expect(page.locator("#my-ways li", has_text="Push")).to_have_count(0)


async def test_a_program_subscribes_its_secret_is_shown_once_and_what_was_sent_is_logged(
    office: Office, ada: Desk, pushes: PushService
) -> None:
    page = ada.tab
    await page.goto("/settings/webhooks")
    await page.get_by_role("button", name="Add a subscriber").click()
    await page.get_by_label("Address").fill("http://10.0.0.1/hook")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    await page.get_by_label("Address").fill(f"{pushes.url}/nowhere")
    await page.get_by_label("What you call it").fill("Our CRM")
    await page.get_by_role("button", name="Add", exact=True).click()
    secret = await page.locator("[data-secret]").text_content()
    assert secret
    assert secret.startswith("whsec_")
    await page.get_by_role("button", name="Done").click()
    await expect(page.locator("[data-secret]")).to_have_count(0)
    one = page.get_by_role("region", name="Our CRM")
    await one.get_by_role("button", name="Test").click()
    await expect(one.locator("[data-result]")).to_contain_text("404")
    await one.get_by_text("What was sent").click()
    await expect(one.locator("tbody tr")).to_contain_text(["404"])
    await one.get_by_role("button", name="Roll the secret").click()
    await expect(page.locator("[data-secret]")).not_to_have_text(secret)
    await page.get_by_role("button", name="Done").click()
    await expect(one.get_by_text("The old secret signs, too, until")).to_be_visible()
    await one.get_by_label("on").uncheck()
    await expect(one.locator(".chip")).to_have_text("off")
    await one.get_by_role("button", name="Forget").click()
    await one.get_by_role("button", name="Sure?").click()
    await expect(page.get_by_text("Nobody subscribes.")).to_be_visible()


@pytest.mark.parametrize(("phone", "scheme"), [(False, "light"), (True, "dark")], ids=["desktop", "phone"])
async def test_the_alert_pages_are_clean(
    browser: Browser, office: Office, complaints: Complaints, phone: bool, scheme: str
) -> None:
    alert = await writes(office, "message/1")
    await happens(office, FactKind.BOOKING, "booking/1", values={"state": "booked"})
    async with Desk.open(browser, office, complaints, phone=phone, color_scheme=scheme) as desk:
        page, wrong = await desk.log_in("ada"), []

        async def look(name: str) -> None:
            wrong.extend([*await faults(page), *filter(None, [await overflow(page), await page.evaluate(WIDER)])])
            await page.evaluate("scrollTo(0, 0)")
            if SHOTS:
                await page.screenshot(path=f"{SHOTS}/{name}-{390 if phone else 1440}-{scheme}.png", full_page=True)

        for path in ("/", f"/alerts/{alert}", "/alerts", "/settings/rules", "/settings/webhooks"):
            await page.goto(path)
            for each in await page.locator(".because summary").all():
                await each.click()
            await look(path.strip("/").replace("/", "-") or "now")
        await page.goto("/settings/alerts")
        await page.get_by_role("button", name="Add quiet hours").click()
        await page.get_by_role("button", name="Add a time").click()
        await look("settings-alerts")
        await page.goto("/settings/rules/new")
        await page.get_by_role("button", name="Try it").click()
        await expect(page.locator(".bars")).to_be_visible()
        await look("rule")
        await page.goto("/contacts")
        await streams(office, 1)
        await writes(office, "message/2")
        await expect(cards(page)).to_have_count(1)
        await look("card")
        await cards(page).get_by_role("button", name="Snooze").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await look("snooze")
        assert wrong == []
