"""Posts of Bluesky as mentions: what a record says (the lexicon `app.bsky.feed.post`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import hub
from connectors.bluesky.frames import POST, REPOST, Said, moment

SITE = "bsky.app"
LONGEST = 20_000
"""Characters of a text: the lexicon allows 3,000 bytes, but servers may let more through."""

_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Us:
    """Our account (*did*, "" where we have none), and where people read posts."""

    did: str
    app_url: str


def news(said: Said, us: Us) -> hub.Event | hub.Withdrawn | None:
    """What the hub is told of it."""
    at = moment(said.micros)
    if not said.collection:
        return hub.Withdrawn(said.did, at)
    if said.operation == "delete":
        return _event(said, f"{said.rev}/deleted", at, hub.Mention(deleted=True), "")
    record = said.record or {}
    if said.collection == REPOST:
        subject = _uri(record.get("subject"))
        if not subject:
            return None
        facts = hub.Mention(
            participants=(hub.Participant(said.did, hub.Role.SENDER),),
            posted_at=_posted_at(record, at),
            author_url=f"{us.app_url}/profile/{said.did}",
            site=SITE,
            repost_of=f"at:{subject}",
        )
        return _event(said, said.rev, at, facts, "")
    edited = at if said.operation == "update" else None
    return _event(said, said.rev, at, mention(said.did, said.uri, record, at, us, edited), _root(record) or said.uri)


def mention(
    did: str,
    uri: str,
    record: Mapping[str, Any],
    at: datetime,
    us: Us,
    edited: datetime | None = None,
    *,
    name: str = "",
    addressed: bool = False,
) -> hub.Mention:
    """What the post *record* at *uri*, by *did*, says. *at* is when the server heard of it."""
    parent = _uri(_map(record.get("reply")).get("parent"))
    text = str(record.get("text") or "")[:LONGEST]
    langs = record.get("langs")
    said = langs[0] if isinstance(langs, list) and langs and isinstance(langs[0], str) else None
    links, named = _facets(record)
    names_us = addressed or (bool(us.did) and (us.did in named or _author(parent) == us.did) and did != us.did)
    return hub.Mention(
        participants=(hub.Participant(did, hub.Role.SENDER, name),),
        text=text,
        url=f"{us.app_url}/profile/{did}/post/{uri.rpartition('/')[2]}",
        posted_at=_posted_at(record, at),
        author_url=f"{us.app_url}/profile/{did}",
        site=SITE,
        language=said,
        links=tuple(dict.fromkeys((*links, *_embedded(record)))),
        answers=f"at:{parent}" if parent else None,
        addressed=names_us or None,
        edited_at=edited,
    )


def _event(said: Said, id: str, at: datetime, facts: hub.Mention, conversation: str) -> hub.Event:
    return hub.Event(
        key=f"at:{said.uri}", id=id, channel=hub.Channel.SOCIAL, at=at, facts=facts, conversation=conversation
    )


def root(record: Mapping[str, Any], uri: str) -> str:
    """The at-uri of the post that began the thread of the post *record* at *uri*."""
    return _root(record) or uri


def _root(record: Mapping[str, Any]) -> str:
    return _uri(_map(record.get("reply")).get("root"))


def _posted_at(record: Mapping[str, Any], at: datetime) -> datetime:
    """When its writer says, who may say what she likes: nothing is posted after it was heard."""
    try:
        said = datetime.fromisoformat(str(record.get("createdAt")))
    except ValueError:
        return at
    return said if said.tzinfo is not None and said <= at + _AHEAD and said.year >= 2000 else at


def _facets(record: Mapping[str, Any]) -> tuple[list[str], set[str]]:
    """The links in the text, and whom it names."""
    links, named = [], set()
    for facet in _list(record.get("facets")):
        for feature in _list(_map(facet).get("features")):
            kind = str(_map(feature).get("$type", "")).rpartition("#")[2]
            if kind == "link" and isinstance(uri := feature.get("uri"), str):
                links.append(uri[:2000])
            elif kind == "mention" and isinstance(did := feature.get("did"), str):
                named.add(did)
    return links, named


def _embedded(record: Mapping[str, Any]) -> list[str]:
    """The page that a card below the text shows."""
    embed = _map(record.get("embed"))
    media = _map(embed.get("media")) or embed
    uri = _map(media.get("external")).get("uri")
    return [uri[:2000]] if isinstance(uri, str) else []


def _uri(reference: Any) -> str:
    uri = _map(reference).get("uri")
    return uri if isinstance(uri, str) and uri.startswith("at://") else ""


def _author(uri: str) -> str:
    return uri.removeprefix("at://").partition("/")[0]


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value[:1000] if isinstance(value, list) else []


__all__ = ["POST", "Us", "mention", "news", "root"]
