from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.slack.settings import SlackSettings
from tests.contracts.connector import setup
from tests.fakes.slack import APP_TOKEN, BOT, BOT_TOKEN, CHANNEL, SECRET, TEAM, Slack, slack

SETUP = setup("slack")


@pytest.fixture
async def workspace() -> AsyncIterator[Slack]:
    """A workspace in which nobody has written. In the end everything that was asked of it was right."""
    async with slack() as running:
        yield running
    assert running.faults == []


def settings(port: int, **changed: object) -> SlackSettings:
    """Settings for our app in the workspace on *port*."""
    common = {
        "workspace": TEAM,
        "bot": BOT,
        "signing_secret": SECRET,
        "bot_token": BOT_TOKEN,
        "app_token": APP_TOKEN,
        "channels": [CHANNEL],
        "api_url": f"http://127.0.0.1:{port}/api",
    }
    return SlackSettings.model_validate({**common, **changed})
