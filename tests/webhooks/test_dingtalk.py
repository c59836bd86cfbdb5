"""DingTalk's door: the contract, for messages and for sealed events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

import hub
from hub.formats import sealed
from tests.contracts.recordings import RECEIVED_AT, recordings, webhook
from tests.contracts.webhook import WebhookContract

EVENTS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/dingtalk/events.json").read_text("utf-8"))
URL = "https://hub.example.org/webhooks/dingtalk"


def sealed_event(name: str, **changed: str) -> hub.Delivery:
    query = {**EVENTS[name]["query"], **changed}
    url = f"{URL}?{urlencode({name: value for name, value in query.items() if value})}"
    return hub.Delivery("POST", url, {}, orjson.dumps(EVENTS[name]["body"]), RECEIVED_AT)


class TestMessages(WebhookContract):
    signed_by = ("sign", "timestamp")

    def webhook(self) -> hub.Webhook:
        return webhook("dingtalk")

    def strangers(self) -> Sequence[hub.Webhook]:
        return [webhook("dingtalk", app_secret="another-secret")]

    def genuine(self) -> Sequence[hub.Delivery]:
        return [each.delivery() for each in recordings("dingtalk") if "events" in each.expected]


class TestEvents(WebhookContract):
    signed_by = ()

    def webhook(self) -> hub.Webhook:
        return webhook("dingtalk")

    def strangers(self) -> Sequence[hub.Webhook]:
        key = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY"
        return [webhook("dingtalk", token="another"), webhook("dingtalk", aes_key=key), webhook("dingtalk", token=None)]

    def genuine(self) -> Sequence[hub.Delivery]:
        return [sealed_event("check_url"), sealed_event("user_added")]

    def alterations(self, delivery: hub.Delivery) -> Iterator[hub.Delivery]:
        # Of messages nothing shows that they were altered, so the contract asks for what passes; see below.
        return iter(())


@pytest.mark.parametrize("wrong", [{"msg_signature": "0" * 40}, {"nonce": "other"}, {"timestamp": "1772442000001"}])
def test_an_event_that_was_altered_is_refused(wrong: dict[str, str]) -> None:
    door = webhook("dingtalk")
    with pytest.raises(hub.Forged):
        door.verify(sealed_event("user_added", **wrong))
    genuine = sealed_event("user_added")
    for body in (genuine.body[:-9], b"{}", b"[]", genuine.body.replace(b'encrypt":"A', b'encrypt":"B')):
        with pytest.raises((hub.Forged, hub.Malformed)):
            door.verify(replace(genuine, body=body))


def test_an_event_is_answered_with_a_sealed_success() -> None:
    said = orjson.loads(webhook("dingtalk").reply(sealed_event("check_url")).body)
    token, key = EVENTS["token"], sealed.key(EVENTS["aes_key"])
    assert said["msg_signature"] == sealed.signature(token, said["timeStamp"], said["nonce"], said["encrypt"])
    assert sealed.opened(key, said["encrypt"]) == sealed.Envelope(b"success", EVENTS["owner_key"])
