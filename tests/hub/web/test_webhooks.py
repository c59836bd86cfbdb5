"""The answers of `/webhooks/{source}`, and what is kept of each delivery."""

from __future__ import annotations

import asyncio
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from yarl import URL

from hub.store.schema import events, interactions, quarantine, refusals
from hub.web.webhooks import REFUSALS
from tests.hub.web.office import PBX_TOKEN, PUBLIC_URL, Office, open_office, twilio_signature
from tests.servers.postgresql import PostgreSQL

RINGING = {
    "CallSid": "CA00000000000000000000000000000002",
    "ParentCallSid": "CA00000000000000000000000000000001",
    "AccountSid": "AC00000000000000000000000000000001",
    "CallStatus": "ringing",
    "Direction": "outbound-dial",
    "From": "+4917012345678",
    "To": "+4930123451",
    "CallbackSource": "call-progress-events",
    "SequenceNumber": "1",
    "Timestamp": "Fri, 20 Nov 2026 09:00:00 +0000",
}


async def rows(office: Office, *columns: sa.ColumnElement[Any]) -> list[tuple[Any, ...]]:
    return await office.service.store.read(lambda conn: [tuple(row) for row in conn.execute(sa.select(*columns))])


async def test_a_source_that_is_not_configured_is_not_there(office: Office) -> None:
    client = await office.client()
    for path in ("/webhooks/nobody", "/webhooks/", "/webhooks/pbx/more"):
        async with client.post(path, json={}) as answer:
            assert (answer.status, answer.content_type) == (404, "application/problem+json")


async def test_a_call_is_recorded_before_it_is_answered(office: Office) -> None:
    assert await office.call("c1", "ringing", agent="ada") == 204
    assert await rows(office, interactions.c.key, interactions.c.state) == [("pbx:c1", "ringing")]
    assert await office.call("c1", "ringing", agent="ada", at="2026-11-20T09:00:00Z") == 204
    assert await office.call("c1", "ringing", agent="ada", at="2026-11-20T09:00:00Z") == 204
    assert len(await rows(office, events.c.event_id)) == 2, "a repetition changes nothing"


@pytest.mark.parametrize("query", ["", "?bodySHA256=x&name=a%20b%2Fc+d", "?x=%E4%BD%A0&y="])
async def test_the_signature_covers_the_public_url_as_it_was_called(office: Office, query: str) -> None:
    client = await office.client()
    path = f"/webhooks/front-desk{query}"
    signed = {"X-Twilio-Signature": twilio_signature(PUBLIC_URL + path, RINGING)}
    async with client.post(URL(f"{office.url.origin()}{path}", encoded=True), data=RINGING, headers=signed) as answer:
        assert answer.status == 204, await answer.text()
    assert await rows(office, interactions.c.key) == [("twilio:CA00000000000000000000000000000001",)]


async def test_what_is_forged_leaves_a_count_and_nothing_else(office: Office) -> None:
    client = await office.client()
    signature = twilio_signature(f"{PUBLIC_URL}/webhooks/front-desk", RINGING)
    for headers, fields in (
        ({}, RINGING),
        ({"X-Twilio-Signature": signature}, {**RINGING, "From": "+4917099999999"}),
        ({"X-Twilio-Signature": "\u00e9"}, RINGING),
    ):
        async with client.post("/webhooks/front-desk", data=fields, headers=headers) as answer:
            assert (answer.status, answer.content_type) == (401, "application/problem+json")
    async with client.post("/webhooks/pbx", json={}, headers={"Authorization": "Bearer wrong"}) as answer:
        assert answer.status == 401
    await office.app[REFUSALS].flush()
    assert sorted(await rows(office, refusals.c.source, refusals.c.reason, refusals.c.count)) == [
        ("front-desk", "forged", 3),
        ("pbx", "forged", 1),
    ]
    assert await rows(office, events.c.key) == await rows(office, quarantine.c.id) == []


async def test_counts_add_up_over_flushes(office: Office) -> None:
    refused = office.app[REFUSALS]
    for _ in range(2):
        refused.count("pbx", "forged")
        refused.count("pbx", "forged")
        refused.count("pbx", "malformed")
        await refused.flush()
    await refused.flush()
    assert sorted(await rows(office, refusals.c.reason, refusals.c.count)) == [("forged", 4), ("malformed", 2)]


async def test_too_much_is_413(office: Office) -> None:
    client = await office.client(Authorization=f"Bearer {PBX_TOKEN}")
    async with client.post("/webhooks/pbx", data=BytesIO(b"x" * ((1 << 20) + 1))) as answer:
        assert (answer.status, answer.content_type) == (413, "application/problem+json")
    await office.app[REFUSALS].flush()
    assert await rows(office, refusals.c.reason) == [("too-large",)]
    async with client.post("/webhooks/pbx", data=BytesIO(b"x" * (1 << 20))) as answer:
        assert answer.status == 204, "the largest that is taken"


async def test_what_is_genuine_and_not_understood_is_kept_and_accepted(office: Office) -> None:
    client = await office.client(Authorization=f"Bearer {PBX_TOKEN}")
    raw = b'{"id": "c9", "event": "teleported"}'
    async with client.post("/webhooks/pbx?token=secret&x=1", data=raw) as answer:
        assert answer.status == 204
    ((kind, about, blob, state),) = await rows(
        office, quarantine.c.kind, quarantine.c.about, quarantine.c.blob, quarantine.c.state
    )
    assert (kind, state) == ("delivery", "open")
    assert await office.service.store.read(lambda conn: office.service.store.blobs.read(conn, blob)) == raw
    assert about["method"] == "POST"
    assert about["url"] == f"{PUBLIC_URL}/webhooks/pbx?x=1"
    assert "host" in about["headers"]
    assert PBX_TOKEN not in orjson.dumps(about).decode()


async def test_nothing_is_acknowledged_that_a_full_disk_did_not_take(tmp_path: Path) -> None:
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path) as office:

        def fill(conn: sa.Connection) -> None:
            pages = conn.execute(sa.text("PRAGMA page_count")).scalar_one()
            conn.execute(sa.text(f"PRAGMA max_page_count = {pages}"))

        await office.service.store.write(fill)
        accepted = []
        for number in range(200):
            status = await office.call(f"c{number}", "ringing")
            if status != 204:
                break
            accepted.append(f"pbx:c{number}")
        assert status == 503
        assert sorted(await rows(office, interactions.c.key)) == sorted((key,) for key in accepted)


async def test_a_database_that_is_gone_asks_to_come_back_until_it_is_there(
    tmp_path: Path, postgres: PostgreSQL, postgres_url: str
) -> None:
    async with open_office(postgres_url, tmp_path) as office:
        client = await office.client(Authorization=f"Bearer {PBX_TOKEN}")
        document = {"id": "c1", "event": "ringing", "from": "+4917012345678", "to": "+4930123456"}
        with postgres.out_of_reach(str(sa.make_url(postgres_url).database)):
            async with client.post("/webhooks/pbx", json=document) as answer:
                assert (answer.status, answer.content_type) == (503, "application/problem+json")
                assert int(answer.headers["Retry-After"]) > 0
            async with client.get("/readyz") as answer:
                assert answer.status == 503
            async with client.get("/healthz") as answer:
                assert answer.status == 200
        async with client.post("/webhooks/pbx", json=document) as answer:
            assert answer.status == 204
        async with client.get("/readyz") as answer:
            assert answer.status == 200
        assert await rows(office, interactions.c.key) == [("pbx:c1",)]


async def test_many_at_once_are_all_recorded_once(office: Office) -> None:
    statuses = await asyncio.gather(*(office.call(f"c{number}", "ringing") for number in range(40)))
    assert set(statuses) == {204}
    assert len(await rows(office, interactions.c.key)) == 40
