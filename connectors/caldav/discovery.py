"""Which calendars there are (RFC 6764, RFC 4791, 6.2.1 and 7.1), and which of them are meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import hub
from connectors.caldav.multistatus import CALDAV, CALENDAR_SERVER, DAV, Response
from connectors.caldav.server import Elsewhere, Server
from connectors.caldav.settings import CaldavSettings

PRINCIPAL = f"{DAV}current-user-principal"
HOME = f"{CALDAV}calendar-home-set"

_PROPFIND = (
    '<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
    ' xmlns:CS="http://calendarserver.org/ns/"><D:prop>%s</D:prop></D:propfind>'
)
_WHO = _PROPFIND % "<D:resourcetype/><D:current-user-principal/><C:calendar-home-set/>"
_WHAT = _PROPFIND % (
    "<D:resourcetype/><D:displayname/><D:sync-token/><CS:getctag/><D:supported-report-set/>"
    "<C:supported-calendar-component-set/><C:schedule-calendar-transp/>"
)
ETAGS = _PROPFIND % "<D:resourcetype/><D:getetag/>"

_NOTHING_THERE = (400, 403, 404, 405, 410, 501)


@dataclass(frozen=True, slots=True)
class Found:
    """A calendar as the server lists it. *path* is its address, *sync_token* and *ctag* change with what it holds, each
    "" where the server has none. *events*: it takes events. *free*: its owner shows it as taking no time."""

    path: str
    name: str
    sync_token: str = ""
    ctag: str = ""
    events: bool = True
    free: bool = False


@dataclass(frozen=True, slots=True)
class Homes:
    """Where a person's calendars lie: the folders that hold them, or the one calendar that the settings name."""

    folders: tuple[str, ...] = ()
    calendar: str = ""


async def find(server: Server, settings: CaldavSettings) -> Homes:
    """Follows the addresses from `url` to the person's calendars. Raises `Misconfigured` where they lead nowhere."""
    begins = [settings.path, "/.well-known/caldav", "/"] if settings.path.strip("/") else ["/.well-known/caldav", "/"]
    forbidden, said = False, ""
    for begin in begins:
        try:
            status, found = await _about(server, begin)
            forbidden = forbidden or status == 403
            if found is None:
                continue
            if found.holds(f"{DAV}resourcetype", f"{CALDAV}calendar"):
                return Homes(calendar=_folder(server.path(found.href, begin)))
            if not found.hrefs(HOME):
                for principal in found.hrefs(PRINCIPAL):
                    found = (await _about(server, server.path(principal, begin)))[1] or found
            if homes := found.hrefs(HOME):
                return Homes(tuple(dict.fromkeys(_folder(server.path(each, begin)) for each in homes)))
        except hub.Unsupported as verdict:
            said = f" ({verdict})"
    if forbidden:
        raise hub.Rejected(f"{server.host} does not let sources.{server.source}.username see any calendar")
    raise hub.Misconfigured(
        f"no calendars are found at {server.host}{said}; check sources.{server.source}.url, or write the address of the"
        " calendar itself"
    )


async def listed(server: Server, homes: Homes) -> list[Found]:
    """Every calendar there is now, with what tells whether it changed."""
    paths = [(path, 1) for path in homes.folders] or [(homes.calendar, 0)]
    found: dict[str, Found] = {}
    for path, depth in paths:
        try:
            _, listing = await server.report("PROPFIND", path, _WHAT, depth=depth)
        except hub.Unsupported as verdict:
            raise hub.Misconfigured(
                f"the calendars cannot be listed: {verdict}; check sources.{server.source}.url"
            ) from None
        for response in listing.responses:
            if (calendar := _calendar(server, response)) is not None:
                found[calendar.path] = calendar
    return list(found.values())


async def look(server: Server, path: str) -> Found | None:
    """The calendar at *path*, whether or not it is listed; None where there is none, or none for us."""
    answer, listing = await server.report("PROPFIND", path, _WHAT, depth=0, accept=_NOTHING_THERE)
    if answer.status in _NOTHING_THERE or not listing.responses:
        return None
    return _calendar(server, listing.responses[0])


def choose(found: Sequence[Found], settings: CaldavSettings, server: Server) -> list[Found]:
    """The calendars to read: those that `calendars` names, or all that hold events and take their owner's time; and in
    any case the one that is written into. Raises `Misconfigured` for a name that none has."""
    if settings.calendars:
        chosen = [each for name in settings.calendars for each in _named(found, name, "calendars", server)]
    else:
        chosen = [each for each in found if each.events and not each.free]
    if settings.write_to:
        chosen.append(meant(found, settings, server))
    if not chosen:
        raise hub.Misconfigured(f"{server.host} has no calendar with events for sources.{server.source}")
    return list({each.path: each for each in chosen}.values())


def meant(found: Sequence[Found], settings: CaldavSettings, server: Server) -> Found:
    """The calendar that bookings go into. Raises `Misconfigured`."""
    named = _named(found, settings.write_to, "write_to", server)
    if len(named) > 1:
        raise hub.Misconfigured(
            f'several calendars are called "{settings.write_to}"; write the address of the right one as'
            f" sources.{server.source}.write_to: {_list(each.path for each in named)}"
        )
    return named[0]


def _named(found: Sequence[Found], name: str, key: str, server: Server) -> list[Found]:
    meant = [each for each in found if each.name == name]
    if not meant:
        try:
            path = _folder(server.path(name))
        except Elsewhere:
            path = ""
        meant = [each for each in found if path == each.path or unquote(each.path).split("/")[-2] == name]
    if not meant:
        raise hub.Misconfigured(
            f'{server.host} has no calendar "{name}", which sources.{server.source}.{key} names; there are:'
            f" {_list(each.name or each.path for each in found) or 'none'}"
        )
    return meant


async def _about(server: Server, path: str) -> tuple[int, Response | None]:
    answer, found = await server.report("PROPFIND", path, _WHO, depth=0, accept=_NOTHING_THERE, redirects=True)
    return answer.status, found.responses[0] if found.responses else None


def _calendar(server: Server, response: Response) -> Found | None:
    if not response.holds(f"{DAV}resourcetype", f"{CALDAV}calendar"):
        return None
    try:
        path = _folder(server.path(response.href))
    except Elsewhere:
        return None
    kinds = response.properties.get(f"{CALDAV}supported-calendar-component-set")
    named = {each.get("name", "").upper() for each in kinds.iter(f"{CALDAV}comp")} if kinds is not None else set()
    syncs = response.holds(f"{DAV}supported-report-set", f"{DAV}sync-collection")
    return Found(
        path,
        response.text(f"{DAV}displayname"),
        sync_token=response.text(f"{DAV}sync-token") if syncs else "",
        ctag=response.text(f"{CALENDAR_SERVER}getctag"),
        events=not named or "VEVENT" in named,
        free=response.holds(f"{CALDAV}schedule-calendar-transp", f"{CALDAV}transparent"),
    )


def _folder(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:20])
