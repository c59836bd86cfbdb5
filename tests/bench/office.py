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

    def target(self, first: int) -> Target:
        """The hub as a target; call n comes from contact *first* + n."""
        twilio = Twilio(f"http://127.0.0.1:{self.port}/webhooks/front-desk", SECRET)
        screens = [
            f"GET /live HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            for token in self.tokens
        ]

        def request(number: int, status: str, sequence: int) -> bytes:
            _, headers, body = twilio.request(leg(first + number, status, sequence))
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            head = f"POST /webhooks/front-desk HTTP/1.1\r\nHost: hub\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
            return head.encode() + body

        return Target(
            self.port,
            screens,
            lambda number: (digits(first + number).encode(), request(number, "ringing", 1)),
            lambda number: request(number, "no-answer", 2),
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
def bare() -> Iterator[Target]:
    """The baseline, with the same number of streams."""
    port = free_port()
    screens = [f"GET /live/{phone(agent)} HTTP/1.1\r\nHost: bare\r\n\r\n".encode() for agent in range(AGENTS)]

    def request(number: int, status: str, sequence: int) -> bytes:
        body = urlencode(leg(number, status, sequence)).encode()
        head = f"POST /webhooks/front-desk HTTP/1.1\r\nHost: bare\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    with _served([sys.executable, "-m", "tests.bench.bare", str(port)], port, "/live/nobody"):
        yield Target(
            port,
            screens,
            lambda number: (digits(number).encode(), request(number, "ringing", 1)),
            lambda number: request(number, "no-answer", 2),
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
