"""The suite that every sender has to pass, and what is DingTalk's own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import ClassVar

import pytest
from pydantic import ValidationError

import hub
from connectors.dingtalk import Fetcher, Sender
from connectors.dingtalk.messages import event
from connectors.dingtalk.settings import DingTalkSettings
from tests.contracts.connector import setup
from tests.contracts.sender import Came, SenderContract, Where
from tests.fakes.dingtalk import APP, GROUP, ROBOT, SECRET, WHOM, DingTalk, dingtalk

SETUP = setup("dingtalk")


@pytest.fixture
async def server() -> AsyncIterator[DingTalk]:
    async with dingtalk() as running:
        yield running


def settings(port: int, secret: str = SECRET, **changed: object) -> DingTalkSettings:
    given = {"app_key": APP, "app_secret": secret, "robot_code": ROBOT, "api_url": f"http://127.0.0.1:{port}"}
    return DingTalkSettings.model_validate({**given, **changed})


class _Sender(SenderContract):
    place: ClassVar[str]

    @pytest.fixture(autouse=True)
    async def provider(self, server: DingTalk) -> None:
        self.server = server

    @pytest.fixture
    async def provider_port(self, provider: None) -> int:
        return self.server.port

    def sender(self, port: int) -> hub.Sender:
        return Sender(settings(port), SETUP)

    def refused(self, port: int) -> hub.Sender:
        return Sender(settings(port, "not-the-secret"), SETUP)

    def where(self) -> Where:
        return Where(self.place, f"dingtalk:{ROBOT}", f"dingtalk:ding0001/{WHOM}")

    async def came(self, count: int) -> Sequence[Came]:
        assert len(self.server.said) >= count
        return [Came(text) for _, text in self.server.said]

    async def told(self, port: int) -> Sequence[hub.Event]:
        # DingTalk tells a robot nothing of what it said: in the shape of a message it would be this.
        found = []
        for number, (where, text) in enumerate(self.server.said, 1):
            message = {"msgId": f"pqk{number}", "createAt": int(time.time() * 1000), "msgtype": "text"}
            message |= {"text": {"content": text}, "conversationType": "2" if where == GROUP else "1"}
            message |= {"conversationId": where, "senderStaffId": WHOM, "senderCorpId": "ding0001"}
            said = event(message, ROBOT)
            assert said is not None
            assert isinstance(said.facts, hub.Message)
            by_us = hub.Participant(f"dingtalk:{ROBOT}", hub.Role.SENDER)
            found.append(replace(said, facts=hub.Message(participants=(by_us,), text=said.facts.text)))
        return found


class TestAlone(_Sender):
    place = f"to/{WHOM}"
    marker: ClassVar[bytes] = b"/oToMessages/"

    def unknown(self) -> Sequence[Where]:
        return (Where("to/nobody", "", ""), Where("somewhere", "", ""))


class TestGroup(_Sender):
    place = f"in/{GROUP}"
    marker: ClassVar[bytes] = b"/groupMessages/"

    def unknown(self) -> Sequence[Where]:
        return (Where("in/cidother==", "", ""),)


async def test_files_are_fetched_with_nothing_secret_and_never_from_our_own_network(server: DingTalk) -> None:
    server.files["dl1"] = b"\xff\xd8\xff of the tests"
    fetcher = Fetcher(settings(server.port), SETUP)
    try:
        media = await fetcher.fetch(hub.File("dl1", media_type="image/jpeg"), 1000)
        assert media == hub.Media("image/jpeg", b"\xff\xd8\xff of the tests")
        server.elsewhere = "http://127.0.0.1:80/secret"
        with pytest.raises(hub.Unsupported):
            await fetcher.fetch(hub.File("dl1"), 1000)
    finally:
        await fetcher.close()


def test_a_key_that_is_none_says_so() -> None:
    with pytest.raises(ValidationError, match="43 letters"):
        settings(1, aes_key="short")
