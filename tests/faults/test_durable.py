"""What was acknowledged is on the disk, not in the page cache: SIGKILL cannot show that, strace can."""

from __future__ import annotations

import asyncio
import smtplib
from email.message import EmailMessage
from pathlib import Path

import aiohttp

from tests.faults.hub_process import HubProcess, descendants, hub_process
from tests.faults.strace import NEVER, Syscall, parsed, watching
from tests.servers.postgresql import postgresql
from tests.servers.process import free_port

TOKEN = "pbx-0e6d5b17aa"
ACKNOWLEDGED = ('"250 2.0.0 Recorded', '"HTTP/1.1 204 ')
SENT = ("write", "writev", "sendto", "sendmsg")
WRITTEN = ("write", "writev", "pwrite64", "pwritev", "pwritev2")
SYNCED = ("fsync", "fdatasync")

SMALL, LARGE, CALL, QUARANTINED = (f"marker-of-the-{what}" for what in ("small-mail", "large-mail", "call", "unknown"))


def tables(door: int) -> str:
    return f"""
[sources.door]
provider = "smtp"
listen = "127.0.0.1:{door}"

[sources.pbx]
provider = "calls"
ours = ["tel:+4930123456"]
token = "env:PBX"
"""


def mail(marker: str, size: int) -> bytes:
    message = EmailMessage()
    message["From"] = "kim@customer.example"
    message["To"] = "support@example.org"
    message["Subject"] = marker
    message.set_content("\n".join([marker, *["x" * 70] * (size // 71)]))
    return message.as_bytes()


async def deliver(hub: HubProcess, door: int) -> None:
    """Four things, one after the other: the acknowledgement of each is waited for."""

    def send(raw: bytes) -> None:
        with smtplib.SMTP("127.0.0.1", door, timeout=30) as smtp:
            smtp.sendmail("kim@customer.example", ["support@example.org"], raw)

    await asyncio.to_thread(send, mail(SMALL, 2_000))
    await asyncio.to_thread(send, mail(LARGE, 150_000))
    async with aiohttp.ClientSession(hub.url, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        call = {"id": CALL, "event": "ringing", "from": "+4930901820", "to": "+4930123456"}
        for document in (call, {"id": QUARANTINED, "event": "unheard-of"}):
            async with client.post("/webhooks/pbx", json=document) as answer:
                assert answer.status == 204


def acknowledgements(calls: list[Syscall]) -> list[Syscall]:
    """Where each of the four left for its sender."""
    found = [
        call
        for call in calls
        if call.name in SENT and "<TCP:" in call.arguments and any(word in call.arguments for word in ACKNOWLEDGED)
    ]
    assert len(found) == 4
    return found


def assert_synced(calls: list[Syscall], marker: str, place: str, before: Syscall) -> None:
    """What was written of *marker* to files whose path contains *place* was synced before *before* began."""
    written = [
        call
        for call in calls
        if call.name in WRITTEN and place in _file(call) and marker in call.arguments and call.ended < before.begun
    ]
    assert written, f"{marker} was not written to {place} before it was acknowledged"
    for write in written:
        synced = [
            call
            for call in calls
            if call.name in SYNCED and call.result == 0 and _file(call) == _file(write)
            and write.ended < call.begun and call.ended < before.begun
        ]  # fmt: skip
        assert synced, f"{marker} in {_file(write)} was acknowledged before it was synced"


def _file(call: Syscall) -> str:
    """The path of the file that a call is about: its first argument."""
    return call.arguments.partition("<")[2].partition(">")[0]


async def test_it_is_in_sqlite_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    door = free_port()
    async with (
        hub_process(tmp_path / "hub", tables(door), environ={"PBX": TOKEN}) as hub,
        watching(tmp_path, hub.pid) as watch,
    ):
        await deliver(hub, door)
    small, large, call, quarantined = acknowledgements(watch.calls)
    assert_synced(watch.calls, SMALL, "hub.sqlite3-wal", small)
    assert_synced(watch.calls, LARGE, "hub.sqlite3-wal", large)
    assert_synced(watch.calls, CALL, "hub.sqlite3-wal", call)
    assert_synced(watch.calls, QUARANTINED, "hub.sqlite3-wal", quarantined)
    # The bytes of a large mail are a file of their own, whose name must be on the disk as well.
    assert_synced(watch.calls, LARGE, "/blobs/", large)
    (renamed,) = [each for each in watch.calls if each.name.startswith("rename") and "/blobs/" in each.arguments]
    home = tmp_path / "hub"
    folders = {str(folder) for folder in (home, home / "blobs", home / "blobs" / _blob(renamed)[:2])}
    synced = {
        _file(each)
        for each in watch.calls
        if each.name in SYNCED and each.result == 0 and renamed.ended < each.begun and each.ended < large.begun
    }
    assert folders <= synced


def _blob(renamed: Syscall) -> str:
    return renamed.arguments.rpartition("/")[2].strip('"')


async def test_it_is_in_postgresql_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    door = free_port()
    with postgresql(durable=True) as server:
        store = server.url(server.create())
        async with hub_process(tmp_path / "hub", tables(door), store=store, environ={"PBX": TOKEN}) as hub:
            backends = list(descendants(server.process.pid))
            async with watching(tmp_path, hub.pid, server.process.pid, *backends) as watch:
                await deliver(hub, door)
        server.process.kill()  # asked politely it would sync every file that it has
    for marker, acknowledged in zip((SMALL, LARGE, CALL, QUARANTINED), acknowledgements(watch.calls), strict=True):
        assert_synced(watch.calls, marker, "/pg_wal/", acknowledged)


def test_calls_that_are_interrupted_by_others_are_put_together() -> None:
    """What `strace -f` prints when one thread syncs while another answers (strace(1), "unfinished")."""
    lines = [
        '8 write(5<TCP:[127.0.0.1:25->127.0.0.1:4]>, "250 (1) = 1\\r\\n", 13 <unfinished ...>\n',
        "9 fdatasync(3</hub-wal> <unfinished ...>\n",
        "8 <... write resumed>) = 13\n",
        "7 <... fsync resumed>) = 0\n",
        "9 <... fdatasync resumed>) = -1 EIO (Input/output error)\n",
        "8 --- SIGCHLD {si_signo=SIGCHLD} ---\n",
        "9 +++ exited with 0 +++\n",
        "8 fsync(4</blob> <unfinished ...>\n",
        '7 write(6<TCP:[127.0.0.1:25->127.0.0.1:5]>, "250", 3 <detached ...>\n',
    ]
    assert parsed(lines) == [
        Syscall("write", '5<TCP:[127.0.0.1:25->127.0.0.1:4]>, "250 (1) = 1\\r\\n", 13', 13, 0, 2),
        Syscall("fdatasync", "3</hub-wal>", -1, 1, 4),
        Syscall("fsync", "4</blob>", -1, 7, NEVER),
        Syscall("write", '6<TCP:[127.0.0.1:25->127.0.0.1:5]>, "250", 3', -1, 8, NEVER),
    ]
