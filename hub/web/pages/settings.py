"""Settings: how I read, how I am told, where I am signed in; and, for administrators, who else may sign in."""

from __future__ import annotations

from zoneinfo import available_timezones

from aiohttp import web
from sqlalchemy import Connection

from hub import accounts
from hub.accounts import Login
from hub.privacy.visibility import Scope
from hub.web import i18n
from hub.web.keys import ACCESS, SERVICE
from hub.web.pages import availability, canned, frame, words
from hub.web.pages.contacts import text


async def settings(request: web.Request) -> web.Response:
    """The page. `saved` says what has just been done."""
    visitor = frame.known(request)
    assert visitor.session is not None
    login = visitor.session.login
    speaks = frame.reader(request)
    admin = visitor.actor.may(Scope.ADMIN)

    def work(conn: Connection) -> list[Login]:
        return accounts.list_logins(conn) if admin else []

    config = request.app[SERVICE].config
    return await frame.page(
        request,
        "settings.html",
        "settings",
        reader=speaks,
        login=login,
        role=words.role(speaks, login.role),
        roles={each: words.role(speaks, each) for each in type(login.role)},
        sessions=await request.app[ACCESS].sessions(login),
        this=visitor.hash,
        logins=await frame.read(request, work),
        agents=config.agents,
        tags={tag: i18n.NAMES[tag] for tag in config.languages if tag in i18n.NAMES},
        hub_zone=config.timezone,
        zones=sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix"))),
        saved=request.query.get("saved", ""),
        browser=browser,
        colleagues=await availability.everybodys(request, speaks),
        absences=await availability.absences(request, speaks),
        **await canned.sections(request),
    )


async def save(request: web.Request) -> web.Response:
    """Language and time zone."""
    visitor = frame.known(request)
    assert visitor.session is not None
    form = await request.post()
    language, zone = text(form, "language"), text(form, "timezone")
    offered = request.app[SERVICE].config.languages
    await request.app[ACCESS].set_preferences(
        visitor.session.login,
        language if language in offered else "",
        zone if zone in available_timezones() else "",
    )
    raise web.HTTPSeeOther("/settings?saved=reading")


async def end_session(request: web.Request) -> web.Response:
    """Sign out at another browser."""
    visitor = frame.known(request)
    assert visitor.session is not None
    hash_ = text(await request.post(), "session")
    await request.app[ACCESS].end(visitor.session.login, hash_)
    raise web.HTTPSeeOther("/login" if hash_ == visitor.hash else "/settings?saved=session")


async def end_others(request: web.Request) -> web.Response:
    """Sign out everywhere but here."""
    visitor = frame.known(request)
    assert visitor.session is not None
    await request.app[ACCESS].end_others(visitor.session.login, visitor.hash)
    raise web.HTTPSeeOther("/settings?saved=session")


def browser(client: str) -> str:
    """A browser's name for people, out of its User-Agent."""
    names = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    systems = {
        "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS": "macOS",
        "CrOS": "ChromeOS", "Linux": "Linux",
    }  # fmt: skip
    name = next((name for mark, name in names.items() if mark in client), client.split("/")[0] or "?")
    system = next((name for mark, name in systems.items() if mark in client), "")
    return f"{name}, {system}" if system else name
