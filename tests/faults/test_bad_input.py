"""What is broken, forged, full or not there: nothing is acknowledged that is not kept, and everything else goes on."""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import smtplib
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from hub.store.engine import CHECKPOINT_SECONDS
from tests.fakes.twilio import ACCOUNT, InboundCall, Twilio
from tests.faults.hub_process import START_SECONDS, HubProcess, hub_process, readiness
from tests.faults.screen import screen
from tests.servers.dovecot import Dovecot
from tests.servers.postgresql import postgresql
from tests.servers.process import free_port

PBX_TOKEN = "pbx-2f61a8c07d"
TWILIO_TOKEN = "twilio-c3d9f0a6b1"
ENVIRON = {"PBX": PBX_TOKEN, "TWILIO": TWILIO_TOKEN, "ALICE": "secret-a", "BOB": "not-his-password"}
LARGEST_DELIVERY = 1 << 20


def tables(door: int) -> str:
    return f"""
[agents.ada]
name = "Ada"
extensions = ["pbx/21"]

[sources.door]
provider = "smtp"
listen = "127.0.0.1:{door}"

[sources.pbx]
provider = "calls"
ours = ["tel:+4930123456"]
token = "env:PBX"
"""


@dataclass(slots=True)
class Office:
    """What is told to a hub, and what it said to that."""

    hub: HubProcess
    door: int
    accepted: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)

    async def mail(self, name: str, size: int = 1000) -> None:
        """Send a mail through the door, and note whether it was taken."""
        raw = (
            f"From: kim@customer.example\r\nTo: support@example.org\r\nSubject: {name}\r\n"
            f"Message-ID: <{name}@customer.example>\r\nDate: Mon, 02 Mar 2026 09:00:00 +0000\r\n\r\n"
        ) + "".join(f"{os.urandom(30).hex()}\r\n" for _ in range(size // 62))

        def send() -> str:
            with smtplib.SMTP("127.0.0.1", self.door, timeout=30) as smtp:
                try:
                    smtp.sendmail("kim@customer.example", ["support@example.org"], raw)
                except smtplib.SMTPDataError as error:
                    return f"{error.smtp_code} {error.smtp_error!r}"
            return ""

        self._note(f"mail:<{name}@customer.example>", await asyncio.to_thread(send))

    async def call(self, name: str, **more: object) -> None:
        """Tell of a call, and note whether it was taken."""
        told = {"id": name, "event": "ringing", "from": "+4930901820", "to": "+4930123456", "agent": "21", **more}
        async with self.hub.client(PBX_TOKEN) as client, client.post("/webhooks/pbx", json=told) as answer:
            refusal = "" if answer.status == 204 else f"{answer.status} Retry-After {answer.headers.get('Retry-After')}"
            self._note(f"pbx:{name}", refusal)

    def _note(self, key: str, refusal: str) -> None:
        if refusal:
            self.refused[key] = refusal
        else:
            self.accepted.add(key)
            self.refused.pop(key, None)

    async def recorded(self, token: str) -> set[str]:
        """Which of all that was told is on record."""
        found = set()
        async with self.hub.client(token) as api:
            for key in {*self.accepted, *self.refused}:
                async with api.get("/api/v1/interactions", params={"key": key}) as answer:
                    assert answer.status in (200, 404), await answer.text()
                    if answer.status == 200:
                        found.add(key)
        return found


# --- a store that is not there, or full -----------------------------------------------------------------------------


async def test_while_the_store_is_away_nothing_is_acknowledged_and_then_all_goes_on(tmp_path: Path) -> None:
    door = free_port()
    with postgresql(durable=True) as server:
        store = server.url(server.create())
        async with hub_process(tmp_path, tables(door), store=store, environ=ENVIRON) as hub:
            office = Office(hub, door)
            token = await hub.token("ada", agent="ada")
            await asyncio.gather(office.mail("before"), office.call("before"))
            async with screen(hub, token) as hers:
                await hers.next("pop")
                await asyncio.to_thread(server.process.kill)
                await asyncio.gather(*(office.mail(f"away-{number}") for number in range(4)), office.call("away"))
                async with hub.client() as client:
                    assert await readiness(client) == 503
                    async with client.get("/healthz") as answer:
                        assert answer.status == 200
                refused = sorted(office.refused.values())
                assert [refusal[:4] for refusal in refused] == ["451 ", "451 ", "451 ", "451 ", "503 "]
                assert int(refused[-1].rpartition(" ")[2]) > 0
                await asyncio.to_thread(server.process.start)
                await hub.ready()
                # The screens are still told once a second what rings.
                await hers.next("ringing")
            assert await office.recorded(token) == office.accepted
            await asyncio.gather(*(office.mail(f"away-{number}") for number in range(4)), office.call("away"))
            assert office.refused == {}
            assert await office.recorded(token) == office.accepted
        server.process.kill()  # asked politely it would sync every file that it has


async def test_a_full_disk_acknowledges_nothing_that_is_not_on_it(tmp_path: Path) -> None:
    """The hub may write no file beyond some size: what the system says then is what it says of a full disk."""
    door = free_port()
    async with hub_process(tmp_path, tables(door), environ=ENVIRON) as hub:
        office = Office(hub, door)
        token = await hub.token("test")
        await office.mail("before")
        room = _largest(tmp_path) + 300_000
        resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        number = 0
        while len(office.refused) < 12:
            number += 1
            await asyncio.gather(
                office.mail(f"small-{number}", 20_000),
                office.mail(f"large-{number}", 100_000 if number % 2 else 600_000),
                office.call(f"call-{number}"),
            )
        resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        assert await office.recorded(token) == office.accepted, "what is there can be read"
        accepted, clock = len(office.accepted), asyncio.get_running_loop().time
        end = clock() + 3 * CHECKPOINT_SECONDS  # these must outlive it, too
        while clock() < end:
            await office.call("refused")
        assert len(office.accepted) == accepted
        assert {refusal[:4] for refusal in office.refused.values()} == {"451 ", "503 "}
        assert _half_written(tmp_path) == []
        resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await asyncio.gather(office.mail("large-2", 600_000), office.mail("after"), office.call(f"call-{number}"))
        now = {"mail:<large-2@customer.example>", "mail:<after@customer.example>", f"pbx:call-{number}"}
        assert now < office.accepted, "it needs no restart when there is room again"
        # What is in the write-ahead log goes into the database again.
        async with asyncio.timeout(START_SECONDS):
            for number in itertools.count():
                if _database(tmp_path).stat().st_size > room:
                    break
                await office.mail(f"more-{number}", 20_000)
        await hub.kill()
        await hub.start()
        assert await office.recorded(token) == office.accepted


def _largest(folder: Path) -> int:
    """The size of the largest file of the store."""
    return max(path.stat().st_size for path in folder.glob("hub.sqlite3*"))


def _database(folder: Path) -> Path:
    return folder / "hub.sqlite3"


def _half_written(folder: Path) -> list[Path]:
    """Blobs that have no name yet."""
    return list(folder.glob("blobs/*/tmp*"))


async def test_a_second_hub_on_one_sqlite_ends_with_the_reason(tmp_path: Path) -> None:
    store = tmp_path / "one" / "hub.sqlite3"
    alias = tmp_path / "alias.sqlite3"
    alias.symlink_to(store)
    async with hub_process(tmp_path / "one", tables(free_port()), environ=ENVIRON):
        for number, name in enumerate((store, alias)):
            folder = tmp_path / f"other-{number}"
            async with hub_process(
                folder, tables(free_port()), store=f"sqlite:///{name}", environ=ENVIRON, start=False
            ) as other:
                await other.launch()
                assert await other.ended() == 1
                reason = f"hub: {store} is in use by another hub. Stop that one, or use its commands.\n"
                assert other.log == reason


# --- deliveries and mails that are not as they should be ------------------------------------------------------------


async def test_of_a_refused_delivery_a_count_is_kept_and_nothing_else(tmp_path: Path) -> None:
    front_desk = f"""
[sources.front-desk]
provider = "twilio"
ours = ["tel:+4930123456"]
account_sid = "{ACCOUNT}"
auth_token = "env:TWILIO"
"""
    async with hub_process(tmp_path, tables(free_port()) + front_desk, environ=ENVIRON) as hub:
        token = await hub.token("test")
        twilio = Twilio(f"{hub.url}/webhooks/front-desk", TWILIO_TOKEN)
        url, headers, body = twilio.request(InboundCall("CA1").leg("CB1", "+4930123451", "ringing", 1))
        forger = Twilio(twilio.url, "a-guess")
        bearer = {"authorization": f"Bearer {PBX_TOKEN}"}
        unreadable = headers | {"content-type": "application/x-www-form-urlencoded"}
        too_large = b"x" * (LARGEST_DELIVERY + 1)
        deliveries: list[tuple[str, dict[str, str], bytes, int]] = [
            (url, forger.request({"CallSid": "CA1", "CallStatus": "ringing"})[1], body, 401),
            (url, headers, body.replace(b"4155550100", b"4155550101"), 401),
            (url, {"content-type": headers["content-type"]}, body, 401),
            (url, unreadable, b"From=\xff\xfe", 400),
            (url, headers, too_large, 413),
            (f"{hub.url}/webhooks/pbx", {"authorization": "Bearer a-guess"}, b"{}", 401),
            (f"{hub.url}/webhooks/pbx", bearer, too_large, 413),
            (f"{hub.url}/webhooks/nobody", bearer, b"{}", 404),
        ]
        async with hub.client() as client:
            for number, (address, said, content, status) in enumerate(deliveries):
                async with client.post(address, headers=said, data=BytesIO(content)) as answer:
                    assert answer.status == status, f"delivery {number}"
        assert await hub.stop() == 0  # the counts go to the store every few seconds, and at the end
        with closing(sqlite3.connect(tmp_path / "hub.sqlite3")) as store:
            for table in ("events", "interactions", "participants", "quarantine", "blobs", "pops", "outbox"):
                assert store.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        await hub.start()
        refused = {name: source["refused"] for name, source in (await sources(hub, token)).items()}
        assert refused == {
            "door": {},
            "front-desk": {"forged": 3, "malformed": 1, "too-large": 1},
            "pbx": {"forged": 1, "too-large": 1},
        }


async def sources(hub: HubProcess, token: str) -> dict[str, dict[str, Any]]:
    """What the hub says of its sources, by name."""
    async with hub.client(token) as api, api.get("/api/v1/sources") as answer:
        return {source["name"]: source for source in (await answer.json())["items"]}


async def test_what_is_wrong_with_one_source_or_one_mail_holds_up_no_other(tmp_path: Path, dovecot: Dovecot) -> None:
    nobody = free_port()

    def mailbox(name: str, port: int, username: str, password: str, more: str = "") -> str:
        return f"""
[sources.{name}]
provider = "imap"
host = "127.0.0.1"
port = {port}
security = "none"
username = "{username}"
password = "env:{password}"
{more}
"""

    mailboxes = (
        mailbox("good", dovecot.imap_port, "alice", "ALICE")
        + mailbox("refused", dovecot.imap_port, "bob", "BOB")
        + mailbox("unreachable", nobody, "alice", "ALICE")
        + mailbox("misspelt", dovecot.imap_port, "alice", "ALICE", more='fodlers = ["INBOX"]')
        + mailbox("without-password", dovecot.imap_port, "alice", "NOT_SET")
    )
    async with hub_process(tmp_path, tables(free_port()) + mailboxes, environ=ENVIRON) as hub:
        token = await hub.token("test")
        good = ""
        for number in range(3):
            good = f"From: kim@customer.example\r\nSubject: Good\r\nMessage-ID: <good-{number}@x.example>\r\n\r\nHi\r\n"
            await asyncio.to_thread(dovecot.append, [f"\r\nNo header, mail {number}.\r\n".encode(), good.encode()])
            await _comes(hub, token, f"mail:<good-{number}@x.example>")
        await hub.kill()
        await hub.start()
        await asyncio.to_thread(dovecot.append, [good.replace("good-2", "good-3").encode()])
        await _comes(hub, token, "mail:<good-3@x.example>")
        async with hub.client(token) as api, api.get("/api/v1/quarantine") as answer:
            held = (await answer.json())["items"]
        assert [(each["source"], each["kind"], each["reason"]) for each in held] == [
            ("good", "mail", "no mail header")
        ] * 3
        expected = {
            "door": "listening",
            "pbx": "new",
            "good": "listening",
            "refused": "rejected",
            "unreachable": "waiting",
            "misspelt": "misconfigured",
            "without-password": "misconfigured",
        }
        said = await sources(hub, token)
        for _ in range(10 * START_SECONDS):
            if {name: source["state"] for name, source in said.items()} == expected:
                break
            await asyncio.sleep(0.1)
            said = await sources(hub, token)
    assert {name: source["state"] for name, source in said.items()} == expected
    causes = {name: source["cause"] for name, source in said.items() if "cause" in source}
    assert "sources.refused.password" in causes["refused"]
    assert f"127.0.0.1 cannot be reached on port {nobody}" in causes["unreachable"]
    assert "sources.misspelt.fodlers" in causes["misspelt"]
    assert "folders" in causes["misspelt"]
    assert "NOT_SET" in causes["without-password"]
    assert all("\n" not in cause and "not-his-password" not in cause for cause in causes.values())


async def _comes(hub: HubProcess, token: str, key: str) -> None:
    """Return when the interaction of *key* is on record."""
    async with asyncio.timeout(START_SECONDS), hub.client(token) as api:
        while True:
            async with api.get("/api/v1/interactions", params={"key": key}) as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.05)
