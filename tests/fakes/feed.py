"""A web server that publishes one calendar as a file, as calendars' owners do (RFC 5545 over RFC 9110)."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Feed//EN\r\n"


@dataclass(slots=True)
class Feed:
    """What is published at `/secret/basic.ics`, and how the server answers. *asked* holds, of each request, the headers
    that make it conditional; *events* are VEVENTs by UID."""

    port: int = 0
    events: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """In the place of the events."""
    status: int = 200
    media_type: str = "text/calendar; charset=utf-8"
    location: str = ""
    packed: bool = False
    validates: bool = True
    declared: int | None = None
    """A Content-Length that is not true."""
    login: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is published."""
        return f"http://127.0.0.1:{self.port}/secret/basic.ics"

    @property
    def text(self) -> bytes:
        """The file as it is now."""
        if self.body is not None:
            return self.body
        return "".join((HEAD, *self.events.values(), "END:VCALENDAR\r\n")).encode()

    def put(self, uid: str, *lines: str, stamp: str = "20261120T090000Z", start: str = "20261201T100000Z") -> None:
        """An event is published, or another state of it."""
        said = (f"UID:{uid}", f"DTSTAMP:{stamp}", f"DTSTART:{start}", "DURATION:PT1H", *lines)
        self.events[uid] = "\r\n".join(("BEGIN:VEVENT", *said, "END:VEVENT", ""))


@contextmanager
def published() -> Iterator[Feed]:
    """A running server with an empty calendar."""
    feed = Feed()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            feed.asked.append({name: self.headers.get(name, "") for name in ("If-None-Match", "If-Modified-Since")})
            if feed.login and self.headers.get("Authorization", "") != feed.login:
                self.answer(401, b"")
                return
            if feed.location and urlsplit(self.path).path == "/secret/basic.ics":
                self.answer(302, b"", Location=feed.location)
                return
            text = feed.text
            etag = f'"{hashlib.sha256(text).hexdigest()[:16]}"'
            if feed.validates and self.headers.get("If-None-Match") == etag and feed.status == 200:
                self.answer(304, b"", ETag=etag)
                return
            headers = {"ETag": etag} if feed.validates else {}
            if feed.packed and "gzip" in self.headers.get("Accept-Encoding", ""):
                text = gzip.compress(text)
                headers["Content-Encoding"] = "gzip"
            self.answer(feed.status, text, **headers)

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": feed.media_type, **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body) if feed.declared is None else feed.declared))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: pytest's output belongs to the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        feed.port = server.server_port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="feed")
        thread.start()
        try:
            yield feed
        finally:
            server.shutdown()
            thread.join()
