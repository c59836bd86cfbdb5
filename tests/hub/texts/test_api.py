"""Texts through the API: what a program asks before it writes, what it sends, and what it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from hub import Channel
from tests.hub.texts.conftest import LI_NA, OURS, Phone
from tests.hub.web.office import Office


async def asked(client: aiohttp.ClientSession, method: str, path: str, **more: Any) -> tuple[int, Any]:
    async with client.request(method, f"/api/v1{path}", **more) as answer:
        return answer.status, await answer.json() if answer.content_length else None


async def test_a_chat_whose_window_has_closed_is_gone_on_with_by_a_template(office: Office, phone: Phone) -> None:
    spoke = datetime.now(UTC) - timedelta(hours=30)
    conversation = await phone.on(Channel.CHAT).says("Is it there?", at=spoke)
    ada = await office.person("ada", agent="ada")
    status, found = await asked(ada, "GET", f"/conversations/{conversation}/answering")
    assert status == 200
    assert (found["channel"], found["to"], found["free_text"], found["longest"]) == ("chat", LI_NA, False, 4096)
    assert datetime.fromisoformat(found["window_ends_at"]) == spoke + timedelta(hours=24)
    assert found["identities"] == [{"source": "mobile", "handle": OURS, "name": "", "preferred": True}]
    assert found["templates"] == [
        {
            "name": "back", "id": "HX1", "text": "Hello {{1}}, your {{thing}} is here.", "language": "en",
            "gaps": ["1", "thing"],
        }
    ]  # fmt: skip
    path = f"/conversations/{conversation}/letters"
    status, problem = await asked(ada, "POST", path, json={"text": "It is.", "force": True})
    assert (status, problem["type"]) == (409, "urn:hub:problem:window-closed")
    said = {"name": "back", "values": {"1": "Li Na", "thing": "bike"}}
    status, letter = await asked(ada, "POST", path, json={"template": said})
    assert (status, letter["channel"], letter["text"]) == (201, "chat", "Hello Li Na, your bike is here.")
    status, _ = await asked(ada, "DELETE", f"/letters/{letter['id']}")
    status, draft = await asked(ada, "GET", f"/conversations/{conversation}/draft")
    assert (status, draft["template"]) == (200, said)


async def test_an_sms_is_begun_with_a_number_as_people_write_it(office: Office) -> None:
    ada = await office.person("ada", agent="ada")
    status, letter = await asked(
        ada, "POST", "/letters", json={"to": ["0170 1234567"], "text": "Hello", "sender": OURS}
    )
    assert (status, letter["channel"], letter["sender"]) == (201, "sms", OURS)
    assert [(each["handle"], each["state"]) for each in letter["recipients"]] == [(LI_NA, "queued")]
    for wrong, status, kind in (
        ({"to": ["0170 1234567", "0170 1234568"], "text": "x"}, 422, "no-recipient"),
        ({"to": ["nobody"], "text": "x"}, 422, "invalid"),
        ({"to": ["030 999999"], "text": "x"}, 422, "never-log"),
        ({"to": ["0170 1234567"], "text": "x", "channel": "chat"}, 409, "window-closed"),
    ):
        told, problem = await asked(ada, "POST", "/letters", json=wrong)
        assert (told, problem["type"]) == (status, f"urn:hub:problem:{kind}"), wrong


async def test_why_a_number_is_not_written_to_can_be_read_and_lifted(office: Office, phone: Phone) -> None:
    conversation = await phone.says("STOP")
    ada = await office.person("ada", agent="ada")
    status, found = await asked(ada, "GET", f"/conversations/{conversation}/answering")
    assert found["refused"].startswith("This number has asked for no more texts")
    status, problem = await asked(ada, "POST", f"/conversations/{conversation}/letters", json={"text": "But"})
    assert (status, problem["type"]) == (409, "urn:hub:problem:unsubscribed")
    status, marked = await asked(ada, "GET", f"/undeliverable/{LI_NA}")
    assert (status, marked["reason"]) == (200, "unsubscribed")
