"""The expected parses beside stalwart's mails, as plain values to compare with ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hub.formats import mail, mime
from tests.hub.formats import EMAIL

FOLDER = EMAIL / "stalwart-mail-parser"
MAILS = ("message/rfc822", "message/global")


def differences(path: Path) -> set[str]:
    """The fields in which we read the mail at *path* in another way than stalwart; those of a mail inside it have the
    name of the field after `inside `."""
    parse: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return _differences(path.read_bytes(), parse)


def _differences(raw: bytes, parse: dict[str, Any]) -> set[str]:
    try:
        ours = _ours(raw)
    except mail.Unreadable:
        return {"everything"}
    theirs = _theirs(parse)
    found = {field for field, value in theirs.items() if ours[field] != value}
    files = [parse["parts"][index] for index in parse["attachments"]]
    inside = [part["body"]["Message"] for part in files if isinstance(part["body"], dict) and "Message" in part["body"]]
    mails = [each for each in mail.parse(raw).attachments if each.media_type in MAILS]
    for file, message in zip(mails, inside, strict=False):
        found |= {f"inside {field}" for field in _differences(mail.attachment(raw, file.index), message)}
    return found


def _ours(raw: bytes) -> dict[str, Any]:
    parsed, body = mail.parse(raw), mail.body(raw)
    return {
        **{
            name: tuple((each.name, each.address) for each in listed)
            for name, listed in (
                ("from", parsed.sender),
                ("to", parsed.to),
                ("cc", parsed.cc),
                ("bcc", parsed.bcc),
                ("reply-to", parsed.reply_to),
            )
        },
        "subject": parsed.subject,
        "date": parsed.date,
        "message id": parsed.message_id,
        "in reply to": parsed.in_reply_to,
        "references": parsed.references,
        "header names": [name for name, _ in parsed.headers],
        "text": _squeezed(parsed.text),
        "html": _squeezed(body.html or ""),
        "structure": [part.media_type for part in _walk(mime.read(raw))],
        "file types": [each.media_type for each in parsed.attachments],
        "file names": [each.name for each in parsed.attachments if each.media_type not in MAILS],
        "file sizes": [each.size for each in parsed.attachments if each.media_type not in MAILS],
        "content ids": [each.content_id for each in parsed.attachments],
    }


def _theirs(parse: dict[str, Any]) -> dict[str, Any]:
    parts = parse["parts"]
    header: dict[str, Any] = {}
    for name, value in _header(parts[0]):
        header[name] = value
    files = [parts[index] for index in parse["attachments"]]
    pages = [parts[index] for index in parse["html_body"]]
    ids = [f"<{each}>" for each in _texts(header.get("references"))]
    answered = [f"<{each}>" for each in _texts(header.get("in-reply-to"))]
    return {
        **{name: addresses(header.get(name)) for name in ("from", "to", "cc", "bcc", "reply-to")},
        "subject": "".join(_texts(header.get("subject"))),
        "date": moment(header["date"]["DateTime"]) if isinstance(header.get("date"), dict) else None,
        "message id": "".join(f"<{each}>" for each in _texts(header.get("message-id"))),
        "in reply to": answered[-1] if answered else "",
        "references": tuple(ids),
        "header names": [name for name, _ in _header(parts[0])],
        "text": _squeezed("".join(_content(parts[index], "Text", "") for index in parse["text_body"])),
        "html": _squeezed("".join(_content(part, "Html", "") for part in pages)),
        "structure": [_kind(part) for part in parts],
        "file types": [_kind(part) for part in files],
        "file names": [_name(part) for part in files if _kind(part) not in MAILS],
        "file sizes": [_size(part) for part in files if _kind(part) not in MAILS],
        "content ids": ["".join(_texts(dict(_header(part)).get("content-id"))) for part in files],
    }


def _walk(part: mime.Part) -> Iterator[mime.Part]:
    yield part
    for child in part.parts:
        yield from _walk(child)


def _squeezed(text: str) -> str:
    return text.replace("\r", "").replace("\n", "").replace("\x00", "")


def _header(part: dict[str, Any]) -> list[tuple[str, Any]]:
    found = []
    for field in part["headers"]:
        name = field["name"] if isinstance(field["name"], str) else field["name"]["other"]
        found.append((name.replace("_", "-").lower(), field["value"]))
    return found


def _kind(part: dict[str, Any]) -> str:
    value = dict(_header(part)).get("content-type")
    if isinstance(value, dict):
        said = value["ContentType"]
        return f"{said['c_type']}/{said['c_subtype']}".lower() if said["c_subtype"] else said["c_type"].lower()
    return "message/rfc822" if isinstance(part["body"], dict) and "Message" in part["body"] else "text/plain"


def _name(part: dict[str, Any]) -> str:
    header = dict(_header(part))
    for field, wanted in (("content-disposition", "filename"), ("content-type", "name")):
        value = header.get(field)
        for attribute in (value["ContentType"]["attributes"] or ()) if isinstance(value, dict) else ():
            if attribute["name"] == wanted:
                return str(attribute["value"])
    return ""


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


def _texts(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return []
    return [value["Text"]] if "Text" in value else list(value.get("TextList", ()))


def _content(part: dict[str, Any], kind: str, default: Any) -> Any:
    return part["body"].get(kind, default) if isinstance(part["body"], dict) else default


def _size(part: dict[str, Any]) -> int | None:
    for kind in ("Binary", "InlineBinary", "Text", "Html"):
        body = _content(part, kind, None)
        if body is not None:
            return len(body.encode()) if isinstance(body, str) else len(body)
    return None
