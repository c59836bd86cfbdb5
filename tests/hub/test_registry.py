"""A provider is found by its name: in our folders, or through a third party's entry points."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hub import registry
from tests.hub.third_party import ACME, install


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three third-party providers: one that works, one that does not import, one without plug-ins."""
    points = """
        [hub.connectors]
        acme = registry_acme
        torn = registry_torn
        bare = registry_bare
        odd = registry_odd
        [hub.adapters]
        ledger = registry_bare
        half = registry_half
        """
    install(
        tmp_path,
        monkeypatch,
        points,
        registry_acme=ACME,
        registry_torn="import no_such_library",
        registry_bare="",
        registry_odd="class Connector: ...",
        registry_half="import hub\nclass Adapter(hub.Adapter):\n    Settings = hub.Settings",
    )


@pytest.mark.usefixtures("plugins")
class TestThirdParty:
    def test_is_found_by_its_name(self) -> None:
        found = registry.provider("acme")

        assert found.connector is not None
        assert found.connector.__name__ == "Connector"
        assert found.door is None
        assert found.webhook is None
        assert [settings.__name__ for settings in found.settings] == ["AcmeSettings"]

    def test_is_listed_without_being_imported(self) -> None:
        assert "torn" in registry.provider_names()
        assert "registry_torn" not in sys.modules

    def test_that_cannot_be_imported_says_why(self) -> None:
        with pytest.raises(
            registry.BrokenPlugin, match=r"registry_torn cannot be imported: .*No module named 'no_such"
        ):
            registry.provider("torn")

    def test_without_a_plugin_is_broken(self) -> None:
        with pytest.raises(registry.BrokenPlugin, match='"bare" has neither a Connector nor a Door nor a Webhook'):
            registry.provider("bare")

    def test_of_another_shape_is_broken(self) -> None:
        with pytest.raises(registry.BrokenPlugin, match=r"registry_odd\.Connector is no hub\.Connector"):
            registry.provider("odd")

    def test_that_is_unknown_names_the_nearest(self) -> None:
        with pytest.raises(registry.UnknownPlugin, match=r'There is no provider "acmee"\. Did you mean "acme"\?'):
            registry.provider("acmee")

    def test_adapter_without_settings_is_broken(self) -> None:
        with pytest.raises(registry.BrokenPlugin, match='"ledger" has no class Adapter with Settings'):
            registry.adapter("ledger")

    def test_adapter_that_is_half_done_is_broken(self) -> None:
        with pytest.raises(registry.BrokenPlugin, match=r"registry_half\.Adapter lacks changes, log, upsert"):
            registry.adapter("half")

    def test_unknown_adapter_lists_what_there_is(self) -> None:
        with pytest.raises(registry.UnknownPlugin, match=r'There is no adapter "zzz"\. There are: .*ledger'):
            registry.adapter("zzz")


def test_a_name_offered_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "[hub.connectors]\nimap = registry_twice\n", registry_twice=ACME)

    with pytest.raises(registry.BrokenPlugin, match='Two plug-ins are called "imap"'):
        registry.provider("imap")
