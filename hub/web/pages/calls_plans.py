"""Routing plans: each as a picture, and a form that tries it out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from markupsafe import Markup

from hub.routing.simulate import Trial, simulate
from hub.vocabulary import Heard
from hub.web.api.plans import drawn
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import frame, plan_words
from hub.web.pages.calls import show


@dataclass(frozen=True, slots=True)
class Shown:
    """A plan with its picture and the sources whose calls it answers."""

    name: str
    picture: Markup
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Passed:
    """What a caller would come to."""

    at: datetime
    why: tuple[str, ...]
    does: str
    pressed: str
    unanswered: bool


async def plans(request: web.Request) -> web.Response:
    """Every plan of the config."""
    speaks, service = frame.reader(request), request.app[SERVICE]
    frame.known(request)
    shown = [
        Shown(
            plan.name,
            # Drawn by the hub, which escapes what the config says.
            Markup(drawn(request, plan, speaks)),  # noqa: S704
            tuple(name for name, source in service.config.sources.items() if source.plan == plan.name),
        )
        for plan in service.routing.plans.values()
    ]
    at = speaks.local(speaks.now).strftime("%Y-%m-%dT%H:%M")
    return await show(request, "plans", "calls/_plans.html", plans=shown, at=at)


async def trial(request: web.Request) -> web.Response:
    """What would happen to a call: `caller`, `line`, `at` on the reader's clock, the keys `presses`, and `nobody` where
    nobody picks up. Nothing rings, and nothing is written."""
    frame.known(request)
    speaks, service, t = frame.reader(request), request.app[SERVICE], frame.reader(request).gettext
    plan = service.routing.plans.get(request.match_info["name"])
    if plan is None:
        raise web.HTTPNotFound
    q = request.query
    caller = frame.directory(request).handle(q["caller"]) if q.get("caller", "").strip() else ""
    presses = q.get("presses", "").replace(" ", "")
    wrong = ""
    if caller is None:
        wrong = t("This is no phone number.")
    elif not set(presses) <= set("0123456789*#") or len(presses) > 50:
        wrong = t("Keys are digits, * and #.")
    steps = []
    if not wrong:
        line = next((each for each in service.ours.handles if each == q.get("line")), "")
        wanted = Trial(
            caller=caller or "", line=line, at=_at(speaks, q.get("at", "")), presses=presses, taken="nobody" not in q
        )
        agents = service.config.agents
        steps = [
            Passed(
                each.at,
                tuple(plan_words.reason(speaks, why, agents) for _, why in each.answer.why),
                plan_words.does(speaks, each.answer.step),
                each.digits,
                each.heard is Heard.UNANSWERED,
            )
            for each in await simulate(service.routing, plan, wanted)
        ]
    return frame.fragment(request, "calls/_trial.html", reader=speaks, steps=steps, wrong=wrong)


def _at(speaks: Reader, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=speaks.local(speaks.now).tzinfo)
    except ValueError:
        return speaks.now
