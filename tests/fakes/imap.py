"""A small IMAP server on loopback, for what Dovecot does not do: Gmail's one folder with labels, and answers that no
server should give. It knows the commands that a reader needs and refuses every other, so whatever changes a mailbox.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

GMAIL = "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS ENABLE CONDSTORE SPECIAL-USE"
"""As Gmail announces itself, without what plays no part here."""

BLOCK = b"x" * 65536


@dataclass(slots=True)
class FakeMail:
    """One mail. *size* is what the server says of it, *filler* how many bytes really follow *raw* in its body."""

    uid: int
    raw: bytes
    flags: str = ""
    labels: str = ""
    size: int | None = None
    filler: int = 0
    modseq: int = 1
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True)
class FakeFolder:
    """A folder as LIST and EXAMINE tell it."""

    name: str
    flags: str = ""
    mails: list[FakeMail] = field(default_factory=list)
    validity: int = 11


class FakeImap:
    """Serves *folders* (names as they go over the wire) to whoever logs in, announcing *capabilities*.

    *fetched* may change, for each mail, the answer that tells its body; where it says `None`, the connection breaks.
    """

    def __init__(self, folders: list[FakeFolder], capabilities: str = GMAIL, greeting: str = "Gimap ready") -> None:
        self.folders = {folder.name: folder for folder in folders}
        self.capabilities = capabilities
        self.greeting = greeting
        self.port = 0
        self.commands: list[str] = []
        self.fetched: Callable[[FakeMail, bytes], bytes | None] = lambda mail, answer: answer
        self.idle = asyncio.Event()
        """Set while somebody idles."""
        self._idling: set[asyncio.Queue[bytes]] = set()

    def tell(self, line: str) -> None:
        """Say *line*, untagged, to everybody who idles."""
        for queue in self._idling:
            queue.put_nowait(b"* " + line.encode() + b"\r\n")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._folder: FakeFolder | None = None
        writer.write(f"* OK {self.greeting}\r\n".encode())
        try:
            async for line in reader:
                tag, _, command = line.decode().rstrip("\r\n").partition(" ")
                self.commands.append(re.sub(r"^LOGIN .*", "LOGIN", command))
                verb = command.upper()
                if verb == "IDLE":
                    await self._idle(reader, writer)
                    answer: str | None = "OK done"
                else:
                    answer = await self._answer(command, verb, writer)
                if answer is None:
                    break
                writer.write(f"{tag} {answer}\r\n".encode())
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _answer(self, command: str, verb: str, writer: asyncio.StreamWriter) -> str | None:
        def say(line: str) -> None:
            writer.write(f"* {line}\r\n".encode())

        if verb.startswith("LOGIN "):
            return f"OK [CAPABILITY {self.capabilities}] in"
        if verb == "CAPABILITY":
            say(f"CAPABILITY {self.capabilities}")
        elif verb.startswith("ID "):
            say("ID NIL")
        elif verb == "ENABLE CONDSTORE":
            say("ENABLED CONDSTORE")
        elif verb.startswith('LIST "" "*"'):
            for folder in self.folders.values():
                say(f'LIST ({folder.flags}) "/" "{folder.name}"')
        elif found := re.fullmatch(r'STATUS "([^"]*)" \(.*\)', command):
            there = self.folders.get(found[1])
            if there is None:
                return "NO [NONEXISTENT] no such folder"
            say(
                f'STATUS "{there.name}" (UIDVALIDITY {there.validity} UIDNEXT {_next(there)}'
                f" MESSAGES {len(there.mails)} HIGHESTMODSEQ {_modseq(there)})"
            )
        elif found := re.fullmatch(r'EXAMINE "([^"]*)"', command):
            self._folder = self.folders.get(found[1])
            if self._folder is None or "\\Noselect" in self._folder.flags:
                return "NO [NONEXISTENT] no such folder"
            say(f"{len(self._folder.mails)} EXISTS")
            say(f"OK [UIDVALIDITY {self._folder.validity}] numbered")
            say(f"OK [UIDNEXT {_next(self._folder)}] next")
            say(f"OK [HIGHESTMODSEQ {_modseq(self._folder)}] counted")
        elif found := re.fullmatch(r"UID SEARCH UID ([\d:,*]+)(?: SINCE (.*))?", command):
            say("SEARCH " + " ".join(str(mail.uid) for mail in self._among(found[1])))
        elif found := re.fullmatch(r"UID FETCH ([\d:,*]+) \((.*?)\)(?: \(CHANGEDSINCE (\d+)\))?", command):
            for mail in self._among(found[1]):
                if mail.modseq > int(found[3] or 0) and not await self._fetch(mail, found[2], writer):
                    return None
        elif verb == "NOOP":
            if self._folder is not None:
                say(f"{len(self._folder.mails)} EXISTS")
        else:
            return "BAD this server is only read"
        return "OK done"

    def _among(self, told: str) -> list[FakeMail]:
        mails = self._folder.mails if self._folder else []
        last = max((mail.uid for mail in mails), default=0)
        wanted: set[int] = set()
        for part in told.split(","):
            first, _, end = part.replace("*", str(last)).partition(":")
            low, high = sorted((int(first), int(end or first)))
            wanted.update(range(low, min(high, max(low, last)) + 1))
        return [mail for mail in mails if mail.uid in wanted]

    async def _fetch(self, mail: FakeMail, items: str, writer: asyncio.StreamWriter) -> bool:
        assert self._folder is not None
        told = f"* {self._folder.mails.index(mail) + 1} FETCH (UID {mail.uid} MODSEQ ({mail.modseq})"
        if "RFC822.SIZE" in items:
            told += f" RFC822.SIZE {len(mail.raw) + mail.filler if mail.size is None else mail.size}"
        if "FLAGS" in items:
            told += f" FLAGS ({mail.flags})"
        if "X-GM-LABELS" in items:
            told += f" X-GM-LABELS ({mail.labels})"
        if "INTERNALDATE" in items:
            told += f' INTERNALDATE "{mail.received_at:%d-%b-%Y %H:%M:%S +0000}"'
        head = mail.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        if "BODY.PEEK[HEADER]" in items:
            answer = told.encode() + b" BODY[HEADER]<0> {%d}\r\n%s)\r\n" % (len(head), head)
        elif "BODY.PEEK[]" in items:
            size = len(mail.raw) + mail.filler
            answer = told.encode() + b" BODY[] {%d}\r\n%s" % (size, mail.raw)
            changed = self.fetched(mail, answer + b")\r\n" if not mail.filler else answer)
            if changed is None:
                return False
            writer.write(changed)
            for _ in range(mail.filler // len(BLOCK)):
                writer.write(BLOCK)
                await writer.drain()
            answer = BLOCK[: mail.filler % len(BLOCK)] + b")\r\n" if mail.filler else b""
        else:
            answer = told.encode() + b")\r\n"
        writer.write(answer)
        await writer.drain()
        return True

    async def _idle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._idling.add(queue)
        self.idle.set()
        writer.write(b"+ idling\r\n")
        done = asyncio.ensure_future(reader.readline())
        try:
            while not done.done():
                said = asyncio.ensure_future(queue.get())
                await asyncio.wait((done, said), return_when=asyncio.FIRST_COMPLETED)
                if said.done():
                    writer.write(said.result())
                said.cancel()
        finally:
            self._idling.discard(queue)
            self.idle.clear()
            done.cancel()


def _next(folder: FakeFolder) -> int:
    return max((mail.uid for mail in folder.mails), default=0) + 1


def _modseq(folder: FakeFolder) -> int:
    return max((mail.modseq for mail in folder.mails), default=1)


@asynccontextmanager
async def fake_imap(server: FakeImap) -> AsyncIterator[FakeImap]:
    """*server* on a free port, until the block ends."""
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(server.serve(reader, writer)))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as listener:
        server.port = listener.sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)
