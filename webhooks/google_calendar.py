"""Google Calendar's door: it says which channel has news, and nothing of them. docs/CALENDARS.md says how to set it up.

https://developers.google.com/workspace/calendar/api/guides/push
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import hub
from connectors.google_calendar.proofs import token
from connectors.google_calendar.settings import GoogleCalendarSettings
from hub import Changed, Delivery, Event, Forged, Receipt, Setup
from hub.formats.signing import equal


class Webhook(hub.Webhook):
    """Pushes of the channels that the connector opens."""

    Settings = GoogleCalendarSettings

    # What it says stands in its headers; of a body, which is empty, nothing is read.
    undetectable: ClassVar[frozenset[str]] = frozenset({"stale", "altered", "unreadable"})

    def __init__(self, settings: GoogleCalendarSettings, setup: Setup) -> None:
        self._settings = settings
        self._setup = setup

    def advice(self) -> Sequence[str]:
        """Nothing has to be entered at Google; the address must be one that it can reach."""
        if self._settings.push_secret is None:
            return ()
        return (f"Google tells {self._setup.webhook_url} what changes, once its certificate is one that all trust",)

    def verify(self, delivery: Delivery) -> None:
        """The token is the one that this channel was opened with."""
        channel = delivery.headers.get("x-goog-channel-id", "")
        claimed = delivery.headers.get("x-goog-channel-token", "")
        if not channel or not claimed or not delivery.headers.get("x-goog-resource-state"):
            raise Forged("The request lacks the headers of a channel.")
        expected = _token(self._settings, self._setup, channel)
        if not expected or not equal(expected, claimed):
            raise Forged(
                "The token is not that of the channel: it was opened by somebody else, or with another secret."
            )

    def parse(self, delivery: Delivery) -> Sequence[Event | Changed | Receipt]:
        """That the calendars changed; "sync" only says that the channel is open."""
        return () if delivery.headers.get("x-goog-resource-state") == "sync" else (Changed(self._setup.name),)


def _token(settings: GoogleCalendarSettings, setup: Setup, channel: str) -> str:
    """The token of *channel*; "" for an id that no channel of ours has."""
    try:
        channel.encode("ascii")
    except UnicodeEncodeError:
        return ""
    return token(settings, setup, channel)
