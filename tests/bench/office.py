"""A hub with 100,000 contacts and 200 agents, run by the real command, and the requests that reach it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode

from hub import accounts
from hub.privacy.visibility import Scope
from hub.store import Store
from tests.bench.calls import Target
from tests.bench.people import add_contacts
from tests.fakes.twilio import Twilio
from tests.servers.process import free_port

AGENTS = 200
CONTACTS = 100_000
LINE = "+4930555000"
SECRET = "bench-secret-of-the-office"


@dataclass(frozen=True, slots=True)
class Office:
    """A running hub: where it listens, its config, and a token per agent."""

    port: int
    config: Path
    tokens: tuple[str, ...]

    @property
    def screens(self) -> list[bytes]:
        """The request that opens each agent's stream."""
        return [
            f"GET /live HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            for token in self.tokens
        ]

    def request(self, fields: dict[str, str]) -> bytes:
        """The signed callback that tells *fields*."""
        _, headers, body = Twilio(f"http://127.0.0.1:{self.port}/webhooks/front-desk", SECRET).request(fields)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST /webhooks/front-desk HTTP/1.1\r\nHost: hub\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def target(self, first: int) -> Target:
        """The hub as a target; call n comes from contact *first* + n, rings, and nobody takes it."""
        return Target(
            self.port,
            self.screens,
            lambda number: (digits(first + number).encode(), self.request(leg(first + number, "ringing", 1))),
            lambda number: self.request(leg(first + number, "no-answer", 2)),
        )

    def talking(self, first: int, talks: float) -> Target:
        """The same, but each call is taken and tells six events; it is over *talks* seconds after it rang."""
        return Target(
            self.port,
            self.screens,
            lambda number: (digits(first + number).encode(), self.request(leg(first + number, "ringing", 1))),
            lambda number: self.request(leg(first + number, "completed", 3)),
            lambda number: [(after, self.request(step)) for after, step in story(first + number, talks)],
        )


def digits(contact: int) -> str:
    """The number of a contact, without plus."""
    return f"49301{contact:08d}"


def phone(agent: int) -> str:
    """The number of an agent's phone."""
    return f"+4930666{agent:04d}"


def leg(contact: int, status: str, sequence: int) -> dict[str, str]:
    """The status callback of the phone that rings for a call of *contact*."""
    return {
        "CallSid": f"CA{contact:031d}c",
        "ParentCallSid": f"CA{contact:031d}p",
        "From": f"+{digits(contact)}",
        "To": phone(contact % AGENTS),
        "Caller": f"+{digits(contact)}",
        "Called": phone(contact % AGENTS),
        "Direction": "outbound-dial",
        "CallStatus": status,
        "Timestamp": format_datetime(datetime.now(UTC)),
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(sequence),
    }


def whole(contact: int, status: str, sequence: int) -> dict[str, str]:
    """The status callback of the call itself, of which `leg` is a phone."""
    parent = {"CallSid": f"CA{contact:031d}p", "To": LINE, "Called": LINE, "Direction": "inbound"}
    told = {**leg(contact, status, sequence), **parent}
    del told["ParentCallSid"]
    return told


def story(contact: int, talks: float) -> list[tuple[float, dict[str, str]]]:
    """What is told of a call beside that its phone rings and that its phone is over: four of six events."""
    return [
        (-0.2, whole(contact, "ringing", 0)),
        (-0.1, leg(contact, "initiated", 0)),
        (1.0, leg(contact, "in-progress", 2)),
        (talks + 0.1, whole(contact, "completed", 1)),
    ]


@contextmanager
def office(folder: Path) -> Iterator[Office]:
    """A hub on SQLite with production durability, filled and ready."""
    import asyncio

    port = free_port()
    store = folder / "hub.sqlite3"
    lines = [
        "[hub]",
        f'listen = "127.0.0.1:{port}"',
        f'public_url = "http://127.0.0.1:{port}"',
        f'store = "sqlite:///{store}"',
        "[sources.front-desk]",
        'provider = "twilio"',
        f'ours = ["tel:{LINE}"]',
        f'account_sid = "{Twilio("", "").account_sid}"',
        'auth_token = "env:OFFICE_SECRET"',
    ]
    for agent in range(AGENTS):
        lines += [f"[agents.a{agent}]", f'name = "Agent {agent}"', f'handles = ["tel:{phone(agent)}"]']
    config = folder / "config.toml"
    config.write_text("\n".join(lines))
    tokens = asyncio.run(_fill(f"sqlite:///{store}"))
    with ExitStack() as stack:
        stack.enter_context(
            _served([str(Path(sys.executable).with_name("hub")), "serve", "--config", str(config)], port, "/readyz")
        )
        yield Office(port, config, tokens)


@contextmanager
def bare(talks: float = 0) -> Iterator[Target]:
    """The baseline, with the same number of streams; where each call *talks* for so many seconds, its six events."""
    port = free_port()
    screens = [f"GET /live/{phone(agent)} HTTP/1.1\r\nHost: bare\r\n\r\n".encode() for agent in range(AGENTS)]

    def request(fields: dict[str, str]) -> bytes:
        body = urlencode(fields).encode()
        head = f"POST /webhooks/front-desk HTTP/1.1\r\nHost: bare\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    with _served([sys.executable, "-m", "tests.bench.bare", str(port)], port, "/live/nobody"):
        yield Target(
            port,
            screens,
            lambda number: (digits(number).encode(), request(leg(number, "ringing", 1))),
            lambda number: request(leg(number, "completed" if talks else "no-answer", 3)),
            lambda number: [(after, request(step)) for after, step in story(number, talks)] if talks else (),
        )


async def _fill(url: str) -> tuple[str, ...]:
    async with Store.open(url) as store:
        await add_contacts(store, CONTACTS, "tel:+49301{:08d}")
        now = datetime.now(UTC)
        return tuple(
            [
                await store.write(
                    lambda conn, agent=agent: accounts.add_token(  # type: ignore[misc]
                        conn, store.ids(), f"phone-{agent}", Scope.READ, f"a{agent}", now
                    )
                )
                for agent in range(AGENTS)
            ]
        )


@contextmanager
def _served(command: list[str], port: int, path: str) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, "OFFICE_SECRET": SECRET}, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).close()
                break
            except (URLError, OSError) as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command} did not start") from error
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)
