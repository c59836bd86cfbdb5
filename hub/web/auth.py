"""Logging in and out, and what every request must show before it is served.

People have a session cookie and send its CSRF token with everything that changes something; machines send
`Authorization: Bearer hub_…`. `POST /login`, `/logout` and `/setup/{token}` take a form (answered by a redirect) or
JSON (answered by JSON).
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from aiohttp import web
from sqlalchemy import Connection

from hub import accounts
from hub.accounts import AccountError
from hub.privacy.visibility import Authority, Scope
from hub.web.access import TooMany, Visitor
from hub.web.keys import ACCESS, SERVICE, VISITOR
from hub.web.problems import FieldError, Problem

if TYPE_CHECKING:
    from hub.service import Service

COOKIE = "hub_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


# --- what a handler asks --------------------------------------------------------------------------------------------


def visitor(request: web.Request) -> Visitor | None:
    """Who sent this, or None."""
    return request.get(VISITOR)


def needs(request: web.Request, scope: Scope = Scope.READ) -> Visitor:
    """Who sent this. Raises the 401 or 403 that ends the request where nobody did or they may not."""
    known: Visitor | None = request.get(VISITOR)
    if known is None:
        raise Problem(
            401,
            "not-logged-in",
            "Log in, or send a token as Authorization: Bearer.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if not known.actor.may(scope):
        raise Problem(403, "not-allowed", f"This needs the scope {scope.value}; yours is {known.actor.scope.value}.")
    return known


# --- what every request must show -----------------------------------------------------------------------------------


async def recognise(request: web.Request) -> None:
    """Find out who sent *request*, and refuse unsafe requests that another site may have made them send."""
    access = request.app[ACCESS]
    credentials = request.headers.get("Authorization", "")
    scheme, _, secret = credentials.partition(" ")
    if scheme.lower() == "bearer":
        found = await access.by_token(secret.strip())
        if found is None:
            raise Problem(
                401,
                "bad-token",
                "This token is not known. Make one with `hub token add`.",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        request[VISITOR] = found
        return
    if request.method not in SAFE_METHODS:
        _same_origin(request)
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        return
    found = await access.by_session(cookie)
    if found is None:
        return
    if request.method not in SAFE_METHODS and not request.path.startswith(("/login", "/setup/")):
        await _same_session(request, found)
    request[VISITOR] = found


def _same_origin(request: web.Request) -> None:
    """Browsers say where an unsafe request comes from (Fetch section 3.1, Fetch Metadata): it must be from here."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "cross-site", "This request was made by another site.")
    origin = request.headers.get("Origin")
    if origin is None:
        return
    public = urlsplit(request.app[SERVICE].config.public_url)
    if origin not in (f"{public.scheme}://{public.netloc}", f"http://{request.host}", f"https://{request.host}"):
        raise Problem(403, "cross-site", "This request was made by another site.")


async def _same_session(request: web.Request, found: Visitor) -> None:
    sent = request.headers.get(CSRF_HEADER)
    if sent is None and request.content_type in _FORMS:
        value = (await request.post()).get(CSRF_FIELD)
        sent = value if isinstance(value, str) else None
    if sent is None or not hmac.compare_digest(sent.encode(), found.csrf.encode()):
        raise Problem(403, "bad-csrf", "The page is out of date. Load it again and repeat what you did.")


def client_address(request: web.Request) -> str:
    """Who is at the other end: the peer, or what a reverse proxy on this machine says of it."""
    peer = request.remote or ""
    if is_loopback(peer) and (forwarded := request.headers.get("X-Forwarded-For")):
        return forwarded.rpartition(",")[2].strip()
    return peer


def is_loopback(address: str) -> bool:
    """Whether *address* is this machine's own; a Unix socket ("") is."""
    try:
        return not address or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


# --- login, logout, setup -------------------------------------------------------------------------------------------


async def first_link(service: Service) -> str | None:
    """The link that makes the first administrator: good once and for 24 hours. None once somebody can log in."""
    now = datetime.now(UTC)

    def work(conn: Connection) -> str | None:
        return None if accounts.any_login(conn) else accounts.invite(conn, Authority.ADMIN, "", now)

    secret = await service.store.write(work)
    return None if secret is None else setup_url(service.config.public_url, secret)


def setup_url(public_url: str, secret: str) -> str:
    """Where an invitation is accepted."""
    return f"{public_url.rstrip('/')}/setup/{secret}"


async def _fields(request: web.Request) -> Mapping[str, str]:
    if request.content_type in _FORMS:
        form: Mapping[str, Any] = await request.post()
    else:
        try:
            form = orjson.loads(await request.read())
        except orjson.JSONDecodeError as error:
            raise Problem(400, "bad-json", "The body is neither a form nor JSON.") from error
        if not isinstance(form, dict):
            raise Problem(400, "bad-json", "The body must be a JSON object.")
    return {name: value for name, value in form.items() if isinstance(value, str)}


def local_path(target: str) -> str:
    """*target* where it is a path of ours, else "/": a link to the login page must not lead elsewhere afterwards."""
    parts = urlsplit(target)
    safe = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc and target.isprintable()
    return target if safe and "\\" not in target else "/"


def _welcome(request: web.Request, secret: str, who: Visitor, target: str, status: int) -> web.Response:
    response: web.Response
    if request.content_type in _FORMS:
        response = web.Response(status=303, headers={"Location": target})
    else:
        about = {
            "name": who.actor.name,
            "role": who.actor.authority.value,
            "agent": who.actor.agent,
            "csrf": who.csrf,
        }
        response = web.Response(body=orjson.dumps(about), status=status, content_type="application/json")
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(accounts.SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=request.app[SERVICE].config.public_url.startswith("https:"),
        path="/",
    )
    return response


async def post_login(request: web.Request) -> web.Response:
    """Name and password into a session cookie; `next` is where to go from there."""
    fields = await _fields(request)
    try:
        welcome = await request.app[ACCESS].log_in(
            fields.get("name", ""),
            fields.get("password", ""),
            client_address(request),
            request.headers.get("User-Agent", ""),
        )
    except TooMany as error:
        raise Problem(429, "too-many", str(error), headers={"Retry-After": str(error.seconds)}) from error
    if welcome is None:
        raise Problem(401, "wrong-password", "Name or password is wrong.")
    return _welcome(request, *welcome, local_path(fields.get("next", "/")), 200)


async def post_logout(request: web.Request) -> web.Response:
    """End this session, here and in every tab."""
    known = visitor(request)
    if known is not None and known.session is not None:
        await request.app[ACCESS].end(known.session.login, known.hash)
    form = request.content_type in _FORMS
    response = web.Response(status=303, headers={"Location": "/login"}) if form else web.Response(status=204)
    response.del_cookie(COOKIE, path="/")
    return response


async def post_setup(request: web.Request) -> web.Response:
    """Accept an invitation: make the first login, or set a new password."""
    fields = await _fields(request)
    secret = request.match_info["token"]
    if await request.app[ACCESS].invitation(secret) is None:
        raise Problem(410, "link-used", "This link is not good any more. Ask for a new one.")
    try:
        welcome = await request.app[ACCESS].accept(
            secret, fields.get("name", ""), fields.get("password", ""), request.headers.get("User-Agent", "")
        )
    except AccountError as error:
        errors = [FieldError(error.field, str(error))] if error.field else []
        raise Problem(
            422 if errors else 410, "invalid" if errors else "link-used", str(error), errors=errors
        ) from error
    return _welcome(request, *welcome, "/", 201)


def add_routes(app: web.Application) -> None:
    """`POST` for login, logout and setup; their pages are `hub.web.pages`."""
    app.router.add_post("/login", post_login)
    app.router.add_post("/logout", post_logout)
    app.router.add_post("/setup/{token}", post_setup)
