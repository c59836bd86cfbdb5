"""Slack's way of writing a text, and plain text (https://docs.slack.dev/messaging/formatting-message-text)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ENTITY = re.compile(r"<([^<>]*)>")
_MENTIONED = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")


def plain(text: str, names: Mapping[str, str]) -> str:
    """What people read of *text*. *names* are those of users by their ids; of whom it knows none the id stays."""
    return _unescaped(_ENTITY.sub(lambda found: _read(found[1], names), text))


def escaped(text: str) -> str:
    """Plain *text* as Slack wants it, so that nothing in it becomes a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mentioned(text: str) -> frozenset[str]:
    """The ids of the users whom *text* names."""
    return frozenset(_MENTIONED.findall(text))


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
