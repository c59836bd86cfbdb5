"""What readers and their programs report: complaints (RFC 5965, RFC 6591) and receipts (RFC 8098)."""

from __future__ import annotations

from collections.abc import Mapping

from hub.formats import headers
from hub.formats.reports import status
from hub.formats.reports.returned import Original
from hub.formats.reports.vocabulary import Kind, Recipient, Report

FEEDBACK = "message/feedback-report"
RECEIPTS = ("message/disposition-notification", "message/global-disposition-notification")

# RFC 5965 section 7.3, RFC 6650 section 4, RFC 6591 section 3.1; "opt-out-list" is that of older programs.
_COMPLAINTS = ("abuse", "fraud", "virus", "other", "opt-out", "opt-out-list", "miscategorized")


def complaint(text: str, original: Original) -> Report:
    """A feedback report. Whoever complained stands in Original-Rcpt-To, else in the mail that came back, unless the
    provider has blotted that out (RFC 6590)."""
    groups = status.fields(text).groups
    fields: dict[str, str] = {name: value for group in reversed(groups) for name, value in group.items()}
    said = fields.get("feedback-type", "").strip().lower() or "other"
    named = fields.get("original-rcpt-to") or fields.get("removal-recipient") or ""
    who = [each.address for each in headers.addresses(named) if "@" in each.address] or list(original.to)
    remote = status.host(fields.get("reporting-mta", ""))
    return Report(
        kind=Kind.COMPLAINT if said in _COMPLAINTS else Kind.FEEDBACK,
        original_message_id=original.message_id or headers.message_id(fields.get("original-message-id", "")),
        original_subject=original.subject,
        recipients=tuple(
            Recipient(address=each, outcome=said, remote=remote) for each in who if not _blotted_out(each)
        ),
    )


def receipt(text: str, original: Original) -> Report:
    """A disposition notification: *outcome* is `displayed`, `deleted`, `dispatched`, `processed`…"""
    fields: Mapping[str, str] = next(iter(status.fields(text).groups), {})
    disposition = fields.get("disposition", "").rpartition(";")[2].partition("/")[0].strip().lower()
    who = status.address(fields.get("original-recipient", "")) or status.address(fields.get("final-recipient", ""))
    return Report(
        kind=Kind.RECEIPT,
        original_message_id=headers.message_id(fields.get("original-message-id", "")) or original.message_id,
        original_subject=original.subject,
        recipients=(Recipient(address=who, outcome=disposition or "displayed"),) if who else (),
    )


def _blotted_out(address: str) -> bool:
    return address.partition("@")[0].strip("<>[] ").lower() in ("redacted", "removed", "")
