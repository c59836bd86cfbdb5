"""A hub is killed twice while it tells of alerts: nothing is lost, and nothing shows twice where that can be known."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from hub.alerts.subscribers import rows
from hub.alerts.subscribers.rows import EVENTS, Sealing
from hub.letters import token
from hub.store import Store
from hub.store.alert_tables import alert_tellings, alerts
from tests.fakes.ntfy import TOKEN, ntfy
from tests.fakes.twilio import ACCOUNT
from tests.faults.hub_process import hub_process, until
from tests.faults.test_texts_kill import slow
from tests.hub.alerts.subscribers.program import program

ALERTS = 60
SUBSCRIBER = 5
CONFIG = """
[agents.ada]
name = "Ada"
handles = ["tel:+491701234567"]

[sources.mobile]
provider = "twilio"
ours = ["tel:+4930123456"]
account_sid = "{account}"
auth_token = "env:TWILIO"
api_key_sid = "SK00000000000000000000000000000000"
api_key_secret = "env:TWILIO_KEY"
api_url = "{twilio}"

[ways.phones]
kind = "ntfy"
server = "{ntfy}"
topic = "hub-ada"
token = "env:NTFY"

[alerts]
allow_private = ["{program}"]
"""


async def filled(folder: Path, url: str) -> str:
    """Write alerts, what is to be told of them, and who subscribes to them; answers the subscriber's secret."""
    async with Store.open(f"sqlite:///{folder / 'hub.sqlite3'}") as store:

        def work(conn: Connection) -> str:
            now = datetime.now(UTC)
            sealing = Sealing((), token.key(conn))
            secret, sealed = sealing.new(SUBSCRIBER, 1)
            rows.add(conn, SUBSCRIBER, url, "", EVENTS, sealed, now)
            for number in range(ALERTS):
                alert = store.ids()
                conn.execute(
                    alerts.insert().values(
                        id=alert, rule="vip", agent="ada", key=f"message/{number}", kind="message", severity="urgent",
                        state="open", about={}, fact_at=now, created_at=now, updated_at=now,
                    )
                )  # fmt: skip
                for way in ("sms", "phones"):
                    conn.execute(
                        alert_tellings.insert().values(
                            id=store.ids(), alert_id=alert, agent="ada", way=way, kind="alert", state="queued",
                            due_at=now, created_at=now,
                        )
                    )  # fmt: skip
            return secret

        return await store.write(work)


def states(folder: Path, way: str) -> Counter[str]:
    """How the tellings of a way do."""
    with sqlite3.connect(f"file:{folder / 'hub.sqlite3'}?mode=ro", uri=True) as store:
        query = "SELECT state, count(*) FROM alert_tellings WHERE way = ? GROUP BY state"
        return Counter(dict(store.execute(query, (way,))))


def waiting(folder: Path) -> int:
    """How many webhooks are not there yet."""
    with sqlite3.connect(f"file:{folder / 'hub.sqlite3'}?mode=ro", uri=True) as store:
        (sent,) = store.execute("SELECT count(*) FROM subscriber_events WHERE state = 'sent'").fetchone()
        return ALERTS - int(sent)


async def test_a_hub_that_is_killed_while_it_tells_loses_nothing_and_repeats_nothing_that_shows(tmp_path: Path) -> None:
    async with asyncio.timeout(150), slow() as twilio, ntfy() as topics, program() as subscriber:
        twilio.answers.set()
        config = CONFIG.format(account=ACCOUNT, twilio=twilio.url, ntfy=topics.url, program=subscriber.place)
        secrets = {"TWILIO": "twilio-5b1e88d0", "TWILIO_KEY": "twilio-test-key", "NTFY": TOKEN}
        subscriber.secret = await filled(tmp_path, subscriber.url)
        async with hub_process(tmp_path, config, environ=secrets, start=False) as hub:
            for enough in (5, 25):
                await hub.launch()
                await until(lambda enough=enough: len(topics.taken) >= enough and len(twilio.taken) >= enough)
                await hub.kill()
            await hub.start()
            await until(lambda: not any(states(tmp_path, way)["queued"] for way in ("sms", "phones")))
            await until(lambda: waiting(tmp_path) == 0)
    assert states(tmp_path, "phones") == Counter(sent=ALERTS)
    assert len(topics.shown("hub-ada")) == ALERTS
    texts = Counter(twilio.taken)
    said = states(tmp_path, "sms")
    assert set(texts.values()) == {1}
    assert said["sent"] + said["perhaps"] == ALERTS
    assert said["sent"] <= len(texts) <= ALERTS
    assert len({ident for ident, _ in subscriber.taken}) == ALERTS
    assert subscriber.forged == 0
