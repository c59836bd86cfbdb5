"""Who is asking? Cookies and tokens into visitors, with a short memory so that busy paths need no query."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from hub import accounts, audit
from hub.accounts import AccountError, Invitation, Login, Session, Token
from hub.contracts import Unavailable
from hub.live import Live
from hub.privacy.visibility import Actor
from hub.store import Store

REMEMBERED_SECONDS = 5.0
REMEMBERED = 10_000
SWEEP_SECONDS = 2.0
USED_GRAIN = timedelta(hours=1)

FAILURES_WINDOW = 300.0
FAILURES_PER_NAME = 10
FAILURES_PER_ADDRESS = 50  # an office shares one address
PASSWORDS_AT_ONCE = 2  # each takes 64 MiB while it is checked


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sent a request: an actor, by a session (with its CSRF token) or by a token. *hash* names either."""

    actor: Actor
    hash: str
    session: Session | None = None

    @property
    def csrf(self) -> str:
        """What forms and unsafe requests of this session must carry; "" for a token, which needs none."""
        return self.session.csrf if self.session else ""


class TooMany(Exception):
    """Too many failures: try again after *seconds*."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many attempts. Try again in {seconds} s.")
        self.seconds = seconds


class Attempts:
    """Counts failures by key within a window. An attempt counts as failed until `forgive` says it was not, so that
    a hundred at once are not a way round. *now* is a monotonic clock."""

    def __init__(self, limit: int, window: float, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._window = window
        self._now = now
        self._failed: dict[str, deque[float]] = {}

    def begin(self, key: str) -> None:
        """Note an attempt. Raises `TooMany`."""
        now = self._now()
        if len(self._failed) > REMEMBERED:
            self._failed = {key: times for key, times in self._failed.items() if times[-1] > now - self._window}
        times = self._failed.setdefault(key, deque())
        while times and times[0] <= now - self._window:
            times.popleft()
        if len(times) >= self._limit:
            raise TooMany(max(1, round(times[0] + self._window - now)))
        times.append(now)

    def forgive(self, key: str, *, all_of_it: bool = False) -> None:
        """The last attempt succeeded; *all_of_it*: the earlier failures no longer matter either."""
        times = self._failed.get(key)
        if times:
            times.pop()
            if all_of_it:
                times.clear()
        if not times:
            self._failed.pop(key, None)


class Access:
    """Logins, sessions and tokens as the web side needs them. Open with `Access.open(store, live)`."""

    def __init__(self, store: Store, live: Live) -> None:
        self._store = store
        self._live = live
        self._known: dict[str, tuple[Visitor, float]] = {}
        self._hashing = asyncio.Semaphore(PASSWORDS_AT_ONCE)
        self._names = Attempts(FAILURES_PER_NAME, FAILURES_WINDOW)
        self._addresses = Attempts(FAILURES_PER_ADDRESS, FAILURES_WINDOW)

    @classmethod
    @asynccontextmanager
    async def open(cls, store: Store, live: Live) -> AsyncGenerator[Access, None]:
        """An `Access` that also notices what other processes and hubs end."""
        access = cls(store, live)
        sweeping = asyncio.create_task(access._sweep())
        try:
            yield access
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)

    # --- who is it ---

    async def by_session(self, secret: str) -> Visitor | None:
        """The visitor whose cookie holds *secret*."""
        name = accounts.fingerprint(secret)
        if known := self._remembered(name):
            return known
        now = datetime.now(UTC)
        session = await self._store.read(lambda conn: accounts.find_session(conn, name, now))
        return None if session is None else self._remember(Visitor(session.login.actor, name, session))

    async def by_token(self, secret: str) -> Visitor | None:
        """The visitor who bears the token *secret*."""
        if not secret.startswith(accounts.TOKEN_PREFIX):
            return None
        name = accounts.fingerprint(secret)
        if known := self._remembered(name):
            return known
        token = await self._store.read(lambda conn: accounts.find_token(conn, name))
        if token is None:
            return None
        await self._used(token)
        return self._remember(Visitor(token.actor, name))

    async def _used(self, token: Token) -> None:
        now = datetime.now(UTC)
        if token.used_at is None or now - token.used_at > USED_GRAIN:
            with suppress(Unavailable):  # where the disk is full one can still read
                await self._store.write(lambda conn: accounts.token_used(conn, token.id, now))

    def _remembered(self, name: str) -> Visitor | None:
        visitor, until = self._known.get(name, (None, 0.0))
        return visitor if visitor is not None and until > time.monotonic() else None

    def _remember(self, visitor: Visitor) -> Visitor:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[visitor.hash] = (visitor, time.monotonic() + REMEMBERED_SECONDS)
        return visitor

    # --- coming and going ---

    async def log_in(self, name: str, password: str, address: str, client: str) -> tuple[str, Visitor] | None:
        """A new session (the cookie's secret, and the visitor), or None where name or password is wrong.

        Raises `TooMany` after too many failures by that name or from that *address*.
        """
        try:
            name = accounts.login_name(name)
        except AccountError:
            return None
        self._addresses.begin(address)
        self._names.begin(name)
        found = await self._store.read(lambda conn: accounts.password_of(conn, name))
        stored = found[1] if found else None
        async with self._hashing:
            fits = await asyncio.to_thread(accounts.password_fits, password, stored)
        if found is None or not fits:
            return None
        self._names.forgive(name, all_of_it=True)
        self._addresses.forgive(address)
        return await self._begin(found[0], client)

    async def accept(self, secret: str, name: str, password: str, client: str) -> tuple[str, Visitor]:
        """Use an invitation up and log in. `AccountError` where the link is not good or the password too short."""
        async with self._hashing:
            hashed = await asyncio.to_thread(accounts.hash_password, password)
        new_id, entry, now = self._store.ids(), self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> Login:
            login = accounts.accept(conn, secret, new_id, name, hashed, now)
            audit.note(conn, entry, login.actor, "login.accept", login.actor.record, now)
            return login

        login = await self._store.write(work)
        self.forget()
        return await self._begin(login, client)

    async def invitation(self, secret: str) -> Invitation | None:
        """What a setup link invites to, where it is still good."""
        now = datetime.now(UTC)
        return await self._store.read(lambda conn: accounts.find_invitation(conn, secret, now))

    async def _begin(self, login: Login, client: str) -> tuple[str, Visitor]:
        entry, now = self._store.ids(), datetime.now(UTC)

        def work(conn: Connection) -> tuple[str, Session]:
            audit.note(conn, entry, login.actor, "session.begin", login.actor.record, now)
            return accounts.open_session(conn, login, client, now)

        secret, session = await self._store.write(work)
        return secret, self._remember(Visitor(login.actor, session.hash, session))

    async def sessions(self, login: Login) -> list[Session]:
        """Where *login* is logged in, newest first."""
        now = datetime.now(UTC)
        return await self._store.read(lambda conn: accounts.sessions_of(conn, login, now))

    async def end(self, login: Login, hash_: str) -> bool:
        """End one session of *login* and close its streams; False where there was none."""
        ended = await self._store.write(lambda conn: accounts.end_session(conn, hash_, login.id))
        self._close(hash_)
        return ended

    async def end_others(self, login: Login, but: str) -> None:
        """End every session of *login* but the one of hash *but*."""
        await self._store.write(lambda conn: accounts.end_sessions(conn, login.id, but))
        self.forget()
        await self.sweep()

    async def set_preferences(self, login: Login, language: str, timezone: str) -> None:
        """How this person reads: language and time zone, "" for the hub's own."""
        await self._store.write(lambda conn: accounts.set_preferences(conn, login.id, language, timezone))
        self.forget()

    # --- streams that must not outlive their login ---

    def forget(self) -> None:
        """Look everybody up anew: something about logins or tokens has changed."""
        self._known.clear()

    async def sweep(self) -> None:
        """Close the streams whose session or token has ended, wherever that was done: one query for all."""
        streaming = {subscription.session for subscription in self._live.subscriptions()}
        if streaming:
            now = datetime.now(UTC)
            for ended in streaming - await self._store.read(lambda conn: accounts.still_good(conn, streaming, now)):
                self._close(ended)

    def _close(self, hash_: str) -> None:
        self._known.pop(hash_, None)
        self._live.end_session(hash_)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except Unavailable:
                continue  # the store is down: nobody can be told apart now, and the next round comes
