"""How a phone system proves that it is the one that sends."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from connectors.calls.mapping import Mapping, Proof
from hub import Delivery, Forged, Misconfigured, Unsupported
from hub.formats.signing import equal, hmac_base64, hmac_hex

Check = Callable[[Delivery], None]
"""Returns for a genuine delivery. Raises `Forged`."""

OLDEST = timedelta(minutes=5)
"""Of a signature that says its time: older, or that far ahead, it is played back."""

_TOKEN_ONLY = frozenset({"altered", "stale", "unreadable"})
_UNDETECTABLE = {"hmac": frozenset({"stale", "unreadable"}), "ed25519": frozenset({"unreadable"})}


def undetectable(mapping: Mapping | None) -> frozenset[str]:
    """The faults that the sender's scheme cannot show: a token says who sends, and nothing of what is sent."""
    return _UNDETECTABLE.get(mapping.proof.kind, _TOKEN_ONLY) if mapping else _TOKEN_ONLY


def check(mapping: Mapping | None, token: str) -> Check:
    """What looks at each delivery. Raises `Misconfigured` where *token* is no key of this scheme."""
    proof = mapping.proof if mapping else Proof()
    match proof.kind:
        case "bearer":
            return lambda delivery: _bearer(delivery, token)
        case "query":
            return lambda delivery: _same(token, _parameter(delivery, proof.name), f"parameter {proof.name}")
        case "field":
            return lambda delivery: _same(token, _field(mapping, delivery, proof.name), f"field {proof.name}")
        case "hmac":
            return lambda delivery: _hmac(delivery, proof, token)
        case "ed25519":
            key = _public_key(token)
            return lambda delivery: _ed25519(delivery, proof, key)


def _bearer(delivery: Delivery, token: str) -> None:
    """RFC 6750."""
    scheme, _, said = delivery.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Forged("The request has no Authorization: Bearer header.")
    if not equal(token, said.strip()):
        raise Forged("The bearer token is not this source's token.")


def _same(token: str, said: str, where: str) -> None:
    if not said or not equal(token, said):
        raise Forged(f"The {where} does not hold this source's token.")


def _parameter(delivery: Delivery, name: str) -> str:
    try:
        return parse_qs(urlsplit(delivery.url).query, max_num_fields=1000).get(name, [""])[0]
    except ValueError:
        return ""


def _field(mapping: Mapping | None, delivery: Delivery, name: str) -> str:
    try:
        said = mapping.read(delivery) if mapping else None
    except Unsupported:
        return ""
    found = said.get(name) if isinstance(said, dict) else None
    return found if isinstance(found, str) else ""


def _hmac(delivery: Delivery, proof: Proof, token: str) -> None:
    said = delivery.headers.get(proof.name.lower(), "")
    sign = hmac_hex if proof.encoding == "hex" else hmac_base64
    if not said or not equal(f"{proof.prefix}{sign(token, delivery.body, proof.digest)}", said):
        raise Forged(f"The signature in {proof.name} is absent or does not match: check the source's token.")


def _ed25519(delivery: Delivery, proof: Proof, key: Ed25519PublicKey) -> None:
    """RFC 8032."""
    stamp = delivery.headers.get(proof.timestamp.lower(), "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        raise Forged(f"The request has no time in {proof.timestamp}.")
    if abs(delivery.received_at.timestamp() - int(stamp)) > OLDEST.total_seconds():
        raise Forged("The request was signed too long ago: it is played back, or a clock is wrong.")
    try:
        signature = b64decode(delivery.headers.get(proof.name.lower(), ""), validate=True)
        key.verify(signature, stamp.encode() + b"|" + delivery.body)
    except (ValueError, InvalidSignature):
        raise Forged(f"The signature in {proof.name} is absent or does not match: check the source's token.") from None


def _public_key(token: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(b64decode(token, validate=True))
    except ValueError:
        raise Misconfigured("token must be the sender's public key: 32 bytes in base64.") from None
