"""What we sign, the reference library of Standard Webhooks accepts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from hub.formats import standard_webhooks


def test_the_reference_library_accepts_either_secret_and_no_other() -> None:
    old, new = standard_webhooks.secret(), standard_webhooks.secret()
    body = b'{"type":"alert.opened"}'
    headers = standard_webhooks.headers("msg_1", datetime.now(UTC), body, [new, old])
    assert Webhook(old).verify(body, headers) == Webhook(new).verify(body, headers) == {"type": "alert.opened"}
    with pytest.raises(WebhookVerificationError):
        Webhook(standard_webhooks.secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(body.replace(b"opened", b"closed"), headers)


def test_it_is_signed_as_the_specification_shows() -> None:
    """github.com/standard-webhooks/standard-webhooks, the vector of its libraries' tests."""
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = standard_webhooks.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
