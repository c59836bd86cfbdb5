"""The suite that every sender has to pass, and what is WhatsApp's own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest

import hub
from connectors.whatsapp import Fetcher, Sender
from connectors.whatsapp.payloads import said
from connectors.whatsapp.settings import WhatsAppSettings
from tests.contracts.connector import setup
from tests.contracts.sender import Came, SenderContract, Where
from tests.fakes.graph import LI_PHONE, LI_USER, NUMBER, TOKEN, Graph, graph

SETUP = setup("whatsapp")


@pytest.fixture
async def server() -> AsyncIterator[Graph]:
    async with graph() as running:
        yield running


def settings(port: int, token: str = TOKEN) -> WhatsAppSettings:
    given = {"phone_number_id": NUMBER, "app_secret": "a-secret-of-tests", "verify_token": "a-word-of-tests"}
    return WhatsAppSettings.model_validate({**given, "access_token": token, "api_url": f"http://127.0.0.1:{port}"})


class TestSender(SenderContract):
    marker: ClassVar[bytes] = b'"messaging_product"'

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
        return Where(f"{NUMBER}/{LI_USER}", f"whatsapp:{NUMBER}", f"tel:+{LI_PHONE}")

    def unknown(self) -> Sequence[Where]:
        ours = f"whatsapp:{NUMBER}"
        return (Where(f"{NUMBER}/1", ours, "tel:+4930123456"), Where(f"{NUMBER}/1", ours, "mailto:li@example.test"))

    async def came(self, count: int) -> Sequence[Came]:
        assert len(self.server.said) >= count
        return [Came(about["text"]["body"]) for _, about in self.server.said]

    async def told(self, port: int) -> Sequence[hub.Event]:
        # What is written in the app beside us comes like this; of what we send Meta tells only what became of it.
        found = []
        for place, (whom, about) in enumerate(self.server.said, 1):
            echo = {"from": "1", "to": whom, "to_user_id": LI_USER, "id": f"wamid.{place}"}
            echo |= {"timestamp": str(int(time.time())), "type": "text", "text": about["text"]}
            found += [each for each in said(_payload(message_echoes=[echo]), NUMBER) if isinstance(each, hub.Event)]
        return found


def _payload(**value: Any) -> dict[str, Any]:
    value |= {"metadata": {"phone_number_id": NUMBER}}
    field = "smb_message_echoes" if "message_echoes" in value else "messages"
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": field, "value": value}]}],
    }


def letter(**changed: Any) -> hub.Letter:
    given = {"key": "letter:1", "sender": f"whatsapp:{NUMBER}", "recipients": (f"tel:+{LI_PHONE}",), "raw": b"Hello"}
    return hub.Letter(**{**given, **changed})


async def test_who_hides_her_number_is_reached_by_her_user_id(server: Graph) -> None:
    sender = Sender(settings(server.port), SETUP)
    try:
        await sender.send(letter(recipients=(f"whatsapp:{LI_USER}",)))
    finally:
        await sender.close()
    ((whom, about),) = server.said
    assert whom == about["recipient"] == LI_USER


async def test_a_template_goes_with_its_language_and_its_gaps_in_order(server: Graph) -> None:
    sender = Sender(settings(server.port), SETUP)
    try:
        values = {"2": "Monday", "1": "Li Na"}
        await sender.send(letter(template=hub.Template(id="order_ready/zh_CN", values=values)))
        await sender.send(letter(template=hub.Template(id="order_ready", values={"name": "Li Na"})))
    finally:
        await sender.close()
    (_, numbered), (_, named) = server.said
    assert numbered["template"] == {
        "name": "order_ready",
        "language": {"code": "zh_CN"},
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "Li Na"}, {"type": "text", "text": "Monday"}]}
        ],
    }
    gap = {"type": "text", "text": "Li Na", "parameter_name": "name"}
    assert named["template"]["components"][0]["parameters"] == [gap]


async def test_a_number_that_says_too_much_waits(server: Graph) -> None:
    server.busy = 1
    sender = Sender(settings(server.port), SETUP)
    try:
        with pytest.raises(hub.Unavailable, match="Rate limit hit"):
            await sender.send(letter())
    finally:
        await sender.close()


async def test_media_is_fetched_from_meta_alone(server: Graph) -> None:
    server.files["M1"] = ("image/jpeg", b"\xff\xd8\xff of the tests")
    fetcher = Fetcher(settings(server.port), SETUP)
    try:
        assert await fetcher.fetch(hub.File("M1"), 1000) == hub.Media("image/jpeg", b"\xff\xd8\xff of the tests")
        with pytest.raises(hub.Unsupported):
            await fetcher.fetch(hub.File("M1"), 5)
        server.elsewhere = "https://evil.example/M1"
        with pytest.raises(hub.Unsupported, match="not its own"):
            await fetcher.fetch(hub.File("M1"), 1000)
    finally:
        await fetcher.close()


def test_free_text_is_taken_for_a_day() -> None:
    assert Sender.speech[hub.Channel.CHAT].window == timedelta(hours=24)
    assert not Sender(settings(1, "").model_copy(update={"access_token": None}), SETUP).ready
