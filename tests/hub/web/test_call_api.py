"""Missed calls, recordings and consents over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from hub import Call, CallState, Channel, Event, Outcome, Participant, Recording, Role
from hub.calls.recordings import rows
from hub.formats.digest import digest
from hub.privacy.visibility import Authority, Scope
from tests.hub.web.office import TOML, Office, open_office

LINE, CALLER = "tel:+4930123456", "tel:+4917012345678"
LINES = """
[lines."tel:+4930123456"]
record = "consent"
voicemail = true
"""
SOUND = bytes(range(256)) * 300


@pytest.fixture
async def office(store_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(store_url, tmp_path, TOML + LINES) as opened:
        yield opened


async def happened(office: Office, outcome: Outcome, *recordings: Recording) -> str:
    """A call to our line that is over; answers its id."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    facts = Call(
        participants=(Participant(CALLER, Role.CALLER), Participant(LINE, Role.CALLEE)),
        line=LINE,
        state=CallState.ENDED,
        started_at=at,
        outcome=outcome,
        recordings=recordings,
    )
    await office.service.ingest.record("pbx", [Event(key="pbx:1", id="1", channel=Channel.VOICE, at=at, facts=facts)])
    reader = await office.token("finder", Scope.READ)
    async with reader.get("/api/v1/interactions", params={"key": "pbx:1"}) as answer:
        return str((await answer.json())["id"])


async def kept(office: Office, media_type: str = "audio/wav") -> None:
    """Its recording was fetched."""
    store = office.service.store
    blob = digest(SOUND)

    def work(conn: Connection) -> None:
        (one,) = rows.claim(conn, datetime.now(UTC), datetime.now(UTC), 1)
        store.blobs.settle(blob, SOUND)
        rows.settle(conn, store.blobs, one.id, media_type, blob, SOUND)

    await store.write(work)


async def test_a_missed_call_is_taken_put_off_and_closed(office: Office) -> None:
    interaction = await happened(office, Outcome.MISSED)
    ada = await office.person("ada", agent="ada")
    async with ada.get("/api/v1/missed-calls") as answer:
        (entry,) = (await answer.json())["items"]
    assert (entry["interaction"], entry["handle"], entry["owner"], entry["overdue"]) == (interaction, CALLER, "", False)
    path = f"/api/v1/missed-calls/{interaction}"
    async with ada.patch(path, json={"owner": "me", "due_at": "2026-11-20T10:00:00Z"}) as answer:
        assert ((await answer.json())["owner"], (await answer.json())["overdue"]) == ("ada", True)
    async with ada.get("/api/v1/missed-calls", params={"owner": "me"}) as answer:
        assert len((await answer.json())["items"]) == 1
    async with ada.patch(path, json={"state": "closed"}) as answer:
        assert (await answer.json())["closed_how"] == "agent"
    async with ada.get("/api/v1/missed-calls") as answer:
        assert (await answer.json())["items"] == []


async def test_what_cannot_be_done_with_a_missed_call_is_named(office: Office) -> None:
    interaction = await happened(office, Outcome.MISSED)
    ada = await office.person("ada", agent="ada")
    async with ada.patch(f"/api/v1/missed-calls/{interaction}", json={"owner": "nobody"}) as answer:
        assert answer.status == 422
        assert (await answer.json())["errors"][0]["field"] == "owner"
    async with ada.patch("/api/v1/missed-calls/7", json={"owner": "me"}) as answer:
        assert answer.status == 404


async def test_a_recording_waits_for_consent_and_is_played_in_parts(office: Office) -> None:
    interaction = await happened(office, Outcome.COMPLETED, Recording(id="RE1", url="http://pbx/1.wav"))
    ada = await office.person("ada", agent="ada")
    async with ada.get("/api/v1/recordings", params={"interaction": interaction}) as answer:
        (one,) = (await answer.json())["items"]
    assert (one["state"], one["reason"]) == ("unwanted", "consent")
    said = {"given": True, "evidence": "said yes at 0:12", "interaction": interaction}
    async with ada.put(f"/api/v1/consents/{CALLER}/record", json=said) as answer:
        assert answer.status == 200, await answer.text()
    await kept(office)
    async with ada.get("/api/v1/recordings", params={"interaction": interaction}) as answer:
        (one,) = (await answer.json())["items"]
    assert (one["state"], one["size"]) == ("kept", len(SOUND))
    async with ada.get(one["audio"]) as answer:
        assert (answer.status, answer.content_type, await answer.read()) == (200, "audio/wav", SOUND)
    for wanted, part in (("bytes=0-9", SOUND[:10]), ("bytes=70000-", SOUND[70000:]), ("bytes=-5", SOUND[-5:])):
        async with ada.get(one["audio"], headers={"Range": wanted}) as answer:
            assert (answer.status, await answer.read()) == (206, part)
    async with ada.get(one["audio"], headers={"Range": "bytes=999999-"}) as answer:
        assert answer.status == 416
    async with ada.delete(f"/api/v1/recordings/{one['id']}") as answer:
        assert answer.status == 403
    boss = await office.person("boss", Authority.MANAGER)
    async with boss.delete(f"/api/v1/recordings/{one['id']}") as answer:
        assert answer.status == 204
    async with ada.get(one["audio"]) as answer:
        assert answer.status == 404


async def test_a_provider_cannot_have_a_page_served_as_a_recording(office: Office) -> None:
    interaction = await happened(office, Outcome.VOICEMAIL, Recording(id="RE1", voicemail=True))
    await office.service.store.write(
        lambda conn: conn.exec_driver_sql("UPDATE recordings SET state = 'waiting', reason = ''")
    )
    await kept(office, "text/html")
    ada = await office.person("ada", agent="ada")
    async with ada.get("/api/v1/recordings", params={"interaction": interaction}) as answer:
        (one,) = (await answer.json())["items"]
    async with ada.get(one["audio"]) as answer:
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_recording_begins_only_with_a_policy_and_consent(office: Office) -> None:
    interaction = await happened(office, Outcome.COMPLETED)
    ada = await office.person("ada", agent="ada")
    path = f"/api/v1/calls/{interaction}/recording"
    async with ada.post(path, json={"on": True}) as answer:
        assert (answer.status, "agree first" in (await answer.json())["detail"]) == (409, True)
    async with ada.post(path, json={"on": True, "evidence": "she said yes"}) as answer:
        assert (await answer.json())["detail"] == "This phone system cannot be told to record."
    async with ada.get(f"/api/v1/consents/{CALLER}") as answer:
        (said,) = (await answer.json())["items"]
    assert (said["purpose"], said["given"], said["interaction"]) == ("record", True, interaction)
    async with ada.put(f"/api/v1/consents/{CALLER}/record", json={"given": False, "evidence": "by mail"}) as answer:
        assert answer.status == 200
    async with ada.post(path, json={"on": True}) as answer:
        assert "does not want" in (await answer.json())["detail"]
    async with ada.delete(f"/api/v1/consents/{CALLER}/record") as answer:
        assert answer.status == 204
    async with ada.put(f"/api/v1/consents/{CALLER}/dance", json={"given": False}) as answer:
        assert answer.status == 404
