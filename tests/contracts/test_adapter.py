"""The adapter contract, on the CRM of `tests.fakes.crm`, whose adapters come as a third party's do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr

import hub
from hub import registry
from tests.contracts.adapter import AdapterContract, setup
from tests.fakes.crm import HOST, TOKEN, Crm, crm_server
from tests.fakes.rolodex import Keyless, RolodexSettings
from tests.hub.third_party import install


class TestKeyed(AdapterContract):
    """Found by its name, through an entry point."""

    @pytest.fixture(autouse=True)
    async def crm(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
        install(tmp_path, monkeypatch, "[hub.adapters]\nrolodex = tests.fakes.rolodex\n")
        async with crm_server() as self.server:
            yield

    @pytest.fixture
    def crm_port(self, crm: None) -> int:
        return self.server.port

    server: Crm
    plugin: ClassVar[type[hub.Adapter] | None] = None

    def adapter(self, port: int) -> hub.Adapter:
        return self.made(port, TOKEN)

    def refused(self, port: int) -> hub.Adapter:
        return self.made(port, "not-the-token")

    def made(self, port: int, token: str) -> hub.Adapter:
        settings = RolodexSettings(url=f"http://{HOST}:{port}", token=SecretStr(token))
        make = self.plugin or registry.adapter("rolodex")
        return make(settings, setup())  # type: ignore[call-arg]  # plug-ins are built so; the contract has no __init__

    async def put(self, name: str, mail: str) -> None:
        known = [each["id"] for each in self.server.contacts.values() if each["name"] == name]
        self.server.put(known[0] if known else f"C{len(self.server.contacts) + 1}", name=name, addresses=[mail])

    async def contacts(self) -> Mapping[str, str]:
        return {ident: contact["name"] for ident, contact in self.server.contacts.items()}

    async def activities(self) -> Sequence[tuple[str, str]]:
        return [(each["contact"], f"{each['title']}\n{each['text']}") for each in self.server.activities.values()]


class TestKeyless(TestKeyed):
    """The same CRM without keys."""

    plugin = Keyless
