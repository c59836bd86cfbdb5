"""Pops: who is told, when each is told that it is over, and that what is gone stays gone."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub import CallState, Leg
from hub.live import Subscription
from hub.ours import Reach, Rung
from hub.pops import RINGING_SECONDS, Pop, Ringing, advance
from tests.hub.core import Core, call

RINGING, ANSWERED, ENDED = CallState.RINGING, CallState.ANSWERED, CallState.ENDED
ADA, BEN = "pbx/21", "pbx/22"


def legs(**states: CallState) -> list[Leg]:
    phones = {"ada": ADA, "ben": BEN}
    return [Leg(id=name, phone=phones[name], state=state) for name, state in states.items()]


async def events(screen: Subscription) -> list[tuple[str, dict[str, object]]]:
    """What waits on a screen, as (type, data), but for `activity`, which comes when it comes."""
    found: list[tuple[str, dict[str, object]]] = []
    while not found:
        frames = (await screen.frames() or b"").decode()
        for frame in frames.strip().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in frame.splitlines())
            if lines["event"] != "activity":
                found.append((lines["event"], json.loads(lines["data"])))
    return found


async def test_it_rings_only_where_the_phone_rings(core: Core) -> None:
    with core.live.subscribe("ada") as ada, core.live.subscribe("ben") as ben:
        await core.ingest.record("pbx", [call("1", RINGING, legs=legs(ada=RINGING))])
        assert [kind for kind, _ in await events(ada)] == ["pop"]
        assert [pop["id"] for pop in await core.pops.ringing("ben")] == []
        await core.ingest.record("pbx", [call("2", RINGING, legs=legs(ben=RINGING))])
        assert [kind for kind, _ in await events(ben)] == ["pop"]


async def test_without_a_phone_named_the_sources_agents_ring(core: Core) -> None:
    await core.ingest.record("pbx", [call("1", RINGING)])
    assert len(await core.pops.ringing("ada")) == len(await core.pops.ringing("ben")) == 1


async def test_an_unknown_phone_is_recorded_and_nobody_rings(core: Core) -> None:
    await core.ingest.record("pbx", [call("1", RINGING, legs=[Leg(id="x", phone="pbx/99", state=RINGING)])])
    assert await core.one("SELECT count(*) FROM interactions") == 1
    assert await core.one("SELECT count(*) FROM pops") == 0


async def test_answered_clears_the_others_and_keeps_the_card_of_her_who_answered(core: Core) -> None:
    with core.live.subscribe("ada") as ada, core.live.subscribe("ben") as ben:
        await core.ingest.record("pbx", [call("1", RINGING, legs=legs(ada=RINGING, ben=RINGING))])
        (_, first), (_, other) = (await events(ada))[0], (await events(ben))[0]
        await core.ingest.record("pbx", [call("1", ANSWERED, legs=legs(ada=ANSWERED, ben=RINGING))])
        kind, card = (await events(ada))[0]
        assert (kind, card["id"], card["state"], card["mine"]) == ("pop", first["id"], "answered", True)
        assert (await events(ben))[0] == ("pop-withdrawn", {"id": other["id"], "reason": "answered"})
        assert [pop["id"] for pop in await core.pops.ringing("ada")] == [first["id"]]
        assert await core.pops.ringing("ben") == []
        await core.ingest.record("pbx", [call("1", ENDED, legs=legs(ada=ENDED, ben=ENDED))])
        assert ("pop-withdrawn", {"id": first["id"], "reason": "over"}) in await events(ada)
    assert await core.pops.ringing("ada") == []


async def test_pops_do_not_ring_on_in_any_tab_after_one_answered(core: Core) -> None:
    tabs = [core.live.subscribe("ben") for _ in range(3)]
    screens = [tab.__enter__() for tab in tabs]
    await core.ingest.record("pbx", [call("1", RINGING, legs=legs(ada=RINGING, ben=RINGING))])
    (pop,) = await core.pops.ringing("ben")
    await core.ingest.record("pbx", [call("1", ANSWERED, legs=legs(ada=ANSWERED, ben=RINGING))])
    for screen in screens:
        told = []
        while ("pop-withdrawn", {"id": pop["id"], "reason": "answered"}) not in told:
            told += await events(screen)
    for tab in tabs:
        tab.__exit__(None, None, None)
    assert await core.pops.ringing("ben") == []


async def test_one_phone_that_stops_clears_only_its_agent(core: Core) -> None:
    await core.ingest.record("pbx", [call("1", RINGING, legs=legs(ada=RINGING, ben=RINGING))])
    await core.ingest.record("pbx", [call("1", RINGING, legs=legs(ada=ENDED, ben=RINGING), step="ada stops")])
    assert await core.pops.ringing("ada") == []
    assert len(await core.pops.ringing("ben")) == 1


async def test_dismissed_clears_every_tab_of_that_agent_and_never_returns(core: Core) -> None:
    with core.live.subscribe("ada") as one, core.live.subscribe("ada") as two, core.live.subscribe("ben") as ben:
        await core.ingest.record("pbx", [call("1", RINGING, legs=legs(ada=RINGING, ben=RINGING))])
        pop = (await events(one))[0][1]["id"]
        await events(two), await events(ben)
        assert await core.pops.dismiss(int(str(pop)), "ada")
        for screen in (one, two):
            assert await events(screen) == [("pop-withdrawn", {"id": pop, "reason": "dismissed"})]
        await core.ingest.record("pbx", [call("1", RINGING, legs=legs(ada=RINGING), step="rings again")])
        assert await core.pops.ringing("ada") == []
        assert len(await core.pops.ringing("ben")) == 1


async def test_nobody_dismisses_for_another(core: Core) -> None:
    await core.ingest.record("pbx", [call("1", RINGING, legs=legs(ada=RINGING))])
    (pop,) = await core.pops.ringing("ada")
    assert not await core.pops.dismiss(int(pop["id"]), "ben")
    assert len(await core.pops.ringing("ada")) == 1


async def test_an_old_ringing_event_pops_nowhere(core: Core) -> None:
    late = datetime.now(UTC) - timedelta(minutes=10)
    await core.ingest.record("pbx", [call("1", RINGING, at=late, legs=legs(ada=RINGING))])
    assert await core.one("SELECT count(*) FROM interactions") == 1
    assert await core.one("SELECT count(*) FROM pops") == 0


async def test_backfill_pops_nowhere(core: Core) -> None:
    await core.ingest.record("pbx", [call("1", RINGING, legs=legs(ada=RINGING))], live=False)
    assert await core.one("SELECT count(*) FROM pops") == 0


async def test_the_state_reaches_a_screen_that_missed_the_hints(core: Core) -> None:
    await core.ingest.record("pbx", [call("1", RINGING, legs=legs(ada=RINGING))])
    with core.live.subscribe("ada") as screen:
        stating = asyncio.create_task(core.pops.run())
        told = await events(screen)
        assert [kind for kind, _ in told] == ["pop", "ringing"]
        pop = told[0][1]["id"]
        assert told[1][1] == {"pops": [[pop, 1]]}
        # The end is written by another hub: no hint comes, only what SQL says.
        await core.store.write(lambda conn: conn.exec_driver_sql("UPDATE pops SET state = 'over'") and None)
        told = await events(screen)
        while ("pop-withdrawn", {"id": pop, "reason": "over"}) not in told:
            told += await events(screen)
        assert told[-1] == ("ringing", {"pops": []})
        stating.cancel()
        await asyncio.gather(stating, return_exceptions=True)


async def test_a_call_whose_end_never_came_stops_ringing(core: Core) -> None:
    await core.ingest.record("pbx", [call("1", RINGING, legs=legs(ada=RINGING))])
    await core.store.write(lambda conn: conn.exec_driver_sql("UPDATE pops SET expires_at = 1") and None)
    with core.live.subscribe("ada") as screen:
        stating = asyncio.create_task(core.pops.run())
        assert ("pop-withdrawn", "over") in [(kind, data.get("reason")) for kind, data in await events(screen)]
        stating.cancel()
        await asyncio.gather(stating, return_exceptions=True)
    assert await core.one("SELECT state FROM pops") == "over"


STATES = st.sampled_from([CallState.QUEUED, RINGING, ANSWERED, CallState.HELD, CallState.TRANSFERRED, ENDED])
RUNG = st.builds(Rung, STATES.filter(lambda state: state is not CallState.QUEUED), st.sampled_from(Reach))
PHONES = st.dictionaries(st.sampled_from(["ada", "ben", "eve"]), RUNG, max_size=3)


@given(st.lists(st.tuples(STATES, PHONES), min_size=1, max_size=12))
@example([(CallState.QUEUED, {"ben": Rung(ANSWERED)}), (CallState.QUEUED, {"ben": Rung(RINGING, Reach.GROUP)})])
def test_whatever_is_told_what_left_a_screen_does_not_return(story: list[tuple[CallState, dict[str, Rung]]]) -> None:
    pops: dict[str, Pop] = {}
    gone: set[int] = set()
    number = itertools.count(1)
    for step, (state, phones) in enumerate(story):
        for pop in advance(Ringing(1, "tel:+49", "", 0, state, phones, fresh=True), pops, step, lambda: next(number)):
            before = pops.get(pop.agent)
            assert pop.revision == (before.revision + 1 if before else 1)
            assert not (pop.shown and pop.id in gone)
            if before and before.shown and not (pop.shown and pop.id == before.id):
                gone.add(before.id)
            pops[pop.agent] = pop
        for agent, pop in pops.items():
            rung = phones.get(agent, Rung(ENDED))
            assert pop.current == (rung.state.taken and state is not ENDED)
            if pop.state == "ringing":  # only where a phone rings, or a call waits for one of the group
                assert (rung.state, state is ENDED) == (RINGING, False)
        if state is ENDED:
            assert all(pop.state == "over" for pop in pops.values())


def test_a_pop_outlasts_any_ringing() -> None:
    (pop,) = advance(Ringing(1, "", "", 0, RINGING, {"ada": Rung(RINGING)}, fresh=True), {}, 0, lambda: 7)
    assert pop.expires_at == RINGING_SECONDS * 1_000_000


@pytest.mark.parametrize("count", [1, 8])
async def test_every_tab_is_told_at_once(core: Core, count: int) -> None:
    subscriptions = [core.live.subscribe("ada") for _ in range(count)]
    screens = [subscription.__enter__() for subscription in subscriptions]
    await core.ingest.record("pbx", [call("1", RINGING, legs=legs(ada=RINGING))])
    for screen in screens:
        assert [kind for kind, _ in await events(screen)] == ["pop"]
    for subscription in subscriptions:
        subscription.__exit__(None, None, None)
