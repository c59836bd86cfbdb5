"""A web server that publishes feeds, and a hub of them (WebSub), as news sites and blogs do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

BEGIN = 1772443798  # 2026-03-02T09:29:58Z


@dataclass(slots=True)
class Paper:
    """One feed: its items by guid, or a *body* in their place, and how the server answers for it."""

    items: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    validates: bool = True
    head: str = ""
    asked: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def text(self) -> bytes:
        """The feed as it is now, the newest first."""
        if self.body is not None:
            return self.body
        items = "".join(reversed(self.items.values()))
        channel = f"<channel><title>News</title>{self.head}{items}</channel>"
        return f'<?xml version="1.0"?><rss version="2.0">{channel}</rss>'.encode()

    def put(self, guid: str, title: str = "", text: str = "", more: str = "") -> None:
        """An item is published, or another state of it."""
        number = list(self.items).index(guid) if guid in self.items else len(self.items)
        date = formatdate(BEGIN + 60 * number, usegmt=True)
        self.items[guid] = (
            f'<item><guid isPermaLink="false">{escape(guid)}</guid><title>{escape(title or guid)}</title>'
            f"<link>https://news.example.org/{number}</link><pubDate>{date}</pubDate>"
            f"<description>{escape(text)}</description>{more}</item>"
        )


@dataclass(slots=True)
class News:
    """The server's feeds by path, and the subscriptions that its hub at `/hub` took."""

    port: int = 0
    papers: dict[str, Paper] = field(default_factory=dict)
    subscriptions: list[dict[str, str]] = field(default_factory=list)
    hub_status: int = 202

    def url(self, path: str = "/news.xml") -> str:
        """Where a feed is published."""
        return f"http://127.0.0.1:{self.port}{path}"

    def paper(self, path: str = "/news.xml") -> Paper:
        """The feed at *path*, which is published if it was not."""
        return self.papers.setdefault(path, Paper())


class Server(ThreadingHTTPServer):
    """Says nothing of clients that go away: some tests send them."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing is to be said."""


@contextmanager
def printed() -> Iterator[News]:
    """A running server without a feed."""
    news = News()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            paper = news.papers.get(urlsplit(self.path).path)
            if paper is None:
                self.answer(404, b"", {})
                return
            paper.asked.append(dict(self.headers.items()))
            text = paper.text
            etag = f'"{hashlib.sha256(text).hexdigest()[:16]}"'
            if paper.status == 200 and paper.validates and self.headers.get("If-None-Match") == etag:
                self.answer(304, b"", {"ETag": etag})
                return
            kind = {"Content-Type": "application/rss+xml"}
            self.answer(paper.status, text, {**kind, **({"ETag": etag} if paper.validates else {}), **paper.headers})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            news.subscriptions.append(dict(parse_qsl(body)))
            self.answer(news.hub_status, b"", {})

        def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: pytest's output belongs to the tests."""

    with Server(("127.0.0.1", 0), Answers) as server:
        news.port = server.server_port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="news")
        thread.start()
        try:
            yield news
        finally:
            server.shutdown()
            thread.join()
