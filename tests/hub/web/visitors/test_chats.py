"""The web chat as visitors' browsers, agents and strangers who guess meet it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from hub.privacy.visibility import Authority
from hub.visitors import sessions
from hub.visitors.talks import STREAMS_OF_ONE
from hub.web.visitors import gate
from tests.hub.web.office import Office
from tests.hub.web.visitors.conftest import SITE, got, inbox, sent

CHAT = "/chat/website-chat"
SECONDS = 20


def bearer(letter: str = "a") -> dict[str, str]:
    """A visitor, by her secret."""
    return {"Authorization": f"Bearer {letter * 43}"}


async def said(
    client: aiohttp.ClientSession, text: str, client_id: str = "message-1", who: str = "a", status: int = 201
) -> Any:
    """A visitor says something; answers the state of her chat."""
    return await sent(client, f"{CHAT}/messages", {"id": client_id, "text": text}, status, bearer(who))


async def state(client: aiohttp.ClientSession, who: str = "a") -> Any:
    """What a visitor sees."""
    async with client.get(f"{CHAT}/messages", headers=bearer(who)) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def until(client: aiohttp.ClientSession, lines: int, who: str = "a") -> Any:
    """What a visitor sees once there are so many *lines*, by asking long questions."""
    async with asyncio.timeout(SECONDS):
        version = ""
        while True:
            params = {"wait": "5", "version": version}
            async with client.get(f"{CHAT}/messages", params=params, headers=bearer(who)) as answer:
                found = await answer.json()
            if len(found["lines"]) == lines:
                return found
            version = found["version"]


@asynccontextmanager
async def streaming(client: aiohttp.ClientSession, who: str = "a") -> AsyncIterator[AsyncIterator[Any]]:
    """An open page of the chat: the states it is told."""

    async def states(answer: aiohttp.ClientResponse) -> AsyncIterator[Any]:
        async with asyncio.timeout(SECONDS):
            async for row in answer.content:
                if row.startswith(b"data: "):
                    yield json.loads(row[6:])

    async with client.get(f"{CHAT}/stream", headers=bearer(who)) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        heard = states(answer)
        yield heard
        await heard.aclose()  # type: ignore[attr-defined]


async def test_an_answer_from_the_inbox_is_on_the_visitors_page_and_its_receipts_come_back(
    office: Office, stranger: aiohttp.ClientSession, ada: aiohttp.ClientSession
) -> None:
    await said(stranger, "Hello <b>there</b>")
    (talk,) = await inbox(ada)
    assert (talk["channel"], talk["team"], talk["preview"]) == ("chat", "sales", "Hello <b>there</b>")
    assert talk["who"]["name"].startswith("Lamp chat ")
    async with streaming(stranger) as states:
        assert [each["text"] for each in (await anext(states))["lines"]] == ["Hello <b>there</b>"]
        letter = await sent(ada, f"/api/v1/conversations/{talk['id']}/letters", {"text": "Good day."}, 201)
        async for told in states:
            if len(told["lines"]) == 2:
                break
    ours = told["lines"][1]
    assert (ours["mine"], ours["text"], ours["by"]) == (False, "Good day.", "Ada")

    async def delivery() -> str:
        listed = (await got(ada, f"/api/v1/conversations/{talk['id']}"))["items"]
        return str(
            next(each["letter"]["delivery"] for each in listed if (each.get("letter") or {}).get("id") == letter["id"])
        )

    for read, word in ((False, "delivered"), (True, "read")):
        await sent(stranger, f"{CHAT}/received", {"ids": [ours["id"]], "read": read}, 204, bearer())
        assert await delivery() == word
    assert await inbox(ada) == []  # it waits for her now


async def test_the_same_message_sent_again_is_one(
    office: Office, stranger: aiohttp.ClientSession, ada: aiohttp.ClientSession
) -> None:
    await asyncio.gather(*(said(stranger, "Hello") for _ in range(4)))
    found = await said(stranger, "Are you there?", "message-2")
    assert [(each["client"], each["text"], each["mine"]) for each in found["lines"]] == [
        ("message-1", "Hello", True),
        ("message-2", "Are you there?", True),
    ]
    assert len(await inbox(ada)) == 1


async def test_nobody_reads_the_chat_of_somebody_else(
    office: Office, stranger: aiohttp.ClientSession, ada: aiohttp.ClientSession
) -> None:
    await said(stranger, "My secret")
    await said(stranger, "Another's", who="b")
    assert [each["text"] for each in (await state(stranger, "b"))["lines"]] == ["Another's"]
    mine, other = (each for each in sorted(await inbox(ada), key=lambda each: each["preview"], reverse=True))
    await sent(ada, f"/api/v1/conversations/{mine['id']}/letters", {"text": "For you alone"}, 201)
    theirs = (await until(stranger, 2))["lines"][1]
    # Colleagues make one conversation of the two: each visitor still reads her own.
    await sent(ada, f"/api/v1/conversations/{mine['id']}/merge", {"into": other["id"]})
    assert [each["text"] for each in (await state(stranger))["lines"]] == ["My secret", "For you alone"]
    assert [each["text"] for each in (await state(stranger, "b"))["lines"]] == ["Another's"]
    await sent(stranger, f"{CHAT}/received", {"ids": [theirs["id"]], "read": True}, 204, bearer("b"))
    listed = (await got(ada, f"/api/v1/conversations/{other['id']}"))["items"]
    assert {each["letter"]["delivery"] for each in listed if each.get("letter")} == {"sent"}
    for headers, status in ((bearer("c"), 404), ({}, 401), ({"Authorization": "Bearer short"}, 401)):
        for path in ("messages", "stream"):
            async with stranger.get(f"{CHAT}/{path}", headers=headers) as answer:
                assert answer.status == status
    kept = await office.service.store.read(lambda conn: conn.exec_driver_sql("SELECT * FROM visitor_sessions").all())
    assert "a" * 43 not in str(kept)


async def test_she_says_who_she_is_and_is_matched(
    office: Office, stranger: aiohttp.ClientSession, ada: aiohttp.ClientSession
) -> None:
    await sent(ada, "/api/v1/contacts", {"name": "Li Na Chen", "handles": [{"handle": "li@customer.example"}]}, 201)
    await said(stranger, "Hello")
    await sent(stranger, f"{CHAT}/me", {"name": "Li", "mail": "no address"}, 422, bearer())
    told = await sent(stranger, f"{CHAT}/me", {"name": "Li", "mail": "li@customer.example"}, 200, bearer())
    assert told["me"] == {"name": "Li", "mail": "li@customer.example"}
    (talk,) = await inbox(ada)
    assert talk["who"]["name"] == "Li Na Chen"
    await said(stranger, "Do you repair lamps?", "message-2")
    (talk,) = await inbox(ada)
    assert (talk["who"]["name"], talk["preview"]) == ("Li Na Chen", "Do you repair lamps?")
    await sent(ada, f"/api/v1/conversations/{talk['id']}/letters", {"text": "Yes"}, 201)
    assert [each["text"] for each in (await until(stranger, 3))["lines"]] == ["Hello", "Do you repair lamps?", "Yes"]
    await sent(stranger, f"{CHAT}/me", {"name": "Ada", "mail": "ada@example.org"}, 200, bearer())
    await said(stranger, "I am one of you", "message-3")
    assert [each["mine"] for each in (await state(stranger))["lines"]] == [True, True, False, True]


async def test_when_the_conversation_is_deleted_nothing_is_left_of_its_visitor(
    office: Office, stranger: aiohttp.ClientSession
) -> None:
    await said(stranger, "Forget me")
    await said(stranger, "Please", "message-2")
    admin = await office.person("root", Authority.ADMIN)
    for number, text in enumerate(("Forget me", "Please")):
        found = await office.service.store.read(
            lambda conn: conn.exec_driver_sql("SELECT id FROM interactions ORDER BY id").all()
        )
        async with admin.delete(f"/api/v1/interactions/{found[0].id}") as answer:
            assert answer.status == 204, text
        async with stranger.get(f"{CHAT}/messages", headers=bearer()) as answer:
            assert answer.status == (200 if number == 0 else 404)
    left = await office.service.store.read(
        lambda conn: conn.exec_driver_sql("SELECT count(*) FROM visitor_sessions").scalar()
    )
    assert left == 0


async def test_limits(office: Office, stranger: aiohttp.ClientSession) -> None:
    for document in (
        {"id": "x", "text": "a"},
        {"id": "message-1", "text": " \n"},
        {"id": "message-1", "text": "x" * 4001},
    ):
        await sent(stranger, f"{CHAT}/messages", document, 422, bearer())
    await sent(stranger, f"{CHAT}/messages", {"id": "message-1", "text": "x" * gate.LARGEST}, 413, bearer())
    async with stranger.post(f"{CHAT}/messages", data={"id": "message-1"}, headers=bearer()) as answer:
        assert answer.status == 415  # what a form of another site could send
    await said(stranger, "Hello", who="b")
    opened = [await stranger.get(f"{CHAT}/stream", headers=bearer("b")) for _ in range(STREAMS_OF_ONE + 1)]
    assert [each.status for each in opened] == [200] * STREAMS_OF_ONE + [429]
    for each in opened:
        each.close()
    for number in range(gate.SAID_OF_SESSION - 1):
        await said(stranger, "and", f"message-b{number}", "b")
    await said(stranger, "more", "message-more", "b", 429)
    await said(stranger, "Somebody else", "message-1", "c")


async def test_the_page_names_who_may_show_it_and_what_hours_are(
    office: Office, stranger: aiohttp.ClientSession
) -> None:
    async with stranger.get(CHAT) as answer:
        page = await answer.text()
        assert f"frame-ancestors 'self' {SITE};" in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers
    assert "Monday to Friday, 9 to 17" in page
    assert sessions.is_secret("a" * 43)
    with office.service.live.subscribe("ada"):
        assert (await said(stranger, "Hello"))["here"] is True
    assert (await state(stranger))["here"] is False
