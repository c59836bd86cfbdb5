"""Posts of Mastodon (https://docs.joinmastodon.org/entities/Status/) as mentions, and private ones as messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from selectolax.lexbor import LexborHTMLParser

import hub
from hub.formats.html import to_text

LONGEST = 20_000
MOST_LINKS = 50

_OPEN = ("public", "unlisted")


class NotAStatus(ValueError):
    """This is no post. The text is the reason."""


@dataclass(frozen=True, slots=True)
class Us:
    """The server's *host* as it names keys, its *domain* as it stands in addresses, and our account's id and *acct*."""

    host: str
    domain: str
    id: str
    acct: str

    def key(self, status_id: str) -> str:
        """The key of the post that this server calls *status_id*."""
        return f"mastodon:{self.host}/{status_id}"

    def handle(self, acct: str) -> str:
        """Whom this server calls *acct*: its own people stand there without a domain."""
        return f"acct:{acct if '@' in acct else f'{acct}@{self.domain}'}"


def event(status: Mapping[str, Any], us: Us) -> hub.Event | None:
    """What the hub is told of a post; None where it is not for us to read. Raises `NotAStatus`."""
    try:
        return _event(status, us)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotAStatus(f"{type(error).__name__}: {error}"[:200]) from None


def deleted(status_id: str, us: Us, *, private: bool) -> hub.Event:
    """The post is gone. *private*: it was a message to us."""
    facts: hub.Facts = hub.Message(deleted=True) if private else hub.Mention(deleted=True)
    channel = hub.Channel.CHAT if private else hub.Channel.SOCIAL
    return hub.Event(key=us.key(status_id), id="deleted", channel=channel, at=datetime.now(UTC), facts=facts)


def is_private(event: hub.Event) -> bool:
    """Whether it is a message to us, and no public post."""
    return event.channel is hub.Channel.CHAT


def _event(status: Mapping[str, Any], us: Us) -> hub.Event | None:
    id, account = str(status["id"]), status["account"]
    created, edited = _time(status["created_at"]), _time(status.get("edited_at") or "")
    assert created is not None
    author = us.handle(str(account["acct"]))
    sender = hub.Participant(author, hub.Role.SENDER, str(account.get("display_name") or account["username"]))
    named = {str(each["id"]) for each in status.get("mentions") or ()}
    to_us = us.id in named or str(status.get("in_reply_to_account_id")) == us.id
    if status["visibility"] not in _OPEN and not to_us and author != us.handle(us.acct):
        return None
    if status["visibility"] in _OPEN:
        facts: hub.Facts = _mention(status, us, sender, created, edited, to_us=to_us and author != us.handle(us.acct))
        channel = hub.Channel.SOCIAL
    else:
        facts, channel = _message(status, us, sender, created, edited), hub.Channel.CHAT
    return hub.Event(
        key=us.key(id),
        id=str(status.get("edited_at") or "first"),
        channel=channel,
        at=edited or created,
        facts=facts,
    )


def _mention(
    status: Mapping[str, Any],
    us: Us,
    sender: hub.Participant,
    created: datetime,
    edited: datetime | None,
    *,
    to_us: bool,
) -> hub.Mention:
    account, repeated = status["account"], status.get("reblog")
    answered = status.get("in_reply_to_id")
    common = hub.Mention(
        participants=(sender,),
        posted_at=created,
        author_url=str(account.get("url") or ""),
        reach=int(account.get("followers_count") or 0),
        site=sender.handle.rpartition("@")[2],
        url=str(status.get("url") or status["uri"]),
    )
    if repeated:
        return replace(common, repost_of=us.key(str(repeated["id"])))
    return replace(
        common,
        title=str(status.get("spoiler_text") or "") or None,
        text=to_text(str(status["content"]))[:LONGEST],
        language=status.get("language") or None,
        links=_links(status),
        answers=us.key(str(answered)) if answered else None,
        addressed=to_us or None,
        edited_at=edited,
    )


def _message(
    status: Mapping[str, Any], us: Us, sender: hub.Participant, created: datetime, edited: datetime | None
) -> hub.Message:
    others = [
        hub.Participant(us.handle(str(each["acct"])), hub.Role.RECIPIENT)
        for each in status.get("mentions") or ()
        if us.handle(str(each["acct"])) != sender.handle
    ]
    answered = status.get("in_reply_to_id")
    return hub.Message(
        participants=(sender, *others),
        text=to_text(str(status["content"]))[:LONGEST],
        sent_at=created,
        ident=f"{us.host}/{status['id']}",
        thread=(f"{us.host}/{answered}",) if answered else (),
        edited_at=edited,
    )


def _links(status: Mapping[str, Any]) -> tuple[str, ...]:
    """The pages that the post names: not whom, and not under which hashtags."""
    found = []
    for node in LexborHTMLParser(str(status["content"])).css("a[href]"):
        classes = (node.attributes.get("class") or "").split()
        if "mention" not in classes and "hashtag" not in classes:
            found.append(str(node.attributes["href"])[:2000])
    card = status.get("card")
    if card and card.get("url"):
        found.append(str(card["url"])[:2000])
    return tuple(dict.fromkeys(found))[:MOST_LINKS]


def _time(text: str) -> datetime | None:
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
