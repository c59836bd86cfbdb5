"""Web Push: a message that only one browser can read (RFC 8291), and who sends it (VAPID, RFC 8292).

Keys go over the wire as base64url without padding; public keys are uncompressed points of P-256 (65 bytes).
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LONGEST = 3_993
"""Bytes of a message: with its padding mark, tag and header it makes the 4,096 that every push service takes."""

VALID = timedelta(hours=12)
"""How long a token of ours is good; RFC 8292 allows a day."""

_RECORD = 4096
_SECRET_BYTES = 16
_CURVE = ec.SECP256R1()


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a browser gives for being told: the *endpoint* of its push service, its public key, and the secret that it
    shares with whoever may write to it."""

    endpoint: str
    key: bytes
    secret: bytes


def subscription(endpoint: str, key: str, secret: str) -> Subscription:
    """From `PushSubscription.toJSON()`: *key* is its `keys.p256dh`, *secret* its `keys.auth`. Raises `ValueError`."""
    if urlsplit(endpoint).scheme not in ("https", "http") or not urlsplit(endpoint).netloc:
        raise ValueError("the endpoint is no address")
    point, shared = unpacked(key), unpacked(secret)
    if len(shared) != _SECRET_BYTES:
        raise ValueError("the secret has not 16 bytes")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    except ValueError:
        raise ValueError("the key is no point of P-256") from None
    return Subscription(endpoint, point, shared)


def packed(data: bytes) -> str:
    """*data* in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unpacked(text: str) -> bytes:
    """What `packed` made *text* of. Raises `ValueError`."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("this is not base64url") from None


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half of *key*, as it goes over the wire."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def private(text: str) -> ec.EllipticCurvePrivateKey:
    """The key of which *text* is the number, packed. Raises `ValueError`."""
    return ec.derive_private_key(int.from_bytes(unpacked(text), "big"), _CURVE)


def made() -> str:
    """A new private key, as `private` reads it."""
    number = ec.generate_private_key(_CURVE).private_numbers().private_value
    return packed(number.to_bytes(32, "big"))


def encrypted(
    message: bytes, to: Subscription, *, salt: bytes = b"", key: ec.EllipticCurvePrivateKey | None = None
) -> bytes:
    """The body for a push service: *message* for this one browser, Content-Encoding aes128gcm (RFC 8188) in one record.
    *salt* and *key* are drawn anew for each message where none are given. Raises `ValueError` for more than `LONGEST`
    bytes."""
    if len(message) > LONGEST:
        raise ValueError(f"a push has at most {LONGEST} bytes")
    salt = salt or os.urandom(16)
    key = key or ec.generate_private_key(_CURVE)
    theirs, ours = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, to.key), public(key)
    content_key, nonce = keys(key.exchange(ec.ECDH(), theirs), to.secret, to.key, ours, salt)
    sealed = AESGCM(content_key).encrypt(nonce, message + b"\x02", None)
    return salt + _RECORD.to_bytes(4, "big") + bytes([len(ours)]) + ours + sealed


def keys(shared: bytes, secret: bytes, theirs: bytes, ours: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Content key and nonce, of what both sides share, the browser's *secret*, both public keys and the *salt*
    (RFC 8291, 3.4)."""
    prime = _derived(shared, secret, b"WebPush: info\0" + theirs + ours, 32)
    return (
        _derived(prime, salt, b"Content-Encoding: aes128gcm\0", 16),
        _derived(prime, salt, b"Content-Encoding: nonce\0", 12),
    )


def authorization(key: ec.EllipticCurvePrivateKey, endpoint: str, contact: str, now: datetime) -> str:
    """The Authorization field that says who sends: good for the push service of *endpoint*. *contact* is a `mailto:` or
    `https:` address at which its operator reaches us. *now* is aware."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int((now + VALID).timestamp()),
        "sub": contact,
    }
    signed = ".".join(packed(orjson.dumps(each)) for each in ({"typ": "JWT", "alg": "ES256"}, claims))
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    signature = packed(r.to_bytes(32, "big") + s.to_bytes(32, "big"))  # RFC 7518, 3.4: both numbers, not DER
    return f"vapid t={signed}.{signature}, k={packed(public(key))}"


def _derived(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(material)
