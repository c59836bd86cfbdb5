"""What WeCom tells, as the hub's: messages to an app (https://developer.work.weixin.qq.com/document/path/90239), and
those of WeChat customer service (https://developer.work.weixin.qq.com/document/path/94670). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

import orjson

import hub
from connectors.wecom.settings import WeComSettings, account_handle

LONGEST = 20_000

_MEDIA = {"image": "image/jpeg", "voice": "audio/amr", "video": "video/mp4", "file": ""}
_CUSTOMER, _SYSTEM, _COLLEAGUE = 3, 4, 5
_FAILED = {
    1: "the account of customer service was deleted",
    2: "the app was switched off",
    4: "the customer's last message is more than 48 hours old",
    5: "the session was closed",
    6: "more than five messages since the customer's last one",
    8: "the firm is not verified",
    10: "the customer does not want messages",
    11: "nobody of the firm is logged in at WeCom",
    12: "WeChat forbids messages of this kind",
}


class _Plain(TreeBuilder):
    def doctype(self, name: str, public: str | None, system: str | None) -> NoReturn:
        """Entities are declared in one, and WeCom has none."""
        raise ValueError("it declares a document type")


def document(text: bytes) -> Element:
    """The XML in *text*. Raises `ValueError`."""
    parser = XMLParser(target=_Plain())  # noqa: S314 — expat bounds expansion, and a document type is refused
    try:
        parser.feed(text)
        root: Element = parser.close()
        return root
    except ParseError as error:
        raise ValueError(f"it is no XML: {error}") from None


def to_app(message: Element, settings: WeComSettings) -> hub.Event | None:
    """What a colleague said to the app; None where nobody said anything. Raises `hub.Unsupported`."""
    kind = message.findtext("MsgType", "")
    if kind == "event":
        return None
    agent = message.findtext("AgentID", "")
    if agent != str(settings.agent_id):
        raise hub.Unsupported("The message is genuine and to another app than agent_id says.")
    try:
        at = datetime.fromtimestamp(int(message.findtext("CreateTime", "")), UTC)
    except (ValueError, OverflowError):
        raise hub.Unsupported("the message has no time that can be read") from None
    whom = message.findtext("FromUserName", "")
    if not whom:
        raise hub.Unsupported("the message does not say who wrote it")
    id = message.findtext("MsgId") or f"{whom}-{message.findtext('CreateTime')}"
    text, files = _of_app(kind, message)
    facts = hub.Message(
        participants=(
            hub.Participant(f"wecom:{settings.corp_id}/{whom}", hub.Role.SENDER),
            hub.Participant(settings.app, hub.Role.RECIPIENT),
        ),
        text=text[:LONGEST],
        sent_at=at,
        ident=id,
        files=files,
    )
    return _event(id, "sent", at, facts, f"app/{whom}")


def _of_app(kind: str, message: Element) -> tuple[str, tuple[hub.File, ...]]:
    if kind == "text":
        return message.findtext("Content", ""), ()
    if kind in _MEDIA:
        return "", _file(kind, message.findtext("MediaId", ""))
    if kind == "location":
        place = f"geo:{message.findtext('Location_X')},{message.findtext('Location_Y')}"
        return f"{message.findtext('Label', '')}\n{place}".strip(), ()
    if kind == "link":
        lines = (message.findtext(name, "") for name in ("Title", "Description", "Url"))
        return "\n".join(filter(None, lines)), ()
    return f"[{kind}]", ()


def of_customer_service(message: Mapping[str, Any], corp_id: str) -> hub.Item | None:
    """What was said in customer service, by the customer or by a colleague in WeCom itself; what became of a message of
    ours; None where nothing was said. What cannot be read is `Unreadable`."""
    try:
        if message.get("msgtype") == "event":
            return _of_system(message)
        return _said(message, corp_id)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"a message that cannot be read: {type(error).__name__}: {error}"[:200]
        return hub.Unreadable(orjson.dumps(message), reason, datetime.now(UTC))


def _said(message: Mapping[str, Any], corp_id: str) -> hub.Event | None:
    origin = int(message["origin"])
    if origin not in (_CUSTOMER, _COLLEAGUE):
        return None
    account, customer = str(message["open_kfid"]), str(message["external_userid"])
    id, at = str(message["msgid"]), datetime.fromtimestamp(int(message["send_time"]), UTC)
    them, us = f"wecom:{corp_id}/{customer}", account_handle(account)
    if origin == _CUSTOMER:
        people = (hub.Participant(them, hub.Role.SENDER), hub.Participant(us, hub.Role.RECIPIENT))
    else:
        by = str(message.get("servicer_userid") or "")
        people = (hub.Participant(us, hub.Role.SENDER, by), hub.Participant(them, hub.Role.RECIPIENT))
    text, files = _of_service(str(message["msgtype"]), message)
    facts = hub.Message(participants=people, text=text[:LONGEST], sent_at=at, ident=id, files=files)
    return _event(id, "sent", at, facts, f"kf/{account}/{customer}")


def _of_service(kind: str, message: Mapping[str, Any]) -> tuple[str, tuple[hub.File, ...]]:
    about = message.get(kind) or {}
    if kind == "text":
        return str(about["content"]), ()
    if kind in _MEDIA:
        return "", _file(kind, str(about["media_id"]))
    if kind == "location":
        words = (str(about.get("name") or ""), str(about.get("address") or ""))
        return "\n".join(filter(None, (*words, f"geo:{about['latitude']},{about['longitude']}"))), ()
    if kind == "link":
        return "\n".join(str(about[name]) for name in ("title", "desc", "url") if about.get(name)), ()
    return str(about.get("title") or f"[{kind}]"), ()


def _of_system(message: Mapping[str, Any]) -> hub.Event | hub.Receipt | None:
    event = message["event"]
    kind, sent = event["event_type"], message.get("send_time")
    at = datetime.fromtimestamp(int(sent), UTC) if sent else datetime.now(UTC)
    if kind in ("user_recall_msg", "servicer_recall_msg"):
        where = f"kf/{event['open_kfid']}/{event['external_userid']}"
        return _event(str(event["recall_msgid"]), "deleted", at, hub.Message(deleted=True), where)
    if kind == "msg_send_fail":
        reason = _FAILED.get(int(event.get("fail_type") or 0), "WeChat does not say why")
        return hub.Receipt(key=key_of(str(event["fail_msgid"])), state=hub.Delivered.FAILED, at=at, reason=reason)
    return None


def _file(kind: str, media_id: str) -> tuple[hub.File, ...]:
    return (hub.File(media_id, media_type=_MEDIA[kind], inline=kind != "file"),)


def _event(id: str, event_id: str, at: datetime, facts: hub.Message, conversation: str) -> hub.Event:
    return hub.Event(
        key=key_of(id), id=event_id, channel=hub.Channel.CHAT, at=at, facts=facts, conversation=conversation
    )


def key_of(id: str) -> str:
    """The key of the message that WeCom calls *id*."""
    return f"wecom:{id}"
