"""Web Push against the vectors of RFC 8291 and RFC 8292."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from hub.formats import webpush
from hub.formats.webpush import unpacked
from tests.hub.formats import DATA

VECTORS: dict[str, Any] = json.loads((DATA / "specs" / "signature-vectors.json").read_text(encoding="utf-8"))


def verified(token: str, key: str) -> dict[str, Any]:
    """The claims of a token, checked with the packed public *key* (RFC 7515, RFC 7518 3.4)."""
    signed, _, signature = token.rpartition(".")
    raw = unpacked(signature)
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unpacked(key))
    public.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
    claims: dict[str, Any] = json.loads(unpacked(signed.partition(".")[2]))
    return claims


def test_a_message_is_encrypted_as_rfc_8291_does() -> None:
    vector = VECTORS["webpush_rfc8291"]
    to = webpush.subscription("https://push.example.net/p", vector["ua_public"], vector["auth_secret"])
    ours = webpush.private(vector["as_private"])
    body = webpush.encrypted(vector["plaintext"].encode(), to, salt=unpacked(vector["salt"]), key=ours)
    assert webpush.packed(webpush.public(ours)) == vector["as_public"]
    assert webpush.packed(body) == vector["body"]


def test_the_token_of_rfc_8292_verifies_and_ours_as_it_does() -> None:
    vector = VECTORS["vapid_rfc8292"]
    assert verified(vector["jwt"], vector["k"])["aud"] == "https://push.example.net"
    now = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    key = webpush.private(webpush.made())
    field = webpush.authorization(key, "https://push.example.net:8443/p/x?y", "mailto:push@example.com", now)
    scheme, _, rest = field.partition(" ")
    said = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid"
    assert verified(said["t"], said["k"]) == {
        "aud": "https://push.example.net:8443",
        "exp": int(now.timestamp()) + 12 * 3600,
        "sub": "mailto:push@example.com",
    }
    with pytest.raises(InvalidSignature):
        verified(said["t"], vector["k"])


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("", "BTBZMqHH6r4Tts7J_aSIgg"),
        ("BCVxsr7N", "BTBZMqHH6r4Tts7J_aSIgg"),
        (VECTORS["webpush_rfc8291"]["ua_public"], "c2hvcnQ"),
        ("no base64!", "BTBZMqHH6r4Tts7J_aSIgg"),
    ],
)
def test_what_no_browser_gives_is_refused(key: str, secret: str) -> None:
    with pytest.raises(ValueError, match=r"base64url|16 bytes|point|key"):
        webpush.subscription("https://push.example.net/p", key, secret)


def test_what_is_too_long_for_a_push_service_is_refused() -> None:
    vector = VECTORS["webpush_rfc8291"]
    to = webpush.subscription("https://push.example.net/p", vector["ua_public"], vector["auth_secret"])
    assert len(webpush.encrypted(b"x" * webpush.LONGEST, to)) == 4096
    with pytest.raises(ValueError, match="at most"):
        webpush.encrypted(b"x" * (webpush.LONGEST + 1), to)
