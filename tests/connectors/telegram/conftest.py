from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.telegram.settings import TelegramSettings
from tests.contracts.connector import setup
from tests.fakes.telegram import TOKEN, Telegram, telegram

SETUP = setup("bot")


@pytest.fixture
async def server() -> AsyncIterator[Telegram]:
    """A Bot API in which nobody has written."""
    async with telegram() as running:
        yield running


def settings(port: int, **changed: object) -> TelegramSettings:
    """Settings for the bot on the server on *port*."""
    return TelegramSettings.model_validate(
        {"api_url": f"http://127.0.0.1:{port}", "token": TOKEN, "poll": True, **changed}
    )
