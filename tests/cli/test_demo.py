"""`hub demo`: the whole day is on the timelines, each thing once, and every door took what it was given."""

from __future__ import annotations

import asyncio
import re
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from hub.demo import firm
from tests.cli.command import HUB, environment, hub


@dataclass(slots=True)
class Demo:
    """A running demo: what it said, and Ada's session at it."""

    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)

    async def until(self, pattern: str) -> re.Match[str]:
        """Read on until it says something like *pattern*."""
        assert self.process.stdout is not None
        async with asyncio.timeout(120):
            while line := (await self.process.stdout.readline()).decode():
                self.said.append(line)
                if found := re.search(pattern, line):
                    return found
        raise AssertionError(f"the demo ended: {''.join(self.said)}")

    async def stop(self) -> int:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return await self.process.wait()


@asynccontextmanager
async def demo(folder: Path, *args: str) -> AsyncIterator[Demo]:
    process = await asyncio.create_subprocess_exec(
        HUB, "demo", *args, cwd=folder, env=environment({}), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Demo(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def session(address: str, name: str, password: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser in which *name* is logged in."""
    async with aiohttp.ClientSession(address, cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        async with client.post("/login", json={"name": name, "password": password}) as answer:
            assert answer.status == 200, await answer.text()
            client.headers["X-CSRF-Token"] = (await answer.json())["csrf"]
        yield client


async def get(client: aiohttp.ClientSession, path: str, **query: str) -> Any:
    async with client.get(path, params=query) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def timeline(client: aiohttp.ClientSession, handle: str) -> list[dict[str, Any]]:
    """What stands on the timeline of the one contact whose handle this is."""
    (contact,) = (await get(client, "/api/v1/contacts", handle=handle))["items"]
    page = await get(client, f"/api/v1/contacts/{contact['id']}/timeline")
    assert "next" not in page
    items: list[dict[str, Any]] = page["items"]
    assert len({item["key"] for item in items}) == len(items)
    return items


async def heard(screen: aiohttp.ClientResponse, events: list[tuple[str, dict[str, Any]]]) -> None:
    """Collect the events of a stream until it ends."""
    kind = ""
    async for line in screen.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            events.append((kind, orjson.loads(value)))


async def test_the_day_rings_and_stands_on_the_timelines_once(tmp_path: Path) -> None:
    async with demo(tmp_path, "--speed", "40") as playing:
        address = (await playing.until(r"Open +(http://localhost:\d+)"))[1].replace("localhost", "127.0.0.1")
        password = (await playing.until(r"ada +(\S+)"))[1]
        async with session(address, "ada", password) as ada:
            events: list[tuple[str, dict[str, Any]]] = []
            async with ada.get("/live") as screen:
                listening = asyncio.create_task(heard(screen, events))
                await playing.until("The day is over")
                listening.cancel()
            await _rang(events)
            await _stands(ada)
            await _was_taken(ada)
            await _joins(ada)
            await _is_worked_on(ada)
            await _is_spoken_of(ada)
        assert await playing.stop() == 0
    said = "".join(playing.said)
    assert "refused" not in said
    assert len(said.splitlines()) < 32, "more than one screenful"


async def _rang(events: list[tuple[str, dict[str, Any]]]) -> None:
    """Ada's screen rang for every call to one of her phones, said who it may be, and was quiet in the end."""
    first: dict[str, dict[str, Any]] = {}
    for kind, data in events:
        if kind == "pop" and data["state"] == "ringing":
            first.setdefault(data["id"], data)
    who = [[each["contact"]["name"] for each in pop["candidates"]] for pop in first.values()]
    assert who == [["Wang Xiaoming"], [], ["李娜"], [], ["Martha Vogel"]]
    lines = [pop["line"] for pop in first.values()]
    assert lines == [f"tel:{number}" for number in (firm.LINE, firm.LINE, firm.LINE, firm.SHOWROOM, firm.LINE)]
    gone = [data["id"] for kind, data in events if kind == "pop-withdrawn"]
    # Whose end comes with the end of the day is perhaps not heard any more.
    assert set(list(first)[:-1]) <= set(gone)


async def _stands(ada: aiohttp.ClientSession) -> None:
    counts = {
        "mailto:li.na@guangpu.example": ["call"] * 2 + ["message"] * 7,
        "mailto:wang@brightway.example": ["call"] * 2 + ["meeting", "message"],
        "mailto:m.vogel@vogel.example": ["call"] * 2 + ["meeting"] + ["message"] * 4,
        "mailto:jp@kontor-nord.example": ["call"] * 2 + ["message"] * 3,
        "mailto:sofia@rossi.example": ["meeting"] + ["message"] * 2,
        "mailto:yichun@taipei-design.example": ["message"],
        "mailto:eloise@garnier.example": [],
    }
    for handle, kinds in counts.items():
        assert sorted(item["kind"] for item in await timeline(ada, handle)) == kinds, handle
    latest, *_ = [item for item in await timeline(ada, f"tel:{firm.WANG}") if item["kind"] == "call"]
    assert (latest["direction"], latest["outcome"], latest["duration"]) == ("inbound", "completed", 252)
    out, missed = [item for item in await timeline(ada, f"tel:{firm.JONAS}") if item["kind"] == "call"]
    assert (out["direction"], out["duration"], missed["outcome"]) == ("outbound", 187, "missed")
    offer = [item for item in await timeline(ada, f"tel:{firm.LI_NA}") if "Offer" in item["title"]]
    assert len(offer) == 6
    assert len({item["conversation"] for item in offer}) == 1
    assert [item["direction"] for item in offer][:2] == ["outbound", "inbound"]
    shared = await get(ada, "/api/v1/interactions", key="showroom:1001")
    assert (shared["contacts"], shared["outcome"], shared["duration"]) == ([], "completed", 95)


async def _was_taken(ada: aiohttp.ClientSession) -> None:
    """Every delivery was genuine; the one that the hub does not read yet is the only one set aside."""
    for source in (await get(ada, "/api/v1/sources"))["items"]:
        assert source["refused"] == {}, source
        assert source["items"] > 0
    (held,) = (await get(ada, "/api/v1/quarantine"))["items"]
    assert (held["source"], held["state"]) == ("front-desk", "open")
    assert "TranscriptionStatus" in held["reason"]


async def _joins(ada: aiohttp.ClientSession) -> None:
    """What the audience is told to try: the stranger becomes a contact, and his call joins his mail."""
    henrik = {"name": "Henrik Dahl", "handles": ["henrik@dahl-lys.example", firm.STRANGER]}
    async with ada.post("/api/v1/contacts", json=henrik) as answer:
        assert answer.status == 201, await answer.text()
    both = await timeline(ada, f"tel:{firm.STRANGER}")
    assert [(item["kind"], item.get("outcome", "")) for item in both] == [
        ("message", ""),
        ("call", "missed"),
    ]


async def _is_worked_on(ada: aiohttp.ClientSession) -> None:
    """The inbox has something in each of its boxes: it was used before the day began."""
    counts = await get(ada, "/api/v1/conversations/counts")
    assert counts["snoozed"] == 1
    assert counts["mentioned"] == 1
    assert min(counts.values()) > 0, counts
    (snoozed,) = (await get(ada, "/api/v1/conversations", state="snoozed"))["items"]
    assert (snoozed["owner"], snoozed["case"]["title"]) == ("ada", "Two of 40 samples arrived broken")
    mine = (await get(ada, "/api/v1/conversations", box="mine", state="open,waiting,closed"))["items"]
    assert {each["deal"]["title"] for each in mine if "deal" in each} == {
        "200 pendant lamps, Shenzhen Bay",
        "Lobby lighting, Haus am Kanal",
    }
    assert {each["team"] for each in mine} >= {"sales"}


async def _is_spoken_of(ada: aiohttp.ClientSession) -> None:
    """A month of mentions with a spike at its end, a form that was filled in, and one that a machine filled in."""
    mentions = (await get(ada, "/api/v1/mentions", limit="200"))["items"]
    assert len(mentions) > 40
    assert {each["language"] for each in mentions} >= {"en", "zh"}
    assert {each["sentiment"] for each in mentions} >= {"positive", "negative", "neutral"}
    (film,) = [each for each in mentions if "set designer" in each["text"]]
    assert sorted(each["how"] for each in film["spread"]) == ["repost", "repost", "repost", "same"]
    (episode,) = (await get(ada, "/api/v1/watch/episodes"))["items"]
    assert (episode["kind"], episode.get("ended_at")) == ("spike", None)
    alerts = (await get(ada, "/api/v1/alerts"))["items"]
    assert "spike" in [each["kind"] for each in alerts]
    (spam,) = (await get(ada, "/api/v1/leads", state="suspected"))["items"]
    assert spam["name"] == "SEO Team"
    (lead,) = (await get(ada, "/api/v1/conversations", q="hotel"))["items"]
    assert lead["who"]["name"] == "Nora Lind"


def test_once_plays_at_once_and_begins_anew_each_time(tmp_path: Path) -> None:
    for _ in range(2):
        played = hub(tmp_path, "demo", "--once", "--speed", "500")
        assert (played.returncode, played.stderr) == (0, "")
        assert "hub serve --config data/demo/config.toml" in played.stdout
    kept = hub(tmp_path, "quarantine", "list", "--config", "data/demo/config.toml")
    assert len(kept.stdout.splitlines()) == 1
    assert "TranscriptionStatus" in kept.stdout
    secrets = list((tmp_path / "data" / "demo").glob("*.secret"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


async def test_a_second_demo_says_where_the_first_is(tmp_path: Path) -> None:
    async with demo(tmp_path) as first:
        address = (await first.until(r"Open +(http://\S+)"))[1]
        await first.until("begins when a page is open")
        second = await asyncio.to_thread(hub, tmp_path, "demo", "--once")
        assert (second.returncode, second.stderr) == (1, f"hub: The demo is already running: {address}\n")
        assert await first.stop() == 0


def test_what_is_not_the_demos_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "data" / "demo" / "config.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text("[hub]\n")
    refused = hub(tmp_path, "demo", "--once")
    assert refused.returncode == 1
    assert refused.stderr.startswith("hub: data/demo holds something that is not the demo's.")
    assert mine.read_text() == "[hub]\n"


def test_the_speed_is_a_number(tmp_path: Path) -> None:
    for wrong in ("0", "-1", "fast", "nan"):
        refused = hub(tmp_path, "demo", "--speed", wrong)
        assert refused.returncode == 2
        assert f'argument --speed: "{wrong}" is no number from 0.01 to 1000' in refused.stderr
