"""Two hubs on one PostgreSQL and one Redis: one of them listens to each mailbox, and every screen is at either."""

from __future__ import annotations

import asyncio
import itertools
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.hub_process import HubProcess, hub_process, until
from tests.faults.screen import Screen, screen
from tests.faults.traffic import Ledger, assert_once, introduce, mails_in_the_mailbox, read, timelines
from tests.servers.dovecot import Dovecot
from tests.servers.redis import redis

PBX_TOKEN = "pbx-7b8c09d4e2"
ASKED_AGAIN_SECONDS = 4  # a hub that listens elsewhere asks for the lease every three
CALLS = 3

AGENTS = """
[agents.ada]
name = "Ada"
extensions = ["pbx/21"]

[agents.ben]
name = "Ben"
extensions = ["pbx/22"]

[sources.pbx]
provider = "calls"
ours = ["tel:+4930123456"]
token = "env:PBX"
"""


def mailbox(dovecot: Dovecot) -> str:
    return f"""
[sources.mailbox]
provider = "imap"
host = "127.0.0.1"
port = {dovecot.imap_port}
security = "none"
username = "alice"
password = "env:MAILBOX"
"""


@asynccontextmanager
async def two_hubs(
    folder: Path, tables: str, store: str, redis_url: str
) -> AsyncIterator[tuple[HubProcess, HubProcess]]:
    """Two hubs that share everything but their address. They start at the same moment on an empty database."""
    environ = {"PBX": PBX_TOKEN, "MAILBOX": "secret-a"}
    async with (
        hub_process(folder / "one", tables, store=store, redis=redis_url, environ=environ, start=False) as one,
        hub_process(folder / "other", tables, store=store, redis=redis_url, environ=environ, start=False) as other,
    ):
        await asyncio.gather(one.start(), other.start())
        yield one, other


async def call(hub: HubProcess, ident: str, event: str, agent: str) -> None:
    """The phone system tells *hub* of a call."""
    told = {"id": ident, "event": event, "agent": agent, "from": "+4930901820", "to": "+4930123456"}
    async with hub.client(PBX_TOKEN) as client, client.post("/webhooks/pbx", json=told) as answer:
        assert answer.status == 204, await answer.text()


# --- one mailbox ----------------------------------------------------------------------------------------------------


async def test_one_mailbox_has_one_listener_and_when_that_is_killed_another(
    tmp_path: Path, postgres_url: str, redis_url: str, dovecot: Dovecot
) -> None:
    port = dovecot.imap_port
    ledger = Ledger()

    async def only(hub: HubProcess, others: HubProcess, seconds: float) -> None:
        """For so long only the first of these two listens."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while clock() < end:
            assert hub.connections(port) >= 1
            assert others.connections(port) == 0
            await asyncio.sleep(0.05)

    async with two_hubs(tmp_path, AGENTS + mailbox(dovecot), postgres_url, redis_url) as (one, other):
        await until(lambda: bool(one.connections(port) or other.connections(port)))
        first, second = (one, other) if one.connections(port) else (other, one)
        token = await first.token("test")
        async with first.client(token) as api:
            await introduce(api)
        async with asyncio.TaskGroup() as streams:
            streams.create_task(mails_in_the_mailbox(ledger, dovecot))
            await only(first, second, seconds=ASKED_AGAIN_SECONDS)
            await first.kill()
            await until(lambda: second.connections(port) > 0)
            await first.start()
            await only(second, first, seconds=ASKED_AGAIN_SECONDS)
            ledger.enough.set()
        async with first.client(token) as api:
            await read(api, ledger, dovecot)
            assert_once(ledger, await timelines(api))
            async with api.get("/api/v1/sources") as answer:
                states = {source["name"]: source["state"] for source in (await answer.json())["items"]}
        assert states["mailbox"] == "listening"


# --- every screen ---------------------------------------------------------------------------------------------------


async def test_what_one_hub_hears_is_on_the_screens_of_the_other(tmp_path: Path, postgres_url: str) -> None:
    with redis() as server:
        async with two_hubs(tmp_path, AGENTS, postgres_url, server.url) as (here, there):
            ada, ben = await asyncio.gather(*(here.token(agent, agent=agent) for agent in ("ada", "ben")))
            async with screen(here, ada) as hers, screen(there, ada) as hers_there, screen(there, ben) as his_there:
                assert await _answered(here, [hers, hers_there], his_there) < 1
                await asyncio.to_thread(server.process.kill)
                assert await _followed(here, hers_there) < 2
            # Nor is it needed to start.
            await there.kill()
            await there.start()
            async with screen(there, ada) as hers_there:
                assert await _followed(here, hers_there) < 2
                await asyncio.to_thread(server.process.start)
                await _told_again(here, hers_there)


async def _answered(here: HubProcess, hers: list[Screen], his: Screen) -> float:
    """Calls come in for both *here*, and she answers: the median of the seconds until her screens, or his, say so."""
    lasted = []
    clock = asyncio.get_running_loop().time
    for number in range(CALLS):
        began = clock()
        await call(here, f"call-{number}", "ringing", "ada")
        pops = [(await each.next("pop"))[1] for each in hers]
        lasted.append(clock() - began)
        await call(here, f"call-{number}", "ringing", "ben")
        _, pop = await his.next("pop")
        began = clock()
        await call(here, f"call-{number}", "answered", "ada")
        assert await his.next("pop", "pop-withdrawn") == ("pop-withdrawn", {"id": pop["id"], "reason": "answered"})
        lasted.append(clock() - began)
        for each in hers:
            _, answered = await each.next("pop", "pop-withdrawn")
            assert (answered["id"], answered["state"]) == (pops[0]["id"], "answered"), "it is her call now"
        await call(here, f"call-{number}", "ended", "ada")
        for each in hers:
            over = {"id": pops[0]["id"], "reason": "over"}
            assert await each.next("pop", "pop-withdrawn") == ("pop-withdrawn", over)
    return statistics.median(lasted)


async def _followed(here: HubProcess, hers: Screen) -> float:
    """Calls come in for her *here* and end: the median of the seconds until her screen elsewhere shows each."""
    lasted = []
    clock = asyncio.get_running_loop().time
    for _ in range(CALLS):
        began, ident = clock(), f"call-at-{clock()}"
        await call(here, ident, "ringing", "ada")
        _, pop = await hers.next("pop")
        lasted.append(clock() - began)
        await call(here, ident, "ended", "ada")
        assert (await hers.next("pop-withdrawn"))[1]["id"] == pop["id"]
    return statistics.median(lasted)


async def _told_again(here: HubProcess, elsewhere: Screen) -> None:
    """Calls for somebody else come in *here* until that is told elsewhere, which only Redis can do."""
    told = asyncio.create_task(elsewhere.next("activity"))
    for number in itertools.count():
        await call(here, f"told-{number}", "missed", "ben")
        await asyncio.wait([told], timeout=0.2)
        if told.done():
            break
    await told
