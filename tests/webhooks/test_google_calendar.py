"""Google Calendar's door: the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import hub
from connectors.google_calendar.settings import GoogleCalendarSettings
from tests.contracts.recordings import recordings, webhook
from tests.contracts.webhook import WebhookContract
from webhooks.google_calendar import Webhook


class TestContract(WebhookContract):
    signed_by = ("x-goog-channel-token", "x-goog-channel-id")

    def webhook(self) -> hub.Webhook:
        return webhook("google_calendar")

    def strangers(self) -> Sequence[hub.Webhook]:
        elsewhere = hub.Setup("other", "DE", (), (), (), "https://hub.example.org/webhooks/other")
        settings = GoogleCalendarSettings.model_validate({"push_secret": "push-secret-of-the-recordings"})
        without = Webhook(GoogleCalendarSettings(), elsewhere)
        another = webhook("google_calendar", push_secret="another-secret-of-somebody")
        return [another, Webhook(settings, elsewhere), without]

    def genuine(self) -> Sequence[hub.Delivery]:
        return [each.delivery() for each in recordings("google_calendar")]


def test_it_wakes_the_source_and_not_for_a_channel_that_was_opened() -> None:
    door = webhook("google_calendar")
    told = {each.path.name: door.parse(each.delivery()) for each in recordings("google_calendar")}
    assert told == {
        "calendar-changed": (hub.Changed("ada-calendar"),),
        "calendar-gone": (hub.Changed("ada-calendar"),),
        "channel-opened": (),
    }


def test_the_token_of_one_channel_is_not_that_of_another() -> None:
    contract = TestContract()
    for delivery in contract.genuine():
        headers = {**delivery.headers, "x-goog-channel-id": "4ba78bf0-6a47-11e2-bcfd-0800200c9a78"}
        contract.refuses(contract.webhook(), replace(delivery, headers=headers))


def test_it_says_what_google_needs_to_reach_it() -> None:
    assert "https://hub.example.org/webhooks/ada-calendar" in "".join(webhook("google_calendar").advice())
    assert list(webhook("google_calendar", push_secret=None).advice()) == []
