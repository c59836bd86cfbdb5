"""The real `hub serve` in a process of its own, which a test may kill at any moment and start again.

async with hub_process(tmp_path, '[sources.door]\\nprovider = "smtp"\\nlisten = "127.0.0.1:2525"') as hub:
    token = await hub.token("test")
    async with hub.client(token) as api:
        ...
    await hub.kill()
    await hub.start()
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from tests.cli.command import HUB, environment
from tests.servers.process import free_port

SQLITE = "sqlite:///hub.sqlite3"
START_SECONDS = 60
STOP_SECONDS = 30
ANSWER = aiohttp.ClientTimeout(total=30)


class HubProcess:
    """A hub at *url* with its `config.toml` in *folder*, where it also logs."""

    def __init__(self, folder: Path, url: str, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.url = url
        self._environ = environment(environ)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process id of `hub serve`."""
        assert self._process is not None, "the hub is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and nobody ended it."""
        return self._process is not None

    @property
    def log(self) -> str:
        """What it said since the first start."""
        return (self.folder / "hub.log").read_text(errors="replace")

    async def start(self) -> None:
        """Start it and return when `/readyz` says 200."""
        await self.launch()
        await self.ready()

    async def launch(self) -> None:
        """Start it and wait for nothing."""
        assert self._process is None, "the hub is running"
        with (self.folder / "hub.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                HUB, "serve", cwd=self.folder, env=self._environ, stdout=log, stderr=log
            )

    async def ready(self, seconds: float = START_SECONDS) -> None:
        """Return when `/readyz` says 200."""
        assert self._process is not None, "the hub is not running"
        async with asyncio.timeout(seconds), self.client() as client:
            while await readiness(client) != 200:
                assert self._process.returncode is None, f"hub serve ended:\n{self.log[-3000:]}"
                # Whether it is ready again after a failure nobody says but this address.
                await asyncio.sleep(0.02)

    async def ended(self) -> int:
        """Its exit status, once it ends."""
        assert self._process is not None, "the hub is not running"
        async with asyncio.timeout(STOP_SECONDS):
            status = await self._process.wait()
        self._process = None
        return status

    async def kill(self) -> None:
        """End it at once with SIGKILL, as the kernel does when memory runs out. All that it started must end, too."""
        children = _opened(descendants(self.pid))
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.kill()
        await self.ended()
        await asyncio.to_thread(_gone, children)

    async def stop(self) -> int:
        """Ask it to end with SIGTERM: its exit status."""
        assert self._process is not None, "the hub is not running"
        self._process.terminate()
        return await self.ended()

    def connections(self, port: int) -> int:
        """How many connections it has to this port of the machine."""
        links = (os.readlink(link) for link in Path(f"/proc/{self.pid}/fd").iterdir() if link.is_symlink())
        sockets = {link for link in links if link.startswith("socket:")}
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        # Columns of proc_net_tcp(5): the peer, the state (01: established) and the inode of each.
        peers = [row[9] for row in rows if row[2].endswith(f":{port:04X}") and row[3] == "01"]
        return sum(f"socket:[{inode}]" in sockets for inode in peers)

    @asynccontextmanager
    async def client(self, token: str = "") -> AsyncIterator[aiohttp.ClientSession]:
        """An HTTP client of this hub, with *token* as its bearer token."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with aiohttp.ClientSession(self.url, headers=headers, timeout=ANSWER) as session:
            yield session

    async def command(self, *words: str, typed: str = "") -> str:
        """What `hub` with these *words* prints when it reads *typed*; it has to succeed."""
        process = await asyncio.create_subprocess_exec(
            HUB, *words, cwd=self.folder, env=self._environ, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(START_SECONDS):
            said, complaint = await process.communicate(typed.encode())
        assert process.returncode == 0, f"hub {' '.join(words)}: {complaint.decode()}"
        return said.decode()

    async def token(self, name: str, scope: str = "admin", agent: str = "") -> str:
        """The secret of a new token."""
        said = await self.command("token", "add", name, "--scope", scope, *(["--agent", agent] if agent else []))
        return said.split()[-1]

    async def login(self, name: str, password: str, *, role: str = "agent", agent: str = "") -> None:
        """A login of that *name* for the pages."""
        options = ["--role", role, *(["--agent", agent] if agent else [])]
        await self.command("user", "add", name, *options, "--password-stdin", typed=f"{password}\n")


@asynccontextmanager
async def hub_process(
    folder: Path,
    tables: str,
    *,
    store: str = "",
    redis: str = "",
    environ: Mapping[str, str] | None = None,
    start: bool = True,
) -> AsyncIterator[HubProcess]:
    """A running hub on a free port, which ends with the block in whatever state it is.

    *tables* is the config without `[hub]`. *store* is a database's URL; without one it is a SQLite file in *folder*.
    """
    listen = f"127.0.0.1:{free_port()}"
    _configure(folder, {"listen": listen, "store": store or SQLITE, "redis": redis, "region": "DE"}, tables)
    hub = HubProcess(folder, f"http://{listen}", environ or {})
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_end, hub)
        if start:
            await hub.start()
        yield hub


def _configure(folder: Path, about: Mapping[str, str], tables: str) -> None:
    folder.mkdir(exist_ok=True)
    lines = [f'{key} = "{value}"' for key, value in about.items()]
    (folder / "config.toml").write_text("\n".join(["[hub]", *lines, tables]))


async def until(true: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    """Return when *true* says so, of something that nobody tells us of."""
    async with asyncio.timeout(seconds):
        while True:
            if true():
                return
            await asyncio.sleep(0.05)


async def readiness(client: aiohttp.ClientSession) -> int:
    """The status of `/readyz`; 0 where nobody answers."""
    try:
        async with client.get("/readyz") as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


async def _end(hub: HubProcess) -> None:
    if hub.running:
        await hub.kill()


def descendants(pid: int) -> Iterable[int]:
    """The processes that *pid* started, and those that these did."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in task.read_text().split():
                yield int(child)
                yield from descendants(int(child))


def _opened(pids: Iterable[int]) -> list[int]:
    """Descriptors of processes, which cannot come to mean other processes later."""
    found = []
    for pid in pids:
        with suppress(ProcessLookupError):
            found.append(os.pidfd_open(pid))
    return found


def _gone(processes: list[int]) -> None:
    """Wait until these processes have ended; those that would live on are killed, and the test fails."""
    left = 0
    for process in processes:
        if not select.select([process], [], [], 5)[0]:
            left += 1
            signal.pidfd_send_signal(process, signal.SIGKILL)
        os.close(process)
    assert left == 0, f"{left} processes of a hub that was killed lived on"
