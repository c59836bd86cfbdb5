"""The API around a call: availability, wrap-up, tasks, blocked numbers, live calls, and calls written down by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from hub import CallState, Leg
from hub.calls.card import card
from hub.privacy.visibility import HUB, Authority
from tests.hub.core import call
from tests.hub.web.office import Office

CALLER = "tel:+4917012345678"


async def sent(client: aiohttp.ClientSession, method: str, path: str, document: Any = None) -> tuple[int, Any]:
    async with client.request(method, f"/api/v1{path}", json=document) as answer:
        return answer.status, await answer.json() if answer.content_type.endswith("json") else None


async def talked(office: Office) -> str:
    """Ada took a call, and it is over."""
    for state in (CallState.RINGING, CallState.ANSWERED, CallState.ENDED):
        event = call("1", state, caller=CALLER, legs=[Leg(id="a", phone="pbx/21", state=state)])
        await office.service.ingest.record("pbx", [event])
    ada = await office.token("find", HUB.scope, "ada")
    _, found = await sent(ada, "GET", "/interactions?key=pbx:1")
    return str(found["id"])


async def test_an_agent_says_how_she_can_be_reached_and_managers_enter_absences(office: Office) -> None:
    ada = await office.person("ada", agent="ada")
    boss = await office.person("boss", Authority.MANAGER)
    assert (await sent(ada, "PUT", "/availability/me", {"state": "dnd", "note": "thinking"}))[0] == 200
    assert (await sent(ada, "PUT", "/availability/me", {"state": "dnd", "until": "2020-01-01T00:00:00Z"}))[0] == 422
    assert (await sent(boss, "PUT", "/availability/me", {"state": "away"}))[0] == 403
    _, everybody = await sent(boss, "GET", "/availability")
    assert [(each["agent"], each["state"], each["why"]) for each in everybody["items"]] == [
        ("ada", "dnd", "said:dnd"),
        ("ben", "available", "available"),
    ]
    week = {"from": "2026-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z", "stand_in": "ada"}
    assert (await sent(ada, "POST", "/absences", {"agent": "ben", **week}))[0] == 403
    assert (await sent(boss, "POST", "/absences", {"agent": "ada", **week}))[0] == 422
    status, absence = await sent(boss, "POST", "/absences", {"agent": "ben", **week})
    assert (status, absence["from"]) == (201, "2026-01-01T00:00:00Z")
    _, everybody = await sent(ada, "GET", "/availability")
    assert (everybody["items"][1]["state"], everybody["items"][1]["stand_in"]) == ("absent", "ada")
    assert (await sent(boss, "DELETE", f"/absences/{absence['id']}"))[0] == 204
    assert (await sent(ada, "GET", "/absences"))[1] == {"items": []}


async def test_after_a_call_she_says_what_came_of_it_and_what_is_next(office: Office) -> None:
    ada, ben = await office.person("ada", agent="ada"), await office.person("ben", agent="ben")
    _, contact = await sent(ada, "POST", "/contacts", {"name": "Li Na", "handles": [CALLER]})
    interaction = await talked(office)
    path = f"/wrap-ups/{interaction}"
    assert (await sent(ben, "GET", path))[0] == 404
    _, running = await sent(ada, "GET", "/wrap-ups")
    assert [each["interaction"] for each in running["items"]] == [interaction]
    assert (await sent(ada, "PUT", path, {"disposition": "Nonsense"}))[0] == 422
    due = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    said = {"disposition": "Call again", "note": "Wants 200", "task": {"title": "Send the offer", "due_at": due}}
    status, after = await sent(ada, "PUT", path, {**said, "state": "done"})
    assert status == 200
    assert (after["state"], after["disposition"], after["notes"]) == ("done", "Call again", ["Wants 200"])
    _, mine = await sent(ada, "GET", "/tasks?mine=1")
    (task,) = mine["items"]
    assert (task["title"], task["contact"]) == ("Send the offer", {"id": contact["id"], "name": "Li Na"})
    assert task["interaction"] == interaction
    assert (await sent(ada, "POST", f"/tasks/{task['id']}/done"))[1]["done_at"]
    assert (await sent(ada, "GET", f"/tasks?contact={contact['id']}"))[1] == {"items": []}
    assert (await sent(ada, "DELETE", f"/tasks/{task['id']}"))[0] == 204
    for kind in ("deals", "cases"):
        status, made = await sent(ada, "POST", f"/{kind}", {"title": "200 lamps", "contact": contact["id"]})
        assert (status, made["open"], made["owner"]) == (201, True, "ada")


async def test_the_card_says_what_was_promised_and_missed(office: Office) -> None:
    ada = await office.person("ada", agent="ada")
    _, contact = await sent(ada, "POST", "/contacts", {"name": "Li Na", "handles": [CALLER]})
    await office.service.ingest.record("pbx", [call("0", CallState.RINGING), call("0", CallState.ENDED)])
    late = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    await sent(ada, "POST", "/tasks", {"title": "Send the offer", "due_at": late, "contact": contact["id"]})
    await office.service.ingest.record("pbx", [call("2", CallState.RINGING)])
    _, live = await sent(ada, "GET", "/calls/live")
    (now,) = live["items"]
    assert (now["state"], now["caller"], now["contact"]) == (
        "ringing",
        {"handle": CALLER, "name": "Li Na"},
        contact["id"],
    )
    found = await office.service.store.read(lambda conn: card(conn, HUB, int(now["interaction"]), CALLER))
    assert [task.title for task in found.overdue(datetime.now(UTC))] == ["Send the offer"]
    assert len(found.missed) == 1
    assert [item.key for item in found.latest] == ["pbx:0"]
    assert found.chosen is not None


async def test_saying_who_calls_tells_every_screen_that_shows_it(office: Office) -> None:
    ada = await office.person("ada", agent="ada")
    await office.service.ingest.record("pbx", [call("1", CallState.RINGING)])
    with office.service.live.subscribe("ben") as screen:
        _, contact = await sent(ada, "POST", "/contacts", {"name": "Li Na", "handles": [CALLER]})
        told = b""
        while b'"name":"Li Na"' not in told:
            told += await screen.frames() or b""
    (pop,) = (await sent(ada, "GET", "/pops"))[1]["items"]
    assert (pop["candidates"][0]["contact"]["id"], pop["revision"]) == (contact["id"], 2)


async def test_a_blocked_number_rings_nobody_until_it_is_let_in_again(office: Office) -> None:
    ada = await office.person("ada", agent="ada")
    assert (await sent(ada, "PUT", "/blocked-numbers/0170 12345678", {"reason": "spam"}))[1]["handle"] == CALLER
    assert (await sent(ada, "PUT", "/blocked-numbers/+4930123456", {}))[0] == 422
    await office.service.ingest.record("pbx", [call("1", CallState.RINGING)])
    assert (await sent(ada, "GET", "/pops"))[1] == {"items": []}
    assert (await sent(ada, "DELETE", "/blocked-numbers/+4917012345678"))[0] == 204
    await office.service.ingest.record("pbx", [call("2", CallState.RINGING)])
    assert len((await sent(ada, "GET", "/pops"))[1]["items"]) == 1


async def test_a_call_on_another_phone_is_written_down(office: Office) -> None:
    ada = await office.person("ada", agent="ada")
    _, contact = await sent(ada, "POST", "/contacts", {"name": "Li Na", "handles": []})
    said = {"handle": "0170 12345678", "direction": "outbound", "outcome": "completed", "duration": 90}
    status, made = await sent(ada, "POST", "/calls/log", {**said, "note": "She agreed", "contact": contact["id"]})
    assert (status, made["duration"], made["source"], made["contacts"]) == (201, 90, "log", [contact["id"]])
    assert made["key"].startswith("log:")
    missed = {"handle": "0170 12345678", "direction": "inbound", "outcome": "no-answer"}
    assert (await sent(ada, "POST", "/calls/log", missed))[1]["outcome"] == "missed"
    never = {**said, "handle": "+4930999999"}
    assert (await sent(ada, "POST", "/calls/log", never))[0] == 409
