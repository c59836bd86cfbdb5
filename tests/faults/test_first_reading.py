"""Ten thousand mails are read for the first time, and the hub is killed three times on the way."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.hub_process import HubProcess, hub_process
from tests.faults.mailbox import FILED_TWICE, FOLDERS, filed, fill
from tests.servers.dovecot import PASSWORDS, dovecot

PATIENCE = 240
KILLED_AT = (1_500, 4_000, 7_500)
WHOLE = sum(count for _, count in FOLDERS)

TABLES = """
[agents.ada]
name = "Ada"

[sources.mailbox]
provider = "imap"
ours = ["mailto:alice@example.test"]
host = "127.0.0.1"
port = {port}
security = "none"
username = "alice"
password = "env:MAILBOX"
"""


async def source(api: aiohttp.ClientSession) -> dict[str, Any]:
    """What the hub says of the mailbox."""
    async with api.get("/api/v1/sources") as answer:
        (found,) = (await answer.json())["items"]
    return dict(found)


async def read_until(hub: HubProcess, token: str, items: int) -> dict[str, Any]:
    """What the hub says of the mailbox once it has read so many; what it said meanwhile never went back."""
    before = 0
    async with asyncio.timeout(PATIENCE), hub.client(token) as api:
        while True:
            said = await source(api)
            assert said["items"] >= before
            before = said["items"]
            if before >= items:
                return said
            await asyncio.sleep(0.05)


def rows(store: Path, sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(store) as connection:
        return connection.execute(sql).fetchall()


async def test_ten_thousand_mails_are_complete_after_three_kills(tmp_path: Path) -> None:
    mails = list(filed(seed=7))
    with dovecot() as server:
        fill(server, mails)
        tables = TABLES.format(port=server.imap_port)
        async with hub_process(tmp_path, tables, environ={"MAILBOX": PASSWORDS["alice"]}) as hub:
            token = await hub.token("watcher")
            for items in KILLED_AT:
                await read_until(hub, token, items)
                await hub.kill()
                await hub.start()
            await read_until(hub, token, WHOLE + FILED_TWICE)
            server.deliver(
                b"From: kim@customer-1.example\r\nMessage-ID: <news@x.example>\r\nSubject: News\r\n\r\nHi\r\n"
            )
            await read_until(hub, token, WHOLE + FILED_TWICE + 1)
            await settled(hub, token)
            assert await hub.stop() == 0
        with server.login() as client:
            client.select_folder("INBOX", readonly=True)
            assert client.search("SEEN") == [], "reading a mail does not mark it as read"
    store = tmp_path / "hub.sqlite3"
    assert rows(store, "SELECT count(*) FROM quarantine") == [(0,)]
    wanted = Counter(mail.ident for mail in mails if mail.folder != "Junk" and not mail.ident.startswith("old-"))
    wanted["news@x.example"] += 1
    keys = dict(
        rows(
            store, "SELECT i.key, count(*) FROM interactions i JOIN copies c ON c.interaction_id = i.id GROUP BY i.key"
        )
    )
    assert keys == {f"mail:<{ident}>": count for ident, count in wanted.items()}
    assert rows(store, "SELECT count(*) FROM events") == [(WHOLE + FILED_TWICE + 1,)], "nothing was told twice"
    fortnight = "occurred_at < (strftime('%s', 'now') - 15 * 86400) * 1000000"
    opened = "SELECT count(*) FROM interactions i JOIN conversations c ON c.id = i.conversation_id"
    assert rows(
        store, f"{opened} WHERE c.state = 'open' AND c.last_at < (strftime('%s', 'now') - 15 * 86400) * 1000000"
    ) == [(0,)]
    assert rows(store, f"SELECT count(*) FROM interactions WHERE {fortnight}")[0][0] > WHOLE * 0.9, (
        "mails keep their dates"
    )


async def settled(hub: HubProcess, token: str) -> None:
    """Return once the source says that nothing is left to read."""
    async with asyncio.timeout(PATIENCE), hub.client(token) as api:
        while True:
            said = await source(api)
            if said["state"] == "listening" and said.get("behind_messages") == 0:
                return
            await asyncio.sleep(0.1)
