"""Connecting a source with a permission: to the provider, back, and how the permission does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from hub.contracts import Misconfigured, Unavailable
from hub.grants import rows
from hub.grants.doctor import examine
from hub.grants.keeper import Connectable, Refusal, connectable
from hub.grants.rows import Grant
from hub.web.keys import SERVICE, SUPERVISOR
from hub.web.pages import connect_words, frame
from hub.web.pages.sources import needs_admin


@dataclass(frozen=True, slots=True)
class Line:
    """One line about a permission; *tone* is "late", "waiting" or "well"."""

    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why somebody is not connected."""

    title: str
    words: str


TONES = {"ok": "well", "note": "waiting", "wrong": "late"}


def lines(request: web.Request, wanted: Connectable, grant: Grant | None) -> list[Line]:
    """What the doctor says of *grant*, in the reader's language."""
    speaks, grants = frame.reader(request), request.app[SERVICE].grants
    unreadable = grants.readable(grant) if grant else ""
    found = examine(wanted, grant, unreadable, datetime.now(UTC))
    return [Line(TONES[finding.grade], connect_words.said(speaks, finding)) for finding in found]


async def permission(request: web.Request) -> web.Response:
    """The page of a source's permission."""
    needs_admin(frame.actor(request))
    return await _page(request, _wanted(request))


async def connect(request: web.Request) -> web.Response:
    """Send an administrator to the provider."""
    who = frame.known(request)
    needs_admin(who.actor)
    wanted = _wanted(request)
    assert who.session is not None, "frame.known sees to it"
    try:
        target = await request.app[SERVICE].grants.begin(wanted.source, who.session.login.id)
    except Misconfigured as verdict:
        wrong = Wrong(frame.reader(request).gettext("The hub cannot keep a permission"), f"{verdict}.")
        return await _page(request, wanted, wrong, 409)
    raise web.HTTPSeeOther(target)


async def came_back(request: web.Request) -> web.Response:
    """Somebody comes back from a provider (RFC 6749, 4.1.2): connected, or told why not."""
    who = frame.known(request)
    needs_admin(who.actor)
    assert who.session is not None, "frame.known sees to it"
    service, query = request.app[SERVICE], request.query
    t = frame.reader(request).gettext
    source = ""
    try:
        grant = await service.grants.finish(
            who.actor, who.session.login.id, query.get("state", ""), query.get("code", ""), query.get("error", "")
        )
    except Refusal as refused:
        source = refused.source
        wrong, status = Wrong(*connect_words.refusal(frame.reader(request), refused)), 422
    except Unavailable as verdict:
        wrong, status = (
            Wrong(t("The provider cannot be asked now"), f"{verdict}. " + t("Connect again in a moment.")),
            503,
        )
    except Misconfigured as verdict:
        wrong, status = Wrong(t("The hub cannot keep a permission"), f"{verdict}."), 409
    else:
        supervisor = request.app[SUPERVISOR]
        if supervisor is not None:
            supervisor.retry(grant.source)
        raise web.HTTPSeeOther(f"/sources/{grant.source}/permission?connected=1")
    return await _page(request, connectable(service.config, source), wrong, status)


async def disconnect(request: web.Request) -> web.Response:
    """Throw a permission away."""
    who = frame.actor(request)
    needs_admin(who)
    wanted = _wanted(request)
    await request.app[SERVICE].grants.forget(who, wanted.source)
    raise web.HTTPSeeOther(f"/sources/{wanted.source}/permission")


def _wanted(request: web.Request) -> Connectable:
    """The source in the path. Raises the 404 for one that is not read by OAuth."""
    wanted = connectable(request.app[SERVICE].config, request.match_info["name"])
    if wanted is None:
        raise web.HTTPNotFound
    return wanted


async def _page(
    request: web.Request, wanted: Connectable | None, wrong: Wrong | None = None, status: int = 200
) -> web.Response:
    grant = await frame.read(request, lambda conn: rows.find(conn, wanted.source)) if wanted else None
    return await frame.page(
        request,
        "sources/connect.html",
        "sources",
        status,
        wanted=wanted,
        grant=grant,
        lines=lines(request, wanted, grant) if wanted else [],
        wrong=wrong,
        connected=grant is not None and request.query.get("connected") == "1",
        redirect_uri=request.app[SERVICE].grants.redirect_uri,
    )
