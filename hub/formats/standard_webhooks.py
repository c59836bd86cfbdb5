"""Standard Webhooks 1.0 (github.com/standard-webhooks): how a webhook is signed and says which one it is.

The signed text is `id.timestamp.body`; a secret is `whsec_` and base64 of 24 to 64 bytes. While a secret is being
changed a message carries a signature for each.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from datetime import datetime

from hub.formats.signing import hmac_base64

PREFIX = "whsec_"
SECRET_BYTES = 32


def secret(random: bytes = b"") -> str:
    """A secret of these *random* bytes; of new ones where there are none."""
    return PREFIX + base64.b64encode(random or os.urandom(SECRET_BYTES)).decode()


def headers(ident: str, at: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The fields that go with *body*, signed with each of *secrets*. *ident* is the same at every attempt, *at* is the
    moment of this one."""
    seconds = int(at.timestamp())
    signed = b"%s.%d.%s" % (ident.encode(), seconds, body)
    return {
        "webhook-id": ident,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{hmac_base64(_key(each), signed)}" for each in secrets),
    }


def _key(text: str) -> bytes:
    return base64.b64decode(text.removeprefix(PREFIX))
