"""Asking an authorisation server: a code or a refresh token into tokens (RFC 6749), whose they are (OpenID Connect).

Nothing a server says is passed on but its error codes: the rest may quote a token.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from hub.contracts import Rejected, Unavailable, Verdict
from hub.grants.apps import App

TIMEOUT = aiohttp.ClientTimeout(total=20, connect=10)
LARGEST_ANSWER = 1 << 20
DEFAULT_LIFE = 3600.0
"""Seconds that an access token is taken to live where the server does not say."""

_ERROR_CODE = re.compile(r"[a-z_]{1,60}")
_MICROSOFT_CODE = re.compile(r"\bAADSTS\d{3,9}\b")


class Refused(Rejected):
    """The authorisation server says no. *code* is its error (RFC 6749, 5.2), with Microsoft's own behind it."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.code = code


class Ended(Refused):
    """The permission is no longer good: revoked, expired, or used up (`invalid_grant`)."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a server gives. *refresh_token* is "" where it gave none, *scopes* `None` where it did not list them (then
    it granted what was asked for: RFC 6749, 5.1). *expires_at* is the access token's end and *ends_at* the refresh
    token's, `None` where it has none that is known; both by our clock, UTC. *accounts* is who consented, as far as the
    id_token tells."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    scopes: tuple[str, ...] | None
    expires_at: datetime
    ends_at: datetime | None
    accounts: tuple[str, ...]


async def exchange(app: App, code: str, verifier: str, redirect_uri: str) -> Tokens:
    """The tokens for an authorisation *code*, with the PKCE *verifier* (RFC 7636). Raises `Rejected`, `Unavailable`."""
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": redirect_uri}
    return await _tokens(app, form)


async def refresh(app: App, refresh_token: str) -> Tokens:
    """New tokens for a *refresh_token*. Raises `Ended`, `Rejected`, `Unavailable`."""
    return await _tokens(app, {"grant_type": "refresh_token", "refresh_token": refresh_token})


async def accounts(app: App, tokens: Tokens) -> tuple[str, ...]:
    """Whose tokens these are: every name the provider has for the account, mostly one address. Empty where it does not
    say. Raises `Rejected`, `Unavailable`."""
    if tokens.accounts or not app.userinfo_url:
        return tokens.accounts
    async with _asked("GET", app.userinfo_url, {"Authorization": f"Bearer {tokens.access_token}"}) as answer:
        if answer.status >= 500 or answer.status == 429:
            raise _busy(answer)
        document = await _document(answer)
        return _names(document) if answer.status == 200 else ()


def error_code(text: Any) -> str:
    """An error as a server names it, "" for what is none: it will be shown, and anybody could have made it up."""
    return text if isinstance(text, str) and _ERROR_CODE.fullmatch(text) else ""


async def skew(app: App) -> timedelta:
    """How far our clock is ahead of the server's, to a second or two. Raises `Unavailable`."""
    async with _asked("GET", app.token_url, {}) as answer:
        try:
            theirs = parsedate_to_datetime(answer.headers.get("Date", ""))
        except ValueError:
            raise Unavailable(f"{_host(app.token_url)} does not tell the time") from None
        return datetime.now(UTC) - theirs.astimezone(UTC)


async def _tokens(app: App, form: dict[str, str]) -> Tokens:
    form["client_id"] = app.client_id
    if app.client_secret:
        # In the body, not as Basic: both are in RFC 6749, 2.3.1, and this is what Google and Microsoft document.
        form["client_secret"] = app.client_secret
    asked_at = datetime.now(UTC)
    async with _asked("POST", app.token_url, {"Accept": "application/json"}, form) as answer:
        document = await _document(answer)
        if answer.status == 200 and isinstance(document.get("access_token"), str) and document["access_token"]:
            return _read(app, document, asked_at)
        raise _refusal(app, answer, document)


def _read(app: App, document: Mapping[str, Any], asked_at: datetime) -> Tokens:
    refresh_token, scope = document.get("refresh_token"), document.get("scope")
    life, ends_in = _seconds(document.get("expires_in")), _seconds(document.get("refresh_token_expires_in"))
    return Tokens(
        access_token=document["access_token"],
        refresh_token=refresh_token if isinstance(refresh_token, str) else "",
        scopes=tuple(scope.split()) if isinstance(scope, str) and scope.strip() else None,
        expires_at=asked_at + timedelta(seconds=life or DEFAULT_LIFE),
        ends_at=asked_at + timedelta(seconds=ends_in) if ends_in else None,
        accounts=_names(_claims(app, document.get("id_token"))),
    )


def _refusal(app: App, answer: aiohttp.ClientResponse, document: Mapping[str, Any]) -> Verdict:
    """What an answer without tokens means."""
    code = error_code(document.get("error"))
    if answer.status >= 500 or answer.status == 429 or not code or code in ("temporarily_unavailable", "server_error"):
        return _busy(answer)
    own = _MICROSOFT_CODE.search(str(document.get("error_description", "")))
    told = f"{code} {own[0]}" if own else code
    if code == "invalid_grant":
        return Ended(f"{app.provider} says that the permission has ended ({told})", told)
    if code in ("invalid_client", "unauthorized_client"):
        return Refused(
            f"{app.provider} refuses our app ({told}): its client secret is wrong or has expired. Make a new one at "
            f"{app.provider}, put it where [oauth.{app.name}] client_secret points, and restart the hub",
            told,
        )
    return Refused(f"{app.provider} refuses ({told}); see docs/OAUTH.md", told)


def _busy(answer: aiohttp.ClientResponse) -> Unavailable:
    wait = answer.headers.get("Retry-After", "")
    return Unavailable(f"{_host(str(answer.url))} answers {answer.status}", float(wait) if wait.isdigit() else None)


@asynccontextmanager
async def _asked(
    method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
) -> AsyncGenerator[aiohttp.ClientResponse]:
    """The server's answer. A connection of its own: it is needed once an hour."""
    host = _host(url)
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(method, url, headers=headers, data=form, allow_redirects=False) as answer,
        ):
            yield answer
    except TimeoutError as error:
        raise Unavailable(f"{host} did not answer within {TIMEOUT.total:.0f} s") from error
    except (aiohttp.ClientError, OSError) as error:
        # Not the error's own text: aiohttp quotes URLs, and a proxy's answer may quote more.
        raise Unavailable(f"{host} cannot be reached ({type(error).__name__})") from None


async def _document(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """The JSON object in an answer; empty where there is none."""
    raw = b""
    async for piece in answer.content.iter_chunked(1 << 16):
        raw += piece
        if len(raw) > LARGEST_ANSWER:
            return {}
        await asyncio.sleep(0)
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _claims(app: App, id_token: Any) -> dict[str, Any]:
    """What an id_token says. Its signature is not looked at: it came from the server itself, over a connection that
    proves who that is (OpenID Connect Core, 3.1.3.7, 6). One that is for another app says nothing."""
    if not isinstance(id_token, str) or id_token.count(".") != 2:
        return {}
    payload = id_token.split(".")[1]
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError):
        return {}
    audience = claims.get("aud") if isinstance(claims, dict) else None
    return claims if audience == app.client_id or (isinstance(audience, list) and app.client_id in audience) else {}


def _names(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Every address-like name of an account in claims or userinfo, without repetition."""
    values = (document.get(key) for key in ("email", "preferred_username", "upn", "username"))
    return tuple(dict.fromkeys(value.strip() for value in values if isinstance(value, str) and value.strip()))


def _seconds(value: Any) -> float:
    """A number of seconds, which some servers write as text; 0 for what is none."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return 0.0
    return seconds if 0 < seconds < 10 * 365 * 86400 else 0.0


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
