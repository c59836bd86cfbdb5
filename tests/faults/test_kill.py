"""The hub is killed at random moments while mails and calls stream in. What it accepted is there, and once."""

from __future__ import annotations

import asyncio
import random
import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.twilio import ACCOUNT
from tests.faults.hub_process import HubProcess, hub_process
from tests.faults.traffic import (
    LINE,
    PBX_LINE,
    PBX_TOKEN,
    PHONE,
    TWILIO_TOKEN,
    Ledger,
    assert_once,
    calls_at_a_phone_system,
    calls_at_twilio,
    introduce,
    mails_both_ways,
    mails_in_the_mailbox,
    mails_through_the_door,
    read,
    timelines,
)
from tests.servers.dovecot import Dovecot
from tests.servers.postgresql import postgresql
from tests.servers.process import free_port

SEED = time.time_ns() % 1_000_000
PATIENCE = 600
"""Seconds after which something hangs."""

KILLS = ("reading", "running", "starting", "reading", "running")
"""When each kill comes: while the mailbox is read, at any moment, or before the hub is ready."""


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty store that writes through to the disk."""
    if request.param == "sqlite":
        yield ""
        return
    with postgresql(durable=True) as server:
        yield server.url(server.create())
        server.process.kill()  # asked politely it would sync every file that it has


def tables(door: int, dovecot: Dovecot) -> str:
    return f"""
[agents.ada]
name = "Ada"
handles = ["tel:{PHONE}"]

[sources.door]
provider = "smtp"
listen = "127.0.0.1:{door}"

[sources.mailbox]
provider = "imap"
host = "127.0.0.1"
port = {dovecot.imap_port}
security = "none"
username = "alice"
password = "env:MAILBOX"

[sources.front-desk]
provider = "twilio"
ours = ["tel:{LINE}"]
account_sid = "{ACCOUNT}"
auth_token = "env:TWILIO"

[sources.pbx]
provider = "calls"
ours = ["tel:{PBX_LINE}"]
token = "env:PBX"
"""


async def test_what_was_accepted_is_on_its_timeline_exactly_once(tmp_path: Path, store: str, dovecot: Dovecot) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    door = free_port()
    environ = {"MAILBOX": "secret-a", "TWILIO": TWILIO_TOKEN, "PBX": PBX_TOKEN}
    async with (
        asyncio.timeout(PATIENCE),
        hub_process(tmp_path, tables(door, dovecot), store=store, environ=environ) as hub,
    ):
        token = await hub.token("test")
        async with hub.client(token) as api:
            await introduce(api)
        ledger = Ledger()
        async with asyncio.TaskGroup() as streams:
            for stream in (
                mails_through_the_door(ledger, smtplib.SMTP, door),
                mails_through_the_door(ledger, smtplib.LMTP, door),
                mails_in_the_mailbox(ledger, dovecot),
                mails_both_ways(ledger, dovecot, door),
                calls_at_twilio(ledger, hub.url),
                calls_at_a_phone_system(ledger, hub.url),
            ):
                streams.create_task(stream)
            for when in KILLS:
                await _kill(hub, when, rng, token, ledger, dovecot)
            ledger.enough.set()
        async with hub.client(token) as api:
            await read(api, ledger, dovecot)
            found = await timelines(api)

    assert_once(ledger, found)
    calls = {entry["name"]: entry for entry in found if entry["kind"] == "call"}
    untold = {
        name: calls[name]
        for name, seconds in ledger.talked.items()
        if (calls[name]["state"], calls[name]["outcome"], calls[name]["duration"]) != ("ended", "completed", seconds)
    }
    assert untold == {}, "something that was said of these calls is missing"


async def _kill(hub: HubProcess, when: str, rng: random.Random, token: str, ledger: Ledger, dovecot: Dovecot) -> None:
    """Kill it once and start it again."""
    if when == "reading":
        async with hub.client(token) as api:
            await read(api, ledger, dovecot)
    await asyncio.sleep(rng.uniform(0, 0.8))
    await hub.kill()
    if when == "starting":
        await hub.launch()
        await asyncio.sleep(rng.uniform(0, 3))
        await hub.kill()
    await hub.start()
