"""Is it alive, is it ready, how does it do: `/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa
from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import Connection

from hub import outgoing
from hub.contracts import Unavailable
from hub.privacy.visibility import Scope
from hub.store.schema import quarantine, sources
from hub.web.auth import client_address, is_loopback, needs, visitor
from hub.web.keys import SERVICE, SUPERVISOR
from hub.web.problems import Problem

if TYPE_CHECKING:
    from hub.metrics import Metrics

STORE_SECONDS = 3.0


async def healthz(request: web.Request) -> web.Response:
    """200 as long as this process answers at all."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """200 when the store answers and every door listens, whatever the sources do; else 503 that says which."""
    try:
        async with asyncio.timeout(STORE_SECONDS):
            await request.app[SERVICE].store.read(lambda conn: conn.execute(sa.select(1)).scalar())
    except (Unavailable, TimeoutError) as error:
        raise Problem(503, "store-down", "The store does not answer.", headers={"Retry-After": "5"}) from error
    supervisor = request.app[SUPERVISOR]
    if supervisor is not None and not supervisor.doors_up:
        raise Problem(503, "doors-down", "A door does not listen yet.", headers={"Retry-After": "1"})
    return web.json_response({"status": "ready"})


async def metrics(request: web.Request) -> web.Response:
    """Prometheus text, for this machine itself or an admin token."""
    if visitor(request) is not None or not _is_here(request):
        needs(request, Scope.ADMIN)
    service = request.app[SERVICE]
    await service.store.read(lambda conn: _measure(conn, service.metrics, service.config.crm))
    text = await asyncio.to_thread(generate_latest, service.metrics.registry)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _is_here(request: web.Request) -> bool:
    """Asked from this machine, for this machine: a page of another site that had its name resolve to us is not."""
    host = request.host.rpartition(":")[0] if not request.host.endswith("]") else request.host
    name = (host or request.host).strip("[]")
    return is_loopback(client_address(request)) and (name == "localhost" or is_loopback(name))


def _measure(conn: Connection, measured: Metrics, crms: Collection[str]) -> None:
    going_out = outgoing.counts(conn, crms)
    measured.outbox.set(sum(states[outgoing.State.WAITING] for states in going_out.values()))
    for name, states in going_out.items():
        for state in outgoing.STUCK:
            measured.outbox_stuck.labels(name, state.value).set(states[state])
    aside = sa.select(sa.func.count()).select_from(quarantine).where(quarantine.c.state == "open")
    measured.quarantine.set(conn.execute(aside).scalar_one())
    for row in conn.execute(sa.select(sources.c.name, sources.c.behind_messages, sources.c.behind_seconds)):
        if row.behind_messages is not None:
            measured.behind_messages.labels(row.name).set(row.behind_messages)
        if row.behind_seconds is not None:
            measured.behind_seconds.labels(row.name).set(row.behind_seconds)


def add_routes(app: web.Application) -> None:
    """Three addresses that never change."""
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
