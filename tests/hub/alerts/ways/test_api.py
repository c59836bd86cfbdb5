"""Ways and subscribers over the API, in a whole hub."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from hub.privacy.visibility import Authority, Scope
from hub.store.schema import audit
from tests.fakes.ntfy import TOKEN, Ntfy, ntfy
from tests.fakes.push import PushService, push_service
from tests.hub.alerts.subscribers.program import Program, program
from tests.hub.web.office import TOML, Office, open_office


@dataclass(slots=True)
class Here:
    """A hub, and what it tells."""

    office: Office
    push: PushService
    ntfy: Ntfy
    program: Program

    async def rows(self, query: sa.Select[Any]) -> list[Any]:
        """What a query answers."""
        return list(await self.office.service.store.read(lambda conn: conn.execute(query).all()))


@pytest.fixture
async def here(migrated_sqlite: Path, tmp_path: Path) -> AsyncIterator[Here]:
    """A running hub with a topic of ntfy for Ada."""
    shutil.copyfile(migrated_sqlite, tmp_path / "hub.sqlite3")
    async with push_service() as pushes, ntfy() as topics, program() as running:
        (tmp_path / "token").write_text(TOKEN)
        more = f"""
[alerts]
allow_private = ["{pushes.place}", "{running.place}"]

[ways.phones]
kind = "ntfy"
server = "{topics.url}"
topic = "hub-{{agent}}"
token = "file:{tmp_path / "token"}"
agents = ["ada"]
"""
        async with (
            open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, TOML + more) as office,
            office.service.ways,
            office.service.subscribers,
        ):
            yield Here(office, pushes, topics, running)


async def told(answer: aiohttp.ClientResponse, status: int = 200) -> Any:
    """The document of an answer of that status."""
    async with answer:
        assert answer.status == status, await answer.text()
        return await answer.json() if status not in (202, 204) else None


async def test_a_phone_is_registered_tried_and_taken_away(here: Here) -> None:
    ada = await here.office.person("ada", agent="ada")
    key = (await told(await ada.get("/api/v1/ways/push-key")))["key"]
    browser = here.push.browser(key)
    wanted = {"kind": "push", "subscription": browser.subscription, "label": "Ada's phone"}
    made = await told(await ada.post("/api/v1/ways", json=wanted), 201)
    assert (made["kind"], made["label"], made["mine"]) == ("push", "Ada's phone", True)
    trial = await told(await ada.post(f"/api/v1/ways/{made['id']}/test"))
    assert trial["state"] == "sent"
    assert (await browser.told())[0].message["title"] == "This is a trial: alerts reach you this way."
    assert (await told(await ada.post("/api/v1/ways/phones/test")))["state"] == "sent"
    here.ntfy.status = 429
    failed = await told(await ada.post("/api/v1/ways/phones/test"))
    assert (failed["state"], "limit reached" in failed["reason"]) == ("failed", True)
    listed = (await told(await ada.get("/api/v1/ways")))["items"]
    by_id = {each["id"]: each for each in listed}
    assert by_id["phones"]["reason"] == failed["reason"]
    assert by_id["phones"]["failed_at"] > by_id["phones"]["sent_at"]
    text = str(listed)
    assert browser.endpoint not in text
    assert TOKEN not in text
    ben = await here.office.person("ben", agent="ben")
    assert (await told(await ben.get("/api/v1/ways")))["items"] == []
    await told(await ben.delete(f"/api/v1/ways/{made['id']}"), 404)
    await told(await ben.post("/api/v1/ways/phones/test"), 404)
    await told(await ada.delete(f"/api/v1/ways/{made['id']}"), 204)
    await told(await ada.post(f"/api/v1/ways/{made['id']}/test"), 404)
    query = sa.select(audit).where(audit.c.action.startswith("way.")).order_by(audit.c.id)
    noted = [(row.action, row.record) for row in await here.rows(query)]
    assert noted == [("way.create", f"way/{made['id']}"), ("way.delete", f"way/{made['id']}")]


async def test_what_is_no_browser_and_who_is_no_agent_is_refused(here: Here) -> None:
    ada = await here.office.person("ada", agent="ada")
    given = here.push.browser("x").subscription
    wrong = {"kind": "push", "subscription": {**given, "endpoint": "https://192.168.1.1/p"}}
    said = await told(await ada.post("/api/v1/ways", json=wrong), 422)
    assert said["errors"][0]["field"] == "subscription"
    boss = await here.office.person("boss", role=Authority.MANAGER)
    await told(await boss.post("/api/v1/ways", json={"kind": "push", "subscription": given}), 403)
    assert (await told(await boss.get("/api/v1/ways")))["items"] == []


async def test_a_subscriber_is_made_tried_rolled_and_removed_and_its_secret_is_shown_once(here: Here) -> None:
    admin = await here.office.token("admin", Scope.ADMIN)
    wanted = {"url": here.program.url, "label": "Ledger"}
    made = await told(await admin.post("/api/v1/subscribers", json=wanted), 201)
    place = f"/api/v1/subscribers/{made['id']}"
    here.program.secret = made["secret"]
    tried = await told(await admin.post(f"{place}/test"))
    assert (tried["status"], tried["state"], tried["answer"]) == (200, "sent", "ok")
    (listed,) = (await told(await admin.get("/api/v1/subscribers")))["items"]
    assert (listed["url"], listed["events"][0], listed["enabled"]) == (here.program.url, "alert.opened", True)
    rolled = await told(await admin.post(f"{place}/roll"))
    here.program.secret = rolled["secret"]
    here.program.status = 500
    failed = await told(await admin.post(f"{place}/test"))
    assert (failed["state"], failed["reason"]) == ("failed", "It answers 500.")
    log = await told(await admin.get(f"{place}/attempts?limit=1"))
    assert (log["items"][0]["event"], log["items"][0]["type"]) == (failed["event"], "test")
    assert len((await told(await admin.get(log["next"])))["items"]) == 1
    here.program.status = 200
    await told(await admin.post(f"{place}/attempts/{log['items'][0]['id']}/repeat"), 202)
    async with asyncio.timeout(15):
        await here.program.tried(3)
    assert here.program.tries[-1] == failed["event"]
    stale = await told(await admin.put(place, json={"label": "x", "version": 1}), 409)
    assert stale["type"].endswith("stale")
    changed = await told(await admin.put(place, json={"enabled": False, "events": ["alert.ended"]}))
    assert (changed["enabled"], changed["events"]) == (False, ["alert.ended"])
    text = str((await told(await admin.get("/api/v1/subscribers")))["items"])
    assert made["secret"] not in text
    assert rolled["secret"] not in text
    await told(await admin.delete(place), 204)
    await told(await admin.post(f"{place}/test"), 404)


async def test_only_administrators_see_subscribers(here: Here) -> None:
    ada = await here.office.person("ada", agent="ada")
    await told(await ada.get("/api/v1/subscribers"), 403)
    wrong = await here.office.token("admin", Scope.ADMIN)
    said = await told(await wrong.post("/api/v1/subscribers", json={"url": "https://10.0.0.1/x"}), 422)
    assert said["errors"][0]["field"] == "url"
