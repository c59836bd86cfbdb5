"""A phone system asks, and the plan answers from what the hub knows: on both databases, over signed requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from yarl import URL

from hub import Asked, Heard, Ring, Wait
from hub.privacy.visibility import Scope
from hub.store.schema import absences, availability, blocked_numbers, cases, contacts, identities, queued_calls
from tests.hub.web.office import PUBLIC_URL, TOML, Office, open_office, twilio_signature

ACCOUNT = "AC00000000000000000000000000000001"
CALLER = "+4917012345678"
LINE = "+4930123456"

PLANS = """
[teams.service]
agents = ["ada", "ben"]

[lines."tel:+4930123456"]
record = "announced"

[plans.front]
start = "who"
record_says = { en = "This call is recorded.", de = "Dieses Gespräch wird aufgezeichnet." }
[plans.front.nodes.who]
kind = "route"
rules = [{ when = "vip", then = "ring-owner" }, { when = "open-case", then = "service" }]
otherwise = "menu"
[plans.front.nodes.menu]
kind = "menu"
say = { en = "For service press 1.", de = "Für Service die 1." }
choices = { 1 = "service" }
otherwise = "box"
[plans.front.nodes.ring-owner]
kind = "ring"
owner = true
record = true
then = "service"
[plans.front.nodes.service]
kind = "queue"
team = "service"
strategy = "in-turn"
most_seconds = 60
then = "box"
[plans.front.nodes.box]
kind = "voicemail"
say = { en = "Please leave a message.", de = "Bitte hinterlassen Sie eine Nachricht." }
"""


@pytest.fixture
async def office(store_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    """A small firm whose Twilio number is answered by a plan."""
    toml = TOML.replace('auth_token = "env:TWILIO_TOKEN"', 'auth_token = "env:TWILIO_TOKEN"\nplan = "front"')
    async with open_office(store_url, tmp_path, toml + PLANS) as opened:
        yield opened


async def write(office: Office, table: sa.Table, **values: Any) -> None:
    """A row."""
    await office.service.store.write(lambda conn: conn.execute(table.insert().values(**values)))


async def customer(office: Office, owner: str = "", **fields: str) -> int:
    """The caller as a contact."""
    contact, now = office.service.store.ids(), datetime.now(UTC)
    await write(office, contacts, id=contact, name="Li", owner=owner, fields=fields, created_at=now, updated_at=now)
    await write(office, identities, handle=f"tel:{CALLER}", contact_id=contact, how="agent", learned_at=now)
    return contact


async def away(office: Office, *agents: str) -> None:
    """They do not want to be disturbed."""
    for agent in agents:
        await write(office, availability, agent=agent, state="dnd", changed_at=datetime.now(UTC))


async def ask(office: Office, sid: str = "CA1", query: str = "", **more: str) -> str:
    """Twilio's question, and the TwiML."""
    path = f"/webhooks/front-desk{query}"
    fields = {
        "CallSid": sid, "AccountSid": ACCOUNT, "From": CALLER, "To": LINE, "CallStatus": "ringing",
        "Direction": "inbound", "ApiVersion": "2010-04-01", **more,
    }  # fmt: skip
    client = await office.client(**{"X-Twilio-Signature": twilio_signature(PUBLIC_URL + path, fields)})
    async with client.post(URL(path, encoded=True), data=fields) as reply:
        assert reply.status == 200, await reply.text()
        return await reply.text()


def asked(key: str = "pbx:1", place: str = "", heard: Heard = Heard.BEGAN) -> Asked:
    """A question of the caller."""
    return Asked(key=key, caller=f"tel:{CALLER}", line=f"tel:{LINE}", at=datetime.now(UTC), place=place, heard=heard)


async def test_twilio_hears_the_menu_then_the_phones_ring(office: Office) -> None:
    menu = await ask(office)
    place = menu.partition("?at=")[2].partition("&amp;")[0]
    rings = await ask(office, query=f"?at={place}&did=listen", CallStatus="in-progress", Digits="1")

    assert "<Gather" in menu
    assert "Für Service die 1." in menu  # a German number
    assert "+4930123451</Number>" in rings
    assert "+4930123452" not in rings  # one after the other
    assert (await office.service.store.read(_states)) == [("twilio:CA1", "ringing")]


async def test_a_blocked_number_hears_the_busy_tone_and_is_recorded(office: Office) -> None:
    await write(office, blocked_numbers, handle=f"tel:{CALLER}", reason="", actor="ada", at=datetime.now(UTC))

    assert '<Reject reason="busy"' in await ask(office)
    assert await office.service.store.read(_states) == [("twilio:CA1", "ringing")]


async def test_a_vip_rings_at_her_owner_or_who_stands_in_and_is_told_of_the_recording(office: Office) -> None:
    await customer(office, owner="ben", vip="yes", language="en")
    router = office.service.routing

    first = await router.answer("front-desk", asked())
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    await write(office, absences, id=1, agent="ben", from_at=now - hour, until_at=now + hour, stand_in="ada")
    second = await router.answer("front-desk", asked("pbx:2"))

    assert first is not None
    assert first.action == Ring(phones=("tel:+4930123452",), record=True)
    assert [each.text for each in first.prompts] == ["This call is recorded."]
    assert second is not None
    assert second.action == Ring(phones=("tel:+4930123451",), record=True)


async def test_who_has_an_open_case_waits_in_the_queue_until_somebody_is_free(office: Office) -> None:
    contact, now = await customer(office), datetime.now(UTC)
    await write(office, cases, id=1, contact_id=contact, title="Broken", open=True, opened_at=now, updated_at=now)
    await away(office, "ada", "ben")
    router = office.service.routing

    waits = await router.answer("front-desk", asked())
    again = await router.answer("front-desk", asked(place=waits.place if waits else "", heard=Heard.DONE))
    seen = await office.service.store.read(lambda conn: conn.execute(sa.select(queued_calls.c.queue)).scalars().all())
    await office.service.store.write(lambda conn: conn.execute(availability.delete()))
    rings = await router.answer("front-desk", asked(place=again.place if again else "", heard=Heard.DONE))
    client = await office.token("screen", Scope.READ)
    async with client.get("/api/v1/queues") as reply:
        queues = await reply.json()

    assert waits is not None
    assert isinstance(waits.action, Wait)
    assert waits.action.queue == "service"
    assert seen == ["service"]
    assert await office.service.store.read(_states) == [("pbx:1", "queued")]
    assert rings is not None
    assert rings.action == Ring(phones=("tel:+4930123451",))
    assert [(each["queue"], each["caller"]) for each in queues["items"]] == [("service", f"tel:{CALLER}")]


async def test_who_waited_longest_is_first_and_a_caller_who_hung_up_is_not_waited_for(office: Office) -> None:
    contact, now = await customer(office), datetime.now(UTC)
    await write(office, cases, id=1, contact_id=contact, title="Broken", open=True, opened_at=now, updated_at=now)
    await away(office, "ben")
    earlier = {"plan": "front", "queue": "service", "caller": "", "since": now - timedelta(seconds=50)}
    await write(office, queued_calls, key="twilio:CA9", seen_at=now, **earlier)
    router = office.service.routing

    behind = await router.answer("front-desk", asked())
    await ask(office, "CA9", CallStatus="completed")
    first = await router.answer("front-desk", asked(place=behind.place if behind else "", heard=Heard.DONE))

    assert behind is not None
    assert isinstance(behind.action, Wait)
    assert first is not None
    assert isinstance(first.action, Ring)


async def test_a_source_without_a_plan_is_not_answered(office: Office) -> None:
    assert await office.service.routing.answer("pbx", asked()) is None
    assert await office.service.lend("pbx").route(asked()) is None
    assert await office.service.lend("front-desk").route(asked()) is not None


async def test_plans_are_listed_drawn_and_tried_out_over_the_api(office: Office) -> None:
    client = await office.token("program", Scope.READ)
    async with client.get("/api/v1/plans") as reply:
        plans = (await reply.json())["items"]
    async with client.get("/api/v1/plans/front/picture.svg") as reply:
        kind, svg = reply.content_type, await reply.text()
    trial = {"caller": CALLER, "line": LINE, "presses": "1", "taken": False}
    async with client.post("/api/v1/plans/front/simulate", json=trial) as reply:
        steps = (await reply.json())["steps"]
    async with client.get("/api/v1/plans/back") as reply:
        absent = reply.status

    assert [(plan["name"], plan["sources"], len(plan["nodes"])) for plan in plans] == [("front", ["front-desk"], 5)]
    assert (kind, svg.count("<g id=")) == ("image/svg+xml", 5)
    assert steps[0]["passed"][0].startswith("who: ")
    assert (steps[0]["heard"], steps[0]["digits"]) == ("digits", "1")
    assert steps[1]["phones"] == ["tel:+4930123451"]
    assert "message" in steps[-2]["does"]
    assert absent == 404
    assert await office.service.store.read(_states) == []  # nothing happened


def _states(conn: sa.Connection) -> list[tuple[str, str]]:
    return [(row.key, row.state) for row in conn.execute(sa.text("SELECT key, state FROM interactions"))]
