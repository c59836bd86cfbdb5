"""What every webhook must do: refuse each fault that its provider's scheme can show, and say which it cannot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

import hub

FAULTS = {
    "unsigned": "a request without its signature",
    "altered": "a body that somebody changed on the way",
    "wrong-secret": "a request signed by somebody else",
    "stale": "a request of another day, played back",
    "unreadable": "a body that cannot be read",
}
"""Every fault that a signing scheme may be able to show."""


class WebhookContract(ABC):
    """Subclass it, name it `Test...`, and say how the provider's requests look."""

    signed_by: ClassVar[tuple[str, ...]]
    """The headers without which a request is unsigned, in lower case."""

    @abstractmethod
    def webhook(self) -> hub.Webhook:
        """The webhook under test."""

    @abstractmethod
    def strangers(self) -> Sequence[hub.Webhook]:
        """The same with other secrets, so that what is genuine for `webhook` is forged for each of them."""

    @abstractmethod
    def genuine(self) -> Sequence[hub.Delivery]:
        """Requests that `webhook` must accept and understand, of every kind that matters."""

    def unreadable(self) -> Sequence[hub.Delivery]:
        """Requests so broken that nobody can tell whether they are genuine."""
        return ()

    def test_takes_what_is_genuine(self) -> None:
        webhook = self.webhook()
        for delivery in self.genuine():
            webhook.verify(delivery)
            for event in webhook.parse(delivery):
                assert isinstance(event, hub.Event | hub.Changed | hub.Receipt | hub.Pressed)

    def test_says_the_same_whenever_it_is_asked(self) -> None:
        webhook = self.webhook()
        for delivery in self.genuine():
            later = replace(delivery, received_at=delivery.received_at + timedelta(seconds=90))
            again = [event for event in webhook.parse(later) if isinstance(event, hub.Event)]
            events = [event for event in webhook.parse(delivery) if isinstance(event, hub.Event)]
            assert [(event.key, event.id) for event in again] == [(event.key, event.id) for event in events]
            assert webhook.reply(delivery) == webhook.reply(delivery)

    def test_times_are_utc(self) -> None:
        for delivery in self.genuine():
            for event in self.webhook().parse(delivery):
                if isinstance(event, hub.Event):
                    assert event.at.utcoffset() == timedelta(0)

    def test_refuses_what_is_unsigned(self) -> None:
        webhook = self.webhook()
        for delivery in self.genuine():
            for name in self.signed_by:
                bare = {header: value for header, value in delivery.headers.items() if header != name}
                self.refuses(webhook, replace(delivery, headers=bare))
                self.refuses(webhook, replace(delivery, headers={**bare, name: ""}))
                self.refuses(webhook, replace(delivery, headers={**bare, name: "\udce4"}))

    def test_refuses_what_was_altered(self) -> None:
        webhook = self.webhook()
        for delivery in self.genuine():
            for altered in self.alterations(delivery):
                if "altered" in webhook.undetectable:
                    webhook.verify(altered)
                else:
                    with pytest.raises((hub.Forged, hub.Malformed)):
                        webhook.verify(altered)

    def test_refuses_what_another_signed(self) -> None:
        strangers = self.strangers()
        assert strangers
        for stranger in strangers:
            for delivery in self.genuine():
                self.refuses(stranger, delivery)

    def test_refuses_what_is_stale(self) -> None:
        webhook = self.webhook()
        for delivery in self.genuine():
            late = replace(delivery, received_at=delivery.received_at + timedelta(days=1))
            if "stale" in webhook.undetectable:
                webhook.verify(late)
            else:
                self.refuses(webhook, late)

    def test_says_when_it_cannot_read(self) -> None:
        webhook, broken = self.webhook(), self.unreadable()
        assert bool(broken) is ("unreadable" not in webhook.undetectable)
        for delivery in broken:
            with pytest.raises(hub.Malformed):
                webhook.verify(delivery)

    def test_says_what_its_scheme_cannot_show(self, capsys: pytest.CaptureFixture[str]) -> None:
        webhook = self.webhook()
        assert webhook.undetectable <= FAULTS.keys()
        assert not webhook.undetectable & {"unsigned", "wrong-secret"}, "this would be no protection at all"
        with capsys.disabled():
            for fault in sorted(webhook.undetectable):
                print(f"\n{type(webhook).__module__} cannot show {FAULTS[fault]}", end="")

    def alterations(self, delivery: hub.Delivery) -> Iterator[hub.Delivery]:
        """*delivery* with changes that somebody on the way may make to its body."""
        body = delivery.body
        if not body:
            return
        middle = len(body) // 2
        yield replace(delivery, body=body[:middle])
        yield replace(delivery, body=body[:-1] + bytes([body[-1] ^ 1]))
        yield replace(delivery, body=body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :])
        yield replace(delivery, body=b"")

    def refuses(self, webhook: hub.Webhook, delivery: hub.Delivery) -> None:
        """Fail unless *webhook* calls *delivery* forged."""
        with pytest.raises(hub.Forged):
            webhook.verify(delivery)
