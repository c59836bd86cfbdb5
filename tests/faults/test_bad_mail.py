"""Mails that are made to stop whoever reads them: each is recorded with the limit named, or set aside with its reason;
the one behind it comes; and the hub does not grow with what it is sent."""

from __future__ import annotations

import asyncio
import json
import smtplib
import socket
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.bad_mail import LARGEST, Bad, every, good, huge
from tests.faults.hub_process import HubProcess, descendants, hub_process
from tests.servers.dovecot import PASSWORDS, Dovecot
from tests.servers.process import free_port

PATIENCE = 180
MOST_GROWTH = 300 << 20
"""So many bytes the hub may grow, and so large may each of its parsers be."""
TOO_LARGE = "larger than max_bytes = 50000000; only its headers are here"

MAILBOX = """
[sources.mailbox]
provider = "imap"
ours = ["mailto:alice@example.test"]
host = "127.0.0.1"
port = {port}
security = "none"
username = "alice"
password = "env:MAILBOX"
"""
DOOR = """
[sources.door]
provider = "smtp"
listen = "127.0.0.1:{port}"
ours = ["mailto:alice@example.test"]
"""


async def comes(hub: HubProcess, token: str, ident: str) -> None:
    """Return when the mail is on record."""
    async with asyncio.timeout(PATIENCE), hub.client(token) as api:
        while True:
            async with api.get("/api/v1/interactions", params={"key": f"mail:{ident}"}) as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.05)


def peak(pid: int) -> int:
    """The most memory that a process ever held, in bytes; 0 where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def recorded(folder: Path) -> dict[str, dict[str, Any]]:
    """What is known of each mail, by the name of its Message-ID."""
    with closing(sqlite3.connect(folder / "hub.sqlite3")) as store:
        found = store.execute("SELECT key, facts FROM interactions").fetchall()
    return {key.removeprefix("mail:<").partition("@")[0]: json.loads(facts) for key, facts in found}


def quarantined(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "hub.sqlite3")) as store:
        return [reason for (reason,) in store.execute("SELECT reason FROM quarantine ORDER BY id")]


def append(server: Dovecot, size: int, pieces: Iterable[bytes]) -> None:
    """Put a mail of *size* bytes into alice's Inbox, as it is made."""
    with socket.create_connection(("127.0.0.1", server.imap_port), timeout=PATIENCE) as connection:
        answers = connection.makefile("rb")
        answers.readline()
        connection.sendall(f"a LOGIN alice {PASSWORDS['alice']}\r\nb APPEND INBOX {{{size}+}}\r\n".encode())
        for piece in pieces:
            connection.sendall(piece)
        connection.sendall(b"\r\nc LOGOUT\r\n")
        said = answers.read()
        answers.close()
    assert b"\r\nb OK" in said, said[-300:]


def checked(folder: Path, bad: Iterable[Bad]) -> None:
    """Each is there, and says what was too much."""
    found = recorded(folder)
    for each in bad:
        facts = found[each.name]
        said = " ".join(facts.get("defects") or ())
        assert each.limit in said, f"{each.name}: {said}"
        names = tuple(file["name"] for file in facts.get("attachments") or ())
        assert names[: len(each.files)] == each.files, f"{each.name}: {names[:5]}"
        assert len(facts["participants"]) == each.participants, each.name
        assert "\x00" not in json.dumps(facts, ensure_ascii=False)


async def test_no_mail_in_a_mailbox_stops_its_source(tmp_path: Path, dovecot: Dovecot) -> None:
    tables = MAILBOX.format(port=dovecot.imap_port)
    bad: list[Bad] = []
    async with hub_process(tmp_path, tables, environ={"MAILBOX": PASSWORDS["alice"]}) as hub:
        token = await hub.token("watcher")
        await asyncio.to_thread(dovecot.append, [good("first")])
        await comes(hub, token, "<first@bad.example>")
        before = peak(hub.pid)
        await asyncio.to_thread(append, dovecot, LARGEST, huge())
        await asyncio.to_thread(dovecot.append, [good("after-huge")])
        await comes(hub, token, "<after-huge@bad.example>")
        for each in every():
            await asyncio.to_thread(append, dovecot, len(each.raw), [each.raw])
            await asyncio.to_thread(dovecot.append, [good(f"after-{each.name}")])
            await comes(hub, token, f"<after-{each.name}@bad.example>")
            bad.append(Bad(each.name, b"", each.limit, each.files, each.participants))
        sizes = [peak(hub.pid) - before, *map(peak, descendants(hub.pid))]
        assert await hub.stop() == 0
    assert max(sizes) < MOST_GROWTH, sizes
    checked(tmp_path, bad)
    assert quarantined(tmp_path) == [TOO_LARGE]


async def test_a_mailbox_full_of_them_is_read(tmp_path: Path, dovecot: Dovecot) -> None:
    names = []
    append(dovecot, LARGEST, huge())
    for each in every():
        append(dovecot, len(each.raw), [each.raw])
        dovecot.append([good(f"after-{each.name}")])
        names += [each.name, f"after-{each.name}"]
    async with hub_process(
        tmp_path, MAILBOX.format(port=dovecot.imap_port), environ={"MAILBOX": PASSWORDS["alice"]}
    ) as hub:
        token = await hub.token("watcher")
        for name in names:
            await comes(hub, token, f"<{name}@bad.example>")
        async with hub.client(token) as api, api.get("/api/v1/sources") as answer:
            (said,) = (await answer.json())["items"]
        assert said["state"] == "listening"
        assert await hub.stop() == 0
    assert quarantined(tmp_path) == [TOO_LARGE]


@pytest.mark.parametrize("client", [smtplib.SMTP, smtplib.LMTP])
async def test_no_mail_at_the_door_stops_it(tmp_path: Path, client: type[smtplib.SMTP]) -> None:
    port = free_port()
    bad: list[Bad] = []

    def send(raw: bytes) -> None:
        with client("127.0.0.1", port, timeout=PATIENCE) as sender:
            sender.ehlo_or_helo_if_needed()
            sender.mail("mallory@bad.example")
            sender.rcpt("alice@example.test")
            code, said = sender.data(raw)
            assert code == 250, said

    def send_huge() -> tuple[int, bytes]:
        with client("127.0.0.1", port, timeout=PATIENCE) as sender:
            sender.ehlo_or_helo_if_needed()
            sender.mail("mallory@bad.example")
            sender.rcpt("alice@example.test")
            assert sender.docmd("DATA")[0] == 354
            for piece in huge():
                sender.send(piece)
            sender.send(b".\r\n")
            return sender.getreply()

    def too_many() -> list[int]:
        with client("127.0.0.1", port, timeout=PATIENCE) as sender:
            sender.ehlo_or_helo_if_needed()
            sender.mail("mallory@bad.example")
            return [sender.rcpt(f"person-{number}@crowd.example")[0] for number in range(1_500)]

    async with hub_process(tmp_path, DOOR.format(port=port)) as hub:
        token = await hub.token("watcher")
        await asyncio.to_thread(send, good("first"))
        await comes(hub, token, "<first@bad.example>")
        before = peak(hub.pid)
        code, said = await asyncio.to_thread(send_huge)
        assert (code, said[:5]) == (552, b"5.3.4")
        assert await asyncio.to_thread(too_many) == [250] * 1_000 + [452] * 500
        for each in every():
            await asyncio.to_thread(send, each.raw)
            await asyncio.to_thread(send, good(f"after-{each.name}"))
            await comes(hub, token, f"<after-{each.name}@bad.example>")
            bad.append(Bad(each.name, b"", each.limit, each.files, each.participants))
        sizes = [peak(hub.pid) - before, *map(peak, descendants(hub.pid))]
        assert await hub.stop() == 0
    assert max(sizes) < MOST_GROWTH, sizes
    checked(tmp_path, bad)
    assert quarantined(tmp_path) == []
