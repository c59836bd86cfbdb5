"""What a running process asks of the kernel, in order, as strace sees it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import program

CALLS = "fsync,fdatasync,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,rename,renameat,renameat2"
LONGEST = 200_000
"""Bytes of each string that are shown: enough for everything that one call of ours writes."""

SECONDS = 30

_LINE = re.compile(r"(?P<thread>\d+) +(?:<\.\.\. \w+ resumed>|(?P<name>\w+)\()(?P<rest>.*)", re.DOTALL)
_RESULT = re.compile(r"(?P<arguments>.*)\) += (?P<result>-?\d+)(?: .*)?", re.DOTALL)
_UNFINISHED = re.compile(r" <(?:unfinished|detached) \.\.\.>$")
NEVER = 1 << 62
"""Where a call ended that had not come back when strace left."""


@dataclass(frozen=True, slots=True)
class Syscall:
    """One call. *begun* and *ended* are places in the order of all that was seen; files and sockets in the
    *arguments* are named."""

    name: str
    arguments: str
    result: int
    begun: int
    ended: int


def parsed(lines: Iterable[str]) -> list[Syscall]:
    """The calls in the order in which they began; the result of one that did not come back is -1. *lines* are those of
    `strace -f -yy`."""
    found: list[Syscall] = []
    open_calls: dict[str, tuple[str, str, int]] = {}
    for place, line in enumerate(lines):
        match = _LINE.fullmatch(line.rstrip("\n"))
        if match is None:
            continue  # a signal, or the end of a thread
        thread, name, rest = match["thread"], match["name"], match["rest"]
        begun = place
        if name is None:
            if thread not in open_calls:
                continue  # it began before we looked
            name, before, begun = open_calls.pop(thread)
            rest = before + rest
        if _UNFINISHED.search(rest):
            open_calls[thread] = (name, _UNFINISHED.sub("", rest), begun)
        elif (back := _RESULT.fullmatch(rest)) is not None:
            found.append(Syscall(name, back["arguments"], int(back["result"]), begun, place))
    found += [Syscall(name, before, -1, begun, NEVER) for name, before, begun in open_calls.values()]
    return sorted(found, key=lambda call: call.begun)


class Watch:
    """Sees the calls of some processes until the block is left, and has them then."""

    calls: list[Syscall]


@asynccontextmanager
async def watching(folder: Path, *pids: int) -> AsyncIterator[Watch]:
    """Watch processes *pids* with all their threads, and what they start."""
    strace = program("strace", package="strace")
    trace, said = folder / "trace", folder / "strace.log"
    chosen = [word for pid in pids for word in ("-p", str(pid))]
    with said.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            strace, "-f", "-yy", "-s", str(LONGEST), "-e", f"trace={CALLS}", "-o", trace, *chosen, stderr=errors
        )
    watch = Watch()
    try:
        async with asyncio.timeout(SECONDS):
            while said.read_text().count(" attached") < len(pids):
                assert process.returncode is None, said.read_text()
                await asyncio.sleep(0.02)  # it says so on stderr only
        yield watch
    finally:
        process.terminate()
        async with asyncio.timeout(SECONDS):
            await process.wait()
    with trace.open(errors="replace") as lines:
        watch.calls = parsed(lines)
