"""Lists that are called: one number after the other, nothing before the agent is ready, and how each call ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub import Call, CallState, Channel, Direction, Event, Leg, Outcome
from hub.availability import Rota
from hub.dialing import lists
from hub.dialing.calls import Dialing
from hub.dialing.lists import Entry, ListView
from hub.dialing.ready import Readiness
from hub.dialing.runner import Runner, result_of
from hub.dialing.states import EntryState, ListState
from hub.privacy.visibility import Authority, Scope
from hub.service import Service
from tests.fakes.dialer import Placed
from tests.hub.dialing.board import SECONDS, TOML, Firm, open_firm

CSV = """Telefon;Name;Notiz
030 98765401;Li Na;wants an offer
;Nobody;
030 98765402;Jo;
nonsense;;
030 98765401;Li Na again;
030 98765403;Kim;"""
FIRST, SECOND, THIRD = (f"tel:+49309876540{number}" for number in (1, 2, 3))


@asynccontextmanager
async def running(service: Service, look: float = 0.05) -> AsyncIterator[Runner]:
    """A runner as `hub serve` has it, in less of a hurry than a test."""
    ready = Readiness(Rota(service.config.agents), service.config.telephony.calls.wrap_up_seconds)
    async with service.dialing, Runner(service.store, service.live, service.dialing, ready, look=look) as runner:
        yield runner


async def made(firm: Firm, **more: Any) -> str:
    """A list of three numbers, started."""
    document = {"name": "Offers", "csv": CSV, "retry_minutes": 60, **more}
    found = await firm.ask("POST", "/dial-lists", 201, **document)
    await firm.ask("POST", f"/dial-lists/{found['id']}/start")
    return str(found["id"])


async def ended(firm: Firm, call: Placed, outcome: Outcome, legs: tuple[Leg, ...] = ()) -> None:
    """What a phone system that says how it ended tells of a call."""
    facts = Call(
        direction=Direction.OUTBOUND, state=CallState.ENDED, outcome=outcome, legs=legs, ended_at=datetime.now(UTC),
        answered_at=datetime.now(UTC) if outcome in (Outcome.COMPLETED, Outcome.VOICEMAIL) else None,
    )  # fmt: skip
    event = Event(key=f"board:{call.call}", id="over", channel=Channel.VOICE, at=datetime.now(UTC), facts=facts)
    await firm.office.service.ingest.record("board", [event])


def by_handle(page: Any) -> dict[str, Any]:
    return {each["handle"]: each for each in page["entries"]}


async def test_a_file_becomes_a_list_and_rows_without_a_number_are_named_by_their_line(each_firm: Firm) -> None:
    found = await each_firm.ask("POST", "/dial-lists", 201, name="Offers", csv=CSV)
    assert (found["state"], found["total"], found["done"]) == ("paused", 3, 0)
    assert [each["line"] for each in found["refused"]] == [3, 5, 6]
    page = await each_firm.ask("GET", f"/dial-lists/{found['id']}")
    assert [(each["handle"], each["name"], each["note"]) for each in page["entries"]] == [
        (FIRST, "Li Na", "wants an offer"), (SECOND, "Jo", ""), (THIRD, "Kim", ""),
    ]  # fmt: skip
    await each_firm.ask("POST", "/dial-lists", 422, name="Nothing", csv="number\nnonsense")
    contact = await each_firm.ask("POST", "/contacts", 201, name="Li Na", handles=[FIRST])
    people = await each_firm.ask("POST", "/dial-lists", 201, name="People", contacts=[contact["id"], "77"])
    assert (people["total"], people["refused"]) == (1, [{"line": 2, "reason": "no such contact"}])


async def test_one_call_after_the_other_and_how_each_ended(each_firm: Firm) -> None:
    async with asyncio.timeout(SECONDS), running(each_firm.office.service):
        list_id = await made(each_firm)
        call = await each_firm.board.dialled()
        assert call.callee == FIRST
        await each_firm.tell(call, "answered")
        page = await each_firm.until(f"/dial-lists/{list_id}", lambda page: "interaction" in page["entries"][0])
        assert page["counts"] == {"calling": 1, "waiting": 2}
        assert len(each_firm.board.placed) == 1  # she talks: nothing else is dialled
        await each_firm.tell(call, "ended", duration=30)
        call = await each_firm.board.dialled()
        assert call.callee == SECOND
        await ended(each_firm, call, Outcome.VOICEMAIL)
        call = await each_firm.board.dialled()
        assert call.callee == THIRD
        await ended(each_firm, call, Outcome.BUSY)
        page = await each_firm.until(f"/dial-lists/{list_id}", lambda page: page["counts"].get("calling", 0) == 0)
    states = {handle: (each["state"], each.get("reason")) for handle, each in by_handle(page).items()}
    assert states == {FIRST: ("reached", None), SECOND: ("machine", None), THIRD: ("waiting", "busy")}
    again = datetime.fromisoformat(by_handle(page)[THIRD]["due_at"]) - datetime.now(UTC)
    assert timedelta(minutes=55) < again <= timedelta(minutes=60)
    assert (page["done"], page["total"], page["state"]) == (2, 3, "running")


async def test_a_number_is_tried_again_until_it_has_had_its_attempts(firm: Firm) -> None:
    async with asyncio.timeout(SECONDS), running(firm.office.service) as runner:
        list_id = await made(firm, csv=FIRST.removeprefix("tel:"), attempts=2)
        await ended(firm, await firm.board.dialled(), Outcome.NO_ANSWER)
        await firm.until(f"/dial-lists/{list_id}", lambda page: page["entries"][0]["attempts"] == 1)
        await firm.execute("UPDATE dial_entries SET due_at = 1")
        runner.look()
        await ended(firm, await firm.board.dialled(), Outcome.NO_ANSWER)
        page = await firm.until(f"/dial-lists/{list_id}", lambda page: page["state"] == "done")
    assert [(each["state"], each["attempts"]) for each in page["entries"]] == [("failed", 2)]
    assert len(firm.board.placed) == 2


async def test_nothing_is_dialled_without_an_agent_ready(firm: Firm) -> None:
    service = firm.office.service
    ready = Readiness(Rota(service.config.agents), 60)

    async def is_ready() -> bool:
        return await service.store.read(lambda conn: ready.ready(conn, "ada", datetime.now(UTC)))

    assert await is_ready()
    await firm.ask("PUT", "/availability/me", state="dnd")
    assert not await is_ready()
    async with asyncio.timeout(SECONDS), running(service) as runner:
        list_id = await made(firm)
        for _ in range(3):  # looks that find nobody ready
            runner.look()
            await firm.ask("GET", f"/dial-lists/{list_id}")
        assert firm.board.placed == []
        await firm.ask("PUT", "/availability/me", state="available")
        call = await firm.board.dialled()
        assert not await is_ready()
        await firm.tell(call, "answered")
        await firm.ask("POST", f"/dial-lists/{list_id}/pause")
        await firm.tell(call, "ended", duration=5)
        # A paused list still learns how its last call ended, and begins no other.
        page = await firm.until(f"/dial-lists/{list_id}", lambda page: page["entries"][0]["state"] == "reached")
        assert page["state"] == "paused"
        assert not await is_ready()  # her wrap-up time of a minute runs
    assert len(firm.board.placed) == 1


async def test_the_gate_is_asked_for_every_entry(each_firm: Firm) -> None:
    await each_firm.said(FIRST, given=False)
    async with asyncio.timeout(SECONDS), running(each_firm.office.service):
        list_id = await made(each_firm)
        await ended(each_firm, await each_firm.board.dialled(), Outcome.COMPLETED)
        page = await each_firm.until(f"/dial-lists/{list_id}", lambda page: page["entries"][1]["state"] == "reached")
    first = by_handle(page)[FIRST]
    assert (first["state"], first["reason"]) == ("refused", "They do not want to be called.")
    assert FIRST not in [call.callee for call in each_firm.board.placed]


async def test_what_is_too_early_waits_for_its_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml = TOML.replace("quiet_days = []", f'quiet_days = ["{datetime.now(UTC):%a}"]'.lower())
    toml = toml.replace('timezone = "Europe/Berlin"', 'timezone = "UTC"')
    async with open_firm(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, monkeypatch, toml) as firm:
        sip = "sip:li@customer.example"  # nobody knows where: our own clock counts
        async with asyncio.timeout(SECONDS), running(firm.office.service):
            list_id = await made(firm, csv=sip)
            page = await firm.until(f"/dial-lists/{list_id}", lambda page: "reason" in page["entries"][0])
    (entry,) = page["entries"]
    assert entry["state"] == "waiting"
    assert datetime.fromisoformat(entry["due_at"]).date() == (datetime.now(UTC) + timedelta(1)).date()
    assert firm.board.placed == []


@pytest.mark.parametrize("mood", ["busy", "hang-up", "never"])
async def test_a_phone_system_that_does_not_place_it(firm: Firm, mood: str) -> None:
    firm.board.mood = mood
    async with asyncio.timeout(SECONDS), running(firm.office.service):
        list_id = await made(firm)
        page = await firm.until(f"/dial-lists/{list_id}", lambda page: page["state"] != "running")
    first, *others = page["entries"]
    if mood == "never":  # each number for itself
        assert [each["state"] for each in page["entries"]] == ["refused"] * 3
        assert page["state"] == "done"
        return
    assert page["state"] == "paused"
    assert first["state"] == {"busy": "waiting", "hang-up": "perhaps"}[mood]
    assert first["attempts"] == {"busy": 0, "hang-up": 1}[mood]
    assert [each["state"] for each in others] == ["waiting", "waiting"]
    assert page["reason"]


async def test_a_phone_of_hers_that_she_does_not_pick_up_pauses_the_list(firm: Firm) -> None:
    async with asyncio.timeout(SECONDS), running(firm.office.service):
        list_id = await made(firm)
        call = await firm.board.dialled()
        hers = Leg(id="1", phone="board/21", state=CallState.ENDED, outcome=Outcome.NO_ANSWER)
        await ended(firm, call, Outcome.NO_ANSWER, (hers,))
        page = await firm.until(f"/dial-lists/{list_id}", lambda page: page["state"] == "paused")
    assert page["reason"] == "Your phone rang and was not picked up."
    assert (page["entries"][0]["state"], page["entries"][0]["attempts"]) == ("waiting", 0)


async def test_an_entry_is_skipped_and_one_list_runs_at_a_time(each_firm: Firm) -> None:
    list_id = await made(each_firm)
    other = await each_firm.ask("POST", "/dial-lists", 201, name="Other", csv="number\n030 98765409")
    await each_firm.ask("POST", f"/dial-lists/{other['id']}/start", 409)
    assert (await each_firm.ask("POST", f"/dial-lists/{list_id}/skip"))["done"] == 1
    page = await each_firm.ask("GET", f"/dial-lists/{list_id}")
    await each_firm.ask("POST", f"/dial-lists/{list_id}/skip?entry={page['entries'][2]['id']}")
    page = await each_firm.ask("GET", f"/dial-lists/{list_id}")
    assert [each["state"] for each in page["entries"]] == ["skipped", "waiting", "skipped"]
    await each_firm.ask("DELETE", f"/dial-lists/{list_id}", 409)
    await each_firm.ask("POST", f"/dial-lists/{list_id}/pause")
    await each_firm.ask("DELETE", f"/dial-lists/{list_id}", 204)
    await each_firm.ask("GET", f"/dial-lists/{list_id}", 404)
    ben = await each_firm.office.token("ben", Scope.WRITE, "ben")
    async with ben.post(f"/api/v1/dial-lists/{other['id']}/start") as answer:
        assert answer.status == 403
    boss = await each_firm.office.person("boss", Authority.MANAGER)
    async with boss.post("/api/v1/dial-lists", json={"name": "For Ada", "agent": "ada", "csv": FIRST}) as answer:
        assert answer.status == 201


def test_what_a_call_came_to() -> None:
    def result(outcome: Outcome, *legs: Leg) -> tuple[EntryState | None, bool]:
        found = result_of(Call(state=CallState.ENDED, outcome=outcome, legs=legs), "ada", "board/21")
        return found.state, found.pauses

    now = datetime.now(UTC)
    hers = Leg(id="1", phone="board/21", answered_at=now)
    theirs = Leg(id="2", phone=FIRST, outcome=Outcome.BUSY)
    assert result(Outcome.COMPLETED, hers) == (EntryState.REACHED, False)
    assert result(Outcome.VOICEMAIL, hers) == (EntryState.MACHINE, False)
    assert result(Outcome.BUSY, hers, theirs) == (None, False)
    assert result(Outcome.NO_ANSWER, theirs) == (None, False)
    assert result(Outcome.COMPLETED, hers, theirs) == (None, False)  # she picked up, and the other phone was busy
    assert result(Outcome.COMPLETED, hers, Leg(id="2", answered_at=now)) == (EntryState.REACHED, False)
    assert result(Outcome.COMPLETED, hers, Leg(id="2", outcome=Outcome.VOICEMAIL)) == (EntryState.MACHINE, False)
    presumed = Call(state=CallState.ENDED, outcome=Outcome.NO_ANSWER, presumed=True)
    assert result_of(presumed, "ada", "board/21").state is EntryState.PERHAPS  # nobody heard how it ended
    assert result(Outcome.NO_ANSWER, Leg(id="1", agent="ada"), theirs) == (None, True)


@pytest.fixture(params=["sqlite", "postgresql"])
async def hubs(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Firm, Service]]:
    """A firm, and another hub on the same store. SQLite has one writing process, so there it is the same one."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'hub.sqlite3'}" if sqlite else str(request.getfixturevalue("postgres_url"))
    async with AsyncExitStack() as stack:
        firm = await stack.enter_async_context(open_firm(url, tmp_path, monkeypatch))
        service = firm.office.service
        other = service if sqlite else await stack.enter_async_context(Service.open(service.config))
        yield firm, other


async def test_two_hubs_dial_each_number_of_a_list_once(hubs: tuple[Firm, Service]) -> None:
    firm, other = hubs
    numbers = [f"tel:+4930987655{number:02}" for number in range(8)]
    service = firm.office.service
    list_id, now = service.store.ids(), datetime.now(UTC)
    view = ListView(
        id=list_id, name="Many", agent="ada", state=ListState.RUNNING, line="", source="", attempts=3,
        retry_minutes=60, reason="", created_at=now, counts={},
    )  # fmt: skip
    entries = [Entry(number) for number in numbers]
    await service.store.write(lambda conn: lists.add(conn, view, entries, service.store.ids))
    second: Dialing = other.dialing
    ready = Readiness(Rota(other.config.agents), 0)
    async with (
        asyncio.timeout(SECONDS),
        running(service, look=0.01),
        Runner(other.store, other.live, second, ready, look=0.01),
    ):
        for _ in numbers:
            await ended(firm, await firm.board.dialled(), Outcome.COMPLETED)
        page = await firm.until(f"/dial-lists/{list_id}", lambda page: page["state"] == "done")
    assert page["counts"] == {"reached": len(numbers)}
    assert sorted(call.callee for call in firm.board.placed) == numbers
