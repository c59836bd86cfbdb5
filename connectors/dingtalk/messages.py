"""Messages to a DingTalk robot (https://open.dingtalk.com/document/orgapp/receive-message) as the hub's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import hub

LONGEST = 20_000

_FILES = {"picture": "image/jpeg", "audio": "audio/amr", "video": "video/mp4", "file": ""}


def event(message: Mapping[str, Any], robot: str) -> hub.Event | None:
    """What somebody said to the robot with the code *robot*; None where nobody said anything. Raises
    `hub.Unsupported`."""
    try:
        if str(message.get("robotCode") or robot) not in (robot, "normal"):
            raise hub.Unsupported("The message is genuine and to another robot than robot_code says.")
        return _event(message, robot)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise hub.Unsupported(f"a message that cannot be read: {type(error).__name__}: {error}"[:200]) from None


def _event(message: Mapping[str, Any], robot: str) -> hub.Event | None:
    text, files = _content(message)
    if not text and not files:
        return None
    id, at = str(message["msgId"]), datetime.fromtimestamp(int(message["createAt"]) / 1000, UTC)
    whom = str(message.get("senderStaffId") or message["senderId"])
    corp = str(message.get("senderCorpId") or message.get("chatbotCorpId") or "")
    alone = str(message["conversationType"]) == "1"
    facts = hub.Message(
        participants=(
            hub.Participant(f"dingtalk:{corp}/{whom}", hub.Role.SENDER, str(message.get("senderNick") or "")),
            hub.Participant(f"dingtalk:{robot}", hub.Role.RECIPIENT),
        ),
        title=None if alone else str(message.get("conversationTitle") or "") or None,
        text=text[:LONGEST],
        sent_at=at,
        ident=id,
        files=files,
    )
    return hub.Event(
        key=f"dingtalk:{id}",
        id="sent",
        channel=hub.Channel.CHAT,
        at=at,
        facts=facts,
        # To one colleague the robot writes by her id, into a group by the group's.
        conversation=f"to/{whom}" if alone else f"in/{message['conversationId']}",
    )


def _content(message: Mapping[str, Any]) -> tuple[str, tuple[hub.File, ...]]:
    kind, content = str(message["msgtype"]), message.get("content") or {}
    if kind == "text":
        return str(message["text"]["content"]).strip(), ()
    if kind == "richText":
        words, files = [], []
        for each in content["richText"]:
            if each.get("text"):
                words.append(str(each["text"]))
            elif each.get("downloadCode"):
                files.append(hub.File(str(each["downloadCode"]), media_type="image/jpeg", inline=True))
        return "\n".join(words).strip(), tuple(files)
    if kind in _FILES:
        name = str(content.get("fileName") or "")
        file = hub.File(str(content["downloadCode"]), name, _FILES[kind], inline=kind != "file")
        return str(content.get("recognition") or ""), (file,)  # of a voice message DingTalk says the words, too
    return f"[{kind}]", ()
