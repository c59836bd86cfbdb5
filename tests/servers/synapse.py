"""A Matrix homeserver (Synapse, `hub.test`) and its people. `fetch_synapse` installs it."""

from __future__ import annotations

import hashlib
import hmac
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from tests.servers.process import OURSELVES, ServerProcess, folder_for, free_port

INSTALLED = Path(__file__).parents[2] / "build" / "synapse"
SERVER = "hub.test"
_SECRET = "reg-secret"
_CLIENT = "/_matrix/client/v3"

_CONFIG = """\
server_name: {server}
pid_file: {folder}/pid
report_stats: false
signing_key_path: {folder}/sign.key
media_store_path: {folder}/media
enable_media_repo: true
max_upload_size: 60M
trusted_key_servers: []
suppress_key_server_warning: true
federation_domain_whitelist: []
registration_shared_secret: {secret}
macaroon_secret_key: mac-secret
form_secret: form-secret
enable_registration: false
presence: {{enabled: false}}
listeners:
  - port: {port}
    tls: false
    type: http
    bind_addresses: ['127.0.0.1']
    resources: [{{names: [client], compress: false}}]
database: {{name: sqlite3, args: {{database: {folder}/hs.db}}}}
log_config: {folder}/log.yaml
rc_message: {{per_second: 10000, burst_count: 10000}}
rc_joins: {{local: {{per_second: 10000, burst_count: 10000}}}}
rc_invites:
  per_room: {{per_second: 10000, burst_count: 10000}}
  per_user: {{per_second: 10000, burst_count: 10000}}
  per_issuer: {{per_second: 10000, burst_count: 10000}}
rc_registration: {{per_second: 10000, burst_count: 10000}}
rc_room_creation: {{per_second: 10000, burst_count: 10000}}
"""
_LOG = """\
version: 1
formatters: {{f: {{format: '%(asctime)s %(levelname)s %(name)s %(message)s'}}}}
handlers: {{h: {{class: logging.FileHandler, filename: {folder}/hs.log, formatter: f}}}}
root: {{level: WARNING, handlers: [h]}}
"""


class Person:
    """Somebody with an account, at a client of her own: plain requests, as other programs make them."""

    def __init__(self, server: Synapse, user: str, token: str) -> None:
        self.server = server
        self.user = user
        self.token = token
        self._sent = 0

    def ask(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, kind: str = "") -> Any:
        """The JSON of the answer to one request, which succeeds."""
        status, _, said = self.server.ask(method, path, body, token=self.token, raw=raw, kind=kind)
        assert status == 200, (status, said)
        return orjson.loads(said)

    def room(self, *others: str, **more: Any) -> str:
        """A new room into which *others* are invited."""
        wanted = {"preset": "private_chat", "invite": list(others), **more}
        return str(self.ask("POST", f"{_CLIENT}/createRoom", wanted)["room_id"])

    def join(self, room: str) -> None:
        """Accept an invitation."""
        self.ask("POST", f"{_CLIENT}/join/{quote(room)}", {})

    def called(self, name: str) -> None:
        """Take a name."""
        self.ask("PUT", f"{_CLIENT}/profile/{quote(self.user)}/displayname", {"displayname": name})

    def say(self, room: str, content: str | Mapping[str, Any], kind: str = "m.room.message") -> str:
        """Send an event, of a text or of any content; answers its id."""
        self._sent += 1
        body = {"msgtype": "m.text", "body": content} if isinstance(content, str) else dict(content)
        path = f"{_CLIENT}/rooms/{quote(room)}/send/{kind}/{time.time_ns()}-{self._sent}"
        return str(self.ask("PUT", path, body)["event_id"])

    def edit(self, room: str, event: str, text: str) -> str:
        """Change what a message says."""
        new = {"msgtype": "m.text", "body": text}
        relation = {"rel_type": "m.replace", "event_id": event}
        return self.say(
            room, {"msgtype": "m.text", "body": f"* {text}", "m.new_content": new, "m.relates_to": relation}
        )

    def take_back(self, room: str, event: str) -> str:
        """Redact an event."""
        self._sent += 1
        path = f"{_CLIENT}/rooms/{quote(room)}/redact/{quote(event)}/{time.time_ns()}-{self._sent}"
        return str(self.ask("PUT", path, {})["event_id"])

    def upload(self, name: str, kind: str, data: bytes) -> str:
        """Put a file into the media repository; answers its address."""
        return str(
            self.ask("POST", f"/_matrix/media/v3/upload?filename={quote(name)}", raw=data, kind=kind)["content_uri"]
        )

    def download(self, mxc: str) -> bytes:
        """The bytes of a file."""
        path = f"/_matrix/client/v1/media/download/{mxc.removeprefix('mxc://')}"
        status, _, data = self.server.ask("GET", path, token=self.token)
        assert status == 200, data
        return data

    def read(self, room: str, event: str) -> None:
        """Say that she has read up to an event."""
        self.ask("POST", f"{_CLIENT}/rooms/{quote(room)}/receipt/m.read/{quote(event)}", {})

    def messages(self, room: str, limit: int = 100) -> list[dict[str, Any]]:
        """What was said in a room, oldest first."""
        path = f"{_CLIENT}/rooms/{quote(room)}/messages?dir=b&limit={limit}"
        chunk = self.ask("GET", path)["chunk"]
        return [event for event in reversed(chunk) if event["type"] == "m.room.message"]

    def rooms(self) -> list[str]:
        """In which rooms she is."""
        return list(self.ask("GET", f"{_CLIENT}/joined_rooms")["joined_rooms"])


class Synapse:
    """A running homeserver on 127.0.0.1, without TLS and without federation."""

    def __init__(self, process: ServerProcess, port: int) -> None:
        self.process = process
        self.port = port
        self._people = 0

    @property
    def url(self) -> str:
        """Where its client API is."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str = "", raw: bytes | None = None, kind: str = ""
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer to one request."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            content = raw if raw is not None else None if body is None else orjson.dumps(body)
            connection.request(method, path, content, {**headers, "Content-Type": kind or "application/json"})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def person(self, name: str) -> Person:
        """A new account `@<name><number>:hub.test`, logged in: each test has people of its own."""
        self._people += 1
        user = f"{name}{self._people}"
        nonce = orjson.loads(self.ask("GET", "/_synapse/admin/v1/register")[2])["nonce"]
        signed = "\0".join((nonce, user, "pw", "notadmin")).encode()
        mac = hmac.new(_SECRET.encode(), signed, hashlib.sha1).hexdigest()
        about = {"nonce": nonce, "username": user, "password": "pw", "admin": False, "mac": mac}
        status, _, said = self.ask("POST", "/_synapse/admin/v1/register", about)
        assert status == 200, said
        made = orjson.loads(said)
        return Person(self, made["user_id"], made["access_token"])


@contextmanager
def synapse() -> Iterator[Synapse]:
    """A running homeserver on which nobody has an account."""
    python = INSTALLED / "bin" / "python"
    if not (INSTALLED / "complete").exists():
        pytest.fail("Synapse is missing: run tests/servers/fetch_synapse build/synapse", pytrace=False)
    folder = folder_for("synapse", OURSELVES)
    port = free_port()
    try:
        (folder / "sign.key").write_text("ed25519 a1 " + "A" * 43 + "\n")
        (folder / "hs.yaml").write_text(_CONFIG.format(server=SERVER, folder=folder, port=port, secret=_SECRET))
        (folder / "log.yaml").write_text(_LOG.format(folder=folder))
        process = ServerProcess(
            [python, "-m", "synapse.app.homeserver", "-c", folder / "hs.yaml"],
            answers=lambda: _answers(port),
            log=folder / "out",
            seconds=90,
        )
        process.start()
        try:
            yield Synapse(process, port)
        finally:
            process.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> None:
    """Raises `OSError` while it does not speak its API on *port*."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_matrix/client/versions")
        if connection.getresponse().status != 200:
            raise ConnectionError("not ready yet")
    except HTTPException as error:
        raise ConnectionError("no HTTP yet") from error
    finally:
        connection.close()
