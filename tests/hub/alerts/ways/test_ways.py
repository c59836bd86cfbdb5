"""Each way by itself, in front of a server of its kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub import Button, Misconfigured, Rejected, Unavailable, Unsupported
from hub.alerts.ways.apprised import Apprised
from hub.alerts.ways.ntfy import Ntfy
from hub.alerts.ways.push import Push
from hub.alerts.ways.sms import one_segment
from hub.alerts.ways.way import Gone, What
from hub.formats import webpush
from hub.formats.sms import length
from hub.http import Guarded
from tests.fakes.ntfy import TOKEN, ntfy
from tests.fakes.push import Browser, PushService, push_service

NOW = datetime.now(UTC)
WHAT = What(
    ident="alert-71",
    topic="alert-7",
    agent="ada",
    title="Li Na (Example GmbH) writes: Offer for 200",
    brief="An important customer writes",
    lines=("Could you send an offer?",),
    url="https://hub.example.org/alerts/7",
    why="You are her owner.",
    severity="urgent",
    at=NOW,
    buttons=(Button("Open", url="https://hub.example.org/alerts/7"), Button("Seen", value="acknowledge:7")),
)


# --- push -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def pushing(**more: Any) -> AsyncIterator[tuple[Push, PushService]]:
    async with push_service() as service, Guarded([service.place]) as guarded:
        yield Push(guarded, webpush.private(webpush.made()), "mailto:admin@example.org", **more), service


def to(browser: Browser, what: What = WHAT, **more: Any) -> What:
    given = browser.subscription
    settings = {"endpoint": given["endpoint"], **given["keys"], **more}
    return replace(what, settings=settings)


async def test_a_push_reaches_the_browser_that_subscribed_and_names_nobody() -> None:
    async with pushing() as (push, service):
        browser = service.browser(push.public_key)
        expiring = to(browser, replace(WHAT, expires_at=NOW + timedelta(seconds=30)))
        assert (await push.tell(expiring)).startswith(service.url)
        assert service.complaints == []
        (shown,) = browser.shown
        assert (shown.ttl, shown.urgency, shown.topic) == (30, "high", "alert-7")
        assert shown.contact == "mailto:admin@example.org"
        assert shown.message["title"] == "An important customer writes"
        assert shown.message["url"] == "https://hub.example.org/alerts/7"
        assert "Li Na" not in str(shown.message)


async def test_who_wants_details_on_her_phone_gets_them() -> None:
    async with pushing() as (push, service):
        browser = service.browser(push.public_key)
        await push.tell(to(browser, details=True))
        assert browser.shown[0].message["title"] == WHAT.title
        assert browser.shown[0].message["body"] == "Could you send an offer?"
        long = replace(WHAT, lines=("报价" * 5000,), title="报" * 5000)
        await push.tell(to(browser, long, details=True))
        assert len(browser.shown) == 2
        assert service.complaints == []


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(404, Gone), (410, Gone), (413, Unsupported), (429, Unavailable), (503, Unavailable), (403, Rejected)],
)
async def test_what_push_services_answer(status: int, verdict: type[Exception]) -> None:
    async with pushing() as (push, service):
        browser = service.browser(push.public_key)
        browser.status, browser.retry_after = status, "17"
        with pytest.raises(verdict) as caught:
            await push.tell(to(browser))
        assert not isinstance(caught.value, Unavailable) or caught.value.retry_after == 17


async def test_another_application_cannot_push() -> None:
    async with pushing() as (push, service):
        stranger = service.browser(webpush.packed(webpush.public(webpush.private(webpush.made()))))
        with pytest.raises(Rejected):
            await push.tell(to(stranger))
        assert len(service.complaints) == 1


async def test_an_endpoint_in_our_own_network_is_not_asked() -> None:
    async with push_service() as service, Guarded() as guarded:
        push = Push(guarded, webpush.private(webpush.made()), "mailto:admin@example.org")
        browser = service.browser(push.public_key)
        with pytest.raises(Unsupported):
            await push.tell(to(browser))
        assert browser.tries == 0


async def test_a_subscription_that_no_browser_made_is_forgotten() -> None:
    async with pushing() as (push, _):
        with pytest.raises(Gone):
            await push.tell(replace(WHAT, settings={"endpoint": "https://push.example.net/p", "p256dh": "x"}))


# --- ntfy -----------------------------------------------------------------------------------------------------------


async def test_ntfy_shows_one_notification_for_each_alert_and_agent() -> None:
    async with ntfy() as server:
        way = Ntfy(server.url, "hub-{agent}", TOKEN)
        try:
            assert await way.tell(WHAT) == "m1"
            await way.tell(replace(WHAT, ident="alert-72", done="Ben has seen to it"))
            await way.tell(replace(WHAT, agent="ben"))
        finally:
            await way.close()
        assert set(server.shown("hub-ada")) == set(server.shown("hub-ben")) == {"alert-7"}
        assert server.shown("hub-ada")["alert-7"]["title"] == "Ben has seen to it"
        shown = server.shown("hub-ben")["alert-7"]
        assert (shown["title"], shown["priority"], shown["click"]) == ("An important customer writes", 5, WHAT.url)
        assert shown["actions"] == [{"action": "view", "label": "Open", "url": WHAT.url}]
        assert "Li Na" not in str(server.taken)


async def test_what_an_ntfy_server_answers() -> None:
    async with ntfy() as server:
        way = Ntfy(server.url, "hub-ada", "tk_wrong", details=True)
        with pytest.raises(Rejected):
            await way.tell(WHAT)
        await way.close()
        way = Ntfy(server.url, "hub-ada", TOKEN, details=True)
        server.status, server.retry_after = 429, "12"
        with pytest.raises(Unavailable, match="limit reached") as busy:
            await way.tell(WHAT)
        assert busy.value.retry_after == 12
        server.status, server.silent = 200, True
        with pytest.raises(TimeoutError):
            await way.tell(WHAT)
        await way.close()
        assert server.taken[-1]["title"] == WHAT.title


# --- Apprise --------------------------------------------------------------------------------------------------------


# Apprise imports for its mail service what Python 3.13 will not have, and does without it there.
apprises = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@asynccontextmanager
async def listening(status: int = 200) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """What Apprise's `json://` posts to, and what it posted."""
    taken: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        taken.append({"path": request.path, **await request.json()})
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/{name}", take)
    async with TestServer(app) as server:
        yield f"json://{server.host}:{server.port}", taken


@apprises
async def test_apprise_tells_whom_it_knows() -> None:
    async with listening() as (url, taken):
        way = Apprised(f"{url}/{{agent}}")
        try:
            await way.tell(WHAT)
        finally:
            await way.close()
    (one,) = taken
    assert (one["path"], one["title"], one["type"]) == ("/ada", "An important customer writes", "failure")
    assert one["message"] == WHAT.url


@apprises
async def test_apprise_says_why_a_service_does_not_take_it(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(503) as (url, taken):
        way = Apprised(f"{url}/x")
        with pytest.raises(Unavailable, match="503"):
            await way.tell(WHAT)
        await way.close()
    assert len(taken) == 1
    way = Apprised("nothing-apprise-knows://x")
    with pytest.raises(Misconfigured):
        await way.tell(WHAT)
    await way.close()
    assert "Li Na" not in caplog.text


@apprises
async def test_where_a_service_stays_silent_it_was_perhaps_told() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        way = Apprised(f"json://127.0.0.1:{server.sockets[0].getsockname()[1]}/x", patience=0.3)
        with pytest.raises(TimeoutError):
            await way.tell(WHAT)
        await way.close()


# --- text messages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("An important customer writes", "https://hub.example.org/alerts/7"),
        ("An important customer writes " * 20, "https://hub.example.org/alerts/7"),
        ("重要客户来信" * 40, "https://hub.example.org/alerts/7"),
        ("重要客户来信" * 40, ""),
        ("short", "https://hub.example.org/" + "x" * 300),
    ],
)
def test_a_text_message_is_one_segment(said: str, url: str) -> None:
    text = one_segment(said, url)
    assert length(text).segments == 1
    assert text.startswith(said[:5])
    assert text.endswith(url) or len(url) > 100
