"""HMAC (RFC 2104) as providers write it in their headers."""

from __future__ import annotations

import base64
import hmac
from typing import Literal

Digest = Literal["sha1", "sha256", "sha384", "sha512"]


def hmac_hex(key: str | bytes, message: bytes, digest: Digest = "sha256") -> str:
    """The HMAC of *message* in lower-case hex. A key given as text is its UTF-8."""
    return _hmac(key, message, digest).hex()


def hmac_base64(key: str | bytes, message: bytes, digest: Digest = "sha256") -> str:
    """The HMAC of *message* in base64 with padding. A key given as text is its UTF-8."""
    return base64.b64encode(_hmac(key, message, digest)).decode("ascii")


def equal(ours: str | bytes, theirs: str | bytes) -> bool:
    """Whether two signatures are the same, in a time that does not tell how far they agree. Takes any text: what a
    stranger sends need not be ASCII."""
    return hmac.compare_digest(_bytes(ours), _bytes(theirs))


def _hmac(key: str | bytes, message: bytes, digest: Digest) -> bytes:
    return hmac.digest(_bytes(key), message, digest)


def _bytes(value: str | bytes) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
