"""What names our account, asked of Bluesky's own server, behind which a stand-in knows the network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import hub
from connectors.bluesky import Connector
from tests.connectors.bluesky.conftest import SETUP, account, settings
from tests.contracts.connector import heard
from tests.servers.pds import Pds, Person, pds
from tests.servers.process import free_port


@pytest.fixture(scope="module")
def network() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(network: int) -> Iterator[Pds]:
    with pds(network) as running:
        yield running


@pytest.fixture(scope="module")
def us(server: Pds) -> Person:
    return server.join("brand")


@pytest.fixture
async def notified(network: int) -> AsyncIterator[list[dict[str, Any]]]:
    """The notifications of whoever asks, oldest first; two to a page."""
    some: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Authorization"].startswith("Bearer ")
        newest = list(reversed(some))
        place = int(request.query.get("cursor") or 0)
        page: dict[str, Any] = {"notifications": newest[place : place + 2]}
        if place + 2 < len(newest):
            page["cursor"] = str(place + 2)
        return web.json_response(page)

    app = web.Application()
    app.router.add_get("/xrpc/app.bsky.notification.listNotifications", answer)
    running = TestServer(app, host="127.0.0.1", port=network)
    await running.start_server()
    yield some
    await running.close()


def notification(number: int, text: str, reason: str = "mention", second: int | None = None) -> dict[str, Any]:
    at = f"2026-11-20T10:00:{number if second is None else second:02}.000Z"
    author = {"did": "did:plc:li", "handle": "li.test", "displayName": "Li Na 李娜"}
    record = {"$type": "app.bsky.feed.post", "text": text, "createdAt": at}
    uri = f"at://did:plc:li/app.bsky.feed.post/{number}"
    return {"uri": uri, "cid": f"bafy{number}", "author": author, "reason": reason, "record": record,
            "indexedAt": at, "isRead": False}  # fmt: skip


async def test_mentions_replies_and_quotes_are_heard_in_order_once(
    server: Pds, us: Person, notified: list[dict[str, Any]]
) -> None:
    given = {"stream": False, "poll_seconds": 0.05, **account(server.port, us.handle)}
    notified += [notification(1, "one"), notification(2, "", "like"), notification(3, "three", "reply")]
    async with aclosing(Connector(settings(1, **given), SETUP).listen(None)) as arrivals:
        before = await heard(arrivals, 2)
        notified.append(notification(4, "four", "quote"))
        (live,) = await heard(arrivals, 1)
    assert [arrival.live for arrival in before] == [False, False]
    assert live.live
    notified += [notification(5, "of the same second", second=4), notification(6, "six")]
    async with aclosing(Connector(settings(1, **given), SETUP).listen(live.cursor)) as arrivals:
        after = await heard(arrivals, 2)
    texts = []
    for arrival in [*before, live, *after]:
        (event,) = arrival.items
        assert isinstance(event, hub.Event)
        assert isinstance(event.facts, hub.Mention)
        assert event.facts.addressed
        assert event.facts.participants == (hub.Participant("did:plc:li", hub.Role.SENDER, "Li Na 李娜"),)
        texts.append(event.facts.text)
    assert texts == ["one", "three", "four", "of the same second", "six"]


async def test_a_refused_password_is_rejected(server: Pds, us: Person) -> None:
    given = {"stream": False, **account(server.port, us.handle, "not ours")}
    async with aclosing(Connector(settings(1, **given), SETUP).listen(None)) as arrivals:
        with pytest.raises(hub.Rejected, match="identifier and password"):
            await anext(arrivals)
