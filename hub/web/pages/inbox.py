"""The inbox: conversations of all channels beside the one that is open, and who it is with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from hub.crm import records
from hub.crm.records import Card
from hub.formats.handles import display
from hub.inbox.listing import Box
from hub.privacy.visibility import readable
from hub.store.schema import interactions
from hub.timeline import Item, among
from hub.vocabulary import Agent, Channel, Kind, Level
from hub.web.i18n import Reader
from hub.web.pages import conversations, entries, frame, words
from hub.web.pages.contacts import read_place, write_place
from hub.web.pages.conversations import CHANNELS, Conversation, Filter
from hub.web.pages.entries import Entry
from hub.web.pages.parties import Party, names_of, parties

PAGE = 50
LONGEST = 200
NAMED = 50
AMBER_AFTER = 4 * 3600
RED_AFTER = 24 * 3600
"""Seconds after which something that waits turns amber, then red, until a team has its own times."""


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation in two lines."""

    id: int
    who: str
    company: str
    unknown: bool
    icon: str
    icon_words: str
    title: str
    preview: str
    at: datetime
    owner: str
    waits: bool
    waiting_words: str
    waiting_tone: str
    automatic: bool
    place: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The conversation that is open: what was said in it, oldest first, and who the other side is."""

    id: int
    title: str
    channel: Channel
    entries: tuple[Entry, ...]
    earlier: int
    other: Party | None
    card: Card | None
    candidates: tuple[Any, ...]
    place: str


async def inbox(request: web.Request) -> web.Response:
    """The list, and the conversation that the address names."""
    speaks = frame.reader(request)
    wanted = asked(request)
    shown, after = await _listed(request, speaks, wanted)
    if frame.is_fragment(request) and "after" in request.query:
        return frame.fragment(request, "inbox/_more.html", reader=speaks, rows=shown, after=after, asked=wanted)
    opened = None
    if "id" in request.match_info:
        opened = await _opened(request, speaks, frame.record_id(request))
    context: dict[str, Any] = {"rows": shown, "after": after, "asked": wanted, "opened": opened, "display": display}
    if frame.is_fragment(request):
        return frame.fragment(request, "inbox/_list.html", reader=speaks, **context)
    return await frame.page(request, "inbox/inbox.html", "inbox", reader=speaks, **context)


async def conversation(request: web.Request) -> web.Response:
    """One conversation: a part of the page where the page asks, else the whole page with it open."""
    if not frame.is_fragment(request):
        return await inbox(request)
    speaks = frame.reader(request)
    opened = await _opened(request, speaks, frame.record_id(request))
    return frame.fragment(request, "inbox/_opened.html", reader=speaks, opened=opened, display=display)


def asked(request: web.Request) -> dict[str, Any]:
    """What the list was asked to show."""
    channel = request.query.get("channel", "")
    return {
        "channel": channel if channel in CHANNELS else "",
        "only": [name for name in ("waiting", "unknown", "mine") if name in request.query.getall("only", [])],
        "q": request.query.get("q", "").strip(),
    }


async def _listed(request: web.Request, speaks: Reader, wanted: Mapping[str, Any]) -> tuple[list[Row], str]:
    who, agents = frame.actor(request), frame.agents(request)
    before = read_place(request.query.get("after", ""))
    q = wanted["q"]
    people = await named(request, q)

    def work(conn: Connection) -> list[Conversation]:
        return conversations.listing(
            conn,
            who,
            agents,
            Filter(
                channel=wanted["channel"],
                unknown="unknown" in wanted["only"],
                box=Box.MINE if "mine" in wanted["only"] else Box.ALL,
                waiting="waiting" in wanted["only"],
                q=q,
                people=people,
            ),
            PAGE + 1,
            before,
        )

    found = await frame.read(request, work)
    last = found[PAGE - 1] if len(found) > PAGE else None
    return rows(speaks, found[:PAGE], agents), write_place(last.place) if last else ""


async def named(request: web.Request, q: str) -> tuple[int, ...]:
    """The contacts of that name, address or number, for a search among conversations."""
    if not q:
        return ()
    found = await frame.directory(request).search(frame.actor(request), q, limit=NAMED)
    return tuple(each.id for each in found.contacts)


def rows(speaks: Reader, found: Sequence[Conversation], agents: Mapping[str, Agent]) -> list[Row]:
    """*found* as the list shows it."""
    return [_row(speaks, each, agents) for each in found]


def _row(speaks: Reader, each: Conversation, agents: Mapping[str, Agent]) -> Row:
    party = each.parties.outside
    title, preview = each.title, entries.one_line(each.preview, 160)
    if each.kind is Kind.CALL:
        title, _ = words.outcome(speaks, each.direction, each.call_state, each.outcome, each.seconds)
        title = speaks.gettext(", ").join((words.sort_of(speaks, each.kind, each.channel, each.direction), title))
    elif each.channel is Channel.EMAIL and not title:
        hidden = not readable(each.level, Level.SUBJECT)
        title = speaks.gettext("Subject not shared with you") if hidden else speaks.gettext("No subject")
    waited = (speaks.now - each.at).total_seconds()
    tone = "late" if waited > RED_AFTER else "waiting" if waited > AMBER_AFTER else ""
    owner = agents.get(each.owner)
    return Row(
        id=each.id,
        who=(party.name if party else "") or speaks.gettext("Number withheld"),
        company=party.company if party else "",
        unknown=party is None or party.contact_id is None,
        icon=words.icon(each.kind, each.channel, each.direction, each.outcome),
        icon_words=words.sort_of(speaks, each.kind, each.channel, each.direction),
        title=title,
        preview=preview,
        at=each.at,
        owner=owner.name if owner else "",
        waits=each.waits,
        waiting_words=words.age(speaks, each.at) if each.waits else "",
        waiting_tone=tone,
        automatic=each.automatic,
        place=words.place(speaks, party.handle) if party and party.contact_id is None else "",
    )


async def _opened(request: web.Request, speaks: Reader, conversation_id: int) -> Opened:
    who, agents = frame.actor(request), frame.agents(request)

    def work(conn: Connection) -> Opened | None:
        inside = interactions.c.conversation_id == conversation_id
        items: list[Item] = among(conn, who, inside, LONGEST + 1)
        if not items:
            return None
        people = parties(conn, [item.id for item in items], agents)
        names = names_of(agents.values())
        shown = [entries.entry(speaks, item, people[item.id], names) for item in reversed(items[:LONGEST])]
        latest = next((each for each in reversed(shown) if each.parties.outside), shown[-1])
        other = latest.parties.outside
        card = records.card(conn, who, other.contact_id) if other and other.contact_id else None
        return Opened(
            id=conversation_id,
            title=next((item.title for item in reversed(items) if item.title), ""),
            channel=items[0].channel,
            entries=tuple(shown),
            earlier=max(0, len(items) - LONGEST),
            other=other,
            card=card,
            candidates=other.match.candidates[:3] if other and not other.contact_id else (),
            place=words.place(speaks, other.handle) if other else "",
        )

    opened = await frame.read(request, work)
    if opened is None:
        raise web.HTTPNotFound
    return opened
