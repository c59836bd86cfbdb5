"""The door for any phone system: one JSON object for each event of a call, or what a known sender says in its words.
docs/TELEPHONY.md and docs/CALL-SENDERS.md describe it."""

from __future__ import annotations

from collections.abc import Sequence

import hub
from connectors.calls.normalise import Desk, event, told
from connectors.calls.proofs import check, undetectable
from connectors.calls.settings import CallsSettings
from hub import NAMESPACES, Delivery, Event, Misconfigured, Reply, Setup, Step


class Webhook(hub.Webhook):
    """Calls, from waiting to their transcript."""

    Settings = CallsSettings

    def __init__(self, settings: CallsSettings, setup: Setup) -> None:
        if setup.name in NAMESPACES:
            why = "its calls could be taken for what others told of"
            raise Misconfigured(f'A source of calls cannot be called "{setup.name}": {why}. Rename it.')
        self._words = settings.words
        self._check = check(self._words, settings.token.get_secret_value())
        self._desk = Desk.of(setup)
        # Which faults can be shown depends on the sender, and so on the source.
        self.undetectable = undetectable(self._words)  # type: ignore[misc]

    def verify(self, delivery: Delivery) -> None:
        """The token or signature is where the sender has it; the hub's own words come with a bearer token."""
        self._check(delivery)

    def parse(self, delivery: Delivery) -> Sequence[Event]:
        """Events on `<source>:<id>`."""
        if self._words is None:
            return (event(delivery.body, self._desk, delivery.received_at),)
        return tuple(told(news, self._desk, delivery.received_at) for news in self._words.news(delivery))

    def reply(self, delivery: Delivery, step: Step | None = None) -> Reply:
        """Nothing, but for a sender that has to be asked for more."""
        return self._words.reply(delivery) if self._words else Reply()
