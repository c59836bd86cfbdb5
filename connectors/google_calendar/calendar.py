"""Writing bookings into one Google calendar, and asking at this moment when somebody is busy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import hub
from connectors.google_calendar.events import Odd, Resource, body, declined, is_of, moment
from connectors.google_calendar.server import Server, events, objects
from connectors.google_calendar.settings import GoogleCalendarSettings
from hub.http import Answer

_FIELDS = "items(id,iCalUID,status,transparency,start,end,attendees(email,self,responseStatus)),nextPageToken"


class Calendar(hub.Calendar):
    """The calendar that `write_to` names. An appointment has its own UID there (iCalUID), of which a calendar takes
    only one, so that it is found again by whoever did not hear that it was written; a change is made only over the
    state that was read (If-Match), and only to what the hub writes: a colour or a reminder that the host chose stays.
    """

    Settings = GoogleCalendarSettings

    def __init__(self, settings: GoogleCalendarSettings, setup: hub.Setup) -> None:
        self._settings = settings
        self._setup = setup
        self._server: Server | None = None
        self._place = ""

    @property
    def ready(self) -> bool:
        """Whether `write_to` names a calendar."""
        return bool(self._settings.write_to)

    @property
    def notifies(self) -> bool:
        """Whether Google tells the invited."""
        return self._settings.notifier == "provider"

    async def busy(self, since: datetime, until: datetime) -> Sequence[hub.Busy]:
        """The time taken in the calendars that are read and in the one that is written into."""
        server = self._opened()
        there = await server.listed()
        if self.ready:
            self._place = server.named(self._settings.write_to, there, "write_to").id
        query = [
            ("singleEvents", "true"),
            ("timeMin", _utc(since)),
            ("timeMax", _utc(until)),
            ("maxResults", "2500"),
            ("fields", _FIELDS),
        ]
        found: list[hub.Busy] = []
        for calendar in server.chosen(there):
            async for _, told in server.pages(events(calendar.id), query):
                found += [taken for each in objects(told) if (taken := self._taken(each)) is not None]
        within = [each for each in found if each.starts_at < until and each.ends_at > since]
        return sorted(within, key=lambda each: (each.starts_at, each.ends_at, each.uid))

    async def put(self, appointment: hub.Appointment, kept: hub.Kept | None) -> hub.Kept:
        """Write *appointment* where *kept* says, or anew under its UID."""
        if kept is not None:
            return await self._changed(appointment, kept)
        server, place = self._opened(), await self._into()
        told = {**body(appointment), "iCalUID": appointment.uid}
        answer = await server.ask("POST", events(place), query=self._updates(), json=told, accept=(404, 409))
        if answer.status == 404:
            self._place = ""
            raise hub.Misconfigured(
                f"the calendar that sources.{self._setup.name}.write_to names is not in the Google account any more"
            )
        if answer.status != 409:
            return _kept(place, _event(answer), appointment.uid)
        # It may have been written before without our hearing of it, or come here by another host's invitation.
        lying = await self._of_uid(place, appointment.uid)
        for each in lying:
            if is_of(each, appointment):
                return _kept(place, each, appointment.uid)
        if len(lying) == 1 and lying[0].get("status") == "cancelled":
            # What was deleted keeps its UID for good, and can only be brought back.
            try:
                return await self._changed(appointment, _kept(place, lying[0], appointment.uid))
            except hub.Rejected:
                raise hub.Conflict("Google keeps a deleted event under this UID and does not bring it back") from None
        raise hub.Conflict("Google keeps another state of the event than the one that was to be written")

    async def delete(self, kept: hub.Kept) -> None:
        """Take away what `put` made."""
        server, path = self._opened(), events(kept.place, kept.provider_id)
        etag = kept.etag or await self._etag(kept)
        answer = await server.ask("DELETE", path, query=self._updates(), etag=etag, accept=(404, 410, 412))
        if answer.status == 412:
            lying = await self._get(kept)
            if lying is not None:
                raise hub.Conflict("Google has another state of the event than the one that was to be deleted")

    async def close(self) -> None:
        """Close its connections."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    def _opened(self) -> Server:
        if self._server is None:
            self._server = Server(self._settings, self._setup)
        return self._server

    async def _into(self) -> str:
        """The calendar to write into, looked up once."""
        if not self._place:
            if not self.ready:
                raise hub.Misconfigured(f"no calendar takes bookings; set sources.{self._setup.name}.write_to")
            server = self._opened()
            self._place = server.named(self._settings.write_to, await server.listed(), "write_to").id
        return self._place

    async def _changed(self, appointment: hub.Appointment, kept: hub.Kept) -> hub.Kept:
        server, path = self._opened(), events(kept.place, kept.provider_id)
        etag = kept.etag or await self._etag(kept)
        answer = await server.ask(
            "PATCH", path, query=self._updates(), json=body(appointment), etag=etag, accept=(404, 410, 412)
        )
        if answer.status == 200:
            return _kept(kept.place, _event(answer), kept.uid)
        lying = await self._get(kept)
        if lying is not None and is_of(lying, appointment):
            return _kept(kept.place, lying, kept.uid)
        raise hub.Conflict("Google has another state of the event than the one that was to be changed")

    async def _etag(self, kept: hub.Kept) -> str:
        """The state of what lies where *kept* says; "" where nothing does. Raises `Conflict` for another event."""
        lying = await self._get(kept)
        if lying is not None and lying.get("iCalUID") != kept.uid:
            raise hub.Conflict("Google keeps another event where this one was")
        return str(lying.get("etag") or "") if lying is not None else ""

    async def _get(self, kept: hub.Kept) -> Resource | None:
        """What lies where *kept* says; what is deleted does not."""
        path = events(kept.place, kept.provider_id)
        answer = await self._opened().ask("GET", path, accept=(404, 410))
        found = _event(answer) if answer.status == 200 else None
        return None if found is None or found.get("status") == "cancelled" else found

    async def _of_uid(self, place: str, uid: str) -> list[Resource]:
        found: list[Resource] = []
        async for _, told in self._opened().pages(events(place), [("iCalUID", uid), ("showDeleted", "true")]):
            found += [each for each in objects(told) if not each.get("recurringEventId")]
        return found

    def _updates(self) -> list[tuple[str, str]]:
        return [("sendUpdates", "all" if self.notifies else "none")]

    def _taken(self, event: Resource) -> hub.Busy | None:
        """When *event* takes its owner's time."""
        if event.get("status") == "cancelled" or event.get("transparency") == "transparent":
            return None
        if declined(event) or self._declined(event):
            return None
        try:
            begin, end = (self._at(moment(event.get(key), key)) for key in ("start", "end"))
        except Odd:
            return None
        return hub.Busy(begin, end, str(event.get("iCalUID") or "")) if begin < end else None

    def _declined(self, event: Resource) -> bool:
        ours = {each.lower() for each in self._setup.ours}
        return any(
            f"mailto:{each.get('email')}".lower() in ours and each.get("responseStatus") == "declined"
            for each in event.get("attendees") or ()
            if isinstance(each, dict)
        )

    def _at(self, told: date | datetime) -> datetime:
        if isinstance(told, datetime):
            return told.astimezone(UTC)
        return datetime(told.year, told.month, told.day, tzinfo=ZoneInfo(self._setup.zone)).astimezone(UTC)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _event(answer: Answer) -> dict[str, Any]:
    found = answer.json()
    if not isinstance(found, dict) or not found.get("id"):
        raise hub.Unavailable("Google answers with no event")
    return found


def _kept(place: str, event: Resource, uid: str) -> hub.Kept:
    return hub.Kept(place, str(event["id"]), str(event.get("etag") or ""), str(event.get("iCalUID") or uid))
