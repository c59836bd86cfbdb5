"""The suites that every connector and every calendar has to pass."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

import hub
from connectors.google_calendar import Calendar, Connector
from hub.formats import ics
from tests.connectors.google_calendar.conftest import SECRET, set_up, settings
from tests.contracts.calendar import NINE, CalendarContract, Lies
from tests.contracts.connector import ConnectorContract
from tests.fakes.google_calendar import OWNER, GoogleCalendar


def port_of(google: GoogleCalendar) -> int:
    port = urlsplit(google.url).port
    assert port
    return port


class TestConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    def account(self, google: GoogleCalendar) -> None:
        self.google = google
        google.page_size = 50

    @pytest.fixture
    def provider_port(self) -> int:
        return port_of(self.google)

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port, push_secret=SECRET), set_up())

    def refused(self, port: int) -> hub.Connector:
        return Connector(settings(port), set_up("another"))

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.google.event(OWNER, summary=name, start=NINE, end=NINE)

    def name(self, item: hub.Item) -> str:
        raise AssertionError(f"{item} was not put")

    def names(self, arrivals: Sequence[hub.Arrival]) -> list[str]:
        # Beside what was put there are the inventories.
        items = [item for arrival in arrivals for item in arrival.items]
        return [ics.events(item.raw)[0].summary for item in items if isinstance(item, hub.Scheduled)]


class TestCalendar(CalendarContract):
    @pytest.fixture(autouse=True)
    def account(self, google: GoogleCalendar) -> None:
        self.google = google

    @pytest.fixture
    def provider_port(self) -> int:
        return port_of(self.google)

    def calendar(self, port: int) -> hub.Calendar:
        return Calendar(settings(port, write_to="primary"), set_up())

    def refused(self, port: int) -> hub.Calendar:
        return Calendar(settings(port, write_to="primary"), set_up("another"))

    def lies(self) -> Sequence[Lies]:
        found = [each for each in self.google.places[OWNER].events.values() if each["status"] != "cancelled"]
        told = [
            Lies(
                each["iCalUID"],
                each["summary"],
                *(datetime.fromisoformat(each[key]["dateTime"]).astimezone(UTC) for key in ("start", "end")),
            )
            for each in found
        ]
        return sorted(told, key=lambda each: each.starts_at)

    def foreign(self, title: str, starts_at: datetime, ends_at: datetime, state: str = "") -> None:
        more: dict[str, dict[str, object]] = {
            "": {},
            "cancelled": {"status": "cancelled"},
            "free": {"transparency": "transparent"},
            "declined": {
                "organizer": {"email": "bob@example.test"},
                "attendees": [{"email": OWNER, "self": True, "responseStatus": "declined"}],
            },
        }
        self.google.event(OWNER, summary=title, start=starts_at, end=ends_at, **more[state])

    def change(self, kept: hub.Kept) -> None:
        self.google.change(kept.place, kept.provider_id, summary="Changed")

    def remove(self, kept: hub.Kept) -> None:
        self.google.delete(kept.place, kept.provider_id)
