"""One alert for each episode, rule and person, whatever comes in whatever order."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.book import Rulebook
from hub.alerts.facts import Fact, FactKind
from hub.alerts.raising import MOST_AN_HOUR, raised
from hub.live import LiveEvent
from hub.store import Store
from hub.store.alert_tables import alert_settings, alert_tellings, alerts
from tests.hub.alerts.conftest import NOW

MESSAGES = '[rules.big]\nkind = "message"\nwho = ["ada"]\nseverity = "warning"\n'


def spike(number: int, *, ended: bool = False) -> Fact:
    return Fact(kind=FactKind.SPIKE, key=f"spike/{number}", at=NOW, query_id=number, agents=("ada",), ended=ended)


def message(number: int, **more: Any) -> Fact:
    return Fact(kind=FactKind.MESSAGE, key=f"message/{number}", at=NOW, **more)


async def told(store: Store, facts: Sequence[Fact], book: Rulebook, minutes: float = 0) -> list[LiveEvent]:
    now = NOW + timedelta(minutes=minutes)
    return await store.write(lambda conn: raised(conn, facts, book, store.ids, now))


async def rows(store: Store, *which: sa.ColumnElement[bool]) -> list[Any]:
    query = sa.select(alerts).where(*which).order_by(alerts.c.id)
    return await store.read(lambda conn: list(conn.execute(query).all()))


async def tellings(store: Store) -> list[tuple[str, str, str, str]]:
    t = alert_tellings.c
    query = sa.select(t.agent, t.way, t.kind, t.state).order_by(t.agent, t.way, t.kind)
    return await store.read(lambda conn: [tuple(row) for row in conn.execute(query)])


async def test_an_episode_is_one_alert_with_its_end(store: Store, booked: Callable[[str], Rulebook]) -> None:
    book = booked("")
    (event,) = await told(store, [spike(12)], book)
    (row,) = await rows(store)
    assert (event.type, event.agent, event.data) == (
        "alert",
        "ada",
        {"id": str(row.id), "state": "open", "severity": "warning"},
    )
    await told(store, [spike(12), spike(12)], book, 1)
    (row,) = await rows(store)
    assert (row.count, row.state, row.rule, row.about) == (3, "open", "spike", {"query": "12"})
    assert await tellings(store) == [("ada", "chat-team", "alert", "queued"), ("ada", "push", "alert", "queued")]
    await store.write(lambda conn: conn.execute(alert_tellings.update().values(state="sent")).rowcount)
    (gone,) = await told(store, [spike(12, ended=True)], book, 2)
    assert (gone.type, gone.data["id"]) == ("alert-gone", str(row.id))
    assert await tellings(store) == [
        ("ada", "chat-team", "alert", "sent"),
        ("ada", "chat-team", "update", "queued"),
        ("ada", "push", "alert", "sent"),
    ]
    assert await told(store, [spike(12, ended=True)], book, 3) == []
    await told(store, [spike(12)], book, 4)
    assert [each.state for each in await rows(store)] == ["ended", "open"]


async def test_begin_end_and_repeat_in_any_order_leave_one_open_and_one_end_each(
    store: Store, booked: Callable[[str], Rulebook]
) -> None:
    book, chance = booked(""), random.Random(6)
    is_open, episodes = [False] * 4, [0] * 4
    for _ in range(12):
        facts = [spike(chance.randrange(4), ended=chance.random() < 0.4) for _ in range(chance.randrange(1, 6))]
        for fact in facts:
            number = fact.query_id or 0
            episodes[number] += not fact.ended and not is_open[number]
            is_open[number] = not fact.ended
        news = await told(store, facts, book)
        assert {event.agent for event in news} <= {"ada"}
    for number in range(4):
        of = await rows(store, alerts.c.key == f"spike/{number}")
        assert len(of) == episodes[number]
        assert [row.state for row in of] == ["ended"] * (len(of) - is_open[number]) + ["open"] * is_open[number]


async def test_a_flood_of_10000_facts_is_some_alerts_and_one_that_counts_the_rest(
    store: Store, booked: Callable[[str], Rulebook]
) -> None:
    book = booked(MESSAGES)
    for start in range(0, 10_000, 500):
        await told(store, [message(number) for number in range(start, start + 500)], book, start / 1000)
    found = await rows(store)
    assert len(found) == MOST_AN_HOUR + 1
    (more,) = [row for row in found if row.kind == "more"]
    assert (more.key, more.count) == ("more/big", 10_000 - MOST_AN_HOUR)
    assert len(await tellings(store)) == 2 * (MOST_AN_HOUR + 1)
    await told(store, [message(-1)], book, 61)
    assert len(await rows(store)) == MOST_AN_HOUR + 2


async def test_what_is_older_than_its_connection_or_expired_raises_nothing(
    store: Store, booked: Callable[[str], Rulebook]
) -> None:
    book = booked(MESSAGES)
    late = message(2, expires_at=NOW - timedelta(seconds=1))
    assert await told(store, [message(1, live=False), late], book) == []
    assert await rows(store) == []


async def test_whoever_muted_a_rule_hears_nothing_of_it_and_others_do(
    store: Store, booked: Callable[[str], Rulebook]
) -> None:
    book = booked('[rules.big]\nkind = "message"\nwho = ["team:sales", "eve"]\n')

    def mute(conn: Connection) -> None:
        conn.execute(
            alert_settings.insert(),
            [
                {"agent": "ada", "settings": {"muted": ["big"]}, "updated_at": NOW},
                {"agent": "ben", "settings": {"ways": {"notice": []}}, "updated_at": NOW},
            ],
        )

    await store.write(mute)
    await told(store, [message(1)], book)
    assert [row.agent for row in await rows(store)] == ["ben", "eve"]
    assert await tellings(store) == []


async def test_two_hubs_that_learn_the_same_at_once_raise_it_once(
    store: Store, booked: Callable[[str], Rulebook]
) -> None:
    book = booked("")
    await told(store, [spike(1)], book)
    await told(store, [spike(1)], booked(""))  # as after a crash before the answer
    (row,) = await rows(store)
    assert (row.count, len(await tellings(store))) == (2, 2)
