from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.wecom.settings import WeComSettings
from tests.contracts.connector import setup
from tests.fakes.wecom import ACCOUNT, AGENT, CORP, SECRET, WeCom, wecom

SETUP = setup("wecom")
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@pytest.fixture
async def server() -> AsyncIterator[WeCom]:
    """An API over which nothing was said."""
    async with wecom() as running:
        yield running


def settings(port: int, secret: str = SECRET, **changed: object) -> WeComSettings:
    """Settings for the API on *port*."""
    given = {
        "corp_id": CORP,
        "token": "wecomtesttoken",
        "aes_key": KEY,
        "secret": secret,
        "agent_id": AGENT,
        "customer_service": [ACCOUNT],
        "poll_seconds": 0.05,
        "api_url": f"http://127.0.0.1:{port}",
    }
    return WeComSettings.model_validate({**given, **changed})
