"""The JSON API under `/api/v1`."""

from __future__ import annotations

import asyncio
from functools import cache

import orjson
from aiohttp import web

from hub.web.api import (
    alerts,
    availability,
    blocked_numbers,
    bookings,
    calendar,
    calls,
    canned,
    consents,
    contacts,
    conversations,
    dial_lists,
    dials,
    event_types,
    files,
    interactions,
    leads,
    letters,
    mentions,
    missed_calls,
    operations,
    outbox,
    plans,
    pops,
    recordings,
    reminders,
    rules,
    subscribers,
    tasks,
    watch,
    ways,
    wrap_ups,
)
from hub.web.api.endpoint import Endpoint
from hub.web.api.openapi import document

ENDPOINTS: tuple[Endpoint, ...] = (
    *alerts.endpoints,
    *availability.endpoints,
    *blocked_numbers.endpoints,
    *bookings.endpoints,
    *calendar.endpoints,
    *calls.endpoints,
    *canned.endpoints,
    *consents.endpoints,
    *contacts.endpoints,
    *conversations.endpoints,
    *dial_lists.endpoints,
    *dials.endpoints,
    *event_types.endpoints,
    *files.endpoints,
    *interactions.endpoints,
    *leads.endpoints,
    *letters.endpoints,
    *mentions.endpoints,
    *missed_calls.endpoints,
    *operations.endpoints,
    *outbox.endpoints,
    *pops.endpoints,
    *plans.endpoints,
    *recordings.endpoints,
    *reminders.endpoints,
    *rules.endpoints,
    *subscribers.endpoints,
    *tasks.endpoints,
    *watch.endpoints,
    *ways.endpoints,
    *wrap_ups.endpoints,
)


def add_routes(app: web.Application) -> None:
    """Every endpoint, and the page that describes them all."""
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.method, endpoint.path, endpoint.__call__)
        if endpoint.method == "GET":
            app.router.add_route("HEAD", endpoint.path, endpoint.__call__)
    app.router.add_get("/api/v1/openapi.json", openapi)


async def openapi(request: web.Request) -> web.Response:
    """The page that describes them. It is written when it is first asked for, beside the loop: it takes a while."""
    return web.Response(body=await asyncio.to_thread(_described), content_type="application/json")


@cache
def _described() -> bytes:
    return orjson.dumps(document(ENDPOINTS))
