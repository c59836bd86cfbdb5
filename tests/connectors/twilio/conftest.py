"""An account at Twilio, and the plug-ins that ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import hub
from connectors.twilio.settings import TwilioSettings
from tests.contracts.connector import setup
from tests.fakes.twilio import ACCOUNT
from tests.fakes.twilio_api import KEY_SECRET, KEY_SID, TwilioApi, twilio_api

LINE = "tel:+14155550199"
CALLER = "+14155550100"
ADA = hub.Agent("ada", "Ada", ("tel:+14155550123", "client:ada", "sip:ada@pbx.example.org"), ("pbx/21",))
SETUP: hub.Setup = setup("front-desk", region="US", ours=(LINE,), agents=(ADA,))


def settings(port: int, **changes: object) -> TwilioSettings:
    """Settings with an API key, to the account on *port*. It is looked at ten times a second, which no one may set."""
    right = {
        "account_sid": ACCOUNT,
        "auth_token": "twilio-test-auth-token",
        "api_key_sid": KEY_SID,
        "api_key_secret": KEY_SECRET,
        "api_url": f"http://127.0.0.1:{port}",
    }
    checked = TwilioSettings.model_validate({**right, **changes})
    return checked.model_copy(update={"poll_seconds": 0.1})


def port(api: TwilioApi) -> int:
    """Where *api* listens."""
    return int(api.url.rpartition(":")[2])


@pytest.fixture
async def api() -> AsyncIterator[TwilioApi]:
    async with twilio_api() as running:
        yield running


@pytest.fixture
def provider_port(api: TwilioApi) -> int:
    return port(api)
