"""WeChat customer service: what is told there, and with which word it is asked for."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

import hub
from connectors.wecom import Connector, Fetcher, Sender
from connectors.wecom.messages import of_customer_service
from tests.connectors.wecom.conftest import SETUP, settings
from tests.contracts.connector import heard
from tests.fakes.wecom import ACCOUNT, CORP, CUSTOMER, WeCom


def told(**changed: Any) -> hub.Item | None:
    message = {"msgid": "m1", "open_kfid": ACCOUNT, "external_userid": CUSTOMER, "send_time": 1772442000, "origin": 3}
    return of_customer_service({**message, **changed}, CORP)


def system(**event: Any) -> hub.Item | None:
    about = {"open_kfid": ACCOUNT, "external_userid": CUSTOMER, **event}
    return of_customer_service({"msgtype": "event", "origin": 4, "send_time": 1772442060, "event": about}, CORP)


def facts(item: hub.Item | None) -> hub.Message:
    assert isinstance(item, hub.Event)
    assert isinstance(item.facts, hub.Message)
    return item.facts


def test_customer_and_colleague_are_told_apart() -> None:
    by_customer = told(msgtype="text", text={"content": "订单9发货了吗？"})
    assert isinstance(by_customer, hub.Event)
    assert (by_customer.key, by_customer.conversation) == ("wecom:m1", f"kf/{ACCOUNT}/{CUSTOMER}")
    assert facts(by_customer).participants == (
        hub.Participant(f"wecom:{CORP}/{CUSTOMER}", hub.Role.SENDER),
        hub.Participant(f"wecom:{ACCOUNT}", hub.Role.RECIPIENT),
    )
    by_us = told(origin=5, servicer_userid="zhangsan", msgtype="text", text={"content": "发货了"})
    assert facts(by_us).participants == (
        hub.Participant(f"wecom:{ACCOUNT}", hub.Role.SENDER, "zhangsan"),
        hub.Participant(f"wecom:{CORP}/{CUSTOMER}", hub.Role.RECIPIENT),
    )


@pytest.mark.parametrize(
    ("kind", "about", "text", "files"),
    [
        ("image", {"media_id": "M1"}, "", [("M1", "image/jpeg")]),
        ("voice", {"media_id": "M2"}, "", [("M2", "audio/amr")]),
        ("file", {"media_id": "M3"}, "", [("M3", "")]),
        (
            "location",
            {"latitude": 52.5, "longitude": 13.4, "name": "Lager", "address": "Hafenstr. 1"},
            "Lager\nHafenstr. 1\ngeo:52.5,13.4",
            [],
        ),
        ("link", {"title": "Lamp", "url": "https://shop.example/1"}, "Lamp\nhttps://shop.example/1", []),
        ("business_card", {"userid": "lisi"}, "[business_card]", []),
    ],
)
def test_whatever_is_sent_stands_there(kind: str, about: dict[str, Any], text: str, files: list[Any]) -> None:
    said = facts(told(msgtype=kind, **{kind: about}))
    assert said.text == text
    assert [(file.id, file.media_type) for file in said.files or ()] == files


def test_what_is_taken_back_is_gone_and_what_failed_says_why() -> None:
    gone = system(event_type="user_recall_msg", recall_msgid="m1")
    assert isinstance(gone, hub.Event)
    assert (gone.key, facts(gone).deleted) == ("wecom:m1", True)
    failed = system(event_type="msg_send_fail", fail_msgid="m2", fail_type=4)
    assert isinstance(failed, hub.Receipt)
    assert (failed.key, failed.state) == ("wecom:m2", hub.Delivered.FAILED)
    assert "48 hours" in failed.reason
    assert system(event_type="enter_session", scene="123") is None


def test_what_cannot_be_read_is_kept_with_the_reason() -> None:
    broken = told(msgtype="text")
    assert isinstance(broken, hub.Unreadable)
    assert "KeyError" in broken.reason


async def test_the_word_of_the_callback_is_used_and_a_stale_one_forgotten(server: WeCom) -> None:
    connector = Connector(settings(server.port, poll_seconds=3600), SETUP)
    server.hears("before")
    async with aclosing(connector.listen(None)) as arrivals:
        await heard(arrivals, 1)
        for word in ("good", "stale"):
            server.hears(f"with a {word} word")
            await connector.wake(word)
            await heard(arrivals, 1)
    assert server.words == ["", "good", "stale", ""]


async def test_a_token_that_ran_out_is_renewed_once(server: WeCom) -> None:
    sender = Sender(settings(server.port), SETUP)
    letter = hub.Letter(
        key="letter:1",
        sender="",
        recipients=(),
        raw=b"one",
        channel=hub.Channel.CHAT,
        conversation=f"kf/{ACCOUNT}/{CUSTOMER}",
    )
    try:
        await sender.send(letter)
        server.expired = True
        await sender.send(replace(letter, key="letter:2", raw=b"two"))
        server.full = True
        with pytest.raises(hub.Unsupported, match="five messages"):
            await sender.send(replace(letter, key="letter:3"))
    finally:
        await sender.close()
    assert [text for _, text, _ in server.said] == ["one", "two"]


async def test_an_account_that_is_none_of_ours_is_a_matter_of_the_config(server: WeCom) -> None:
    async with aclosing(Connector(settings(server.port, customer_service=["wkOther"]), SETUP).listen(None)) as arrivals:
        with pytest.raises(hub.Misconfigured, match=r"customer_service of sources\.wecom"):
            await anext(arrivals)


async def test_files_are_fetched_while_wecom_keeps_them(server: WeCom) -> None:
    server.files["M1"] = b"\xff\xd8\xff of the tests"
    fetcher = Fetcher(settings(server.port), SETUP)
    try:
        media = await fetcher.fetch(hub.File("M1", media_type="image/jpeg"), 1000)
        assert media == hub.Media("image/jpeg", b"\xff\xd8\xff of the tests")
        with pytest.raises(hub.Unsupported, match="invalid media_id"):
            await fetcher.fetch(hub.File("gone"), 1000)
        with pytest.raises(hub.Unsupported):
            await fetcher.fetch(hub.File("M1"), 3)
    finally:
        await fetcher.close()


def test_what_cannot_work_is_said_at_once() -> None:
    with pytest.raises(ValidationError, match="43 letters"):
        settings(1, aes_key="short")
    with pytest.raises(ValidationError, match="customer_service needs the secret"):
        settings(1, secret=None)
