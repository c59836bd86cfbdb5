"""Hacker News' API: https://github.com/HackerNews/API"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Thread
from typing import Any

from tests.fakes.news import Server

BEGIN = 1772443798  # 2026-03-02T09:29:58Z


@dataclass(slots=True)
class HackerNews:
    """The items by number, and the numbers of those that changed lately."""

    port: int = 0
    items: dict[int, dict[str, Any] | None] = field(default_factory=dict)
    changed: list[int] = field(default_factory=list)
    status: int = 200
    asked: list[str] = field(default_factory=list)

    def put(self, title: str, **fields: Any) -> int:
        """An item is written; answers its number."""
        number = len(self.items) + 1
        item = {"by": "ann", "id": number, "time": BEGIN + number, "title": title, "type": "story"}
        self.items[number] = {**item, **fields}
        return number

    def change(self, number: int, **fields: Any) -> None:
        """An item is changed."""
        self.items[number] = {**(self.items[number] or {}), **fields}
        self.changed = [*self.changed, number]


@contextmanager
def answering() -> Iterator[HackerNews]:
    """A running API without an item."""
    fake = HackerNews()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            fake.asked.append(self.path)
            said: Any = None
            if self.path == "/v0/maxitem.json":
                said = max(fake.items, default=0)
            elif self.path == "/v0/updates.json":
                said = {"items": fake.changed, "profiles": ["ann"]}
            elif found := re.fullmatch(r"/v0/item/(\d+)\.json", self.path):
                said = fake.items.get(int(found[1]))
            body = json.dumps(said).encode()
            self.send_response(fake.status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: pytest's output belongs to the tests."""

    with Server(("127.0.0.1", 0), Answers) as server:
        fake.port = server.server_port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="hackernews")
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
