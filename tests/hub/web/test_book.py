"""The public booking pages as programs and hostile strangers meet them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.formats import ics
from hub.privacy.visibility import HUB
from hub.web.book import visitor
from tests.hub.web.office import TOML, Office, open_office

BOOKING = (
    TOML
    + """
[teams.sales]
name = "Sales"
agents = ["ada"]

[booking]
company = "Lamps & Co."
origins = ["https://www.example.org"]
refused_domains = ["rival.example"]

[event_types.intro]
title = "First talk"
durations = [30, 60]
hosts = ["ada"]
notice = 0
team = "sales"
questions = [{ id = "topic", label = "What is it about?", required = true }]
place = { kind = "video", value = "https://meet.example.org/{uid}" }

[event_types.hidden]
title = "Not for everybody"
languages = ["zh-Hant"]
hosts = ["ben"]
notice = 0
listed = false

[booking_forms.help]
title = "How can we help?"
questions = [{ id = "what", label = "What for?", type = "choice", options = ["Buying", "Repair"], required = true }]
routes = [{ when = { what = ["Buying"] }, event_type = "intro", host = "ada" }]
otherwise = "Please call us."
"""
)
LI_NA = {"name": "Li Na", "mail": "li.na@customer.example", "answers": {"topic": "Lamps"}}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A hub on which something can be booked."""
    async with (
        open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, BOOKING) as opened,
        opened.service.bookings,
    ):
        yield opened


@pytest.fixture
async def stranger(office: Office) -> aiohttp.ClientSession:
    """Somebody from outside."""
    return await office.client()


async def told(
    client: aiohttp.ClientSession, path: str, document: Any = None, status: int = 200, **more: Any
) -> dict[str, Any]:
    """What the hub answers to a program: GET, or POST of *document*."""
    method = "GET" if document is None else "POST"
    async with client.request(method, path, json=document, allow_redirects=False, **more) as answer:
        assert answer.status == status, await answer.text()
        found: dict[str, Any] = await answer.json(content_type=None)
        return found


async def shown(client: aiohttp.ClientSession, path: str, status: int = 200, form: dict[str, str] | None = None) -> str:
    """A page as a browser without scripts gets it; with *form* it is sent first."""
    async with client.request("POST" if form else "GET", path, data=form) as answer:
        assert answer.status == status, await answer.text()
        return await answer.text()


async def slots(client: aiohttp.ClientSession) -> list[str]:
    found = await told(client, "/book/intro/slots")
    return [each["starts_at"] for each in found["slots"]]


async def held(client: aiohttp.ClientSession, at: str, **more: Any) -> dict[str, Any]:
    return await told(client, "/book/intro/hold", {"at": at, "zone": "Asia/Shanghai", **more}, 201)


async def test_a_program_books_moves_and_cancels(office: Office, stranger: aiohttp.ClientSession) -> None:
    first, second, *_ = await slots(stranger)
    kept = await held(stranger, first)
    assert kept["starts_at"] == first
    path = f"/booking/{kept['booking']}"
    assert (await told(stranger, f"{path}/confirm", LI_NA))["state"] == "confirmed"
    page = await shown(stranger, path)
    assert "https://meet.example.org/" in page
    assert "{uid}" not in page
    assert first not in await slots(stranger)
    await told(stranger, f"{path}/move", {"at": second})
    async with stranger.get(f"{path}.ics") as answer:
        assert answer.content_type == "text/calendar"
        (event,) = ics.events(await answer.read())
    assert event.start == datetime.fromisoformat(second)
    assert event.sequence == 1
    assert event.uid.endswith("@hub.example.org")
    await told(stranger, f"{path}/cancel", {"reason": "ill"})
    assert first in await slots(stranger)
    (booking,) = await office.service.store.read(
        lambda conn: conn.exec_driver_sql("SELECT state, ended_by, reason, zone FROM bookings").all()
    )
    assert tuple(booking) == ("cancelled", "invitee", "ill", "Asia/Shanghai")


async def test_a_slot_that_is_gone_answers_with_the_three_nearest(stranger: aiohttp.ClientSession) -> None:
    first, *_ = await slots(stranger)
    await held(stranger, first)
    problem = await told(stranger, "/book/intro/hold", {"at": first, "zone": "Europe/Berlin"}, 409)
    assert problem["type"] == "urn:hub:problem:gone"
    nearest = [each["starts_at"] for each in problem["alternatives"]]
    assert len(nearest) == 3
    assert first not in nearest
    assert set(nearest) <= set(await slots(stranger))
    page = await shown(stranger, "/book/intro/hold", 409, {"at": first, "zone": "Europe/Berlin"})
    assert all(each in page for each in nearest)


@pytest.mark.parametrize(
    ("wrong", "status", "kind"),
    [
        ({"at": "2020-01-01T10:00:00+00:00"}, 422, "past"),
        ({"at": "2036-01-01T10:00:00+00:00"}, 422, "too-far"),
        ({"at": "tomorrow"}, 422, "no-time"),
        ({"at": "2026-12-01T10:00:00"}, 422, "no-zone"),
        ({"zone": "Mars/Olympus"}, 422, "unknown-zone"),
        ({"duration": 45}, 422, "unknown-duration"),
        ({"host": "mallory"}, 422, "unknown-host"),
        ({"link": "forged"}, 410, "link"),
    ],
)
async def test_what_cannot_be_is_named(
    stranger: aiohttp.ClientSession, wrong: dict[str, Any], status: int, kind: str
) -> None:
    (at, *_) = await slots(stranger)
    problem = await told(stranger, "/book/intro/hold", {"at": at, "zone": "Europe/Berlin"} | wrong, status)
    assert problem["type"] == f"urn:hub:problem:{kind}"


async def test_a_ten_year_window_is_cut_to_what_can_be_booked(stranger: aiohttp.ClientSession) -> None:
    now = datetime.now(UTC)
    asked = {"from": now.isoformat(), "until": (now + timedelta(days=3650)).isoformat()}
    found = await told(stranger, "/book/intro/slots", params=asked)
    assert max(each["starts_at"] for each in found["slots"]) < (now + timedelta(days=63)).isoformat()


async def test_a_forged_link_shows_nothing(stranger: aiohttp.ClientSession) -> None:
    for path in ("/booking/forged", "/booking/forged/move", "/booking/forged.ics"):
        await shown(stranger, path, 404)
    await shown(stranger, "/link/forged", 410)
    await shown(stranger, "/book/nothing", 404)


async def test_what_is_missing_is_said_by_its_field(stranger: aiohttp.ClientSession) -> None:
    kept = await held(stranger, (await slots(stranger))[0])
    path = f"/booking/{kept['booking']}"
    problem = await told(stranger, f"{path}/confirm", {"name": " ", "mail": "nobody"}, 422)
    assert {each["field"] for each in problem["errors"]} == {"name", "mail", "topic"}
    page = await shown(stranger, f"{path}/confirm", 422, {"name": "Li Na", "mail": "nobody"})
    assert 'value="Li Na"' in page
    assert 'id="mail-wrong"' in page


@pytest.mark.parametrize("mail", ["x@mailinator.com", "x@mail.rival.example"])
async def test_throw_away_and_refused_domains_do_not_book(stranger: aiohttp.ClientSession, mail: str) -> None:
    kept = await held(stranger, (await slots(stranger))[0])
    problem = await told(stranger, f"/booking/{kept['booking']}/confirm", LI_NA | {"mail": mail}, 422)
    assert [each["field"] for each in problem["errors"]] == ["mail"]


async def test_what_only_machines_fill_in_books_nothing(stranger: aiohttp.ClientSession) -> None:
    kept = await held(stranger, (await slots(stranger))[0])
    problem = await told(stranger, f"/booking/{kept['booking']}/confirm", LI_NA | {"website": "x"}, 422)
    assert problem["type"] == "urn:hub:problem:spam"


async def test_a_thousand_attempts_from_one_address_are_stopped(office: Office) -> None:
    flood = await office.client(**{"X-Forwarded-For": "203.0.113.7"})
    statuses = []
    for _ in range(visitor.MOST_FROM_ADDRESS + 3):
        async with flood.post("/book/intro/hold", json={"at": "2020-01-01T00:00:00Z", "zone": "UTC"}) as answer:
            statuses.append(answer.status)
    assert statuses[-1] == 429
    assert statuses.count(429) == 3
    another = await office.client(**{"X-Forwarded-For": "203.0.113.8"})
    await held(another, (await slots(another))[0])


async def test_only_the_named_web_sites_may_show_the_page_within_theirs(stranger: aiohttp.ClientSession) -> None:
    async with stranger.get("/book/intro?embed=1") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers
    assert "frame-ancestors 'self' https://www.example.org;" in policy
    async with stranger.get("/login") as answer:
        assert "frame-ancestors 'self';" in answer.headers["Content-Security-Policy"]


async def test_lists_show_what_is_listed(stranger: aiohttp.ClientSession) -> None:
    for path in ("/book/", "/book/team/sales"):
        page = await shown(stranger, path)
        assert "First talk" in page
        assert "Not for everybody" not in page
    await shown(stranger, "/book/team/nobody", 404)
    assert "Not for everybody" in await shown(stranger, "/book/hidden")


async def test_an_event_type_speaks_its_own_languages(stranger: aiohttp.ClientSession) -> None:
    page = await shown(stranger, "/book/hidden?lang=en")
    assert '<html lang="zh-Hant">' in page
    assert 'hreflang="en"' not in page


async def test_who_came_by_a_link_keeps_it_when_the_time_is_gone(
    office: Office, stranger: aiohttp.ClientSession
) -> None:
    url = await office.service.links.make("intro", None, 7, HUB)
    async with stranger.get(url.removeprefix("https://hub.example.org"), allow_redirects=False) as answer:
        path = answer.headers["Location"]
    secret = path.partition("link=")[2]
    assert f'name="link" value="{secret}"' in await shown(stranger, path)
    first, *_ = await slots(stranger)
    await held(stranger, first)
    form = {"at": first, "zone": "Europe/Berlin", "link": secret, "host": "ada"}
    page = await shown(stranger, "/book/intro/hold", 409, form)
    assert f'name="link" value="{secret}"' in page
    assert 'name="host" value="ada"' in page


async def test_questions_lead_to_event_type_and_host(stranger: aiohttp.ClientSession) -> None:
    async with stranger.post("/book/for/help", data={"q-what": "Buying"}, allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/book/intro?")
        assert "host=ada" in answer.headers["Location"]
    assert "Please call us." in await shown(stranger, "/book/for/help", form={"q-what": "Repair"})
    await shown(stranger, "/book/for/help", 422, {"q-what": "Stealing"})
    await shown(stranger, "/book/for/nothing", 404)
