from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.mastodon.settings import MastodonSettings
from tests.contracts.connector import setup
from tests.fakes.mastodon import TOKEN, Mastodon, mastodon

SETUP = setup("mastodon")


@pytest.fixture
async def server() -> AsyncIterator[Mastodon]:
    """A server on which nobody has posted."""
    async with mastodon() as running:
        yield running


def settings(port: int, **changed: object) -> MastodonSettings:
    """Settings for our account on the server on *port*."""
    return MastodonSettings.model_validate({"server": f"http://127.0.0.1:{port}", "token": TOKEN, **changed})
