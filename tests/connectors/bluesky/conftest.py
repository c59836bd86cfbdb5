from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from connectors.bluesky.settings import BlueskySettings
from tests.contracts.connector import setup
from tests.fakes.jetstream import Jetstream, jetstream
from tests.servers.pds import PASSWORD, Pds, pds

SETUP = setup("bluesky")


@pytest.fixture
async def stream() -> AsyncIterator[Jetstream]:
    """A stream in which nothing has happened."""
    async with jetstream() as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[Pds]:
    """Bluesky's own server, for all tests of a module."""
    with pds() as running:
        yield running


def settings(port: int, **changed: object) -> BlueskySettings:
    """Settings for the stream on *port*."""
    return BlueskySettings.model_validate({"jetstreams": [f"ws://127.0.0.1:{port}"], **changed})


def account(port: int, handle: str, password: str = PASSWORD) -> dict[str, object]:
    """The keys for *handle*'s account on the server on *port*."""
    return {"service": f"http://127.0.0.1:{port}", "identifier": handle, "password": password}
