"""What the store knows of permissions. Functions take a connection and run inside somebody's transaction; tokens are
what `hub.grants.keys` made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hub.store.clock import clock
from hub.store.schema import grant_requests, grants


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission for *source*: who gave it (*account*, as the provider calls her), which *scopes* it has, and when
    it was given and last renewed. *expires_at* is the end of the access token, *ends_at* of the whole where that is
    known. *cause* says why it could not be renewed, "" where it could. Times are UTC; both tokens are encrypted."""

    source: str
    account: str
    scopes: tuple[str, ...]
    refresh_token: str = field(repr=False)
    access_token: str = field(repr=False)
    expires_at: datetime
    granted_at: datetime
    renewed_at: datetime
    ends_at: datetime | None = None
    claimed_until: datetime | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody's way to a provider and back: for which *source*, and the PKCE *verifier* (encrypted)."""

    source: str
    verifier: str = field(repr=False)


def find(conn: Connection, source: str) -> Grant | None:
    """The permission for *source*."""
    row = conn.execute(sa.select(grants).where(grants.c.source == source)).one_or_none()
    return None if row is None else _grant(row)


def every(conn: Connection) -> dict[str, Grant]:
    """All permissions by their sources."""
    return {row.source: _grant(row) for row in conn.execute(sa.select(grants).order_by(grants.c.source))}


def put(conn: Connection, grant: Grant) -> None:
    """Keep *grant* instead of whatever there was for its source."""
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    values = {
        "source": grant.source,
        "account": grant.account,
        "scopes": " ".join(grant.scopes),
        "refresh_token": grant.refresh_token,
        "access_token": grant.access_token,
        "expires_at": grant.expires_at,
        "granted_at": grant.granted_at,
        "renewed_at": grant.renewed_at,
        "ends_at": grant.ends_at,
        "claimed_until": None,
        "cause": grant.cause,
    }
    statement = insert(grants).values(values)
    changed = {name: statement.excluded[name] for name in values if name != "source"}
    conn.execute(statement.on_conflict_do_update(index_elements=["source"], set_=changed))


def claim(conn: Connection, seen: Grant, lasting: timedelta) -> bool:
    """Take the right to renew *seen* for so long; False where somebody else has it, or has renewed it since."""
    now = clock(conn)
    free = sa.or_(grants.c.claimed_until.is_(None), grants.c.claimed_until < now)
    statement = _same(seen).where(free).values(claimed_until=now + lasting)
    return bool(conn.execute(statement).rowcount)


def renewed(conn: Connection, seen: Grant, fresh: Grant) -> bool:
    """Put what came for *seen* in its place; False where somebody connected the source anew meanwhile."""
    values = {
        "refresh_token": fresh.refresh_token,
        "access_token": fresh.access_token,
        "scopes": " ".join(fresh.scopes),
        "expires_at": fresh.expires_at,
        "renewed_at": fresh.renewed_at,
        "ends_at": fresh.ends_at,
        "claimed_until": None,
        "cause": "",
    }
    return bool(conn.execute(_same(seen).values(values)).rowcount)


def not_renewed(conn: Connection, seen: Grant, cause: str) -> None:
    """Give the right to renew *seen* back. *cause* is why it cannot be renewed; "" where it may yet be."""
    conn.execute(_same(seen).values(claimed_until=None, cause=cause or seen.cause))


def forget(conn: Connection, source: str) -> bool:
    """Throw the permission for *source* away; False where there is none."""
    return bool(conn.execute(grants.delete().where(grants.c.source == source)).rowcount)


def ask(conn: Connection, state: str, asked: Asked, login_id: int, now: datetime, until: datetime) -> None:
    """Remember that a login went to a provider; *state* is the hash of what comes back with her."""
    conn.execute(grant_requests.delete().where(grant_requests.c.expires_at < now))
    conn.execute(
        grant_requests.insert().values(
            state=state, source=asked.source, login_id=login_id, verifier=asked.verifier, expires_at=until
        )
    )


def answered(conn: Connection, state: str, login_id: int, now: datetime) -> Asked | None:
    """What that login went for, once; `None` where it never did, did so long ago, or has been back already."""
    row = conn.execute(
        grant_requests.delete()
        .where(grant_requests.c.state == state, grant_requests.c.login_id == login_id)
        .returning(grant_requests.c.source, grant_requests.c.verifier, grant_requests.c.expires_at)
    ).one_or_none()
    return None if row is None or row.expires_at < now else Asked(row.source, row.verifier)


def _same(seen: Grant) -> sa.Update:
    """The row of *seen*, if nobody has renewed or replaced it since."""
    return grants.update().where(
        grants.c.source == seen.source,
        grants.c.granted_at == seen.granted_at,
        grants.c.refresh_token == seen.refresh_token,
        grants.c.access_token == seen.access_token,
    )


def _grant(row: sa.Row[tuple[object, ...]]) -> Grant:
    values = dict(row._mapping)
    return Grant(**{**values, "scopes": tuple(values["scopes"].split())})
