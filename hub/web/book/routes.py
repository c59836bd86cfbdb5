"""Where the public booking pages are, and what every one of them carries."""

from __future__ import annotations

from aiohttp import web

from hub.web.book import seats, times
from hub.web.book.page import PUBLIC
from hub.web.book.visitor import Gate
from hub.web.pages.frame import STATIC

__all__ = ["PUBLIC", "add_routes"]


def add_routes(app: web.Application) -> None:
    """The pages at /book, /booking and /link."""
    app[times.GATE] = Gate()
    app.router.add_get("/book/embed.js", _embed)
    app.router.add_get("/book", _to_list)
    app.router.add_get("/book/", times.everything)
    app.router.add_get("/book/team/{team}", times.of_team)
    app.router.add_get("/book/for/{form}", times.form)
    app.router.add_post("/book/for/{form}", times.form)
    app.router.add_get("/book/{slug}", times.choose)
    app.router.add_get("/book/{slug}/slots", times.offered)
    app.router.add_post("/book/{slug}/hold", seats.hold)
    app.router.add_get("/link/{secret}", times.by_link)
    app.router.add_get(r"/booking/{secret:[\w-]+}.ics", seats.calendar)
    app.router.add_get(r"/booking/{secret:[\w-]+}", seats.see)
    app.router.add_post(r"/booking/{secret:[\w-]+}/confirm", seats.confirm)
    app.router.add_get(r"/booking/{secret:[\w-]+}/move", seats.move)
    app.router.add_post(r"/booking/{secret:[\w-]+}/move", seats.move)
    app.router.add_get(r"/booking/{secret:[\w-]+}/cancel", seats.cancel)
    app.router.add_post(r"/booking/{secret:[\w-]+}/cancel", seats.cancel)


async def _to_list(request: web.Request) -> web.StreamResponse:
    raise web.HTTPPermanentRedirect("/book/")


async def _embed(request: web.Request) -> web.StreamResponse:
    """The script that other web sites load to show a booking page within theirs."""
    path = STATIC / "embed.js"
    if not path.is_file():
        raise web.HTTPNotFound
    headers = {"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=3600",
               "Cross-Origin-Resource-Policy": "cross-origin"}  # fmt: skip
    return web.FileResponse(path, headers=headers)
