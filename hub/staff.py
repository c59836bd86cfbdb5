"""What `hub user` and `hub token` ask the running hub for: who may come in, and with what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection

from hub import accounts, audit
from hub.accounts import AccountError, Login, Token
from hub.privacy.visibility import HUB, Authority, Scope

if TYPE_CHECKING:
    from hub.operation import Operation, Progress
    from hub.service import Service

T = TypeVar("T")


async def add_user(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`user.add`: {name, role, agent, password_hash} → the login."""
    _agent(service, args["agent"])
    new_id = service.store.ids()

    def work(conn: Connection, now: datetime) -> Login:
        role = Authority(args["role"])
        return accounts.add_login(conn, new_id, args["name"], args["password_hash"], role, args["agent"], now)

    return _login(await _noted(service, "login.create", work, lambda login: f"login/{login.id}"))


async def list_users(service: Service, args: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """`user.list`: {} → all logins by name."""
    return [_login(login) for login in await service.store.read(accounts.list_logins)]


async def disable_user(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`user.disable`: {name, disabled} → the login. Its sessions end."""

    def work(conn: Connection, now: datetime) -> Login:
        return accounts.set_disabled(conn, args["name"], args["disabled"])

    action = "login.disable" if args["disabled"] else "login.enable"
    return _login(await _noted(service, action, work, lambda login: f"login/{login.id}"))


async def reset_user(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`user.reset`: {name} → {link}, good once and for a day, under which a new password is set."""
    from hub.web.auth import setup_url

    def work(conn: Connection, now: datetime) -> tuple[Login, str]:
        login = accounts.find_login(conn, args["name"])
        if login is None or login.disabled:
            raise AccountError(f'There is no open login "{args["name"]}".')
        return login, accounts.invite(conn, login.role, login.name, now)

    _, secret = await _noted(service, "login.reset", work, lambda made: f"login/{made[0].id}")
    return {"link": setup_url(service.config.public_url, secret)}


async def add_token(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`token.add`: {name, scope, agent} → {token}: the only time it is told."""
    _agent(service, args["agent"])
    new_id = service.store.ids()

    def work(conn: Connection, now: datetime) -> str:
        return accounts.add_token(conn, new_id, args["name"], Scope(args["scope"]), args["agent"], now)

    return {"token": await _noted(service, "token.create", work, lambda _: f"token/{new_id}")}


async def list_tokens(service: Service, args: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """`token.list`: {} → all tokens by name, without their secrets."""
    return [_token(token) for token in await service.store.read(accounts.list_tokens)]


async def revoke_token(service: Service, args: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`token.revoke`: {name} → the token that was. It opens nothing any more within five seconds."""

    def work(conn: Connection, now: datetime) -> Token:
        return accounts.revoke_token(conn, args["name"])

    return _token(await _noted(service, "token.revoke", work, lambda token: f"token/{token.id}"))


OPERATIONS: Mapping[str, Operation] = {
    "user.add": add_user,
    "user.list": list_users,
    "user.disable": disable_user,
    "user.reset": reset_user,
    "token.add": add_token,
    "token.list": list_tokens,
    "token.revoke": revoke_token,
}


async def _noted(
    service: Service, action: str, work: Callable[[Connection, datetime], T], record: Callable[[T], str]
) -> T:
    """Do *work* in a transaction that also writes it into the audit."""
    entry, now = service.store.ids(), datetime.now(UTC)

    def whole(conn: Connection) -> T:
        result = work(conn, now)
        audit.note(conn, entry, HUB, action, record(result), now)
        return result

    return await service.store.write(whole)


def _agent(service: Service, agent: str) -> None:
    if agent and agent not in service.config.agents:
        known = ", ".join(sorted(service.config.agents)) or "none"
        raise AccountError(f'There is no agent "{agent}". There are: {known}. Add [agents.{agent}] first.')


def _login(login: Login) -> dict[str, Any]:
    return {
        "id": login.id,
        "name": login.name,
        "role": login.role.value,
        "agent": login.agent,
        "disabled": login.disabled,
        "created_at": login.created_at.isoformat(),
    }


def _token(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scope": token.scope.value,
        "agent": token.agent,
        "created_at": token.created_at.isoformat(),
        "used_at": token.used_at.isoformat() if token.used_at else None,
    }
