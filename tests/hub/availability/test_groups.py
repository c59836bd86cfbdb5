"""Whom of a group a call is shown to: the free ones, the owner of the contact first, and who stands in for her."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub import Agent, Call, CallState, Channel, Event, Joined, Leg, Participant, Role
from hub.availability import Declared, Rota, State, rows
from hub.availability.rows import Absence
from hub.calls import blocking
from hub.ours import Line, Ours
from hub.pops import House
from hub.pops.states import HEAD_START_SECONDS
from hub.privacy.visibility import HUB
from hub.store import Store
from tests.hub.core import LINE, Core, open_core

RINGING, ANSWERED, ENDED, QUEUED = CallState.RINGING, CallState.ANSWERED, CallState.ENDED, CallState.QUEUED
CALLER = "tel:+4917012345678"
AGENTS = tuple(
    Agent(id, id.title(), (f"tel:+493012345{number}",), (f"pbx/{number}",), stand_in=stand_in)
    for id, number, stand_in in (("ada", 21, "ben"), ("ben", 22, ""), ("cyd", 23, ""))
)
ROTA = Rota({agent.id: agent for agent in AGENTS})
OURS = Ours(AGENTS, {"pbx": Line(frozenset([LINE]), ("ada", "ben", "cyd"))}, {"support": ("ben", "cyd")})


@pytest.fixture
async def desk(store: Store) -> AsyncIterator[Core]:
    """Three agents, and a queue of which two are members."""
    async with open_core(store, OURS, house=House(ROTA, wrap_up_seconds=60)) as core:
        yield core


def call(ident: str, state: CallState, *legs: Leg, queue: str | None = None, step: str = "") -> Event:
    return Event(
        key=f"pbx:{ident}",
        id=step or state,
        channel=Channel.VOICE,
        at=datetime.now(UTC),
        facts=Call(
            participants=(Participant(CALLER, Role.CALLER), Participant(LINE, Role.CALLEE)),
            line=LINE,
            state=state,
            legs=legs,
            queue=queue,
        ),
    )


def leg(agent: str, state: CallState, **more: Any) -> Leg:
    number = {"ada": 21, "ben": 22, "cyd": 23}[agent]
    return Leg(id=more.pop("id", agent), phone=f"pbx/{number}", state=state, **more)


async def says(core: Core, agent: str, state: State) -> None:
    now = datetime.now(UTC)
    await core.store.write(lambda conn: rows.declare(conn, HUB, core.store.ids(), agent, Declared(state), now))


async def ringing(core: Core) -> set[str]:
    """On whose screens something rings."""
    return {agent for (agent,) in await core.rows("SELECT agent FROM pops WHERE state = 'ringing'")}


async def shown_to(core: Core, agent: str) -> None:
    """Let time pass until it rings on her screen."""
    with core.live.subscribe(agent) as screen:
        passing = asyncio.create_task(core.pops.run())
        while b"event: pop\n" not in (await screen.frames() or b""):
            pass
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)


async def owner(core: Core, agent: str) -> None:
    contact = await core.contact("Li Na", CALLER)
    await core.store.write(
        lambda conn: conn.exec_driver_sql(f"UPDATE contacts SET owner = '{agent}' WHERE id = {contact}") and None
    )


async def test_a_group_is_shown_to_those_of_it_who_are_free(desk: Core) -> None:
    await says(desk, "ada", State.DND)
    await says(desk, "ben", State.AWAY)
    await desk.ingest.record("pbx", [call("1", RINGING)])
    assert await ringing(desk) == {"cyd"}
    await says(desk, "ben", State.AVAILABLE)
    await shown_to(desk, "ben")
    assert await ringing(desk) == {"ben", "cyd"}


async def test_where_nobody_is_free_a_ringing_line_is_shown_to_those_who_are_there(desk: Core) -> None:
    await says(desk, "ada", State.DND)
    await says(desk, "ben", State.AWAY)
    await says(desk, "cyd", State.AWAY)
    await desk.ingest.record("pbx", [call("1", RINGING)])
    assert await ringing(desk) == {"ben", "cyd"}


async def test_her_own_phone_rings_on_her_screen_whatever_she_said(desk: Core) -> None:
    await says(desk, "ada", State.DND)
    await desk.ingest.record("pbx", [call("1", RINGING, leg("ada", RINGING))])
    assert await ringing(desk) == {"ada"}


async def test_who_is_not_to_be_disturbed_is_not_by_a_phone_that_rings_for_a_group(desk: Core) -> None:
    await says(desk, "ben", State.DND)
    legs = [leg(agent, RINGING, joined=Joined.QUEUE) for agent in ("ben", "cyd")]
    await desk.ingest.record("pbx", [call("1", RINGING, *legs, queue="support")])
    assert await ringing(desk) == {"cyd"}


async def test_a_waiting_call_is_its_owners_first_and_then_the_groups(desk: Core) -> None:
    await owner(desk, "ben")
    await desk.ingest.record("pbx", [call("1", QUEUED, queue="Support")])
    assert await ringing(desk) == {"ben"}
    await desk.store.write(
        lambda conn: (
            conn.exec_driver_sql(f"UPDATE pops SET expires_at = expires_at - {HEAD_START_SECONDS * 1_000_000}") and None
        )
    )
    await shown_to(desk, "cyd")
    (shown,) = await desk.pops.ringing("cyd")
    assert (shown["for"], shown["queue"]) == ({"id": "ben", "name": "Ben"}, "Support")


async def test_the_stand_in_of_an_absent_owner_is_asked_first(desk: Core) -> None:
    await owner(desk, "Ada")
    now = datetime.now(UTC)
    away = Absence(1, "ada", now - timedelta(days=1), now + timedelta(days=1))
    await desk.store.write(lambda conn: rows.add(conn, HUB, 2, away, now))
    await desk.ingest.record("pbx", [call("1", QUEUED, queue="support")])
    assert await ringing(desk) == {"ben"}


async def test_everybody_is_not_bothered_by_calls_that_ring_elsewhere(desk: Core) -> None:
    """A queue rings one phone after the other: each is told when hers rings, and only then; also the second time."""
    ring = {"joined": Joined.QUEUE}
    await desk.ingest.record("pbx", [call("1", QUEUED, queue="support")])
    assert await ringing(desk) == set()
    stories = [("ben", RINGING, "b1"), ("ben", ENDED, "b1"), ("cyd", RINGING, "c1"), ("cyd", ENDED, "c1")]
    told = []
    for number, (agent, state, id) in enumerate([*stories, ("ben", RINGING, "b2")]):
        step = call("1", QUEUED, leg(agent, state, id=id, **ring), queue="support", step=f"{number}")
        await desk.ingest.record("pbx", [step])
        told.append(await ringing(desk))
    assert told == [{"ben"}, set(), {"cyd"}, set(), {"ben"}]
    await desk.ingest.record("pbx", [call("1", ANSWERED, leg("ben", ANSWERED, id="b2", **ring), step="answered")])
    assert await ringing(desk) == set()


async def test_a_call_that_is_passed_on_rings_for_the_next_and_ends_for_the_first(desk: Core) -> None:
    await desk.ingest.record("pbx", [call("1", ANSWERED, leg("ada", ANSWERED))])
    passed = leg("ben", RINGING, joined=Joined.WARM_TRANSFER, by="ada")
    await desk.ingest.record("pbx", [call("1", ANSWERED, leg("ada", ANSWERED), passed, step="rings at Ben's")])
    (shown,) = await desk.pops.ringing("ben")
    assert (shown["state"], shown["from_agent"]) == ("ringing", {"id": "ada", "name": "Ada"})
    assert [pop["state"] for pop in await desk.pops.ringing("ada")] == ["answered"]
    taken = leg("ben", ANSWERED, joined=Joined.WARM_TRANSFER, by="ada")
    await desk.ingest.record("pbx", [call("1", ANSWERED, leg("ada", ENDED), taken, step="Ben talks")])
    assert await desk.pops.ringing("ada") == []
    (shown,) = await desk.pops.ringing("ben")
    assert (shown["state"], shown["mine"]) == ("answered", True)
    assert shown["talking"]
    assert await desk.rows("SELECT agent, state FROM wrap_ups") == [("ada", "open")]


async def test_who_passes_a_call_on_blindly_is_out_of_it_before_the_next_one_takes_it(desk: Core) -> None:
    await desk.ingest.record("pbx", [call("1", ANSWERED, leg("ada", ANSWERED))])
    passed = leg("ben", RINGING, joined=Joined.BLIND_TRANSFER, by="ada")
    step = call("1", CallState.TRANSFERRED, leg("ada", CallState.TRANSFERRED), passed)
    await desk.ingest.record("pbx", [step])
    assert await desk.pops.ringing("ada") == []
    assert [pop["from_agent"] for pop in await desk.pops.ringing("ben")] == [{"id": "ada", "name": "Ada"}]
    assert await desk.rows("SELECT agent, state FROM wrap_ups") == [("ada", "open")]


async def test_a_blocked_number_is_recorded_and_rings_nobody(desk: Core) -> None:
    now = datetime.now(UTC)
    await desk.store.write(lambda conn: blocking.block(conn, HUB, 1, CALLER, "sells warranties", now) and None)
    await desk.ingest.record("pbx", [call("1", RINGING), call("2", RINGING, leg("ada", RINGING))])
    assert await desk.one("SELECT count(*) FROM interactions") == 2
    assert await desk.one("SELECT count(*) FROM pops") == 0


async def test_a_call_we_make_is_on_the_screen_of_her_who_talks_and_of_nobody_before(desk: Core) -> None:
    people = (Participant("tel:+49301234521", Role.CALLER), Participant(CALLER, Role.CALLEE))
    for state in (RINGING, ANSWERED, ENDED):
        facts = Call(participants=people, line=LINE, state=state, legs=(leg("ada", state),))
        event = Event(key="pbx:out", id=state, channel=Channel.VOICE, at=datetime.now(UTC), facts=facts)
        await desk.ingest.record("pbx", [event])
        shown = [(pop["handle"], pop["mine"]) for pop in await desk.pops.ringing("ada")]
        assert shown == ([(CALLER, True)] if state is ANSWERED else [])
    assert await desk.rows("SELECT agent, state FROM wrap_ups") == [("ada", "open")]


async def test_in_a_conference_it_is_everybodys_call_who_talks_and_each_hears_when_it_is_held(desk: Core) -> None:
    talk = [leg("ada", ANSWERED), leg("ben", ANSWERED, joined=Joined.CONFERENCE)]
    with desk.live.subscribe("ben") as screen:
        await desk.ingest.record("pbx", [call("1", ANSWERED, *talk)])
        for agent in ("ada", "ben"):
            assert [pop["mine"] for pop in await desk.pops.ringing(agent)] == [True]
        held = [leg("ada", CallState.HELD), leg("ben", CallState.HELD)]
        await desk.ingest.record("pbx", [call("1", CallState.HELD, *held)])
        told = b""
        while b'"state":"held"' not in told:
            told += await screen.frames() or b""
