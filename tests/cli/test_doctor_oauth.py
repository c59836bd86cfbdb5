"""`hub doctor` on permissions: what is wrong, what soon will be, and when each ends."""

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
from tests.cli.command import hub
from tests.fakes.oauth import CLIENT_ID, AuthorisationServer, authorisation_server

KEY = b64encode(b"k" * 32).decode()
NOW = datetime.now(UTC)
TOML = """
[hub]
key = "env:HUB_KEY"

[sources.mail]
provider = "imap"
host = "127.0.0.1"
username = "alice@example.test"
security = "none"
auth = "xoauth2"
oauth = "own"

[oauth.own]
provider = "google"
client_id = "{client}"
token_url = "{server}/token"
secret_expires = {ends}
"""


@pytest.fixture
async def server() -> AsyncIterator[AuthorisationServer]:
    """An authorisation server."""
    async with authorisation_server() as running:
        yield running


async def doctor(folder: Path, server: AuthorisationServer, grant: Grant | None) -> tuple[int, list[tuple[str, str]]]:
    """Exit status and the lines on permissions, as (grade, text), for a hub that has *grant*."""
    path = folder / "config.toml"
    path.write_text(TOML.format(client=CLIENT_ID, server=server.url, ends=(NOW + timedelta(days=300)).date()))
    async with Service.open(load(path, {"HUB_KEY": KEY})) as service:
        if grant is not None:
            await service.store.write(lambda conn: rows.put(conn, grant))
    done = await asyncio.to_thread(hub, folder, "doctor", HUB_KEY=KEY)
    lines = [line for line in done.stdout.splitlines() if line[6:18].strip() == "oauth"]
    return done.returncode, [(line[:6].strip(), line[18:]) for line in lines]


def grant(key: str = KEY) -> Grant:
    """A permission that is as it should be."""
    keys = Keys(read(key), None)
    return Grant(
        source="mail",
        account="alice@example.test",
        scopes=("https://mail.google.com/", "openid"),
        refresh_token=keys.sealed("refresh-1"),
        access_token=keys.sealed("access-1"),
        expires_at=NOW + timedelta(hours=1),
        granted_at=NOW - timedelta(days=2),
        renewed_at=NOW,
    )


async def test_all_is_well(tmp_path: Path, server: AuthorisationServer) -> None:
    status, lines = await doctor(tmp_path, server, grant())

    assert status == 0
    assert [grade for grade, _ in lines] == ["ok", "ok", "ok"]
    texts = [text for _, text in lines]
    assert texts[0].startswith("mail: alice@example.test gave permission at Google on ")
    assert texts[1] == "mail: It lasts until somebody takes it back, or the hub does not use it for 6 months."
    assert texts[2].startswith("mail: The client secret of the app is good until ")


async def test_nobody_has_connected_it(tmp_path: Path, server: AuthorisationServer) -> None:
    status, lines = await doctor(tmp_path, server, None)

    assert status == 1
    assert lines[0] == ("wrong", "mail: Nobody has given permission at Google yet.")


async def test_another_key(tmp_path: Path, server: AuthorisationServer) -> None:
    status, lines = await doctor(tmp_path, server, grant(b64encode(b"o" * 32).decode()))

    assert status == 1
    (told,) = (text for given, text in lines if given == "wrong")
    assert told.startswith(
        "mail: the permission was encrypted with another key than [hub] key holds; put that key back"
    )


@pytest.mark.parametrize(("minutes", "direction"), [(10, "behind"), (-10, "ahead")])
async def test_a_clock_that_is_wrong(tmp_path: Path, server: AuthorisationServer, minutes: int, direction: str) -> None:
    server.ahead = timedelta(minutes=minutes)

    _, lines = await doctor(tmp_path, server, grant())

    wrong = f"own: The clock of this machine is 10 minutes {direction}" + (" of" if direction == "ahead" else "")
    assert [given for given, text in lines if text.startswith(wrong)] == ["wrong"]


async def test_a_provider_that_cannot_be_reached(tmp_path: Path, server: AuthorisationServer) -> None:
    away = AuthorisationServer(url="http://127.0.0.1:9")

    status, lines = await doctor(tmp_path, away, grant())

    assert status == 0
    assert ("note", "own: 127.0.0.1 cannot be reached (ClientConnectorError).") in lines
