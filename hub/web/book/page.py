"""One public page: its words, its frame, and which other sites may show it within theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from hub.booking.choosing import Slot
from hub.web import i18n
from hub.web.book import visitor
from hub.web.i18n import Reader
from hub.web.keys import SERVICE
from hub.web.pages import calendar_words, frame

PUBLIC = ("/book/", "/booking/", "/link/")
"""The paths under which nobody is asked who she is."""
KEPT = ("zone", "lang", "embed", "host", "link", "duration", "month", "day")
"""What an address of these pages may say; each page's links carry on what the visitor chose."""


def show(
    request: web.Request,
    template: str,
    reader: Reader,
    status: int = 200,
    *,
    sent: Mapping[str, Any] = MappingProxyType({}),
    **context: Any,
) -> web.Response:
    """The page *template*, as *reader* reads it. *sent* is the form that was sent, where one was."""
    config = request.app[SERVICE].config
    said = {name: value for name in KEPT if (value := str(request.query.get(name) or sent.get(name) or ""))}
    event_type = context.get("type")
    spoken = visitor.languages(request, event_type.languages if event_type else ())

    def here(**changes: Any) -> str:
        """This address with other choices; None takes one away."""
        wanted = {name: str(value) for name, value in (said | changes).items() if value is not None}
        return f"?{urlencode(wanted)}" if wanted else "?"

    def carried(zone: str) -> dict[str, str]:
        """What links and forms to other pages take along: in a form always a zone, in a link the one she chose."""
        chosen = {"zone": zone, "lang": said.get("lang", ""), "embed": said.get("embed", "")}
        return {name: value for name, value in chosen.items() if value}

    response = frame.fragment(
        request,
        f"book/{template}",
        status,
        reader=reader,
        company=config.booking.company,
        here=here,
        said=said,
        asked=lambda name: said.get(name, ""),
        words_of=lambda code: calendar_words.wrong(reader, code),
        fields=carried(reader.timezone),
        along=f"?{urlencode(links)}" if (links := carried(said.get("zone", ""))) else "",
        embedded=request.query.get("embed") == "1",
        sent=sent,
        tags={tag: i18n.NAMES[tag] for tag in spoken},
        zones=visitor.zones(reader.tag),
        zone_names=frozenset(name for name, _ in visitor.zones(reader.tag)),
        zone_name=zone_name(reader),
        **context,
    )
    guard(request, response)
    return response


def guard(request: web.Request, response: web.StreamResponse) -> None:
    """Lets the web sites of the config, and no others, show the page within theirs; no address of a booking is told to
    where its links lead."""
    origins = " ".join(("'self'", *request.app[SERVICE].config.booking.origins))
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        f"frame-ancestors {origins}; form-action 'self'"
    )
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex" if request.path.startswith(("/booking/", "/link/")) else "all"


def answer(document: dict[str, Any], status: int = 200) -> web.Response:
    """*document* as JSON."""
    return web.json_response(document, status=status)


def zone_name(reader: Reader) -> str:
    """The city of the reader's zone and how far it is from UTC now: "Berlin (UTC+1)"."""
    city = dict(visitor.zones(reader.tag)).get(reader.timezone, reader.timezone)
    offset = reader.local(reader.now).strftime("%z")
    hours, minutes = int(offset[:3]), offset[3:5]
    return f"{city} (UTC{hours:+d}{'' if minutes == '00' else f':{minutes}'})"


def told(slots: Sequence[Slot]) -> list[dict[str, Any]]:
    """Slots as JSON."""
    return [
        {"starts_at": each.starts_at.isoformat(), "ends_at": each.ends_at.isoformat(), "seats_left": each.seats_left}
        for each in slots
    ]
