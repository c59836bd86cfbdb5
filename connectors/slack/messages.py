"""From what Slack tells to the hub's words. The same message gives the same event, whichever way it came: as `message`
or `app_mention`, over the Events API, Socket Mode or out of the history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import hub
from connectors.slack.payloads import Callback, SlackEvent, SlackFile, SlackMessage, at, read
from connectors.slack.settings import SlackSettings
from connectors.slack.words import emoji, mentioned, plain

ALERT_BLOCK = "hub-alert"
"""How the blocks of an alert are called: what we tell colleagues is no message of a conversation."""

NOBODY: Mapping[str, str] = MappingProxyType({})

_SAID = frozenset({None, "bot_message", "file_share", "thread_broadcast", "me_message"})
_UNSEEN = frozenset({"tombstone", "hidden_by_limit"})


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that is to be told: in its *channel*, as it stands (*message*), or *deleted_at* (a ts)."""

    channel: str
    message: SlackMessage
    deleted_at: str = ""

    @property
    def people(self) -> frozenset[str]:
        """The users whose names it takes to tell it."""
        sender = {self.message.user} if self.message.user else set()
        return frozenset() if self.deleted_at else mentioned(self.message.text or "") | sender


def heard(callback: Mapping[str, Any], settings: SlackSettings) -> Heard | None:
    """What an event says that is to be told, None where it is of no concern. Raises `hub.Unsupported`."""
    envelope = read(Callback, callback)
    teams = {each.team_id for each in envelope.authorizations or ()} | {envelope.team_id}
    if settings.workspace not in teams:
        raise hub.Unsupported("The event is genuine and of another workspace than its settings say.")
    if envelope.event.get("type") not in ("message", "app_mention"):
        return None
    event = read(SlackEvent, envelope.event)
    if not isinstance(event.channel, str):
        raise hub.Unsupported("Slack tells of a message without its channel.")
    before = read(SlackMessage, event.previous_message) if event.previous_message else None
    if event.subtype == "message_deleted":
        if before is None and event.deleted_ts is None:
            raise hub.Unsupported("Slack tells that something was deleted, and not what.")
        gone = before or SlackMessage(ts=str(event.deleted_ts))
        return _wanted(settings, Heard(event.channel, gone, event.event_ts or gone.ts), gone)
    if event.subtype == "message_changed":
        now = read(SlackMessage, event.message)
        if now.subtype == "tombstone":  # the beginning of a thread that has answers stays, empty
            return _wanted(settings, Heard(event.channel, before or now, event.event_ts or now.ts), before or now)
        if now.edited is None:  # Slack itself changed it: a link has a picture now, or a thread an answer
            return None
        return _wanted(settings, Heard(event.channel, now), now, before)
    return listed(event.channel, envelope.event, settings)


def listed(channel: str, said: Mapping[str, Any], settings: SlackSettings) -> Heard | None:
    """What a message as the history has it says, None where it is of no concern. Raises `hub.Unsupported`."""
    message = read(SlackMessage, said)
    return _wanted(settings, Heard(channel, message), message)


def event(what: Heard, settings: SlackSettings, names: Mapping[str, str] = NOBODY, partner: str = "") -> hub.Event:
    """The event of *what*. *names* are those of users by id; *partner* is with whom a direct conversation is."""
    message = what.message
    key = f"slack:{settings.workspace}/{what.channel}/{message.ts}"
    if what.deleted_at:
        return hub.Event(
            key=key, id="deleted", channel=hub.Channel.CHAT, at=at(what.deleted_at), facts=hub.Message(deleted=True)
        )
    edited = message.edited.ts if message.edited else ""
    return hub.Event(
        key=key,
        id=f"edited/{edited}" if edited else "posted",
        channel=hub.Channel.CHAT,
        at=at(edited or message.ts),
        facts=hub.Message(
            participants=_participants(message, settings, names, partner),
            text=_text(message, names),
            sent_at=at(message.ts),
            ident=key,
            files=tuple(_file(each) for each in message.files or () if each.mode not in _UNSEEN) or None,
            edited_at=at(edited) if edited else None,
        ),
        conversation=conversation(settings.workspace, what.channel, message.thread_ts or message.ts, message.thread_ts),
    )


def conversation(team: str, channel: str, begins: str, thread: str | None) -> str:
    """How the hub calls the thread that *begins* so. What is said directly, and below nothing, is one thread."""
    return f"{team}/{channel}" if channel.startswith("D") and not thread else f"{team}/{channel}/{begins}"


def mark(what: Heard) -> str:
    """What tells this from everything else that was told."""
    edited = what.message.edited.ts if what.message.edited else ""
    return "/".join((what.channel, what.message.ts, "deleted" if what.deleted_at else edited))


def is_alert(message: SlackMessage) -> bool:
    """Whether it is an alert of ours to a colleague."""
    return any(str(each.get("block_id", "")).startswith(ALERT_BLOCK) for each in message.blocks or ())


def _wanted(
    settings: SlackSettings, what: Heard, now: SlackMessage, before: SlackMessage | None = None
) -> Heard | None:
    versions = [each for each in (now, before) if each is not None]
    if any(is_alert(each) for each in versions) or now.subtype not in _SAID:
        return None
    to_us = any(settings.bot in mentioned(each.text or "") or each.user == settings.bot for each in versions)
    return what if to_us or what.channel in settings.channels or what.channel.startswith("D") else None


def _participants(
    message: SlackMessage, settings: SlackSettings, names: Mapping[str, str], partner: str
) -> tuple[hub.Participant, ...]:
    (us,) = settings.own
    if message.user == settings.bot:
        other = message.parent_user_id or partner
        with_whom = (hub.Participant(f"slack:{settings.workspace}/{other}", hub.Role.RECIPIENT, names.get(other, "")),)
        return (hub.Participant(us, hub.Role.SENDER), *(with_whom if other and other != settings.bot else ()))
    who = message.user or message.bot_id or ""
    team = message.user_team or message.source_team or settings.workspace
    sender = hub.Participant(
        f"slack:{team}/{who}" if who else "", hub.Role.SENDER, names.get(who) or message.username or ""
    )
    return (sender, hub.Participant(us, hub.Role.RECIPIENT))


def _text(message: SlackMessage, names: Mapping[str, str]) -> str:
    if message.text:
        return plain(emoji(message.text, message.blocks or ()), names)
    # Apps write into attachments, and `fallback` is what is read where those cannot be shown.
    said = (each.get("fallback") or each.get("text") for each in message.attachments or ())
    return plain("\n".join(each for each in said if isinstance(each, str)), names)


def _file(file: SlackFile) -> hub.File:
    kind = file.mimetype or ""
    return hub.File(
        id=file.id,
        name=file.name or file.title or "",
        media_type=kind,
        size=max(file.size or 0, 0),
        url=file.url_private or "",
        inline=kind.startswith(("image/", "audio/", "video/")),
    )
