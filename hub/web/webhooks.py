"""`/webhooks/{source}`: what providers send. It is answered 2xx only once it is durable.

This is the way a ringing phone comes in: nothing is done here that could be done later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from hub import deliveries
from hub.contracts import Forged, Malformed, Unavailable, Unsupported, Webhook
from hub.store import Lane, Store
from hub.store.schema import refusals
from hub.store.sets import SetWrite
from hub.vocabulary import Changed, Channel, Delivery, Event, Pressed, Receipt
from hub.web.keys import SERVICE, SUPERVISOR
from hub.web.problems import Problem

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0

_COUNT = SetWrite(
    refusals,
    ("source", "reason", "count", "last_at"),
    "ON CONFLICT (source, reason) DO UPDATE SET count = refusals.count + excluded.count, last_at = excluded.last_at",
)


class Refusals:
    """Counts refused deliveries in memory and adds them to the store every few seconds: whoever sends forgeries
    must not be able to make the store write. Nothing else of a refused delivery is kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}

    def count(self, source: str, reason: str) -> None:
        """One more delivery of *source* was refused, because it was `forged`, `malformed` or `too-large`."""
        count, _ = self._counts.get((source, reason), (0, 0))
        self._counts[source, reason] = (count + 1, time.time_ns() // 1000)

    async def flush(self) -> None:
        """Add the counts to the store; they are kept for the next time where it cannot take them."""
        counts, self._counts = self._counts, {}
        if not counts:
            return
        rows = [(source, reason, count, last) for (source, reason), (count, last) in sorted(counts.items())]
        try:
            await self._store.write(lambda conn: _COUNT(conn, rows), Lane.BULK)
        except Unavailable:
            for key, (count, last) in counts.items():
                newer, at = self._counts.get(key, (0, last))
                self._counts[key] = (count + newer, at)

    async def run(self) -> None:
        """Flush every few seconds until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()


@dataclass(frozen=True, slots=True)
class Gate:
    """One source's webhook."""

    source: str
    webhook: Webhook


GATES: web.AppKey[dict[str, Gate]] = web.AppKey("gates")
REFUSALS: web.AppKey[Refusals] = web.AppKey("refusals", Refusals)


async def receive(request: web.Request) -> web.Response:
    """Verify, parse, record; see DESIGN 5 for the answers."""
    began = time.perf_counter()
    source = request.match_info["source"]
    gate = request.app[GATES].get(source)
    if gate is None:
        raise Problem(404, "no-such-source", "No configured source has a webhook of this name.")
    service, webhook, refused = request.app[SERVICE], gate.webhook, request.app[REFUSALS]
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        refused.count(source, "too-large")
        raise
    delivery = Delivery(
        request.method,
        service.config.public_url + request.raw_path,
        {name.lower(): value for name, value in request.headers.items()},
        body,
        datetime.now(UTC),
    )
    try:
        webhook.verify(delivery)
    except Forged as error:
        refused.count(source, "forged")
        if webhook.swallows:
            return web.Response(status=202)
        raise Problem(401, "forged", str(error)) from error
    except Malformed as error:
        refused.count(source, "malformed")
        raise Problem(400, "malformed", str(error)) from error
    try:
        parsed = webhook.parse(delivery)
    except Unsupported as error:
        await service.ingest.quarantine(source, "delivery", str(error), body, deliveries.about(delivery))
        parsed = ()
    except Exception as error:  # a bug of ours must not lose what the provider will not send again
        log.exception("the webhook of %s could not read a delivery", source)
        reason = f"the webhook failed on it: {type(error).__name__}"
        await service.ingest.quarantine(source, "delivery", reason, body, deliveries.about(delivery))
        parsed = ()
    heard = [each for each in parsed if isinstance(each, Event | Receipt | Pressed)]
    if heard:
        await service.ingest.record(source, heard)
        if any(isinstance(each, Event) and each.channel is Channel.VOICE for each in heard):
            service.metrics.pop.observe(time.perf_counter() - began)
    for each in parsed:
        if isinstance(each, Changed) and (supervisor := request.app[SUPERVISOR]) is not None:
            await supervisor.wake(each.source, each.word)
    asked = webhook.asked(delivery)
    step = await service.routing.answer(source, asked) if asked else None
    reply = webhook.reply(delivery, step)
    return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type, headers=reply.headers)


async def _open(app: web.Application) -> AsyncGenerator[None]:
    service = app[SERVICE]
    app[GATES] = gates = {}
    plugins, _ = service.config.built()  # what is wrong with one is the supervisor's to say; its provider gets a 404
    for name, found in plugins.items():
        if found.webhook is not None:
            gates[name] = Gate(name, found.webhook)
    app[REFUSALS] = refused = Refusals(service.store)
    flushing = asyncio.create_task(refused.run(), name="refusals")
    yield
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    await refused.flush()


def add_routes(app: web.Application) -> None:
    """The one address of all webhooks."""
    app.cleanup_ctx.append(_open)
    app.router.add_post("/webhooks/{source}", receive)
    app.router.add_get("/webhooks/{source}", receive, allow_head=False)  # some providers can be told to use GET
