"""A hub is killed while a mail server has a letter in its hands: nothing is sent twice, and nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.faults.hub_process import hub_process
from tests.servers.dovecot import Dovecot
from tests.servers.postgresql import postgresql
from tests.servers.waiting import mails_in

PATIENCE = 180
MAIL = (
    b"From: Li Na <li.na@customer.example>\r\nTo: alice@example.test\r\nSubject: Offer\r\n"
    b"Message-ID: <first@customer.example>\r\n\r\nCould you send an offer?\r\n"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty store; "" is a SQLite file of the hub's own."""
    if request.param == "sqlite":
        yield ""
        return
    with postgresql() as server:
        yield server.url(server.create())
        server.process.kill()


# No slots: aiosmtpd reads every attribute of its handler.
@dataclass
class SlowServer:
    """Takes mails, and answers only while it is not held."""

    port: int = 0
    taken: list[str] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    has: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.taken.append(envelope.content.decode())
        self.has.set()
        await self.answers.wait()
        return "250 OK"


@asynccontextmanager
async def slow_server() -> AsyncIterator[SlowServer]:
    """A running one, held."""
    sink = SlowServer()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(sink, hostname="sink.example.test"), "127.0.0.1", 0
    )
    async with server:
        sink.port = server.sockets[0].getsockname()[1]
        yield sink
        sink.answers.set()


def tables(dovecot: Dovecot, smtp_port: int) -> str:
    return f"""
[agents.ada]
name = "Ada"

[sources.mailbox]
provider = "imap"
ours = ["mailto:alice@example.test"]
host = "127.0.0.1"
port = {dovecot.imap_port}
security = "none"
username = "alice"
password = "env:MAILBOX"
smtp_host = "127.0.0.1"
smtp_port = {smtp_port}
smtp_security = "none"
smtp_auth = "none"
save_sent = "yes"
"""


async def test_a_letter_that_was_in_the_servers_hands_is_not_sent_again(
    tmp_path: Path, store: str, dovecot: Dovecot
) -> None:
    async with (
        asyncio.timeout(PATIENCE),
        slow_server() as sink,
        hub_process(tmp_path, tables(dovecot, sink.port), store=store, environ={"MAILBOX": "secret-a"}) as hub,
    ):
        token = await hub.token("test", "write", "ada")
        dovecot.deliver(MAIL)
        async with hub.client(token) as api:
            first = await found(api, "/api/v1/interactions?key=mail:first@customer.example")
            letters = f"/api/v1/conversations/{first['conversation']}/letters"
            in_hand = await posted(api, letters, {"text": "In the server's hands"})
            await posted(api, f"/api/v1/letters/{in_hand['id']}/send-now", {})
            await sink.has.wait()
            held = await posted(api, letters, {"text": "Still held"})
            assert held["state"] == "queued"
        await hub.kill()
        sink.answers.set()
        await claims_run_out(store)
        await hub.start()
        async with hub.client(token) as api:
            perhaps = await until(api, in_hand["id"], lambda letter: letter["state"] != "queued")
            assert perhaps["state"] == "perhaps"
            assert perhaps["reason"].startswith("It may have been sent")
            sent = await until(api, held["id"], lambda letter: "interaction" in letter)
            assert sent["state"] == "sent"
            again = await posted(api, f"/api/v1/letters/{in_hand['id']}/retry", {})
            await until(api, again["id"], lambda letter: letter["state"] == "sent")
        texts = [mail.partition("\r\n\r\n")[2].partition("\r\n")[0] for mail in sink.taken]
        # The last one is what a person asked for.
        assert texts == ["In the server's hands", "Still held", "In the server's hands"]
        assert len(mails_in(dovecot, "alice", 2, "Sent")) == 2


async def test_a_letter_that_was_sent_is_recorded_and_filed_after_a_kill(
    tmp_path: Path, store: str, dovecot: Dovecot
) -> None:
    async with (
        asyncio.timeout(PATIENCE),
        slow_server() as sink,
        hub_process(tmp_path, tables(dovecot, sink.port), store=store, environ={"MAILBOX": "secret-a"}) as hub,
    ):
        sink.answers.set()
        token = await hub.token("test", "write", "ada")
        dovecot.process.stop()  # so that no copy can be kept
        async with hub.client(token) as api:
            letter = await posted(
                api, "/api/v1/letters", {"to": ["li.na@customer.example"], "subject": "x", "text": "y"}
            )
            await posted(api, f"/api/v1/letters/{letter['id']}/send-now", {})
            await until(api, letter["id"], lambda letter: "interaction" in letter)
        await hub.kill()
        await claims_run_out(store)
        dovecot.process.start()
        await hub.start()
        assert len(mails_in(dovecot, "alice", 1, "Sent")) == 1
        assert len(sink.taken) == 1


async def posted(api: aiohttp.ClientSession, path: str, document: dict[str, Any]) -> dict[str, Any]:
    async with api.post(path, json=document) as answer:
        assert answer.status in (200, 201), await answer.text()
        return dict(await answer.json())


async def found(api: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    """What *path* answers once there is something."""
    while True:
        async with api.get(path) as answer:
            if answer.status == 200:
                return dict(await answer.json())
        await asyncio.sleep(0.1)


async def until(api: aiohttp.ClientSession, letter_id: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The letter once *true* says so."""
    while True:
        letter = await found(api, f"/api/v1/letters/{letter_id}")
        if true(letter):
            return letter
        await asyncio.sleep(0.1)


async def claims_run_out(store: str) -> None:
    """Seven minutes go by, until another hub may take what a killed one was sending (with SQLite the next start knows
    that nobody else is there)."""
    if not store:
        return

    def work() -> None:
        engine = sa.create_engine(store.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as conn:
            conn.execute(sa.text("UPDATE letters SET claimed_until = 1 WHERE claimed_until IS NOT NULL"))
        engine.dispose()

    await asyncio.to_thread(work)
