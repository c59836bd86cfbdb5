"""The door of WebSub."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

import pytest

import hub
from connectors.feed.entries import event
from connectors.feed.reading import read
from connectors.feed.websub import secret
from hub.formats.signing import Digest, hmac_hex
from tests.contracts.recordings import recordings, source, webhook
from tests.contracts.webhook import WebhookContract

(FEED,) = source("feed")["sources"]["videos"]["urls"]


def recording(name: str) -> hub.Delivery:
    (found,) = [each for each in recordings("feed") if each.path.name == name]
    return found.delivery()


def signed(body: bytes, digest: Digest = "sha256") -> hub.Delivery:
    """*body* as the hub would send it."""
    delivery = recording("video")
    door = webhook("feed")
    about = dict(part.split("=") for part in delivery.url.partition("?")[2].split("&"))
    topic = "https://www.youtube.com/xml/feeds/videos.xml?channel_id=UC0000000000000000000001"
    key = secret(door.Settings.model_validate(settings()), about["feed"], topic)  # type: ignore[arg-type]
    return replace(
        delivery, body=body, headers={**delivery.headers, "x-hub-signature": f"{digest}={hmac_hex(key, body, digest)}"}
    )


def settings() -> dict[str, object]:
    return {name: value for name, value in source("feed")["sources"]["videos"].items() if name != "provider"}


class TestContract(WebhookContract):
    signed_by = ("x-hub-signature",)

    def webhook(self) -> hub.Webhook:
        return webhook("feed")

    def strangers(self) -> Sequence[hub.Webhook]:
        return [
            webhook("feed", secret="another-secret"),
            webhook("feed", urls=["https://news.example.org/"]),
            webhook("feed", websub=False),
        ]

    def genuine(self) -> Sequence[hub.Delivery]:
        return [each.delivery() for each in recordings("feed") if each.delivery().method == "POST"]


def test_every_digest_of_the_specification_is_known() -> None:
    body = recording("video").body
    for digest in ("sha1", "sha256", "sha384", "sha512"):
        webhook("feed").verify(signed(body, digest))
    with pytest.raises(hub.Forged):
        webhook("feed").verify(replace(recording("video"), headers={"x-hub-signature": "md5=00"}))


def test_a_wrong_signature_is_answered_as_a_right_one_and_dropped() -> None:
    assert webhook("feed").swallows


def test_what_is_pushed_has_the_key_and_id_of_what_is_read() -> None:
    delivery = recording("video")
    (pushed,) = webhook("feed").parse(delivery)
    (entry,) = read(delivery.body, FEED, {}, 200).entries
    read_later = event(entry, FEED, delivery.received_at)
    assert isinstance(pushed, hub.Event)
    assert (pushed.key, pushed.id) == (read_later.key, read_later.id)


def test_a_ping_without_entries_wakes_the_connector() -> None:
    for body in (
        b"",
        b"nothing that can be read",
        b'<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title></feed>',
    ):
        delivery = signed(body)
        webhook("feed").verify(delivery)
        assert list(webhook("feed").parse(delivery)) == [hub.Changed("videos")]


def test_a_challenge_is_answered_only_for_what_we_asked_for() -> None:
    asked = recording("asked-whether-we-subscribed")
    assert webhook("feed").reply(asked).body == b"abc123"
    topic = quote("https://www.youtube.com/xml/feeds/videos.xml?channel_id=UC0000000000000000000001", safe="")
    others = {
        "another token": asked.url.replace("token=", "token=0"),
        "no token": asked.url.replace("token=", "nothing="),
        "another topic": asked.url.replace(f"hub.topic={topic}", "hub.topic=https%3A%2F%2Fother.example%2F"),
        "another feed": asked.url.replace("feed=", "feed=0"),
        "a topic of its own": asked.url.replace(f"&topic={topic}", "&topic=https%3A%2F%2Fother.example%2F"),
        "unsubscribing": asked.url.replace("hub.mode=subscribe", "hub.mode=unsubscribe"),
    }
    for what, url in others.items():
        assert url != asked.url, what
        reply = webhook("feed").reply(replace(asked, url=url))
        assert (reply.status, reply.body) == (404, b""), what
        assert list(webhook("feed").parse(replace(asked, url=url))) == []
    for stranger in (webhook("feed", secret="another"), webhook("feed", websub=False)):
        assert stranger.reply(asked).status == 404


def test_a_denied_subscription_is_logged_and_polling_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert list(webhook("feed").parse(recording("denied"))) == []
    assert f"does not tell us of {FEED}" in caplog.text


def test_who_does_not_ask_for_hubs_is_told_nothing_of_them() -> None:
    assert webhook("feed", websub=False).advice() == ()
    assert "https://hub.example.org/webhooks/videos" in webhook("feed").advice()[0]
