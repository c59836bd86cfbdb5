"""What a machine sent is told from what a person wrote (RFC 3834 and what programs do beside it)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_DAEMON = re.compile(r"mailer-daemon|mail-daemon|postmaster@", re.IGNORECASE)


def kind(media_type: str, first: Mapping[str, str], subject: str) -> str | None:
    """Why no person sent a mail: `report`, `auto-replied`, `auto-generated`, `auto-notified`, `list` or `bulk`; None
    where one did. *first* holds the mail's own fields, names in lower case; *subject* is decoded."""
    said = first.get
    if media_type == "multipart/report" or _DAEMON.search(said("from", "") + said("return-path", "")):
        return "report"
    submitted = said("auto-submitted", "").partition(";")[0].strip().lower()
    if submitted and submitted != "no":
        return submitted if submitted in ("auto-replied", "auto-notified") else "auto-generated"
    precedence = said("precedence", "").strip().lower().replace("-", "_")
    if said("x-autoreply") or said("x-autorespond") or precedence == "auto_reply":
        return "auto-replied"
    if said("list-id") or precedence == "list":
        return "list"
    if precedence in ("bulk", "junk") or said("list-unsubscribe"):
        return "bulk"
    if said("return-path", "").strip() == "<>":
        return "auto-generated"
    return None
