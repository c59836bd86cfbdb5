"""First sync of the 10,000 mixed mails from Dovecot to a durable timeline, beside mbsync, which merely copies them.

mbsync (isync, with its default fsync) copies the Inbox to a Maildir. Ours is the whole hub: the IMAP source under its
supervisor, the mailroom's processes, SQLite with synchronous=FULL, blobs and full-text index. They take turns at the
same Dovecot. Then the connector alone, into nothing, beside imapclient fetching and throwing away.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
import uvloop
from imapclient import IMAPClient

import hub
from connectors.imap import Connector
from hub.config import load
from hub.service import Service
from hub.sources.supervisor import Supervisor
from tests.bench.corpus import mails
from tests.bench.report import Ratio, median
from tests.servers.dovecot import PASSWORDS, Dovecot, dovecot
from tests.servers.process import program

MAILS = int(os.environ.get("SYNC_MAILS", "10000"))
ROUNDS = 3
AT_ONCE = 500
USER = "alice"


def _fill(server: Dovecot) -> None:
    some: list[bytes] = []
    for raw in mails(MAILS):
        some.append(raw)
        if len(some) == AT_ONCE:
            server.append(some, USER)
            some = []
    server.append(some or [b"Subject: the last\r\n\r\n"], USER)


def _mbsync(port: int, folder: Path) -> float:
    """Mails per second that mbsync copies into *folder*."""
    program("mbsync", package="isync")
    folder.mkdir()
    (folder / "mail").mkdir()
    config = folder / "mbsyncrc"
    config.write_text(
        f"IMAPAccount a\nHost 127.0.0.1\nPort {port}\nUser {USER}\nPass {PASSWORDS[USER]}\nSSLType None\n"
        "AuthMechs LOGIN\n\nIMAPStore far\nAccount a\n\n"
        f"MaildirStore near\nInbox {folder}/mail/INBOX\nPath {folder}/mail/\n\n"
        "Channel c\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSync Pull\nSyncState *\n"
    )
    began = time.perf_counter()
    subprocess.run(["mbsync", "-q", "-c", str(config), "c"], check=True, capture_output=True)
    seconds = time.perf_counter() - began
    copied = sum(len(files) for path, _, files in os.walk(folder / "mail") if path.endswith(("/cur", "/new")))
    if copied < MAILS:
        raise AssertionError(f"mbsync copied {copied} of {MAILS} mails")
    return MAILS / seconds


async def _hub(port: int, folder: Path) -> float:
    """Mails per second that the hub makes durable in *folder*."""
    path = folder / "config.toml"
    path.write_text(
        f'[hub]\nstore = "sqlite:///{folder}/hub.sqlite3"\n[sources.mail]\nprovider = "imap"\nhost = "127.0.0.1"\n'
        f'port = {port}\nsecurity = "none"\nusername = "{USER}"\npassword = "env:PASSWORD"\n'
        'ours = ["mailto:support@example.com"]\n'
    )
    config = load(path, {"PASSWORD": PASSWORDS[USER]})
    async with Service.open(config) as service:
        plugins, problems = config.built(service.lend)
        first = hub.RawMail(b"Subject: workers\r\n\r\n", hub.Copy("warm", "1"), datetime.now(UTC))
        await service.ingest.record("warm", [first], live=False)  # the workers are up, as in a hub that runs
        began = time.perf_counter()
        async with Supervisor(service.store, service.ingest, plugins, problems):
            while True:
                if await service.store.read(_recorded) > MAILS:
                    return MAILS / (time.perf_counter() - began)
                await asyncio.sleep(0.05)


def _recorded(conn: sa.Connection) -> int:
    count: int = conn.execute(sa.text("SELECT count(*) FROM interactions")).scalar_one()
    return count


async def _connector(port: int) -> float:
    """Mails per second that the connector alone hears."""
    settings = Connector.Settings.model_validate(
        {"host": "127.0.0.1", "port": port, "security": "none", "username": USER, "password": PASSWORDS[USER]}
    )
    setup = hub.Setup("mail", "DE", (), (), (), "https://hub.example.org")
    began, heard = time.perf_counter(), 0
    async with aclosing(Connector(settings, setup).listen(None)) as arrivals:
        async for arrival in arrivals:
            heard += len(arrival.items)
            if heard >= MAILS:
                break
    return heard / (time.perf_counter() - began)


def _imapclient(port: int) -> float:
    """Mails per second that imapclient fetches, in portions of the connector's size."""
    began, heard = time.perf_counter(), 0
    with IMAPClient("127.0.0.1", port, ssl=False) as client:
        client.login(USER, PASSWORDS[USER])
        client.select_folder("INBOX", readonly=True)
        uids = client.search()
        for start in range(0, len(uids), 128):
            heard += len(client.fetch(uids[start : start + 128], ["BODY.PEEK[]", "FLAGS", "INTERNALDATE"]))
    return heard / (time.perf_counter() - began)


def run() -> str:
    """Mails per second."""
    ours, copied, heard, fetched = [], [], [], []
    with (
        dovecot() as server,
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        _fill(server)
        port = server.imap_port
        _imapclient(port)  # Dovecot's caches are filled, for whoever comes first
        for number in range(ROUNDS):
            copied.append(_mbsync(port, Path(folder) / f"mbsync-{number}"))
            home = Path(folder) / f"hub-{number}"
            home.mkdir()
            ours.append(loop.run(_hub(port, home)))
            fetched.append(_imapclient(port))
            heard.append(loop.run(_connector(port)))
    return "\n".join(
        [
            str(Ratio("first sync to a durable timeline; mbsync", median(ours), median(copied), "/s", ">= 1.5")),
            str(Ratio("the connector alone; imapclient", median(heard), median(fetched), "/s", ">= 1")),
        ]
    )
