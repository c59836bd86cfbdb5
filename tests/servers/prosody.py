"""An XMPP server (Prosody, `hub.test`, with rooms at `rooms.hub.test` and files) and its people."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from xml.etree.ElementTree import Element, XMLPullParser

from tests.servers.process import OURSELVES, ServerProcess, folder_for, free_port, program

SERVER = "hub.test"
ROOMS = "rooms.hub.test"
PASSWORD = "pw"

_CONFIG = """\
run_as_root = true
daemonize = false
pidfile = "{folder}/pid"
data_path = "{folder}/data"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ }}
s2s_ports = {{ }}
http_ports = {{ {http} }}
http_interfaces = {{ "127.0.0.1" }}
https_ports = {{ }}
modules_enabled = {{
  "roster"; "saslauth"; "tls"; "disco"; "ping"; "mam"; "carbons"; "smacks"; "presence"; "message"; "iq";
}}
modules_disabled = {{ "s2s" }}
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
authentication = "internal_plain"
storage = "internal"
archive_expires_after = "never"
ssl = {{ key = "{folder}/key.pem"; certificate = "{folder}/cert.pem" }}
limits = {{ }}
log = {{ warn = "{folder}/log" }}
VirtualHost "{server}"
Component "{rooms}" "muc"
  modules_enabled = {{ "muc_mam" }}
  muc_room_default_public = true
  restrict_room_creation = false
  muc_room_locking = false
Component "files.{server}" "http_file_share"
  http_host = "127.0.0.1"
  http_external_url = "http://127.0.0.1:{http}/"
  http_file_share_size_limit = 16*1024*1024
  http_file_share_access = {{ "{server}" }}
"""


class Client:
    """A client of somebody's: stanzas over a blocking socket, as they stand in the standards."""

    def __init__(self, port: int, name: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._parser = XMLPullParser(("start", "end"))
        self._depth = 0
        self._open()
        secret = base64.b64encode(f"\0{name}\0{PASSWORD}".encode()).decode()
        self.write(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")
        assert self.read().tag.endswith("success")
        self._parser, self._depth = XMLPullParser(("start", "end")), 0
        self._open()
        self.ask("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")

    def _open(self) -> None:
        self.write(
            f"<stream:stream to='{SERVER}' version='1.0' xmlns='jabber:client' "
            "xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        assert self.read().tag.endswith("features")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def write(self, xml: str) -> None:
        """Send *xml* as it stands."""
        self._socket.sendall(xml.encode())

    def read(self) -> Element:
        """The next stanza."""
        while True:
            for event, element in self._parser.read_events():
                self._depth += 1 if event == "start" else -1
                if event == "end" and self._depth == 1:
                    return element
            block = self._socket.recv(65536)
            assert block, "the server hung up"
            self._parser.feed(block)

    def ask(self, xml: str, kind: str = "set", to: str = "") -> list[Element]:
        """Send an iq of *xml*; all that comes up to its answer, which is the last."""
        whom = f" to='{to}'" if to else ""
        self.write(f"<iq type='{kind}' id='asked'{whom}>{xml}</iq>")
        came = []
        while True:
            came.append(self.read())
            if came[-1].tag.endswith("}iq") and came[-1].get("id") == "asked":
                return came

    def settle(self) -> None:
        """Return once the server has taken everything before (RFC 6120, 10.1)."""
        self.ask("<ping xmlns='urn:xmpp:ping'/>", "get", SERVER)

    def enter(self, room: str, nick: str) -> None:
        """Enter a room, which is made where there is none; return when we are in it."""
        self.write(f"<presence to='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        while "110" not in {each.get("code") for each in self.read().iter() if each.tag.endswith("}status")}:
            pass

    def archive(self, limit: int = 100) -> list[Element]:
        """The messages in her archive, oldest first."""
        came = self.ask(
            "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'>"
            f"<max>{limit}</max></set></query>"
        )
        return [
            found
            for each in came
            if (found := each.find(".//{urn:xmpp:forward:0}forwarded/{jabber:client}message")) is not None
        ]


class Prosody:
    """A running server on 127.0.0.1; TLS is offered, with a certificate of its own, and not demanded."""

    def __init__(self, process: ServerProcess, port: int, http: int, folder: Path) -> None:
        self.process = process
        self.port = port
        self.http = http
        self.certificate = folder / "cert.pem"
        self._folder = folder
        self._people = 0

    def person(self, name: str) -> str:
        """The address of a new account `<name><number>@hub.test`: each test has people of its own."""
        self._people += 1
        user = f"{name}{self._people}"
        accounts = self._folder / "data" / SERVER.replace(".", "%2e") / "accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        (accounts / f"{user}.dat").write_text(f'return {{ ["password"] = "{PASSWORD}"; }};\n')
        return f"{user}@{SERVER}"

    def client(self, jid: str) -> Client:
        """A client signed in to an account."""
        return Client(self.port, jid.partition("@")[0])


@contextmanager
def prosody() -> Iterator[Prosody]:
    """A running server on which nobody has an account."""
    binary = program("prosody", package="prosody")
    folder = folder_for("prosody", OURSELVES)
    port, http = free_port(), free_port()
    try:
        (folder / "data").mkdir()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2", "-subj", f"/CN={SERVER}",
             "-addext", f"subjectAltName=DNS:{SERVER}"],
            check=True, capture_output=True,
        )  # fmt: skip
        config = folder / "prosody.cfg.lua"
        config.write_text(_CONFIG.format(folder=folder, port=port, http=http, server=SERVER, rooms=ROOMS))
        process = ServerProcess([binary, "--config", config, "-F"], answers=lambda: _answers(port), log=folder / "out")
        process.start()
        try:
            yield Prosody(process, port, http, folder)
        finally:
            process.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> None:
    """Raises `OSError` while nobody opens a stream on *port*."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(
            f"<stream:stream to='{SERVER}' version='1.0' xmlns='jabber:client' "
            "xmlns:stream='http://etherx.jabber.org/streams'>".encode()
        )
        if b"stream:stream" not in connection.recv(4096):
            raise ConnectionError("not ready yet")
