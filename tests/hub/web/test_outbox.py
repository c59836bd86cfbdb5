"""What programs see of the outbox, and what they may do about what is stuck."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from hub.outgoing import State
from hub.privacy.visibility import Scope
from hub.store.schema import outbox
from tests.hub.third_party import install
from tests.hub.web.office import TOML, Office, open_office

CRMS = """
[crm.main]
adapter = "rolodex"
url = "http://127.0.0.1:1"
token = "env:PBX_TOKEN"

[crm.odd]
adapter = "choosy"
"""
CHOOSY = """
import hub
from tests.fakes import rolodex


class ChoosySettings(hub.Settings):
    folder: str = "none"


class Adapter(rolodex.Adapter):
    Settings = ChoosySettings

    def __init__(self, settings, setup):
        raise hub.Misconfigured(f"{setup.name} has no folder {settings.folder}.")
"""


@pytest.fixture
async def firm(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    """An office with two CRMs, one of which cannot be built, and some rows; nothing is being sent."""
    points = "[hub.adapters]\nrolodex = tests.fakes.rolodex\nchoosy = outbox_choosy\n"
    install(tmp_path, monkeypatch, points, outbox_choosy=CHOOSY)
    async with open_office(store_url, tmp_path, TOML + CRMS) as office:
        states = (State.WAITING, State.SENT, State.PERHAPS, State.FAILED, State.FAILED)
        rows = [
            {
                "id": number, "destination": "main", "subject": f"activity:{number}:7", "kind": "activity",
                "payload": {"interaction": str(number), "contact": "7"}, "state": state, "reason": f"reason {number}",
                "due_at": datetime(2026, 11, 20, 9, number, tzinfo=UTC),
            }
            for number, state in enumerate(states, 1)
        ]  # fmt: skip
        removed = {**rows[0], "id": 9, "destination": "removed"}

        def work(conn: sa.Connection) -> None:
            conn.execute(outbox.insert(), [*rows, removed])

        await office.service.store.write(work)
        yield office


async def test_it_says_how_each_crm_does_and_what_is_stuck(firm: Office) -> None:
    admin = await firm.token("admin", Scope.ADMIN)
    async with admin.get("/api/v1/outbox") as answer:
        assert answer.status == 200
        told = await answer.json()
    assert told["crms"] == [
        {"name": "main", "adapter": "rolodex", "health": "good", "waiting": 1, "perhaps": 1, "failed": 2},
        {
            "name": "odd",
            "adapter": "choosy",
            "health": "misconfigured",
            "cause": "crm.odd: odd has no folder none.",
            "waiting": 0,
            "perhaps": 0,
            "failed": 0,
        },
    ]
    assert [(row["id"], row["state"], row["reason"]) for row in told["items"]] == [
        ("5", "failed", "reason 5"),
        ("4", "failed", "reason 4"),
        ("3", "perhaps", "reason 3"),
    ]
    assert told["items"][0]["subject"] == "activity:5:7"


async def test_it_comes_in_pages(firm: Office) -> None:
    admin = await firm.token("admin", Scope.ADMIN)
    path, seen = "/api/v1/outbox?limit=2", []
    while path:
        async with admin.get(path) as answer:
            page = await answer.json()
        seen.append([row["id"] for row in page["items"]])
        path = page.get("next", "")
    assert seen == [["5", "4"], ["3"]]
    async with admin.get("/api/v1/outbox?state=waiting") as answer:
        assert [row["id"] for row in (await answer.json())["items"]] == ["1"]
    async with admin.get("/api/v1/outbox?state=sent") as answer:
        assert answer.status == 422


async def test_a_person_may_have_it_sent_again(firm: Office) -> None:
    admin = await firm.token("admin", Scope.ADMIN)
    async with admin.post("/api/v1/outbox/3/retry") as answer:
        assert (answer.status, (await answer.json())["state"]) == (200, "waiting")
    for ident in ("1", "2", "3", "77"):  # neither waiting nor sent nor unknown
        async with admin.post(f"/api/v1/outbox/{ident}/retry") as answer:
            assert answer.status == 404
    asked = sa.text("SELECT action, record FROM audit WHERE action = 'outbox.retry'")
    noted = await firm.service.store.read(lambda conn: [tuple(row) for row in conn.execute(asked)])
    assert noted == [("outbox.retry", "outbox/3")]


async def test_it_is_for_administrators(firm: Office) -> None:
    writer = await firm.token("writer", Scope.WRITE)
    async with writer.get("/api/v1/outbox") as answer:
        assert answer.status == 403
    async with writer.post("/api/v1/outbox/3/retry") as answer:
        assert answer.status == 403


async def test_metrics_count_what_waits_and_what_is_stuck(firm: Office) -> None:
    async with (await firm.client()).get("/metrics") as answer:
        families = text_string_to_metric_families(await answer.text())
    values = {
        (sample.name, sample.labels.get("crm"), sample.labels.get("state")): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("hub_outbox")
    }
    assert values == {
        ("hub_outbox_waiting", None, None): 1,
        ("hub_outbox_stuck", "main", "perhaps"): 1,
        ("hub_outbox_stuck", "main", "failed"): 2,
        ("hub_outbox_stuck", "odd", "perhaps"): 0,
        ("hub_outbox_stuck", "odd", "failed"): 0,
    }
