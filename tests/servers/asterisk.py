"""An Asterisk 22 with AMI, ARI and SIP; the numbers it knows are in ``asterisk_etc/extensions.conf``.

Debian 12 and 13 have no package of it, so ``fetch_asterisk`` unpacks the one of Debian sid into ``build/asterisk``.
"""

from __future__ import annotations

import asyncio
import csv
import shutil
import socket
import subprocess
import urllib.request
import wave
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.process import OURSELVES, ServerProcess, folder_for, free_port

ROOT = Path(__file__).parents[2]
TREE = ROOT / "build" / "asterisk"
SETTINGS = Path(__file__).parent / "asterisk_etc"
#: How long anything of it may take.
SECONDS = 30
#: The phones that do not register: Asterisk calls each at a port of its own. "outside" is the public network.
PLACES = ("desk", "second", "busydesk", "ringdesk", "outside")
#: The columns of cdr_csv, with uniqueid and userfield switched on.
# fmt: off
CDR_COLUMNS = [
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start",
    "answer", "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield",
]
# fmt: on
#: The columns of our ``cel_custom.conf``.
# fmt: off
CEL_COLUMNS = [
    "eventtype", "eventtime", "cid_name", "cid_num", "cid_ani", "cid_rdnis", "cid_dnid", "exten", "context",
    "channame", "appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "peer", "userfield",
    "userdeftype", "eventextra",
]
# fmt: on


@dataclass(frozen=True, slots=True)
class Ami:
    """Where the manager interface listens, and who may log in."""

    port: int
    host: str = "127.0.0.1"
    username: str = "hub"
    secret: str = "ami-secret"


@dataclass(frozen=True, slots=True)
class Ari:
    """Where the REST interface is (*url* ends in ``/ari``), who may log in, and the application of the dialplan."""

    url: str
    username: str = "hub"
    password: str = "ari-secret"
    app: str = "hub"


class Asterisk:
    """One running server on 127.0.0.1. It keeps its ports and its folder when it is stopped and started again."""

    def __init__(self, tree: Path, folder: Path, sip_port: int, ami: Ami, ari: Ari, places: dict[str, int]) -> None:
        self.folder = folder
        self.sip_port = sip_port
        self.ami = ami
        self.ari = ari
        #: Name of a phone that does not register -> the UDP port it is expected at.
        self.places = places
        [libraries] = tree.glob("usr/lib/*-linux-gnu")
        [loader] = libraries.glob("ld-linux-*.so.*")
        self._command: list[str | Path] = [
            *(loader, "--library-path", f"{libraries}:{tree}/usr/lib"),
            *(tree / "usr/sbin/asterisk", "-C", folder / "etc" / "asterisk.conf"),
        ]
        self.process = ServerProcess([*self._command, "-f"], answers=self._answers, log=folder / "log" / "stdout")

    def restart(self) -> None:
        """Stop the server and start it again, in a second or two: calls are lost, registrations and files stay.

        ``process.kill`` and ``process.start`` are a power cut instead, which forgets who registered just before.
        """
        self.process.stop()
        self.process.start()

    def cli(self, command: str) -> str:
        """What the server's console prints for *command*."""
        console = [*self._command, "-n", "-r", "-x", command]
        told = subprocess.run(console, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=True)
        return told.stdout

    def extend(self, dialplan: str) -> None:
        """Load *dialplan*, in the format of extensions.conf, beside what there is.

        What lies in its context ``test`` may be called from inside and from outside, before all other numbers.
        """
        (self.folder / "etc" / "test.conf").write_text(dialplan)
        self.cli("dialplan reload")

    @property
    def recordings(self) -> Path:
        """The folder that MixMonitor writes to."""
        return self.folder / "spool" / "monitor"

    @property
    def voicemails(self) -> Path:
        """The inbox of the only mailbox, 100: msg0000.wav with its msg0000.txt, and so on."""
        return self.folder / "spool" / "voicemail" / "default" / "100" / "INBOX"

    @property
    def cdr_file(self) -> Path:
        """The file of call detail records, oldest first; missing before the first call ended."""
        return self.folder / "log" / "cdr-csv" / "Master.csv"

    @property
    def cel_file(self) -> Path:
        """The file of channel events, oldest first; missing before the first call."""
        return self.folder / "log" / "cel-custom" / "Master.csv"

    async def cdrs(self, number: int) -> list[dict[str, str]]:
        """The call detail records by the names of ``CDR_COLUMNS``, as soon as there are *number*.

        Asterisk writes each a moment after its call ended.
        """
        async with asyncio.timeout(SECONDS):
            while True:
                records = _rows(self.cdr_file, CDR_COLUMNS)
                if len(records) >= number:
                    return records
                await asyncio.sleep(0.02)

    def cels(self) -> list[dict[str, str]]:
        """The channel events written so far, by the names of ``CEL_COLUMNS``."""
        return _rows(self.cel_file, CEL_COLUMNS)

    def _answers(self) -> None:
        with socket.create_connection((self.ami.host, self.ami.port), timeout=5) as connection:
            answers = connection.makefile("rb")
            if not (banner := answers.readline()).startswith(b"Asterisk Call Manager/"):
                raise ConnectionError(f"Asterisk said {banner!r}")
            login = f"Action: Login\r\nUsername: {self.ami.username}\r\nSecret: {self.ami.secret}\r\n\r\n"
            connection.sendall(login.encode())
            # Told after the login as soon as every module runs.
            while b"FullyBooted" not in (line := answers.readline()):
                if not line:
                    raise ConnectionError("Asterisk closed the connection")
        with urllib.request.urlopen(
            f"{self.ari.url}/asterisk/ping?api_key={self.ari.username}:{self.ari.password}", timeout=5
        ) as answer:
            answer.read()
        _sip_answers(self.sip_port)


@contextmanager
def asterisk(tree: Path = TREE) -> Iterator[Asterisk]:
    """A running server with nobody registered and no calls yet; *tree* is what ``fetch_asterisk`` unpacked."""
    if not (tree / "complete").exists():
        pytest.fail("Asterisk is missing: run tests/servers/fetch_asterisk build/asterisk", pytrace=False)
    folder = folder_for("asterisk", OURSELVES)
    sip_port, *place_ports = free_udp_ports(1 + len(PLACES))
    http_port = free_port()
    ari = Ari(f"http://127.0.0.1:{http_port}/ari")
    server = Asterisk(tree, folder, sip_port, Ami(free_port()), ari, dict(zip(PLACES, place_ports, strict=True)))
    try:
        _configure(server, tree, http_port)
        server.process.start()
        try:
            yield server
        finally:
            # Asked politely, it first hangs up every call.
            server.process.kill()
    finally:
        shutil.rmtree(folder)


def _configure(server: Asterisk, tree: Path, http_port: int) -> None:
    folder = server.folder
    [modules] = tree.glob("usr/lib/*-linux-gnu/asterisk/modules")
    values = {
        "FOLDER": folder,
        "MODULES": modules,
        "SIP_PORT": server.sip_port,
        "AMI_PORT": server.ami.port,
        "HTTP_PORT": http_port,
        **{f"{place.upper()}_PORT": port for place, port in server.places.items()},
    }
    box = "spool/voicemail/default/100"
    kept = ("log/cdr-csv", "log/cel-custom", "spool/monitor", "spool/outgoing", "spool/tmp", box)
    for name in ("etc", "lib/keys", "lib/sounds", "run", *kept):
        (folder / name).mkdir(parents=True)
    for template in SETTINGS.iterdir():
        text = template.read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        (folder / "etc" / template.name).write_text(text)
    (folder / "etc" / "test.conf").write_text("[test]\n")
    # ARI and Stasis do not load without the documentation; the package's own links to the sounds are made when it is
    # installed, which it is not here.
    shared = tree / "usr/share/asterisk"
    for name in ("documentation", "rest-api"):
        (folder / "lib" / name).symlink_to(shared / name)
    [english] = shared.glob("sounds/en_*")
    (folder / "lib/sounds/en").symlink_to(english)
    with wave.open(str(folder / box / "unavail.wav"), "wb") as greeting:
        greeting.setnchannels(1)
        greeting.setsampwidth(2)
        greeting.setframerate(8000)
        greeting.writeframes(bytes(3200))


def _rows(file: Path, columns: list[str]) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        return [dict(zip(columns, row, strict=True)) for row in csv.reader(lines)]


def free_udp_ports(number: int) -> list[int]:
    """As many different ports of 127.0.0.1 that are free for TCP and UDP alike: SIP is spoken over both."""
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < number:
            tcp = held.enter_context(socket.socket())
            tcp.bind(("127.0.0.1", 0))
            udp = held.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            ports.append(tcp.getsockname()[1])
    return ports


def _sip_answers(port: int) -> None:
    """Ask with OPTIONS (RFC 3261, section 11)."""
    with socket.socket(type=socket.SOCK_DGRAM) as asker:
        asker.settimeout(2)
        asker.connect(("127.0.0.1", port))
        own = asker.getsockname()[1]
        asker.send(
            f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKready\r\n"
            f"From: <sip:ready@127.0.0.1>;tag=ready\r\nTo: <sip:127.0.0.1:{port}>\r\nCall-ID: ready@127.0.0.1\r\n"
            "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
        )
        answer = asker.recv(2048)
    if not answer.startswith(b"SIP/2.0 "):
        raise ConnectionError(f"Asterisk answered {answer!r}")


@pytest.fixture(name="asterisk")
def asterisk_fixture() -> Iterator[Asterisk]:
    """A server of this test's own."""
    with asterisk() as server:
        yield server
