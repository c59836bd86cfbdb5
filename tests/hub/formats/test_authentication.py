"""Whose mail it is, by the examples of RFC 8601, appendix B, and by what somebody might forge."""

from __future__ import annotations

import pytest

from hub.formats.authentication import authenticated

OURS = frozenset({"example.com", "mx.example.org"})
DKIM_PASS = (
    "example.com;\r\n dkim=pass (good signature) header.d=mail-router.example.net;\r\n"
    " dkim=fail (bad signature) header.d=newyork.example.com"
)


@pytest.mark.parametrize(
    ("value", "domain", "sure"),
    [
        ("example.com 1; none", "example.net", False),  # B.2
        ("example.com; spf=pass smtp.mailfrom=example.net", "example.net", False),  # B.3: who sent it on, not who wrote
        (DKIM_PASS, "mail-router.example.net", True),  # B.6
        (DKIM_PASS, "newyork.example.com", False),
        ("example.com; dkim=pass header.i=@mail-router.example.net", "mail-router.example.net", True),
        ("mx.example.org; dmarc=pass (p=NONE) header.from=customer.example", "customer.example", True),
        ("mx.example.org; dmarc=fail header.from=customer.example", "customer.example", False),
        ("mx.example.org; dmarc=pass header.from=other.example", "customer.example", False),
        ("mx.example.org; dkim=pass header.d=customer.example", "berlin.customer.example", True),
        ("mx.example.org; dkim=pass header.d=example", "customer.example", False),  # nobody signs for all of them
        ("mx.example.org; dkim=pass header.d=mer.example", "customer.example", False),
        ("mx.example.org; x=(dmarc=pass header.from=customer.example)", "customer.example", False),
        ("elsewhere.example; dmarc=pass header.from=customer.example", "customer.example", False),
        ("", "customer.example", False),
        (";", "customer.example", False),
    ],
)
def test_who_wrote_it(value: str, domain: str, sure: bool) -> None:
    assert authenticated([("authentication-results", value)], OURS, domain) is sure


def test_only_the_topmost_field_of_our_server_counts() -> None:
    forged = ("authentication-results", "mx.example.org; dmarc=pass header.from=bank.example")
    found = ("authentication-results", "mx.example.org; dmarc=fail header.from=bank.example")
    assert not authenticated([found, ("received", "from x"), forged], OURS, "bank.example")
    assert not authenticated([("x-authentication-results", forged[1])], OURS, "bank.example")
