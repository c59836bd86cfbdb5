"""After a call: the wrap-up opens for her whose part is over, and ends by itself or when she is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from hub import CallState, Leg
from hub.availability import Availability, Rota, State
from hub.calls import wrapping
from hub.calls.wrapping import WrapUp
from hub.pops import House
from hub.store import Store
from tests.hub.core import AGENTS, Core, call, open_core

ROTA = Rota({agent.id: agent for agent in AGENTS})
RINGING, ANSWERED, ENDED = CallState.RINGING, CallState.ANSWERED, CallState.ENDED


@pytest.fixture
async def desk(store: Store) -> AsyncIterator[Core]:
    """A core in which wrap-up takes a minute."""
    async with open_core(store, house=House(ROTA, wrap_up_seconds=60)) as core:
        yield core


async def step(core: Core, ident: str, state: CallState, phone: str = "pbx/21") -> None:
    await core.ingest.record("pbx", [call(ident, state, legs=[Leg(id=phone, phone=phone, state=state)])])


async def wrap_ups(core: Core, agent: str) -> list[WrapUp]:
    return await core.store.read(lambda conn: wrapping.of_agent(conn, agent))


async def states(core: Core) -> dict[str, State]:
    standings = await Availability(core.store, core.live, ROTA).everybody()
    return {each.agent: each.state for each in standings.values()}


async def test_it_opens_for_who_talked_and_keeps_her_from_the_next_call_of_the_group(desk: Core) -> None:
    with desk.live.subscribe("ada") as screen:
        await step(desk, "1", RINGING)
        await step(desk, "1", ANSWERED)
        assert await states(desk) == {"ada": State.BUSY, "ben": State.AVAILABLE}
        await step(desk, "1", ENDED)
        told = b""
        while b"event: wrap-up\n" not in told:
            told += await screen.frames() or b""
    (wrap_up,) = await wrap_ups(desk, "ada")
    assert wrap_up.ends_at - wrap_up.began_at == timedelta(seconds=60)
    assert await wrap_ups(desk, "ben") == []
    assert await states(desk) == {"ada": State.WRAPPING, "ben": State.AVAILABLE}
    await desk.ingest.record("pbx", [call("2", RINGING)])
    assert await desk.rows("SELECT agent, state FROM pops WHERE state IN ('ringing', 'waiting') ORDER BY agent") == [
        ("ada", "waiting"),
        ("ben", "ringing"),
    ]


async def test_a_call_that_nobody_took_needs_none(desk: Core) -> None:
    await step(desk, "1", RINGING)
    await step(desk, "1", ENDED)
    assert await wrap_ups(desk, "ada") == []


async def test_she_is_done_once_and_may_say_what_came_of_it_later(desk: Core) -> None:
    for state in (RINGING, ANSWERED, ENDED):
        await step(desk, "1", state)
    (wrap_up,) = await wrap_ups(desk, "ada")
    now = wrap_up.began_at + timedelta(seconds=5)
    more = await desk.store.write(lambda conn: wrapping.change(conn, wrap_up, now, more_seconds=30))
    assert more.ends_at == wrap_up.ends_at + timedelta(seconds=30)
    done = await desk.store.write(lambda conn: wrapping.change(conn, more, now, done=True))
    assert (done.state, done.ends_at, done.done_at) == ("done", now, now)
    said = await desk.store.write(lambda conn: wrapping.change(conn, done, now, disposition="Done", more_seconds=30))
    assert (said.state, said.disposition, said.ends_at) == ("done", "Done", now)


async def test_it_ends_by_itself_and_her_screens_are_told(desk: Core) -> None:
    for state in (RINGING, ANSWERED, ENDED):
        await step(desk, "1", state)
    await desk.store.write(lambda conn: conn.exec_driver_sql("UPDATE wrap_ups SET ends_at = began_at") and None)
    with desk.live.subscribe("ada") as screen:
        async with Availability(desk.store, desk.live, ROTA):
            told = b""
            while b'"state":"done"' not in told:
                told += await screen.frames() or b""
    assert await wrap_ups(desk, "ada") == []


async def test_everybody_is_told_when_somebody_takes_a_call(desk: Core) -> None:
    with desk.live.subscribe("ben") as screen:
        async with Availability(desk.store, desk.live, ROTA, look=0.05) as availability:
            await availability.look()
            await step(desk, "1", ANSWERED)
            told = b""
            while b"event: availability\n" not in told:
                told += await screen.frames() or b""
    assert b'"agent":"ada","state":"busy"' in told


async def test_what_is_read_hours_later_opens_none(desk: Core) -> None:
    late = datetime.now(UTC) - timedelta(hours=2)
    for state in (RINGING, ANSWERED, ENDED):
        event = call("1", state, at=late, legs=[Leg(id="a", phone="pbx/21", state=state)])
        await desk.ingest.record("pbx", [event])
    assert await desk.one("SELECT count(*) FROM wrap_ups") == 0
