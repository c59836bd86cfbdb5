"""WeCom's door: messages to an app, and word that customer service has news; all of it sealed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import hub
from connectors.wecom.messages import document, to_app
from connectors.wecom.settings import WeComSettings
from hub import Changed, Delivery, Event, Forged, Malformed, Reply, Setup, Step, Unsupported
from hub.formats import sealed
from hub.formats.signing import equal

SKEW_SECONDS = 3600
"""WeCom repeats a delivery within seconds; what is older was played back."""


class Webhook(hub.Webhook):
    """Sealed and signed whole (https://developer.work.weixin.qq.com/document/path/90968). What it says is read from
    inside the seal; the envelope's own fields are not believed."""

    Settings = WeComSettings

    undetectable: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, settings: WeComSettings, setup: Setup) -> None:
        self._settings = settings
        self._token = settings.token.get_secret_value()
        self._key = settings.key
        self._source = setup.name
        self._url = setup.webhook_url

    def advice(self) -> Sequence[str]:
        """What is entered on the app's pages."""
        lines = [f"at WeCom, the app, Receive messages, API: {self._url}, with token and aes_key"]
        if self._settings.customer_service:
            lines.append(f"at WeCom, WeChat customer service, API, callback: {self._url}, with the same two")
        return lines

    def verify(self, delivery: Delivery) -> None:
        """The signature, and that the seal opens and is meant for us."""
        self._opened(delivery)

    def parse(self, delivery: Delivery) -> Sequence[Event | Changed]:
        """A message to the app, or that customer service has news. WeCom's question whether we are there says
        nothing."""
        if delivery.method == "GET":
            return ()
        try:
            message = document(self._opened(delivery))
        except ValueError as error:
            raise Unsupported(f"What was sealed cannot be read: {error}") from None
        if message.findtext("Event") == "kf_msg_or_event":
            return (Changed(self._source, message.findtext("Token", "")),)
        said = to_app(message, self._settings)
        return (said,) if said else ()

    def reply(self, delivery: Delivery, step: Step | None = None) -> Reply:
        """What was sealed in WeCom's question, else the word that it takes for yes."""
        return Reply(200, self._opened(delivery) if delivery.method == "GET" else b"success")

    def _opened(self, delivery: Delivery) -> bytes:
        """What is inside. Raises `Malformed`, `Forged`."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(delivery.url).query).items()}
        stamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        text = query.get("echostr", "") if delivery.method == "GET" else _sealed(delivery.body)
        if not equal(sealed.signature(self._token, stamp, nonce, text), query.get("msg_signature", "")):
            raise Forged("The signature does not match: check token.")
        digits = stamp.isascii() and stamp.isdigit() and len(stamp) < 13
        if not digits or abs(int(stamp) - delivery.received_at.timestamp()) > SKEW_SECONDS:
            raise Forged("The request is of another time.")
        try:
            envelope = sealed.opened(self._key, text)
        except sealed.NotSealed:
            raise Forged("It was sealed with another key: check aes_key.") from None
        if envelope.receiver != self._settings.corp_id:
            raise Forged("It is meant for another firm: check corp_id.")
        return envelope.message


def _sealed(body: bytes) -> str:
    try:
        text = document(body).findtext("Encrypt")
    except ValueError as error:
        raise Malformed(f"The body cannot be read: {error}") from None
    if not text:
        raise Malformed('The body has no "Encrypt".')
    return text
