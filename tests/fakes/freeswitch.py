"""A stand-in for FreeSWITCH: its Event Socket on loopback, byte for byte as far as the hub speaks it.

It has channels, tells of them, and places calls that ring for ever. There is no FreeSWITCH for these tests to talk to.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

PASSWORD = "ClueCon"


class FreeSwitch:
    """*channels* are the rows of `show channels`, *commands* what was asked, *greeting* what it says first."""

    def __init__(self) -> None:
        self.port = 0
        self.greeting = b"Content-Type: auth/request\n\n"
        self.channels: dict[str, dict[str, str]] = {}
        self.commands: list[str] = []
        self.loop = asyncio.get_running_loop()
        self.listeners: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def ring(self, ident: str, caller: str = "+4915112345678", called: str = "4930123456") -> None:
        """A call comes in from outside, and stays. May be called from any thread."""
        self.loop.call_soon_threadsafe(self._ring, ident, caller, called)

    def tell(self, headers: Mapping[str, str], body: str = "") -> None:
        """Tell every listener of something."""
        event = dict(headers) | ({"_body": body} if body else {})
        payload = json.dumps(event).encode()
        frame = b"Content-Length: %d\nContent-Type: text/event-json\n\n%s" % (len(payload), payload)
        for writer in self.listeners:
            writer.write(frame)

    def send(self, data: bytes) -> None:
        """Send every listener these bytes."""
        for writer in self.listeners:
            writer.write(data)

    def hang_up(self) -> None:
        """Say goodbye to every listener."""
        self.send(b"Content-Type: text/disconnect-notice\nContent-Length: 23\n\nDisconnected, goodbye.\n")
        for writer in self.listeners:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            writer.write(self.greeting)
            logged_in = False
            while True:
                command = (await reader.readuntil(b"\n\n")).decode().strip()
                if not logged_in:
                    logged_in = command == f"auth {PASSWORD}"
                    said = "+OK accepted" if logged_in else "-ERR invalid"
                    writer.write(f"Content-Type: command/reply\nReply-Text: {said}\n\n".encode())
                    continue
                self.commands.append(command)
                writer.write(self._answer(command, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.listeners.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def close(self) -> None:
        """End every connection."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _answer(self, command: str, writer: asyncio.StreamWriter) -> bytes:
        words = command.split()
        match words:
            case ["event", "json", *_]:
                self.listeners.add(writer)
                return b"Content-Type: command/reply\nReply-Text: +OK event listener enabled json\n\n"
            case ["bgapi", "originate", *_]:
                found = re.search(r"origination_uuid=([^,}]+)", command)
                assert found is not None
                self._ring(found[1], "", "100", "outbound")
                job = command.rpartition("Job-UUID: ")[2]
                return f"Content-Type: command/reply\nReply-Text: +OK Job-UUID: {job}\nJob-UUID: {job}\n\n".encode()
            case ["api", "uuid_kill", ident]:
                gone = self.channels.pop(ident, None)
                return _response("+OK\n" if gone else "-ERR No such channel!\n")
            case ["api", "strepoch"]:
                return _response(str(int(time.time())))
            case ["api", "show", "channels", "as", "json"]:
                rows = list(self.channels.values())
                return _response(json.dumps({"row_count": len(rows), **({"rows": rows} if rows else {})}))
        return _response(f"-ERR {words[1]} Command not found!\n")

    def _ring(self, ident: str, caller: str, called: str, direction: str = "inbound") -> None:
        now = time.time()
        self.channels[ident] = {
            "uuid": ident,
            "direction": direction,
            "created_epoch": str(int(now)),
            "name": f"sofia/external/{caller or called}@192.0.2.5",
            "callstate": "RINGING",
            "cid_num": caller,
            "cid_name": "",
            "dest": called,
            "call_uuid": "",
        }
        self.tell(
            {
                "Event-Name": "CHANNEL_CREATE",
                "Event-Sequence": str(len(self.channels)),
                "Event-Date-Timestamp": str(int(now * 1_000_000)),
                "Unique-ID": ident,
                "Channel-Call-UUID": ident,
                "Call-Direction": direction,
                "Channel-Name": f"sofia/external/{caller or called}@192.0.2.5",
                "Caller-Caller-ID-Number": caller,
                "Caller-Destination-Number": called,
            }
        )


def _response(text: str) -> bytes:
    body = text.encode()
    return b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(body), body)


@asynccontextmanager
async def freeswitch() -> AsyncIterator[FreeSwitch]:
    """A running stand-in."""
    running = FreeSwitch()
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        await running.close()
        with suppress(OSError):
            await server.wait_closed()
