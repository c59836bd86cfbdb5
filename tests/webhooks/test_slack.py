"""Slack's door: the contract, the signed requests, buttons, and what comes twice."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import hub
from hub.fold import Told, fold
from tests.contracts.recordings import Recording, recordings, webhook
from tests.contracts.webhook import WebhookContract

_REQUESTS: dict[str, Any] = json.loads((Path(__file__).parent / "data/slack-signed-requests.json").read_text("utf-8"))


def signed(name: str) -> hub.Delivery:
    """One of the signed requests, as it arrives five seconds after it was signed."""
    said = next(each for each in _REQUESTS["requests"] if each["name"] == name)
    headers = {key.lower(): value for key, value in said["headers"].items()}
    at = datetime.fromtimestamp(_REQUESTS["now_for_replay_check"], UTC)
    return hub.Delivery("POST", "https://hub.example.org/webhooks/team", headers, said["raw_body"].encode(), at)


def recorded(name: str) -> hub.Delivery:
    return next(each for each in recordings("slack") if each.path.name == name).delivery()


class TestContract(WebhookContract):
    signed_by = ("x-slack-signature", "x-slack-request-timestamp")

    def webhook(self) -> hub.Webhook:
        return webhook("slack")

    def strangers(self) -> Sequence[hub.Webhook]:
        return [webhook("slack", signing_secret="another-secret"), webhook("slack", signing_secret=None)]

    def genuine(self) -> Sequence[hub.Delivery]:
        understood: list[Recording] = [each for each in recordings("slack") if "unsupported" not in each.expected]
        return [each.delivery() for each in understood]


@pytest.mark.parametrize("name", [each["name"] for each in _REQUESTS["requests"]])
def test_a_request_that_slack_signed_is_genuine(name: str) -> None:
    webhook("slack").verify(signed(name))


def test_the_vector_of_slacks_own_page_verifies() -> None:
    # https://docs.slack.dev/authentication/verifying-requests-from-slack
    body = (
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    at = datetime.fromtimestamp(1531420618, UTC)
    delivery = hub.Delivery("POST", "https://hub.example.org/webhooks/team", headers, body.encode(), at)
    webhook("slack", signing_secret="8f742231b10e8888abcd99yyyzzz85a5").verify(delivery)


def test_a_button_of_an_alert_is_pressed_by_whom_slack_says_and_another_apps_button_is_not_ours() -> None:
    door = webhook("slack")
    at = datetime(2026, 3, 2, 9, 0, 8, 100, tzinfo=UTC)
    assert door.parse(recorded("button")) == (hub.Pressed("acknowledge/42/7f3a", "slack:T0000001/U0000001", at),)
    assert door.parse(recorded("button-that-opens-an-address")) == ()
    assert door.parse(signed("interactivity-block_actions")) == ()


def test_a_message_that_comes_as_mention_and_again_is_one_and_its_news_fold_in_any_order() -> None:
    door = webhook("slack")
    told = [
        event
        for name in ("message", "repeated", "changed", "deleted")
        for event in door.parse(recorded(name))
        if isinstance(event, hub.Event)
    ]
    assert len({each.key for each in told}) == 1
    assert len({(each.key, each.id) for each in told}) == 3
    folded = {
        fold([Told("team", each) for each in order], frozenset({"slack:T0000001/U0000099"}))
        for order in itertools.permutations(told)
    }
    (facts,) = folded
    assert isinstance(facts, hub.Message)
    assert facts.deleted
    assert facts.text is None


def test_what_is_to_be_entered_at_slack_is_said_where_an_address_is_needed() -> None:
    assert "https://hub.example.org/webhooks/team" in "".join(webhook("slack").advice())
    assert not webhook("slack", app_token="xapp-1", bot_token="xoxb-1").advice()
