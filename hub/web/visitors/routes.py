"""Where the pages for strangers are."""

from __future__ import annotations

from aiohttp import web

from hub.web.pages.frame import STATIC
from hub.web.visitors import chats, forms
from hub.web.visitors.gate import GATE, Gate

PUBLIC = ("/form/", "/chat/")
"""The paths under which nobody is asked who she is."""


def add_routes(app: web.Application) -> None:
    """The pages at /form and /chat."""
    app[GATE] = Gate()
    app.router.add_get("/form/embed.js", _embed)
    app.router.add_get("/chat/embed.js", _embed)
    app.router.add_get("/form/{source}", forms.see)
    app.router.add_post("/form/{source}", forms.send)
    app.router.add_route("OPTIONS", "/form/{source}", forms.options)
    app.router.add_get("/form/{source}/token", forms.token)
    app.router.add_route("OPTIONS", "/form/{source}/token", forms.options)
    chats.add_routes(app)


async def _embed(request: web.Request) -> web.StreamResponse:
    """The script that other web sites load to show a form or a chat within theirs."""
    path = STATIC / "visitor-embed.js"
    if not path.is_file():
        raise web.HTTPNotFound
    headers = {"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=3600",
               "Cross-Origin-Resource-Policy": "cross-origin"}  # fmt: skip
    return web.FileResponse(path, headers=headers)
