"""A real hub is killed after the CRM took something and before the hub wrote that down: it is there once all the same.

The CRM is reached as a third party's is: its adapter is a distribution with an entry point, named in the config.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL
from textwrap import dedent

import sqlalchemy as sa

from hub.store import Store
from tests.cli.command import Serving, serving
from tests.fakes.crm import HOST, TOKEN, Crm, crm_server
from tests.hub.core import Core, letter, open_core
from tests.hub.third_party import distribution
from tests.servers.process import free_port

TOP = Path(__file__).parents[2]


@asynccontextmanager
async def opened(store_url: str) -> AsyncIterator[Core]:
    """The core on the store that `hub serve` has when it runs."""
    async with Store.open(store_url) as store, open_core(store) as core:
        yield core


def install(folder: Path, crm: Crm, store_url: str) -> Mapping[str, str]:
    """Put a config and an adapter into *folder*. Answers the environment in which the hub finds the adapter."""
    distribution(folder, "[hub.adapters]\nrolodex = tests.fakes.rolodex\n")
    config = f"""
        [hub]
        listen = "127.0.0.1:{free_port()}"
        store = "{store_url}"
        [crm.crm]
        adapter = "rolodex"
        url = "http://{HOST}:{crm.port}"
        token = "env:ROLODEX_TOKEN"
        """
    (folder / "config.toml").write_text(dedent(config))
    return {"PYTHONPATH": f"{folder}:{TOP}", "ROLODEX_TOKEN": TOKEN}


@asynccontextmanager
async def served(folder: Path, environ: Mapping[str, str]) -> AsyncIterator[Serving]:
    """A running hub. It is started and stopped beside the event loop, in which the CRM answers it."""
    running = serving(folder, **environ)
    hub = await asyncio.to_thread(running.__enter__)
    try:
        yield hub
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


async def test_what_the_crm_took_before_the_hub_was_killed_is_there_once(store_url: str, tmp_path: Path) -> None:
    async with crm_server() as crm:
        environ = install(tmp_path, crm, store_url)
        async with opened(store_url) as core:
            await core.contact("Li Na", "mailto:li.na@customer.example")
            letters = [letter(f"{n}@customer.example", subject=f"Mail {n}", uid=n) for n in range(3)]
            await core.ingest.record("mail", letters)
        crm.hold_answers()
        async with served(tmp_path, environ) as hub:
            await crm.until(lambda: len(crm.contacts) == 1)
            await asyncio.to_thread(hub.stop, SIGKILL)
        crm.release()
        await _claims_run_out(store_url)
        async with served(tmp_path, environ) as hub:
            await crm.until(lambda: len(crm.writes) == 2)  # the contact again; now the hub knows
            crm.hold_answers()
            await crm.until(lambda: len(crm.activities) == 3)
            await asyncio.to_thread(hub.stop, SIGKILL)
        crm.release()
        await _claims_run_out(store_url)
        async with served(tmp_path, environ):
            await crm.until(lambda: len(crm.writes) == 8)  # and each activity again
        async with opened(store_url) as core:
            states = await core.rows("SELECT state, count(*) FROM outbox GROUP BY state")
    assert [contact["name"] for contact in crm.contacts.values()] == ["Li Na"]
    assert sorted(crm.titles()) == ["Mail 0", "Mail 1", "Mail 2"]
    assert states == [("sent", 4)]


async def _claims_run_out(store_url: str) -> None:
    """A minute and a half goes by, until another hub may take what a killed one was sending (with SQLite the next
    start knows that nobody else is there)."""
    if store_url.startswith("sqlite"):
        return

    def work(conn: sa.Connection) -> None:
        conn.execute(sa.text("UPDATE outbox SET claimed_until = 1 WHERE claimed_until IS NOT NULL"))

    async with Store.open(store_url) as store:
        await store.write(work)
