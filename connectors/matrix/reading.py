"""From the events of a room (https://spec.matrix.org/latest/client-server-api/#room-events) to what the hub records."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import hub
from connectors.matrix.homeserver import Homeserver
from connectors.matrix.names import handle_of, key_of
from connectors.matrix.sender import PART

MOST_TEXT = 100_000
LARGE_ROOM = 20
"""Of a room with more people nobody is named as the one to whom a message of ours goes."""
KNOWN = 2_000
"""So many events are remembered: who wrote them, for edits and for receipts."""

_FILES = {"m.image": True, "m.audio": True, "m.video": False, "m.file": False, "m.sticker": True}
_WRITTEN = ("m.room.message", "m.sticker", "m.room.encrypted")
# The quote that older programs put before an answer (until v1.13 of the specification).
_QUOTED = re.compile(r"^> <@[^>\n]+>[^\n]*\n(?:>[^\n]*\n)*\n?")


class Reading:
    """Reads the events of the rooms of *user* (`@name:server`); of *public* rooms as posts. It remembers names and the
    latest events, and asks *homeserver* for what it does not know: raises as that does."""

    def __init__(self, homeserver: Homeserver, user: str, public: Collection[str] = ()) -> None:
        self._homeserver = homeserver
        self._user = user
        self._public = public
        self._names: dict[tuple[str, str], str] = {}
        self._members: dict[str, Mapping[str, str]] = {}
        self._seen: OrderedDict[str, tuple[str, str, str]] = OrderedDict()  # event → room, sender, thread
        self._edits: set[str] = set()

    def note_state(self, room: str, state: Iterable[Mapping[str, Any]]) -> None:
        """What the state of a room says of the people in it."""
        for event in state:
            if event.get("type") == "m.room.member" and isinstance(user := event.get("state_key"), str):
                name = _content(event).get("displayname")
                self._names[room, user] = name if isinstance(name, str) else ""
                self._members.pop(room, None)

    def joined(self, events: Iterable[Mapping[str, Any]]) -> bool:
        """Whether we came into the room with these events."""
        return any(
            event.get("type") == "m.room.member"
            and event.get("state_key") == self._user
            and _content(event).get("membership") == "join"
            and event.get("unsigned", {}).get("prev_content", {}).get("membership") != "join"
            for event in events
        )

    async def items(self, room: str, events: Iterable[Mapping[str, Any]]) -> list[hub.Item]:
        """What *events* of a room, in their order, tell."""
        told: list[hub.Item] = []
        for event in events:
            self.note_state(room, [event] if event.get("type") == "m.room.member" else ())
            item = await self._item(room, event)
            if item is not None:
                told.append(self._post(room, event, item) if room in self._public else item)
        return told

    def receipts(self, room: str, ephemeral: Iterable[Mapping[str, Any]]) -> list[hub.Item]:
        """That others have read what we wrote. A receipt names the latest event that was read, and means those before,
        too."""
        told: dict[str, hub.Item] = {}
        for event in ephemeral:
            if event.get("type") != "m.receipt":
                continue
            for event_id, kinds in _content(event).items():
                readers = kinds.get("m.read", {}) if isinstance(kinds, dict) else {}
                for reader, about in readers.items():
                    if reader == self._user or not isinstance(about, dict):
                        continue
                    at = _at(about.get("ts"))
                    for mine in self._ours_until(room, event_id):
                        told[mine] = hub.Receipt(key=key_of(mine), state=hub.Delivered.READ, at=at)
        return list(told.values())

    async def _item(self, room: str, event: Mapping[str, Any]) -> hub.Event | None:
        kind, event_id, sender = event.get("type"), event.get("event_id"), event.get("sender")
        if not isinstance(event_id, str) or not isinstance(sender, str):
            return None
        if kind == "m.room.redaction":
            return await self._redacted(room, event)
        content = _content(event)
        relation = _relation(content)
        if kind in _WRITTEN:
            self._remember(room, event_id, sender, content)
            if sender == self._user and PART in content:
                return None  # it is a part of another message of ours
            if relation.get("rel_type") == "m.replace":
                return await self._edited(room, event, str(relation.get("event_id") or ""))
            if content:
                return self._event(room, event, await self._people(room, sender), key_of(event_id))
        return None

    def _event(
        self, room: str, event: Mapping[str, Any], people: tuple[hub.Participant, ...], key: str
    ) -> hub.Event | None:
        content, at = _content(event), _at(event.get("origin_server_ts"))
        relation = _relation(content)
        answered = relation.get("m.in_reply_to", {}).get("event_id") if not relation.get("is_falling_back") else None
        facts = hub.Message(
            participants=people,
            text=_text(event),
            sent_at=at,
            ident=key,
            thread=(key_of(answered),) if isinstance(answered, str) else None,
            files=_files(event) or None,
            automatic="notice" if content.get("msgtype") == "m.notice" else None,
            protection="encrypted" if event.get("type") == "m.room.encrypted" else None,
        )
        where, told = _where(room, content), str(event["event_id"])
        return hub.Event(key=key, id=told, channel=hub.Channel.CHAT, at=at, facts=facts, conversation=where)

    async def _edited(self, room: str, event: Mapping[str, Any], changed: str) -> hub.Event | None:
        """Only the writer changes a message: the homeserver lets everybody send such an event."""
        self._edits.add(str(event["event_id"]))
        content = _content(event)
        now = content.get("m.new_content")
        if not isinstance(now, dict) or await self._writer(room, changed) != event["sender"]:
            return None
        at = _at(event.get("origin_server_ts"))
        facts = hub.Message(
            participants=await self._people(room, str(event["sender"])),
            text=_text({**event, "content": now}),
            edited_at=at,
        )
        return hub.Event(
            key=key_of(changed),
            id=str(event["event_id"]),
            channel=hub.Channel.CHAT,
            at=at,
            facts=facts,
            conversation=await self._thread(room, changed),
        )

    async def _redacted(self, room: str, event: Mapping[str, Any]) -> hub.Event | None:
        """A message was taken back. Who takes a reaction or an edit back takes no message back."""
        gone = event.get("redacts") or _content(event).get("redacts")
        if not isinstance(gone, str) or gone in self._edits:
            return None
        found = await self._homeserver.event(room, gone)
        if found is None or found.get("type") not in _WRITTEN:
            return None
        at = _at(event.get("origin_server_ts"))
        facts = hub.Message(
            participants=await self._people(room, str(found.get("sender"))),
            sent_at=_at(found.get("origin_server_ts")),
            deleted=True,
        )
        return hub.Event(
            key=key_of(gone),
            id=str(event["event_id"]),
            channel=hub.Channel.CHAT,
            at=at,
            facts=facts,
            conversation=await self._thread(room, gone),
        )

    def _post(self, room: str, event: Mapping[str, Any], said: hub.Event) -> hub.Event:
        """A message of a public room as a post, which begins a thread of its own where it stands in none."""
        message, root = said.facts, said.key.removeprefix("matrix:")
        assert isinstance(message, hub.Message)
        if message.deleted:
            return replace(said, channel=hub.Channel.SOCIAL, facts=hub.Mention(deleted=True), conversation="")
        named = _content(event).get("m.mentions")
        users = named.get("user_ids") if isinstance(named, dict) else None
        answers = message.thread[0] if message.thread else None
        ours = answers is not None and self._seen.get(answers.removeprefix("matrix:"), ("", ""))[1] == self._user
        to_us = event["sender"] != self._user and (ours or (isinstance(users, list) and self._user in users))
        facts = hub.Mention(
            participants=tuple(each for each in message.participants or () if each.role is hub.Role.SENDER),
            text=message.text,
            posted_at=message.sent_at,
            site=self._user.partition(":")[2],
            answers=answers,
            addressed=to_us or None,
            edited_at=message.edited_at,
        )
        where = said.conversation if "/" in said.conversation else f"{room}/{root}"
        return replace(said, channel=hub.Channel.SOCIAL, facts=facts, conversation=where)

    # --- who and where ---

    async def _people(self, room: str, sender: str) -> tuple[hub.Participant, ...]:
        """The writer, and to whom it goes: of what others write that is us, of what we write they are."""
        if sender != self._user:
            writer = hub.Participant(handle_of(sender), hub.Role.SENDER, await self._name(room, sender))
            return writer, hub.Participant(handle_of(self._user), hub.Role.RECIPIENT)
        others = [(user, name) for user, name in (await self._in(room)).items() if user != self._user]
        named = others if len(others) < LARGE_ROOM else []
        return (
            hub.Participant(handle_of(sender), hub.Role.SENDER),
            *(hub.Participant(handle_of(user), hub.Role.RECIPIENT, name) for user, name in sorted(named)),
        )

    async def _name(self, room: str, user: str) -> str:
        if (room, user) not in self._names:
            self._names[room, user] = (await self._in(room)).get(user, "")
        return self._names[room, user]

    async def _in(self, room: str) -> Mapping[str, str]:
        if room not in self._members:
            self._members[room] = await self._homeserver.members(room) or {}
        return self._members[room]

    async def _writer(self, room: str, event_id: str) -> str:
        if event_id in self._seen:
            return self._seen[event_id][1]
        found = await self._homeserver.event(room, event_id)
        return str(found.get("sender")) if found else ""

    async def _thread(self, room: str, event_id: str) -> str:
        """What the thread of an event is called; "" where nobody can say it any more, because its relation went with
        its words."""
        if event_id in self._seen:
            return self._seen[event_id][2]
        found = await self._homeserver.event(room, event_id)
        content = _content(found) if found else {}
        return _where(room, content) if content else ""

    def _remember(self, room: str, event_id: str, sender: str, content: Mapping[str, Any]) -> None:
        self._seen[event_id] = (room, sender, _where(room, content) if content else "")
        while len(self._seen) > KNOWN:
            self._seen.popitem(last=False)

    def _ours_until(self, room: str, event_id: str) -> list[str]:
        """Our messages in a room up to an event; the event itself where it is not remembered."""
        if event_id not in self._seen:
            return [event_id]
        found = []
        for known, (where, sender, _) in self._seen.items():
            if where == room and sender == self._user:
                found.append(known)
            if known == event_id:
                break
        return found


def _content(event: Mapping[str, Any]) -> Mapping[str, Any]:
    content = event.get("content")
    return content if isinstance(content, dict) else {}


def _relation(content: Mapping[str, Any]) -> Mapping[str, Any]:
    found = content.get("m.relates_to")
    return found if isinstance(found, dict) else {}


def _where(room: str, content: Mapping[str, Any]) -> str:
    """The room, or the thread in it, as `Event.conversation`."""
    relation = _relation(content)
    root = relation.get("event_id") if relation.get("rel_type") == "m.thread" else None
    return f"{room}/{root}" if isinstance(root, str) else room


def _text(event: Mapping[str, Any]) -> str:
    """What people read of it. A file's name is no text; what stands below one is (`filename` and `body` differ)."""
    content = _content(event)
    body, kind = content.get("body"), content.get("msgtype") or event.get("type")
    if not isinstance(body, str):
        return ""
    name = content.get("filename")
    if kind in _FILES and (name is None or name == body):
        return ""
    if _relation(content).get("m.in_reply_to"):
        body = _QUOTED.sub("", body)
    return (f"* {body}" if kind == "m.emote" else body)[:MOST_TEXT].replace("\0", "")


def _files(event: Mapping[str, Any]) -> tuple[hub.File, ...]:
    content = _content(event)
    kind, url = content.get("msgtype") or event.get("type"), content.get("url")
    if kind not in _FILES or not isinstance(url, str):
        return ()
    info = content.get("info")
    info = info if isinstance(info, dict) else {}
    name, size = content.get("filename") or content.get("body") or "", info.get("size")
    return (
        hub.File(
            id=url,
            name=str(name)[:300],
            media_type=str(info.get("mimetype") or "")[:100],
            size=size if isinstance(size, int) and 0 <= size < 1 << 53 else 0,
            inline=_FILES[kind],
        ),
    )


def _at(milliseconds: Any) -> datetime:
    """A time of the homeserver; one that is absurd is now."""
    if isinstance(milliseconds, int) and 0 < milliseconds < 1 << 43:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    return datetime.now(UTC)
