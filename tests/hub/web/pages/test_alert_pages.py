"""The pages of alerts over HTTP: who may see what, what an editor offers, and what makes the pages an app."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from hub.alerts.facts import Fact, FactKind
from hub.privacy.visibility import Authority
from hub.store.alert_tables import alerts
from tests.hub.web.office import Office


async def read(client: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, str]:
    """Status and text of *path*."""
    async with client.get(path, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def overdue(office: Office, agent: str) -> int:
    """A missed call that *agent* was to return is overdue; answers the id of the alert."""
    fact = Fact(kind=FactKind.OVERDUE_CALL, key=f"overdue/{agent}", at=datetime.now(UTC), agents=(agent,))
    await office.service.alerts.happened([fact])
    query = sa.select(alerts.c.id).where(alerts.c.agent == agent)
    return int(await office.service.store.read(lambda conn: conn.execute(query).scalar_one()))


async def test_each_sees_her_own_alerts_and_nobody_elses(office: Office) -> None:
    ada, ben = await office.person("ada", agent="ada"), await office.person("ben", agent="ben")
    alert = await overdue(office, "ada")
    for path in ("/", "/alerts", f"/alerts/{alert}", "/alerts/now"):
        status, text = await read(ada, path)
        assert status == 200
        assert "waits to be called back" in text
    for path in ("/", "/alerts"):
        assert "waits to be called back" not in (await read(ben, path))[1]
    for path in (f"/alerts/{alert}", f"/alerts/{alert}/open", "/alerts/0"):
        assert (await read(ben, path))[0] == 404
    assert (await read(await office.person("mia", Authority.ADMIN), "/alerts"))[0] == 200


async def test_the_bell_counts_what_is_open(office: Office) -> None:
    ada = await office.person("ada", agent="ada")
    assert 'aria-label="Alerts: none open"' in (await read(ada, "/contacts"))[1]
    alert = await overdue(office, "ada")
    assert 'aria-label="Alerts: 1 open"' in (await read(ada, "/contacts"))[1]
    async with ada.post("/api/v1/alerts/acknowledge", json={"ids": [str(alert)]}) as answer:
        assert answer.status == 200
    assert 'aria-label="Alerts: none open"' in (await read(ada, "/contacts"))[1]


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        (Authority.AGENT, {"/settings/rules": 200, "/settings/rules/new": 403, "/settings/webhooks": 403}),
        (Authority.MANAGER, {"/settings/rules": 200, "/settings/rules/new": 200, "/settings/webhooks": 403}),
        (Authority.ADMIN, {"/settings/rules": 200, "/settings/rules/new": 200, "/settings/webhooks": 200}),
    ],
)
async def test_who_may_change_rules_and_webhooks(office: Office, role: Authority, statuses: dict[str, int]) -> None:
    client = await office.person("ada", role, "ada")
    assert {path: (await read(client, path))[0] for path in statuses} == statuses
    rules = (await read(client, "/settings/rules"))[1]
    assert ('href="/settings/rules/new"' in rules) is (role is not Authority.AGENT)
    assert ('href="/settings/webhooks"' in rules) is (role is Authority.ADMIN)


async def test_the_editor_offers_the_conditions_of_the_kind_alone(office: Office) -> None:
    client = await office.person("ada", Authority.ADMIN, "ada")

    async def offered(kind: str) -> set[str]:
        _, text = await read(client, f"/settings/rules/conditions?kind={kind}", **{"X-Fragment": "1"})
        return set(re.findall(r'name="(\w+)"', text)) - {"who", "severity", "ways", "escalate_minutes", "escalate_to"}

    assert await offered("promise-due") == {"enabled"}
    assert await offered("booking") == {"enabled", "states"}
    assert {"days", "deal_at_least"} <= await offered("deal-still")
    assert {"owned", "field", "values", "channels", "sources"} <= await offered("message")
    assert (await read(client, "/settings/rules/conditions?kind=nonsense"))[0] == 404


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        ({"kind": "call"}, 200, "It would have told 0 times."),
        ({"kind": "deal-still"}, 200, "Nobody can say"),
        ({"kind": "call", "days": 3}, 422, "no such condition"),
        ({"kind": "call", "who": ["nobody-here"]}, 422, "nobody-here"),
        ({"kind": "nonsense"}, 422, "kind"),
        ([], 422, "no rule"),
    ],
)
async def test_a_dry_run_says_what_would_be_or_what_is_wrong(
    office: Office, given: Any, status: int, says: str
) -> None:
    client = await office.person("ada", Authority.ADMIN, "ada")
    async with client.post("/settings/rules/dry-run", data=json.dumps(given), headers={"X-Fragment": "1"}) as answer:
        assert answer.status == status
        assert says in await answer.text()


async def test_ways_that_one_has_lost_are_kept_where_she_saves_the_page(office: Office) -> None:
    client = await office.person("ada", agent="ada")
    settings = {"ways": {"urgent": ["push", "chat-gone"]}}
    async with client.put("/api/v1/alerts/settings", json={"settings": settings}) as answer:
        assert answer.status == 200
    _, text = await read(client, "/settings/alerts")
    kept = re.search(r'data-kept="([^"]+)"', text)
    assert kept
    assert json.loads(kept[1].replace("&#34;", '"'))["urgent"] == ["chat-gone"]
    assert 'data-version="1"' in text


async def test_the_pages_are_an_app_whose_worker_stands_at_the_root_and_keeps_nothing(office: Office) -> None:
    client = await office.client()
    async with client.get("/manifest.webmanifest") as answer:
        assert answer.content_type == "application/manifest+json"
        manifest = await answer.json(content_type=None)
    assert manifest["scope"] == manifest["start_url"] == "/"
    for each in manifest["icons"]:
        async with client.get(each["src"]) as answer:
            assert (answer.status, answer.content_type) == (200, each["type"])
    async with client.get("/service-worker.js") as answer:
        assert answer.content_type == "text/javascript"
        assert answer.headers["Cache-Control"] == "no-cache"
        worker = await answer.text()
    assert "showNotification" in worker
    assert "caches" not in worker
    assert '"fetch"' not in worker
