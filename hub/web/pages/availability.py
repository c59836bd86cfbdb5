"""How colleagues can be reached: the switch of one's own, and the small list of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from hub.availability import Absence, Standing, State
from hub.vocabulary import Agent
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import call_words, frame, moments, phone_state

SAYS = (State.AVAILABLE, State.AWAY, State.DND)


@dataclass(frozen=True, slots=True)
class Colleague:
    """How somebody can be reached, in words. *about* says until when, why, and who stands in."""

    agent: str
    name: str
    words: str
    tone: str
    about: str
    me: bool


async def availability(request: web.Request) -> web.Response:
    """The dialog: what one says of oneself, and everybody's state."""
    who, speaks = frame.actor(request), frame.reader(request)
    everybody = await request.app[SERVICE].availability.everybody()
    mine = everybody.get(who.agent)
    said = next((each for each in SAYS[1:] if mine and each in mine.holds), SAYS[0])
    return frame.fragment(
        request,
        "calls/_standing.html",
        reader=speaks,
        colleagues=colleagues(speaks, everybody, frame.agents(request), who.agent),
        mine=mine,
        said=said,
        says=[(each, call_words.standing(speaks, each)) for each in SAYS],
        times=moments.choices(speaks),
    )


async def everybodys(request: web.Request, speaks: Reader) -> list[Colleague]:
    """How each colleague can be reached, for a page."""
    everybody = await request.app[SERVICE].availability.everybody()
    return colleagues(speaks, everybody, frame.agents(request), frame.actor(request).agent)


def colleagues(
    speaks: Reader, everybody: Mapping[str, Standing], agents: Mapping[str, Agent], me: str
) -> list[Colleague]:
    """*everybody* in words, the reader first."""
    shown = [
        Colleague(
            agent=each.agent,
            name=agents[each.agent].name,
            words=call_words.standing(speaks, each.state),
            tone=call_words.TONES[each.state],
            about=call_words.about(
                speaks, each, agents[each.stand_in].name if each.stand_in in agents else each.stand_in
            ),
            me=each.agent == me,
        )
        for each in everybody.values()
    ]
    return sorted(shown, key=lambda each: not each.me)


@dataclass(frozen=True, slots=True)
class Out:
    """An absence, in words."""

    id: int
    name: str
    when: str
    about: str
    mine: bool


async def absences(request: web.Request, speaks: Reader) -> list[Out]:
    """Who is out of the office, now or later; *mine* may be removed by who looks."""
    agents, me = frame.agents(request), frame.actor(request).agent

    def said(each: Absence) -> Out:
        stand_in = agents[each.stand_in].name if each.stand_in in agents else each.stand_in
        about = [speaks.gettext("%s stands in") % stand_in if stand_in else "", each.note]
        when = f"{moments.short(speaks, each.from_at)} – {moments.short(speaks, each.until_at)}"
        name = agents[each.agent].name if each.agent in agents else each.agent
        return Out(each.id, name, when, " · ".join(part for part in about if part), each.agent == me)

    return [said(each) for each in await request.app[SERVICE].availability.absences()]


async def mine(request: web.Request) -> web.Response:
    """How the reader can be reached, as the frame shows it."""
    speaks = frame.reader(request)
    me = await phone_state.standing(request.app[SERVICE], speaks, frame.actor(request).agent)
    if me is None:
        raise web.HTTPNotFound
    return web.json_response({"state": me.state, "words": me.words, "tone": me.tone})


async def of_colleagues(request: web.Request) -> web.Response:
    """The list alone."""
    speaks = frame.reader(request)
    return frame.fragment(
        request, "calls/_colleagues.html", reader=speaks, colleagues=await everybodys(request, speaks)
    )
