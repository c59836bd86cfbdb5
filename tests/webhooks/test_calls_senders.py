"""Phone systems that tell of their calls in their own words."""

from __future__ import annotations

import json
import tomllib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

import hub
from connectors.calls.mapping import SENDERS, Mapping
from connectors.calls.settings import CallsSettings
from hub.calls.fold import fold_calls
from hub.formats.signing import hmac_base64
from tests.contracts.connector import setup
from tests.contracts.recordings import RECEIVED_AT, told
from tests.contracts.webhook import WebhookContract
from webhooks.calls import Webhook

FOLDER = SENDERS / "recordings"
RECORDED = sorted(FOLDER.glob("*/*.http"))
LINE = "tel:+4930123456"
URL = "https://hub.example.org/webhooks/pbx"


def door(sender: str, **changed: object) -> Webhook:
    """The webhook of the source for which a sender's recordings were made."""
    document = tomllib.loads((FOLDER / sender / "source.toml").read_text("utf-8"))
    table = document["sources"]["pbx"]
    agents = tuple(
        hub.Agent(ident, agent["name"], (), tuple(agent["extensions"])) for ident, agent in document["agents"].items()
    )
    settings = {key: value for key, value in table.items() if key not in ("provider", "ours")}
    about = setup("pbx", region="DE", ours=tuple(table["ours"]), agents=agents)
    return Webhook(CallsSettings.model_validate({**settings, **changed}), about)


def sent(path: Path) -> hub.Delivery:
    head, _, body = path.read_bytes().partition(b"\r\n\r\n")
    request, *lines = head.decode("ascii").split("\r\n")
    method, target, _ = request.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    assert len(body) == int(headers["content-length"])
    return hub.Delivery(method, f"https://hub.example.org{target}", headers, body, RECEIVED_AT)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_it_becomes_what_stands_beside_it(path: Path) -> None:
    webhook, delivery = door(path.parent.name), sent(path)
    expected: dict[str, Any] = json.loads(path.with_suffix(".json").read_text("utf-8"))
    webhook.verify(delivery)
    if "unsupported" in expected:
        with pytest.raises(hub.Unsupported, match=expected["unsupported"]):
            webhook.parse(delivery)
    else:
        events = webhook.parse(delivery)
        assert [told(event, {}) for event in events] == expected["events"]
        assert len({(event.key, event.id) for event in events}) == len(events)
    reply = webhook.reply(delivery)
    shown = {"content_type": reply.content_type, "body": reply.body.decode()} if reply.body else {}
    assert {"status": reply.status, **shown} == expected["reply"]


@pytest.mark.parametrize(
    ("sender", "story", "outcome", "direction"),
    [
        ("sipgate", ["new-call", "answer", "hangup"], "completed", "inbound"),
        ("sipgate", ["new-call", "hangup-missed"], "missed", "inbound"),
        ("placetel", ["incoming-call", "call-accepted", "hung-up"], "completed", "inbound"),
        ("placetel", ["incoming-call", "hung-up-missed"], "missed", "inbound"),
        ("placetel", ["incoming-call", "hung-up-after-a-message"], "voicemail", "inbound"),
        ("aircall", ["call-created", "call-ringing-on-agent", "call-answered", "call-hungup"], "completed", "inbound"),
        ("aircall", ["call-created", "call-ringing-on-agent", "call-hungup"], "missed", "inbound"),
        ("aircall", ["call-created-out", "call-answered-out", "call-hungup-out"], "completed", "outbound"),
        ("aircall", ["call-created-out", "call-hungup-out"], "no-answer", "outbound"),
    ],
)
def test_a_call_from_ringing_to_its_end(sender: str, story: list[str], outcome: str, direction: str) -> None:
    webhook = door(sender)
    events = [event for part in story for event in webhook.parse(sent(FOLDER / sender / f"{part}.http"))]
    for order in (events, events[::-1], [*events, *events]):
        call = fold_calls([("pbx", event) for event in order], frozenset({LINE}))
        assert (call.state, call.outcome, call.direction) == ("ended", outcome, direction)


def test_every_sender_has_recordings() -> None:
    assert {path.stem for path in SENDERS.glob("*.toml")} == {path.parent.name for path in RECORDED}
    assert {path.with_suffix("") for path in RECORDED} == {path.with_suffix("") for path in FOLDER.glob("*/*.json")}


@pytest.mark.parametrize("sender", ["sipgate", "aircall", "placetel"])
def test_a_token_of_another_is_forged(sender: str) -> None:
    for path in RECORDED:
        if path.parent.name == sender:
            with pytest.raises(hub.Forged):
                door(sender, token="another").verify(sent(path))


@pytest.mark.parametrize("query", ["", "?token=", "?Token=sipgate-test-token", "?token=x&token=sipgate-test-token"])
def test_a_url_without_its_token_is_forged(query: str) -> None:
    delivery = replace(sent(FOLDER / "sipgate" / "answer.http"), url=f"{URL}{query}")
    with pytest.raises(hub.Forged):
        door("sipgate").verify(delivery)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"token": null}', b'{"token": ["aircall-test-token"]}', b"1"])
def test_a_body_without_its_token_is_forged(body: bytes) -> None:
    with pytest.raises(hub.Forged):
        door("aircall").verify(replace(sent(FOLDER / "aircall" / "call-created.http"), body=body))


class TestSignedWithAnHmac(WebhookContract):
    """Placetel."""

    signed_by = ("x-placetel-signature",)

    def webhook(self) -> hub.Webhook:
        return door("placetel")

    def strangers(self) -> Sequence[hub.Webhook]:
        return [door("placetel", token=token) for token in ("another", "placetel-test-secre", "placetel-test-secrets")]

    def genuine(self) -> Sequence[hub.Delivery]:
        return [sent(path) for path in RECORDED if path.parent.name == "placetel"]


class TestSignedWithEd25519(WebhookContract):
    """A mapping of somebody's own, with the signature that Telnyx documents."""

    signed_by = ("telnyx-signature-ed25519", "telnyx-timestamp")
    key: ClassVar = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    mapping: ClassVar[dict[str, Any]] = {
        "proof": {"kind": "ed25519", "name": "telnyx-signature-ed25519", "timestamp": "telnyx-timestamp"},
        "fields": {"id": "data.id", "from": "data.from", "to": "data.to"},
        "events": [{"when": {"data.kind": ["new", "again"]}, "event": "ringing"}],
    }

    def made(self, key: Ed25519PrivateKey) -> hub.Webhook:
        token = b64encode(key.public_key().public_bytes_raw()).decode()
        return Webhook(CallsSettings.model_validate({"token": token, "mapping": self.mapping}), setup("pbx"))

    def webhook(self) -> hub.Webhook:
        return self.made(self.key)

    def strangers(self) -> Sequence[hub.Webhook]:
        return [self.made(Ed25519PrivateKey.from_private_bytes(bytes(32)))]

    def genuine(self) -> Sequence[hub.Delivery]:
        return [
            self.signed({"data": {"id": "7", "from": "+4930901820", "to": LINE, "kind": kind}})
            for kind in ("new", "again")
        ]

    def signed(self, said: object) -> hub.Delivery:
        body, stamp = json.dumps(said).encode(), str(int(RECEIVED_AT.timestamp()))
        signature = b64encode(self.key.sign(f"{stamp}|".encode() + body)).decode()
        headers = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": stamp}
        return hub.Delivery("POST", URL, headers, body, RECEIVED_AT)

    def test_a_time_that_was_changed_is_forged(self) -> None:
        [delivery, *_] = self.genuine()
        stamp = str(int(delivery.headers["telnyx-timestamp"]) + 1)
        self.refuses(self.webhook(), replace(delivery, headers={**delivery.headers, "telnyx-timestamp": stamp}))


OWN: dict[str, Any] = {
    "format": "query",
    "proof": {"kind": "hmac", "name": "X-Sig", "prefix": "v1=", "encoding": "base64", "digest": "sha512"},
    "fields": {"id": "call", "from": ["caller", "ani"], "to": "called", "recording.id": "rec", "recording.url": "url"},
    "values": {"direction": {"1": "inbound"}},
    "plus": ["from"],
    "events": [{"when": {"state": "up"}, "event": "ended", "set": {"duration": 5}, "without": ["to"]}],
}


def test_a_mapping_of_ones_own() -> None:
    webhook = Webhook(CallsSettings.model_validate({"token": "t", "mapping": OWN}), setup("pbx", ours=(LINE,)))
    url = f"{URL}?call=7&ani=4930901820&state=up&rec=r1&url=/r1.wav"
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    delivery = hub.Delivery("GET", url, {"x-sig": f"v1={hmac_base64('t', b'', 'sha512')}"}, b"", at)
    webhook.verify(delivery)
    [event] = webhook.parse(delivery)
    assert isinstance(event, hub.Event)
    assert isinstance(event.facts, hub.Call)
    assert (event.key, event.facts.duration, event.facts.outcome) == ("pbx:7", 5, "completed")
    assert [each.handle for each in event.facts.participants or ()] == ["tel:+4930901820"]
    assert [(each.id, each.url) for each in event.facts.recordings] == [("r1", "/r1.wav")]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"sender": "nobody"}, "aircall, placetel, sipgate"),
        ({"sender": "sipgate", "mapping": OWN}, "set one"),
        ({"mapping": {**OWN, "events": []}}, "mapping.events"),
        ({"mapping": {**OWN, "events": [{"event": "rang"}]}}, "mapping.events.0.event"),
        ({"mapping": {**OWN, "fields": {"from": "a"}}}, '"id" of the call'),
        ({"mapping": {**OWN, "fields": {"id": "a", "caller": "b"}}}, "mapping.fields.caller"),
        ({"mapping": {**OWN, "proof": {"kind": "hmac"}}}, "needs a name"),
        ({"mapping": {**OWN, "proof": {"kind": "none"}}}, "mapping.proof.kind"),
    ],
)
def test_a_mapping_that_is_none_is_named_with_its_place(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CallsSettings.model_validate({"token": "s3cret-1", **wrong})
    places = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in refused.value.errors()]
    assert any(named in place for place in places), places
    assert "s3cret-1" not in str(refused.value)


def test_a_key_that_is_none_is_misconfigured() -> None:
    mapping = TestSignedWithEd25519.mapping
    for token in ("not base64", b64encode(b"short").decode()):
        with pytest.raises(hub.Misconfigured, match="public key"):
            Webhook(CallsSettings.model_validate({"token": token, "mapping": mapping}), setup("pbx"))


def test_what_is_shipped_is_read_as_somebodys_own_would_be() -> None:
    for path in SENDERS.glob("*.toml"):
        assert Mapping.shipped(path.stem) == Mapping.model_validate(tomllib.loads(path.read_text("utf-8")))


def test_the_mapping_in_the_docs_makes_a_missed_call_of_its_form() -> None:
    text = (Path(__file__).parents[2] / "docs" / "CALL-SENDERS.md").read_text("utf-8")
    [table] = [each for each in text.split("```") if each.startswith("toml") and "mapping" in each]
    [form] = [each for each in text.split("```") if each.startswith("\nstate=")]
    mapping = tomllib.loads(table.removeprefix("toml"))["sources"]["office"]["mapping"]
    agents = (hub.Agent("ada", "Ada", (), ("office/21",)),)
    webhook = Webhook(
        CallsSettings.model_validate({"token": "t", "mapping": mapping}),
        setup("office", region="DE", ours=(LINE,), agents=agents),
    )
    ring, up, down = (
        event
        for line in form.split()
        for event in webhook.parse(hub.Delivery("POST", URL, {}, line.encode(), RECEIVED_AT))
    )
    outcomes = [
        fold_calls([("office", event) for event in story], frozenset({LINE})).outcome
        for story in ((ring, down), (ring, up, down))
    ]
    assert outcomes == ["missed", "completed"]
