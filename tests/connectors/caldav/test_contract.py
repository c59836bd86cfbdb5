"""The suites that every connector and every calendar has to pass, against real servers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count

import pytest
from caldav.davclient import DAVClient

import hub
from connectors.caldav import Calendar, Connector
from tests.connectors.caldav.conftest import SETUP, event, settings, uids
from tests.contracts.calendar import CalendarContract, Lies
from tests.contracts.connector import ConnectorContract
from tests.servers.radicale import CalendarServer


class TestConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    def account(self, server: CalendarServer, calendar: str) -> None:
        self.server = server
        self.calendar = calendar

    @pytest.fixture
    def provider_port(self) -> int:
        return self.server.port

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port, calendars=[self.calendar]), SETUP)

    def refused(self, port: int) -> hub.Connector:
        return Connector(settings(port, password="another"), SETUP)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.server.put(f"{self.calendar}{name}.ics", event(name))

    def name(self, item: hub.Item) -> str:
        raise AssertionError(f"{item} was not put")

    def names(self, arrivals: Sequence[hub.Arrival]) -> list[str]:
        # Beside what was put there are the inventories.
        return uids(list(arrivals))


class TestCalendar(CalendarContract):
    @pytest.fixture(autouse=True)
    def account(self, server: CalendarServer, calendar: str) -> None:
        self.server = server
        self.place = calendar
        self.numbers = count(1)

    @pytest.fixture
    def provider_port(self) -> int:
        return self.server.port

    def calendar(self, port: int) -> hub.Calendar:
        return Calendar(settings(port, calendars=[self.place], write_to=self.place), SETUP)

    def refused(self, port: int) -> hub.Calendar:
        return Calendar(settings(port, write_to=self.place, password="another"), SETUP)

    def lies(self) -> Sequence[Lies]:
        with DAVClient(f"{self.server.url}/", username="alice", password="secret-a") as client:
            calendar = client.calendar(url=self.place)  # type: ignore[no-untyped-call]
            found = [each.icalendar_component for each in calendar.events()]
        told = [(str(each["UID"]), str(each["SUMMARY"]), each["DTSTART"].dt, each["DTEND"].dt) for each in found]
        return [
            Lies(uid, title, start.astimezone(UTC), end.astimezone(UTC))
            for uid, title, start, end in sorted(told, key=lambda each: each[2])
        ]

    def foreign(self, title: str, starts_at: datetime, ends_at: datetime, state: str = "") -> None:
        more = {
            "": (),
            "cancelled": ("STATUS:CANCELLED",),
            "free": ("TRANSP:TRANSPARENT",),
            "declined": ("ORGANIZER:mailto:bob@example.test", "ATTENDEE;PARTSTAT=DECLINED:mailto:Alice@example.test"),
        }
        times = {end: f"{at:%Y%m%dT%H%M%SZ}" for end, at in (("start", starts_at), ("end", ends_at))}
        name = f"foreign-{next(self.numbers)}"
        self.server.put(f"{self.place}{name}.ics", event(name, f"SUMMARY:{title}", *more[state], **times))

    def change(self, kept: hub.Kept) -> None:
        text = self.server.get(kept.provider_id)
        changed = re.sub(r"^SUMMARY:.*\r?\n(?:[ \t].*\r?\n)*", "SUMMARY:Changed\r\n", text, flags=re.MULTILINE)
        assert changed != text
        self.server.put(kept.provider_id, changed)

    def remove(self, kept: hub.Kept) -> None:
        self.server.delete(kept.provider_id)
