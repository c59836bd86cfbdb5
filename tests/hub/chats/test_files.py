"""The files of chats: fetched with patience, served safely, and gone with what they came with."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from hub import File, deletion
from hub.files.fetching import Files as Keeper
from hub.files.fetching import FilesPace
from hub.files.kinds import shown_as
from hub.files.states import MOST_BYTES
from hub.privacy.visibility import HUB, Authority
from tests.fakes.talker import Talker
from tests.hub.chats.conftest import message
from tests.hub.letters.firm import SECONDS, Firm
from tests.hub.web.office import Office

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def keeper(firm: Firm, attempts: int = 3) -> Keeper:
    """Who fetches, in a hurry."""
    fetcher = firm.service.config.plugins("chat").fetcher
    assert fetcher is not None
    pace = FilesPace(look=0.02, attempts=attempts)
    return Keeper(firm.service.store, firm.service.live, {"chat": fetcher}, pace)


async def states(firm: Firm, until: set[str]) -> list[tuple[Any, ...]]:
    """Name, state and reason of every file, once their states are *until*."""
    async with asyncio.timeout(SECONDS):
        while True:
            rows = await firm.rows("SELECT name, state, reason FROM chat_files ORDER BY position")
            if {row[1] for row in rows} <= until:
                return rows
            await firm.execute("UPDATE chat_files SET due_at = 0 WHERE state = 'waiting'")
            await asyncio.sleep(0.02)


async def test_files_are_fetched_again_until_they_are_there_or_never_will_be(firm: Firm, provider: Talker) -> None:
    provider.files["a"] = ("image/png", PNG)
    provider.late.add("a")
    files = (
        File("a", "lamp.png", "image/png", 28),
        File("b", "lost.bin"),
        File("c", "film.mp4", "video/mp4", MOST_BYTES + 1),
    )
    await firm.service.ingest.record("chat", [message("1", "Look", None, "room", *files)])
    assert (await firm.rows("SELECT preview FROM interactions")) == [("Look",)]
    async with keeper(firm):
        rows = await states(firm, {"here", "failed", "too-large"})
    assert rows == [
        ("lamp.png", "here", ""), ("lost.bin", "failed", "It is not there any more."), ("film.mp4", "too-large", ""),
    ]  # fmt: skip
    await firm.service.ingest.record("elsewhere", [message("2", "", None, "room", File("d", "x.txt"))])
    assert ("x.txt", "failed", "no-source") in await firm.rows("SELECT name, state, reason FROM chat_files")


async def test_a_file_is_served_as_what_it_is_or_to_be_kept_and_only_to_whom_it_is_open(
    firm: Firm, office: Office, provider: Talker
) -> None:
    page = b"<html><script>alert(1)</script>"
    provider.files |= {"a": ("image/png", PNG), "b": ("image/png", page), "c": ("image/svg+xml", b"<svg/>")}
    files = (File("a", "a.png", "image/png"), File("b", "../b\u202egnp.png", "image/png"), File("c", "c.svg"))
    await firm.service.ingest.record("chat", [message("1", "", None, "room", *files)])
    async with keeper(firm):
        await states(firm, {"here"})
    ((interaction, preview),) = await firm.rows("SELECT id, preview FROM interactions")
    assert preview.startswith("a.png")
    ada = await office.person("ada", Authority.AGENT, "ada")
    path = f"/api/v1/interactions/{interaction}/files"
    kinds = []
    for n in range(3):
        async with ada.get(f"{path}/{n}?inline") as answer:
            kinds.append((answer.content_type, answer.headers["Content-Disposition"].partition(";")[0]))
            assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    octets = ("application/octet-stream", "attachment")
    assert kinds == [("image/png", "inline"), octets, octets]
    async with ada.get(f"{path}/1") as answer:
        assert await answer.read() == page
        assert "\u202e" not in answer.headers["Content-Disposition"]
        assert ".." not in answer.headers["Content-Disposition"]
    async with ada.get(f"{path}/0", headers={"Range": "bytes=0-3"}) as answer:
        assert (answer.status, await answer.read()) == (206, b"\x89PNG")
    mia = await office.person("mia", Authority.MARKETER)
    stranger = await office.client()
    for client, status in ((mia, 404), (stranger, 401)):
        async with client.get(f"{path}/0") as answer:
            assert answer.status == status
    for wrong in ("9", "x", "-1"):
        async with ada.get(f"{path}/{wrong}") as answer:
            assert answer.status == 404


async def test_files_go_with_their_message(firm: Firm, provider: Talker) -> None:
    provider.files["a"] = ("image/png", PNG)
    await firm.service.ingest.record("chat", [message("1", "Look", None, "room", File("a", "a.png"))])
    async with keeper(firm):
        await states(firm, {"here"})
    assert await firm.rows("SELECT count(*) FROM blobs") == [(1,)]
    ((interaction,),) = await firm.rows("SELECT id FROM interactions")
    store, now = firm.service.store, datetime.now(UTC)
    await store.write(lambda conn: deletion.delete(conn, store, HUB, int(interaction), now))
    for table in ("chat_files", "chat_threads", "blobs"):
        assert await firm.rows(f"SELECT count(*) FROM {table}") == [(0,)]


@pytest.mark.parametrize(
    ("data", "said", "kind"),
    [
        (b"GIF89a", "text/html", "image/gif"),
        (b"RIFF1234WEBP", "", "image/webp"),
        (b"OggS\0\2", "audio/ogg", "audio/ogg"),
        (b"\0\0\0\x20ftypisom", "audio/mp4", "audio/mp4"),
        (b"\0\0\0\x20ftypisom", "video/mp4", ""),
        (b"<svg xmlns='x'>", "image/svg+xml", ""),
        (b"%PDF-1.7", "image/png", ""),
        (b"", "image/png", ""),
    ],
)
def test_what_may_stand_on_a_page_is_decided_by_its_first_bytes(data: bytes, said: str, kind: str) -> None:
    assert shown_as(data, said) == kind
