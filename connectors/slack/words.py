"""Slack's way of writing a text, and plain text (https://docs.slack.dev/messaging/formatting-message-text)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_ENTITY = re.compile(r"<([^<>]*)>")
_MENTIONED = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")


def plain(text: str, names: Mapping[str, str]) -> str:
    """What people read of *text*. *names* are those of users by their ids; of whom it knows none the id stays."""
    return _unescaped(_ENTITY.sub(lambda found: _read(found[1], names), text))


def emoji(text: str, blocks: Iterable[Any]) -> str:
    """*text* with the characters for `:tada:`. Only the *blocks* say which they are; an emoji of a workspace's own has
    none."""
    if ":" not in text:
        return text
    found: dict[str, str] = {}
    inner = list(blocks)
    while inner:
        each = inner.pop()
        if isinstance(each, list | tuple):
            inner += each
        elif isinstance(each, Mapping):
            if each.get("type") == "emoji" and (character := _character(each.get("unicode"))):
                tone = f":skin-tone-{each['skin_tone']}:" if each.get("skin_tone") else ""
                found[f":{each.get('name')}:{tone}"] = character
            inner += [each[key] for key in ("elements", "element") if key in each]
    for written in sorted(found, key=len, reverse=True):
        text = text.replace(written, found[written])
    return text


def escaped(text: str) -> str:
    """Plain *text* as Slack wants it, so that nothing in it becomes a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mentioned(text: str) -> frozenset[str]:
    """The ids of the users whom *text* names."""
    return frozenset(_MENTIONED.findall(text))


def _character(code: Any) -> str:
    """`1f44b-1f3fb` as it is seen, "" for what is no such thing."""
    try:
        return "".join(chr(int(each, 16)) for each in str(code).split("-"))
    except (ValueError, OverflowError):
        return ""


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _read(entity: str, names: Mapping[str, str]) -> str:
    what, bar, label = entity.partition("|")
    if what.startswith("@"):
        return f"@{names.get(what[1:]) or label or what[1:]}"
    if what.startswith("#"):
        return f"#{label or what[1:]}"
    if what.startswith("!"):
        # <!here>, <!subteam^S012|@sales>, <!date^1392734382^{date}|Feb 18>
        return label if label else f"@{what[1:].partition('^')[0]}"
    bare = what.removeprefix("mailto:").removeprefix("tel:")
    if not bar or not label:
        return bare
    if bare != what or re.sub(r"^https?://", "", what).rstrip("/") == re.sub(r"^https?://", "", label).rstrip("/"):
        return label
    return f"{label} ({what})"
