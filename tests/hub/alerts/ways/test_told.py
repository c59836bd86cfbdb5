"""What colleagues are told by each way, whole: from the telling that is due to the server that has it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.ways.desk import Refused
from hub.alerts.ways.registry import ways_of
from hub.formats import automatic
from hub.formats.sms import length
from hub.letters.token import Tokens
from hub.store.alert_tables import alert_settings, alert_tellings
from hub.store.schema import letters
from hub.store.way_tables import ways
from tests.hub.alerts.ways.house import ADA, BEN, House, open_house


@pytest.fixture
async def house(migrated_sqlite: Path, tmp_path: Path) -> AsyncIterator[House]:
    """The firm. Its couriers have both databases in `test_couriers`."""
    shutil.copyfile(migrated_sqlite, tmp_path / "hub.sqlite3")
    async with open_house(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path) as opened:
        yield opened


async def test_by_mail_she_is_told_who_and_why_and_no_machine_answers(house: House) -> None:
    await house.alert(7)
    row = await house.told("mail", 7)
    received = await house.mail.next()
    assert (row.state, received.recipients) == ("sent", ("ada@example.org",))
    mail = received.message
    assert (mail["From"], mail["Subject"]) == ("support@example.org", "Li Na writes (7)")
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert automatic.loops(mail.items(), Tokens("a key").marker)
    text = mail.get_content()
    for part in ("Could you send an offer?", "https://hub.example.org/alerts/7", "You look after her."):
        assert part in text
    await house.told("mail", 7, kind="update")
    again = (await house.mail.next()).message
    assert again["References"] == mail["References"]
    assert again["Message-ID"] != mail["Message-ID"]
    kept = await house.store.read(lambda conn: conn.execute(sa.select(letters)).all())
    assert kept == []


async def test_by_text_message_she_gets_one_segment_without_a_name(house: House) -> None:
    await house.alert(7)
    assert (await house.told("sms", 7)).state == "sent"
    (taken,) = house.texter.taken
    assert (taken["to"], taken["from"], taken["channel"]) == ("tel:+4930123451", "tel:+4930123456", "sms")
    assert taken["text"] == "Somebody writes (7) https://hub.example.org/alerts/7"
    assert length(taken["text"]).segments == 1


async def test_in_a_chat_the_buttons_go_when_somebody_has_seen_to_it(house: House) -> None:
    await house.alert(7)
    first = await house.told("chat-chatter", 7)
    (shown,) = house.chatter.messages.values()
    assert shown["title"] == "Li Na writes (7)"
    assert shown["buttons"] == [
        ["Acknowledge", "acknowledge:7", ""], ["Open", "", "https://hub.example.org/alerts/7"],
    ]  # fmt: skip
    await house.alert(7, "acknowledged", acknowledged_by="ben", acknowledged_at=datetime.now(UTC))
    update = await house.told("chat-chatter", 7, kind="update")
    assert (update.state, update.provider_id) == ("sent", first.provider_id)
    (shown,) = house.chatter.messages.values()
    assert (shown["buttons"], shown["done"]) == ([], "Ben has seen to it.")


async def test_a_chat_that_took_it_and_said_nothing_was_perhaps_told_and_is_not_told_again(house: House) -> None:
    house.chatter.hangs_up = True
    await house.alert(7)
    row = await house.told("chat-chatter", 7)
    assert (row.state, house.chatter.taken) == ("perhaps", 1)
    (view,) = [each for each in await house.ways.of("ada") if each.way.name == "chat-chatter"]
    assert view.reason.startswith("It may have been sent")
    assert view.failed_at is not None


async def test_mobile_push_works_from_a_hub_of_ones_own_with_its_own_keys(house: House) -> None:
    browser = house.push.browser(house.ways.public_key)
    way = await house.ways.subscribe(ADA, browser.subscription, "Ada's phone")
    await house.alert(7)
    row = await house.told("push", 7, way_id=way.way_id, expires_at=datetime.now(UTC) + timedelta(seconds=40))
    assert row.state == "sent"
    (shown,) = browser.shown
    assert shown.ttl <= 40
    assert shown.message["title"] == "Somebody writes (7)"
    assert house.push.complaints == []


async def test_a_push_that_nobody_heard_the_end_of_is_seen_once(house: House) -> None:
    browser = house.push.browser(house.ways.public_key)
    way = await house.ways.subscribe(ADA, browser.subscription, "")
    browser.silent = True
    await house.alert(7)
    number = await house.tell("push", 7, way_id=way.way_id)
    await browser.told(1)
    browser.silent = False
    house.push.closing.set()
    assert (await house.settled(number)).state == "sent"
    assert len(browser.screen) == 1


async def test_a_phone_that_gave_up_its_subscription_is_forgotten_and_others_are_told(house: House) -> None:
    gone, there = (house.push.browser(house.ways.public_key) for _ in range(2))
    first = await house.ways.subscribe(ADA, gone.subscription, "Old")
    second = await house.ways.subscribe(ADA, there.subscription, "New")
    gone.status = 410
    await house.alert(7)
    old = await house.told("push", 7, way_id=first.way_id)
    new = await house.told("push", 7, way_id=second.way_id)
    assert (old.state, new.state) == ("failed", "sent")
    assert [view.way.label for view in await house.ways.of("ada") if view.way.kind == "push"] == ["New"]


async def test_on_her_topic_of_ntfy_she_is_told_once(house: House) -> None:
    await house.alert(7)
    assert (await house.told("phones", 7)).state == "sent"
    assert list(house.ntfy.shown("hub-ada")) == ["alert-7"]


async def test_nobody_is_told_after_she_switched_it_off(house: House) -> None:
    browser = house.push.browser(house.ways.public_key)
    way = await house.ways.subscribe(ADA, browser.subscription, "")
    browser.status = 503
    await house.alert(7)
    number = await house.tell("push", 7, way_id=way.way_id)
    assert way.way_id is not None
    assert await house.ways.remove(ADA, way.way_id)
    browser.status = 201
    assert (await house.settled(number)).state == "cancelled"

    def off(conn: Connection) -> None:
        now = datetime.now(UTC)
        conn.execute(alert_settings.insert().values(agent="ada", settings={"off": ["mail"]}, updated_at=now))

    await house.store.write(off)
    row = await house.told("mail", 7)
    assert (row.state, row.reason) == ("cancelled", "She has switched this way off.")
    assert (await house.told("phones", 7, agent="ben")).state == "cancelled"
    assert (house.mail.taken, browser.shown, house.ntfy.taken) == ([], [], [])


@pytest.mark.parametrize("state", ["acknowledged", "snoozed", "ended", "expired"])
async def test_an_alert_that_somebody_saw_to_meanwhile_is_not_told(house: House, state: str) -> None:
    await house.alert(7, state)
    row = await house.told("mail", 7)
    assert (row.state, row.reason) == ("cancelled", f"The alert is {state}.")
    assert house.mail.taken == []


async def test_a_digest_tells_together_what_is_still_open(house: House) -> None:
    now = datetime.now(UTC)
    digest = house.store.ids()
    for number, state in ((7, "open"), (8, "acknowledged"), (9, "open")):
        await house.alert(number, state)
        row = {
            "id": house.store.ids(), "alert_id": number, "agent": "ada", "way": "mail", "kind": "alert",
            "state": "held", "due_at": now, "created_at": now, "digest_id": digest,
        }  # fmt: skip
        await house.store.write(lambda conn, row=row: conn.execute(alert_tellings.insert().values(row)))
    row = {
        "id": digest, "alert_id": None, "agent": "ada", "way": "mail", "kind": "digest", "state": "queued",
        "due_at": now, "created_at": now,
    }  # fmt: skip
    await house.store.write(lambda conn: conn.execute(alert_tellings.insert().values(row)))
    mail = (await house.mail.next()).message
    assert mail["Subject"] == "2 alerts have gathered"
    assert "Li Na writes (7)\nLi Na writes (9)" in mail.get_content().replace("\r\n", "\n")


# --- what she has ---------------------------------------------------------------------------------------------------


async def test_each_sees_her_own_ways_and_can_try_them(house: House) -> None:
    browser = house.push.browser(house.ways.public_key)
    mine = await house.ways.subscribe(ADA, browser.subscription, "Ada's phone", details=True)
    kinds = [(view.way.id, view.way.kind, view.way.label) for view in await house.ways.of("ada")]
    assert kinds == [
        ("mail", "mail", "ada@example.org"), ("sms", "sms", "+49 30 123451"), ("chat-chatter", "chat", "chatter"),
        ("phones", "ntfy", "Phones"), (str(mine.way_id), "push", "Ada's phone"),
    ]  # fmt: skip
    assert [view.way.id for view in await house.ways.of("ben")] == ["mail"]
    for ident in ("mail", "sms", "chat-chatter", "phones", str(mine.way_id)):
        trial = await house.ways.tried("ada", ident, "A trial", "https://hub.example.org")
        assert trial is not None
        assert (ident, trial.state, trial.reason) == (ident, "sent", "")
    assert browser.shown[0].message["title"] == "A trial"
    assert all(view.sent_at is not None for view in await house.ways.of("ada"))
    house.ntfy.status = 429
    trial = await house.ways.tried("ada", "phones", "A trial", "")
    assert trial is not None
    assert (trial.state, "limit reached" in trial.reason) == ("failed", True)
    assert await house.ways.tried("ben", "phones", "A trial", "") is None
    assert await house.ways.tried("ben", str(mine.way_id), "A trial", "") is None


async def test_a_browser_belongs_to_whoever_subscribed_with_it_last(house: House) -> None:
    browser = house.push.browser(house.ways.public_key)
    first = await house.ways.subscribe(ADA, browser.subscription, "Shared")
    again = await house.ways.subscribe(BEN, browser.subscription, "Shared")
    assert first.way_id == again.way_id
    found = await house.store.read(
        lambda conn: [ways_of(conn, house.config, agent, house.ways.reach)[-1].kind for agent in ("ada", "ben")]
    )
    assert found == ["ntfy", "push"]
    assert first.way_id is not None
    assert not await house.ways.remove(ADA, first.way_id)
    stored = await house.store.read(lambda conn: conn.execute(sa.select(ways)).one())
    assert browser.endpoint not in stored.address


async def test_what_is_no_subscription_is_refused(house: House) -> None:
    browser = house.push.browser(house.ways.public_key)
    given = browser.subscription
    for wrong in (
        {**given, "endpoint": "https://10.1.2.3/p"},
        {**given, "endpoint": "http://push.example.org/p"},
        {**given, "keys": {"p256dh": "x", "auth": "y"}},
    ):
        with pytest.raises(Refused):
            await house.ways.subscribe(ADA, wrong, "")


# --- the config -----------------------------------------------------------------------------------------------------


async def test_what_the_config_switches_off_is_nobodys_way(tmp_path: Path) -> None:
    more = '\n[ways.sms]\nkind = "sms"\nenabled = false\n\n[ways.mail]\nkind = "mail"\nsource = "support"\n'
    async with open_house(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, more) as house:
        found = {view.way.name: view.way.enabled for view in await house.ways.of("ada")}
        assert found == {"mail": True, "sms": False, "chat-chatter": True, "phones": True}
        await house.alert(7)
        row = await house.told("sms", 7)
        assert (row.state, row.reason) == ("cancelled", "This way was switched off.")
        trial = await house.ways.tried("ada", "sms", "A trial", "")
        assert trial is not None
        assert trial.state == "failed"
        assert house.texter.taken == []


async def test_a_server_that_is_away_is_told_when_it_is_back(tmp_path: Path) -> None:
    async with open_house(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path) as house:
        house.mail.verdict = "451 4.3.0 Try later"
        await house.alert(7)
        number = await house.tell("mail", 7)
        async with asyncio.timeout(20):
            while True:
                (view, *_) = await house.ways.of("ada")
                if view.failed_at is not None:
                    break
                await asyncio.sleep(0.02)
        assert house.ways.statuses()["mail"].health == "waiting"
        assert "Try later" in view.reason
        house.mail.verdict = ""
        assert (await house.settled(number)).state == "sent"
        assert len(house.mail.taken) == 1
