"""Reports: what mail servers, feedback loops and mail programs say of a mail that we sent.

`report` is the way in. It believes the machine's own part first (RFC 3464, RFC 5965, RFC 8098) and reads the words
only where there is none, and it reads nothing that a person wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hub.formats import headers, mime
from hub.formats import mail as mails
from hub.formats.errors import Unreadable
from hub.formats.mail import Mail
from hub.formats.mime import Part
from hub.formats.reports import feedback, plain, returned, status
from hub.formats.reports.returned import Original
from hub.formats.reports.vocabulary import DEAD, Kind, Reason, Recipient, Report

__all__ = ["DEAD", "Kind", "Reason", "Recipient", "Report", "looks_like_report", "report"]

_DEEPEST = 2
"""A report may lie in a report: mail gateways wrap what other servers return."""


def looks_like_report(mail: Mail) -> bool:
    """Whether it is worth asking `report`: the sign is in the header, so this costs nothing."""
    return mail.automatic == "report"


def report(raw: bytes, mail: Mail) -> Report | None:
    """What *mail*, parsed from *raw*, reports of a mail that was sent; None where it reports nothing, and of every mail
    that a person wrote, whatever it quotes or has attached. Never raises."""
    return _report(raw, mail, 0)


def _report(raw: bytes, mail: Mail, depth: int) -> Report | None:
    if not looks_like_report(mail):
        return None
    if b"\n" not in raw and b"\r" in raw:
        raw = raw.replace(b"\r", b"\n")
    root = mime.read(raw)
    leaves = list(root.leaves()) if root.parts else []
    told = plain.letter(mail.subject, _words(leaves, raw) or mail.text, returned.from_parts(leaves, raw))
    original = told.original
    for part in leaves:
        if part.media_type == feedback.FEEDBACK:
            return feedback.complaint(_text(part, raw), original)
        if part.media_type in feedback.RECEIPTS:
            return feedback.receipt(_text(part, raw), original)
    found, known, fields = _notified(leaves, raw, told)
    original = original.or_else(known)
    if not found and root.media_type == "multipart/report" and not _delivery(root, leaves):
        return None
    kind = status.kind(found)
    if not found:
        told = told._replace(words=(told.words + fields)[: returned.LONGEST], original=original)
        read = plain.read(told, _named(mail), _ours(mail), guess=False)
        inner = _wrapped(original, depth) if read is None else None
        if inner is not None:
            return inner
        read = read or plain.read(told, (), _ours(mail), guess=True)
        if read is None:
            return None
        kind, found = read
    if kind is Kind.BOUNCE:
        found = [each for each in found if each.outcome in ("failed", "delayed")]
    unique: dict[str, Recipient] = {}
    for each in found:
        unique.setdefault(each.address, each)
    return Report(
        kind=kind,
        original_message_id=original.message_id or mail.in_reply_to,
        original_subject=original.subject,
        recipients=tuple(unique.values()),
    )


def _notified(leaves: Sequence[Part], raw: bytes, told: plain.Letter) -> tuple[list[Recipient], Original, str]:
    """Who is named in delivery status parts, what these tell of the mail itself, and their text."""
    found: list[Recipient] = []
    known, texts, words = Original(), "", told.words
    for part in leaves:
        if part.media_type in status.TYPES:
            text = _text(part, raw)
            groups, stray = status.fields(text)
            words = stray + "\n" + words
            found += status.recipients(groups, words)
            known = known.or_else(returned.from_text(text))
            texts += "\n" + text
    return found, known, texts


def _delivery(root: Part, leaves: Sequence[Part]) -> bool:
    """Whether a multipart/report without a readable status is about delivery: reports on TLS (RFC 8460) are not."""
    said = root.parameters.get("report-type", "delivery-status").lower()
    return said == "delivery-status" or any(part.media_type in status.TYPES for part in leaves)


def _wrapped(original: Original, depth: int) -> Report | None:
    """The report in what a gateway returned, which then is itself a report."""
    if not original.raw or depth >= _DEEPEST:
        return None
    try:
        return _report(original.raw, mails.parse(original.raw), depth + 1)
    except Unreadable:
        return None


def _words(leaves: Sequence[Part], raw: bytes) -> str:
    texts = []
    for part in leaves:
        if returned.is_returned(part):
            break
        if part.media_type == "text/plain":
            texts.append(_text(part, raw))
    return "\n".join(texts) if any(text.strip() for text in texts) else ""


def _text(part: Part, raw: bytes) -> str:
    if part.end - part.start > returned.LONGEST * 4:
        part = replace(part, end=part.start + returned.LONGEST * 4)
    return mime.text(part, raw)


def _named(mail: Mail) -> list[str]:
    values = (value for name, value in mail.headers if name == "x-failed-recipients")
    return [each.address for value in values for each in headers.addresses(value[:16_384]) if "@" in each.address]


def _ours(mail: Mail) -> set[str]:
    return {each.address.lower() for each in (*mail.to, *mail.cc, *mail.sender)}
