"""The expected parses beside stalwart's mails, as plain values to compare with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tests.hub.formats import EMAIL

FOLDER = EMAIL / "stalwart-mail-parser"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a mail says. Addresses are (name, address); *files* are the decoded sizes of the attachments, None for a
    nested mail."""

    sender: tuple[tuple[str, str], ...]
    to: tuple[tuple[str, str], ...]
    cc: tuple[tuple[str, str], ...]
    subject: str
    date: datetime | None
    message_id: str
    text: str
    files: tuple[int | None, ...]


def expected(mail: Path) -> Expected:
    """The parse beside *mail*, read for the fields we know."""
    parse: dict[str, Any] = json.loads(mail.with_suffix(".json").read_text(encoding="utf-8"))
    parts = parse["parts"]
    header: dict[str, Any] = {
        name.replace("_", "-"): field["value"]
        for field in parts[0]["headers"]
        if isinstance(name := field["name"], str)
    }
    return Expected(
        sender=addresses(header.get("from")),
        to=addresses(header.get("to")),
        cc=addresses(header.get("cc")),
        subject=_text(header.get("subject")),
        date=moment(header["date"]["DateTime"]) if isinstance(header.get("date"), dict) else None,
        message_id=f"<{_text(header['message-id'])}>" if isinstance(header.get("message-id"), dict) else "",
        text="".join(_content(parts[index], "Text", "") for index in parse["text_body"]),
        files=tuple(_size(parts[index]) for index in parse["attachments"]),
    )


def addresses(value: Any) -> tuple[tuple[str, str], ...]:
    """A list or groups of mailboxes as (name, address)."""
    if not isinstance(value, dict):
        return ()
    value = value.get("Address", value)
    listed = value.get("List")
    if listed is None:
        listed = [each for group in value["Group"] for each in group["addresses"]]
    return tuple((each["name"] or "", each["address"] or "") for each in listed)


def moment(value: dict[str, Any]) -> datetime:
    """A date in UTC."""
    offset = timedelta(hours=value["tz_hour"], minutes=value["tz_minute"])
    zone = timezone(-offset if value["tz_before_gmt"] else offset)
    clock = [value[unit] for unit in ("year", "month", "day", "hour", "minute", "second")]
    return datetime(*clock, tzinfo=zone).astimezone(UTC)


def _text(value: Any) -> str:
    return value["Text"] if isinstance(value, dict) else ""


def _content(part: dict[str, Any], kind: str, default: Any) -> Any:
    return part["body"].get(kind, default) if isinstance(part["body"], dict) else default


def _size(part: dict[str, Any]) -> int | None:
    for kind in ("Binary", "InlineBinary", "Text", "Html"):
        body = _content(part, kind, None)
        if body is not None:
            return len(body.encode()) if isinstance(body, str) else len(body)
    return None
