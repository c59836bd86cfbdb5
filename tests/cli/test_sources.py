"""`hub sources`: a line for each source, as far as the store knows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from hub.cli.sources import lines
from hub.config import load
from hub.service import Service
from hub.sources.lag import Measured, measured
from hub.sources.states import Said, State, say
from hub.store.schema import sources
from hub.vocabulary import Freshness
from tests.cli.command import hub

MAILBOX = '[sources.{name}]\nprovider = "smtp"\nlisten = "127.0.0.1:0"\n'


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A hub with three doors, one of which is misspelt in the config."""
    text = "".join(MAILBOX.format(name=name) for name in ("info", "sales"))
    (tmp_path / "config.toml").write_text(text + '[sources.odd]\nprovider = "nobody"\n')

    def work(conn: Connection) -> None:
        say(conn, [Said("sales", State.REJECTED, "The server says \x1b[2J no."), Said("info", State.LISTENING)])
        measured(conn, [Measured("info", Freshness(312, 120.0))], datetime.now(UTC))
        began = datetime.now(UTC) - timedelta(seconds=100)
        reading = sources.update().where(sources.c.name == "info")
        conn.execute(reading.values(backfill_done=1000, backfill_total=4000, backfill_began_at=began))

    async with Service.open(load(tmp_path / "config.toml")) as service:
        await service.store.write(work)
    return tmp_path


def test_each_source_is_a_line_and_what_is_wrong_comes_first(folder: Path) -> None:
    done = hub(folder, "sources")

    assert done.returncode == 0
    odd, sales, info = done.stdout.splitlines()
    assert odd.startswith('odd    misconfigured  sources.odd.provider: There is no provider "nobody"')
    assert sales == "sales  rejected  The server says \\x1b[2J no."
    assert info.startswith("info   listening  behind by 312, 2 min  1,000 of 4,000, ")
    assert info.endswith("/s, 5 min left")


def test_one_can_be_asked_for(folder: Path) -> None:
    assert hub(folder, "sources", "sales").stdout.startswith("sales  rejected")
    nobody = hub(folder, "sources", "nobody")
    assert (nobody.returncode, nobody.stdout) == (1, "There is no such source.\n")


def test_what_waits_says_for_how_long() -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    row = {"name": "mail", "state": "waiting", "cause": "It hung up.", "next_try_at": "2026-05-04T12:02:00+00:00"}

    assert lines([row], now) == ["mail  waiting, again in 2 min  It hung up."]
