"""A Xandikos (CalDAV with scheduling, RFC 6638) and two people: alice (secret-a) and bob (secret-b).

Their addresses are alice@example.test and bob@example.test.

Xandikos leaves passwords to the web server before it and believes what that says of who asks (`X-Remote-User`). Here a
small one stands before it.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import web

from tests.servers.process import OURSELVES, ServerProcess, folder_for, free_port
from tests.servers.radicale import PASSWORDS, CalendarServer, answers

_ADDRESS = (
    '<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
    "<C:calendar-user-address-set><D:href>mailto:{user}@example.test</D:href></C:calendar-user-address-set>"
    "</D:prop></D:set></D:propertyupdate>"
)


@contextmanager
def xandikos() -> Iterator[CalendarServer]:
    """A running server; each person has the calendar `calendar`."""
    folder = folder_for("xandikos", OURSELVES)
    port = free_port()
    process = ServerProcess(
        [
            Path(sys.executable).with_name("xandikos"),
            "multi-user",
            "-d",
            folder / "data",
            "--defaults",
            "-l",
            "127.0.0.1",
            "-p",
            str(port),
            "--trust-x-remote-user-from",
            "127.0.0.1",
        ],
        answers=lambda: answers(port),
        log=folder / "log",
    )
    try:
        process.start()
        try:
            with _front(port) as front:
                server = CalendarServer(process, port, folder, "/{user}/calendars/", front)
                for user in PASSWORDS:
                    server.ask("PROPFIND", f"/{user}/", user=user, Depth="0")
                    status, _, said = server.ask("PROPPATCH", f"/{user}/", _ADDRESS.format(user=user), user)
                    assert status == 207, said
                yield server
        finally:
            process.kill()
    finally:
        shutil.rmtree(folder)


@contextmanager
def _front(port: int) -> Iterator[int]:
    """A web server that checks passwords and passes everything on to the server on *port*."""
    users = {
        f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}": user
        for user, password in PASSWORDS.items()
    }
    ready: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def pass_on(session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        user = users.get(request.headers.get("Authorization", ""))
        if user is None:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="calendars"'})
        left = {"authorization", "host", "connection", "transfer-encoding", "content-length", "x-remote-user"}
        headers = {name: value for name, value in request.headers.items() if name.lower() not in left}
        try:
            async with session.request(
                request.method,
                f"http://127.0.0.1:{port}{request.raw_path}",
                data=await request.read(),
                headers={**headers, "X-Remote-User": user},
                allow_redirects=False,
            ) as answer:
                kept = {name: value for name, value in answer.headers.items() if name.lower() not in left}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        except aiohttp.ClientError:
            return web.Response(status=502)

    async def serve() -> None:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            application = web.Application(client_max_size=8 << 20)
            application.router.add_route("*", "/{path:.*}", partial(pass_on, session))
            runner = web.AppRunner(application)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            await ready.put(runner.addresses[0][1])
            await stop.wait()
            await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="front")
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(ready.get(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
