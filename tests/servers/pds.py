"""Bluesky's own server (PDS) with a directory of identities, and people who post on it.

``fetch_pds`` installs it into ``build/pds``. It takes some twenty seconds to start: one for a module is enough.
"""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.servers.process import OURSELVES, ServerProcess, folder_for, free_port, program

ROOT = Path(__file__).parents[2]
TREE = ROOT / "build" / "pds"
#: How long it may take to load its modules on a machine that does other things.
SECONDS = 120.0
PASSWORD = "secret-a"


@dataclass(frozen=True, slots=True)
class Person:
    """An account of the server: its DID, its name, and the token of its session."""

    did: str
    handle: str
    token: str


class Pds:
    """One running server on 127.0.0.1. What people do on it is done here by plain requests, as their apps do."""

    def __init__(self, process: ServerProcess, port: int) -> None:
        self.process = process
        self.port = port

    @property
    def url(self) -> str:
        """Where its XRPC methods are, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, query: Mapping[str, str] | None = None, body: Any = None, person: Person | None = None
    ) -> Any:
        """What the XRPC *method* answers: a procedure where there is a *body*, else a query."""
        url = f"{self.url}/xrpc/{method}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {person.token}"} if person else {}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            said = answer.read()
        return json.loads(said) if said else None

    def join(self, name: str) -> Person:
        """A new account called ``<name>.test``, whose password is `PASSWORD`."""
        about = {"handle": f"{name}.test", "email": f"{name}@example.test", "password": PASSWORD}
        made = self.ask("com.atproto.server.createAccount", body=about)
        return Person(made["did"], made["handle"], made["accessJwt"])

    def post(self, person: Person, text: str, **more: Any) -> str:
        """She posts *text*; answers the post's at-uri. *more* are further fields of the record (reply, langs, …)."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = {"$type": "app.bsky.feed.post", "text": text, "createdAt": now, **more}
        about = {"repo": person.did, "collection": "app.bsky.feed.post", "record": record}
        return str(self.ask("com.atproto.repo.createRecord", body=about, person=person)["uri"])

    def posts(self, person: Person) -> list[dict[str, Any]]:
        """Her posts as they lie there, the newest first: each with uri, cid and value."""
        query = {"repo": person.did, "collection": "app.bsky.feed.post"}
        listed: list[dict[str, Any]] = self.ask("com.atproto.repo.listRecords", query)["records"]
        return listed

    def delete(self, person: Person, uri: str) -> None:
        """She takes one of her posts down."""
        collection, rkey = uri.split("/")[-2:]
        about = {"repo": person.did, "collection": collection, "rkey": rkey}
        self.ask("com.atproto.repo.deleteRecord", body=about, person=person)


@contextmanager
def pds(app_view: int = 0) -> Iterator[Pds]:
    """A running server without anybody on it. What only the network as a whole can answer, such as notifications, it
    asks on the port *app_view*."""
    if not (TREE / "complete").exists():
        pytest.fail("Bluesky's server is missing: run tests/servers/fetch_pds build/pds", pytrace=False)
    folder = folder_for("pds", OURSELVES)
    port, plc = free_port(), free_port()
    process = ServerProcess(
        [
            program("node", package="nodejs"),
            TREE / "start.cjs",
            folder,
            str(port),
            str(plc),
            *([str(app_view)] if app_view else []),
        ],
        answers=lambda: _answers(port),
        log=folder / "log",
        seconds=SECONDS,
    )
    try:
        process.start()
        try:
            yield Pds(process, port)
        finally:
            process.kill()
    finally:
        shutil.rmtree(folder)


def _answers(port: int) -> None:
    """Raises `OSError` while it does not say what it is."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/xrpc/com.atproto.server.describeServer", timeout=5):
            pass
    except urllib.error.HTTPError as error:
        raise ConnectionError("no server yet") from error
