from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

import hub
from connectors.google_calendar.settings import GoogleCalendarSettings
from tests.contracts.connector import setup
from tests.fakes.google_calendar import TOKEN, GoogleCalendar, google_calendar

SECRET = "push-secret-of-the-tests"


class Loan:
    """What the hub lends: the access tokens, one after the other."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)
        self.refused: list[str] = []

    async def access_token(self, refused: str | None = None) -> str:
        if refused is not None:
            self.refused.append(refused)
            if len(self._tokens) > 1:
                self._tokens.pop(0)
        return self._tokens[0]

    async def rebind(self, place: str, sightings: Sequence[hub.Sighting]) -> frozenset[str]:
        raise AssertionError("a calendar has no mails")

    async def route(self, asked: hub.Asked) -> hub.Step | None:
        raise AssertionError("a calendar has no calls")


def set_up(*tokens: str) -> hub.Setup:
    return setup("work", ours=("mailto:alice@example.test",), loan=Loan(*(tokens or (TOKEN,))))


@pytest.fixture
async def google() -> AsyncIterator[GoogleCalendar]:
    async with google_calendar() as running:
        yield running


def settings(port: int, **changed: object) -> GoogleCalendarSettings:
    """Settings for alice's calendars on a server on *port*."""
    given = {"api_url": f"http://127.0.0.1:{port}", "poll_seconds": 1}
    return GoogleCalendarSettings.model_validate({**given, **changed})
