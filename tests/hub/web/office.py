"""A small firm's hub on loopback: two agents, a phone system and Twilio; logins, tokens and clients by the way."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha1
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from hub import accounts, config
from hub.privacy.visibility import Authority, Scope
from hub.service import Service
from hub.web.access import Access
from hub.web.app import make_app
from hub.web.keys import ACCESS

PUBLIC_URL = "https://hub.example.org"
PBX_TOKEN = "pbx-3f9a7c21"
TWILIO_TOKEN = "twilio-5b1e88d0"
PASSWORD = "correct horse battery"
_HASH = accounts.hash_password(PASSWORD)

TOML = """
[hub]
public_url = "https://hub.example.org"
store = "{store}"
region = "DE"
timezone = "Europe/Berlin"

[sources.pbx]
provider = "calls"
ours = ["tel:+4930123456"]
rings = ["ada", "ben"]
token = "env:PBX_TOKEN"

[sources.front-desk]
provider = "twilio"
ours = ["tel:+4930123456"]
account_sid = "AC00000000000000000000000000000001"
auth_token = "env:TWILIO_TOKEN"

[agents.ada]
name = "Ada"
handles = ["mailto:ada@example.org", "tel:+4930123451"]
extensions = ["pbx/21"]

[agents.ben]
name = "Ben"
handles = ["mailto:ben@example.org", "tel:+4930123452"]
extensions = ["pbx/22"]

[privacy]
never_log = ["tel:+4930999999"]
"""


@dataclass(slots=True)
class Office:
    """The running hub, its address, and clients of every kind."""

    service: Service
    app: web.Application
    url: URL
    stack: AsyncExitStack = field(repr=False)

    @property
    def access(self) -> Access:
        """Who may come in, as the application knows it."""
        return self.app[ACCESS]

    async def client(self, **headers: str) -> aiohttp.ClientSession:
        """A client that nobody knows."""
        session = aiohttp.ClientSession(
            self.url, headers=headers, cookie_jar=aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=self.url)
        )
        return await self.stack.enter_async_context(session)

    async def token(self, name: str, scope: Scope, agent: str = "") -> aiohttp.ClientSession:
        """A machine with a token of its own."""
        ids, now = self.service.store.ids(), datetime.now(UTC)
        secret = await self.service.store.write(lambda conn: accounts.add_token(conn, ids, name, scope, agent, now))
        return await self.client(Authorization=f"Bearer {secret}")

    async def login(self, name: str, role: Authority = Authority.AGENT, agent: str = "") -> None:
        """A login with `PASSWORD`."""
        ids, now = self.service.store.ids(), datetime.now(UTC)
        await self.service.store.write(lambda conn: accounts.add_login(conn, ids, name, _HASH, role, agent, now))

    async def person(self, name: str, role: Authority = Authority.AGENT, agent: str = "") -> aiohttp.ClientSession:
        """A person who is logged in: her client sends the CSRF token as the pages do."""
        await self.login(name, role, agent)
        client = await self.client()
        async with client.post("/login", json={"name": name, "password": PASSWORD}) as answer:
            assert answer.status == 200, await answer.text()
            client.headers["X-CSRF-Token"] = (await answer.json())["csrf"]
        return client

    async def call(self, ident: str, event: str, **more: Any) -> int:
        """The phone system says something of a call; answers the status."""
        document = {"id": ident, "event": event, "from": "+4917012345678", "to": "+4930123456", **more}
        client = await self.client(Authorization=f"Bearer {PBX_TOKEN}")
        async with client.post("/webhooks/pbx", json=document) as answer:
            return answer.status


def twilio_signature(url: str, fields: Mapping[str, str]) -> str:
    """What Twilio sends as X-Twilio-Signature for a form (its page "Security", "Validating requests")."""
    signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return b64encode(hmac.new(TWILIO_TOKEN.encode(), signed.encode(), sha1).digest()).decode()


@asynccontextmanager
async def open_office(store_url: str, folder: Path, toml: str = TOML) -> AsyncIterator[Office]:
    """The hub of *toml* on *store_url*, listening on a free port."""
    path = folder / "config.toml"
    path.write_text(toml.replace("{store}", store_url))
    loaded = config.load(path, {"PBX_TOKEN": PBX_TOKEN, "TWILIO_TOKEN": TWILIO_TOKEN})
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(Service.open(loaded))
        app = make_app(service)
        server = await stack.enter_async_context(TestServer(app))
        yield Office(service, app, server.make_url(""), await stack.enter_async_context(AsyncExitStack()))
