"""Event types, bookings and calendars as programs use them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.crm.records import Draft, Strength
from hub.privacy.visibility import HUB, Authority, Scope
from tests.hub.web.office import Office, open_office
from tests.hub.web.test_book import BOOKING

ASKED = """
[event_types.visit]
title = "Visit"
durations = [60]
hosts = ["ada", "ben"]
assign = "round-robin"
approval = true
place = { kind = "address", value = "Our shop" }
notice = 0
"""
TALK = {"title": "Talk", "hosts": ["ada"], "notice": 0, "durations": [30]}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A hub on which something can be booked."""
    async with (
        open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, BOOKING + ASKED) as opened,
        opened.service.bookings,
    ):
        yield opened


@pytest.fixture
async def ada(office: Office) -> aiohttp.ClientSession:
    """A program of Ada's."""
    return await office.token("ada's", Scope.WRITE, "ada")


async def told(
    client: aiohttp.ClientSession, method: str, path: str, document: Any = None, status: int = 200
) -> dict[str, Any]:
    async with client.request(method, f"/api/v1{path}", json=document) as answer:
        assert answer.status == status, await answer.text()
        found: dict[str, Any] = await answer.json(content_type=None) if answer.status != 204 else {}
        return found


def kind(problem: dict[str, Any]) -> str:
    return str(problem["type"]).rpartition(":")[2]


async def offered(client: aiohttp.ClientSession, slug: str) -> list[str]:
    return [each["starts_at"] for each in (await told(client, "GET", f"/event-types/{slug}/slots"))["slots"]]


async def booked(client: aiohttp.ClientSession, slug: str, at: str, **more: Any) -> dict[str, Any]:
    document = {"event_type": slug, "starts_at": at, "name": "Li Na", "mail": "li.na@customer.example", **more}
    return await told(client, "POST", "/bookings", document, 201)


async def test_event_types_are_made_changed_and_archived(office: Office, ada: aiohttp.ClientSession) -> None:
    made = await told(ada, "POST", "/event-types", {"slug": "talk", "event_type": TALK}, 201)
    assert (made["version"], made["url"], made["around_the_clock"]) == (1, "https://hub.example.org/book/talk", ["ada"])
    longer = {**TALK, "durations": [45]}
    changed = await told(ada, "PUT", "/event-types/talk", {"version": 1, "event_type": longer})
    assert (changed["version"], changed["event_type"]["durations"]) == (2, [45])
    late = await told(ada, "PUT", "/event-types/talk", {"version": 1, "event_type": TALK}, 409)
    assert (kind(late), late["version"]) == ("changed", 2)
    wrong = await told(ada, "PUT", "/event-types/talk", {"version": 2, "event_type": {**TALK, "hosts": ["eve"]}}, 422)
    assert wrong["errors"][0]["field"] == "event_type.hosts[0]"
    again = await told(ada, "POST", "/event-types", {"slug": "talk", "event_type": TALK}, 409)
    filed = await told(ada, "PUT", "/event-types/intro", {"version": 1, "event_type": TALK}, 409)
    assert (kind(again), kind(filed)) == ("slug-taken", "in-the-file")
    await told(ada, "DELETE", "/event-types/talk?version=2", status=204)
    slugs = {each["slug"] for each in (await told(ada, "GET", "/event-types"))["items"]}
    assert slugs == {"intro", "hidden", "visit"}
    assert (await told(ada, "GET", "/event-types/talk"))["archived"]
    await told(ada, "GET", "/event-types/nothing", status=404)


async def test_an_agent_books_moves_and_cancels_for_a_contact(office: Office, ada: aiohttp.ClientSession) -> None:
    handles = (("mailto:li.na@customer.example", Strength.PERSONAL),)
    contact = await office.service.directory.create(HUB, Draft(name="Li Na", handles=handles))
    first, second, *_ = await offered(ada, "intro")
    wanted = {"event_type": "intro", "starts_at": first, "contact": str(contact.id), "answers": {"topic": "Lamps"}}
    booking = await told(ada, "POST", "/bookings", wanted, 201)
    assert (booking["state"], booking["name"], booking["contact"]) == ("confirmed", "Li Na", str(contact.id))
    assert booking["why"] == ["Ada is its only host."]
    gone = await told(ada, "POST", "/bookings", wanted, 409)
    assert kind(gone) == "gone"
    assert len(gone["alternatives"]) == 3
    path = f"/bookings/{booking['id']}"
    assert (await told(ada, "POST", f"{path}/move", {"starts_at": second}))["starts_at"] == booking["ends_at"]
    ben = await office.token("ben's", Scope.WRITE, "ben")
    assert kind(await told(ben, "POST", f"{path}/cancel", {}, 403)) == "not-yours"
    week = await told(ben, "GET", "/calendar?agent=ada")
    assert [each["id"] for each in week["bookings"]] == [booking["id"]]
    listed = await told(ada, "GET", f"/bookings?contact={contact.id}&host=ada&state=confirmed")
    assert [each["id"] for each in listed["items"]] == [booking["id"]]
    assert (await told(ada, "POST", f"{path}/cancel", {"reason": "ill"}))["reason"] == "ill"
    assert (await told(ada, "GET", "/bookings"))["items"] == []
    assert kind(await told(ada, "POST", f"{path}/move", {"starts_at": first}, 409)) == "over"


async def test_missing_answers_are_named_and_leave_the_time_free(office: Office, ada: aiohttp.ClientSession) -> None:
    first, *_ = await offered(ada, "intro")
    wanted = {"event_type": "intro", "starts_at": first, "name": "Li Na", "mail": "li.na@customer.example"}
    problem = await told(ada, "POST", "/bookings", wanted, 422)
    assert problem["errors"] == [{"field": "topic", "message": "Please fill this in."}]
    assert (await offered(ada, "intro"))[0] == first


async def test_what_was_asked_is_agreed_to_or_declined_and_given_to_another(
    office: Office, ada: aiohttp.ClientSession
) -> None:
    admin = await office.person("root", Authority.ADMIN, "ben")
    first, third, *_ = await offered(ada, "visit")
    asked = await booked(ada, "visit", first)
    assert asked["state"] == "asked"
    assert (await told(admin, "POST", f"/bookings/{asked['id']}/agree", {}))["state"] == "confirmed"
    other = "ben" if asked["hosts"] == ["ada"] else "ada"
    given = await told(admin, "POST", f"/bookings/{asked['id']}/reassign", {"host": other})
    assert given["hosts"] == [other]
    assert given["why"][0].endswith(f"gave it to {other.capitalize()}.")
    assert kind(await told(admin, "POST", f"/bookings/{asked['id']}/no-show", {}, 409)) == "too-early"
    refused = await booked(ada, "visit", third)
    declined = await told(admin, "POST", f"/bookings/{refused['id']}/decline", {"reason": "no time"})
    assert (declined["state"], declined["reason"]) == ("declined", "no time")
    assert kind(await told(admin, "POST", f"/bookings/{refused['id']}/agree", {}, 409)) in ("not-asked", "over")


async def test_why_a_time_is_offered_or_not(office: Office, ada: aiohttp.ClientSession) -> None:
    first, *_ = await offered(ada, "intro")
    free = await told(ada, "GET", f"/event-types/intro/explain?at={first.replace('+', '%2B')}&duration=30")
    assert free["open"]
    await booked(ada, "intro", first, answers={"topic": "Lamps"})
    taken = await told(ada, "GET", f"/event-types/intro/explain?at={first.replace('+', '%2B')}&duration=30")
    assert not taken["open"]
    (host,) = taken["hosts"]
    assert [each["kind"] for each in host["reasons"] if not each["opens"]] == ["appointment"]
    assert all(each["text"] for each in host["reasons"])


async def test_links_and_published_calendars_are_shown_once(office: Office, ada: aiohttp.ClientSession) -> None:
    url = (await told(ada, "POST", "/booking-links", {"event_type": "hidden", "days": 3}, 201))["url"]
    stranger = await office.client()
    async with stranger.get(url.removeprefix("https://hub.example.org"), allow_redirects=False) as answer:
        assert answer.headers["Location"].startswith("/book/hidden?link=")
    await told(ada, "POST", "/booking-links", {"event_type": "nothing"}, 422)
    feed = (await told(ada, "POST", "/calendar-feeds", {"kind": "busy"}, 201))["url"]
    path = feed.removeprefix("https://hub.example.org")
    async with stranger.get(path) as answer:
        assert answer.content_type == "text/calendar"
    (made,) = (await told(ada, "GET", "/calendar-feeds"))["items"]
    assert made["kind"] == "busy"
    assert feed.rpartition("/")[2].removesuffix(".ics") not in str(made)
    ben = await office.token("ben's", Scope.WRITE, "ben")
    await told(ben, "DELETE", f"/calendar-feeds/{made['id']}", status=404)
    await told(ben, "POST", "/calendar-feeds", {"kind": "busy", "agent": "ada"}, 403)
    await told(ada, "DELETE", f"/calendar-feeds/{made['id']}", status=204)
    async with stranger.get(path) as answer:
        assert answer.status == 404


async def test_who_reads_changes_nothing(office: Office) -> None:
    marketer = await office.person("mia", Authority.MARKETER)
    reading = await office.token("screen", Scope.READ)
    for client in (marketer, reading):
        await told(client, "POST", "/event-types", {"slug": "talk", "event_type": TALK}, 403)
        await told(client, "POST", "/booking-links", {"event_type": "intro"}, 403)
    slots = await told(reading, "GET", "/event-types/intro/slots?zone=Asia/Shanghai")
    begins = datetime.fromisoformat(slots["slots"][0]["starts_at"])
    assert begins.utcoffset() == timedelta(hours=8)
    assert kind(await told(reading, "GET", "/calendar", status=422)) == "no-agent"
