"""The suite that every sender has to pass, and what is Feishu's own."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

import pytest

import hub
from connectors.feishu import Fetcher, Sender
from connectors.feishu.messages import said
from connectors.feishu.settings import FeishuSettings
from tests.contracts.connector import setup
from tests.contracts.sender import Came, SenderContract, Where
from tests.fakes.feishu import APP, CHAT, SECRET, Feishu, feishu

SETUP = setup("feishu")


@pytest.fixture
async def server() -> AsyncIterator[Feishu]:
    async with feishu() as running:
        yield running


def settings(port: int, secret: str = SECRET) -> FeishuSettings:
    given = {"app_id": APP, "encrypt_key": "a-key-of-tests", "verification_token": "a-word-of-tests"}
    return FeishuSettings.model_validate({**given, "app_secret": secret, "api_url": f"http://127.0.0.1:{port}"})


class TestSender(SenderContract):
    marker: ClassVar[bytes] = b"receive_id_type="
    idempotent = True

    @pytest.fixture(autouse=True)
    async def provider(self, server: Feishu) -> None:
        self.server = server

    @pytest.fixture
    async def provider_port(self, provider: None) -> int:
        return self.server.port

    def sender(self, port: int) -> hub.Sender:
        return Sender(settings(port), SETUP)

    def refused(self, port: int) -> hub.Sender:
        return Sender(settings(port, "not-the-secret"), SETUP)

    def where(self) -> Where:
        # The bot's own messages have no open id in events: it is known by the app.
        return Where(CHAT, "", "feishu:tenant1/ou_1")

    def unknown(self) -> Sequence[Where]:
        return (Where("oc_nowhere", f"feishu:{APP}", "feishu:tenant1/ou_1"),)

    async def came(self, count: int) -> Sequence[Came]:
        assert len(self.server.said) >= count
        return [Came(json.loads(about["content"])["text"]) for _, about in self.server.said]

    async def told(self, port: int) -> Sequence[hub.Event]:
        found = []
        for _, about in self.server.said:
            message = {"message_id": about["message_id"], "create_time": str(int(time.time() * 1000)), "chat_id": CHAT}
            message |= {"message_type": "text", "content": about["content"]}
            header = {"event_type": "im.message.receive_v1", "app_id": APP, "tenant_key": "tenant1"}
            event = {"sender": {"sender_type": "app", "sender_id": {}}, "message": message}
            found += [each for each in said({"header": header, "event": event}, APP) if isinstance(each, hub.Event)]
        return found


async def test_a_token_that_has_run_out_is_renewed(server: Feishu) -> None:
    sender = Sender(settings(server.port), SETUP)
    letter = hub.Letter(key="letter:1", sender=f"feishu:{APP}", recipients=(), raw=b"one", conversation=CHAT)
    try:
        await sender.send(letter)
        server.expire()
        await sender.send(hub.Letter(key="letter:2", sender="", recipients=(), raw=b"two", conversation=CHAT))
    finally:
        await sender.close()
    assert (server.tokens, len(server.said)) == (2, 2)


async def test_in_a_topic_one_answers_in_the_topic(server: Feishu) -> None:
    sender = Sender(settings(server.port), SETUP)
    where = {"conversation": f"{CHAT}/omt_1", "answers": "feishu:om_3"}
    try:
        await sender.send(hub.Letter(key="letter:1", sender="", recipients=(), raw=b"Sent", **where))
    finally:
        await sender.close()
    ((answered, about),) = server.said
    assert (answered, about["reply_in_thread"]) == ("om_3", True)


async def test_files_are_asked_for_with_their_message(server: Feishu) -> None:
    server.files["img_1"] = b"\x89PNG of the tests"
    fetcher = Fetcher(settings(server.port), SETUP)
    try:
        media = await fetcher.fetch(hub.File("om_2/image/img_1", media_type="image/jpeg"), 1000)
        assert media == hub.Media("image/png", b"\x89PNG of the tests")
        with pytest.raises(hub.Unsupported):
            await fetcher.fetch(hub.File("om_2/image/img_1"), 5)
        with pytest.raises(hub.Unsupported, match="not in msg"):
            await fetcher.fetch(hub.File("om_2/image/img_2"), 1000)
    finally:
        await fetcher.close()
