from __future__ import annotations

from collections.abc import Iterator

import pytest

import hub
from connectors.ical.settings import IcalSettings
from tests.contracts.connector import setup
from tests.fakes.feed import Feed, published

SETUP = setup("holidays")


@pytest.fixture
def feed() -> Iterator[Feed]:
    """A feed that is published, without an event."""
    with published() as running:
        yield running


def settings(port: int, **changed: object) -> IcalSettings:
    """Settings for the feed on *port*."""
    url = f"http://127.0.0.1:{port}/secret/basic.ics"
    return IcalSettings.model_validate({"url": url, "poll_seconds": 1, **changed})


def uids(arrivals: list[hub.Arrival]) -> list[str]:
    """The ids of all that is scheduled in *arrivals*."""
    return [item.copy.provider_id for arrival in arrivals for item in arrival.items if isinstance(item, hub.Scheduled)]
