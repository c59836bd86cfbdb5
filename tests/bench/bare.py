"""The least that could do it: an aiohttp app that forwards each POST to the event stream of the phone that rings.

It verifies, looks up and stores nothing. `python -m tests.bench.bare PORT`.
"""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import parse_qs

import uvloop
from aiohttp import web

SCREENS: web.AppKey[dict[str, asyncio.Queue[bytes]]] = web.AppKey("screens")


async def forward(request: web.Request) -> web.Response:
    """POST: to the screen of the phone in `To`."""
    body = await request.read()
    fields = parse_qs(body.decode())
    if fields["CallStatus"] == ["ringing"]:
        screen = request.app[SCREENS].get(fields["To"][0])
        if screen is not None:
            screen.put_nowait(b"event: pop\ndata: " + body + b"\n\n")
    return web.Response(status=204)


async def live(request: web.Request) -> web.StreamResponse:
    """GET: the stream of one phone."""
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    request.app[SCREENS][request.match_info["phone"]] = queue
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b": connected\n\n")
    while True:
        await response.write(await queue.get())


async def main(port: int) -> None:
    """Serve until killed."""
    app = web.Application()
    app[SCREENS] = {}
    app.router.add_post("/webhooks/front-desk", forward)
    app.router.add_get("/live/{phone}", live)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(main(int(sys.argv[1])))
