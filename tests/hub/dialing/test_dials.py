"""Click to call, from the request of a page to the call on the timeline."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import orjson
import pytest

from hub.privacy.visibility import Authority, Scope
from tests.hub.dialing.board import CALLEE, SECONDS, TOML, Firm, open_firm


async def test_a_click_rings_her_phone_first_and_the_call_stands_on_the_timeline_before_anybody_tells_of_it(
    each_firm: Firm,
) -> None:
    with each_firm.office.service.live.subscribe("ada") as screen:
        dial = await each_firm.ask("POST", "/dials", 201, callee="030 98765432")
        told = await screen.frames()
    call = each_firm.board.placed[0]
    assert (call.dial, call.phone, call.callee, call.line) == (dial["id"], "21", CALLEE, "tel:+4930123456")
    assert (dial["state"], dial["phone"], dial["source"]) == ("placed", "board/21", "board")
    assert told is not None
    assert b"event: dial\n" in told
    assert b'"wanted"' in told
    interaction = await each_firm.ask("GET", f"/interactions/{dial['interaction']}")
    assert (interaction["direction"], interaction["key"]) == ("outbound", "board:c1")
    people = {each["role"]: each["handle"] for each in interaction["participants"]}
    assert people == {"caller": "tel:+4930123451", "callee": CALLEE}
    await each_firm.tell(call, "answered")
    await each_firm.tell(call, "ended", duration=42)
    over = await each_firm.ask("GET", f"/interactions/{dial['interaction']}")
    assert (over["direction"], over["outcome"], over["duration"]) == ("outbound", "completed", 42)
    assert (await each_firm.rows("SELECT count(*) FROM interactions"))[0][0] == 1
    assert ("call.dial", f"dial/{dial['id']}") in await each_firm.rows("SELECT action, record FROM audit")


async def test_a_double_click_dials_once(each_firm: Firm) -> None:
    each_firm.board.answers.clear()
    wanted = {"callee": CALLEE, "id": "click-1"}
    first = asyncio.create_task(each_firm.ask("POST", "/dials", 201, **wanted))
    await each_firm.board.dialled()
    second = await each_firm.ask("POST", "/dials", 201, **wanted)
    assert second["state"] == "wanted"
    each_firm.board.answers.set()
    assert (await first)["id"] == second["id"]
    assert len(each_firm.board.placed) == 1


@pytest.mark.parametrize(
    ("callee", "rule"),
    [
        (CALLEE, "do-not-call"),
        ("112", "emergency"),
        ("+49 900 1234567", "premium"),
        ("+49 30 123457", "our-own"),
        ("+49 30 999999", "never-recorded"),
        ("+1 212 555 0100", "consent"),
        ("nonsense", "no-number"),
    ],
)
async def test_what_the_gate_refuses_is_not_dialled_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, callee: str, rule: str
) -> None:
    toml = TOML.replace("[calls]", '[calls]\nconsent_regions = ["US"]')
    async with open_firm(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, monkeypatch, toml) as firm:
        await firm.said(CALLEE, given=False)
        problem = await firm.ask("POST", "/dials", 409, callee=callee, override="I must")
        assert problem["type"] == "urn:hub:problem:refused-by-gate"
        assert [(each["rule"], each["may_override"]) for each in problem["refusals"]] == [(rule, False)]
        assert all(each["says"].endswith(".") for each in problem["refusals"])
        checked = await firm.ask("GET", "/dials/check", callee=callee)
        assert [each["rule"] for each in checked["refusals"]] == [rule]
        assert firm.board.placed == []
        assert await firm.rows("SELECT id FROM dials") == []


async def test_a_quiet_hour_is_overridden_with_a_reason_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = TOML.replace("quiet_days = []", 'quiet_days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]')
    async with open_firm(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, monkeypatch, toml) as firm:
        problem = await firm.ask("POST", "/dials", 409, callee=CALLEE)
        assert [(each["rule"], each["may_override"]) for each in problem["refusals"]] == [("quiet-day", True)]
        dial = await firm.ask("POST", "/dials", 201, callee=CALLEE, override="She asked me to call on Sunday")
        assert (dial["state"], dial["reason"]) == ("placed", "She asked me to call on Sunday")
        assert ("call.dial-override",) in await firm.rows("SELECT action FROM audit")


@pytest.mark.parametrize(
    ("mood", "state", "reason"),
    [
        ("busy", "failed", "The switchboard is busy."),
        ("never", "refused", "This number is not in service."),
        ("hang-up", "perhaps", "The phone system was asked to call"),
    ],
)
async def test_what_became_of_it_is_said(firm: Firm, mood: str, state: str, reason: str) -> None:
    firm.board.mood = mood
    dial = await firm.ask("POST", "/dials", 201, callee=CALLEE)
    assert dial["state"] == state
    assert dial["reason"].startswith(reason)
    assert "interaction" not in dial
    await firm.ask("DELETE", f"/dials/{dial['id']}", 409)


async def test_her_call_is_hung_up_and_nobody_elses(firm: Firm) -> None:
    dial = await firm.ask("POST", "/dials", 201, callee=CALLEE)
    ben = await firm.office.token("ben", Scope.WRITE, "ben")
    async with ben.delete(f"/api/v1/dials/{dial['id']}") as answer:
        assert answer.status == 404
    await firm.ask("DELETE", f"/dials/{dial['id']}", 204)
    assert firm.board.ended == ["c1"]


async def test_she_calls_one_at_a_time_with_a_phone_that_somebody_reaches_and_a_line_of_ours(firm: Firm) -> None:
    shown = await firm.ask("GET", "/dials/check", callee=CALLEE, line="+49 30 123457")
    assert (shown["allowed"], shown["line"], shown["phone"]) == (True, "tel:+4930123457", "board/21")
    odd = await firm.ask("GET", "/dials/check", callee=CALLEE, line="+49 30 5550000")
    assert [each["rule"] for each in odd["refusals"]] == ["no-line"]
    await firm.ask("POST", "/dials", 201, callee=CALLEE)
    problem = await firm.ask("POST", "/dials", 409, callee="+49 30 98765433")
    assert [each["rule"] for each in problem["refusals"]] == ["on-a-call"]
    ben = await firm.office.token("ben", Scope.WRITE, "ben")
    async with ben.post("/api/v1/dials", json={"callee": "+49 30 98765433"}) as answer:
        assert [each["rule"] for each in (await answer.json())["refusals"]] == ["no-agent-phone"]
    nobody = await firm.office.token("script", Scope.WRITE)
    async with nobody.post("/api/v1/dials", json={"callee": CALLEE}) as answer:
        assert (answer.status, (await answer.json())["type"]) == (403, "urn:hub:problem:no-agent")


async def test_a_contact_is_called_at_the_number_that_is_hers(firm: Firm) -> None:
    contact = await firm.ask("POST", "/contacts", 201, name="Li Na", handles=["mailto:li@x.example", CALLEE])
    dial = await firm.ask("POST", "/dials", 201, contact=contact["id"])
    assert dial["callee"] == CALLEE
    listed = await firm.ask("GET", "/dials")
    assert [each["id"] for each in listed["items"]] == [dial["id"]]


async def test_a_deleted_call_leaves_no_number_behind(firm: Firm) -> None:
    dial = await firm.ask("POST", "/dials", 201, callee=CALLEE)
    boss = await firm.office.person("boss", Authority.ADMIN)
    async with boss.delete(f"/api/v1/interactions/{dial['interaction']}") as answer:
        assert answer.status == 204
    assert await firm.rows("SELECT callee FROM dials") == []


async def test_what_was_wanted_when_the_hub_was_killed_is_perhaps_placed_and_what_was_not_recorded_is(
    each_firm: Firm,
) -> None:
    for number, state, key in ((1, "wanted", ""), (2, "placed", "board:lost")):
        await each_firm.execute(
            "INSERT INTO dials (id, key, agent, phone, callee, line, source, state, at)"
            " VALUES (:id, :key, 'ada', 'board/21', :callee, 'tel:+4930123456', 'board', :state, :at)",
            id=number, key=key, callee=CALLEE, state=state, at=_minutes_ago(10),
        )  # fmt: skip
    async with each_firm.office.service.dialing, asyncio.timeout(SECONDS):
        lost = await each_firm.until("/dials/1", lambda dial: dial["state"] == "perhaps")
        await each_firm.until("/dials/2", lambda dial: "interaction" in dial)
    assert lost["reason"].startswith("The phone system was asked to call")
    assert each_firm.board.placed == []


def _minutes_ago(minutes: int) -> int:
    return (time.time_ns() // 1000) - minutes * 60_000_000


async def test_the_answer_is_one_that_programs_read(firm: Firm) -> None:
    async with firm.ada.get("/api/v1/openapi.json") as answer:
        document = orjson.loads(await answer.read())
    assert {"/api/v1/dials", "/api/v1/dials/check", "/api/v1/dial-lists/{id}"} <= set(document["paths"])
