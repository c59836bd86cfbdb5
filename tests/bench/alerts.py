"""10,000 alerts to one colleague by five ways at once, one of them down: the others are as fast, and none is lost.

The ways are the hub's own, in front of servers on loopback in the same process: a mail server, and stand-ins for a
provider of text messages, a chat, a push service and ntfy. Ntfy is the one that is down: it answers 503 to everything.
A telling counts as told when that is durable. Beside it runs the same with all five up. At the end the one that was
down comes back, and must get what it missed.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
import uvloop
from sqlalchemy import Connection

from hub.alerts.ways.couriers import WaysPace
from hub.alerts.words import Words
from hub.sources.pace import Pace as Backoff
from hub.store.alert_tables import alert_tellings, alerts
from tests.bench.report import Ratio, percentile
from tests.hub.alerts.ways.house import ADA, House, open_house

ALERTS = 10_000
DOWN = "phones"
WAYS = ("mail", "sms", "chat-chatter", "push", DOWN)
PACE = WaysPace(backoff=Backoff(first_delay=0.5, longest_delay=2), again=Backoff(first_delay=0.5, longest_delay=2))
SECONDS = 1200.0


@dataclass(frozen=True, slots=True)
class Run:
    """How long after they were written the tellings of each way were told, and what the stand-ins got more than once or
    not at all at the end."""

    delays: dict[str, list[float]]
    doubled: int
    lost: int

    def rate(self, way: str) -> float:
        """Tellings in a second."""
        return len(self.delays[way]) / max(self.delays[way])


async def measured(folder: Path, count: int, *, down: bool) -> Run:
    """One run."""
    words = Words("https://hub.example.org", {"ada": "Ada", "ben": "Ben"})
    async with open_house(f"sqlite:///{folder / 'hub.sqlite3'}", folder, pace=PACE, words=words.said) as house:
        browser = house.push.browser(house.ways.public_key)
        phone = (await house.ways.subscribe(ADA, browser.subscription, "")).way_id
        house.ntfy.status = 503 if down else 200
        await house.store.write(lambda conn: _written(conn, house, count, phone))
        house.ways.look()
        others = [way for way in WAYS if not down or way != DOWN]
        await _told(house, others)
        delays = await _delays(house, others)
        house.ntfy.status = 200
        await _told(house, WAYS)
        got = [
            Counter(each.message["Message-ID"] for each in house.mail.taken),
            Counter(each["text"] for each in house.texter.taken),
            Counter(each["url"] for each in house.chatter.messages.values()),
            Counter(each.message["tag"] for each in browser.shown),
            Counter(each["sequence_id"] for each in house.ntfy.taken),
        ]
        doubled = sum(number - 1 for each in got for number in each.values())
        return Run(delays, doubled, sum(count - len(each) for each in got))


def _written(conn: Connection, house: House, count: int, phone: int | None) -> None:
    now, new_id = datetime.now(UTC), house.store.ids
    made = [
        {
            "id": new_id(), "rule": "vip", "agent": "ada", "key": f"message/{number}", "kind": "message",
            "severity": "urgent", "state": "open", "about": {}, "fact_at": now, "created_at": now, "updated_at": now,
        }
        for number in range(count)
    ]  # fmt: skip
    conn.execute(alerts.insert(), made)
    conn.execute(
        alert_tellings.insert(),
        [
            {
                "id": new_id(), "alert_id": alert["id"], "agent": "ada", "way": way, "kind": "alert",
                "way_id": phone if way == "push" else None, "state": "queued", "due_at": now, "created_at": now,
            }
            for alert in made
            for way in WAYS
        ],
    )  # fmt: skip


async def _told(house: House, ways: list[str] | tuple[str, ...]) -> None:
    """Return when nothing waits any more for *ways*."""
    waiting = sa.select(sa.func.count()).where(alert_tellings.c.state == "queued", alert_tellings.c.way.in_(ways))
    until = time.monotonic() + SECONDS
    while await house.store.read(lambda conn: conn.execute(waiting).scalar_one()):
        if time.monotonic() > until:
            raise TimeoutError("the ways do not get on")
        await asyncio.sleep(0.5)


async def _delays(house: House, ways: list[str]) -> dict[str, list[float]]:
    query = sa.select(alert_tellings.c.way, alert_tellings.c.created_at, alert_tellings.c.sent_at).where(
        alert_tellings.c.state == "sent", alert_tellings.c.way.in_(ways)
    )
    rows = await house.store.read(lambda conn: conn.execute(query).all())
    found: dict[str, list[float]] = {way: [] for way in ways}
    for way, written, sent in rows:
        found[way].append((sent - written).total_seconds())
    return found


def run(count: int = ALERTS) -> str:
    """Rates and delays of the four ways that are up, beside those of a run with all five up."""
    found = []
    for down in (False, True):
        with (
            tempfile.TemporaryDirectory() as folder,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
        ):
            found.append(loop.run(measured(Path(folder), count, down=down)))
    up, one_down = found
    lines = []
    for way in WAYS[:-1]:
        rates = one_down.rate(way), up.rate(way)
        late = percentile(one_down.delays[way], 0.99), percentile(up.delays[way], 0.99)
        lines.append(str(Ratio(f"{way}, one other way down", *rates, "/s", ">= 0.8")))
        lines.append(str(Ratio(f"{way}, 99 of 100 told within", *late, "s", "<= 1.25")))
    lost, doubled = up.lost + one_down.lost, up.doubled + one_down.doubled
    verdict = "met" if not lost and not doubled else "NOT met"
    lines.append(f"  of {count * len(WAYS) * 2:,} tellings {lost} lost, {doubled} doubled   goal 0 and 0 {verdict}")
    return "\n".join(lines)
