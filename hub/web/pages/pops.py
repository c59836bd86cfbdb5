"""The caller's card: what stands in a screen pop below who it is, and saying who it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy import Connection

from hub.crm import records
from hub.crm.records import Card, Conflict, Draft, Strength, Unknown
from hub.formats.handles import display
from hub.match import match
from hub.store.schema import pops
from hub.timeline import Wanted, one
from hub.vocabulary import Call, Match
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import contacts, frame, words
from hub.web.pages.contacts import Stream, text
from hub.web.pages.parties import names_of

LATEST = 5


@dataclass(frozen=True, slots=True)
class Caller:
    """Everything the card shows. *chosen* is the contact where it is sure, *why* says why we think so."""

    id: str
    interaction_id: str
    handle: str
    shown: str
    place: str
    match: Match
    why: tuple[str, ...]
    chosen: Card | None
    stream: Stream | None
    line: str
    also: tuple[str, ...]
    answered_at: datetime | None


async def card(request: web.Request) -> web.Response:
    """The card of one of the reader's own pops. `contact` shows that candidate's."""
    return await _card(request, request.query.get("contact", ""))


async def _card(
    request: web.Request, contact: str = "", wrong: str = "", status: int = 200, **given: Any
) -> web.Response:
    who, agents, speaks = frame.actor(request), frame.agents(request), frame.reader(request)
    pop = await _pop(request)
    began = datetime.fromisoformat(pop["since"])

    def work(conn: Connection) -> Caller:
        found = match(conn, [pop["handle"]]).get(pop["handle"], Match(pop["handle"]))
        allowed = {str(each.contact_id) for each in found.candidates}
        wanted = contact if contact in allowed else (str(found.sure.contact_id) if found.sure else "")
        chosen = records.card(conn, who, int(wanted)) if wanted else None
        stream = (
            contacts.stream(
                conn,
                speaks,
                who,
                agents,
                chosen.contact.id,
                Wanted(before=began),
                None,
                LATEST,
            )
            if chosen
            else None
        )
        call = one(conn, who, int(pop["interaction"]))
        rung = conn.execute(
            sa.select(pops.c.agent).where(
                pops.c.interaction_id == int(pop["interaction"]), pops.c.agent != who.agent, pops.c.state == "ringing"
            )
        ).scalars()
        return Caller(
            id=pop["id"],
            interaction_id=pop["interaction"],
            handle=pop["handle"],
            shown=display(pop["handle"]) if pop["handle"] else "",
            place=words.place(speaks, pop["handle"]),
            match=found,
            why=tuple(
                words.because(speaks, pop["handle"], each.name, each.reasons)
                if found.sure or str(each.contact_id) == wanted
                else words.learned(speaks, each.reasons)
                for each in found.candidates
            ),
            chosen=chosen,
            stream=stream,
            line=_line(request, pop["line"]),
            also=tuple(agents[each].name if each in agents else each for each in rung),
            answered_at=call.facts.answered_at if call and isinstance(call.facts, Call) else None,
        )

    caller = await frame.read(request, work)
    return frame.fragment(
        request,
        "pop/card.html",
        status,
        reader=speaks,
        it=caller,
        wrong=wrong,
        given=given,
        chips=_chips(speaks, caller),
    )


def _line(request: web.Request, line: str) -> str:
    """Which of our numbers: the source's name where it has only this one, else the number."""
    if not line:
        return ""
    config = request.app[SERVICE].config
    named = names_of(config.agents.values()).get(line)
    source = next((source.name for source in config.sources.values() if line in source.ours), "")
    return f"{named or source} · {display(line)}" if named or source else display(line)


@dataclass(frozen=True, slots=True)
class Chip:
    """One thing that matters now."""

    icon: str
    words: str
    tone: str


def _chips(speaks: Reader, caller: Caller) -> list[Chip]:
    """At most four: the open deal, the open case, and the last time we had to do with each other."""
    if caller.chosen is None:
        return []
    t = speaks.gettext
    chips = []
    for deal in [each for each in caller.chosen.deals if each.open][:1]:
        amount = speaks.money(deal.amount, deal.currency) if deal.amount is not None else ""
        chips.append(Chip("deal", " · ".join(part for part in (amount, deal.stage, deal.title) if part), ""))
    for case in [each for each in caller.chosen.cases if each.open][:1]:
        urgent = case.urgency.lower() in ("high", "urgent")
        said = t("%(title)s, open for %(time)s") % {"title": case.title, "time": words.age(speaks, case.opened_at)}
        chips.append(Chip("case", said, "late" if urgent else "waiting"))
    if caller.stream and caller.stream.days:
        last = caller.stream.days[0].threads[0].shown[0]
        said = t(", ").join((last.sort, speaks.ago(last.at)))
        chips.append(Chip(last.icon, said, last.tone if last.tone == "late" else ""))
    elif caller.stream:
        chips.append(Chip("clock", t("First contact"), ""))
    return chips[:4]


async def _pop(request: web.Request) -> dict[str, Any]:
    """One of the reader's own pops; 404 for everybody else's."""
    agent = frame.actor(request).agent
    pop = await request.app[SERVICE].pops.one(frame.record_id(request), agent) if agent else None
    if pop is None:
        raise web.HTTPNotFound
    return pop


async def who(request: web.Request) -> web.Response:
    """Say who calls, in one step: one of the candidates or another contact (`contact`), or a new one (`name`)."""
    writer, directory = frame.writer(request), frame.directory(request)
    pop = await _pop(request)
    form = await request.post()
    t = frame.reader(request).gettext
    handle = pop["handle"]
    given = {"name": text(form, "name"), "company": text(form, "company")}
    try:
        if contact_id := frame.number(text(form, "contact")):
            if any(each["contact"]["id"] == str(contact_id) for each in pop["candidates"]):
                await directory.confirm(writer, int(pop["interaction"]), contact_id, handle)
            else:
                await directory.link(writer, contact_id, handle)
        elif given["name"]:
            draft = Draft(name=given["name"], company=given["company"], handles=((handle, Strength.PERSONAL),))
            contact_id = (await directory.create(writer, draft)).id
        else:
            return await _card(request, "", t("A contact needs a name."), 422, **given)
    except Conflict as error:
        return await _card(request, "", contacts.clash(t, error.clashes[0]), 422, **given)
    except Unknown as error:
        raise web.HTTPNotFound from error
    return await _card(request, str(contact_id))


async def dismiss(request: web.Request) -> web.Response:
    """Clear a pop from all of this agent's screens."""
    agent = frame.actor(request).agent
    await request.app[SERVICE].pops.dismiss(frame.record_id(request), agent)
    return web.Response(status=204)
