"""Who may use the hub: logins with their sessions, invitations and tokens, as they lie in the store.

Passwords are argon2 hashes. Every other secret (session, invitation, token) is 32 random bytes of which only the
SHA-256 is stored: a copy of the store opens no door. Functions take a connection and run inside somebody's transaction.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection

from hub.privacy.visibility import Actor, Authority, Scope
from hub.store.schema import invitations, logins, sessions, tokens
from hub.vocabulary import NAMESPACES

SESSION_LIFE = timedelta(days=14)
INVITATION_LIFE = timedelta(hours=24)
SHORTEST_PASSWORD = 8  # NIST SP 800-63B
LONGEST_PASSWORD = 1024
TOKEN_PREFIX = "hub_"  # noqa: S105 — so that scanners for leaked secrets can tell what they found

_hasher = PasswordHasher()


class AccountError(ValueError):
    """What was asked cannot be done. The text is for people: one line, what is wrong and what to do. *field* is the
    field of a form that it concerns, or ""."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class Login:
    """A person who may log in. *agent* is the colleague she is, or "". Times are UTC."""

    id: int
    name: str
    role: Authority
    agent: str
    language: str
    timezone: str
    disabled: bool
    created_at: datetime

    @property
    def actor(self) -> Actor:
        """What this login may read and do."""
        scope = Scope.ADMIN if self.role is Authority.ADMIN else Scope.WRITE
        return Actor(self.name, self.role, self.agent, scope, record=f"login/{self.id}")


@dataclass(frozen=True, slots=True)
class Session:
    """A login at one browser. *hash* names it, *csrf* is what its forms must carry, *client* the browser's name."""

    hash: str
    login: Login
    csrf: str
    client: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """A machine's key. *agent* is the colleague whose /live it may read, or ""."""

    id: int
    name: str
    hash: str
    scope: Scope
    agent: str
    created_at: datetime
    used_at: datetime | None

    @property
    def actor(self) -> Actor:
        """An admin token reads all; others read what is open to everyone, and what is open to their agent."""
        authority = Authority.ADMIN if self.scope is Scope.ADMIN else Authority.AGENT
        return Actor(self.name, authority, self.agent, self.scope, record=f"token/{self.id}")


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that is good once: with a *name* it sets that login's password, without one it makes the first login."""

    role: Authority
    name: str
    expires_at: datetime


# --- secrets --------------------------------------------------------------------------------------------------------


def new_secret() -> str:
    """32 random bytes in URL-safe characters."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """What is stored of a secret. It needs no salt, since nobody can try out 2^256 of them."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


@cache
def _nobody() -> str:
    """Checked where no such login exists, so that both take equally long."""
    return _hasher.hash(secrets.token_urlsafe())


def hash_password(password: str) -> str:
    """The argon2id hash of *password*; it takes tens of milliseconds, so run it in a thread. Raises `AccountError`."""
    if len(password) < SHORTEST_PASSWORD:
        raise AccountError(f"A password needs at least {SHORTEST_PASSWORD} characters.", "password")
    if len(password) > LONGEST_PASSWORD:
        raise AccountError(f"A password has at most {LONGEST_PASSWORD} characters.", "password")
    return _hasher.hash(password)


def password_fits(password: str, stored: str | None) -> bool:
    """Whether *password* is the one behind *stored*; as slow for a login that does not exist (`None`)."""
    try:
        _hasher.verify(stored or _nobody(), password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def login_name(text: str) -> str:
    """The name under which *text* logs in: case and Unicode spelling do not matter. `AccountError` if it is none."""
    name = unicodedata.normalize("NFKC", text).strip().casefold()
    if not name or len(name) > 100 or not name.isprintable():
        raise AccountError("A name needs 1 to 100 printable characters.", "name")
    return name


# --- logins ---------------------------------------------------------------------------------------------------------


def add_login(
    conn: Connection, login_id: int, name: str, password_hash: str, role: Authority, agent: str, now: datetime
) -> Login:
    """A new login. `AccountError` where the name is taken, or the agent already has one."""
    name = login_name(name)
    taken = find_login(conn, name)
    if taken is not None:
        raise AccountError(f'There is already a login "{name}" (login/{taken.id}).', "name")
    if agent and (other := conn.execute(sa.select(logins.c.name).where(logins.c.agent == agent)).scalar()):
        raise AccountError(f'Agent "{agent}" already belongs to the login "{other}".')
    login = Login(login_id, name, role, agent, "", "", False, now)
    conn.execute(
        logins.insert().values(
            id=login_id, name=name, password=password_hash, role=role.value, agent=agent, created_at=now
        )
    )
    return login


def find_login(conn: Connection, name: str) -> Login | None:
    """The login of that name, disabled or not."""
    return _login(conn.execute(sa.select(logins).where(logins.c.name == login_name(name))).first())


def password_of(conn: Connection, name: str) -> tuple[Login, str] | None:
    """A login that may log in, and its password's hash."""
    row = conn.execute(sa.select(logins).where(logins.c.name == name, ~logins.c.disabled)).first()
    login = _login(row)
    return (login, row.password) if login is not None and row is not None else None


def list_logins(conn: Connection) -> list[Login]:
    """All logins by name."""
    rows = conn.execute(sa.select(logins).order_by(logins.c.name)).all()
    return [login for row in rows if (login := _login(row)) is not None]


def any_login(conn: Connection) -> bool:
    """Whether anybody can log in yet."""
    return conn.execute(sa.select(logins.c.id).limit(1)).first() is not None


def set_password(conn: Connection, login_id: int, password_hash: str) -> None:
    """A new password; every session of the login ends."""
    conn.execute(logins.update().where(logins.c.id == login_id).values(password=password_hash))
    end_sessions(conn, login_id)


def set_disabled(conn: Connection, name: str, disabled: bool) -> Login:
    """Close or open a login; closing ends its sessions. `AccountError` where there is none."""
    login = find_login(conn, name)
    if login is None:
        raise AccountError(f'There is no login "{name}".')
    conn.execute(logins.update().where(logins.c.id == login.id).values(disabled=disabled))
    if disabled:
        end_sessions(conn, login.id)
    return login


def set_preferences(conn: Connection, login_id: int, language: str, timezone: str) -> None:
    """How a person reads: BCP 47 language and IANA time zone, "" for the hub's own."""
    conn.execute(logins.update().where(logins.c.id == login_id).values(language=language, timezone=timezone))


def _login(row: sa.Row[tuple[object, ...]] | None) -> Login | None:
    if row is None:
        return None
    return Login(
        row.id, row.name, Authority(row.role), row.agent, row.language, row.timezone, row.disabled, row.created_at
    )


# --- sessions -------------------------------------------------------------------------------------------------------


def open_session(conn: Connection, login: Login, client: str, now: datetime) -> tuple[str, Session]:
    """A new session of *login*: the secret for the cookie, and the session. Sessions that ran out are cleared away."""
    secret = new_secret()
    session = Session(fingerprint(secret), login, new_secret(), client[:200], now, now + SESSION_LIFE)
    conn.execute(sessions.delete().where(sessions.c.login_id == login.id, sessions.c.expires_at <= now))
    conn.execute(
        sessions.insert().values(
            hash=session.hash,
            login_id=login.id,
            csrf=session.csrf,
            client=session.client,
            created_at=now,
            expires_at=session.expires_at,
        )
    )
    return secret, session


def find_session(conn: Connection, hash_: str, now: datetime) -> Session | None:
    """The session of that hash, where it has not ended and its login is open."""
    row = conn.execute(
        sa.select(sessions, logins)
        .join(logins, logins.c.id == sessions.c.login_id)
        .where(sessions.c.hash == hash_, sessions.c.expires_at > now, ~logins.c.disabled)
    ).first()
    if row is None:
        return None
    about = row._mapping
    login = Login(
        row.id,
        row.name,
        Authority(row.role),
        row.agent,
        row.language,
        row.timezone,
        row.disabled,
        about[logins.c.created_at],
    )
    return Session(row.hash, login, row.csrf, row.client, about[sessions.c.created_at], row.expires_at)


def sessions_of(conn: Connection, login: Login, now: datetime) -> list[Session]:
    """Where *login* is logged in, newest first."""
    rows = conn.execute(
        sa.select(sessions)
        .where(sessions.c.login_id == login.id, sessions.c.expires_at > now)
        .order_by(sessions.c.created_at.desc())
    )
    return [Session(row.hash, login, row.csrf, row.client, row.created_at, row.expires_at) for row in rows]


def end_session(conn: Connection, hash_: str, login_id: int) -> bool:
    """End one session of *login_id*; False where there was none."""
    return conn.execute(sessions.delete().where(sessions.c.hash == hash_, sessions.c.login_id == login_id)).rowcount > 0


def end_sessions(conn: Connection, login_id: int, but: str = "") -> None:
    """End every session of *login_id* but the one of hash *but*."""
    conn.execute(sessions.delete().where(sessions.c.login_id == login_id, sessions.c.hash != but))


def still_good(conn: Connection, hashes: Collection[str], now: datetime) -> set[str]:
    """Which of these session and token hashes still open a door."""
    wanted = list(hashes)
    good = set(
        conn.execute(
            sa.select(sessions.c.hash)
            .join(logins, logins.c.id == sessions.c.login_id)
            .where(sessions.c.hash.in_(wanted), sessions.c.expires_at > now, ~logins.c.disabled)
        ).scalars()
    )
    return good | set(conn.execute(sa.select(tokens.c.hash).where(tokens.c.hash.in_(wanted))).scalars())


# --- invitations ----------------------------------------------------------------------------------------------------


def invite(conn: Connection, role: Authority, name: str, now: datetime) -> str:
    """A secret, good once and for a day: to set the password of *name*, or for the first login where it is "".

    An earlier one for the same purpose is no longer good.
    """
    secret = new_secret()
    conn.execute(invitations.delete().where((invitations.c.name == name) | (invitations.c.expires_at <= now)))
    conn.execute(
        invitations.insert().values(
            hash=fingerprint(secret), role=role.value, name=name, expires_at=now + INVITATION_LIFE
        )
    )
    return secret


def find_invitation(conn: Connection, secret: str, now: datetime) -> Invitation | None:
    """What *secret* invites to, where it is still good."""
    row = conn.execute(
        sa.select(invitations).where(invitations.c.hash == fingerprint(secret), invitations.c.expires_at > now)
    ).first()
    if row is None or (not row.name and any_login(conn)):
        return None
    return Invitation(Authority(row.role), row.name, row.expires_at)


def accept(conn: Connection, secret: str, new_id: int, name: str, password_hash: str, now: datetime) -> Login:
    """Use an invitation up: make the first login *name*, or set the invited login's password.

    `AccountError` where the link is not good (any more).
    """
    invitation = find_invitation(conn, secret, now)
    used = conn.execute(invitations.delete().where(invitations.c.hash == fingerprint(secret))).rowcount
    if invitation is None or not used:
        raise AccountError("This link is not good any more. Ask for a new one.")
    if not invitation.name:
        if conn.dialect.name == "postgresql":  # two people with two links at the same moment: one is first
            conn.execute(sa.text("LOCK TABLE logins IN SHARE ROW EXCLUSIVE MODE"))
            if any_login(conn):
                raise AccountError("This link is not good any more. Ask for a new one.")
        return add_login(conn, new_id, name, password_hash, invitation.role, "", now)
    login = find_login(conn, invitation.name)
    if login is None:
        raise AccountError("This link is not good any more. Ask for a new one.")
    set_password(conn, login.id, password_hash)
    return login


# --- tokens ---------------------------------------------------------------------------------------------------------


def add_token(conn: Connection, token_id: int, name: str, scope: Scope, agent: str, now: datetime) -> str:
    """The secret of a new token, shown this once. `AccountError` where the name is taken or cannot begin a key."""
    if not name or len(name) > 100 or not name.isprintable() or any(c in ": \t" for c in name):
        raise AccountError("A token's name needs 1 to 100 printable characters, without blanks and colons.")
    if name in NAMESPACES:
        raise AccountError(f'A token cannot be called "{name}": keys that begin so belong to the hub.')
    if conn.execute(sa.select(tokens.c.id).where(tokens.c.name == name)).first():
        raise AccountError(f'There is already a token "{name}". Revoke it first, or take another name.')
    secret = TOKEN_PREFIX + new_secret()
    conn.execute(
        tokens.insert().values(
            id=token_id, name=name, hash=fingerprint(secret), scope=scope.value, agent=agent, created_at=now
        )
    )
    return secret


def find_token(conn: Connection, hash_: str) -> Token | None:
    """The token of that hash."""
    row = conn.execute(sa.select(tokens).where(tokens.c.hash == hash_)).first()
    return None if row is None else _token(row)


def list_tokens(conn: Connection) -> list[Token]:
    """All tokens by name."""
    return [_token(row) for row in conn.execute(sa.select(tokens).order_by(tokens.c.name))]


def revoke_token(conn: Connection, name: str) -> Token:
    """End a token. `AccountError` where there is none of that name."""
    row = conn.execute(sa.select(tokens).where(tokens.c.name == name)).first()
    if row is None:
        raise AccountError(f'There is no token "{name}".')
    conn.execute(tokens.delete().where(tokens.c.id == row.id))
    return _token(row)


def token_used(conn: Connection, token_id: int, now: datetime) -> None:
    """Remember that a token is in use."""
    conn.execute(tokens.update().where(tokens.c.id == token_id).values(used_at=now))


def _token(row: sa.Row[tuple[object, ...]]) -> Token:
    return Token(row.id, row.name, row.hash, Scope(row.scope), row.agent, row.created_at, row.used_at)
