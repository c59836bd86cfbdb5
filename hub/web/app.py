"""The web application, put together: routes, who may come in, what every answer carries, and how errors read."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler

from hub.contracts import Unavailable
from hub.web import api, auth, book, feeds, live, status, visitors, webhooks
from hub.web.access import Access
from hub.web.keys import ACCESS, ERROR_PAGE, SERVICE, SUPERVISOR
from hub.web.pages import routes as pages
from hub.web.problems import Problem, from_http

if TYPE_CHECKING:
    from hub.service import Service
    from hub.sources.supervisor import Supervisor

log = logging.getLogger(__name__)

LARGEST_BODY = 1 << 20
RETRY_SECONDS = 5
STATIC = Path(str(files("hub.web"))) / "static"

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; frame-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'self'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": browsers then send `Origin: null` with our own forms (Fetch, "serializing a request origin").
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FOR_MACHINES = ("/api/", "/webhooks/", "/live", "/healthz", "/readyz", "/metrics", *feeds.PUBLIC)
_NOBODY_ASKED = ("/webhooks/", "/static/", "/healthz", "/readyz", *feeds.PUBLIC, *book.PUBLIC, *visitors.PUBLIC)


def make_app(service: Service, supervisor: Supervisor | None = None) -> web.Application:
    """The application for a running *service*. *supervisor* runs its sources; None where none run."""
    app = web.Application(middlewares=[guard], client_max_size=LARGEST_BODY)
    app[SERVICE] = service
    app[SUPERVISOR] = supervisor
    app.cleanup_ctx.append(_access)
    app.on_response_prepare.append(_harden)
    app.on_shutdown.append(_end_streams)
    auth.add_routes(app)
    webhooks.add_routes(app)
    live.add_routes(app)
    status.add_routes(app)
    feeds.add_routes(app)
    api.add_routes(app)
    book.add_routes(app)
    visitors.add_routes(app)
    pages.add_routes(app)
    if STATIC.is_dir():
        app.router.add_static("/static", STATIC)
    return app


async def _end_streams(app: web.Application) -> None:
    """A stream never ends by itself: without this, each open tab would hold up the stop for as long as it may."""
    for screen in app[SERVICE].live.subscriptions():
        screen.end()


async def _access(app: web.Application) -> AsyncGenerator[None]:
    service = app[SERVICE]
    async with Access.open(service.store, service.live) as access:
        app[ACCESS] = access
        yield


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Finds out who asks, and turns whatever goes wrong into an answer that says so."""
    try:
        if not request.path.startswith(_NOBODY_ASKED):
            await auth.recognise(request)
        return await handler(request)
    except Problem as problem:
        return await _told(request, problem)
    except web.HTTPException as error:
        if error.status < 400 or "HX-Refresh" in error.headers:
            raise
        return await _told(request, from_http(error))
    except Unavailable as error:
        log.warning("%s %s: %s", request.method, request.path, error)
        return await _told(request, _down(error))
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return await _told(request, Problem(500, "bug", "Something went wrong here. The hub's log says what."))


def _down(error: Unavailable) -> Problem:
    seconds = str(max(1, round(error.retry_after or RETRY_SECONDS)))
    return Problem(503, "unavailable", "The store cannot be reached. Try again.", headers={"Retry-After": seconds})


async def _told(request: web.Request, problem: Problem) -> web.StreamResponse:
    show: Callable[[web.Request, Problem], Awaitable[web.StreamResponse]] | None = request.app.get(ERROR_PAGE)
    if show is None or request.path.startswith(_FOR_MACHINES) or request.content_type == "application/json":
        return problem.response()
    return await show(request, problem)


async def _harden(request: web.Request, response: web.StreamResponse) -> None:
    headers = response.headers
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if request.path.startswith("/static/"):
        # Pages name a file with the hash of its content; whoever asks without it must ask again each time.
        headers["Cache-Control"] = "public, max-age=31536000, immutable" if request.query_string else "no-cache"
    else:
        headers.setdefault("Cache-Control", "no-store")
