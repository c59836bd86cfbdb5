"""`GET /live`: server-sent events (WHATWG HTML, 9.2) for one screen: `pop`, `pop-withdrawn`, `ringing`, `activity`,
`presence`, `alert`. They are hints; each stream begins with the state, and states it every second (`hub.pops`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from hub.live import LiveEvent, SlowReader, Subscription
from hub.web.auth import needs
from hub.web.keys import SERVICE

if TYPE_CHECKING:
    from hub.service import Service

RETRY_MILLISECONDS = 1000
QUIET_SECONDS = 15.0
STUCK_SECONDS = 10.0


async def stream(request: web.Request) -> web.StreamResponse:
    """One screen's events until it goes, reads too slowly, or its session ends.

    A login or token with an agent gets her pops; others get `activity` and `alert` only.
    """
    known = needs(request)
    service = request.app[SERVICE]
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    with service.live.subscribe(known.actor.agent, known.hash) as screen:
        try:
            await response.prepare(request)
            await response.write(b": connected\nretry: %d\n\n" % RETRY_MILLISECONDS)
            if known.actor.agent:
                await _state(service, screen)
            while True:
                try:
                    async with asyncio.timeout(QUIET_SECONDS):
                        frames = await screen.frames()
                except TimeoutError:
                    frames = b": still here\n\n"
                if frames is None:
                    break
                async with asyncio.timeout(STUCK_SECONDS):
                    await response.write(frames)
        except (SlowReader, TimeoutError, ConnectionResetError):
            # It connects again by itself and is told the state.
            if request.transport is not None:
                request.transport.abort()
    return response


async def _state(service: Service, screen: Subscription) -> None:
    """What stands on this agent's screens now. Whatever happened since the stream was opened is already queued."""
    stated = []
    for pop in await service.pops.ringing(screen.agent):
        if pop["id"] not in screen.withdrawn:
            stated.append([pop["id"], pop["revision"]])
            if pop["id"] not in screen.shown:
                service.live.tell(screen, LiveEvent("pop", pop, screen.agent))
    service.live.tell(screen, LiveEvent("ringing", {"pops": stated}, screen.agent))


def add_routes(app: web.Application) -> None:
    """The stream."""
    app.router.add_get("/live", stream, allow_head=False)
    app.on_shutdown.append(_end_all)


async def _end_all(app: web.Application) -> None:
    """The hub stops: it need not wait until every browser has left."""
    for screen in app[SERVICE].live.subscriptions():
        screen.end()
