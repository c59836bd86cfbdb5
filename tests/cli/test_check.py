"""`hub check`: what it says of a store, of sources that answer, and of sources that don't."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.command import hub
from tests.fakes.ticker import TickServer, tick_server
from tests.hub.third_party import distribution
from tests.servers.process import free_port

TOP = Path(__file__).parents[2]
POINTS = """
    [hub.connectors]
    clock = clock_plugin
    """


@pytest.fixture
async def clock() -> AsyncIterator[TickServer]:
    async with tick_server() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the config lies; a third party's provider "clock" is installed beside it."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    distribution(plugins, POINTS, clock_plugin="from tests.fakes.ticker import Connector")
    return tmp_path


async def check(folder: Path, text: str) -> tuple[int, list[str], str]:
    """Exit status, findings and complaints of `hub check`, which runs beside this test's servers."""
    (folder / "config.toml").write_text(dedent(text))
    done = await asyncio.to_thread(hub, folder, "check", PYTHONPATH=f"{folder / 'plugins'}:{TOP}")
    lines = [" ".join(line.split()).replace(f"{folder}/", "") for line in done.stdout.splitlines()]
    return done.returncode, lines, done.stderr


async def test_a_hub_without_sources_is_well(folder: Path) -> None:
    assert await check(folder, "") == (0, ["ok store data/hub.sqlite3"], "")


async def test_a_source_that_answers_and_its_lag(folder: Path, clock: TickServer) -> None:
    clock.behind = "312 7260"

    status, lines, _ = await check(folder, f'[sources.tower]\nprovider = "clock"\nport = {clock.port}\n')

    assert status == 0
    assert lines[1:] == ["ok tower answers, behind by 312 messages, the oldest 2 hours old"]


async def test_one_source_that_is_wrong_does_not_hide_the_others(folder: Path, clock: TickServer) -> None:
    text = f"""
        [sources.tower]
        provider = "clock"
        port = {clock.port}
        [sources.church]
        provider = "clock"
        port = {free_port()}
        [sources.school]
        provider = "clock"
        prot = 1
        """
    status, lines, _ = await check(folder, text)

    assert status == 1
    assert lines[1:] == [
        "ok tower answers, up to date",
        "wrong church The clock does not answer.",
        'wrong school config.toml: sources.school.prot: unknown key. Did you mean "port"?',
        "wrong school config.toml: sources.school.port: is missing. Add port = … to its table.",
    ]


async def test_a_plugin_with_a_fault_is_named(folder: Path, clock: TickServer) -> None:
    clock.behind = "many few"

    status, lines, _ = await check(folder, f'[sources.tower]\nprovider = "clock"\nport = {clock.port}\n')

    assert status == 1
    assert lines[1].startswith("wrong tower has a fault of its own (ValueError).")


async def test_webhooks_verify_a_url_that_providers_can_reach(folder: Path) -> None:
    (folder / "token").write_text("a-token-of-a-test\n")
    source = '[sources.pbx]\nprovider = "calls"\ntoken = "file:token"\n'

    status, lines, _ = await check(folder, source)
    assert (status, lines[1:]) == (
        0,
        [
            "ok public_url http://127.0.0.1:8080",
            "note public_url no provider reaches 127.0.0.1 from outside. Set [hub] public_url to the address that "
            "providers call.",
            "ok pbx verifies deliveries to http://127.0.0.1:8080/webhooks/pbx",
        ],
    )

    status, lines, _ = await check(folder, f'[hub]\npublic_url = "https://hub.example.org/x/"\n{source}')
    assert (status, lines[1:]) == (
        0,
        [
            "ok public_url https://hub.example.org/x",
            "ok pbx verifies deliveries to https://hub.example.org/x/webhooks/pbx",
        ],
    )


async def test_a_door_is_opened_for_a_moment(folder: Path) -> None:
    port = free_port()

    status, lines, _ = await check(folder, f'[sources.dropbox]\nprovider = "smtp"\nlisten = "127.0.0.1:{port}"\n')

    assert (status, lines[1:]) == (0, [f"ok dropbox can listen on 127.0.0.1:{port}"])


async def test_a_port_that_somebody_else_has(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        status, lines, _ = await check(folder, f'[sources.dropbox]\nprovider = "smtp"\nlisten = "127.0.0.1:{port}"\n')

    assert status == 1
    assert lines[1].startswith(f"wrong dropbox cannot listen on 127.0.0.1:{port} (Address already in use)")


async def test_a_store_that_does_not_answer(folder: Path) -> None:
    status, lines, _ = await check(folder, f'[hub]\nstore = "postgresql://hub@127.0.0.1:{free_port()}/hub"\n')

    assert status == 1
    assert lines[0].startswith("wrong store config.toml: hub.store: the store cannot be opened: ")


async def test_a_postgresql_is_named_without_its_user(folder: Path, postgres_url: str) -> None:
    status, lines, _ = await check(folder, f'[hub]\nstore = "{postgres_url}"\n')

    assert status == 0
    assert lines == [f"ok store postgresql://127.0.0.1/{postgres_url.rpartition('/')[2]}"]
