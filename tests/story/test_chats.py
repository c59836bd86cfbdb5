"""A chat in the shared inbox: a customer at a Matrix client of her own, a real homeserver, and an agent who answers."""

from __future__ import annotations

import asyncio
import io
import struct
import wave
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from hub.privacy.visibility import Scope
from hub.sources.supervisor import Supervisor
from tests.hub.web.office import Office, open_office
from tests.servers.chromium import Complaints
from tests.servers.synapse import Person, Synapse, synapse
from tests.story.pages import Desk, Inbox
from tests.story.test_looks import faults, overflow

SECONDS = 30
TOML = """
[hub]
public_url = "https://hub.example.org"
store = "{store}"
timezone = "Europe/Berlin"

[inbox]
undo_seconds = 1

[sources.chat]
provider = "matrix"
homeserver = "{homeserver}"
user = "{user}"
access_token = "file:token"
accept = "listed"
accept_from = ["hub.test"]

[agents.ada]
name = "Ada Brandt"
handles = ["mailto:ada@example.org"]
"""


def picture(width: int = 400, height: int = 260) -> bytes:
    """A PNG that goes from one colour to another: what a browser shows has to be a picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    lines = [
        b"\0" + bytes(part for x in range(width) for part in (x * 255 // width, 160, y)) for y in range(height - 60)
    ]
    lines += [b"\0" + b"\xff\xf0\x80" * width] * 60
    about = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", about)
        + chunk(b"IDAT", zlib.compress(b"".join(lines)))
        + chunk(b"IEND", b"")
    )


PNG = picture()


def voice() -> bytes:
    """A tenth of a second of silence."""
    made = io.BytesIO()
    with wave.open(made, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(bytes(800))
    return made.getvalue()


@dataclass(frozen=True, slots=True)
class Firm:
    """The hub, the homeserver, and Li Na in a room with us."""

    office: Office
    li_na: Person
    room: str
    api: aiohttp.ClientSession

    async def get(self, path: str) -> Any:
        """What the API answers."""
        async with self.api.get(f"/api/v1{path}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, path: str, body: Any) -> Any:
        """What the API answers to something new."""
        async with self.api.post(f"/api/v1{path}", json=body) as answer:
            assert answer.status in (200, 201), await answer.text()
            return await answer.json()

    async def until(self, path: str, true: Callable[[Any], Any]) -> Any:
        """What the API answers once *true* says so of it."""
        async with asyncio.timeout(SECONDS):
            while True:
                if true(said := await self.get(path)):
                    return said
                await asyncio.sleep(0.1)

    async def said(self, count: int, conversation: str = "") -> list[dict[str, Any]]:
        """The interactions of a conversation, else of the one that is open, oldest first, once there are so many;
        whole."""
        if not conversation:
            found = await self.until("/conversations", lambda page: page["items"])
            conversation = found["items"][0]["id"]
        whole = await self.until(f"/conversations/{conversation}", lambda each: len(_interactions(each)) >= count)
        return [await self.get(f"/interactions/{each['id']}") for each in _interactions(whole)]

    async def does(self, work: Callable[..., Any], *about: Any) -> Any:
        """Somebody does something at her client."""
        return await asyncio.to_thread(work, *about)


def _interactions(conversation: Any) -> list[Any]:
    found = [each.get("interaction") or each for each in conversation["items"]]
    return [each for each in found if each.get("kind") == "message"]


@asynccontextmanager
async def open_firm(homeserver: Synapse, folder: Path) -> AsyncIterator[Firm]:
    """The firm: its sources run, its letters leave, its files are fetched."""
    us, li_na = homeserver.person("hub"), homeserver.person("lina")
    li_na.called("Li Na")
    (folder / "token").write_text(us.token)
    (folder / "token").chmod(0o600)
    toml = TOML.replace("{homeserver}", homeserver.url).replace("{user}", us.user)
    async with open_office(f"sqlite:///{folder / 'hub.sqlite3'}", folder, toml) as office:
        service = office.service
        plugins, problems = service.config.built(service.lend)
        async with service.letters, service.files, Supervisor(service.store, service.ingest, plugins, problems):
            await office.login("ada", agent="ada")
            room = li_na.room(us.user)
            yield Firm(office, li_na, room, await office.token("robot", Scope.WRITE, "ada"))


@pytest.fixture(scope="module")
def homeserver() -> Iterator[Synapse]:
    """A running Synapse."""
    with synapse() as running:
        yield running


@pytest.fixture
async def firm(homeserver: Synapse, tmp_path: Path) -> AsyncIterator[Firm]:
    """A running firm."""
    async with open_firm(homeserver, tmp_path) as opened:
        yield opened


async def test_a_chat_is_answered_with_files_edits_and_deletions_both_ways(firm: Firm) -> None:
    li_na, room = firm.li_na, firm.room
    first = await firm.does(li_na.say, room, "Is the lamp red? 灯是红色的吗？")
    url = await firm.does(li_na.upload, "lamp.png", "image/png", PNG)
    about = {"mimetype": "image/png", "size": len(PNG)}
    await firm.does(li_na.say, room, {"msgtype": "m.image", "body": "lamp.png", "url": url, "info": about})
    question, shown = await firm.said(2)
    assert (question["text"], question["direction"]) == ("Is the lamp red? 灯是红色的吗？", "inbound")
    shown = await firm.until(f"/interactions/{shown['id']}", lambda each: each["files"][0]["state"] == "here")
    async with firm.api.get(shown["files"][0]["path"]) as answer:
        assert await answer.read() == PNG
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="lamp.png"')
        assert answer.content_type == "application/octet-stream"

    conversation = question["conversation"]
    may = await firm.get(f"/conversations/{conversation}/answering")
    assert (may["channel"], may["free_text"], may["largest"], may["longest"]) == ("chat", True, 25 << 20, 15_000)
    async with firm.api.post("/api/v1/uploads", params={"name": "价目.pdf"}, data=b"%PDF-1.7 x") as uploaded:
        upload = (await uploaded.json())["id"]
    letter = await firm.post(f"/conversations/{conversation}/letters", {"text": "It is green.", "uploads": [upload]})
    letter = await firm.until(f"/letters/{letter['id']}", lambda each: each["state"] == "sent")
    came = (await firm.does(li_na.messages, room))[-1]
    assert (came["content"]["body"], came["content"]["filename"]) == ("It is green.", "价目.pdf")
    assert await firm.does(li_na.download, came["content"]["url"]) == b"%PDF-1.7 x"
    await firm.does(li_na.read, room, came["event_id"])
    await firm.until(f"/letters/{letter['id']}", lambda each: each["delivery"] == "read")

    await firm.does(li_na.edit, room, first, "Is the lamp blue?")
    await firm.until(f"/interactions/{question['id']}", lambda each: each.get("text") == "Is the lamp blue?")
    wordings = (await firm.get(f"/interactions/{question['id']}/wordings"))["items"]
    assert [each["text"] for each in wordings] == ["Is the lamp red? 灯是红色的吗？", "Is the lamp blue?"]
    await firm.does(li_na.take_back, room, first)
    gone = await firm.until(f"/interactions/{question['id']}", lambda each: each.get("deleted"))
    assert gone.get("text") is None
    assert (await firm.get(f"/interactions/{question['id']}/wordings"))["items"] == []

    said = await firm.said(3, conversation)
    assert len(said) == 3, "what the homeserver tells of our own message is the same one"
    assert said[-1]["files"][0]["name"] == "价目.pdf"
    async with firm.api.get(said[-1]["files"][0]["path"]) as answer:
        assert await answer.read() == b"%PDF-1.7 x"


async def test_the_inbox_shows_pictures_voices_edits_and_what_was_taken_back(
    firm: Firm, browser: Browser, complaints: Complaints
) -> None:
    li_na, room = firm.li_na, firm.room
    first = await firm.does(li_na.say, room, "Is the lamp red?")
    second = await firm.does(li_na.say, room, "Sorry, wrong window")
    for name, kind, data in (("lamp.png", "m.image", PNG), ("note.wav", "m.audio", voice()), ("a.pdf", "m.file", b"%")):
        media = {"m.image": "image/png", "m.audio": "audio/wav", "m.file": "application/pdf"}[kind]
        url = await firm.does(li_na.upload, name, media, data)
        info = {"mimetype": media, "size": len(data)}
        await firm.does(li_na.say, room, {"msgtype": kind, "body": name, "url": url, "info": info})
    await firm.does(li_na.edit, room, first, "Is the lamp blue?")
    await firm.does(li_na.take_back, room, second)
    await firm.said(5)
    async with Desk.open(browser, firm.office, complaints) as desk:
        page = await desk.log_in("ada")
        await page.goto("/inbox")
        inbox = Inbox(page)
        await inbox.rows.first.click()
        await expect(inbox.title).to_have_text("Li Na")
        await expect(inbox.said.filter(has_text="Is the lamp blue?")).to_contain_text("edited")
        await expect(inbox.said.filter(has_text="Taken back by the writer")).to_have_count(1)
        await expect(page.locator(".bubble img")).to_be_visible()
        assert await page.locator(".bubble img").evaluate("each => each.decode().then(() => each.naturalWidth)") == 400
        await expect(page.locator(".bubble audio")).to_be_visible()
        await expect(page.locator(".sent-file", has_text="a.pdf")).to_be_visible()
        await page.locator(".wordings summary").click()
        await expect(page.locator(".wordings .earlier")).to_contain_text("Is the lamp red?")

        assert await overflow(page) == ""
        await page.get_by_role("button", name="Reply").first.click()
        await expect(page.locator("[data-window]")).to_have_count(0)
        await page.locator(".texting input[type=file]").set_input_files(
            {"name": "offer.txt", "mimeType": "text/plain", "buffer": b"ten lamps"}
        )
        await expect(page.locator(".uploads")).to_contain_text("offer.txt")
        await inbox.field.fill("It is green.")
        assert await faults(page) == []
        await page.get_by_role("button", name="Send", exact=True).click()
        ours = page.locator(".bubble.ours")
        await expect(ours).to_contain_text("It is green.", timeout=15_000)
        await expect(ours.get_by_role("link", name="offer.txt")).to_be_visible()
        came = (await firm.does(li_na.messages, room))[-1]
        assert (came["content"]["body"], came["content"]["filename"]) == ("It is green.", "offer.txt")
        await firm.does(li_na.read, room, came["event_id"])
        await expect(ours).to_contain_text("Read", timeout=15_000)
        assert await faults(page) == []
    async with Desk.open(browser, firm.office, complaints, phone=True) as desk:
        page = await desk.log_in("ada")
        await page.goto(f"/inbox/{(await firm.get('/conversations?state=waiting'))['items'][0]['id']}")
        await expect(page.locator(".bubble img")).to_be_visible()
        await page.get_by_role("button", name="Reply").first.click()
        await expect(page.locator(".texting [data-file]")).to_be_visible()
        assert await overflow(page) == ""
        assert await faults(page) == []
