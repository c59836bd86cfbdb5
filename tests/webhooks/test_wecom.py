"""WeCom's door: the contract, with what its own tools seal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import hub
from hub.formats import sealed
from tests.contracts.recordings import RECEIVED_AT, webhook
from tests.contracts.webhook import WebhookContract

SAID: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/wecom/callback.json").read_text("utf-8"))
URL = "https://hub.example.org/webhooks/wecom"
KEY = sealed.key(SAID["encoding_aes_key"])


def delivery(name: str, **changed: str) -> hub.Delivery:
    about = SAID[name]
    query = {key: value for key, value in {**about["query"], **changed}.items() if value}
    body = about.get("body", "").encode()
    return hub.Delivery(about["method"], f"{URL}?{urlencode(query)}", {}, body, RECEIVED_AT)


def written(text: str, receiver: str = SAID["receive_id"]) -> hub.Delivery:
    """*text* as WeCom would seal it."""
    inside = sealed.sealed(KEY, text.encode(), receiver, bytes(16))
    query = {"timestamp": "1772442001", "nonce": "n9"}
    query["msg_signature"] = sealed.signature(SAID["token"], *query.values(), inside)
    body = f"<xml><Encrypt><![CDATA[{inside}]]></Encrypt></xml>".encode()
    return hub.Delivery("POST", f"{URL}?{urlencode(query)}", {}, body, RECEIVED_AT)


class TestContract(WebhookContract):
    signed_by = ()

    def webhook(self) -> hub.Webhook:
        return webhook("wecom")

    def strangers(self) -> Sequence[hub.Webhook]:
        other = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY"
        return [
            webhook("wecom", token="another"),
            webhook("wecom", aes_key=other),
            webhook("wecom", corp_id="ww9999999999999999"),
        ]

    def genuine(self) -> Sequence[hub.Delivery]:
        return [delivery("verify"), delivery("message"), delivery("customer_service_event")]

    def unreadable(self) -> Sequence[hub.Delivery]:
        post = delivery("message")
        entity = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><xml><Encrypt>&a;</Encrypt></xml>'
        return [replace(post, body=body) for body in (b"", b"no xml", b"<xml></xml>", entity)]


@pytest.mark.parametrize(
    "wrong", [{"msg_signature": "0" * 40}, {"msg_signature": ""}, {"nonce": "x"}, {"timestamp": ""}]
)
@pytest.mark.parametrize("name", ["verify", "message"])
def test_whatever_is_signed_cannot_be_changed(name: str, wrong: dict[str, str]) -> None:
    with pytest.raises(hub.Forged):
        webhook("wecom").verify(delivery(name, **wrong))


def test_the_question_whether_we_are_there_is_answered_in_clear() -> None:
    reply = webhook("wecom").reply(delivery("verify"))
    assert (reply.status, reply.body.decode()) == (200, SAID["verify"]["expected_body"])


def test_customer_service_wakes_its_connector_with_the_word_to_ask_with() -> None:
    (changed,) = webhook("wecom").parse(delivery("customer_service_event"))
    assert changed == hub.Changed("wecom", "ENCsynthetic")
    assert "ENCsynthetic" not in repr(changed)


def test_what_is_sealed_for_another_firm_is_forged() -> None:
    with pytest.raises(hub.Forged, match="another firm"):
        webhook("wecom").verify(written("<xml/>", "ww9999999999999999"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no xml", "no XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><xml/>', "document type"),
        ("<xml><MsgType>text</MsgType><AgentID>7</AgentID></xml>", "another app"),
        ("<xml><MsgType>text</MsgType><AgentID>1000002</AgentID></xml>", "no time"),
    ],
)
def test_what_cannot_be_read_inside_says_why(text: str, reason: str) -> None:
    door, said = webhook("wecom"), written(text)
    door.verify(said)
    with pytest.raises(hub.Unsupported, match=reason):
        door.parse(said)
    assert door.reply(said).body == b"success"


def test_events_of_the_app_say_nothing() -> None:
    entered = "<xml><MsgType>event</MsgType><Event>enter_agent</Event><AgentID>1000002</AgentID></xml>"
    assert webhook("wecom").parse(written(entered)) == ()
