"""The permissions of all sources: lent as access tokens, renewed once for all who ask, given and taken away."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from sqlalchemy import Connection

from hub import audit, logs
from hub.contracts import Misconfigured, Rejected, Unavailable
from hub.grants import rows, server
from hub.grants.apps import App
from hub.grants.keys import Keys
from hub.grants.rows import Asked, Grant
from hub.privacy.visibility import Actor
from hub.store import Store

if TYPE_CHECKING:
    from hub.config import Config, SourceConfig

log = logging.getLogger(__name__)

MARGIN = timedelta(seconds=60)
"""An access token is renewed when it has no longer than this."""

USABLE = timedelta(seconds=5)
"""What an old token must still have to do where a new one cannot be had."""

CLAIM = timedelta(seconds=45)
"""How long a hub that renews may take; longer than `server.TIMEOUT`. Then it has died, and another may try."""

LOOK_SECONDS = 0.2
"""How often is looked whether the hub that renews is done."""

SAVE_DELAYS = (0.5, 1, 2, 4, 8, 8, 8)
"""Seconds between attempts to store what was renewed: the old refresh token may be void already."""

CLOSE_SECONDS = 3.0
"""How long a renewal that is under way may take when the hub stops."""

ROUND_TRIP = timedelta(minutes=10)
"""How long somebody may take to consent at the provider."""

TESTING = timedelta(days=7)
"""How long Google lets a permission live that was given to an app in testing."""


class Refusal(Exception):
    """Somebody came back from a provider and cannot be connected. *kind* is what `hub.web.pages.connect` has words
    for, *facts* what they need; *source* is "" where not even that is known."""

    def __init__(self, kind: str, source: str = "", **facts: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.source = source
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Connectable:
    """A source that an OAuth app reads. *accounts* are those that may give the permission, lower case, the likeliest
    first; empty where the config names none."""

    source: str
    app: App
    accounts: tuple[str, ...]

    def is_right(self, account: str) -> bool:
        """Whether *account* may give the permission."""
        return not self.accounts or account.strip().lower() in self.accounts


def connectable(config: Config, source: str) -> Connectable | None:
    """*source* as it can be connected, `None` where it is not read by OAuth."""
    found = config.sources.get(source)
    if found is None or found.oauth not in config.oauth:
        return None
    return Connectable(source, config.oauth[found.oauth], _accounts(found))


def _accounts(source: SourceConfig) -> tuple[str, ...]:
    if source.account:
        return (source.account.lower(),)
    username = source.settings.get("username")
    ours = [handle.removeprefix("mailto:") for handle in source.ours if handle.startswith("mailto:")]
    named = [username, *ours] if isinstance(username, str) else ours
    return tuple(dict.fromkeys(name.strip().lower() for name in named))


class Grants:
    """The permissions that people gave for the sources of *config*. Tokens lie encrypted in *store*."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config
        path = config.store_path
        self._keys = Keys(config.keys, path.with_name("hub.key") if path else None)
        self._renewals: dict[str, asyncio.Task[Grant]] = {}

    # --- for connectors ---

    async def access_token(self, source: str, refused: str | None = None) -> str:
        """An access token for *source* that is good for a minute or more; not *refused*, which the provider has just
        not taken. Raises `Rejected` where nobody connected it or the permission has ended, `Unavailable` where it
        cannot be renewed now, `Misconfigured` where there is no app or no key."""
        app = self._app(source)
        grant = await self._found(source)
        token = self._keys.unsealed(grant.access_token)
        logs.hide(f"grant of {source}", (token, self._keys.unsealed(grant.refresh_token)))
        if token and token != refused and grant.expires_at > datetime.now(UTC) + MARGIN:
            return token
        try:
            fresh = await self._renewal(app, grant)
        except Unavailable:
            if token and token != refused and grant.expires_at > datetime.now(UTC) + USABLE:
                return token
            raise
        return self._keys.unsealed(fresh.access_token)

    async def _found(self, source: str) -> Grant:
        grant = await self._store.read(lambda conn: rows.find(conn, source))
        if grant is None:
            raise Rejected(f"nobody has connected {source} yet; an administrator does so on its page under Sources")
        return grant

    def _app(self, source: str) -> App:
        found = connectable(self._config, source)
        if found is None:
            raise Misconfigured(
                f"sources.{source}.oauth is missing; it names the table [oauth.…] of the app to ask with"
            )
        return found.app

    async def _renewal(self, app: App, seen: Grant) -> Grant:
        """*seen* renewed, by whoever does it first: one of us who ask at once, or another hub."""
        task = self._renewals.get(seen.source)
        if task is None:
            task = asyncio.create_task(self._renew(app, seen), name=f"grant of {seen.source}")
            self._renewals[seen.source] = task
            task.add_done_callback(lambda done: self._over(seen.source, done))
        # Whoever asks may stop asking; what a provider gave must be stored all the same.
        return await asyncio.shield(task)

    def _over(self, source: str, task: asyncio.Task[Grant]) -> None:
        self._renewals.pop(source, None)
        if not task.cancelled():
            task.exception()  # whoever asked was told, unless they have all gone

    async def _renew(self, app: App, seen: Grant) -> Grant:
        while True:
            if await self._store.write(partial(rows.claim, seen=seen, lasting=CLAIM)):
                return await self._refreshed(app, seen)
            current = await self._found(seen.source)
            if current.access_token != seen.access_token and current.expires_at > datetime.now(UTC):
                return current
            if current.claimed_until is None and current.cause and current.cause != seen.cause:
                raise Rejected(current.cause)  # who renewed it was told that it has ended
            seen = current
            await asyncio.sleep(LOOK_SECONDS)

    async def _refreshed(self, app: App, seen: Grant) -> Grant:
        """*seen* with new tokens, which are stored. We hold the claim."""
        try:
            refresh_token = self._keys.unsealed(seen.refresh_token)
            if not refresh_token:
                raise Rejected(_no_refresh_token(app, seen.source))
            tokens = await server.refresh(app, refresh_token)
        except Rejected as verdict:
            cause = _ended(app, seen) if isinstance(verdict, server.Ended) else str(verdict)
            log.warning("the permission for source %s cannot be renewed", seen.source)
            await self._store.write(lambda conn: rows.not_renewed(conn, seen, cause))
            raise Rejected(cause) from verdict
        except BaseException:
            await self._store.write(lambda conn: rows.not_renewed(conn, seen, ""))
            raise
        kept = tokens.refresh_token or refresh_token
        logs.hide(f"grant of {seen.source}", (tokens.access_token, kept))
        fresh = replace(
            seen,
            refresh_token=self._keys.sealed(kept),
            access_token=self._keys.sealed(tokens.access_token),
            scopes=tokens.scopes or seen.scopes,
            expires_at=tokens.expires_at,
            renewed_at=datetime.now(UTC),
            ends_at=tokens.ends_at or seen.ends_at,
            claimed_until=None,
            cause="",
        )
        await self._saved(seen, fresh)
        return fresh

    async def _saved(self, seen: Grant, fresh: Grant) -> None:
        """Store what was renewed, however often that takes."""
        for delay in (*SAVE_DELAYS, None):
            try:
                await self._store.write(lambda conn: rows.renewed(conn, seen, fresh))
            except Unavailable:
                if delay is None:
                    log.error("the renewed permission for source %s could not be stored", seen.source)
                    raise
                await asyncio.sleep(delay)
            else:
                return

    async def close(self) -> None:
        """The hub stops: what is being renewed gets a moment to be stored."""
        if self._renewals:
            _, late = await asyncio.wait(self._renewals.values(), timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # --- for people ---

    async def begin(self, source: str, login_id: int) -> str:
        """Where to send somebody who is to give a permission for *source*. Raises `Misconfigured`."""
        wanted = connectable(self._config, source)
        if wanted is None:
            raise Misconfigured(f"{source} is not read by OAuth")
        app, now = wanted.app, datetime.now(UTC)
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        asked = Asked(source, self._keys.sealed(verifier))
        await self._store.write(lambda conn: rows.ask(conn, _hash(state), asked, login_id, now, now + ROUND_TRIP))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(app.scopes),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **app.extra,
        }
        if wanted.accounts:
            query["login_hint"] = wanted.accounts[0]
        return f"{app.authorize_url}{'&' if urlsplit(app.authorize_url).query else '?'}{urlencode(query)}"

    async def finish(self, actor: Actor, login_id: int, state: str, code: str, error: str) -> Grant:
        """Somebody came back with *state* and a *code* or an *error*: the permission, which is stored then.

        Raises `Refusal` for what she can put right, `Unavailable`, `Misconfigured`.
        """
        now = datetime.now(UTC)
        asked = await self._store.write(lambda conn: rows.answered(conn, _hash(state), login_id, now))
        if asked is None:
            raise Refusal("expired")
        wanted = connectable(self._config, asked.source)
        if wanted is None:
            raise Refusal("gone", asked.source)
        app = wanted.app
        if error or not code:
            kind = "denied" if error == "access_denied" else "error"
            raise Refusal(kind, asked.source, provider=app.provider, error=server.error_code(error))
        try:
            tokens = await server.exchange(app, code, self._keys.unsealed(asked.verifier), self.redirect_uri)
            logs.hide(f"grant of {asked.source}", (tokens.access_token, tokens.refresh_token))
            accounts = await server.accounts(app, tokens)
        except server.Refused as verdict:
            raise Refusal("refused", asked.source, provider=app.provider, why=str(verdict)) from verdict
        account = self._account(wanted, accounts)
        scopes = tokens.scopes or app.scopes
        if missing := app.missing(scopes):
            raise Refusal("scopes", asked.source, provider=app.provider, missing=" ".join(missing))
        grant = Grant(
            source=asked.source,
            account=account,
            scopes=scopes,
            refresh_token=self._keys.sealed(tokens.refresh_token),
            access_token=self._keys.sealed(tokens.access_token),
            expires_at=tokens.expires_at,
            granted_at=now,
            renewed_at=now,
            ends_at=tokens.ends_at,
        )
        entry = self._store.ids()

        def work(conn: Connection) -> None:
            rows.put(conn, grant)
            audit.note(conn, entry, actor, "source.connect", f"source/{grant.source}", now)

        await self._store.write(work)
        log.info("source %s is connected", grant.source)
        return grant

    async def forget(self, actor: Actor, source: str) -> None:
        """Throw the permission for *source* away. The provider's own list of permissions is not touched."""
        entry, now = self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> None:
            if rows.forget(conn, source):
                audit.note(conn, entry, actor, "source.disconnect", f"source/{source}", now)

        await self._store.write(work)

    @property
    def redirect_uri(self) -> str:
        """Where providers send people back to. It must be registered with the app."""
        return f"{self._config.public_url}/oauth/callback"

    def readable(self, grant: Grant) -> str:
        """Why the tokens of *grant* cannot be read, "" where they can."""
        try:
            self._keys.unsealed(grant.access_token)
            self._keys.unsealed(grant.refresh_token)
        except Misconfigured as verdict:
            return str(verdict)
        return ""

    @staticmethod
    def _account(wanted: Connectable, accounts: tuple[str, ...]) -> str:
        """The name under which the mailbox knows whoever consented. Raises `Refusal` for somebody else."""
        right = [account for account in accounts if wanted.is_right(account)]
        if right:
            return right[0]
        if not accounts and not wanted.accounts:
            return ""
        if not accounts:
            raise Refusal("nobody", wanted.source, provider=wanted.app.provider)
        raise Refusal(
            "account", wanted.source, provider=wanted.app.provider, came=accounts[0], wanted=", ".join(wanted.accounts)
        )


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def _no_refresh_token(app: App, source: str) -> str:
    return (
        f"{app.provider} gave a permission for {source} that cannot be renewed, and it has ended; connect it again on "
        "its page under Sources (docs/OAUTH.md says how to be given one that lasts)"
    )


def _ended(app: App, grant: Grant) -> str:
    """What to say of a permission that ended, with the reason where its age gives that away."""
    age = datetime.now(UTC) - grant.granted_at
    told = f"{app.provider} has ended the permission for {grant.source}; connect it again on its page under Sources"
    if app.kind == "google" and abs(age - TESTING) < timedelta(days=1):
        told += (
            ". It ended 7 days after it was given: the app is in testing. First set it to “In production” in the "
            "Google Cloud console"
        )
    return told
