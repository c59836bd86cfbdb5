"""The couriers of alerts: each way by itself, what is not heard of, what is called off, two hubs, and kills."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from hub import Rejected, Unavailable, Unsupported
from hub.alerts.ways import claims
from hub.alerts.ways.claims import Claimed
from hub.alerts.ways.couriers import Couriers, WaysPace
from hub.alerts.ways.way import Gone, Way, What
from hub.crm.records import insert
from hub.live import Live, LiveEvent
from hub.sources.pace import Pace as Backoff
from hub.store import Store
from hub.store.alert_tables import alert_tellings, alerts
from hub.store.columns import EPOCH
from hub.store.way_tables import way_states, ways

SOON = Backoff(first_delay=0.02, longest_delay=0.05)
QUICK = WaysPace(look=0.02, answer=0.5, grace=0.2, backoff=SOON, again=SOON)
NOW = datetime.now(UTC)


class Plain(Way):
    """A way that cannot tell a repetition. *verdicts* are raised one after the other, then it works; while it is
    *held* nothing is answered."""

    at_once = 4

    def __init__(self, *verdicts: BaseException) -> None:
        self.verdicts = list(verdicts)
        self.told: list[What] = []
        self.tries: list[str] = []
        self.held = asyncio.Event()
        self.held.set()
        self.came = asyncio.Event()

    async def tell(self, what: What) -> str:
        self.tries.append(what.ident)
        self.came.set()
        if self.verdicts:
            raise self.verdicts.pop(0)
        await self.held.wait()
        self.told.append(what)
        return f"id-{what.ident}"


class Keyed(Plain):
    """A way that shows what is told twice once."""

    repeatable = True


class Alone(Keyed):
    """A way on which everybody is reached over a server of her own."""

    shared = False


def told(conn: Connection, rows: Sequence[Claimed]) -> Mapping[int, What | str]:
    """What the tests tell: a telling about the alert 13 is called off."""
    return {
        row.id: "It was seen to."
        if row.alert_id == 13
        else What(ident=str(row.id), topic=f"alert-{row.alert_id}", agent=row.agent, title="Something", at=NOW)
        for row in rows
    }


@dataclass(slots=True)
class Hub:
    """A store and its couriers."""

    store: Store
    live: Live
    couriers: Couriers
    ids: list[int] = field(default_factory=list)

    async def queue(self, way: str, count: int = 1, **more: Any) -> list[int]:
        """So many tellings are due, of alerts that are told of right after the commit."""
        made = [
            {
                "id": self.store.ids(), "alert_id": 7, "agent": "ada", "way": way, "kind": "alert", "state": "queued",
                "due_at": NOW - timedelta(minutes=1), "created_at": NOW, **more,
            }
            for _ in range(count)
        ]  # fmt: skip
        await self.store.write(lambda conn: conn.execute(alert_tellings.insert(), made))
        self.live.publish([LiveEvent("alert", {"id": "7"}, "ada")])
        return [int(str(row["id"])) for row in made]

    async def rows(self, *ids: int) -> dict[int, Any]:
        """The tellings as they stand."""
        query = sa.select(alert_tellings).where(alert_tellings.c.id.in_(ids))
        return await self.store.read(lambda conn: {row.id: row for row in conn.execute(query)})

    async def until(self, ids: Sequence[int], true: Callable[[Any], bool]) -> list[Any]:
        """The tellings once *true* says so of each."""
        async with asyncio.timeout(20):
            while True:
                found = await self.rows(*ids)
                if all(true(row) for row in found.values()):
                    return [found[each] for each in ids]
                await asyncio.sleep(0.02)

    async def settled(self, ids: Sequence[int]) -> list[Any]:
        """The tellings once none waits any more."""
        return await self.until(ids, lambda row: row.state != "queued")

    async def state(self, way: str) -> Any:
        """How a way did last."""
        query = sa.select(way_states).where(way_states.c.way == way)
        return await self.store.read(lambda conn: conn.execute(query).one())


@asynccontextmanager
async def hub(store: Store, pace: WaysPace = QUICK, **by: Way) -> AsyncIterator[Hub]:
    await store.write(two_alerts)
    async with Live() as live, Couriers(store, by, told, live, pace=pace) as couriers:
        yield Hub(store, live, couriers)


def two_alerts(conn: Connection) -> None:
    """The alerts 7 and 13."""
    made = [
        {"id": number, "rule": "r", "agent": "ada", "key": f"test/{number}", "kind": "test", "severity": "info",
         "state": "open", "about": {}, "fact_at": NOW, "created_at": NOW, "updated_at": NOW}
        for number in (7, 13)
    ]  # fmt: skip
    conn.execute(insert(conn, alerts).on_conflict_do_nothing(), made)


async def test_an_alert_is_told_once_right_after_it_was_written(store: Store) -> None:
    slow = WaysPace(look=30)
    mail = Plain()
    async with hub(store, slow, mail=mail) as here:
        async with asyncio.timeout(20):
            (number,) = await here.queue("mail")
            await mail.came.wait()
        (row,) = await here.settled([number])
        assert (row.state, row.provider_id, row.attempts) == ("sent", f"id-{number}", 1)
        assert row.sent_at is not None
        assert (await here.state("mail")).failed_at is None
    assert len(mail.told) == 1


async def test_a_way_that_is_down_delays_no_other_and_tells_when_it_is_back(store: Store) -> None:
    down, up = Keyed(), Keyed()
    down.verdicts = [Unavailable("The server is down.") for _ in range(30)]
    async with hub(store, down=down, up=up) as here:
        waiting = await here.queue("down", 10)
        going = await here.queue("up", 40)
        assert {row.state for row in await here.settled(going)} == {"sent"}
        assert here.couriers.statuses()["up"].health == "good"
        assert {row.state for row in await here.settled(waiting)} == {"sent"}
    assert len(down.told) == 10
    assert len(up.told) == 40


async def test_what_nobody_heard_the_end_of_is_not_repeated_where_the_way_has_no_key(store: Store) -> None:
    plain, keyed = Plain(TimeoutError("No answer.")), Keyed(TimeoutError("No answer."))
    async with hub(store, plain=plain, keyed=keyed) as here:
        (perhaps,) = await here.settled(await here.queue("plain"))
        (sent,) = await here.settled(await here.queue("keyed"))
        assert (perhaps.state, perhaps.reason) == ("perhaps", claims.UNHEARD)
        assert (sent.state, sent.attempts) == ("sent", 2)
        assert (await here.state("plain")).reason == claims.UNHEARD
    assert (len(plain.tries), len(keyed.tries)) == (1, 2)


async def test_a_way_that_never_answers_is_left_after_its_time(store: Store) -> None:
    plain = Plain()
    plain.held.clear()
    async with hub(store, plain=plain) as here:
        (row,) = await here.settled(await here.queue("plain"))
        assert row.state == "perhaps"


async def test_what_is_never_taken_fails_with_its_reason_and_the_next_is_told(store: Store) -> None:
    way = Alone(Unsupported("It is too long."), Rejected("Another key."))
    async with hub(store, way=way) as here:
        first = await here.settled(await here.queue("way"))
        second = await here.settled(await here.queue("way"))
        third = await here.settled(await here.queue("way"))
        assert [(row.state, row.reason) for row in (*first, *second, *third)] == [
            ("failed", "It is too long."), ("failed", "Another key."), ("sent", ""),
        ]  # fmt: skip
        state = await here.state("way")
        assert (state.reason, state.sent_at >= state.failed_at) == ("Another key.", True)


async def test_a_refused_login_stops_the_way_visibly_and_it_goes_on_when_it_is_taken_again(store: Store) -> None:
    way = Plain(Rejected("The password is wrong."))
    slow = WaysPace(look=0.02, backoff=Backoff(first_delay=0.4, longest_delay=0.5), again=SOON)
    async with hub(store, slow, way=way) as here:
        (number,) = await here.queue("way")
        await here.until([number], lambda row: row.attempts == 1)
        assert (here.couriers.statuses()["way"].health, here.couriers.statuses()["way"].cause) == (
            "rejected", "The password is wrong.",
        )  # fmt: skip
        (row,) = await here.settled([number])
        assert row.state == "sent"
        assert here.couriers.statuses()["way"].health == "good"


async def test_a_browser_that_is_gone_is_forgotten(store: Store) -> None:
    way = Alone(Gone("It is gone."))

    def phone(conn: Connection) -> None:
        conn.execute(ways.insert().values(id=5, agent="ada", kind="push", address="x", settings={}, created_at=NOW))

    await store.write(phone)
    async with hub(store, push=way) as here:
        (row,) = await here.settled(await here.queue("push", way_id=5))
        assert (row.state, row.reason) == ("failed", "It is gone.")
        assert await store.read(lambda conn: conn.execute(sa.select(ways)).all()) == []


async def test_nothing_is_sent_that_was_called_off_or_has_expired_or_is_held(store: Store) -> None:
    way = Keyed()
    async with hub(store, way=way) as here:
        off = await here.queue("way", alert_id=13)
        late = await here.queue("way", expires_at=NOW - timedelta(seconds=1))
        later = await here.queue("way", due_at=NOW + timedelta(hours=1))
        held = await here.queue("way", state="held")
        assert [row.state for row in await here.settled([*off, *late])] == ["cancelled", "expired"]
        found = await here.rows(*later, *held)
        assert [row.state for row in found.values()] == ["queued", "held"]
    assert way.tries == []


async def test_what_is_called_off_while_it_waits_for_a_way_that_is_down_is_not_sent(store: Store) -> None:
    way = Keyed(*(Unavailable("Down.") for _ in range(1000)))
    async with hub(store, way=way) as here:
        (number,) = await here.queue("way")
        await here.until([number], lambda row: row.attempts >= 2)
        off = alert_tellings.update().where(alert_tellings.c.id == number).values(state="cancelled")
        await store.write(lambda conn: conn.execute(off))
        await here.until([number], lambda row: row.claimed_until is None)
        way.verdicts = []
        (after,) = await here.settled(await here.queue("way"))
        (row,) = await here.settled([number])
        assert (row.state, after.state) == ("cancelled", "sent")
    assert [what.ident for what in way.told] == [str(after.id)]


async def test_two_hubs_share_what_is_due_and_tell_each_once(store: Store) -> None:
    one, other = Plain(), Plain()
    async with hub(store, way=one) as here, hub(store, way=other) as there:
        numbers = await here.queue("way", 60)
        there.couriers.look()
        await here.settled(numbers)
    said = Counter(what.ident for what in (*one.told, *other.told))
    assert said == Counter(str(each) for each in numbers)


async def test_after_a_kill_what_was_under_way_is_repeated_or_perhaps_and_the_rest_is_told(store: Store) -> None:
    """The claims of a hub that is gone: on SQLite the next hub ends them, elsewhere they run out."""
    plain, keyed = Plain(), Keyed()
    await store.write(two_alerts)
    async with Live() as live:
        before = Hub(store, live, Couriers(store, {}, told, live))
        begun = [*(await before.queue("plain")), *(await before.queue("keyed"))]
        gone = alert_tellings.update().values(claimed_until=EPOCH)
        await store.write(lambda conn: conn.execute(gone))
        rest = [*(await before.queue("plain")), *(await before.queue("keyed"))]
    async with hub(store, plain=plain, keyed=keyed) as here:
        assert [row.state for row in await here.settled(begun)] == ["perhaps", "sent"]
        assert [row.state for row in await here.settled(rest)] == ["sent", "sent"]
    assert (len(plain.told), len(keyed.told)) == (1, 2)


async def test_a_hub_that_stops_leaves_nothing_in_doubt_that_it_did_not_begin(store: Store) -> None:
    way = Plain()
    async with hub(store, way=way) as here:
        numbers = await here.queue("way", 200)
        async with asyncio.timeout(20):
            await way.came.wait()
    found = (await here.rows(*numbers)).values()
    assert {row.state for row in found} <= {"queued", "sent"}
    assert all(row.claimed_until is None for row in found)
    assert sorted(str(row.id) for row in found if row.state == "sent") == sorted(way.tries)
