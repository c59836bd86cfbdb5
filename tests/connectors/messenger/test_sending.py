"""The suite that every sender has to pass, and what is Meta's own."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

import hub
from connectors.messenger import Fetcher, Sender
from connectors.messenger.payloads import said
from connectors.messenger.settings import MessengerSettings
from tests.contracts.connector import setup
from tests.contracts.sender import Came, SenderContract, Where
from tests.fakes.graph import COMMENT, LI, PAGE, TOKEN, Graph, graph

SETUP = setup("page")


@pytest.fixture
async def server() -> AsyncIterator[Graph]:
    async with graph() as running:
        yield running


def settings(port: int, token: str = TOKEN, **changed: object) -> MessengerSettings:
    given = {"account_id": PAGE, "app_secret": "a-secret-of-tests", "verify_token": "a-word-of-tests"}
    url = f"http://127.0.0.1:{port}"
    return MessengerSettings.model_validate({**given, "access_token": token, "api_url": url, **changed})


class TestSender(SenderContract):
    marker: ClassVar[bytes] = b'"messaging_type"'

    @pytest.fixture(autouse=True)
    async def provider(self, server: Graph) -> None:
        self.server = server

    @pytest.fixture
    async def provider_port(self, provider: None) -> int:
        return self.server.port

    def sender(self, port: int) -> hub.Sender:
        return Sender(settings(port), SETUP)

    def refused(self, port: int) -> hub.Sender:
        return Sender(settings(port, "not-the-token"), SETUP)

    def where(self) -> Where:
        return Where(f"{PAGE}/{LI}", f"messenger:{PAGE}", f"messenger:{PAGE}/{LI}")

    def unknown(self) -> Sequence[Where]:
        ours = f"messenger:{PAGE}"
        return (Where(f"{PAGE}/9", ours, f"messenger:{PAGE}/9"), Where("1/9", ours, "messenger:1/9"))

    async def came(self, count: int) -> Sequence[Came]:
        assert len(self.server.said) >= count
        return [Came(about["message"]["text"]) for _, about in self.server.said]

    async def told(self, port: int) -> Sequence[hub.Event]:
        found = []
        for place, (whom, about) in enumerate(self.server.said, 1):
            message = {"mid": f"m_{place}", "is_echo": True, "app_id": 1, **about["message"]}
            echo = {"sender": {"id": PAGE}, "recipient": {"id": whom}, "timestamp": int(time.time() * 1000)}
            payload = {
                "object": "page",
                "entry": [{"id": PAGE, "time": 1, "messaging": [{**echo, "message": message}]}],
            }
            found += [each for each in said(payload, settings(port)) if isinstance(each, hub.Event)]
        return found


async def test_a_comment_is_answered_below_it(server: Graph) -> None:
    sender = Sender(settings(server.port), SETUP)

    def letter(answers: str) -> hub.Letter:
        return hub.Letter(
            key="letter:1",
            sender=f"messenger:{PAGE}",
            recipients=(),
            raw=b"Thank you",
            channel=hub.Channel.SOCIAL,
            answers=answers,
        )

    try:
        sent = await sender.send(letter(f"messenger:comment/{COMMENT}"))
        for wrong in ("messenger:comment/9_9", ""):
            with pytest.raises(hub.Unsupported):
                await sender.send(letter(wrong))
    finally:
        await sender.close()
    assert sent.key.startswith("messenger:comment/1_")
    assert server.said == [(COMMENT, {"message": "Thank you"})]


async def test_files_are_fetched_from_meta_alone(server: Graph) -> None:
    fetcher = Fetcher(settings(server.port), SETUP)
    for url in ("https://cdn.example/img.jpg", "http://scontent.fbcdn.net/img.jpg", "https://fbcdn.net.evil.example/a"):
        with pytest.raises(hub.Unsupported):
            await fetcher.fetch(hub.File("m_1/0", url=url), 1000)


async def test_what_instagram_tells_of_its_account(server: Graph) -> None:
    told = json.loads((Path(__file__).parents[2] / "data/instagram/signed-requests.json").read_text("utf-8"))
    ours = settings(1, platform="instagram", account_id="17841400000000001")
    heard: dict[str, Any] = {}
    for request in told["requests"]:
        heard[request["name"]] = said(json.loads(request["raw_body"]), ours)
    (text,), (story,), (unsent,), (comment,) = (heard[name] for name in ("text", "story-mention", "unsend", "comment"))
    whom = "17841400000000001/7000000000000001"
    assert (text.key, text.conversation, text.facts.text) == ("instagram:aWdfsynthetic1", whom, "hi")
    assert text.facts.participants[0] == hub.Participant(f"instagram:{whom}", hub.Role.SENDER)
    assert [file.url for file in story.facts.files] == ["https://cdn.example/story.mp4"]
    assert (unsent.key, unsent.facts) == (text.key, hub.Message(deleted=True))
    assert comment.channel is hub.Channel.SOCIAL
    assert (comment.facts.text, comment.facts.site) == ("@examplebrand love it", "instagram.com")
    assert heard["mention"] == []
