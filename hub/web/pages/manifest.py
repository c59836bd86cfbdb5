"""What makes the pages an app on a phone: the manifest (W3C Web Application Manifest) and the service worker.

Neither says anything of anybody, so both are given out before somebody signs in. The worker stands at the root: its
scope is the folder it lies in, and what is pushed leads to any page.
"""

from __future__ import annotations

from aiohttp import web

from hub.web.pages import frame
from hub.web.pages.frame import FRAME, STATIC

WORKER = STATIC / "service-worker.js"


async def manifest(request: web.Request) -> web.Response:
    """The app: its name, its icons, and where it begins."""
    asset = request.app[FRAME].asset
    icons = [
        {"src": asset("mark.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
        {"src": asset("app-192.png"), "sizes": "192x192", "type": "image/png", "purpose": "any"},
        {"src": asset("app-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "any maskable"},
    ]
    document = {
        "id": "/",
        "name": "hub",
        "short_name": "hub",
        "lang": frame.reader(request).tag,
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f5f4f1",
        "theme_color": "#0c6470",
        "icons": icons,
    }
    response = web.json_response(document, content_type="application/manifest+json")
    response.headers["Cache-Control"] = "no-cache"
    return response


async def service_worker(request: web.Request) -> web.FileResponse:
    """What shows pushes, and does nothing else. Browsers ask each day whether it is still the same."""
    if not WORKER.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(WORKER, headers={"Content-Type": "text/javascript", "Cache-Control": "no-cache"})
