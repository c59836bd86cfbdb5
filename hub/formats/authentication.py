"""What our own mail server found out about a mail's sender (Authentication-Results, RFC 8601)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)")
_RESULT = re.compile(r"^\s*(dkim|dmarc)(?:/\d+)?\s*=\s*pass\b(.*)$", re.IGNORECASE | re.DOTALL)
_PROPERTY = re.compile(r"\b(header\.(?:from|d|i))\s*=\s*\"?@?([^\s;\"]+)", re.IGNORECASE)


def authenticated(headers: Iterable[tuple[str, str]], servers: Collection[str], domain: str) -> bool:
    """Whether a mail is from *domain* for sure: one of our *servers* (authserv-ids, lower case) says that DMARC passed
    for it, or that it bears a DKIM signature of *domain* or of one above it. *headers* are the mail's own, in order,
    names in lower case.

    Only the topmost field of such a server counts: it takes away what pretends to be its own (RFC 8601, 5), and
    anybody can write fields in the name of others.
    """
    domain = domain.lower().rstrip(".")
    for name, value in headers:
        if name != "authentication-results":
            continue
        server, *results = _without_comments(value).split(";")
        if server.split()[:1] and server.split()[0].strip('"').lower() in servers:
            return bool(domain) and any(_of(result, domain) for result in results)
    return False


def _of(result: str, domain: str) -> bool:
    found = _RESULT.match(result)
    if found is None:
        return False
    said = {name.lower(): value.lower().rstrip(".") for name, value in _PROPERTY.findall(found[2])}
    if found[1].lower() == "dmarc":
        return said.get("header.from") == domain
    signer = said.get("header.d") or said.get("header.i", "").rpartition("@")[2]
    return "." in signer and (domain == signer or domain.endswith(f".{signer}"))


def _without_comments(text: str) -> str:
    while True:
        shorter = _COMMENT.sub(" ", text)
        if shorter == text:
            return text
        text = shorter
