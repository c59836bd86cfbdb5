"""A call that never gets its end is closed by a rule, marked so, and believes whatever is heard of it later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub import Call, CallState, Kind, Leg, Outcome
from hub.calls.closing import Closing
from hub.facts import decode
from tests.hub.core import Core, call


async def facts(core: Core, key: str = "pbx:1") -> Call:
    text = await core.one("SELECT facts FROM interactions WHERE key = :key", key=key)
    known = decode(Kind.CALL, text)
    assert isinstance(known, Call)
    return known


def _leg(state: CallState, at: datetime) -> Leg:
    answered_at = at if state is CallState.ANSWERED else None
    return Leg(id="2", phone="pbx/21", state=state, started_at=at, answered_at=answered_at)


@pytest.mark.parametrize(
    ("state", "minutes", "outcome"),
    [
        (CallState.RINGING, 10, Outcome.MISSED),
        (CallState.QUEUED, 60, Outcome.MISSED),
        (CallState.ANSWERED, 360, Outcome.COMPLETED),
        (CallState.HELD, 360, Outcome.COMPLETED),
    ],
)
async def test_a_call_that_never_ends_is_closed_by_a_rule_and_marked(
    core: Core, state: CallState, minutes: int, outcome: Outcome
) -> None:
    closing = Closing(core.store, core.ingest, 6)
    began = datetime.now(UTC) - timedelta(minutes=2)
    legs = [_leg(state, began)] if state is CallState.RINGING else []
    await core.ingest.record("pbx", [call("1", state, at=began, legs=legs)])
    now = datetime.now(UTC)
    assert await closing.look(now + timedelta(minutes=minutes - 1)) == 0
    assert await closing.look(now + timedelta(minutes=minutes + 1)) == 1
    closed = await facts(core)
    assert (closed.state, closed.presumed, closed.outcome, closed.ended_at) == (CallState.ENDED, True, outcome, began)
    assert {leg.state for leg in closed.legs} <= {CallState.ENDED}
    assert await core.rows("SELECT agent FROM pops WHERE state IN ('ringing', 'answered')") == []
    assert await closing.look(now + timedelta(days=1)) == 0


async def test_a_late_end_replaces_the_presumed_one(core: Core) -> None:
    began = datetime.now(UTC) - timedelta(minutes=2)
    await core.ingest.record("pbx", [call("1", CallState.ANSWERED, at=began, legs=[_leg(CallState.ANSWERED, began)])])
    assert await Closing(core.store, core.ingest, 6).look(datetime.now(UTC) + timedelta(hours=7)) == 1
    ended = began + timedelta(minutes=1)
    await core.ingest.record("pbx", [call("1", CallState.ENDED, at=ended)])
    closed = await facts(core)
    assert (closed.presumed, closed.ended_at, closed.duration) == (None, ended, 60)


async def test_a_call_of_which_something_is_heard_again_lives_on_and_is_closed_again(core: Core) -> None:
    closing = Closing(core.store, core.ingest, 6)
    began = datetime.now(UTC)
    await core.ingest.record("pbx", [call("1", CallState.QUEUED, at=began)])
    await closing.look(began + timedelta(hours=2))
    await core.ingest.record("pbx", [call("1", CallState.ANSWERED, at=began + timedelta(hours=3))])
    assert (await facts(core)).state is CallState.ANSWERED
    assert await closing.look(began + timedelta(hours=12)) == 1
    assert (await facts(core)).outcome is Outcome.COMPLETED


async def test_calls_that_are_over_and_mails_are_left_alone(core: Core) -> None:
    await core.ingest.record("pbx", [call("1", CallState.ENDED)])
    assert await Closing(core.store, core.ingest, 6).look(datetime.now(UTC) + timedelta(days=9)) == 0
