"""What every page stands in: the templates, the reader's language, the rail, and the calls that ring on arrival."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import jinja2
from aiohttp import web
from sqlalchemy import Connection

from hub.crm.directory import Directory
from hub.formats.handles import display
from hub.privacy.visibility import Actor, Authority, Scope
from hub.vocabulary import Agent
from hub.web import i18n
from hub.web.i18n import Reader
from hub.web.keys import SERVICE, VISITOR
from hub.web.pages import phone_state, rail

if TYPE_CHECKING:
    from hub.web.access import Visitor

T = TypeVar("T")

STATIC = Path(str(files("hub.web"))) / "static"
THEMES = ("light", "dark")


class Asset:
    """The address of a built file, with a hash of its content in it, so that browsers may keep it for ever."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """`/static/<name>?<hash>`; without a hash where the file was not built."""
        if name not in self._known:
            path = self._folder / name
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:10] if path.is_file() else ""
            self._known[name] = f"/static/{name}?{digest}" if digest else f"/static/{name}"
        return self._known[name]


FRAME: web.AppKey[Frame] = web.AppKey("frame")


@dataclass(frozen=True, slots=True)
class Person:
    """Who looks at a page, as the templates see her. *shown* is her name as colleagues know it."""

    id: int
    name: str
    shown: str
    agent: str
    csrf: str
    admin: bool


class Frame:
    """The templates in each language, and the addresses of the built files."""

    def __init__(self) -> None:
        self.asset = Asset(STATIC)
        self._templates = {tag: self._environment(tag) for tag in i18n.TAGS}

    def _environment(self, tag: str) -> jinja2.Environment:
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("hub.web", "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
            extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        )
        environment.policies["ext.i18n.trimmed"] = True
        environment.install_gettext_translations(i18n.catalogue(tag), newstyle=True)  # type: ignore[attr-defined]
        environment.globals["asset"] = self.asset
        environment.filters["initials"] = initials
        environment.filters["address"] = display
        return environment

    def text(self, tag: str, template: str, context: Mapping[str, Any]) -> str:
        """*template* filled in, in the language *tag*."""
        return self._templates[tag].get_template(template).render(context)


@cache
def initials(name: str) -> str:
    """One or two characters for a face: the family name of a Chinese name, first and last letter of others."""
    words = [word for word in name.replace("@", " ").replace(".", " ").split() if word[0].isalnum()]
    if not words:
        return "·"
    if unicodedata.east_asian_width(words[0][0]) == "W":
        return words[0][0]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def known(request: web.Request) -> Visitor:
    """Who is logged in. Sends everybody else to the login page, and back here afterwards."""
    visitor: Visitor | None = request.get(VISITOR)
    if visitor is None or visitor.session is None:
        if is_fragment(request):
            raise web.HTTPUnauthorized(headers={"HX-Refresh": "true"})
        back = "" if request.path == "/" else f"?next={quote(request.path_qs)}"
        raise web.HTTPSeeOther(f"/login{back}")
    return visitor


def actor(request: web.Request) -> Actor:
    """The actor who reads this page."""
    return known(request).actor


def is_fragment(request: web.Request) -> bool:
    """Whether the page asks for a part of itself, and not a browser for a page."""
    return "HX-Request" in request.headers or "X-Fragment" in request.headers


def reader(request: web.Request) -> Reader:
    """The language and the zone of who reads, now."""
    config = request.app[SERVICE].config
    visitor = request.get(VISITOR)
    login = visitor.session.login if visitor and visitor.session else None
    offered = tuple(tag for tag in config.languages if tag in i18n.TAGS) or i18n.TAGS[:1]
    preferred = (login.language if login else "") or request.query.get("lang", "") or request.cookies.get("lang", "")
    tag = i18n.chosen(preferred, request.headers.get("Accept-Language", ""), offered)
    return Reader.at(tag, (login.timezone if login else "") or config.timezone)


async def read(request: web.Request, work: Callable[[Connection], T]) -> T:
    """What *work* reads from the store, in a reader thread."""
    return await request.app[SERVICE].store.read(work)


def person(request: web.Request) -> Person | None:
    """Who looks at the page, None outside of a session."""
    visitor = request.get(VISITOR)
    if visitor is None or visitor.session is None:
        return None
    login = visitor.session.login
    colleague = request.app[SERVICE].config.agents.get(login.agent)
    return Person(
        login.id,
        login.name,
        colleague.name if colleague else login.name,
        login.agent,
        visitor.csrf,
        login.role is Authority.ADMIN,
    )


def fragment(request: web.Request, template: str, status: int = 200, **context: Any) -> web.Response:
    """A part of a page, without its frame."""
    speaks = context.pop("reader", None) or reader(request)
    theme = request.cookies.get("theme", "")
    text = request.app[FRAME].text(
        speaks.tag,
        template,
        {
            "reader": speaks,
            "visitor": person(request),
            "theme": theme if theme in THEMES else "",
            "languages": i18n.NAMES,
            **context,
        },
    )
    return web.Response(
        text=text,
        status=status,
        content_type="text/html",
        headers={"Cache-Control": "no-store", "Vary": "HX-Request, X-Fragment, Cookie, Accept-Language"},
    )


async def page(request: web.Request, template: str, here: str, status: int = 200, **context: Any) -> web.Response:
    """A whole page. *here* is the place in the rail it stands at, "" for none."""
    who = known(request)
    service = request.app[SERVICE]
    speaks = context.pop("reader", None) or reader(request)
    counts = await service.store.read(lambda conn: rail.counts(conn, who.actor))
    return fragment(
        request,
        template,
        status,
        reader=speaks,
        here=here,
        rail=rail.items(speaks, here, counts, admin=who.actor.authority is Authority.ADMIN),
        alerts=counts.bell,
        state=await phone_state.state(service, speaks, who.actor.agent),
        me=await phone_state.standing(service, speaks, who.actor.agent),
        **context,
    )


def writer(request: web.Request) -> Actor:
    """Who changes something. Raises 403 for those who may only read."""
    if not may_write(request):
        raise web.HTTPForbidden
    return actor(request)


def may_write(request: web.Request) -> bool:
    """Whether the reader may change something."""
    who = actor(request)
    return who.may(Scope.WRITE) and who.authority is not Authority.MARKETER


def number(text: str) -> int:
    """A record's id as it came in, 0 for what can be none: ids are 63-bit."""
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return value if value < 1 << 63 else 0


def record_id(request: web.Request) -> int:
    """The id in the path. Raises the 404 for what can be none."""
    found = number(request.match_info["id"])
    if not found:
        raise web.HTTPNotFound
    return found


def directory(request: web.Request) -> Directory:
    """The contacts."""
    return request.app[SERVICE].directory


def agents(request: web.Request) -> Mapping[str, Agent]:
    """The colleagues by id."""
    return request.app[SERVICE].config.agents


def offered(request: web.Request) -> dict[str, str]:
    """The languages one can choose here, each in its own words."""
    return {tag: i18n.NAMES[tag] for tag in request.app[SERVICE].config.languages if tag in i18n.NAMES}
