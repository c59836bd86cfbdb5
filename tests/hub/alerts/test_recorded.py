"""What is recorded raises alerts in the same transaction, and what is deleted takes them with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from hub import CallState, Outcome, Pressed
from hub.deletion import delete
from hub.privacy.visibility import HUB, Authority
from hub.sources.alerts import Alerts as SourceAlerts
from hub.store.alert_tables import alert_tellings, alerts, reminders
from hub.store.schema import contacts, identities
from tests.hub.core import call, letter
from tests.hub.web.office import TOML, Office, open_office

RULES = """
[rules.customers]
kind = "message"
owned = true
severity = "warning"
[rules.calls]
kind = "call"
who = ["ada"]
[rules.missed]
kind = "missed"
who = ["ada"]
"""


@pytest.fixture
async def office(store_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(store_url, tmp_path, TOML + RULES) as opened:
        yield opened


@pytest.fixture
async def quick_office(tmp_path: Path) -> AsyncIterator[Office]:
    """On SQLite alone: what these tests ask does not depend on the database."""
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, TOML + RULES) as opened:
        yield opened


async def rows(office: Office) -> list[tuple[str, str, str, int]]:
    query = sa.select(alerts.c.rule, alerts.c.agent, alerts.c.state, alerts.c.count).order_by(alerts.c.id)
    return await office.service.store.read(lambda conn: [tuple(row) for row in conn.execute(query)])


async def customer(office: Office, handle: str) -> int:
    """Li Na, whom Ada looks after."""
    store, now = office.service.store, datetime.now(UTC)
    number = store.ids()

    def work(conn: Connection) -> None:
        conn.execute(contacts.insert().values(id=number, name="Li Na", owner="ada", created_at=now, updated_at=now))
        conn.execute(identities.insert().values(handle=handle, contact_id=number, how="agent", learned_at=now))

    await store.write(work)
    return number


async def test_a_customer_who_writes_is_one_alert_to_her_owner_until_it_is_seen_to(office: Office) -> None:
    contact = await customer(office, "mailto:li.na@customer.example")
    ingest, store = office.service.ingest, office.service.store
    await ingest.record("mail", [letter("0@x.example", sender="Somebody <who@else.example>", uid=9)])
    await ingest.record("mail", [letter("old@x.example", uid=8)], live=False)
    assert await rows(office) == [], "nobody's customer, and older than the connection"
    await ingest.record("mail", [letter("a@x.example")])
    await ingest.record("mail", [letter("a@x.example")])
    await ingest.record("mail", [letter("b@x.example", references=["a@x.example"], uid=2)])
    assert await rows(office) == [("customers", "ada", "open", 2)]
    (row,) = await store.read(lambda conn: conn.execute(sa.select(alerts)).all())
    assert (row.contact_id, row.about["values"]) == (contact, {"channel": "email"})
    assert "Li" not in str(tuple(row)), "ids and numbers only"

    ada = await office.person("ada", agent="ada")
    async with ada.get("/api/v1/alerts") as answer:
        listed = await answer.json()
    (alert,) = listed["items"]
    assert (listed["unread"], alert["title"], alert["lines"]) == (1, "Li Na writes", ["Offer for 200", "2 times"])
    assert (alert["why"], alert["interaction"]) == ("The rule “customers” tells you.", str(row.interaction_id))
    async with ada.post(f"/api/v1/alerts/{alert['id']}/acknowledge") as answer:
        assert (await answer.json())["state"] == "acknowledged"
    async with ada.get("/api/v1/alerts", params={"state": "open,snoozed"}) as answer:
        assert (await answer.json())["items"] == []
    due = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    reminder = {"interaction": alert["interaction"], "due_at": due, "note": "Ask"}
    async with ada.post("/api/v1/reminders", json=reminder) as answer:
        assert answer.status == 201

    await store.write(lambda conn: delete(conn, store, HUB, row.interaction_id, datetime.now(UTC)))

    async def left(table: sa.Table) -> int:
        query = sa.select(sa.func.count()).select_from(table)
        return await store.read(lambda conn: int(conn.execute(query).scalar_one()))

    assert [await left(table) for table in (alerts, alert_tellings, reminders)] == [0, 0, 0]


async def test_a_call_alerts_while_it_rings_and_a_missed_one_once(office: Office) -> None:
    ingest = office.service.ingest
    await ingest.record("pbx", [call("1", CallState.RINGING)])
    assert await rows(office) == [("calls", "ada", "open", 1)]
    await ingest.record("pbx", [call("1", CallState.ENDED, outcome=Outcome.MISSED)])
    assert await rows(office) == [("calls", "ada", "ended", 1), ("missed", "ada", "open", 1)]
    await ingest.record("pbx", [call("2", CallState.RINGING, at=datetime.now(UTC) - timedelta(minutes=10))])
    await ingest.record("pbx", [call("3", CallState.ENDED, outcome=Outcome.COMPLETED)])
    assert len(await rows(office)) == 2


async def test_somebody_who_presses_a_button_that_is_not_hers_changes_nothing(quick_office: Office) -> None:
    office = quick_office
    await office.service.ingest.record("pbx", [call("1", CallState.RINGING)])
    number = await office.service.store.read(lambda conn: conn.execute(sa.select(alerts.c.id)).scalar_one())
    value = office.service.alerts.button(number)
    for who, state in (("mailto:stranger@else.example", "open"), ("mailto:ada@example.org", "acknowledged")):
        await office.service.ingest.record("pbx", [Pressed(value, who, datetime.now(UTC))])
        assert [row[2] for row in await rows(office)] == [state]


async def test_source_trouble_lasts_over_a_restart_and_has_one_end(quick_office: Office) -> None:
    office = quick_office
    service = office.service
    await office.login("ada", Authority.ADMIN, "ada")

    async def until(state: str) -> None:
        async with asyncio.timeout(20):
            while [row[2] for row in await rows(office)] != [state]:
                pass

    async with SourceAlerts(service.store, service.live, service.alerts.happened) as told:
        told.trouble("pbx", "connection", "waiting")
        await until("open")
    async with SourceAlerts(service.store, service.live, service.alerts.happened) as told:
        told.over("mail", "connection")
        told.over("pbx", "connection")
        await until("ended")


async def test_rules_are_made_tried_changed_and_removed(quick_office: Office) -> None:
    office = quick_office
    boss, ada = await office.person("boss", Authority.MANAGER), await office.person("ada", agent="ada")
    rule: dict[str, Any] = {"kind": "bounce", "who": ["ada"]}
    async with ada.post("/api/v1/rules", json={"name": "back", "rule": rule}) as answer:
        assert answer.status == 403
    async with boss.post("/api/v1/rules", json={"name": "back", "rule": rule}) as answer:
        made = await answer.json()
        assert (answer.status, made["origin"], made["severity"]) == (201, "page", "notice")
    async with boss.post("/api/v1/rules", json={"name": "back", "rule": rule}) as answer:
        assert answer.status == 422
    path = f"/api/v1/rules/{made['id']}"
    async with boss.put(path, json={"rule": rule | {"enabled": False}, "version": 1}) as answer:
        assert (await answer.json())["version"] == 2
    async with boss.put(path, json={"rule": rule, "version": 1}) as answer:
        assert (answer.status, (await answer.json())["version"]) == (409, 2)
    async with boss.post("/api/v1/rules/dry-run", json={"rule": rule}) as answer:
        tried = await answer.json()
        assert (tried["count"], tried["known"]) == (0, True)
    async with boss.get("/api/v1/rules") as answer:
        names = [each["name"] for each in (await answer.json())["items"]]
        assert {"back", "customers", "overdue-call"} <= set(names)
    async with boss.delete(path) as answer:
        assert answer.status == 204
    async with ada.put("/api/v1/alerts/settings", json={"settings": {"off": ["sms"]}, "version": 0}) as answer:
        assert (await answer.json())["version"] == 1
    async with ada.put("/api/v1/alerts/settings", json={"settings": {}, "version": 0}) as answer:
        assert answer.status == 409
