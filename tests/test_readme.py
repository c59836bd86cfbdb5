"""README.md is true: its first steps, its backup and its proxy are done here as it says, at a real hub."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp

from tests.cli.command import HUB, Serving, environment, serving
from tests.fakes.twilio import InboundCall, Twilio
from tests.servers.process import ServerProcess, account, folder_for, free_port, program

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
SECRETS = {
    "PBX_TOKEN": "pbx-token-of-this-test",
    "TWILIO_AUTH_TOKEN": "twilio-token-of-this-test",
    "SUPPORT_MAIL_PASSWORD": "mail-password-of-this-test",
}
MEETING = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//T//EN\r\nBEGIN:VEVENT\r\nUID:m1\r\nDTSTAMP:20260301T090000Z\r\n"
    b"DTSTART:20260302T093000Z\r\nSUMMARY:Meeting\r\nATTENDEE:mailto:grace@example.net\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
PEOPLE = "Full Name,Company,E-mail,Mobile\nGrace Hopper,Navy,grace@example.net,+49 30 901820\n"


def section(heading: str) -> str:
    """What stands below a heading of the second level."""
    return README.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def blocks(heading: str, language: str) -> list[str]:
    """The fenced blocks of a section."""
    return re.findall(rf"^```{language}\n(.*?)^```", section(heading), re.MULTILINE | re.DOTALL)


def shell(folder: Path, script: str, **environ: str) -> str:
    """Run *script* as a reader would, with `hub` where the README says it is: what it prints. It must not fail."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment({**SECRETS, **environ, "PATH": f"{HUB.parent}:{os.environ['PATH']}"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def mail(number: int, *, size: int = 0) -> bytes:
    """A mail from Grace; *size* is that of a file in it."""
    message = EmailMessage()
    message["Message-ID"] = f"<{number}@example.net>"
    message["From"], message["To"] = "Grace <grace@example.net>", "you@example.org"
    message["Subject"] = f"Question {number}"
    message["Date"] = f"Mon, 02 Mar 2026 09:0{number}:00 +0000"
    message.set_content("Hello.")
    if size:
        message.add_attachment(b"x" * size, maintype="application", subtype="octet-stream", filename="large.bin")
    return message.as_bytes()


@dataclass
class Reader:
    """Somebody who follows the README in *folder*. The ports of its examples are those of this run."""

    folder: Path
    web: int = field(default_factory=free_port)
    smtp: int = field(default_factory=free_port)
    token: str = ""

    def here(self, text: str) -> str:
        """*text* with the ports of this run."""
        return text.replace("127.0.0.1:8080", f"127.0.0.1:{self.web}").replace(":2525", f":{self.smtp}")

    def does(self, script: str, **environ: str) -> str:
        return shell(self.folder, self.here(script), **environ)

    def api(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{self.web}/api/v1{path}", headers=headers)
        ) as answer:
            return json.load(answer)

    def timeline(self, handle: str) -> list[str]:
        """Titles, or outcomes of calls, newest first."""
        (contact,) = self.api(f"/contacts?handle={handle}")["items"]
        items = self.api(f"/contacts/{contact['id']}/timeline")["items"]
        return [item["title"] or item["outcome"] for item in items]


@contextmanager
def followed(folder: Path) -> Iterator[Reader]:
    """All of "First steps" that is set in the config is set, but what listens at servers that are nowhere here."""
    reader = Reader(folder)
    elsewhere = re.compile('provider *= "(imap|caldav|telegram|bluesky|feed)"')
    added = [block for block in blocks("First steps", "toml") if not elsewhere.search(block)]
    assert len(added) == 4
    shipped = (ROOT / "config.toml").read_text("utf-8")
    (folder / "config.toml").write_text(reader.here(shipped) + "\n".join(added), "utf-8")
    for number, name in enumerate(("mail.eml", "old-mails/one.eml", "old-mails/two.eml"), 1):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(mail(number, size=200_000 if number == 2 else 0))
    (folder / "archive.mbox").write_bytes(b"From grace@example.net Mon Mar  2 09:04:00 2026\n" + mail(4) + b"\n")
    (folder / "calendar.ics").write_bytes(MEETING)
    (folder / "people.csv").write_text(PEOPLE)
    yield reader


@contextmanager
def running(reader: Reader) -> Iterator[Serving]:
    with serving(reader.folder, **SECRETS) as served:
        yield served


def test_the_first_steps_lead_to_a_timeline_and_the_backup_holds_it(tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    folder.mkdir()
    with followed(folder) as reader, running(reader) as served:
        link = served.line()
        assert re.search(rf"once: http://127\.0\.0\.1:{reader.web}/setup/\S+$", link)
        by_mail, files, add_user, calls, contacts = blocks("First steps", "sh")
        reader.does(by_mail)
        assert reader.does(files) == "3 mails and 1 meeting taken in.\n"
        assert '"ada" may log in.' in reader.does(
            add_user.replace("hub user add", "hub user add --password-stdin <<< a-long-password")
        )
        reader.does(calls)
        counted = re.findall(r"(Would have been taken in|Taken in): 1 new", reader.does(contacts))
        assert counted == ["Would have been taken in", "Taken in"]
        (add_token,) = blocks("Commands", "sh")
        reader.token = reader.does(add_token).split()[-1]
        everything = ["Meeting", "Question 4", "Question 3", "Question 2", "Question 1"]
        assert reader.timeline("grace@example.net") == ["missed", *everything]
        checked = reader.does("hub check")
        assert "pbx" in checked
        assert "wrong" not in checked
        copy, _ = blocks("Backup and upgrade", "sh")
        reader.does(copy.replace(".venv/bin/python", sys.executable))
    # To restore: put both back into an empty data/.
    (backup,) = (folder / "backup").iterdir()
    assert sorted(path.name for path in backup.iterdir()) == ["blobs", "hub.sqlite3"]
    (folder / "data").rename(tmp_path / "lost")
    backup.rename(folder / "data")
    with running(reader) as restored:
        assert restored.address
        assert reader.timeline("grace@example.net") == ["missed", *everything]
    large = next((folder / "data" / "blobs").rglob("*/*"))
    assert large.stat().st_size > 200_000


def test_the_commands_in_the_table_are_all_there_are() -> None:
    table = re.findall(r"^\| `hub (\w+)", section("Commands"), re.MULTILINE)
    helped = subprocess.run([HUB, "--help"], capture_output=True, text=True, check=True).stdout.partition("COMMAND\n")[
        2
    ]
    assert sorted(table) == sorted(line.split()[0] for line in helped.splitlines() if line[4] != " ")


@contextmanager
def nginx(port: int, upstream: int) -> Iterator[ssl.SSLContext]:
    """The README's nginx in front of a hub; answers the context that trusts its certificate."""
    (example,) = blocks("For others than yourself", "nginx")
    owner = account()
    folder = folder_for("nginx", owner)
    key, certificate = folder / "key.pem", folder / "fullchain.pem"
    how = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=hub.example.org"
    names = f"-addext subjectAltName=DNS:hub.example.org -keyout {key} -out {certificate}"
    subprocess.run(
        [program("openssl", package="openssl"), *how.split(), *names.split()], check=True, capture_output=True
    )
    server = (
        example.replace("listen 443", f"listen 127.0.0.1:{port}")
        .replace("/etc/ssl/hub.example.org", str(folder))
        .replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
    )
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"pid {folder}/pid; error_log stderr; daemon off; worker_processes 1; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{server} }}"
    )
    owner.own(*folder.iterdir())
    command: list[str | Path] = [program("nginx", package="nginx-light"), "-p", folder, "-c", config]
    trust = ssl.create_default_context(cafile=str(certificate))

    def answers() -> None:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/healthz", context=_anyone()):
            pass

    process = ServerProcess(command, answers=answers, log=folder / "log", owner=owner)
    process.start()
    try:
        yield trust
    finally:
        process.stop()


def _anyone() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def test_behind_the_proxy_of_the_readme_signatures_verify_and_screens_ring(tmp_path: Path) -> None:
    """What others find hard (twilio-node#321): the hub sees http and its own port, Twilio signs the public URL."""
    with followed(tmp_path) as reader:
        config = tmp_path / "config.toml"
        public = tomllib.loads(blocks("Configuration", "toml")[0])["hub"]["public_url"]
        config.write_text(
            config.read_text().replace('#public_url = "https://hub.example.org"', f'public_url = "{public}"')
        )
        port = free_port()
        with running(reader), nginx(port, reader.web) as trust:
            token = reader.does("hub token add screen --scope read --agent ada").split()[-1]
            connector = aiohttp.TCPConnector(ssl=trust, resolver=_Here(), force_close=True)
            async with aiohttp.ClientSession(f"https://hub.example.org:{port}", connector=connector) as outside:
                await _rings(outside, token)


async def _rings(outside: aiohttp.ClientSession, token: str) -> None:
    (table,) = [tomllib.loads(block) for block in blocks("First steps", "toml") if "twilio" in block]
    sid = table["sources"]["front-desk"]["account_sid"]
    twilio = Twilio("https://hub.example.org/webhooks/front-desk", SECRETS["TWILIO_AUTH_TOKEN"], sid)
    call = InboundCall("CA" + "0" * 32, caller="+4930901820", line="+4930123456", began=datetime.now(UTC))
    async with outside.get("/live", headers={"Authorization": f"Bearer {token}"}) as screen:
        _, headers, body = twilio.request(call.leg("CA" + "1" * 32, "+4930123451", "ringing", 0))
        async with outside.post("/webhooks/front-desk", data=body, headers=headers) as answer:
            assert answer.status == 204, await answer.text()
        async for line in screen.content:  # a proxy that buffers would hold it back
            if line.startswith(b"data:") and b"tel:+4930901820" in line:
                return
    raise AssertionError("the stream ended")


class _Here(aiohttp.abc.AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[aiohttp.abc.ResolveResult]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        """Nothing is open."""
