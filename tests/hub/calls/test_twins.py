"""Two doors that report one call make one record, whichever was first and however late it becomes clear."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub import Call, CallState, Channel, Event, Kind, Leg, Outcome, Participant, Role
from hub.calls import twins
from hub.facts import decode
from hub.privacy.visibility import Actor, Authority
from hub.store.sets import SetRead
from hub.timeline import by_key
from tests.hub.core import LINE, Core, letter

CUSTOMER = "tel:+4917012345678"
RINGING, ANSWERED, ENDED = CallState.RINGING, CallState.ANSWERED, CallState.ENDED
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file was read minutes ago where the whole suite runs, and what is old rings nobody."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC).replace(microsecond=0))


def told(
    key: str,
    state: CallState,
    second: float,
    *,
    caller: str | None = CUSTOMER,
    line: str | None = LINE,
    legs: Sequence[Leg] = (),
    outcome: Outcome | None = None,
) -> Event:
    people = () if caller is None else (Participant(caller, Role.CALLER), Participant(line or LINE, Role.CALLEE))
    at = NOW + timedelta(seconds=second)
    facts = Call(participants=people or None, line=line, state=state, legs=tuple(legs), outcome=outcome)
    return Event(key=key, id=state, channel=Channel.VOICE, at=at, facts=facts)


async def keys(core: Core) -> list[str]:
    return [key for (key,) in await core.rows("SELECT key FROM interactions ORDER BY key")]


async def facts(core: Core, key: str) -> Call:
    def work(conn: sa.Connection) -> str:
        found = by_key(conn, Actor("test", Authority.ADMIN), key)
        assert found is not None
        return found.key

    name = await core.store.read(work)
    known = decode(Kind.CALL, await core.one("SELECT facts FROM interactions WHERE key = :key", key=name))
    assert isinstance(known, Call)
    return known


@pytest.mark.parametrize("first", ["pbx", "twilio"])
async def test_two_doors_reporting_one_call_make_one_record(core: Core, first: str) -> None:
    second = {"pbx": "twilio", "twilio": "pbx"}[first]
    await core.contact("Li Na", CUSTOMER)
    await core.ingest.record(first, [told(f"{first}:a", RINGING, 0)])
    await core.ingest.record(second, [told(f"{second}:b", RINGING, 4)])
    await core.ingest.record(second, [told(f"{second}:b", ENDED, 60, caller=None, line=None)])
    await core.ingest.record(first, [told(f"{first}:a", ANSWERED, 8)])
    await core.ingest.record(second, [told(f"{second}:b", RINGING, 4)])
    assert await keys(core) == [f"{first}:a"]
    assert await core.one("SELECT count(*) FROM events") == 4
    assert await core.one("SELECT count(*) FROM activities") == 1
    for key in (f"{first}:a", f"{second}:b"):
        call = await facts(core, key)
        assert (call.state, call.outcome) == (ENDED, Outcome.COMPLETED)


async def test_both_doors_in_one_batch(core: Core) -> None:
    await core.ingest.record("pbx", [told("pbx:a", RINGING, 0), told("pbx:a", ENDED, 9)])
    await core.ingest.record("twilio", [told("twilio:b", ENDED, 9), told("twilio:b", RINGING, 1)])
    assert await keys(core) == ["pbx:a"]


async def test_two_calls_of_one_caller_at_one_door_stay_two(core: Core) -> None:
    await core.ingest.record("pbx", [told("pbx:a", RINGING, 0), told("pbx:a", ENDED, 3), told("pbx:b", RINGING, 6)])
    assert await keys(core) == ["pbx:a", "pbx:b"]
    await core.ingest.record("twilio", [told("twilio:b", RINGING, 6)])
    await core.ingest.record("twilio", [told("twilio:a", RINGING, 1)])
    assert await keys(core) == ["pbx:a", "pbx:b"]
    assert await core.rows("SELECT key, into_key FROM call_keys ORDER BY key") == [
        ("twilio:a", "pbx:a"),
        ("twilio:b", "pbx:b"),
    ]


@pytest.mark.parametrize(
    ("second", "other"),
    [(0, {"caller": "tel:+4917099999999"}), (0, {"caller": ""}), (0, {"line": "tel:+4930123999"}), (30, {})],
    ids=["another caller", "withheld", "another line", "later"],
)
async def test_other_calls_are_no_twins(core: Core, second: int, other: dict[str, Any]) -> None:
    await core.ingest.record("pbx", [told("pbx:a", RINGING, 0)])
    await core.ingest.record("pbx", [told("pbx:w", RINGING, 0, caller="")])
    await core.ingest.record("twilio", [told("twilio:b", RINGING, second, **other)])
    assert await keys(core) == ["pbx:a", "pbx:w", "twilio:b"]


@pytest.mark.parametrize("older", ["pbx", "twilio"])
async def test_two_records_become_one_when_it_is_clear_that_they_are(core: Core, older: str) -> None:
    """The phone system names the caller only when the phone is picked up."""
    await core.contact("Li Na", CUSTOMER)
    ringing = Leg(id="1", phone="pbx/21", state=RINGING)
    early = {
        "pbx": told("pbx:a", RINGING, 1, caller=None, line=None, legs=[ringing]),
        "twilio": told("twilio:b", RINGING, 0),
    }
    for source in (older, *({"pbx", "twilio"} - {older})):
        await core.ingest.record(source, [early[source]])
    assert len(await keys(core)) == 2
    picked_up = Leg(id="1", phone="pbx/21", state=ANSWERED, answered_at=NOW + timedelta(seconds=5))
    await core.ingest.record("pbx", [told("pbx:a", ANSWERED, 5, legs=[picked_up])])
    assert await keys(core) == [{"pbx": "pbx:a", "twilio": "twilio:b"}[older]]
    assert await core.one("SELECT count(*) FROM conversations") == 1
    assert await core.one("SELECT last_interaction_id FROM conversations") == await core.one(
        "SELECT id FROM interactions"
    )
    assert await core.rows("SELECT agent, state, mine FROM pops WHERE state = 'answered' AND mine") == [
        ("ada", "answered", True)
    ]
    assert await core.one("SELECT count(*) FROM events") == 3
    await core.ingest.record("twilio", [told("twilio:b", ENDED, 30), told("twilio:b", RINGING, 0)])
    for key in ("pbx:a", "twilio:b"):
        call = await facts(core, key)
        assert (call.state, call.outcome, [leg.state for leg in call.legs]) == (ENDED, Outcome.COMPLETED, [ENDED])
    assert await core.one("SELECT count(*) FROM participants") == 2


async def test_a_mail_pays_nothing_for_it(core: Core) -> None:
    asked: list[str] = []
    engine = core.store
    await core.ingest.record("mail", [letter("a@customer.example")])

    def work(conn: sa.Connection) -> list[tuple[str, object]]:
        class Refusing:
            dialect = conn.dialect

            def __getattr__(self, name: str) -> object:
                asked.append(name)
                raise AssertionError(name)

        return twins.by_first_name(Refusing(), [])  # type: ignore[arg-type, return-value]

    assert await engine.read(work) == []
    assert asked == []


@pytest.mark.parametrize("name", ["names", "sources", "people"])
async def test_every_read_finds_its_rows_by_an_index(core: Core, name: str) -> None:
    reads: dict[str, SetRead] = {"names": twins._NAMES, "sources": twins._SOURCES}

    def plan(conn: sa.Connection) -> list[str]:
        dialect = conn.dialect.name
        sql = reads[name].sql(dialect) if name in reads else twins._OF_PEOPLE_IN[dialect]
        if dialect == "sqlite":
            rows = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", {"keys": "[]", "since": 1})
            return [row[3] for row in rows if "SCAN" in row[3] and "json_each" not in row[3]]
        conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
        rows = conn.exec_driver_sql(f"EXPLAIN {sql}", {"keys": ["1"], "since": 1})
        return [row[0] for row in rows if "Seq Scan" in row[0]]

    assert await core.store.read(plan) == []
