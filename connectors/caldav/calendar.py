"""Writing bookings into one calendar, and asking at this moment when somebody is busy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

import hub
from connectors.caldav import objects
from connectors.caldav.discovery import Found, Homes, choose, find, listed, meant
from connectors.caldav.multistatus import CALDAV, says
from connectors.caldav.server import Server
from connectors.caldav.settings import CaldavSettings
from hub.formats import ics
from hub.http import Answer

logger = logging.getLogger(__name__)

_REFUSED = (
    "valid-calendar-data",
    "valid-calendar-object-resource",
    "supported-calendar-component",
    "max-resource-size",
    "min-date-time",
    "max-date-time",
    "max-instances",
    "max-attendees-per-instance",
    "same-organizer-in-all-components",
    "allowed-organizer-scheduling-object-change",
    "allowed-attendee-scheduling-object-change",
)
"""What a server may have against one event, whoever sends it (RFC 4791, 5.3.2.1; RFC 6638, 3.2.4)."""


class Calendar(hub.Calendar):
    """The calendar that `write_to` names. An appointment lies there under its UID, so that it can be found again by
    whoever did not hear that it was written; a write is made only over the state that was read (RFC 4791, 5.3.4)."""

    Settings = CaldavSettings

    def __init__(self, settings: CaldavSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._setup = setup
        self._server: Server | None = None
        self._homes: Homes | None = None
        self._place = ""

    @property
    def ready(self) -> bool:
        """Whether `write_to` names a calendar."""
        return bool(self._settings.write_to)

    @property
    def notifies(self) -> bool:
        """Whether the server tells the invited (RFC 6638)."""
        return self._settings.notifier == "provider"

    async def busy(self, since: datetime, until: datetime) -> Sequence[hub.Busy]:
        """The time taken in the calendars that are read and in the one that is written into."""
        server = self._opened()
        found: list[hub.Busy] = []
        there = await self._listed(server)
        if self.ready:
            await self._into(server, there)  # so that `put`, which often follows, need not look
        for calendar in choose(there, self._settings, server):
            lying = await objects.within(server, calendar, since, until)
            # Of a full calendar it takes a second, in which others shall have their turns.
            found += await asyncio.to_thread(self._taken, [each.raw or b"" for each in lying], since, until)
        return sorted(found, key=lambda each: (each.starts_at, each.ends_at, each.uid))

    async def put(self, appointment: hub.Appointment, kept: hub.Kept | None) -> hub.Kept:
        """Write *appointment* where *kept* says, or anew under its UID."""
        server = self._opened()
        if kept is None:
            place = await self._into(server)
            path = server.path(f"{quote(appointment.uid, safe='@')}.ics", place)
            condition: Mapping[str, str] = {"If-None-Match": "*"}
        else:
            place, path = kept.place, server.path(kept.provider_id)
            condition = await self._unchanged(server, path, kept)
        answer = await server.ask(
            "PUT",
            path,
            content=("text/calendar; charset=utf-8", self._written(appointment)),
            headers=condition,
            accept=(403, 404, 409, 410, 412),
        )
        written = 200 <= answer.status < 300
        if written and (etag := answer.headers.get("etag", "")):
            return hub.Kept(place, path, etag, appointment.uid)
        # It may have been written before without our hearing of it; and a server that gives no ETag rewrote it (RFC
        # 4791, 5.3.4). One that schedules may have brought it here from another host's calendar, under its own name.
        elsewhere = kept is None and says(answer.body, f"{CALDAV}no-uid-conflict")
        lies = await objects.of_uid(server, place, appointment.uid) if elsewhere else [await objects.get(server, path)]
        for each in lies:
            if each.raw is not None and (written or _is(each.raw, appointment)):
                return hub.Kept(place, each.path, each.etag, appointment.uid)
        raise self._verdict(server, answer, kept)

    async def delete(self, kept: hub.Kept) -> None:
        """Take away what `put` made."""
        server = self._opened()
        path = server.path(kept.provider_id)
        condition = await self._unchanged(server, path, kept)
        answer = await server.ask("DELETE", path, headers=condition, accept=(404, 410, 412))
        if answer.status == 412:
            lying = await objects.get(server, path)
            if lying.raw is not None and kept.uid in _uids(lying.raw):
                raise hub.Conflict(f"{server.host} has another state of the event than the one that was to be deleted")

    async def close(self) -> None:
        """Close its connections."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    def _opened(self) -> Server:
        if self._server is None:
            self._server = Server(self._settings, self._setup.name, self._setup.loan)
        return self._server

    async def _listed(self, server: Server) -> list[Found]:
        if self._homes is None:
            self._homes = await find(server, self._settings)
        return await listed(server, self._homes)

    async def _into(self, server: Server, there: Sequence[Found] = ()) -> str:
        """The calendar to write into, looked up once, among those that are *there*."""
        if not self._place:
            if not self.ready:
                raise hub.Misconfigured(f"no calendar takes bookings; set sources.{self._setup.name}.write_to")
            place = meant(there or await self._listed(server), self._settings, server).path
            if self.notifies:
                answer = await server.ask("OPTIONS", place)
                if "calendar-auto-schedule" not in answer.headers.get("dav", ""):
                    raise hub.Misconfigured(
                        f"{server.host} does not tell the invited by itself; set"
                        f' sources.{self._setup.name}.notifier = "hub"'
                    )
            self._place = place
        return self._place

    async def _unchanged(self, server: Server, path: str, kept: hub.Kept) -> Mapping[str, str]:
        """The condition under which what lies at *path* is what *kept* says."""
        if kept.etag:
            return {"If-Match": kept.etag}
        lying = await objects.get(server, path)
        if lying.raw is not None and kept.uid not in _uids(lying.raw):
            raise hub.Conflict(f"{server.host} keeps another event where this one was")
        return {"If-Match": lying.etag or "*"}

    def _verdict(self, server: Server, answer: Answer, kept: hub.Kept | None) -> hub.Verdict:
        """Why it was not written."""
        named = next((each for each in _REFUSED if says(answer.body, f"{CALDAV}{each}")), "")
        if named:
            return hub.Unsupported(f"{server.host} does not take this event ({named})")
        if answer.status == 403:
            return hub.Rejected(
                f"{server.host} does not let sources.{self._setup.name}.username write into the calendar"
            )
        if answer.status in (404, 409) and kept is None and not says(answer.body, f"{CALDAV}no-uid-conflict"):
            self._place = ""
            return hub.Misconfigured(
                f"the calendar that sources.{self._setup.name}.write_to names is not at {server.host} any more"
            )
        return hub.Conflict(f"{server.host} has another state of the event than the one that was to be changed")

    def _written(self, appointment: hub.Appointment) -> bytes:
        # The server is to stay silent where the hub tells the invited (RFC 6638, 7.1).
        return ics.write([appointment], agent="" if self.notifies else "CLIENT")

    def _taken(self, texts: Sequence[bytes], since: datetime, until: datetime) -> list[hub.Busy]:
        """When the events in *texts*, a UID each (RFC 4791, 4.1), take their owner's time."""
        zone = ZoneInfo(self._setup.zone)
        found: list[hub.Busy] = []
        for text in texts:
            uid = next(iter(_uids(text)), "")
            try:
                times = ics.expand([text], since, until, zone=zone, ours=self._setup.ours)
            except ics.Unreadable as error:
                logger.warning("%s: an event is left out of free/busy: %s", self._setup.name, type(error).__name__)
                continue
            found += [
                hub.Busy(datetime.fromtimestamp(each.starts, UTC), datetime.fromtimestamp(each.ends, UTC), uid)
                for each in times
                if each.busy and each.starts < each.ends
            ]
        return found


def _is(raw: bytes, appointment: hub.Appointment) -> bool:
    """Whether *raw* is *appointment* in this state."""
    try:
        found = ics.events(raw)
    except ics.Unreadable:
        return False
    return [(each.uid, each.sequence, each.start, each.end, each.status == "CANCELLED") for each in found] == [
        (
            appointment.uid,
            appointment.sequence,
            appointment.starts_at,
            appointment.ends_at,
            appointment.cancelled,
        )
    ]


def _uids(raw: bytes) -> set[str]:
    try:
        return {each.uid for each in ics.events(raw)}
    except ics.Unreadable:
        return set()
