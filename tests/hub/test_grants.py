"""Permissions: renewed once for all who ask, kept encrypted, and never lost by what goes wrong meanwhile."""

from __future__ import annotations

import asyncio
import io
import logging
import stat
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import sqlalchemy as sa

from hub import config, logs
from hub.contracts import Misconfigured, Rejected, Unavailable
from hub.grants import rows
from hub.grants.keeper import Grants, Refusal
from hub.grants.keys import Keys, WrongKey, read
from hub.grants.rows import Grant
from hub.privacy.visibility import Actor, Authority, Scope
from hub.store import Store
from hub.store.schema import grants as table
from tests.fakes.oauth import CLIENT_ID, CLIENT_SECRET, AuthorisationServer, authorisation_server
from tests.servers.process import free_port

KEY = b64encode(b"k" * 32).decode()
OTHER_KEY = b64encode(b"o" * 32).decode()
ADMIN = Actor("ada", Authority.ADMIN, scope=Scope.ADMIN, record="login/7")

TOML = """
[hub]
public_url = "https://hub.example.org"
store = "{store}"
key = "env:HUB_KEY"

[sources.mail]
provider = "imap"
ours = ["mailto:support@example.test"]
host = "127.0.0.1"
username = "alice@example.test"
security = "none"
auth = "xoauth2"
oauth = "own"

[oauth.own]
provider = "generic"
client_id = "{client}"
client_secret = "env:CLIENT_SECRET"
authorize_url = "{server}/authorize"
token_url = "{server}/token"
userinfo_url = "{server}/userinfo"
scopes = ["imap", "offline_access", "openid", "email"]
"""


@pytest.fixture
async def server() -> AsyncIterator[AuthorisationServer]:
    """An authorisation server."""
    async with authorisation_server() as running:
        yield running


def loaded(
    folder: Path, store_url: str, server: AuthorisationServer, key: str = KEY, toml: str = TOML
) -> config.Config:
    """The config of a hub whose mailbox is read by OAuth."""
    path = folder / "config.toml"
    path.write_text(toml.format(store=store_url, client=CLIENT_ID, server=server.url))
    found = config.load(path, {"HUB_KEY": key, "CLIENT_SECRET": CLIENT_SECRET})
    assert found.problems == ()
    return found


@pytest.fixture
def grants(tmp_path: Path, store_url: str, store: Store, server: AuthorisationServer) -> Grants:
    """The permissions of that hub."""
    return Grants(store, loaded(tmp_path, store_url, server))


async def consent(grants: Grants, source: str = "mail") -> tuple[str, str, str]:
    """Go to the provider and come back: state, code and error."""
    async with aiohttp.ClientSession() as client:
        target = await grants.begin(source, 7)
        async with client.get(target, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            back = answer.headers["Location"]
    assert back.startswith("https://hub.example.org/oauth/callback?")
    query = parse_qs(urlsplit(back).query)
    return query["state"][0], query.get("code", [""])[0], query.get("error", [""])[0]


async def connect(grants: Grants) -> Grant:
    """Connect the mailbox."""
    return await grants.finish(ADMIN, 7, *await consent(grants))


async def put(store: Store, source: str = "mail", **values: Any) -> None:
    """Change what is stored of a permission."""
    await store.write(lambda conn: conn.execute(table.update().where(table.c.source == source).values(**values)))


async def found(store: Store, source: str = "mail") -> Grant:
    """What is stored of a permission."""
    grant = await store.read(lambda conn: rows.find(conn, source))
    assert grant is not None
    return grant


def soon() -> datetime:
    """When an access token ends that is to be renewed."""
    return datetime.now(UTC) + timedelta(seconds=59)


# --- lending -------------------------------------------------------------------------------------------------------


async def test_nobody_has_connected_it(grants: Grants) -> None:
    with pytest.raises(Rejected, match="nobody has connected mail yet"):
        await grants.access_token("mail")


async def test_a_token_is_lent_until_a_minute_before_its_end(
    grants: Grants, store: Store, server: AuthorisationServer
) -> None:
    await connect(grants)
    first = await grants.access_token("mail")

    assert await grants.access_token("mail") == first
    assert server.refreshes == 0

    await put(store, expires_at=soon())
    second = await grants.access_token("mail")

    assert second != first
    assert server.tokens[second] == "alice"
    assert server.refreshes == 1
    assert await grants.access_token("mail") == second


async def test_tokens_lie_encrypted(grants: Grants, store: Store, server: AuthorisationServer) -> None:
    await connect(grants)
    token = await grants.access_token("mail")

    grant = await found(store)

    assert token not in grant.access_token
    assert server.permissions[0].refresh_token not in grant.refresh_token
    assert Keys(read(KEY), None).unsealed(grant.refresh_token) == server.permissions[0].refresh_token


async def test_many_who_ask_at_once_cause_one_renewal(
    grants: Grants, store: Store, server: AuthorisationServer
) -> None:
    await connect(grants)
    await put(store, expires_at=soon())

    tokens = await asyncio.gather(*(grants.access_token("mail") for _ in range(20)))

    assert len(set(tokens)) == 1
    assert server.refreshes == 1


async def test_several_hubs_use_a_rotating_token_once(
    tmp_path: Path, store_url: str, store: Store, server: AuthorisationServer
) -> None:
    """A second use would void all tokens. SQLite has one hub; there the two share a store as its tasks do."""
    found_config = loaded(tmp_path, store_url, server)
    async with AsyncExitStack() as stack:
        stores = [store]
        if store.dialect == "postgresql":
            stores += [await stack.enter_async_context(Store.open(store_url, migrate=False)) for _ in range(2)]
        else:
            stores += [store, store]
        hubs = [Grants(each, found_config) for each in stores]
        await connect(hubs[0])
        for _ in range(5):
            await put(store, expires_at=soon())
            asked = [hub.access_token("mail") for hub in hubs for _ in range(4)]
            tokens = await asyncio.gather(*asked)
            assert len(set(tokens)) == 1

    assert server.refreshes == 5
    assert not server.permissions[0].ended


async def test_a_hub_that_died_renewing_does_not_block_the_others(
    grants: Grants, store: Store, server: AuthorisationServer
) -> None:
    await connect(grants)
    await put(store, expires_at=soon(), claimed_until=datetime.now(UTC) + timedelta(seconds=0.5))

    token = await grants.access_token("mail")

    assert token in server.tokens
    assert server.refreshes == 1


async def test_the_rotated_token_is_stored_though_nobody_waits_for_it(
    grants: Grants, store: Store, server: AuthorisationServer
) -> None:
    await connect(grants)
    await put(store, expires_at=soon())
    server.release.clear()
    asking = asyncio.create_task(grants.access_token("mail"))
    await server.busy.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    server.release.set()

    await grants.close()

    assert Keys(read(KEY), None).unsealed((await found(store)).refresh_token) == server.permissions[0].refresh_token
    assert await grants.access_token("mail") in server.tokens
    assert server.refreshes == 1


async def test_a_provider_that_does_not_rotate(grants: Grants, store: Store, server: AuthorisationServer) -> None:
    server.rotates = False
    await connect(grants)
    for _ in range(2):
        await put(store, expires_at=soon())
        assert await grants.access_token("mail") in server.tokens

    assert server.refreshes == 2


async def test_a_refused_token_is_renewed_before_its_time(grants: Grants, server: AuthorisationServer) -> None:
    await connect(grants)
    first = await grants.access_token("mail")

    second = await grants.access_token("mail", first)

    assert second != first
    assert await grants.access_token("mail", first) == second
    assert server.refreshes == 1


async def test_a_permission_that_has_ended(grants: Grants, store: Store, server: AuthorisationServer) -> None:
    await connect(grants)
    server.end()
    await put(store, expires_at=soon())

    with pytest.raises(Rejected, match="has ended the permission for mail; connect it again on its page"):
        await grants.access_token("mail")

    assert "has ended the permission" in (await found(store)).cause
    await connect(grants)
    assert await grants.access_token("mail") in server.tokens
    assert (await found(store)).cause == ""


async def test_one_who_waits_for_another_hub_hears_that_it_ended(
    tmp_path: Path, store_url: str, store: Store, server: AuthorisationServer
) -> None:
    hubs = [Grants(store, loaded(tmp_path, store_url, server)) for _ in range(2)]
    await connect(hubs[0])
    await put(store, expires_at=soon())
    server.release.clear()
    first = asyncio.create_task(hubs[0].access_token("mail"))
    await server.busy.wait()
    second = asyncio.create_task(hubs[1].access_token("mail"))
    server.end()
    server.release.set()

    for asking in (first, second):
        with pytest.raises(Rejected, match="has ended the permission for mail"):
            await asking


async def test_a_client_secret_that_has_expired(grants: Grants, store: Store, server: AuthorisationServer) -> None:
    await connect(grants)
    server.refuses_with = "invalid_client"
    await put(store, expires_at=soon())

    with pytest.raises(Rejected, match=r"invalid_client AADSTS7000222\): its client secret is wrong or has expired"):
        await grants.access_token("mail")
    server.refuses_with = ""
    assert await grants.access_token("mail") in server.tokens


@pytest.mark.parametrize("trouble", ["500", "429", "gone"])
async def test_a_provider_in_trouble_costs_nothing(
    grants: Grants, store: Store, server: AuthorisationServer, trouble: str
) -> None:
    await connect(grants)
    first = await grants.access_token("mail")
    app = grants._config.oauth["own"]
    if trouble == "gone":
        moved = replace(app, token_url=f"http://127.0.0.1:{free_port()}/token")
        object.__setattr__(grants._config, "oauth", {"own": moved})
    else:
        server.down = int(trouble)
    await put(store, expires_at=soon())
    assert await grants.access_token("mail") == first, "it has some seconds yet"
    await put(store, expires_at=datetime.now(UTC))

    with pytest.raises(Unavailable):
        await grants.access_token("mail")

    server.down = 0
    object.__setattr__(grants._config, "oauth", {"own": app})
    assert (await found(store)).cause == ""
    assert await grants.access_token("mail") != first


async def test_no_refresh_token(grants: Grants, store: Store, server: AuthorisationServer) -> None:
    server.gives_refresh_token = False
    await connect(grants)
    assert await grants.access_token("mail") in server.tokens
    await put(store, expires_at=soon())

    with pytest.raises(Rejected, match="cannot be renewed, and it has ended; connect it again"):
        await grants.access_token("mail")


async def test_a_google_app_in_testing_is_named_when_it_ends(
    tmp_path: Path, store_url: str, store: Store, server: AuthorisationServer
) -> None:
    toml = TOML.replace('"generic"', '"google"').replace(
        '"imap", "offline_access", "openid", "email"', '"imap", "openid", "email"'
    )
    grants = Grants(store, loaded(tmp_path, store_url, server, toml=toml))
    await connect(grants)
    assert server.asked["access_type"] == "offline"
    assert server.asked["prompt"] == "consent"
    server.end()
    await put(store, expires_at=soon(), granted_at=datetime.now(UTC) - timedelta(days=7, minutes=3))

    with pytest.raises(Rejected, match="It ended 7 days after it was given: the app is in testing"):
        await grants.access_token("mail")


async def test_no_log_holds_a_token(grants: Grants, store: Store, server: AuthorisationServer) -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        logs.begin(stream=stream)
        await connect(grants)
        token = await grants.access_token("mail")
        logging.getLogger("hub").warning(
            "somebody was careless with %s and %s", token, server.permissions[0].refresh_token
        )
    finally:
        root.handlers[:], root.level = before[0], before[1]

    assert "somebody was careless with [secret] and [secret]" in stream.getvalue()
    assert token not in stream.getvalue()


# --- keys ----------------------------------------------------------------------------------------------------------


async def test_a_wrong_key_is_told_and_loses_nothing(
    tmp_path: Path, store_url: str, store: Store, server: AuthorisationServer
) -> None:
    await connect(Grants(store, loaded(tmp_path, store_url, server)))
    wrong = Grants(store, loaded(tmp_path, store_url, server, OTHER_KEY))

    with pytest.raises(WrongKey) as told:
        await wrong.access_token("mail")

    assert "\n" not in str(told.value)
    assert "encrypted with another key than [hub] key holds" in str(told.value)
    assert await Grants(store, loaded(tmp_path, store_url, server)).access_token("mail") in server.tokens


async def test_keys_are_rotated(tmp_path: Path, store_url: str, store: Store, server: AuthorisationServer) -> None:
    await connect(Grants(store, loaded(tmp_path, store_url, server)))
    both = Grants(store, loaded(tmp_path, store_url, server, f"{OTHER_KEY}, {KEY}"))
    await put(store, expires_at=soon())
    token = await both.access_token("mail")

    assert await Grants(store, loaded(tmp_path, store_url, server, OTHER_KEY)).access_token("mail") == token


def test_a_key_is_made_when_it_is_first_needed(tmp_path: Path) -> None:
    path = tmp_path / "hub.key"
    sealed = Keys((), path).sealed("what is secret")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Keys((), path).unsealed(sealed) == "what is secret"
    assert [each.name for each in tmp_path.iterdir()] == ["hub.key"]


def test_postgresql_needs_a_configured_key() -> None:
    with pytest.raises(Misconfigured, match=r"\[hub\] key is missing, and with PostgreSQL every hub needs the same"):
        Keys((), None).sealed("x")


@pytest.mark.parametrize("text", ["", "short", "hub_key-7f3a", f"{KEY},{KEY[:-4]}"])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -base64 32"):
        read(text)


# --- connecting ----------------------------------------------------------------------------------------------------


async def test_the_way_there(grants: Grants, server: AuthorisationServer) -> None:
    await consent(grants)

    assert server.asked["login_hint"] == "alice@example.test"
    assert server.asked["redirect_uri"] == "https://hub.example.org/oauth/callback"
    assert server.asked["scope"] == "imap offline_access openid email"
    assert server.asked["code_challenge_method"] == "S256"


async def test_a_state_is_stored_hashed_and_good_once(grants: Grants, store: Store) -> None:
    state, code, _ = await consent(grants)
    stored = await store.read(
        lambda conn: [tuple(row) for row in conn.execute(sa.text("SELECT * FROM grant_requests"))]
    )
    assert state not in str(stored)

    await grants.finish(ADMIN, 7, state, code, "")

    with pytest.raises(Refusal, match="expired"):
        await grants.finish(ADMIN, 7, state, code, "")


@pytest.mark.parametrize("trouble", ["another login", "another state", "too late"])
async def test_who_comes_back_must_be_who_went(grants: Grants, store: Store, trouble: str) -> None:
    state, code, _ = await consent(grants)
    if trouble == "too late":
        late = int((datetime.now(UTC) - timedelta(seconds=1)).timestamp() * 1e6)
        await store.write(
            lambda conn: conn.execute(sa.text("UPDATE grant_requests SET expires_at = :at"), {"at": late})
        )

    with pytest.raises(Refusal, match="expired"):
        await grants.finish(
            ADMIN, 8 if trouble == "another login" else 7, "x" if "state" in trouble else state, code, ""
        )
    assert await store.read(rows.every) == {}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"account": "bob@example.test"}, "account"),
        ({"consents": False}, "denied"),
        ({"granted": ("openid", "email")}, "scopes"),
        ({"client_secret": "another"}, "refused"),
    ],
)
async def test_who_cannot_be_connected(
    grants: Grants, store: Store, server: AuthorisationServer, change: dict[str, Any], kind: str
) -> None:
    for name, value in change.items():
        setattr(server, name, value)

    with pytest.raises(Refusal, match=kind):
        await connect(grants)

    assert await store.read(rows.every) == {}


async def test_the_account_is_known_from_userinfo_too(grants: Grants, server: AuthorisationServer) -> None:
    server.gives_id_token = False

    assert (await connect(grants)).account == "alice@example.test"


async def test_a_mailbox_may_be_connected_by_its_other_address(grants: Grants, server: AuthorisationServer) -> None:
    server.account = "Support@Example.test"

    assert (await connect(grants)).account == "Support@Example.test"


async def test_a_shared_mailbox_is_connected_by_the_account_that_is_named(
    tmp_path: Path, store_url: str, store: Store, server: AuthorisationServer
) -> None:
    toml = TOML.replace('oauth = "own"', 'oauth = "own"\naccount = "ada@example.test"')
    grants = Grants(store, loaded(tmp_path, store_url, server, toml=toml))
    with pytest.raises(Refusal, match="account"):
        await connect(grants)
    server.account = "ada@example.test"

    assert (await connect(grants)).account == "ada@example.test"
    assert server.asked["login_hint"] == "ada@example.test"
