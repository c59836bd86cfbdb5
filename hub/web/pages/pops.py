"""The caller's card: what stands in a screen pop below who it is, and saying who it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from hub.calls import card as caller_card
from hub.calls.card import CallerCard
from hub.crm.records import Card, Conflict, Draft, Strength, Unknown
from hub.dialing.dials import of_agent
from hub.formats.handles import display
from hub.timeline import Item
from hub.vocabulary import Agent, Call, Match
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import call_words, contacts, frame, words
from hub.web.pages.contacts import Stream, text
from hub.web.pages.parties import names_of

LATEST = 5


@dataclass(frozen=True, slots=True)
class Caller:
    """Everything the card shows. *why* says of each candidate why we think so, *owner* whose customer calls ("" where
    nobody's), *passed_by* which colleague passes the call on; *records* whether the line may be recorded, *state* what
    the call does, *dial* the wish that placed it where we called."""

    id: str
    interaction_id: str
    handle: str
    shown: str
    place: str
    match: Match
    why: tuple[str, ...]
    card: CallerCard
    stream: Stream | None
    line: str
    queue: str
    owner: str
    passed_by: str
    also: tuple[str, ...]
    answered_at: datetime | None
    records: str
    state: str
    dial: str

    @property
    def chosen(self) -> Card | None:
        """The contact, with what is open with her."""
        return self.card.chosen


async def card(request: web.Request) -> web.Response:
    """The card of one of the reader's own pops. `contact` shows that candidate's."""
    return await _card(request, request.query.get("contact", ""))


async def _card(
    request: web.Request, contact: str = "", wrong: str = "", status: int = 200, **given: Any
) -> web.Response:
    who, agents, speaks = frame.actor(request), frame.agents(request), frame.reader(request)
    service, pop = request.app[SERVICE], await _pop(request)
    began = datetime.fromisoformat(pop["since"])

    def work(conn: Connection) -> Caller:
        interaction_id, chosen_id = int(pop["interaction"]), frame.number(contact) or None
        card = caller_card.card(conn, who, interaction_id, pop["handle"], contact_id=chosen_id, before=began)
        found = card.match
        latest = contacts.lines(conn, speaks, agents, card.latest, LATEST) if card.latest or card.chosen else None
        call = card.call
        return Caller(
            id=pop["id"],
            interaction_id=pop["interaction"],
            handle=pop["handle"],
            shown=display(pop["handle"]) if pop["handle"] else "",
            place=words.place(speaks, pop["handle"]),
            match=found,
            why=tuple(
                words.because(speaks, pop["handle"], each.name, each.reasons)
                if found.sure or (card.chosen and each.contact_id == card.chosen.contact.id)
                else words.learned(speaks, each.reasons)
                for each in found.candidates
            ),
            card=card,
            stream=latest,
            line=_line(request, pop["line"]),
            queue=pop["queue"],
            owner=_owner(card, pop, agents, who.agent),
            passed_by=(pop["from_agent"] or {}).get("name", ""),
            also=tuple(agents[each].name if each in agents else each for each in card.also),
            answered_at=_talks_since(pop, call),
            records=service.config.telephony.line(pop["line"]).record.value,
            state=call.facts.state.value if call and isinstance(call.facts, Call) and call.facts.state else "",
            dial=next(
                (str(each.id) for each in of_agent(conn, who.agent, 5) if each.interaction == interaction_id), ""
            ),
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


def _owner(card: CallerCard, pop: dict[str, Any], agents: Mapping[str, Agent], reader: str) -> str:
    """Whose customer it is, where that is a colleague: she may want it passed on."""
    owner = (pop["for"] or {}).get("id") or (card.chosen.contact.owner if card.chosen else "")
    return agents[owner].name if owner in agents and owner != reader else ""


def _talks_since(pop: dict[str, Any], call: Item | None) -> datetime | None:
    if pop["talking"]:
        return datetime.fromisoformat(pop["talking"])
    return call.facts.answered_at if call and isinstance(call.facts, Call) else None


def _chips(speaks: Reader, caller: Caller) -> list[Chip]:
    """At most four: what is late, calls that nobody returned, the open deal, the open case, and the last time we had
    to do with each other."""
    t, card = speaks.gettext, caller.card
    chips = []
    for task in card.promised[:1]:
        said, tone = call_words.promised(speaks, task.due_at)
        chips.append(Chip("check", " · ".join(part for part in (said, task.title) if part), tone))
    if card.missed:
        late = any(each.overdue(speaks.now) for each in card.missed)
        said = speaks.ngettext("called once in vain", "called %d times in vain", len(card.missed))
        chips.append(Chip("call-missed", said % len(card.missed) if "%d" in said else said, "late" if late else ""))
    for deal in [each for each in card.chosen.deals if each.open][:1] if card.chosen else ():
        amount = speaks.money(deal.amount, deal.currency) if deal.amount is not None else ""
        chips.append(Chip("deal", " · ".join(part for part in (amount, deal.stage, deal.title) if part), ""))
    for case in [each for each in card.chosen.cases if each.open][:1] if card.chosen else ():
        urgent = case.urgency.lower() in ("high", "urgent")
        said = t("%(title)s, open for %(time)s") % {"title": case.title, "time": words.age(speaks, case.opened_at)}
        chips.append(Chip("case", said, "late" if urgent else "waiting"))
    if caller.stream and caller.stream.days:
        last = caller.stream.days[0].threads[0].shown[0]
        said = t(", ").join((last.sort, speaks.ago(last.at)))
        chips.append(Chip(last.icon, said, last.tone if last.tone == "late" else ""))
    elif card.chosen:
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
