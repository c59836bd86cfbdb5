"""The hub is killed at random moments while mails and calls stream in. What it accepted is there, and once."""

from __future__ import annotations

import asyncio
import random
import smtplib
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fakes.twilio import ACCOUNT
from tests.faults.hub_process import HubProcess, hub_process
from tests.faults.traffic import (
    CUSTOMERS,
    LINE,
    PBX_TOKEN,
    PHONE,
    TWILIO_TOKEN,
    Ledger,
    calls_at_a_phone_system,
    calls_at_twilio,
    mail,
    mails_both_ways,
    mails_in_the_mailbox,
    mails_through_the_door,
)
from tests.servers.dovecot import Dovecot
from tests.servers.postgresql import postgresql
from tests.servers.process import free_port

SEED = time.time_ns() % 1_000_000
LEASE_SECONDS = 60  # four times what it is, for a machine that has other things to do

KILLS = ("reading", "running", "starting", "reading", "running")
"""When each kill comes: while the mailbox is read, at any moment, or before the hub is ready."""


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty store that writes through to the disk."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield ""
        else:
            server = stack.enter_context(postgresql(durable=True))
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
ours = ["tel:{LINE}"]
token = "env:PBX"
"""


async def test_what_was_accepted_is_on_its_timeline_exactly_once(tmp_path: Path, store: str, dovecot: Dovecot) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    door = free_port()
    environ = {"MAILBOX": "secret-a", "TWILIO": TWILIO_TOKEN, "PBX": PBX_TOKEN}
    async with hub_process(tmp_path, tables(door, dovecot), store=store, environ=environ) as hub:
        token = await hub.token("test")
        async with hub.client(token) as api:
            for customer in CUSTOMERS:
                handles = [f"mailto:{customer.address}", f"tel:{customer.number}"]
                async with api.post("/api/v1/contacts", json={"name": customer.name, "handles": handles}) as answer:
                    assert answer.status == 201, await answer.text()
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
            await _read(api, ledger, dovecot)
            found = await _timelines(api)

    counts = Counter((entry["name"], entry["customer"]) for entry in found)
    assert {what: times for what, times in counts.items() if times > 1} == {}, f"seed {SEED}: there twice"
    accepted = {(name, customer.name) for name, customer in ledger.accepted.items()}
    perhaps = {(name, customer.name) for name, customer in ledger.perhaps.items()}
    assert accepted - set(counts) == set(), f"seed {SEED}: lost"
    assert set(counts) - accepted - perhaps == set(), f"seed {SEED}: nobody sent this"
    calls = {entry["name"]: entry for entry in found if entry["kind"] == "call"}
    untold = {
        name: calls[name]
        for name, seconds in ledger.talked.items()
        if (calls[name]["state"], calls[name]["outcome"], calls[name]["duration"]) != ("ended", "completed", seconds)
    }
    assert untold == {}, f"seed {SEED}: something that was said of these calls is missing"


async def _kill(hub: HubProcess, when: str, rng: random.Random, token: str, ledger: Ledger, dovecot: Dovecot) -> None:
    """Kill it once and start it again."""
    if when == "reading":
        async with hub.client(token) as api:
            await _read(api, ledger, dovecot)
    await asyncio.sleep(rng.uniform(0, 0.8))
    await hub.kill()
    if when == "starting":
        await hub.launch()
        await asyncio.sleep(rng.uniform(0, 3))
        await hub.kill()
    await hub.start()


async def _read(api: aiohttp.ClientSession, ledger: Ledger, dovecot: Dovecot) -> None:
    """Return when the mailbox is read again: what is delivered now has been recorded."""
    name = f"probe-{len(ledger.accepted)}"
    await asyncio.to_thread(dovecot.deliver, mail(name, 0))
    ledger.accepted[name] = CUSTOMERS[0]
    async with asyncio.timeout(LEASE_SECONDS):
        while True:
            async with api.get("/api/v1/interactions", params={"key": f"mail:{name}@customer.example"}) as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.1)


async def _timelines(api: aiohttp.ClientSession) -> list[dict[str, Any]]:
    """What stands on the timelines, with the `name` it was sent under and the `customer` whose timeline it is."""
    found = []
    for customer in CUSTOMERS:
        async with api.get("/api/v1/contacts", params={"handle": customer.address}) as answer:
            (contact,) = (await answer.json())["items"]
        page = f"/api/v1/contacts/{contact['id']}/timeline?limit=200"
        while page:
            async with api.get(page) as answer:
                assert answer.status == 200, await answer.text()
                document = await answer.json()
            found += [entry | {"customer": customer.name} for entry in document["items"]]
            page = document.get("next")
    for entry in found:
        entry["name"] = entry["key"] if entry["kind"] == "call" else entry["title"]
    return found
