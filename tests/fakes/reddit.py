"""Reddit's API as an app with OAuth sees it: listings, things by name, comments, and what it insists on."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.news import Server

BEGIN = 1772443798.0  # 2026-03-02T09:29:58Z
CLIENT, SECRET, REFRESH = "app", "app-s3cret", "refresh-s3cret"
ME = "us_at_example"

_AGENT = re.compile(r"\w+:[\w.]+:v[\w.]+ \(by /u/\w+\)")


@dataclass(slots=True)
class Reddit:
    """Posts and comments by name, oldest first, and what the account was named in."""

    port: int = 0
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    mentions: list[dict[str, Any]] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    errors: list[list[str]] = field(default_factory=list)
    tokens: int = 0
    left: int = 100
    asked: list[str] = field(default_factory=list)

    def post(self, title: str, **fields: Any) -> str:
        """A post in r/crm; answers its name."""
        return self._put("t3", title=title, selftext="", is_self=True, permalink="/r/crm/comments/x/t/", **fields)

    def comment(self, body: str, parent: str, **fields: Any) -> str:
        """A comment in r/crm."""
        return self._put("t1", body=body, parent_id=parent, permalink="/r/crm/comments/x/t/c/", **fields)

    def change(self, name: str, **fields: Any) -> None:
        """A thing is edited or deleted."""
        self.things[name]["data"].update(fields)

    def _put(self, kind: str, **fields: Any) -> str:
        number = len(self.things) + 1
        name = f"{kind}_{number:x}"
        data = {"name": name, "author": "ann", "subreddit": "crm", "created_utc": BEGIN + number, "edited": False}
        self.things[name] = {"kind": kind, "data": {**data, **fields}}
        return name

    def listed(self, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
        """The whole listing, newest first."""
        newest = list(reversed(self.things.values()))
        if path == "/r/crm/new":
            return [thing for thing in newest if thing["kind"] == "t3"]
        if path == "/r/crm/comments":
            return [thing for thing in newest if thing["kind"] == "t1"]
        if path == "/search":
            return [each for each in newest if each["kind"] == "t3" and query["q"] in each["data"]["title"]]
        if path == "/message/mentions":
            return self.mentions
        return [self.things[name] for name in query.get("id", "").split(",") if name in self.things]


@contextmanager
def answering() -> Iterator[Reddit]:
    """A running Reddit without a post."""
    fake = Reddit()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            fake.asked.append(parts.path)
            if not self.let_in():
                return
            things = fake.listed(parts.path, query)
            names = [thing["data"]["name"] for thing in things]
            begin = names.index(query["after"]) + 1 if query.get("after") in names else 0
            page = things[begin : begin + min(100, int(query.get("limit", "25")))]
            more = begin + len(page) < len(things)
            listing = {"after": names[begin + len(page) - 1] if more else None, "before": None, "children": page}
            text = json.dumps({"kind": "Listing", "data": listing})
            self.answer(200, text if query.get("raw_json") == "1" else html.escape(text, quote=False))

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()))
            if self.path == "/api/v1/access_token":
                self.token(form)
            elif self.let_in():
                on, text = form["thing_id"], form["text"]
                if fake.errors or on not in fake.things:
                    errors = fake.errors or [["NO_THING_ID", "that thing doesn't exist", "parent"]]
                    self.answer(200, json.dumps({"json": {"errors": errors}}))
                    return
                fake.sent.append((on, text))
                name = fake.comment(text, on, author=ME)
                self.answer(200, json.dumps({"json": {"errors": [], "data": {"things": [fake.things[name]]}}}))

        def token(self, form: dict[str, str]) -> None:
            own = form["grant_type"] == "refresh_token"
            login = f"Basic {base64.b64encode(f'{CLIENT}:{SECRET}'.encode()).decode()}"
            if self.headers.get("Authorization") != login:
                self.answer(401, json.dumps({"message": "Unauthorized", "error": 401}))
            elif own and form["refresh_token"] != REFRESH:
                self.answer(400, json.dumps({"error": "invalid_grant"}))
            else:
                fake.tokens += 1
                self.answer(200, json.dumps({"access_token": f"token-{fake.tokens}", "expires_in": 3600}))

        def let_in(self) -> bool:
            if not _AGENT.fullmatch(self.headers.get("User-Agent", "")):
                self.answer(429, json.dumps({"message": "Too Many Requests"}))
                return False
            if self.headers.get("Authorization") != f"bearer token-{fake.tokens}":
                self.answer(401, json.dumps({"message": "Unauthorized"}))
                return False
            return True

        def answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Ratelimit-Remaining", f"{fake.left}.0")
            self.send_header("X-Ratelimit-Reset", "240")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: pytest's output belongs to the tests."""

    with Server(("127.0.0.1", 0), Answers) as server:
        fake.port = server.server_port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="reddit")
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
