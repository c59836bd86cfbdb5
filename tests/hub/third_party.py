"""Plug-ins of a third party, installed as a distribution with entry points: the way strangers extend the hub."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

ACME = """
from collections.abc import AsyncGenerator, Sequence
from typing import ClassVar

from pydantic import BaseModel, Field, SecretStr

import hub


class Server(BaseModel, extra="forbid"):
    name: str
    key: SecretStr | None = None


class AcmeSettings(hub.Settings):
    host: str = Field(description='Write the server\\'s name: host = "acme.example.org".')
    password: SecretStr = Field(min_length=3)
    port: int = Field(default=993, ge=1, le=65535)
    servers: tuple[Server, ...] = ()
    keys: dict[str, SecretStr] = {}


class Connector(hub.Connector):
    Settings = AcmeSettings

    def __init__(self, settings: AcmeSettings, setup: hub.Setup) -> None:
        self.settings, self.setup = settings, setup

    async def listen(self, cursor: str | None) -> AsyncGenerator[hub.Arrival, None]:
        yield hub.Arrival((), cursor)

    async def freshness(self, cursor: str | None) -> hub.Freshness:
        return hub.Freshness(0, 0.0)
"""

ACME_WEBHOOK = """
from collections.abc import Sequence

from pydantic import SecretStr

import hub


class WebhookSettings(hub.Settings):
    signing_key: SecretStr


class Webhook(hub.Webhook):
    Settings = WebhookSettings

    def __init__(self, settings: WebhookSettings, setup: hub.Setup) -> None:
        self.settings, self.setup = settings, setup

    def verify(self, delivery: hub.Delivery) -> None:
        return None

    def parse(self, delivery: hub.Delivery) -> Sequence[hub.Event | hub.Changed]:
        return ()
"""


def distribution(folder: Path, points: str, **modules: str) -> None:
    """Write *modules* (name to source) into *folder*, and about them a distribution with the entry *points*."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    about = folder / "acme-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(dedent(points))


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, points: str, **modules: str) -> None:
    """Put such a distribution on the path, until the test ends."""
    distribution(folder, points, **modules)
    monkeypatch.syspath_prepend(str(folder))
