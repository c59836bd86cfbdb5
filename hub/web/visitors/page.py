"""One page for strangers: its words, its frame, and which other sites may show it within theirs or send to it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from hub.visitors.fronts import Front, said
from hub.web import i18n
from hub.web.book import visitor
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import frame


def front_of(request: web.Request, kind: str) -> Front:
    """The page of that kind in the address. Raises the 404."""
    front = request.app[SERVICE].visitors.fronts.get(request.match_info["source"])
    if front is None or front.kind != kind:
        raise web.HTTPNotFound
    return front


def reader(request: web.Request, front: Front, language: str = "") -> Reader:
    """The language the page speaks: that of the address, of the form that was sent, of the browser."""
    return visitor.reader(request, language=language, among=front.languages)


def show(
    request: web.Request, template: str, front: Front, speaks: Reader, status: int = 200, **context: Any
) -> web.Response:
    """The page *template*."""
    tags = visitor.languages(request, front.languages)
    embedded = "1" if request.query.get("embed") == "1" else ""

    def here(tag: str) -> str:
        return "?" + urlencode({name: value for name, value in (("lang", tag), ("embed", embedded)) if value})

    response = frame.fragment(
        request,
        f"visitors/{template}",
        status,
        reader=speaks,
        company=request.app[SERVICE].config.booking.company,
        front=front,
        says=lambda words, otherwise="": said(words, speaks.tag, otherwise),
        embedded=bool(embedded),
        here=here,
        tags={tag: i18n.NAMES[tag] for tag in tags},
        **context,
    )
    guard(response, front)
    return response


def guard(response: web.StreamResponse, front: Front) -> None:
    """Lets the web sites of the config, and no others, show the page within theirs."""
    ancestors = " ".join(("'self'", *front.origins))
    parts = urlsplit(front.redirect)
    thanks = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""  # browsers ask for it after the form, too
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        f"frame-ancestors {ancestors}; form-action 'self'{thanks}"
    )
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex"


def shared(request: web.Request, front: Front, response: web.StreamResponse) -> web.StreamResponse:
    """*response*, readable by scripts of the web sites of the config (Fetch, "CORS protocol")."""
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin", "")
    if origin in front.origins:
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def preflight(request: web.Request, front: Front) -> web.StreamResponse:
    """What a browser asks before it lets a script of another site send JSON."""
    response = shared(request, front, web.Response(status=204))
    if "Access-Control-Allow-Origin" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type"
        response.headers["Access-Control-Max-Age"] = "600"
    return response
