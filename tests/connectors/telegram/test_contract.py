"""The suites that every connector and every sender has to pass, and what is Telegram's own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from pydantic import ValidationError

import hub
from connectors.telegram import Connector, Fetcher, Sender
from connectors.telegram.updates import Chat, events
from tests.connectors.telegram.conftest import SETUP, settings
from tests.contracts.connector import ConnectorContract, heard
from tests.contracts.sender import Came, SenderContract, Where
from tests.fakes.telegram import LI, Telegram

CHAT = Chat("123456", str(LI["id"]))


class TestConnector(ConnectorContract):
    @pytest.fixture(autouse=True)
    async def provider(self, server: Telegram) -> None:
        self.server = server

    @pytest.fixture
    async def provider_port(self, provider: None) -> int:
        return self.server.port

    def connector(self, port: int) -> hub.Connector:
        return Connector(settings(port), SETUP)

    def refused(self, port: int) -> hub.Connector:
        return Connector(settings(port, token="123456:not-the-token-of-it"), SETUP)

    def put(self, names: Sequence[str]) -> None:
        for name in names:
            self.server.write(name)

    def name(self, item: hub.Item) -> str:
        assert isinstance(item, hub.Event)
        assert isinstance(item.facts, hub.Message)
        return item.facts.text or ""


class TestSender(SenderContract):
    marker: ClassVar[bytes] = b"/sendMessage"

    @pytest.fixture(autouse=True)
    async def provider(self, server: Telegram) -> None:
        self.server = server

    @pytest.fixture
    async def provider_port(self, provider: None) -> int:
        return self.server.port

    def sender(self, port: int) -> hub.Sender:
        return Sender(settings(port), SETUP)

    def refused(self, port: int) -> hub.Sender:
        return Sender(settings(port, token="123456:not-the-token-of-it"), SETUP)

    def where(self) -> Where:
        return Where(CHAT.conversation, "telegram:123456", f"telegram:{LI['id']}")

    def unknown(self) -> Sequence[Where]:
        return (Where("123456/9", "telegram:123456", "telegram:9"), Where("somewhere", "telegram:123456", "telegram:9"))

    async def came(self, count: int) -> Sequence[Came]:
        assert len(self.server.said) >= count
        return [
            Came(each.message.get("text") or each.message.get("caption") or "", each.files) for each in self.server.said
        ]

    async def told(self, port: int) -> Sequence[hub.Event]:
        # Telegram tells a bot nothing of what it said itself; in the shape of an update it would be this.
        return [event for each in self.server.said for event in _by_bot(each.message)]


def _by_bot(message: dict[str, object]) -> list[hub.Event]:
    return events({"update_id": 1, "message": message}, "123456", datetime.now(UTC))


async def test_nothing_is_taken_from_telegram_before_it_is_durable(server: Telegram) -> None:
    server.write("one")
    server.write("two")
    connector = Connector(settings(server.port), SETUP)
    async with aclosing(connector.listen(None)) as arrivals:
        first, second = await heard(arrivals, 2)
        assert first.cursor is not None
        await connector.committed(first.cursor)
        server.write("three")
        await heard(arrivals, 1)
        assert [each["message"]["text"] for each in server.waiting] == ["two", "three"]
        assert second.cursor is not None


async def test_where_a_webhook_is_set_nobody_may_ask(server: Telegram) -> None:
    server.webhook = True
    async with aclosing(Connector(settings(server.port), SETUP).listen(None)) as arrivals:
        with pytest.raises(hub.Misconfigured, match="webhook is active"):
            await anext(arrivals)


async def test_who_stopped_the_bot_is_not_written_to(server: Telegram) -> None:
    server.blocked.add(int(str(LI["id"])))
    sender = Sender(settings(server.port), SETUP)
    letter = hub.Letter(
        key="letter:1", sender="telegram:123456", recipients=(), raw=b"Hello", conversation=CHAT.conversation
    )
    try:
        with pytest.raises(hub.Unsupported, match="blocked by the user"):
            await sender.send(letter)
    finally:
        await sender.close()


async def test_an_answer_in_a_topic_of_a_group_stands_below_what_it_answers(server: Telegram) -> None:
    server.chats.add(-1001)
    sender = Sender(settings(server.port), SETUP)
    group = Chat("123456", "-1001", topic="4")
    letter = hub.Letter(
        key="letter:1",
        sender="telegram:123456",
        recipients=(),
        raw=b"Hello",
        conversation=group.conversation,
        answers=group.key(13),
    )
    two = (hub.Enclosure("a.txt", "text/plain", b"a"), hub.Enclosure("b.txt", "text/plain", b"b"))
    try:
        await sender.send(letter)
        await sender.send(replace(letter, enclosures=two))
    finally:
        await sender.close()
    said, *files = server.said
    assert said.about is not None
    assert said.about["message_thread_id"] == 4
    assert said.about["reply_parameters"] == {"message_id": 13, "allow_sending_without_reply": True}
    assert [each.files for each in files] == [(("a.txt", b"a"),), (("b.txt", b"b"),)]
    assert [each.message["caption"] for each in files] == ["Hello", ""]


async def test_files_are_fetched_up_to_what_is_allowed(server: Telegram) -> None:
    server.files["F1"] = b"%PDF-1.7 of the tests"
    fetcher = Fetcher(settings(server.port), SETUP)
    try:
        media = await fetcher.fetch(hub.File("F1", "offer.pdf", "application/pdf"), 1000)
        assert media == hub.Media("application/pdf", b"%PDF-1.7 of the tests")
        with pytest.raises(hub.Unsupported):
            await fetcher.fetch(hub.File("F1", "offer.pdf", "application/pdf"), 5)
        with pytest.raises(hub.Unsupported):
            await fetcher.fetch(hub.File("F1", size=21 << 20), 100 << 20)
        with pytest.raises(hub.Unsupported):
            await fetcher.fetch(hub.File("unknown"), 1000)
    finally:
        await fetcher.close()


@pytest.mark.parametrize("wrong", [{"token": "no token"}, {"secret": "short"}, {"api_url": "http://api.telegram.org"}])
def test_settings_that_cannot_be_right_say_so(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(1, **wrong)


def test_the_bot_is_ours() -> None:
    assert settings(1).own == ("telegram:123456",)
