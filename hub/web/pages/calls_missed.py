"""The ledger of missed calls: who called in vain, who calls back, and by when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy import Connection

from hub.calls import missed
from hub.calls.missed import MissedCall
from hub.formats.handles import display
from hub.privacy.visibility import sees
from hub.store.schema import interactions, missed_calls
from hub.vocabulary import Outcome
from hub.web.i18n import Reader
from hub.web.pages import call_words, frame, words
from hub.web.pages.calls import PAGE, show
from hub.web.pages.entries import names
from hub.web.pages.parties import Parties, parties

NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Line:
    """An entry in words. *handle* is the number to call back, "" where it was withheld."""

    id: int
    handle: str
    shown: str
    who: str
    contact_id: int | None
    place: str
    times: int
    at: datetime
    owner: str
    mine: bool
    due: str
    tone: str
    open: bool
    message: bool


async def ledger(request: web.Request) -> web.Response:
    """The open entries by when they are due. `of` is `me` or `nobody`; `state=closed` shows those that are returned."""
    who, agents, speaks = frame.actor(request), frame.agents(request), frame.reader(request)
    state = "closed" if request.query.get("state") == "closed" else "open"
    of = request.query.get("of", "")
    owner = {"me": who.agent, NOBODY: ""}.get(of) if state == "open" else None

    def work(conn: Connection) -> tuple[list[Line], int]:
        found = missed.listed(conn, sees(who) > 0, state=state, owner=owner, limit=PAGE)
        ids = [each.interaction_id for each in found]
        people = parties(conn, ids, agents)
        said = sa.select(interactions.c.id).where(
            interactions.c.id.in_(ids), interactions.c.outcome == Outcome.VOICEMAIL.value
        )
        messages = set(conn.execute(said).scalars())
        names_ = {id: agent.name for id, agent in agents.items()}
        rows = [_line(speaks, each, people[each.interaction_id], names_, who.agent, messages) for each in found]
        late = conn.execute(
            sa.select(sa.func.count())
            .select_from(missed_calls.join(interactions, interactions.c.id == missed_calls.c.interaction_id))
            .where(sees(who) > 0, missed_calls.c.state == "open", missed_calls.c.due_at < speaks.now)
        ).scalar_one()
        return rows, late

    rows, late = await frame.read(request, work)
    return await show(request, "missed", "calls/_missed.html", rows=rows, returned=state == "closed", of=of, late=late)


def _line(
    speaks: Reader, entry: MissedCall, people: Parties, agents: dict[str, str], me: str, messages: set[int]
) -> Line:
    due, tone = call_words.due(speaks, entry)
    other = people.outside
    known = bool(other and other.contact_id)
    return Line(
        id=entry.interaction_id,
        handle=entry.handle,
        shown=display(entry.handle) if entry.handle else "",
        who=other.name if other and known else (names(speaks, people.began) if people.began else ""),
        contact_id=entry.contact_id,
        place="" if known else words.place(speaks, entry.handle),
        times=entry.times,
        at=entry.missed_at,
        owner=agents.get(entry.owner, entry.owner),
        mine=bool(me) and entry.owner == me,
        due=due,
        tone=tone,
        open=entry.state == "open",
        message=entry.interaction_id in messages,
    )
