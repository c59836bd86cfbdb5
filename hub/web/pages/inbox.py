"""The inbox: conversations of all channels beside the one that is open, and who it is with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import Connection

from hub.formats.handles import display
from hub.inbox import listing
from hub.inbox.conversation import current
from hub.inbox.listing import CHANNELS, Box, Page, Sort, State, Wanted
from hub.letters import letters
from hub.letters.post import writer
from hub.letters.states import STUCK
from hub.privacy.visibility import readable
from hub.vocabulary import Agent, Channel, Kind, Level
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import entries, frame, moments, talk, words
from hub.web.pages.contacts import read_place, write_place

PAGE = 50
NAMED = 50
MOST_ROWS = 200
MOST_STUCK = 5

BOXES: Mapping[str, Wanted] = {
    "mine": Wanted(states=(State.OPEN,), box=Box.MINE),
    "unassigned": Wanted(states=(State.OPEN,), box=Box.UNASSIGNED),
    "all": Wanted(states=(State.OPEN,)),
    "mentioned": Wanted(box=Box.MENTIONED),
    "snoozed": Wanted(states=(State.SNOOZED,)),
    "closed": Wanted(states=(State.CLOSED,)),
}
"""The boxes by the word in the address."""

TO_DO = ("mine", "unassigned", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A conversation in two lines."""

    id: int
    channel: Channel
    who: str
    company: str
    unknown: bool
    icon: str
    icon_words: str
    title: str
    preview: str
    at: datetime
    owner: str
    owner_id: str
    state: State
    state_words: str
    unread: bool
    waits: bool
    waiting_since: datetime | None
    waiting_words: str
    waiting_tone: str
    automatic: bool
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the list was asked to show, in the words of its address."""

    box: str
    channel: str
    only: tuple[str, ...]
    answered: bool
    team: str
    sort: str
    q: str

    @property
    def narrow(self) -> bool:
        """Whether filters are set beside the box and the search."""
        return bool(self.channel or self.only or self.answered or self.team or self.sort)

    @property
    def query(self) -> str:
        """It again as a query string, without what is usual."""
        pairs = [("box", self.box), ("channel", self.channel), *(("only", each) for each in self.only)]
        pairs += [("too", "answered" if self.answered else ""), ("team", self.team), ("sort", self.sort), ("q", self.q)]
        return urlencode([(name, value) for name, value in pairs if value])

    def wanted(self, people: tuple[int, ...], after: tuple[datetime, int] | None) -> Wanted:
        """It as the core lists it. A search looks into every box and state."""
        base = Wanted() if self.q else BOXES[self.box]
        if self.answered and self.box in TO_DO and not self.q:
            base = replace(base, states=(State.OPEN, State.WAITING))
        return replace(
            base,
            team=self.team,
            channel=self.channel,
            waiting="waiting" in self.only,
            unknown="unknown" in self.only,
            q=self.q,
            people=people,
            sort=Sort(self.sort or Sort.NEWEST),
            limit=PAGE,
            after=after,
        )


async def inbox(request: web.Request) -> web.Response:
    """The list, and the conversation that the address names."""
    speaks, wanted = frame.reader(request), asked(request)
    who, agents, config = frame.actor(request), frame.agents(request), request.app[SERVICE].config
    shown, after = await _listed(request, speaks, wanted)
    context: dict[str, Any] = {"rows": shown, "after": after, "asked": wanted, "opened": None, "any": True}
    if frame.is_fragment(request) and "after" in request.query:
        return frame.fragment(request, "inbox/_more.html", reader=speaks, **context)
    if not shown:
        context["any"] = bool(await frame.read(request, lambda conn: listing.count(conn, who, Wanted(), 1)))
    if frame.is_fragment(request):
        return frame.fragment(request, "inbox/_list.html", reader=speaks, **context)
    fresh = request.path == "/inbox/new"
    if "id" in request.match_info:
        context["opened"] = await talk.opened(request, speaks, await _current(request))
    elif fresh:
        context["writing"] = await talk.begun(request)
    return await frame.page(
        request,
        "inbox/inbox.html",
        "inbox",
        reader=speaks,
        display=display,
        fresh=fresh,
        writes=frame.may_write(request),
        counts=await frame.read(request, lambda conn: listing.counts(conn, who)),
        stuck=await _stuck(request, speaks),
        teams=[(team.id, team.name) for team in config.teams.values()],
        agents=agents,
        **context,
    )


async def conversation(request: web.Request) -> web.Response:
    """One conversation: a part of the page where the page asks, else the whole page with it open."""
    if not frame.is_fragment(request):
        return await inbox(request)
    speaks = frame.reader(request)
    opened = await talk.opened(request, speaks, await _current(request))
    return frame.fragment(
        request,
        "inbox/_opened.html",
        reader=speaks,
        opened=opened,
        display=display,
        writes=frame.may_write(request),
        agents=frame.agents(request),
    )


async def some_rows(request: web.Request) -> web.Response:
    """The rows of the conversations `ids`, whatever box they are in now: what changed is shown where it stands."""
    speaks, who, agents = frame.reader(request), frame.actor(request), frame.agents(request)
    ids = [found for each in request.query.get("ids", "").split(",")[:MOST_ROWS] if (found := frame.number(each))]

    def work(conn: Connection) -> list[listing.Row]:
        return [row for each in ids if (row := listing.one(conn, who, current(conn, each), agents))]

    shown = rows(speaks, await frame.read(request, work), agents, request)
    return frame.fragment(request, "inbox/_rows.html", reader=speaks, rows=shown, opened=None)


async def times(request: web.Request) -> web.Response:
    """When to come back to something: usual choices in the reader's zone, or what `at`, a local time of hers, means."""
    speaks = frame.reader(request)
    frame.known(request)
    if "at" in request.query:
        found = moments.read(speaks, request.query["at"])
        if found is None:
            raise web.HTTPBadRequest
        return web.json_response(found.document(speaks))
    return web.json_response({"options": [each.document(speaks) for each in moments.choices(speaks)]})


def asked(request: web.Request) -> Asked:
    """What the address asks for; what it cannot mean is left out."""
    query = request.query
    box, channel, sort = query.get("box", ""), query.get("channel", ""), query.get("sort", "")
    return Asked(
        box=box if box in BOXES else "all",
        channel=channel if channel in CHANNELS else "",
        only=tuple(name for name in ("waiting", "unknown") if name in query.getall("only", [])),
        answered=query.get("too") == "answered",
        team=query.get("team", ""),
        sort=sort if sort == Sort.LONGEST_WAITING else "",
        q=query.get("q", "").strip(),
    )


async def _stuck(request: web.Request, speaks: Reader) -> list[talk.Said]:
    """The reader's own letters that wait for her: they failed, or perhaps they did not."""
    service, who = request.app[SERVICE], frame.actor(request)
    if not frame.may_write(request):
        return []
    found = await frame.read(
        request, lambda conn: letters.listed(conn, STUCK, [*service.config.sources], writer(who), MOST_STUCK)
    )
    return [talk.waiting(speaks, letter, {}) for letter in found]


async def _current(request: web.Request) -> int:
    """The conversation that the address leads to, also where that one was merged into another."""
    wanted = frame.record_id(request)
    return await frame.read(request, lambda conn: current(conn, wanted))


async def _listed(request: web.Request, speaks: Reader, wanted: Asked) -> tuple[list[Row], str]:
    who, agents = frame.actor(request), frame.agents(request)
    before = read_place(request.query.get("after", ""))
    people = await named(request, wanted.q)

    def work(conn: Connection) -> Page:
        return listing.page(conn, who, wanted.wanted(people, before), agents)

    found = await frame.read(request, work)
    return rows(speaks, found.rows, agents, request), write_place(found.after) if found.after else ""


async def named(request: web.Request, q: str) -> tuple[int, ...]:
    """The contacts of that name, address or number, for a search among conversations."""
    if not q:
        return ()
    found = await frame.directory(request).search(frame.actor(request), q, limit=NAMED)
    return tuple(each.id for each in found.contacts)


def rows(speaks: Reader, found: Sequence[listing.Row], agents: Mapping[str, Agent], request: web.Request) -> list[Row]:
    """*found* as the list shows it."""
    config = request.app[SERVICE].config
    tones = (config.inbox.amber_hours * 3600, config.inbox.red_hours * 3600)
    return [_row(speaks, each, agents, tones) for each in found]


def _row(speaks: Reader, each: listing.Row, agents: Mapping[str, Agent], tones: tuple[float, float]) -> Row:
    party = each.parties.outside
    owner = agents.get(each.owner)
    since = each.waiting_since if each.state is State.OPEN else None
    waited = (speaks.now - since).total_seconds() if since else 0.0
    return Row(
        id=each.id,
        channel=each.channel,
        who=(party.name if party else "") or _unnamed(speaks, each),
        company=party.company if party else "",
        unknown=party is None or party.contact_id is None,
        icon=words.icon(each.kind, each.channel, each.direction, each.outcome),
        icon_words=words.sort_of(speaks, each.kind, each.channel, each.direction),
        title=_title(speaks, each),
        preview=entries.one_line(each.preview, 160),
        at=each.at,
        owner=owner.name if owner else each.owner,
        owner_id=each.owner,
        state=each.state,
        state_words=_state(speaks, each),
        unread=each.unread,
        waits=since is not None,
        waiting_since=since,
        waiting_words=words.age(speaks, since) if since else "",
        waiting_tone="late" if waited > tones[1] else "waiting" if waited > tones[0] else "",
        automatic=each.automatic,
        place=words.place(speaks, party.handle) if party and party.contact_id is None else "",
    )


def _title(speaks: Reader, each: listing.Row) -> str:
    if each.kind is Kind.CALL:
        ended, _ = words.outcome(speaks, each.direction, each.call_state, each.outcome, each.seconds)
        return speaks.gettext(", ").join((words.sort_of(speaks, each.kind, each.channel, each.direction), ended))
    if each.channel is Channel.EMAIL and not each.title:
        hidden = not readable(each.level, Level.SUBJECT)
        return speaks.gettext("Subject not shared with you") if hidden else speaks.gettext("No subject")
    return each.title


def _unnamed(speaks: Reader, each: listing.Row) -> str:
    return speaks.gettext("Number withheld") if each.kind is Kind.CALL else speaks.gettext("Without a sender")


def _state(speaks: Reader, each: listing.Row) -> str:
    t = speaks.gettext
    if each.state is State.SNOOZED and each.snoozed_until:
        return t("until %s") % moments.short(speaks, each.snoozed_until)
    return {State.CLOSED: t("closed"), State.WAITING: t("waits for them")}.get(each.state, "")
