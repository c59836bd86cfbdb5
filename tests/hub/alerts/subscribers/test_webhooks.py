"""Webhooks as subscribers get them: signed, in order, repeated until taken, and given up at last."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from hub import accounts
from hub.alerts.book import Rulebook
from hub.alerts.subscribers.couriers import WebhooksPace
from hub.alerts.subscribers.desk import Changed, Logged, Refused, Subscribers
from hub.alerts.subscribers.events import caught_up
from hub.alerts.subscribers.rows import EVENTS, Sealing
from hub.config import load
from hub.live import Live, LiveEvent
from hub.privacy.visibility import Actor, Authority, Scope
from hub.sources.pace import Pace as Backoff
from hub.store import Store
from hub.store.alert_tables import alerts
from hub.store.way_tables import subscriber_events, subscribers
from tests.hub.alerts.subscribers.program import Program, program

ADMIN = Actor("admin", Authority.ADMIN, scope=Scope.ADMIN, record="login/1")
KEY = b"k" * 32
QUICK = WebhooksPace(look=0.02, backoff=Backoff(first_delay=0.01, longest_delay=0.02), delays=(0.05, 0.05, 0.05))


@dataclass(slots=True)
class Bench:
    """A desk with one subscriber, in a firm whose administrator is Ada."""

    store: Store
    live: Live
    desk: Subscribers
    program: Program
    number: int

    async def happened(self, alert: int, kind: str = "alert.opened") -> int:
        """Something becomes of an alert."""
        number, now = self.store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> None:
            conn.execute(
                subscriber_events.insert().values(
                    id=number, subscriber_id=self.number, type=kind, alert_id=alert, data={"id": str(alert)}, at=now,
                    due_at=now, state="queued",
                )
            )  # fmt: skip

        await self.store.write(work)
        self.desk.look()
        return number

    async def until(self, true: Callable[[list[Logged]], bool]) -> list[Logged]:
        """The log once *true* says so of it: the courier tells nobody else."""
        async with asyncio.timeout(15):
            while True:
                if true(found := await self.desk.attempts(self.number, None, 200)):
                    return found
                await asyncio.sleep(0.02)

    async def alerts(self) -> list[Any]:
        """The alerts of the hub itself."""
        query = sa.select(alerts).where(alerts.c.rule == "source")
        return list(await self.store.read(lambda conn: conn.execute(query).all()))

    async def became(self, event: int, state: str) -> None:
        """Return when a webhook is in that state."""
        async with asyncio.timeout(15):
            while True:
                if (await self.states())[event] == state:
                    return
                await asyncio.sleep(0.02)

    async def states(self) -> dict[int, str]:
        """How the webhooks do."""
        query = sa.select(subscriber_events.c.id, subscriber_events.c.state)
        return await self.store.read(lambda conn: {row.id: row.state for row in conn.execute(query)})


async def book(store: Store) -> Rulebook:
    """The rules that every hub has; Ada is its administrator."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text('[agents.ada]\nname = "Ada"\n')
        loaded = load(path, {})
    number, now = store.ids(), datetime.now(UTC)
    await store.write(lambda conn: accounts.add_login(conn, number, "ada", "", Authority.ADMIN, "ada", now))
    return Rulebook(loaded)


@asynccontextmanager
async def bench(store: Store, keys: tuple[bytes, ...] = (KEY,)) -> AsyncIterator[Bench]:
    async with Live() as live, program() as running:
        sealing = Sealing(keys, "the key of the store")
        allow = frozenset([running.place])
        desk = Subscribers(store, live, sealing, "https://hub.example.org", allow, await book(store), pace=QUICK)
        async with desk:
            number, running.secret = await desk.add(ADMIN, running.url, "Ledger", EVENTS)
            yield Bench(store, live, desk, running, number)


@pytest.mark.parametrize("keys", [(), (KEY,)], ids=["derived", "encrypted"])
async def test_a_webhook_comes_once_signed_and_its_secret_is_not_stored(store: Store, keys: tuple[bytes, ...]) -> None:
    async with bench(store, keys) as here:
        event = await here.happened(7)
        (logged,) = await here.until(lambda log: len(log) == 1)
        ((ident, document),) = here.program.taken
        assert ident == logged.event == f"msg_{event}"
        assert document["type"] == "alert.opened"
        assert document["data"] == {"id": "7", "url": "https://hub.example.org/alerts/7"}
        assert (logged.status, logged.answer, logged.reason, logged.state) == (200, "ok", "", "sent")
        stored = await store.read(lambda conn: conn.execute(sa.select(subscribers)).one())
        assert here.program.secret not in str(tuple(stored))
        assert here.program.secret.removeprefix("whsec_") not in str(tuple(stored))


async def test_it_is_repeated_with_the_same_id_until_it_is_taken_and_the_log_says_so(store: Store) -> None:
    async with bench(store) as here:
        here.program.status, here.program.said = 503, "x" * 2000
        await here.happened(7)
        await here.program.tried(2)
        here.program.status, here.program.said = 204, ""
        log = await here.until(lambda log: bool(log) and log[0].state == "sent")
        assert len(set(here.program.tries)) == len(here.program.taken) == 1
        assert [each.status for each in log] == [204, *[503] * (len(log) - 1)]
        assert len(log[-1].answer) == 500
        assert "503" in log[-1].reason


async def test_what_nobody_takes_is_given_up_and_sent_again_by_hand(store: Store) -> None:
    async with bench(store) as here:
        here.program.status = 400
        await here.happened(7)
        log = await here.until(lambda log: bool(log) and log[0].state == "failed")
        assert len(log) == len(QUICK.delays) + 1
        here.program.status = 200
        assert await here.desk.repeat(ADMIN, here.number, log[0].id)
        await here.until(lambda log: log[0].state == "sent")
        assert {ident for ident, _ in here.program.taken} == {log[0].event}
        assert not await here.desk.repeat(ADMIN, here.number + 1, log[0].id)


async def test_what_becomes_of_one_alert_comes_in_its_order_and_others_go_before(store: Store) -> None:
    async with bench(store) as here:
        here.program.status = 500
        opened = await here.happened(7)
        await here.program.tried(1)
        ended = await here.happened(7, "alert.ended")
        other = await here.happened(8)
        await here.program.tried(2)
        here.program.status = 200
        await here.until(lambda log: sum(each.reason == "" for each in log) == 3)
        came = [ident for ident, _ in here.program.taken]
        assert came.index(f"msg_{opened}") < came.index(f"msg_{ended}")
        assert sorted(came) == sorted(f"msg_{each}" for each in (opened, ended, other))


async def test_while_a_secret_is_rolled_the_old_one_signs_too_and_for_a_day_only(store: Store) -> None:
    async with bench(store) as here:
        old = here.program.secret
        new = await here.desk.roll(ADMIN, here.number)
        assert new is not None
        assert new != old
        for secret in (old, new):
            here.program.secret = secret
            assert (tried := await here.desk.tried(here.number)) is not None
            assert tried.reason == ""
        rolled = datetime.now(UTC) - timedelta(hours=24, seconds=1)
        await store.write(lambda conn: conn.execute(subscribers.update().values(rolled_at=rolled)))
        here.program.secret = old
        assert (tried := await here.desk.tried(here.number)) is not None
        assert tried.status == 401


async def test_who_answers_410_is_sent_nothing_more(store: Store) -> None:
    async with bench(store) as here:
        here.program.status = 410
        await here.happened(7)
        log = await here.until(bool)
        assert len(log) == 1
        subscriber = await here.desk.one(here.number)
        assert subscriber is not None
        assert (subscriber.enabled, subscriber.reason) == (False, "It answered 410 Gone.")
        (alert,) = await here.alerts()
        assert (alert.kind, alert.agent, alert.about["source"]) == ("source-lag", "ada", "Ledger")


async def test_who_takes_nothing_for_days_is_switched_off_and_somebody_is_told(store: Store) -> None:
    async with bench(store) as here:
        here.program.status = 500
        long = datetime.now(UTC) - timedelta(days=6)
        await store.write(lambda conn: conn.execute(subscribers.update().values(failing_since=long)))
        first = await here.happened(7)
        await here.became(first, "cancelled")
        (alert,) = await here.alerts()
        assert (alert.kind, alert.state) == ("source-lag", "open")
        assert await here.desk.change(ADMIN, here.number, None, enabled=True)
        here.program.status = 200
        await here.happened(8)
        await here.until(lambda log: log[0].state == "sent")
        (alert,) = await here.alerts()
        assert alert.state == "ended"


async def test_nothing_is_sent_after_it_was_switched_off(store: Store) -> None:
    async with bench(store) as here:
        assert await here.desk.change(ADMIN, here.number, 1, enabled=False)
        with pytest.raises(Changed):
            await here.desk.change(ADMIN, here.number, 1, label="Other")
        late = await here.happened(7)
        await here.became(late, "cancelled")
        assert here.program.tries == []


async def test_a_hub_that_was_killed_while_it_sent_sends_it_again_under_the_same_id(store: Store) -> None:
    async with bench(store) as here:
        here.program.silent = True
        event = await here.happened(7)
        await here.program.tried(1)
        here.program.silent = False
        await here.until(lambda log: bool(log) and log[0].state == "sent")
        assert set(here.program.tries) == {f"msg_{event}"}


INWARD = (
    "http://hooks.example.org/x",
    "https://10.0.0.1/x",
    "https://[::1]/x",
    "https://127.0.0.1:8080/x",
    "https://user:pw@hooks.example.org/x",
    "ftp://hooks.example.org/x",
    "hooks",
)


async def test_only_public_https_addresses_may_subscribe(store: Store) -> None:
    async with bench(store) as here:
        for url in INWARD:
            with pytest.raises(Refused):
                await here.desk.add(ADMIN, url, "", EVENTS)
            with pytest.raises(Refused):
                await here.desk.change(ADMIN, here.number, None, url=url)
        with pytest.raises(Refused):
            await here.desk.add(ADMIN, here.program.url, "", ["message.new"])


async def test_what_becomes_of_an_alert_is_told_with_ids_and_each_event_once(store: Store) -> None:
    async with bench(store) as here:
        now = datetime.now(UTC)
        values = {
            "rule": "vip", "agent": "ada", "kind": "message", "severity": "urgent", "about": {"deal": "5"},
            "contact_id": 3, "fact_at": now, "created_at": now, "updated_at": now,
        }  # fmt: skip
        made = [
            {**values, "id": 7, "key": "message/1", "state": "open"},
            {**values, "id": 8, "key": "message/2", "state": "ended", "acknowledged_at": now, "ended_at": now},
            {**values, "id": 9, "key": "message/3", "state": "open", "created_at": now - timedelta(days=1)},
        ]

        def work(conn: Connection) -> None:
            for row in made:
                conn.execute(alerts.insert().values(row))

        await store.write(work)
        for number in (7, 8, 9, 7):
            here.live.publish([LiveEvent("alert", {"id": str(number), "state": "open"}, "ada")])
        await here.until(lambda log: len(log) == 4)
        said = {"rule": "vip", "agent": "ada", "kind": "message", "severity": "urgent", "deal": "5", "contact": "3"}
        told = sorted((each["data"]["id"], each["type"], each["data"]["state"]) for _, each in here.program.taken)
        assert told == [
            ("7", "alert.opened", "open"), ("8", "alert.acknowledged", "acknowledged"), ("8", "alert.ended", "ended"),
            ("8", "alert.opened", "open"),
        ]  # fmt: skip
        assert all(each["data"].items() >= said.items() for _, each in here.program.taken)
        sweep = now - timedelta(hours=1)
        assert await store.write(lambda conn: caught_up(conn, store.ids, now, since=sweep)) == 0


async def test_two_hubs_send_each_webhook_once(store: Store) -> None:
    async with bench(store) as here, Live() as live:
        second = Subscribers(
            store, live, Sealing((KEY,), "the key of the store"), "https://hub.example.org",
            frozenset([here.program.place]), Rulebook(), pace=QUICK,
        )  # fmt: skip
        async with second:
            events: list[Any] = [await here.happened(alert) for alert in range(40)]
            second.look()
            await here.until(lambda log: len(log) >= 40)
        assert sorted(here.program.tries) == sorted(f"msg_{each}" for each in events)
