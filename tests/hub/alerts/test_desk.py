"""What people do with alerts, and what time does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.book import Rulebook
from hub.alerts.desk import Alerts, Refused, Stale
from hub.alerts.facts import Fact, FactKind
from hub.alerts.raising import raised
from hub.alerts.timing import Preferences, Quiet
from hub.config import Config
from hub.crm.records import Unknown
from hub.live import Live
from hub.privacy.visibility import Actor, Authority
from hub.store import Store
from hub.store.alert_tables import alert_settings, alert_tellings, alerts
from hub.store.mention_tables import mention_episodes, mention_matches, mentions, watch_queries
from hub.store.schema import (
    absences,
    activities,
    appointments,
    booking_notices,
    bookings,
    contacts,
    conversations,
    deals,
    interactions,
    missed_calls,
    tasks,
)
from hub.web.i18n import Reader
from tests.hub.alerts.conftest import NOW, FixedReach

ADA = Actor("ada", Authority.AGENT, "ada", record="login/1")
BEN = Actor("ben", Authority.MANAGER, "ben", record="login/2")
READER = Reader("en", "UTC", NOW)
RULES = """
[rules.urgent]
kind = "message"
who = ["ada"]
severity = "urgent"
escalate_minutes = 30
[rules.note]
kind = "bounce"
who = ["ada"]
[rules.ringing]
kind = "call"
who = ["ada"]
severity = "warning"
[rules.moved]
kind = "deal-moved"
[rules.quiet]
kind = "silence-of-contact"
[rules.booked]
kind = "booking"
states = ["moved"]
[rules.still]
kind = "deal-still"
days = 10
"""


class Firm:
    """A desk and what tests say to it."""

    def __init__(self, config: Config, store: Store) -> None:
        self.store = store
        self.live = Live()
        self.book = Rulebook(config, FixedReach(config, {}, {}))
        self.desk = Alerts(config, store, self.live, self.book)

    async def happens(self, kind: str, number: int = 1, now: datetime = NOW, **more: Any) -> None:
        fact = Fact(kind=FactKind(kind), key=f"{kind}/{number}", at=now, **more)
        await self.store.write(lambda conn: raised(conn, [fact], self.book, self.store.ids, now))

    async def rows(self, *columns: Any) -> list[Any]:
        query = sa.select(*columns).order_by(columns[0])
        return [tuple(row) for row in await self.store.read(lambda conn: conn.execute(query).all())]

    async def tellings(self) -> list[tuple[str, str, str]]:
        t = alert_tellings.c
        return sorted((agent, kind, state) for agent, kind, state in await self.rows(t.agent, t.kind, t.state))

    async def prefers(self, agent: str, **how: Any) -> None:
        settings = Preferences(**how).model_dump(mode="json", by_alias=True)
        values = {"agent": agent, "settings": settings, "updated_at": NOW}
        await self.store.write(lambda conn: conn.execute(alert_settings.insert().values(values)).rowcount)

    async def states(self) -> list[tuple[str, str]]:
        return [(agent, state) for _, agent, state in await self.rows(alerts.c.id, alerts.c.agent, alerts.c.state)]


@pytest.fixture
async def firm(store: Store, configured: Callable[[str], Config]) -> Firm:
    return Firm(configured(RULES), store)


async def test_an_alert_acknowledged_once_is_gone_everywhere_and_its_messages_say_so(firm: Firm) -> None:
    await firm.happens("message")
    (alert,) = await firm.desk.listed(ADA, READER)
    assert (alert.rule, alert.said.severity, await firm.desk.unread("ada")) == ("urgent", "urgent", 1)
    assert alert.said.why == "The rule “urgent” tells you."
    await firm.store.write(
        lambda conn: (
            conn.execute(
                alert_tellings.update().where(alert_tellings.c.way == "chat-team").values(state="sent")
            ).rowcount
        )
    )
    assert await firm.desk.acknowledge(BEN, [alert.id]) == [], "it is not his"
    with firm.live.subscribe("ada") as screen:
        assert await firm.desk.acknowledge(ADA, [alert.id, 404]) == [alert.id]
        assert b"event: alert-gone" in (await screen.frames() or b"")
    assert await firm.tellings() == [
        ("ada", "alert", "cancelled"),
        ("ada", "alert", "sent"),
        ("ada", "update", "queued"),
    ]
    assert await firm.desk.acknowledge(ADA, [alert.id]) == []
    await firm.happens("message")
    assert await firm.states() == [("ada", "acknowledged"), ("ada", "open")], "what comes after is news again"


async def test_a_button_is_pressed_by_whom_the_alert_is_for(store: Store, configured: Callable[[str], Config]) -> None:
    config = configured(RULES)
    agents = dict(config.agents)
    for name in ("ada", "ben"):
        agents[name] = replace(agents[name], handles=(f"slack:T1/{name}",))
    firm = Firm(replace(config, agents=agents), store)
    await firm.happens("message")
    (alert,) = await firm.desk.listed(ADA, READER)
    value = firm.desk.button(alert.id)
    for wrong, who in ((value, "slack:T1/ben"), (value, "slack:T1/eve"), ("alert:9:ack", "slack:T1/ada")):
        assert not await firm.desk.by_button(wrong, who)
    for nonsense in ("", "alert:x:ack", f"alert:{10**30}:ack", "order:1:ack", f"alert:{alert.id}:delete"):
        assert not await firm.desk.by_button(nonsense, "slack:T1/ada")
    assert await firm.desk.by_button(value, "slack:T1/ada")
    assert await firm.states() == [("ada", "acknowledged")]


async def test_what_nobody_sees_to_goes_to_the_stand_in_once(firm: Firm) -> None:
    await firm.happens("message")
    await firm.desk.keeper.look(NOW + timedelta(minutes=29))
    assert await firm.states() == [("ada", "open")]
    for hub in (firm.desk.keeper, Firm(firm.desk._config, firm.store).desk.keeper):
        await hub.look(NOW + timedelta(minutes=31))
    assert sorted(await firm.states()) == [("ada", "open"), ("ben", "open")]
    (hers,) = await firm.desk.listed(ADA, READER)
    (his,) = await firm.desk.listed(BEN, READER)
    assert hers.escalated_to == "ben"
    assert "Ada has not seen to it in time." in his.said.why


async def test_whoever_is_absent_is_told_through_her_stand_in(firm: Firm) -> None:
    away = {"id": 1, "agent": "ada", "from_at": NOW - timedelta(days=1), "until_at": NOW + timedelta(days=1)}
    await firm.store.write(lambda conn: conn.execute(absences.insert().values(stand_in="ben", **away)).rowcount)
    await firm.happens("message")
    assert await firm.states() == [("ben", "open")]


async def test_quiet_hours_hold_what_is_told_and_their_end_tells_it_once_as_one(firm: Firm) -> None:
    await firm.prefers("ada", quiet=(Quiet.model_validate({"from": "12:00", "until": "14:00"}),))
    for number in range(3):
        await firm.happens("bounce", number)
    assert await firm.tellings() == [("ada", "alert", "held")] * 3
    await firm.desk.keeper.look(NOW + timedelta(minutes=119))
    assert await firm.tellings() == [("ada", "alert", "held")] * 3
    other = Firm(firm.desk._config, firm.store)
    for hub in (firm, other):
        await hub.desk.keeper.look(NOW + timedelta(minutes=121))
    sent = [each for each in await firm.tellings() if each[0] == "ada"]
    assert sent == [("ada", "alert", "cancelled")] * 3 + [("ada", "digest", "queued")]
    digest, *_ = {each for (each,) in await firm.rows(alert_tellings.c.digest_id) if each}
    assert (digest,) in await firm.rows(alert_tellings.c.id)


async def test_an_alert_about_a_call_is_never_told_after_the_call_is_over(firm: Firm) -> None:
    await firm.happens("call", expires_at=NOW + timedelta(minutes=2))
    assert await firm.tellings() == [("ada", "alert", "queued")] * 2
    await firm.happens("call", ended=True)
    assert await firm.tellings() == [("ada", "alert", "cancelled")] * 2
    await firm.happens("call", 2, expires_at=NOW + timedelta(minutes=2))
    await firm.desk.keeper.look(NOW + timedelta(minutes=3))
    assert ("ada", "alert", "queued") not in await firm.tellings()
    assert [state for _, state in await firm.states()] == ["ended", "expired"]
    await firm.happens("call", 3, NOW + timedelta(minutes=9), expires_at=NOW + timedelta(minutes=2))
    assert len(await firm.states()) == 2


async def test_a_snoozed_alert_comes_back_and_is_told_again(firm: Firm) -> None:
    now = datetime.now(UTC)
    until = now + timedelta(minutes=20)
    await firm.happens("message", 1, now)
    (alert,) = await firm.desk.listed(ADA, READER)
    with pytest.raises(Refused):
        await firm.desk.snooze(ADA, alert.id, NOW)
    assert not await firm.desk.snooze(BEN, alert.id, until)
    assert await firm.desk.snooze(ADA, alert.id, until)
    assert await firm.desk.unread("ada") == 0
    await firm.desk.keeper.look(until - timedelta(minutes=1))
    assert await firm.states() == [("ada", "snoozed")]
    await firm.desk.keeper.look(until + timedelta(minutes=1))
    assert await firm.states() == [("ada", "open")]
    assert await firm.tellings() == [("ada", "alert", "cancelled")] * 2 + [("ada", "alert", "queued")] * 2


async def test_nothing_is_told_after_it_was_switched_off(firm: Firm) -> None:
    await firm.happens("message")
    await firm.desk.set_settings(ADA, Preferences(off=("chat",)), 0)
    t = alert_tellings.c
    assert sorted(await firm.rows(t.way, t.state)) == [("chat-team", "cancelled"), ("push", "queued")]
    with pytest.raises(Stale):
        await firm.desk.set_settings(ADA, Preferences(), 0)
    await firm.desk.set_settings(ADA, Preferences(ways={"urgent": ()}), 1)
    assert {state for _, state in await firm.rows(t.way, t.state)} == {"cancelled"}
    await firm.happens("message", 2)
    assert {state for _, state in await firm.rows(t.way, t.state)} == {"cancelled"}


async def test_a_rule_of_the_page_is_switched_off_on_every_hub_at_once(firm: Firm) -> None:
    rule = await firm.desk.make_rule(BEN, "calls", {"kind": "missed", "who": ["eve", "ben"], "severity": "warning"})
    other = Firm(firm.desk._config, firm.store)
    await firm.store.read(other.book.refresh)
    await other.happens("missed")
    assert ("ben", "alert", "queued") in await firm.tellings()
    assert rule.id is not None
    with pytest.raises(Stale):
        await firm.desk.change_rule(BEN, rule.id, 7, {"kind": "missed"})
    await firm.desk.change_rule(BEN, rule.id, 1, {"kind": "missed", "who": ["ben"], "enabled": False})
    assert ("ben", "alert", "queued") not in await firm.tellings()
    await other.happens("missed", 2)  # it has not heard of it yet
    assert len(await firm.states()) == 2
    with pytest.raises(Refused):
        await firm.desk.make_rule(BEN, "urgent", {"kind": "missed"})
    with pytest.raises(Refused):
        await firm.desk.make_rule(BEN, "other", {"kind": "missed", "days": 3})
    await firm.desk.remove_rule(BEN, rule.id)
    assert {state for _, state in await firm.states()} == {"ended"}


def interaction(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "key": f"mail:{number}", "channel": "email", "kind": "message", "direction": "inbound",
        "occurred_at": NOW - timedelta(days=1), "title": "Offer", "preview": "", "state": "", "outcome": "",
        "conversation_id": number // 10, "source": "mail", "open_level": 3, "facts": {}, "revision": 1,
        "recorded_at": NOW, **more,
    }  # fmt: skip


async def test_a_reminder_is_hers_alone(firm: Firm) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    await firm.store.write(lambda conn: conn.execute(interactions.insert().values(interaction(10))).rowcount)
    with pytest.raises(Unknown):
        await firm.desk.remind(ADA, 404, due, "")
    await firm.desk.remind(ADA, 10, due, "Ask about the price")
    for _ in range(2):
        await firm.desk.keeper.look(due + timedelta(minutes=1))
    (alert,) = await firm.desk.listed(ADA, READER)
    assert alert.said.title == "Reminder: Ask about the price"
    assert (alert.interaction_id, alert.count) == (10, 1)
    said = await firm.store.read(lambda conn: firm.desk.words.said(conn, [alert.id], "ben", "en", "UTC"))
    assert "price" not in said[alert.id].title


async def test_what_time_makes_true_is_raised_once_and_ends(firm: Firm) -> None:
    def work(conn: Connection) -> None:
        hour = timedelta(hours=1)
        conn.execute(
            missed_calls.insert().values(
                interaction_id=10, handle="tel:+49301", owner="ada", state="open", missed_at=NOW - 5 * hour,
                due_at=NOW - hour,
            )
        )  # fmt: skip
        conn.execute(tasks.insert().values(id=3, title="Send it", due_at=NOW - hour, owner="ben", created_at=NOW))
        for number, age in ((1, timedelta(days=11)), (2, timedelta(days=9))):
            deal = {"id": number, "title": "Big", "open": True, "owner": "ada", "stage": "offer"}
            conn.execute(deals.insert().values(updated_at=NOW - age, **deal))

    await firm.store.write(work)
    for hub in (firm, Firm(firm.desk._config, firm.store), firm):
        await hub.desk.keeper.look(NOW)
    found = sorted(await firm.rows(alerts.c.rule, alerts.c.agent, alerts.c.count))
    assert found == [("overdue-call", "ada", 1), ("promise-due", "ben", 1), ("still", "ada", 1)]

    def seen_to(conn: Connection) -> None:
        conn.execute(missed_calls.update().values(state="closed"))
        conn.execute(tasks.update().values(done_at=NOW))
        conn.execute(deals.update().where(deals.c.id == 1).values(stage="won", updated_at=NOW))

    await firm.store.write(seen_to)
    for hub in (firm, Firm(firm.desk._config, firm.store)):
        await hub.desk.keeper.look(NOW + timedelta(hours=2))
    found = sorted(await firm.rows(alerts.c.rule, alerts.c.state, alerts.c.count))
    assert found == [
        ("moved", "open", 1),
        ("overdue-call", "ended", 1),
        ("promise-due", "ended", 1),
        ("still", "ended", 1),
    ]


async def test_a_dry_run_says_what_a_rule_would_have_raised_and_what_nobody_knows(firm: Firm) -> None:
    def work(conn: Connection) -> None:
        conn.execute(conversations.insert().values(
            id=1, channel="email", title="", last_at=NOW, last_interaction_id=10, owner="ada"
        ))  # fmt: skip
        rows = [interaction(n, occurred_at=datetime.now(UTC) - timedelta(days=n - 9)) for n in range(10, 20)]
        conn.execute(interactions.insert(), [*rows, interaction(20, occurred_at=NOW - timedelta(days=500))])

        made = {"created_by": "ada", "created_at": NOW, "updated_at": NOW}
        conn.execute(watch_queries.insert().values(id=3, name="Us", text="us", agents=["ben"], **made))
        lately = datetime.now(UTC) - timedelta(days=2)
        conn.execute(
            mentions.insert().values(
                interaction_id=10, key="feed:1", sentiment="negative", reach=5, posted_at=lately, heard_at=lately
            )
        )
        conn.execute(mention_matches.insert().values(query_id=3, interaction_id=10, spans=[], posted_at=lately))
        conn.execute(
            mention_episodes.insert().values(id=4, query_id=3, kind="spike", began_at=lately, usual=1, seen=9, peak=9)
        )

    await firm.store.write(work)
    named = await firm.desk.dry_run({"kind": "mention", "sentiments": ["negative"], "queries": ["3"]})
    assert [(each.agents, each.key) for each in named.alerts] == [(("ben",), "mention/10")]
    assert (await firm.desk.dry_run({"kind": "mention", "reach_at_least": 6})).count == 0
    assert (
        (await firm.desk.dry_run({"kind": "spike"})).count,
        (await firm.desk.dry_run({"kind": "silence"})).count,
    ) == (1, 0)
    found = await firm.desk.dry_run({"kind": "message"})
    assert (found.count, len(found.alerts), sum(found.by_day.values())) == (10, 10, 10)
    assert found.alerts[0].agents == ("ada",)
    assert (await firm.desk.dry_run({"kind": "message", "channels": ["chat"]})).count == 0
    assert not (await firm.desk.dry_run({"kind": "source"})).known
    assert await firm.states() == []


async def test_whom_nobody_spoke_to_and_what_was_moved_are_raised_once(firm: Firm) -> None:
    def work(conn: Connection) -> None:
        made = {"owner": "ada", "created_at": NOW, "updated_at": NOW}
        for number, days in ((1, 31), (2, 29)):
            conn.execute(contacts.insert().values(id=number, name="Li Na", **made))
            last = NOW - timedelta(days=days)
            conn.execute(activities.insert().values(contact_id=number, interaction_id=number, occurred_at=last))
        conn.execute(
            appointments.insert().values(
                id=5, uid="u", event_type="talk", state="booked", starts_at=NOW, ends_at=NOW, zone="UTC",
                organizer="ben", title="Talk", created_at=NOW, changed_at=NOW,
            )
        )  # fmt: skip
        seat = {"appointment_id": 5, "state": "booked", "zone": "UTC", "language": "en", "secret": "s"}
        conn.execute(bookings.insert().values(id=6, created_at=NOW, **seat))
        notice = {"booking_id": 6, "way": "host", "recipient": "ben", "due_at": NOW}
        conn.execute(
            booking_notices.insert(), [{"id": 7, "kind": "booked", **notice}, {"id": 8, "kind": "moved", **notice}]
        )

    await firm.store.write(work)
    for _ in range(2):
        await firm.desk.keeper.look(NOW)
    (his,) = await firm.desk.listed(BEN, READER)
    (hers,) = await firm.desk.listed(ADA, READER)
    assert (his.rule, his.said.title, his.count) == ("booked", "Talk was moved", 1)
    assert (hers.rule, hers.said.title, hers.contact_id) == ("quiet", "Nobody has spoken to Li Na for 31 days", 1)
    await firm.desk.acknowledge(BEN, [his.id])
    await firm.desk.keeper.look(NOW + timedelta(minutes=5))
    assert [state for _, state in await firm.states()].count("open") == 1
