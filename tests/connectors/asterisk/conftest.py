"""One Asterisk for all tests of a module, with linkedids in its call detail records, and a hub's words about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import hub
from connectors.asterisk import Connector
from connectors.asterisk.settings import AsteriskSettings
from tests.contracts.connector import setup
from tests.servers.asterisk import Asterisk
from tests.servers.asterisk import asterisk as running

ADA = hub.Agent("ada", "Ada", ("tel:+493012345100",), ("pbx/100",))
BEN = hub.Agent("ben", "Ben", (), ("pbx/103",))
ALICE = hub.Agent("alice", "Alice", (), ("pbx/alice",))
LINE = "tel:+4930123456"


@pytest.fixture(scope="module")
def asterisk() -> Iterator[Asterisk]:
    """A server for all tests of a module."""
    with running() as server:
        with_linkedids(server)
        (server.folder / "spool" / "recording").mkdir()  # as the package of Asterisk makes it
        yield server


def with_linkedids(server: Asterisk) -> None:
    """Let its call detail records name the linkedid, as docs/ASTERISK.md tells people to."""
    file = server.folder / "etc" / "cdr.conf"
    file.write_text(file.read_text().replace("[csv]\n", "[csv]\nnewcdrcolumns = yes\n"))
    server.cli("module reload cdr_csv.so")


def about(**changes: object) -> hub.Setup:
    """What the core would tell of a source `pbx`."""
    return setup("pbx", **{"ours": (LINE,), "agents": (ADA, BEN, ALICE), **changes})


def settings(server: Asterisk, **changes: object) -> AsteriskSettings:
    """The settings with which a hub reaches *server*."""
    table: dict[str, Any] = {
        "host": server.ami.host,
        "port": server.ami.port,
        "username": server.ami.username,
        "secret": server.ami.secret,
        "trunks": ["trunk"],
        "cdr_file": str(server.cdr_file),
        "spool": str(server.folder / "spool"),
        **changes,
    }
    return AsteriskSettings.model_validate(table)


def connector(server: Asterisk, *, agents: tuple[hub.Agent, ...] = (ADA, BEN, ALICE), **changes: object) -> Connector:
    """A connector to *server*."""
    return Connector(settings(server, **changes), about(agents=agents))
