"""Logging in, staying in, getting out: over HTTP, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from yarl import URL

from hub import accounts
from hub.privacy.visibility import Authority, Scope
from hub.store.schema import invitations, sessions
from hub.web.access import FAILURES_PER_NAME, Attempts, TooMany
from hub.web.auth import first_link, local_path
from tests.hub.web.office import PASSWORD, Office

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_the_first_link_makes_one_administrator_and_is_good_once(office: Office) -> None:
    link = await first_link(office.service)
    assert link is not None
    path = URL(link).path
    assert link.startswith("https://hub.example.org/setup/")
    client = await office.client()
    async with client.post(path, json={"name": "Ada", "password": "short"}) as answer:
        assert answer.status == 422
        assert (await answer.json())["errors"][0]["field"] == "password"
    async with client.post(path, json={"name": "Ada", "password": PASSWORD}) as answer:
        assert answer.status == 201
        assert (await answer.json())["role"] == "admin"
    async with client.get("/api/v1/quarantine") as answer:
        assert answer.status == 200, "the new administrator is logged in"
    async with (await office.client()).post(path, json={"name": "Eve", "password": PASSWORD}) as answer:
        assert answer.status == 410
    assert await first_link(office.service) is None


async def test_a_newer_first_link_ends_the_one_before(office: Office) -> None:
    old, new = await first_link(office.service), await first_link(office.service)
    assert old is not None
    assert new is not None
    client = await office.client()
    async with client.post(URL(old).path, json={"name": "ada", "password": PASSWORD}) as answer:
        assert answer.status == 410
    async with client.post(URL(new).path, json={"name": "ada", "password": PASSWORD}) as answer:
        assert answer.status == 201


async def test_a_link_runs_out_after_a_day(office: Office) -> None:
    link = await first_link(office.service)
    assert link is not None
    late = datetime.now(UTC) + timedelta(hours=24, seconds=1)
    secret = URL(link).name
    found = await office.service.store.read(lambda conn: accounts.find_invitation(conn, secret, late))
    assert found is None
    expires = await office.service.store.read(lambda conn: conn.execute(sa.select(invitations.c.expires_at)).scalar())
    assert expires is not None
    assert timedelta(hours=23) < expires - datetime.now(UTC) <= timedelta(hours=24)


async def test_a_link_that_sets_a_password_ends_the_sessions_of_that_login(office: Office) -> None:
    client = await office.person("ada")
    now = datetime.now(UTC)
    secret = await office.service.store.write(lambda conn: accounts.invite(conn, Authority.AGENT, "ada", now))
    new = "an entirely new password"
    other = await office.client()
    async with other.post(f"/setup/{secret}", json={"password": new}) as answer:
        assert answer.status == 201
        assert (await answer.json())["name"] == "ada"
    async with client.get("/api/v1/sources") as answer:
        assert answer.status == 401
    async with other.post("/login", json={"name": "ada", "password": PASSWORD}) as answer:
        assert answer.status == 401
    async with other.post("/login", json={"name": " ADA ", "password": new}) as answer:
        assert answer.status == 200


async def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(office: Office) -> None:
    await office.login("ada")
    async with (await office.client()).post("/login", json={"name": "ada", "password": PASSWORD}) as answer:
        cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("hub_session=")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    stored = await office.service.store.read(lambda conn: conn.execute(sa.select(sessions.c.hash)).scalar_one())
    secret = cookie.partition("=")[2].partition(";")[0]
    assert secret not in stored
    assert stored == accounts.fingerprint(secret)


async def test_a_form_logs_in_with_a_redirect_to_a_place_of_ours(office: Office) -> None:
    await office.login("ada")
    client = await office.client()
    for wanted, target in (
        ("/contacts?q=li", "/contacts?q=li"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
    ):
        fields = {"name": "ada", "password": PASSWORD, "next": wanted}
        async with client.post("/login", data=fields, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, target)


@pytest.mark.parametrize("target", ["", "x", "//a", "/\\a", "\\/a", "http:/a", "/a\n", "javascript:alert(1)", "/a\\b"])
def test_only_a_path_of_ours_is_gone_to_after_login(target: str) -> None:
    assert local_path(target) == "/"


async def test_wrong_names_and_wrong_passwords_read_the_same(office: Office) -> None:
    await office.login("ada")
    client = await office.client()
    told = []
    for name, password in (("ada", "wrong password"), ("nobody", PASSWORD), ("", PASSWORD), ("a\x00b", PASSWORD)):
        async with client.post("/login", json={"name": name, "password": password}) as answer:
            told.append((answer.status, await answer.json()))
    assert told[0][0] == 401
    assert all(each == told[0] for each in told)


async def test_too_many_failures_are_told_when_to_come_back(office: Office) -> None:
    await office.login("ada")
    await office.login("ben")
    client = await office.client()

    async def attempt(name: str, password: str) -> int:
        async with client.post("/login", json={"name": name, "password": password}) as answer:
            if answer.status == 429:
                assert 0 < int(answer.headers["Retry-After"]) <= 300
                assert (await answer.json())["type"] == "urn:hub:problem:too-many"
            return answer.status

    statuses = await asyncio.gather(*(attempt("ada", "wrong password") for _ in range(FAILURES_PER_NAME + 5)))
    assert sorted(statuses) == [401] * FAILURES_PER_NAME + [429] * 5, "a hundred at once are not a way round"
    assert await attempt("ada", PASSWORD) == 429
    assert await attempt("ben", PASSWORD) == 200, "nobody else is locked out"


def test_failures_are_forgotten_with_time_and_after_success() -> None:
    clock = [0.0]
    attempts = Attempts(2, 60, lambda: clock[0])
    attempts.begin("ada")
    attempts.begin("ada")
    with pytest.raises(TooMany) as caught:
        attempts.begin("ada")
    assert caught.value.seconds == 60
    clock[0] = 60.5
    attempts.begin("ada")
    attempts.forgive("ada", all_of_it=True)
    attempts.begin("ada")
    attempts.begin("ada")


async def test_logging_out_ends_the_session(office: Office) -> None:
    client = await office.person("ada")
    async with client.get("/api/v1/sources") as answer:
        assert answer.status == 200
    kept = {cookie.key: cookie.value for cookie in client.cookie_jar}
    async with client.post("/logout") as answer:
        assert answer.status == 204
    thief = await office.client(Cookie=f"hub_session={kept['hub_session']}")
    async with thief.get("/api/v1/sources") as answer:
        assert answer.status == 401


async def test_an_unsafe_request_needs_the_sessions_token_and_our_origin(office: Office) -> None:
    client = await office.person("ada")
    good = client.headers["X-CSRF-Token"]
    here = f"http://{office.url.host}:{office.url.port}"
    cases = [
        ({}, 201),
        ({"Origin": here}, 201),
        ({"Origin": "https://hub.example.org"}, 201),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": good[:-1]}, 403),
        ({"X-CSRF-Token": "\u00e9"}, 403),
    ]
    for headers, status in cases:
        async with client.post("/api/v1/contacts", json={"name": "Li Na"}, headers=headers) as answer:
            assert answer.status == status, headers
    async with client.get("/api/v1/contacts", headers={"X-CSRF-Token": "", "Origin": "https://evil.example"}) as answer:
        assert answer.status == 200, "reading needs no token"


async def test_the_token_may_come_in_a_form_field(office: Office) -> None:
    client = await office.person("ada")
    csrf = client.headers.pop("X-CSRF-Token")
    async with client.post("/logout", data={"csrf": "wrong"}, allow_redirects=False) as answer:
        assert answer.status == 403
    async with client.post("/logout", data={"csrf": csrf}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/login")


async def test_a_person_sees_and_ends_her_sessions_and_nobody_elses(office: Office) -> None:
    first = await office.person("ada")
    ben = await office.person("ben")
    second = await office.client()
    async with second.post("/login", json={"name": "ada", "password": PASSWORD}) as answer:
        assert answer.status == 200
    async with first.get("/api/v1/sessions") as answer:
        items = (await answer.json())["items"]
    assert [item["current"] for item in items] == [False, True]
    async with ben.delete(f"/api/v1/sessions/{items[0]['id']}") as answer:
        assert answer.status == 404
    async with first.delete(f"/api/v1/sessions/{items[0]['id']}") as answer:
        assert answer.status == 204
    async with second.get("/api/v1/sources") as answer:
        assert answer.status == 401
    async with first.get("/api/v1/sources") as answer:
        assert answer.status == 200


async def test_a_disabled_login_is_out_and_cannot_come_back(office: Office) -> None:
    client = await office.person("ada")
    await office.service.store.write(lambda conn: accounts.set_disabled(conn, "ada", True))
    async with client.post("/login", json={"name": "ada", "password": PASSWORD}) as answer:
        assert answer.status == 401


async def test_tokens_do_what_their_scope_says(office: Office) -> None:
    reader = await office.token("reader", Scope.READ)
    writer = await office.token("writer", Scope.WRITE)
    admin = await office.token("admin", Scope.ADMIN)
    for client, statuses in ((reader, (200, 403, 403)), (writer, (200, 201, 403)), (admin, (200, 201, 200))):
        async with client.get("/api/v1/contacts") as answer:
            assert answer.status == statuses[0]
        async with client.post("/api/v1/contacts", json={"name": "Li Na"}) as answer:
            assert answer.status == statuses[1]
        async with client.get("/api/v1/quarantine") as answer:
            assert answer.status == statuses[2]


@pytest.mark.parametrize("authorization", ["Bearer hub_wrong", "Bearer ", "bearer x", "Bearer \u00e9"])
async def test_an_unknown_token_is_told_so(office: Office, authorization: str) -> None:
    client = await office.client(Authorization=authorization)
    async with client.get("/api/v1/contacts") as answer:
        assert answer.status == 401
        assert answer.content_type == "application/problem+json"
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_nobody_reads_the_api_without_a_login(office: Office) -> None:
    client = await office.client()
    for path in ("/api/v1/contacts", "/api/v1/sources", "/live", "/api/v1/pops"):
        async with client.get(path) as answer:
            assert (answer.status, answer.content_type) == (401, "application/problem+json")


async def test_the_uses_of_a_token_are_remembered(office: Office) -> None:
    client = await office.token("reader", Scope.READ)
    async with client.get("/api/v1/contacts") as answer:
        assert answer.status == 200
    (token,) = await office.service.store.read(accounts.list_tokens)
    assert token.used_at is not None
    assert datetime.now(UTC) - token.used_at < timedelta(minutes=1)
