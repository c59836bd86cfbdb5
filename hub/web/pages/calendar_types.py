"""Event types: what can be booked, how it is passed on, and the form that makes and changes one."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from aiohttp import web

from hub.booking.catalogue import Listed
from hub.booking.types import Assign, EventType
from hub.config import Config
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import calendar_words, frame
from hub.web.pages.calendar import show

EMPTY = EventType.model_construct(title="", hosts=())


@dataclass(frozen=True, slots=True)
class Shown:
    """An event type in words. *around_the_clock* are the names of hosts without working hours."""

    slug: str
    type: EventType
    url: str
    in_file: bool
    hosts: str
    lengths: str
    around_the_clock: str
    embeds: tuple[tuple[str, str], ...]


def assignments(speaks: Reader) -> list[tuple[str, str]]:
    """Who of the hosts takes it, in words."""
    t = speaks.gettext
    return [
        (Assign.ONE, t("the one host")),
        (Assign.ROUND_ROBIN, t("one host in turn")),
        (Assign.COLLECTIVE, t("all hosts together")),
        (Assign.FIXED_AND_ROTATING, t("some always, one of the others in turn")),
    ]


def places(speaks: Reader) -> list[tuple[str, str]]:
    """Where it takes place, in words."""
    t = speaks.gettext
    return [
        ("we-call", t("we call her")),
        ("you-call", t("she calls our number")),
        ("video", t("a video link")),
        ("address", t("an address")),
        ("ask", t("she says where")),
    ]


def without_hours(config: Config, event_type: EventType) -> list[str]:
    """The hosts whose working hours nobody wrote down: they can be booked around the clock."""
    if event_type.hours:
        return []
    return [host for host in event_type.hosts if host in config.agents and not config.agents[host].hours]


async def types(request: web.Request) -> web.Response:
    """All that can be booked."""
    service, speaks = request.app[SERVICE], frame.reader(request)
    found = [_shown(speaks, service.config, each) for each in await service.event_types.listed()]
    return await show(request, "types", "calendar/_types.html", types=found)


async def edit(request: web.Request) -> web.Response:
    """The form of one event type; an empty one where the address names none."""
    frame.writer(request)
    service, speaks = request.app[SERVICE], frame.reader(request)
    slug = request.match_info.get("slug", "")
    listed = next((each for each in await service.event_types.listed() if each.slug == slug), None)
    if slug and (listed is None or listed.in_file):
        raise web.HTTPNotFound
    spec = listed.event_type if listed else EMPTY
    document = orjson.loads(spec.model_dump_json(exclude_defaults=True)) if listed else {}
    return await show(
        request,
        "types",
        "calendar/_type.html",
        slug=slug,
        version=listed.version if listed else 0,
        type=spec,
        document=document,
        assignments=assignments(speaks),
        places=places(speaks),
        hours=list(service.config.telephony.hours),
        teams=list(service.config.teams.values()),
        public=service.config.public_url,
        host=frame.actor(request).agent,
    )


def _shown(speaks: Reader, config: Config, each: Listed) -> Shown:
    url = f"{config.public_url}/book/{each.slug}"
    script = f"{config.public_url}/book/embed.js"
    t = speaks.gettext
    embeds = (
        (t("Within the page"), f'<script src="{script}" data-book="{each.slug}"></script>'),
        (t("A button"), f'<script src="{script}" data-book="{each.slug}" data-show="button"></script>'),
        (t("A link of yours"), f'<script src="{script}"></script><a href="{url}" data-book-popup>{t("Book")}</a>'),
    )
    agents = config.agents
    return Shown(
        slug=each.slug,
        type=each.event_type,
        url=url,
        in_file=each.in_file,
        hosts=", ".join(calendar_words.name_of(agents, host) for host in each.event_type.hosts),
        lengths=" / ".join(speaks.lasting(minutes * 60) for minutes in each.event_type.durations),
        around_the_clock=", ".join(
            calendar_words.name_of(agents, host) for host in without_hours(config, each.event_type)
        ),
        embeds=embeds,
    )
