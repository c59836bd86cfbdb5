"""A Radicale (CalDAV, without scheduling) and two people: alice (secret-a) and bob (secret-b)."""

from __future__ import annotations

import base64
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import MappingProxyType
from xml.sax.saxutils import escape

from tests.servers.process import OURSELVES, ServerProcess, folder_for, free_port

PASSWORDS: Mapping[str, str] = MappingProxyType({"alice": "secret-a", "bob": "secret-b"})

_CALENDAR = (
    '<?xml version="1.0"?><C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
    "<D:displayname>%s</D:displayname><C:supported-calendar-component-set>%s</C:supported-calendar-component-set>"
    "</D:prop></D:set></C:mkcalendar>"
)


class CalendarServer:
    """One running CalDAV server on 127.0.0.1, without TLS. What lies in it is read and written here by plain requests,
    as other programs do. *home* is where a person's calendars lie."""

    def __init__(self, process: ServerProcess, port: int, folder: Path, home: str, front: int = 0) -> None:
        self.process = process
        self.port = front or port
        self.folder = folder
        self._home = home

    @property
    def url(self) -> str:
        """Where discovery begins."""
        return f"http://127.0.0.1:{self.port}"

    def path(self, calendar: str, user: str = "alice") -> str:
        """The address of a calendar on this server."""
        return self._home.format(user=user) + f"{calendar}/"

    def ask(
        self, method: str, path: str, body: str | bytes = b"", user: str = "alice", **headers: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers (lower-case) and body of the answer to one request of *user*."""
        login = base64.b64encode(f"{user}:{PASSWORDS[user]}".encode()).decode()
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                method,
                path,
                body.encode() if isinstance(body, str) else body,
                {"Authorization": f"Basic {login}", "Content-Type": "application/xml; charset=utf-8", **said},
            )
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def make(self, calendar: str, user: str = "alice", *, name: str = "", kinds: tuple[str, ...] = ("VEVENT",)) -> str:
        """A new calendar for things of these *kinds*; answers its address."""
        path = self.path(calendar, user)
        listed = "".join(f'<C:comp name="{kind}"/>' for kind in kinds)
        status, _, said = self.ask("MKCALENDAR", path, _CALENDAR % (escape(name or calendar), listed), user)
        assert status == 201, said
        return path

    def put(self, path: str, ics: str | bytes, user: str = "alice") -> str:
        """Write an object at *path*, whatever lies there; answers its ETag."""
        status, headers, said = self.ask("PUT", path, ics, user, Content_Type="text/calendar; charset=utf-8")
        assert status in (201, 204), (status, said)
        return headers.get("etag", "")

    def get(self, path: str, user: str = "alice") -> str:
        """The object at *path*, "" where there is none."""
        status, _, body = self.ask("GET", path, user=user)
        assert status in (200, 404), (status, body)
        return body.decode() if status == 200 else ""

    def delete(self, path: str, user: str = "alice") -> None:
        """Take away what lies at *path*."""
        status, _, said = self.ask("DELETE", path, user=user)
        assert status in (200, 204), (status, said)


@contextmanager
def radicale() -> Iterator[CalendarServer]:
    """A running server without a calendar."""
    folder = folder_for("radicale", OURSELVES)
    port = free_port()
    (folder / "users").write_text("".join(f"{user}:{password}\n" for user, password in PASSWORDS.items()))
    (folder / "config").write_text(f"""\
[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0
[rights]
type = owner_only
[storage]
filesystem_folder = {folder}/collections
[web]
type = none
""")
    process = ServerProcess(
        [sys.executable, "-m", "radicale", "--config", folder / "config"],
        answers=lambda: answers(port),
        log=folder / "log",
    )
    try:
        process.start()
        try:
            server = CalendarServer(process, port, folder, "/{user}/")
            for user in PASSWORDS:
                server.ask("PROPFIND", f"/{user}/", user=user, Depth="0")
            yield server
        finally:
            process.kill()
    finally:
        shutil.rmtree(folder)


def answers(port: int) -> None:
    """Raises `OSError` while nobody answers HTTP on *port*."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("OPTIONS", "/")
        connection.getresponse().read()
    except HTTPException as error:
        raise ConnectionError("no HTTP yet") from error
    finally:
        connection.close()
