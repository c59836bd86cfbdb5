"""Delivered by LMTP: how long after Dovecot told a bare client the mail stands on the agent's screen.

Both watch the same mailbox in the same run: the bare client says LOGIN, SELECT and IDLE and reads; the hub is the real
command with production durability, and the screen is a stream of `/live` that waits for `activity`.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import uvloop

from tests.bench.report import median, percentile
from tests.faults.hub_process import hub_process
from tests.servers.dovecot import PASSWORDS, Dovecot, dovecot

MAILS = 40
GOAL_SECONDS = 0.030
USER = "alice"


def _mail(number: int) -> bytes:
    return (
        f"From: Bob <bob{number}@customer.example>\r\nTo: support@example.org\r\nSubject: Order {number}\r\n"
        f"Message-ID: <{time.time_ns()}@customer.example>\r\n\r\nPlease deliver {number} pumps.\r\n"
    ).encode()


async def _bare(port: int, heard: asyncio.Queue[float]) -> None:
    """A client that only waits."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"a LOGIN {USER} {PASSWORDS[USER]}\r\nb SELECT INBOX\r\nc IDLE\r\n".encode())
    while not (await reader.readline()).startswith(b"+ "):
        pass
    heard.put_nowait(0.0)
    async for line in reader:
        if line.rstrip().endswith(b"EXISTS"):
            heard.put_nowait(time.perf_counter())
    writer.close()


async def _screen(session: aiohttp.ClientSession, seen: asyncio.Queue[float]) -> None:
    """An agent's stream."""
    async with session.get("/live", timeout=aiohttp.ClientTimeout(total=None)) as stream:
        async for line in stream.content:
            if line.startswith(b"event: activity"):
                seen.put_nowait(time.perf_counter())


@asynccontextmanager
async def _running(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _measure(server: Dovecot, folder: Path) -> list[float]:
    """Seconds between the bare client's notification and the screen's, for each mail."""
    tables = (
        f'[sources.mail]\nprovider = "imap"\nhost = "127.0.0.1"\nport = {server.imap_port}\nsecurity = "none"\n'
        f'username = "{USER}"\npassword = "env:PASSWORD"\nours = ["mailto:support@example.org"]\n'
    )
    heard: asyncio.Queue[float] = asyncio.Queue()
    seen: asyncio.Queue[float] = asyncio.Queue()
    took = []
    async with hub_process(folder, tables, environ={"PASSWORD": PASSWORDS[USER]}) as hub:
        token = await hub.token("screen", "read")
        async with hub.client(token) as session, _running(_bare(server.imap_port, heard), _screen(session, seen)):
            await heard.get()
            for number in range(MAILS + 3):
                # At no particular moment of anybody's clock.
                await asyncio.sleep(random.uniform(0.6, 1.2))
                await asyncio.to_thread(server.deliver, _mail(number), USER)
                async with asyncio.timeout(30):
                    first, second = await heard.get(), await seen.get()
                if number >= 3:  # by then the parsers are up, and what there was at first is told
                    took.append(second - first)
                while not seen.empty():
                    seen.get_nowait()
    return took


def run() -> str:
    """Milliseconds: the median and the 90th percentile."""
    with (
        dovecot() as server,
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        took = loop.run(_measure(server, Path(folder)))
    middle = median(took)
    return (
        f"  on the screen after the bare client's IDLE: median {middle * 1e3:+.1f} ms,"
        f" p90 {percentile(took, 0.9) * 1e3:+.1f} ms   goal <= {GOAL_SECONDS * 1e3:+.0f} ms"
        f" {'met' if middle <= GOAL_SECONDS else 'NOT met'}"
    )
