"""`hub check` signs in with the permission that the hub keeps, whether a hub runs or not."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.config import load
from hub.grants import rows
from hub.grants.keys import Keys, read
from hub.grants.rows import Grant
from hub.service import Service
from tests.cli.command import hub, serving
from tests.fakes.oauth import AuthorisationServer, authorisation_server
from tests.hub.web.test_connect import secrets, toml
from tests.servers.dovecot import Dovecot


@pytest.fixture
async def server(dovecot: Dovecot) -> AsyncIterator[AuthorisationServer]:
    """An authorisation server whose tokens Dovecot takes."""
    async with authorisation_server(dovecot.tokens) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, dovecot: Dovecot, server: AuthorisationServer) -> Path:
    """Where the config lies."""
    secrets(tmp_path)
    text = toml(server, dovecot.imap_port).replace("[hub]", '[hub]\nlisten = "127.0.0.1:0"', 1)
    (tmp_path / "config.toml").write_text(text.format(store="sqlite:///hub.sqlite3"))
    return tmp_path


async def permitted(folder: Path) -> None:
    """Somebody has connected the mailbox: the access token is "good"."""
    keys, now = Keys(read(b64encode(b"k" * 32).decode()), None), datetime.now(UTC)
    grant = Grant(
        source="mail",
        account="alice@example.test",
        scopes=("imap",),
        refresh_token=keys.sealed("refresh-1"),
        access_token=keys.sealed("good"),
        expires_at=now + timedelta(hours=1),
        granted_at=now,
        renewed_at=now,
    )
    async with Service.open(load(folder / "config.toml")) as service:
        await service.store.write(lambda conn: rows.put(conn, grant))


async def check(folder: Path) -> str:
    """What `hub check` says of the mailbox."""
    done = await asyncio.to_thread(hub, folder, "check")
    (line,) = (
        line for line in done.stdout.splitlines() if line[6:].startswith("mail ") and not line.startswith("note")
    )
    return " ".join(line.split())


async def test_without_a_running_hub(folder: Path, dovecot: Dovecot) -> None:
    await permitted(folder)
    dovecot.tokens["good"] = "alice"

    assert await check(folder) == "ok mail answers, up to date"


async def test_beside_a_running_hub(folder: Path, dovecot: Dovecot) -> None:
    await permitted(folder)
    dovecot.tokens["good"] = "alice"

    with serving(folder):
        assert await check(folder) == "ok mail answers, up to date"


async def test_nobody_has_connected_it(folder: Path) -> None:
    assert (await check(folder)).startswith(
        "wrong mail nobody has connected mail yet; an administrator does so on its page"
    )
