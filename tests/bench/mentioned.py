"""A post in, its alert on the screen of who watches: the median beside a bare app that only forwards.

The post is a comment below a page of ours, in a signed delivery of Meta's. The hub verifies it, matches it with 200
queries, judges its language and how it speaks, looks for copies of it, and commits mention and alert with fsync before
it tells. 200 agents are connected at both; each watches a word of her own, and posts come one after the other.
"""

from __future__ import annotations

import asyncio
import json
import random
import string
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from hub import accounts
from hub.formats.signing import hmac_hex
from hub.mentions import queries
from hub.privacy.visibility import Scope
from hub.store import Store
from tests.bench.calls import Clock, Screen
from tests.bench.office import AGENTS, SECRET, _served, bare
from tests.bench.report import Ratio, median, percentile
from tests.servers.process import free_port

POSTS = 600
ROUNDS = 3
PAGE = "100000000000001"
SECONDS = 10.0


class Watcher(Screen):
    """One agent's stream: says when an event of *kind* came."""

    def __init__(self, request: bytes, kind: bytes) -> None:
        super().__init__(request, Clock())
        self._kind = b"event: " + kind + b"\n"
        self.came = asyncio.Event()

    def event(self, frame: bytes) -> None:
        """One server-sent event."""
        if self._kind in frame:
            self.came.set()


def run() -> str:
    """Milliseconds."""
    ours: list[list[float]] = []
    baseline: list[list[float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        _hub(Path(folder)) as (port, screens),
        bare() as forwarder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):

        def forwarded(number: int) -> bytes:
            return forwarder.ring(number)[1]

        loop.run(_measure(port, screens, b"alert", lambda number: _comment(port, number), 0, 50))
        for number in range(ROUNDS):
            first = 50 + number * POSTS
            baseline.append(loop.run(_measure(forwarder.port, forwarder.screens, b"pop", forwarded, first, POSTS)))
            ours.append(
                loop.run(_measure(port, screens, b"alert", lambda number: _comment(port, number), first, POSTS))
            )
    middle = median([median(times) for times in baseline]) * 1e3
    late = median([percentile(times, 0.99) for times in ours]) * 1e3
    return "\n".join(
        [
            str(Ratio("mention to alert, median", median([median(t) for t in ours]) * 1e3, middle, "ms", "<= 4")),
            f"  p99 {late:.2f} ms; of the bare app {median([percentile(t, 0.99) for t in baseline]) * 1e3:.2f} ms",
        ]
    )


async def _measure(
    port: int,
    screens: list[bytes] | tuple[bytes, ...],
    kind: bytes,
    post: Callable[[int], bytes],
    first: int,
    many: int,
) -> list[float]:
    """The seconds from each post to the event at its agent's screen."""
    loop = asyncio.get_running_loop()
    watchers = []
    for request in screens:
        _, watcher = await loop.create_connection(lambda r=request: Watcher(r, kind), "127.0.0.1", port)  # type: ignore[misc]
        watchers.append(watcher)
    await asyncio.gather(*(watcher.ready for watcher in watchers))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for number in range(first, first + many):
        request, watcher = post(number), watchers[number % AGENTS]
        watcher.came.clear()
        began = time.perf_counter()
        writer.write(request)
        async with asyncio.timeout(SECONDS):
            await watcher.came.wait()
        took.append(time.perf_counter() - began)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(head.decode())
    writer.close()
    for watcher in watchers:
        watcher.transport.close()
    return took


def _comment(port: int, number: int) -> bytes:
    """A signed delivery: somebody comments on the word that agent *number* watches."""
    dice = random.Random(number)  # no two are copies of each other
    words = ["".join(dice.choices(string.ascii_lowercase, k=dice.randint(2, 9))) for _ in range(18)]
    value = {
        "item": "comment",
        "verb": "add",
        "comment_id": f"9_{number}",
        "post_id": "9_1",
        "from": {"id": "7", "name": "Li"},
        "message": " ".join([*words[:9], f"brand{number % AGENTS:03d}", *words[9:]]),
        "created_time": int(time.time()),
    }
    body = json.dumps(
        {
            "object": "page",
            "entry": [{"id": PAGE, "time": int(time.time()), "changes": [{"field": "feed", "value": value}]}],
        }
    ).encode()
    head = (
        f"POST /webhooks/page HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: sha256={hmac_hex(SECRET, body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def _hub(folder: Path) -> Iterator[tuple[int, list[bytes]]]:
    """A hub on SQLite with production durability, and the request that opens each agent's stream."""
    port, store = free_port(), f"sqlite:///{folder / 'hub.sqlite3'}"
    lines = [
        "[hub]",
        f'listen = "127.0.0.1:{port}"',
        f'public_url = "http://127.0.0.1:{port}"',
        f'store = "{store}"',
        "[sources.page]",
        'provider = "messenger"',
        f'account_id = "{PAGE}"',
        'app_secret = "env:OFFICE_SECRET"',
        'verify_token = "env:OFFICE_SECRET"',
        "[rules.mentioned]",
        'kind = "mention"',
    ]
    for agent in range(AGENTS):
        lines += [f"[agents.a{agent}]", f'name = "Agent {agent}"']
    config = folder / "config.toml"
    config.write_text("\n".join(lines))
    tokens = asyncio.run(_fill(store))
    command = [str(Path(sys.executable).with_name("hub")), "serve", "--config", str(config)]
    with _served(command, port, "/readyz"):
        yield (
            port,
            [f"GET /live HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n\r\n".encode() for token in tokens],
        )


async def _fill(url: str) -> list[str]:
    tokens = []
    async with Store.open(url) as store:
        now = datetime.now(UTC)
        for agent in range(AGENTS):
            name, word = f"a{agent}", f"brand{agent:03d}"

            def work(conn: object, name: str = name, word: str = word) -> str:
                queries.make(conn, store.ids(), word, word, [name], "bench", now)  # type: ignore[arg-type]
                return accounts.add_token(conn, store.ids(), name, Scope.READ, name, now)  # type: ignore[arg-type]

            tokens.append(await store.write(work))
    return tokens
