"""Connecting a mailbox with a browser's requests: to the provider and back, and from there into a real Dovecot."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa
from aiohttp.test_utils import TestServer

from hub import config
from hub.grants import rows
from hub.privacy.visibility import Authority
from hub.service import Service
from hub.sources import State
from hub.sources.keeper import Status
from hub.sources.pace import Pace
from hub.sources.supervisor import Supervisor
from hub.store.schema import audit, grants
from hub.web.app import make_app
from tests.fakes.oauth import CLIENT_ID, CLIENT_SECRET, AuthorisationServer, authorisation_server
from tests.hub.web.office import Office, open_office
from tests.servers.dovecot import Dovecot

PUBLIC_URL = "https://hub.example.org"
SECONDS = 30

TOML = """
[hub]
public_url = "https://hub.example.org"
store = "{store}"
key = "file:hub-key"

[sources.mail]
provider = "imap"
ours = ["mailto:alice@example.test"]
host = "127.0.0.1"
port = {port}
username = "alice@example.test"
security = "none"
auth = "{auth}"
oauth = "own"

[sources.pbx]
provider = "calls"
ours = ["tel:+4930123456"]
token = "file:client-secret"

[oauth.own]
provider = "{kind}"
client_id = "{client}"
client_secret = "file:client-secret"
authorize_url = "{server}/authorize"
token_url = "{server}/token"
scopes = ["imap", "offline_access", "openid", "email"]
{more}
"""


def toml(server: AuthorisationServer, port: int = 143, **values: str) -> str:
    """The config of a hub whose mailbox is read with a permission; "{store}" is left to fill in."""
    known = {"store": "{store}", "auth": "xoauth2", "kind": "generic", "more": "", **values}
    return TOML.format(port=port, client=CLIENT_ID, server=server.url, **known)


def secrets(folder: Path) -> None:
    """The files that the config names."""
    (folder / "hub-key").write_text(b64encode(b"k" * 32).decode())
    (folder / "client-secret").write_text(CLIENT_SECRET)


@pytest.fixture
async def server() -> AsyncIterator[AuthorisationServer]:
    """An authorisation server."""
    async with authorisation_server() as running:
        yield running


@pytest.fixture
async def office(store_url: str, tmp_path: Path, server: AuthorisationServer) -> AsyncIterator[Office]:
    """A hub whose sources do not run."""
    secrets(tmp_path)
    async with open_office(store_url, tmp_path, toml(server)) as opened:
        yield opened


async def there_and_back(browser: aiohttp.ClientSession, source: str = "mail") -> str:
    """Follow the way to the provider, and answer the path on which it comes back."""
    async with browser.get(f"/sources/{source}/connect", allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"
        provider = answer.headers["Location"]
    async with aiohttp.ClientSession() as outside, outside.get(provider, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        back = answer.headers["Location"]
    assert back.startswith(f"{PUBLIC_URL}/oauth/callback?")
    return back.removeprefix(PUBLIC_URL)


async def page(browser: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    """Status and text of a page, after whatever it redirects to."""
    async with browser.get(path) as answer:
        return answer.status, await answer.text()


async def test_an_administrator_connects_a_mailbox(office: Office, server: AuthorisationServer) -> None:
    browser = await office.person("root", Authority.ADMIN)
    status, text = await page(browser, "/sources/mail/permission")
    assert status == 200
    assert "Nobody has given permission at 127.0.0.1 yet." in text
    assert "sign in there as alice@example.test" in text
    assert f"{PUBLIC_URL}/oauth/callback" in text

    async with browser.get(await there_and_back(browser), allow_redirects=False) as answer:
        assert answer.status == 303
        target = answer.headers["Location"]

    assert target == "/sources/mail/permission?connected=1"
    status, text = await page(browser, target)
    assert status == 200
    assert "Connected. The mailbox is being read." in text
    assert "alice@example.test gave permission at 127.0.0.1 on" in text
    assert "It lasts until somebody takes it back." in text
    assert server.asked["login_hint"] == "alice@example.test"
    assert await office.service.lend("mail").access_token() in server.tokens
    actions = await office.service.store.read(lambda conn: [tuple(row) for row in conn.execute(_ACTIONS)])
    assert ("source.connect", "source/mail") in actions


_ACTIONS = sa.select(audit.c.action, audit.c.record)


@pytest.mark.parametrize(
    "path", ["/sources/mail/permission", "/sources/mail/connect", "/oauth/callback?state=x&code=y"]
)
async def test_only_administrators_connect(office: Office, path: str) -> None:
    agent = await office.person("ada", Authority.AGENT)
    nobody = await office.client()

    assert (await page(agent, path))[0] == 403
    async with nobody.get(path, allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/login?next=")


@pytest.mark.parametrize("path", ["permission", "connect"])
@pytest.mark.parametrize("source", ["pbx", "nothing"])
async def test_what_is_not_read_by_oauth_has_no_such_page(office: Office, source: str, path: str) -> None:
    browser = await office.person("root", Authority.ADMIN)

    assert (await page(browser, f"/sources/{source}/{path}"))[0] == 404


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        (
            {"account": "bob@example.test"},
            422,
            "bob@example.test gave the permission, but this mailbox needs that of alice@example.test",
        ),
        ({"consents": False}, 422, "Whoever was asked did not consent"),
        ({"granted": ("openid", "email")}, 422, "127.0.0.1 did not grant imap"),
        ({"gives_id_token": False}, 422, "127.0.0.1 does not say who that was"),
        ({"client_secret": "x"}, 422, "its client secret is wrong or has expired"),
        ({"down": 500}, 503, "127.0.0.1 answers 500. Connect again in a moment."),
    ],
)
async def test_why_somebody_is_not_connected(
    office: Office, server: AuthorisationServer, change: dict[str, Any], status: int, words: str
) -> None:
    browser = await office.person("root", Authority.ADMIN)
    for name, value in change.items():
        setattr(server, name, value)

    answered, text = await page(browser, await there_and_back(browser))

    assert answered == status
    assert words in text
    assert await office.service.store.read(rows.every) == {}


async def test_a_way_back_that_nobody_went(office: Office, server: AuthorisationServer) -> None:
    browser, other = await office.person("root", Authority.ADMIN), await office.person("boss", Authority.ADMIN)
    back = await there_and_back(browser)

    for who, path in ((other, back), (browser, "/oauth/callback"), (browser, "/oauth/callback?state=x&code=<b>")):
        status, text = await page(who, path)
        assert status == 422
        assert "That took too long" in text
        assert "<b>" not in text
    assert (await page(browser, back))[0] == 200
    assert (await page(browser, back))[0] == 422, "it is good once"


async def test_a_permission_is_thrown_away(office: Office, server: AuthorisationServer) -> None:
    browser = await office.person("root", Authority.ADMIN)
    await page(browser, await there_and_back(browser))

    async with browser.post("/sources/mail/disconnect") as answer:
        assert "Nobody has given permission" in await answer.text()

    assert await office.service.store.read(rows.every) == {}


async def test_the_page_says_what_is_wrong(store_url: str, tmp_path: Path, server: AuthorisationServer) -> None:
    """An app at Google in testing, whose client secret ends soon, and a permission that has since become too small."""
    secrets(tmp_path)
    soon = (datetime.now(UTC) + timedelta(days=10)).date()
    server.refresh_life = 604799
    text = toml(server, kind="google", more=f"secret_expires = {soon}")
    async with open_office(store_url, tmp_path, text) as office:
        browser = await office.person("root", Authority.ADMIN)
        _, told = await page(browser, await there_and_back(browser))

        assert "the app at Google is in testing, where permissions live for 7 days" in told
        assert "The client secret of the app ends on" in told

        smaller = grants.update().values(scopes="openid", account="bob@example.test", cause="Google has ended it")
        await office.service.store.write(lambda conn: conn.execute(smaller))
        _, told = await page(browser, "/sources/mail/permission")

        assert "it lacks imap" in told
        assert "bob@example.test gave the permission, but the mailbox is that of alice@example.test" in told
        assert "Google has ended it." in told


@dataclass(slots=True)
class Whole:
    """A hub that reads its mailbox, with a browser in which an administrator is logged in."""

    service: Service
    browser: aiohttp.ClientSession
    changes: asyncio.Queue[Status] = field(repr=False)

    async def until(self, state: State) -> Status:
        """How the source does, once that is *state*."""
        while (status := await self.changes.get()).state is not state:
            pass
        return status


@asynccontextmanager
async def whole(folder: Path, text: str) -> AsyncIterator[Whole]:
    """That hub."""
    secrets(folder)
    path = folder / "config.toml"
    path.write_text(text.format(store="sqlite:///hub.sqlite3"))
    changes: asyncio.Queue[Status] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(Service.open(config.load(path)))
        plugins, problems = service.config.built(service.lend)
        pace = Pace(retry_lease=0.05, freshness=0.5, first_delay=0.05, longest_delay=0.2)
        supervisor = Supervisor(
            service.store, service.ingest, plugins, problems, pace=pace, on_change=changes.put_nowait
        )
        app = make_app(service, supervisor)
        running = await stack.enter_async_context(TestServer(app))
        await stack.enter_async_context(supervisor)
        office = Office(service, app, running.make_url(""), await stack.enter_async_context(AsyncExitStack()))
        async with asyncio.timeout(SECONDS):
            yield Whole(service, await office.person("root", Authority.ADMIN), changes)


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
async def test_what_is_connected_is_read_at_once(tmp_path: Path, dovecot: Dovecot, auth: str) -> None:
    async with (
        authorisation_server(dovecot.tokens) as server,
        whole(tmp_path, toml(server, dovecot.imap_port, auth=auth)) as hub,
    ):
        status = await hub.until(State.REJECTED)
        assert status.cause.startswith("nobody has connected mail yet")

        await page(hub.browser, await there_and_back(hub.browser))

        await hub.until(State.LISTENING)


async def test_a_token_that_is_void_before_its_time_is_replaced(tmp_path: Path, dovecot: Dovecot) -> None:
    async with (
        authorisation_server(dovecot.tokens) as server,
        whole(tmp_path, toml(server, dovecot.imap_port)) as hub,
    ):
        await page(hub.browser, await there_and_back(hub.browser))
        await hub.until(State.LISTENING)

        dovecot.tokens.clear()
        await asyncio.to_thread(dovecot.process.kill)
        await hub.until(State.WAITING)
        await asyncio.to_thread(dovecot.process.start)

        await hub.until(State.LISTENING)
        assert server.refreshes == 1


async def test_a_permission_that_was_taken_back_is_said(tmp_path: Path, dovecot: Dovecot) -> None:
    async with (
        authorisation_server(dovecot.tokens) as server,
        whole(tmp_path, toml(server, dovecot.imap_port)) as hub,
    ):
        await page(hub.browser, await there_and_back(hub.browser))
        await hub.until(State.LISTENING)

        server.end()
        await asyncio.to_thread(dovecot.process.kill)
        await hub.until(State.WAITING)
        await asyncio.to_thread(dovecot.process.start)

        status = await hub.until(State.REJECTED)
        assert status.cause.startswith("127.0.0.1 has ended the permission for mail; connect it again on its page")
        await page(hub.browser, await there_and_back(hub.browser))
        await hub.until(State.LISTENING)
