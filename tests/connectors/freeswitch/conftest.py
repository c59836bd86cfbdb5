"""A stand-in for FreeSWITCH, and a hub's words about it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import hub
from connectors.freeswitch.settings import FreeswitchSettings
from tests.contracts.connector import setup
from tests.fakes.freeswitch import PASSWORD, FreeSwitch, freeswitch

ADA = hub.Agent("ada", "Ada", ("tel:+493012345100",), ("pbx/100",))
BEN = hub.Agent("ben", "Ben", (), ("pbx/103",))
LINE = "tel:+4930123456"


def about() -> hub.Setup:
    """What the core would tell of a source `pbx`."""
    return setup("pbx", ours=(LINE,), agents=(ADA, BEN))


def settings(port: int, **changes: object) -> FreeswitchSettings:
    """The settings with which a hub reaches the stand-in on *port*."""
    table = {
        "host": "127.0.0.1",
        "port": port,
        "password": PASSWORD,
        "trunk_device": "sofia/gateway/trunk/{number}",
        "recordings": "/rec",
    }
    return FreeswitchSettings.model_validate({**table, **changes})


@pytest.fixture
async def switch() -> AsyncIterator[FreeSwitch]:
    async with freeswitch() as running:
        yield running


@pytest.fixture
def provider_port(switch: FreeSwitch) -> int:
    return switch.port
