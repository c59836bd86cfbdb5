"""The door for any phone system: one JSON object for each event of a call. docs/TELEPHONY.md describes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import hub
from connectors.calls.normalise import Desk, event
from connectors.calls.settings import CallsSettings
from hub import NAMESPACES, Delivery, Event, Forged, Misconfigured, Setup
from hub.formats.signing import equal


class Webhook(hub.Webhook):
    """Calls that are ringing, answered, ended or missed."""

    Settings = CallsSettings

    # A token says who sends, and nothing of what is sent: TLS has to keep the body whole.
    undetectable: ClassVar[frozenset[str]] = frozenset({"altered", "stale", "unreadable"})

    def __init__(self, settings: CallsSettings, setup: Setup) -> None:
        if setup.name in NAMESPACES:
            why = "its calls could be taken for what others told of"
            raise Misconfigured(f'A source of calls cannot be called "{setup.name}": {why}. Rename it.')
        self._token = settings.token.get_secret_value()
        self._desk = Desk.of(setup)

    def verify(self, delivery: Delivery) -> None:
        """The token comes as `Authorization: Bearer` (RFC 6750), so a genuine body need not be readable."""
        scheme, _, token = delivery.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Forged("The request has no Authorization: Bearer header.")
        if not equal(self._token, token.strip()):
            raise Forged("The bearer token is not this source's token.")

    def parse(self, delivery: Delivery) -> Sequence[Event]:
        """One event on `<source>:<id>`."""
        return (event(delivery.body, self._desk, delivery.received_at),)
