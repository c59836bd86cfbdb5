"""What is said about us: mentions worked like an inbox, beside the queries that found them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from markupsafe import escape

from hub import timeline
from hub.mentions.listing import FEELINGS, STATES, Filter, MentionView
from hub.mentions.queries import Unknown
from hub.privacy.visibility import Actor, Scope
from hub.store.schema import interactions
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import frame, talk
from hub.web.pages.contacts import read_place, write_place
from hub.web.pages.talk import Opened, Said
from hub.web.pages.texting import texting
from hub.web.pages.writing import NOTHING, Writing

PAGE = 50
DAYS = (1, 7, 30, 90)
AROUND = 60
"""So many characters of a post stand before its first match in the list."""

SHOWN = 220

LANGUAGES = (
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hu", "id", "it", "ja", "ko", "nb", "nl",
    "pl", "pt", "ro", "ru", "sk", "sv", "th", "tr", "uk", "vi", "zh",
)  # fmt: skip
"""Languages that one chooses among; a post may be in another."""

Piece = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Row:
    """A mention in the list: its words in pieces, those that matched marked."""

    view: MentionView
    words: tuple[Piece, ...]


def pieces(text: str, spans: Sequence[tuple[int, int]]) -> tuple[Piece, ...]:
    """*text* cut at *spans* (code points): what lies within one is marked."""
    found: list[Piece] = []
    at = 0
    for start, end in sorted(spans):
        start, end = max(start, at), min(end, len(text))
        if start >= end:
            continue
        if start > at:
            found.append((text[at:start], False))
        found.append((text[start:end], True))
        at = end
    if at < len(text):
        found.append((text[at:], False))
    return tuple(found)


def spans_of(view: MentionView, field: str) -> list[tuple[int, int]]:
    """Where the queries that still stand matched within *field*."""
    return [(start, end) for why in view.why if why.stands for name, start, end in why.spans if name == field]


def around(text: str, spans: Sequence[tuple[int, int]]) -> tuple[Piece, ...]:
    """The part of *text* about its first match, in pieces."""
    begin = max(0, min((start for start, _ in spans), default=0) - AROUND)
    begin = 0 if begin < AROUND // 2 else begin
    cut = text[begin : begin + SHOWN]
    found = pieces(cut, [(start - begin, end - begin) for start, end in spans if start >= begin])
    return (("…", False), *found) if begin else found


def may_work(request: web.Request) -> bool:
    """Whether the reader may change something here: posts are public, so that marketers work on them too."""
    return frame.actor(request).may(Scope.WRITE)


def worker(request: web.Request) -> Actor:
    """Who changes something here. Raises 403 for those who may only read."""
    if not may_work(request):
        raise web.HTTPForbidden
    return frame.actor(request)


def outside(url: str) -> str:
    """*url* where a browser may be led to it, else ""."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def feelings(speaks: Reader) -> dict[str, tuple[str, str, str]]:
    """Sign, word and tone of each feeling."""
    t = speaks.gettext
    return {
        "positive": ("▲", t("positive"), "well"),
        "neutral": ("●", t("neutral"), ""),
        "negative": ("▼", t("negative"), "late"),
        "unclear": ("?", t("unclear"), ""),
    }


def states(speaks: Reader) -> dict[str, str]:
    """The states of a mention, in words."""
    t = speaks.gettext
    return dict(zip(STATES, (t("New"), t("Seen"), t("Done"), t("Irrelevant")), strict=True))


def languages(speaks: Reader) -> dict[str, str]:
    """The languages that are told apart, by tag, each by its name in the reader's."""
    named = {tag: speaks.locale.languages.get(tag.replace("-", "_"), tag) for tag in LANGUAGES}
    return dict(sorted(named.items(), key=lambda each: each[1].casefold()))


def asked(request: web.Request) -> dict[str, str]:
    """The filters in the address, those that mean something."""
    given = {name: request.query.get(name, "").strip()[:200] for name in _NAMES}
    given["query"] = str(frame.number(given["query"]) or "")
    for name, known in (("state", STATES), ("sentiment", FEELINGS), ("days", [str(day) for day in DAYS])):
        if given[name] not in known:
            given[name] = ""
    given["addressed"] = "yes" if given["addressed"] == "yes" else ""
    return {name: value for name, value in given.items() if value}


_NAMES = ("query", "state", "sentiment", "language", "source", "owner", "q", "days", "addressed")


def which(given: dict[str, str], speaks: Reader) -> Filter:
    """The filters as the desk wants them."""
    values: dict[str, Any] = {name: value for name, value in given.items() if name not in ("query", "days")}
    if "addressed" in given:
        values["addressed"] = True
    if "query" in given:
        values["query"] = int(given["query"])
    if "days" in given:
        values["since"] = speaks.now - timedelta(days=int(given["days"]))
    return Filter(**values)


async def mentions(request: web.Request) -> web.Response:
    """The mentions that the address asks for, newest first; the list alone where the page asks for it anew."""
    listed = await _list(request)
    if frame.is_fragment(request):
        return frame.fragment(request, "watch/_rows.html", **listed)
    return await _page(request, listed, None)


async def mention(request: web.Request) -> web.Response:
    """One mention beside its list; alone where the page asks for it."""
    try:
        view = await request.app[SERVICE].watch.mention(frame.actor(request), frame.record_id(request))
    except Unknown as error:
        raise web.HTTPNotFound from error
    if frame.is_fragment(request):
        return frame.fragment(request, "watch/_post.html", **await _opened(request, view))
    return await _page(request, await _list(request), view)


async def proposals(request: web.Request) -> web.Response:
    """How the queries that found a mention could leave out its like."""
    actor = worker(request)
    watch = request.app[SERVICE].watch
    try:
        found = await watch.proposals(actor, frame.record_id(request))
        kept = {each.id: each for each in await watch.queries()}
    except Unknown as error:
        raise web.HTTPNotFound from error
    offers = [(kept[query], each) for query, each in found if query in kept]
    return frame.fragment(request, "watch/_proposals.html", offers=offers[:5])


async def _list(request: web.Request) -> dict[str, Any]:
    speaks, given = frame.reader(request), asked(request)
    beyond = read_place(request.query.get("after", ""))
    page = await request.app[SERVICE].watch.listed(frame.actor(request), which(given, speaks), PAGE, beyond)
    rows = [Row(view, around(view.text or view.title, _spans(view))) for view in page.items]
    more = urlencode({**given, "after": write_place(page.next)}) if page.next else ""
    return {
        "reader": speaks,
        "rows": rows,
        "more": more,
        "beyond": beyond is not None,
        "given": {name: given.get(name, "") for name in _NAMES},
        "rest": urlencode(given),
        "feelings": feelings(speaks),
        "states": states(speaks),
        "agents": frame.agents(request),
        "languages": languages(speaks),
        "writes": may_work(request),
    }


def _spans(view: MentionView) -> list[tuple[int, int]]:
    return spans_of(view, "text" if view.text else "title")


async def _opened(request: web.Request, view: MentionView) -> dict[str, Any]:
    speaks = frame.reader(request)
    opened = await talk.opened(request, speaks, view.conversation_id)
    return {
        "opened": opened,
        "said_since": await _since(request, opened, view),
        "writing": await _writing(request, speaks, view),
        "reader": speaks,
        "view": view,
        "title": pieces(view.title, spans_of(view, "title")),
        "words": pieces(view.text, spans_of(view, "text")),
        "outside": outside,
        "feelings": feelings(speaks),
        "states": states(speaks),
        "agents": frame.agents(request),
        "languages": languages(speaks),
        "writes": may_work(request),
        "rest": urlencode(asked(request)),
    }


async def _since(request: web.Request, opened: Opened, view: MentionView) -> list[Said]:
    """What was answered below a post, and noted: words in bubbles, as they were said."""
    since = [each for each in opened.stream if each.entry is None or each.entry.id != view.id]
    ids = [each.entry.id for each in since if each.entry]
    wanted = interactions.c.id.in_(ids)
    items = await frame.read(request, lambda conn: timeline.among(conn, frame.actor(request), wanted, len(ids) + 1))
    texts = {item.id: getattr(item.facts, "text", "") or "" for item in items}
    return [
        replace(each, kind="text", text=escape(texts.get(each.entry.id, ""))) if each.entry else each for each in since
    ]


async def _writing(request: web.Request, speaks: Reader, view: MentionView) -> Writing:
    """What an answer begins with, as in the inbox; nothing where the source only reads or the post is gone."""
    if view.deleted or not may_work(request):
        return NOTHING
    return await texting(request.app[SERVICE], frame.actor(request), speaks, view.conversation_id)


async def _page(request: web.Request, listed: dict[str, Any], view: MentionView | None) -> web.Response:
    service = request.app[SERVICE]
    episodes = {each.query_id: each for each in await service.watch.episodes() if each.ended_at is None}
    context = {**listed, **(await _opened(request, view) if view else {"view": None})}
    return await frame.page(
        request,
        "watch/watch.html",
        "watch",
        queries=await service.watch.queries(),
        episodes=episodes,
        days=DAYS,
        sources=sorted(service.config.sources),
        export=_export(request, listed["reader"]),
        **context,
    )


def _export(request: web.Request, speaks: Reader) -> str:
    """The filters as the API has them."""
    given = asked(request)
    since = which(given, speaks).since
    return urlencode({**{name: value for name, value in given.items() if name != "days"}, **_from(since)})


def _from(since: datetime | None) -> dict[str, str]:
    return {"from": since.isoformat()} if since else {}
