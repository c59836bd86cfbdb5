"""`GET /live` as a browser sees it: what rings, where, and when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from hub import accounts
from hub.live import LiveEvent
from hub.live.bus import MAX_WAITING
from hub.privacy.visibility import Scope
from hub.web import live as live_module
from tests.hub.web.office import Office, open_office


@dataclass(slots=True)
class Screen:
    """Reads one stream."""

    answer: aiohttp.ClientResponse

    async def block(self) -> dict[str, str]:
        """The fields of the next event or comment; empty at the end of the stream."""
        fields: dict[str, str] = {}
        while line := (await self.answer.content.readline()).decode():
            if line == "\n":
                return fields
            name, _, value = line.rstrip("\n").partition(":")
            fields[name] = value.removeprefix(" ")
        return fields

    async def next(self, *types: str) -> tuple[str, dict[str, Any]]:
        """The next event of one of these types."""
        async with asyncio.timeout(15):
            while True:
                fields = await self.block()
                assert fields, "the stream ended"
                if fields.get("event") in types:
                    assert fields["id"].isdigit()
                    return fields["event"], orjson.loads(fields["data"])

    async def ended(self) -> None:
        """Returns when the hub closes the stream."""
        async with asyncio.timeout(15):
            while await self.block():
                pass


@asynccontextmanager
async def screen(client: aiohttp.ClientSession) -> AsyncIterator[Screen]:
    async with client.get("/live") as answer:
        assert answer.status == 200
        yield Screen(answer)


async def test_a_stream_begins_with_the_state_and_says_how_to_come_back(office: Office) -> None:
    ada = await office.person("ada", agent="ada")
    assert await office.call("c1", "ringing", agent="ada") == 204
    async with screen(ada) as stream:
        headers = stream.answer.headers
        assert headers["Content-Type"] == "text/event-stream"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"
        first = await stream.block()
        assert first["retry"] == "1000"
        _, pop = await stream.next("pop")
        assert (pop["handle"], pop["state"], pop["candidates"]) == ("tel:+4917012345678", "ringing", [])
        _, state = await stream.next("ringing")
        assert state == {"pops": [[pop["id"], pop["revision"]]]}


async def test_it_rings_in_every_tab_of_the_agent_and_nowhere_else(office: Office) -> None:
    ada, ben = await office.person("ada", agent="ada"), await office.person("ben", agent="ben")
    async with screen(ada) as one, screen(ada) as two, screen(ben) as other:
        for stream in (one, two, other):
            await stream.next("ringing")
        await office.call("c1", "ringing", agent="ada")
        pops = [await stream.next("pop") for stream in (one, two)]
        assert pops[0] == pops[1]
        await office.call("c1", "ended")
        for stream in (one, two):
            assert await stream.next("pop-withdrawn") == ("pop-withdrawn", {"id": pops[0][1]["id"], "reason": "over"})
        await office.call("c2", "ringing", agent="ben")
        _, pop = await other.next("pop", "pop-withdrawn")
        assert pop["interaction"] != pops[0][1]["interaction"], "of the first call ben never heard"


async def test_dismissing_clears_all_of_ones_tabs_and_only_those(office: Office) -> None:
    ada, ben = await office.person("ada", agent="ada"), await office.person("ben", agent="ben")
    async with screen(ada) as one, screen(ada) as two, screen(ben) as other:
        for stream in (one, two, other):
            await stream.next("ringing")
        await office.call("c1", "ringing", agent="ada")
        await office.call("c1", "ringing", agent="ben")
        _, pop = await one.next("pop")
        _, theirs = await other.next("pop")
        async with ben.post(f"/api/v1/pops/{pop['id']}/dismiss") as answer:
            assert answer.status == 404, "it is not his to dismiss"
        async with ada.post(f"/api/v1/pops/{pop['id']}/dismiss") as answer:
            assert answer.status == 204
        for stream in (one, two):
            assert await stream.next("pop-withdrawn") == ("pop-withdrawn", {"id": pop["id"], "reason": "dismissed"})
        async with ada.get("/api/v1/pops") as answer:
            assert (await answer.json())["items"] == []
        async with ben.get("/api/v1/pops") as answer:
            assert [each["id"] for each in (await answer.json())["items"]] == [theirs["id"]]
        async with ada.post(f"/api/v1/pops/{pop['id']}/dismiss") as answer:
            assert answer.status == 404, "it does not ring there any more"


async def test_a_token_with_an_agent_reads_her_stream(office: Office) -> None:
    panel = await office.token("panel", Scope.READ, "ada")
    async with screen(panel) as stream:
        await stream.next("ringing")
        await office.call("c1", "ringing", agent="ada")
        _, pop = await stream.next("pop")
        async with panel.post(f"/api/v1/pops/{pop['id']}/dismiss") as answer:
            assert answer.status == 403, "reading is all it may do"


async def test_without_an_agent_nothing_rings(office: Office) -> None:
    watcher = await office.token("watcher", Scope.READ)
    async with screen(watcher) as stream:
        await stream.block()
        await office.call("c1", "ringing", agent="ada")
        kind, data = await stream.next("pop", "ringing", "activity")
        assert kind == "activity"
        assert set(data) <= {"interactions", "conversations", "contacts"}
    async with watcher.get("/api/v1/pops") as answer:
        assert answer.status == 403


async def test_ending_a_session_ends_its_streams_and_no_others(office: Office) -> None:
    ada, other = await office.person("ada", agent="ada"), await office.person("ben", agent="ben")
    async with screen(ada) as one, screen(ada) as two, screen(other) as stays:
        for stream in (one, two, stays):
            await stream.next("ringing")
        async with ada.post("/logout") as answer:
            assert answer.status == 204
        await one.ended()
        await two.ended()
        await stays.next("ringing")


@pytest.mark.parametrize("how", ["disabled", "password", "revoked"])
async def test_what_is_ended_elsewhere_ends_the_stream_too(office: Office, how: str) -> None:
    write = office.service.store.write
    client = await (office.token("panel", Scope.READ, "ada") if how == "revoked" else office.person("ada", agent="ada"))
    async with screen(client) as stream:
        await stream.next("ringing")
        if how == "disabled":
            await write(lambda conn: accounts.set_disabled(conn, "ada", True))
        elif how == "password":
            found = await office.service.store.read(lambda conn: accounts.find_login(conn, "ada"))
            assert found is not None
            await write(lambda conn: accounts.set_password(conn, found.id, "x"))
        else:
            await write(lambda conn: accounts.revoke_token(conn, "panel"))
        await stream.ended()
    async with client.get("/live") as answer:
        assert answer.status == 401


async def test_a_reader_that_is_too_slow_is_closed(office: Office) -> None:
    ada = await office.person("ada", agent="ada")
    async with screen(ada) as stream:
        await stream.next("ringing")
        data = {"filler": "x" * 10_000}
        for _ in range(MAX_WAITING + 200):
            office.service.live.publish([LiveEvent("alert", data, "ada")])
        with suppress(aiohttp.ClientError):  # cut off in the middle of an event
            await stream.ended()
    assert office.service.live.subscriptions() == []


async def test_a_quiet_stream_shows_that_it_lives(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "QUIET_SECONDS", 0.05)
    watcher = await office.token("watcher", Scope.READ)
    async with screen(watcher) as stream:
        await stream.block()
        assert await stream.block() == {"": "still here"}


async def test_a_caller_who_is_never_logged_rings_from_memory(office: Office) -> None:
    ada = await office.person("ada", agent="ada")
    async with screen(ada) as stream:
        await stream.next("ringing")
        await office.call("c1", "ringing", agent="ada", **{"from": "+4930999999"})
        _, pop = await stream.next("pop")
        assert pop["handle"] == "tel:+4930999999"
    async with ada.get(f"/api/v1/interactions/{pop['interaction']}") as answer:
        assert answer.status == 404


async def test_a_hub_that_stops_lets_its_streams_go(tmp_path: Path) -> None:
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path) as office:
        ada = await office.person("ada", agent="ada")
        async with screen(ada) as stream:
            await stream.next("ringing")
            await office.app.shutdown()
            await stream.ended()
