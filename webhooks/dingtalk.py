"""DingTalk's door: messages to a robot, which are signed, and the app's events, which are sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import orjson

import hub
from connectors.dingtalk.messages import event
from connectors.dingtalk.settings import DingTalkSettings
from hub import Delivery, Event, Forged, Malformed, Reply, Setup, Step, Unsupported
from hub.formats import sealed
from hub.formats.signing import equal, hmac_base64

SKEW_SECONDS = 3600
"""DingTalk's own bound for messages to robots (https://open.dingtalk.com/document/orgapp/receive-message)."""


class Webhook(hub.Webhook):
    """Of a message to a robot the time alone is signed, so that whoever hears one can alter it on the way: only TLS
    protects its words. Events are sealed and signed whole."""

    Settings = DingTalkSettings

    undetectable: ClassVar[frozenset[str]] = frozenset({"altered", "unreadable"})

    def __init__(self, settings: DingTalkSettings, setup: Setup) -> None:
        self._settings = settings
        self._secret = settings.app_secret.get_secret_value()
        self._token = settings.token.get_secret_value() if settings.token else ""
        self._key = settings.key
        self._url = setup.webhook_url

    def advice(self) -> Sequence[str]:
        """What is entered on the app's pages."""
        lines = [f"at DingTalk, Robot, HTTP mode, address for messages: {self._url}"]
        if self._token and self._key:
            lines.append(f"at DingTalk, Event subscription, HTTP push: {self._url}, with token and aes_key")
        return lines

    def verify(self, delivery: Delivery) -> None:
        """Either the robot's signature over the time, or the seal of an event."""
        if "signature" in _query(delivery) or "msg_signature" in _query(delivery):
            self._sealed(delivery)
            return
        stamp = delivery.headers.get("timestamp", "")
        words = f"{stamp}\n{self._secret}".encode("utf-8", "surrogatepass")
        if not equal(hmac_base64(self._secret, words), delivery.headers.get("sign", "")):
            raise Forged("The signature does not match: check app_secret.")
        self._of_now(stamp, delivery)

    def parse(self, delivery: Delivery) -> Sequence[Event]:
        """A message to the robot; the app's events are of no concern, but have to be taken."""
        if "signature" in _query(delivery) or "msg_signature" in _query(delivery):
            return ()
        try:
            message = orjson.loads(delivery.body)
        except orjson.JSONDecodeError:
            raise Unsupported("This is no JSON.") from None
        if not isinstance(message, dict):
            raise Unsupported("This is no message.")
        said = event(message, self._settings.robot_code)
        return (said,) if said else ()

    def reply(self, delivery: Delivery, step: Step | None = None) -> Reply:
        """Of an event DingTalk wants to read the sealed word "success"; of a message nothing."""
        query = _query(delivery)
        if "signature" not in query and "msg_signature" not in query:
            return Reply(200, b"{}", "application/json")
        receiver = self._sealed(delivery).receiver
        nonce, stamp = query.get("nonce", ""), query.get("timestamp", "")
        # The same question has the same answer: what nobody can guess comes out of the key.
        random = hashlib.blake2b(delivery.body, key=self._key, digest_size=16).digest()
        text = sealed.sealed(self._key, b"success", receiver, random)
        said = {
            "msg_signature": sealed.signature(self._token, stamp, nonce, text),
            "timeStamp": stamp,
            "nonce": nonce,
            "encrypt": text,
        }
        return Reply(200, orjson.dumps(said), "application/json")

    def _sealed(self, delivery: Delivery) -> sealed.Envelope:
        """The event inside. Raises `Malformed`, `Forged`."""
        query = _query(delivery)
        if not self._token or not self._key:
            raise Forged("An event came, and there is neither token nor aes_key.")
        try:
            text = str(_map(orjson.loads(delivery.body))["encrypt"])
        except (orjson.JSONDecodeError, KeyError):
            raise Malformed('The body is no JSON with "encrypt".') from None
        claimed = query.get("msg_signature") or query.get("signature", "")
        stamp = query.get("timestamp", "")
        if not equal(sealed.signature(self._token, stamp, query.get("nonce", ""), text), claimed):
            raise Forged("The signature does not match: check token.")
        self._of_now(stamp, delivery)
        try:
            return sealed.opened(self._key, text)
        except sealed.NotSealed:
            raise Forged("It was sealed with another key: check aes_key.") from None

    def _of_now(self, stamp: str, delivery: Delivery) -> None:
        digits = stamp.isascii() and stamp.isdigit() and len(stamp) < 16
        if not digits or abs(int(stamp) / 1000 - delivery.received_at.timestamp()) > SKEW_SECONDS:
            raise Forged("The request is of another time.")


def _query(delivery: Delivery) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(delivery.url).query).items()}


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
