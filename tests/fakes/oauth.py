"""An authorisation server on loopback: RFC 6749 with PKCE (RFC 7636), refresh token rotation (RFC 9700, 4.14.2) and as
much of OpenID Connect as tells who somebody is. It consents at once, as the person that a test says sits there."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

CLIENT_ID = "hub-7c1f"
CLIENT_SECRET = "oauth-client-4b8e21"
SCOPES = ("imap", "offline_access", "openid", "email")


@dataclass(slots=True)
class Permission:
    """What somebody consented to: one family of tokens, of which *refresh_token* is the only one that is good."""

    account: str
    scopes: tuple[str, ...]
    refresh_token: str = ""
    ended: bool = False


@dataclass(slots=True)
class AuthorisationServer:
    """The server at *url* and how it behaves. Its clock is *ahead*. *account* is who sits at the browser and consents.

    *tokens* are the access tokens that are good, with the user they let in: a Dovecot takes the same dictionary.
    A renewal sets *busy*, and is answered once *release* is set, which it is at first. *codes* and *refreshes* count
    what was asked of the token endpoint; *asked* is the last query to /authorize.
    """

    url: str = ""
    account: str = "alice@example.test"
    tokens: MutableMapping[str, str] = field(default_factory=dict)
    consents: bool = True
    granted: tuple[str, ...] | None = None
    gives_refresh_token: bool = True
    gives_id_token: bool = True
    rotates: bool = True
    life: int = 3600
    refresh_life: int | None = None
    client_secret: str = CLIENT_SECRET
    refuses_with: str = ""
    down: int = 0
    ahead: timedelta = timedelta()
    codes: int = 0
    refreshes: int = 0
    asked: dict[str, str] = field(default_factory=dict)
    permissions: list[Permission] = field(default_factory=list)
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    _given: dict[str, tuple[Permission, str, str]] = field(default_factory=dict)

    def end(self) -> None:
        """Every permission is taken back, and no token lets anybody in."""
        for permission in self.permissions:
            permission.ended = True
        self.tokens.clear()

    async def authorize(self, request: web.Request) -> web.Response:
        """The page at which somebody consents, and does."""
        query = dict(request.query)
        self.asked = query
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            return web.Response(status=400, text="unknown client")
        if query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43:
            return web.Response(status=400, text="PKCE is missing")
        if not self.consents:
            return _back(query, error="access_denied", error_description="The resource owner denied the request")
        scopes = self.granted if self.granted is not None else tuple(query["scope"].split())
        code, permission = secrets.token_urlsafe(16), Permission(self.account, scopes)
        self.permissions.append(permission)
        self._given[code] = (permission, query["code_challenge"], query["redirect_uri"])
        return _back(query, code=code)

    async def token(self, request: web.Request) -> web.Response:
        """A code or a refresh token into tokens."""
        form = await request.post()
        said = {name: str(value) for name, value in form.items()}
        if self.down:
            return self._answer({"error": "nobody is here"}, self.down)
        if self.refuses_with:
            return self._answer({"error": self.refuses_with, "error_description": "AADSTS7000222: it is expired"}, 401)
        if said.get("client_id") != CLIENT_ID or said.get("client_secret") != self.client_secret:
            return self._answer({"error": "invalid_client"}, 401)
        if said.get("grant_type") == "authorization_code":
            self.codes += 1
            permission, challenge, redirect_uri = self._given.pop(said["code"], (None, "", ""))
            verifier = hashlib.sha256(said["code_verifier"].encode()).digest()
            fits = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() == challenge
            if permission is None or not fits or said["redirect_uri"] != redirect_uri:
                return self._answer({"error": "invalid_grant"}, 400)
            return self._answer(self._tokens(permission, first=True))
        self.refreshes += 1
        self.busy.set()
        await self.release.wait()
        token = said.get("refresh_token")
        family = [each for each in self.permissions if each.refresh_token == token and not each.ended]
        if not family:
            # A refresh token that was used before is in a thief's hands, so all are void (RFC 9700, 4.14.2).
            self.end()
            return self._answer({"error": "invalid_grant", "error_description": "Token has been revoked."}, 400)
        return self._answer(self._tokens(family[0], first=False))

    async def time(self, request: web.Request) -> web.Response:
        """No way to ask for tokens (RFC 6749, 3.2), but it has a date."""
        return self._answer({"error": "invalid_request"}, 405)

    async def userinfo(self, request: web.Request) -> web.Response:
        """Who the token's owner is (OpenID Connect Core, 5.3)."""
        user = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if user is None:
            return web.Response(status=401)
        return self._answer({"sub": "1", "email": self.permissions[-1].account})

    def _tokens(self, permission: Permission, *, first: bool) -> dict[str, Any]:
        access = f"access-{secrets.token_urlsafe(16)}"
        self.tokens[access] = permission.account.partition("@")[0]
        document: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "expires_in": self.life}
        document["scope"] = " ".join(permission.scopes)
        if self.gives_refresh_token and (first or self.rotates):
            permission.refresh_token = document["refresh_token"] = f"refresh-{secrets.token_urlsafe(16)}"
        if self.refresh_life is not None:
            document["refresh_token_expires_in"] = self.refresh_life
        if first and self.gives_id_token:
            claims = {"aud": CLIENT_ID, "sub": "1", "email": permission.account}
            parts: tuple[dict[str, str], ...] = ({"alg": "none"}, claims, {})
            document["id_token"] = ".".join(
                base64.urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode() for part in parts
            )
        return document

    def _answer(self, document: dict[str, Any], status: int = 200) -> web.Response:
        date = format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)
        return web.json_response(document, status=status, headers={"Date": date, "Cache-Control": "no-store"})


def _back(query: dict[str, str], **answer: str) -> web.Response:
    target = f"{query['redirect_uri']}?{urlencode({**answer, 'state': query['state']})}"
    return web.Response(status=302, headers={"Location": target})


@asynccontextmanager
async def authorisation_server(tokens: MutableMapping[str, str] | None = None) -> AsyncIterator[AuthorisationServer]:
    """A running server that lets people in by *tokens*."""
    server = AuthorisationServer(tokens={} if tokens is None else tokens)
    server.release.set()
    app = web.Application()
    app.router.add_get("/authorize", server.authorize)
    app.router.add_post("/token", server.token)
    app.router.add_get("/token", server.time)
    app.router.add_get("/userinfo", server.userinfo)
    async with TestServer(app) as running:
        server.url = str(running.make_url("")).rstrip("/")
        yield server
