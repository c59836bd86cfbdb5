"""The JSON API as other systems use it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import openapi_spec_validator
import pytest
from yarl import URL

from hub.privacy.visibility import Scope
from hub.vocabulary import Copy, Level, RawMail
from hub.web.api import ENDPOINTS
from hub.web.webhooks import REFUSALS
from tests.hub.web.office import Office

LI = "mailto:li.na@customer.example"
CONTACT = {
    "name": "Li Na",
    "company": "Customer Ltd",
    "handles": ["Li Na <Li.Na@customer.example>", {"handle": "0170 12345678", "strength": "shared"}],
}


@pytest.fixture
async def erp(office: Office) -> aiohttp.ClientSession:
    """Another system with a token to write."""
    return await office.token("erp", Scope.WRITE)


async def created(client: aiohttp.ClientSession, body: dict[str, Any]) -> dict[str, Any]:
    async with client.post("/api/v1/contacts", json=body) as answer:
        assert answer.status == 201, await answer.text()
        found: dict[str, Any] = await answer.json()
        assert answer.headers["Location"] == f"/api/v1/contacts/{found['id']}"
        return found


async def read(client: aiohttp.ClientSession, path: str, status: int = 200) -> dict[str, Any]:
    async with client.get(URL(path, encoded=True)) as answer:
        assert answer.status == status, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


# --- contacts -------------------------------------------------------------------------------------------------------


async def test_a_contact_is_made_read_and_found(erp: aiohttp.ClientSession) -> None:
    contact = await created(erp, CONTACT)
    assert isinstance(contact["id"], str)
    assert (contact["name"], contact["company"]) == ("Li Na", "Customer Ltd")
    assert contact["handles"] == [LI, "tel:+4917012345678"]
    assert [each["strength"] for each in contact["identities"]] == ["personal", "shared"]
    assert await read(erp, f"/api/v1/contacts/{contact['id']}") == contact
    listed = {name: value for name, value in contact.items() if name not in ("deals", "cases", "orders")}
    for query in (
        "",
        "?q=li",
        "?q=customer%20li",
        "?handle=%2B49%20170%2012345678",
        "?handle=mailto:li.na@customer.example",
    ):
        assert await read(erp, f"/api/v1/contacts{query}") == {"items": [listed]}
    for query in ("?q=nobody", "?handle=nonsense", "?handle=tel:%2B493012345"):
        assert await read(erp, f"/api/v1/contacts{query}") == {"items": []}


async def test_pages_are_followed_by_their_path(erp: aiohttp.ClientSession) -> None:
    for number in range(5):
        await created(erp, {"name": f"Kim & Ko {number}"})
    path: str | None = "/api/v1/contacts?q=kim%20%26%20ko&limit=2"
    names = []
    while path:
        page = await read(erp, path)
        names += [each["name"] for each in page["items"]]
        path = page.get("next")
        assert path is None or path.startswith("/api/v1/contacts?")
    assert names == [f"Kim & Ko {number}" for number in range(5)]
    await read(erp, "/api/v1/contacts?next=nonsense", 422)


async def test_a_conflict_names_the_record_and_the_reason(erp: aiohttp.ClientSession) -> None:
    first = await created(erp, CONTACT)
    async with erp.post("/api/v1/contacts", json={"name": "Other", "handles": [LI]}) as answer:
        assert (answer.status, answer.content_type) == (409, "application/problem+json")
        problem = await answer.json()
    assert problem["type"] == "urn:hub:problem:conflict"
    assert problem["conflicts"] == [
        {"reason": "handle-in-use", "value": LI, "record": f"contact/{first['id']}", "name": "Li Na"}
    ]
    shared = {"name": "Other", "handles": [{"handle": LI, "strength": "shared"}]}
    assert (await created(erp, shared))["handles"] == [LI], "who says it is shared may"
    async with erp.post("/api/v1/contacts", json={"name": "We", "handles": ["+4930123456"]}) as answer:
        assert (await answer.json())["conflicts"][0]["reason"] == "our-own-address"


async def test_a_change_needs_the_revision_it_was_made_on(erp: aiohttp.ClientSession) -> None:
    contact = await created(erp, CONTACT)
    path = f"/api/v1/contacts/{contact['id']}"
    async with erp.get(path) as answer:
        etag = answer.headers["ETag"]
    async with erp.patch(
        path, json={"title": "Head of purchasing", "company": None}, headers={"If-Match": etag}
    ) as answer:
        assert answer.status == 200
        changed = await answer.json()
        assert changed["title"] == "Head of purchasing"
        assert "company" not in changed
        assert changed["name"] == "Li Na"
        assert answer.headers["ETag"] == f'"{changed["revision"]}"' != etag
    async with erp.patch(path, json={"title": "Intern"}, headers={"If-Match": etag}) as answer:
        assert answer.status == 412
        assert (await answer.json())["revision"] == changed["revision"]
    async with erp.patch(path, json={"title": "Intern"}, headers={"If-Match": "nonsense"}) as answer:
        assert answer.status == 412
    async with erp.patch(path, json={"handles": []}, headers={"If-Match": "*"}) as answer:
        assert (await answer.json())["handles"] == []
    for body, field in (({"name": None}, "name"), ({"fields": None}, "fields"), ({"handles": ["?"]}, "handles.0")):
        async with erp.patch(path, json=body) as answer:
            assert answer.status == 422
            assert [error["field"] for error in (await answer.json())["errors"]] == [field]
    async with erp.patch("/api/v1/contacts/1", json={"title": "x"}) as answer:
        assert answer.status == 404


# --- interactions ---------------------------------------------------------------------------------------------------

CALL = {
    "kind": "call",
    "key": "erp:call-1",
    "occurred_at": "2026-11-20T10:00:00+01:00",
    "state": "ended",
    "outcome": "completed",
    "duration": 252,
    "line": "030 123456",
    "participants": [{"handle": "0170 12345678", "role": "caller", "name": "Li"}, {"handle": "", "role": "callee"}],
}
MESSAGE = {
    "kind": "message",
    "key": "erp:order-7",
    "channel": "web",
    "occurred_at": "2026-11-20T11:00:00Z",
    "title": "Order 7",
    "text": "两百个报价 please",
    "participants": [{"handle": "li.na@customer.example", "role": "sender"}],
}


async def told(client: aiohttp.ClientSession, body: dict[str, Any], status: int) -> dict[str, Any]:
    async with client.post("/api/v1/interactions", json=body) as answer:
        assert answer.status == status, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


async def test_another_system_tells_of_a_call_once(erp: aiohttp.ClientSession) -> None:
    contact = await created(erp, {"name": "Li Na", "handles": ["0170 12345678"]})
    first = await told(erp, CALL, 201)
    interaction = first["interaction"]
    assert first["recorded"] is True
    assert interaction["key"] == "erp:call-1"
    assert interaction["occurred_at"] == "2026-11-20T09:00:00Z"
    assert (interaction["channel"], interaction["kind"], interaction["direction"]) == ("voice", "call", "inbound")
    assert (interaction["outcome"], interaction["duration"]) == ("completed", 252)
    assert interaction["participants"][0] == {"handle": "tel:+4917012345678", "role": "caller", "name": "Li"}
    assert interaction["contacts"] == [contact["id"]]
    again = await told(erp, CALL, 200)
    assert again["interaction"] == interaction
    assert await read(erp, "/api/v1/interactions?key=erp:call-1") == interaction
    assert await read(erp, f"/api/v1/interactions/{interaction['id']}") == interaction


async def test_a_later_report_completes_what_is_known(erp: aiohttp.ClientSession) -> None:
    ringing = {name: CALL[name] for name in ("kind", "key", "occurred_at", "line", "participants")} | {
        "state": "ringing"
    }
    before = (await told(erp, ringing, 201))["interaction"]
    after = (await told(erp, CALL, 200))["interaction"]
    assert (before["state"], after["state"], after["duration"]) == ("ringing", "ended", 252)
    assert (after["id"], after["revision"]) == (before["id"], before["revision"] + 1)


async def test_a_key_belongs_to_the_token_that_tells_it(office: Office, erp: aiohttp.ClientSession) -> None:
    shop = await office.token("shop", Scope.WRITE)
    problem = await told(shop, CALL, 422)
    assert problem["errors"] == [
        {"field": "key", "message": 'The key must begin with "shop:", the name of your token.'}
    ]
    person = await office.person("ada")
    await told(person, CALL, 403)
    reader = await office.token("reader", Scope.READ)
    await told(reader, CALL, 403)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"key": "erp"}, "call.key"),
    ({"key": "erp:with blank"}, "call.key"),
    ({"occurred_at": "2026-11-20T10:00:00"}, "call.occurred_at"),
    ({"occurred_at": "yesterday"}, "call.occurred_at"),
    ({"state": "humming"}, "call.state"),
    ({"participants": []}, "call.participants"),
    ({"participants": [{"handle": "nonsense", "role": "caller"}]}, "participants.0.handle"),
    ({"participants": [{"handle": "", "role": "friend"}]}, "call.participants.0.role"),
    ({"duration": -1}, "call.duration"),
    ({"colour": "red"}, "call.colour"),
    ({"kind": "dance"}, ""),
]


async def test_what_is_wrong_is_named(erp: aiohttp.ClientSession) -> None:
    for change, field in WRONG:
        problem = await told(erp, CALL | change, 422)
        assert [error["field"] for error in problem["errors"]] == [field], change


async def test_what_a_privacy_rule_forbids_is_not_kept(erp: aiohttp.ClientSession) -> None:
    secret = CALL | {"participants": [{"handle": "+4930999999", "role": "caller"}]}
    assert await told(erp, secret, 202) == {"key": "erp:call-1", "recorded": False}
    await read(erp, "/api/v1/interactions?key=erp:call-1", 404)


async def test_a_call_told_of_while_it_rings_rings_here(office: Office, erp: aiohttp.ClientSession) -> None:
    ada = await office.person("ada", agent="ada")
    now = datetime.now(UTC).isoformat()
    await told(
        erp, CALL | {"state": "ringing", "agents": ["ada"], "occurred_at": now, "outcome": None, "duration": None}, 201
    )
    assert [pop["handle"] for pop in (await read(ada, "/api/v1/pops"))["items"]] == ["tel:+4917012345678"]


async def test_a_mail_is_found_with_and_without_angle_brackets(office: Office, erp: aiohttp.ClientSession) -> None:
    await office.service.ingest.record("front-desk", [letter("abc@x.example")])
    for key in ("mail:%3Cabc%40x.example%3E", "mail:abc%40x.example", "mail:abc@x.example"):
        found = await read(erp, f"/api/v1/interactions?key={key}")
        assert (found["key"], found["title"]) == ("mail:<abc@x.example>", "Offer for 200")


def letter(ident: str, copy: Copy | None = None) -> RawMail:
    raw = (
        f"From: Li Na <li.na@customer.example>\r\nTo: support@example.org\r\nSubject: Offer for 200\r\n"
        f"Date: Fri, 20 Nov 2026 08:00:00 +0000\r\nMessage-ID: <{ident}>\r\n\r\nThe teapot, please.\r\n"
    )
    return RawMail(raw.encode(), copy or Copy("INBOX", ident), datetime(2026, 11, 20, 8, 1, tzinfo=UTC))


# --- timelines ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def li(office: Office, erp: aiohttp.ClientSession) -> str:
    """A contact with a mail at 8, a call at 9 and a message at 11."""
    contact = await created(erp, {"name": "Li Na", "handles": [LI, "0170 12345678"]})
    await office.service.ingest.record("front-desk", [letter("abc@x.example")])
    await told(erp, CALL, 201)
    await told(erp, MESSAGE, 201)
    return f"/api/v1/contacts/{contact['id']}/timeline"


async def test_a_timeline_is_newest_first_with_all_one_needs(erp: aiohttp.ClientSession, li: str) -> None:
    items = (await read(erp, li))["items"]
    assert [item["key"] for item in items] == ["erp:order-7", "erp:call-1", "mail:<abc@x.example>"]
    message, call, mail = items
    assert (message["title"], message["channel"], message["kind"]) == ("Order 7", "web", "message")
    assert message["preview"].startswith("两百个报价")
    assert (call["duration"], call["outcome"], call["title"]) == (252, "completed", "")
    assert (mail["title"], mail["preview"]) == ("Offer for 200", "The teapot, please.")
    assert all(item["level"] == "all" and item["contacts"] == [li.split("/")[4]] for item in items)


NARROWED: list[tuple[str, list[str]]] = [
    ("kind=call", ["erp:call-1"]),
    ("kind=message", ["erp:order-7", "mail:<abc@x.example>"]),
    ("kind=call,message&channel=voice,email", ["erp:call-1", "mail:<abc@x.example>"]),
    ("q=teapot", ["mail:<abc@x.example>"]),
    ("q=TEAPOT%20offer", ["mail:<abc@x.example>"]),
    ("q=%E6%8A%A5%E4%BB%B7", ["erp:order-7"]),
    ("q=teapots", []),
    ("q=%22", []),
    ("after=2026-11-20T09:00:00Z", ["erp:order-7"]),
    ("before=2026-11-20T10:00:00%2B01:00", ["mail:<abc@x.example>"]),
    ("before=2026-11-20T10:00:01+01:00", ["erp:call-1", "mail:<abc@x.example>"]),
]


async def test_a_timeline_is_narrowed(erp: aiohttp.ClientSession, li: str) -> None:
    for query, keys in NARROWED:
        assert [item["key"] for item in (await read(erp, f"{li}?{query}"))["items"]] == keys, query


async def test_a_timeline_is_read_by_pages(erp: aiohttp.ClientSession, li: str) -> None:
    same = [f"erp:same-{number}" for number in range(4)]
    for key in same:
        await told(erp, MESSAGE | {"key": key}, 201)
    whole = [item["key"] for item in (await read(erp, li))["items"]]
    path: str | None = f"{li}?limit=2"
    keys = []
    while path:
        page = await read(erp, path)
        keys += [item["key"] for item in page["items"]]
        path = page.get("next")
    assert keys == whole
    assert sorted(keys[:5]) == sorted([*same, "erp:order-7"])


async def test_a_question_that_makes_no_sense_is_refused(erp: aiohttp.ClientSession, li: str) -> None:
    for query in ("kind=dance", "limit=1000", "after=today", "next=nonsense", "colour=red"):
        problem = await read(erp, f"{li}?{query}", 422)
        assert [error["field"].split(".")[0] for error in problem["errors"]] == [query.split("=")[0]]
    long_before = "next=MS4y"
    assert (await read(erp, f"{li}?{long_before}"))["items"] == []


async def test_a_timeline_of_nobody_is_404(erp: aiohttp.ClientSession) -> None:
    await read(erp, "/api/v1/contacts/1/timeline", 404)


async def test_a_copy_that_is_not_hers_shows_as_much_as_its_level(office: Office, erp: aiohttp.ClientSession) -> None:
    contact = await created(erp, {"name": "Li Na", "handles": [LI]})
    copies = [
        Copy("INBOX", "1", audience="ada"),
        Copy("INBOX", "2", level=Level.SUBJECT),
        Copy("INBOX", "3", level=Level.METADATA),
    ]
    for number, copy in enumerate(copies):
        await office.service.ingest.record("front-desk", [letter(f"{number}@x.example", copy)])
    path = f"/api/v1/contacts/{contact['id']}/timeline"

    async def seen(name: str, agent: str) -> dict[str, tuple[str, str | None, str]]:
        client = await office.token(name, Scope.READ, agent)
        items = (await read(client, path))["items"]
        found = {item["key"][6]: (item["title"], item.get("preview"), item["level"]) for item in items}
        words = (await read(client, f"{path}?q=teapot"))["items"]
        assert {item["key"][6] for item in words} == {key for key, value in found.items() if value[2] == "all"}
        return found

    open_to_all = {"1": ("Offer for 200", None, "subject"), "2": ("", None, "metadata")}
    assert await seen("ben", "ben") == open_to_all
    assert await seen("ada", "ada") == {"0": ("Offer for 200", "The teapot, please.", "all"), **open_to_all}
    for client, status in (
        (await office.token("b2", Scope.READ, "ben"), 404),
        (await office.token("a2", Scope.READ, "ada"), 200),
    ):
        await read(client, "/api/v1/interactions?key=mail:0@x.example", status)


async def test_a_person_says_which_of_several_it_was(office: Office, erp: aiohttp.ClientSession) -> None:
    shared = {"handle": "0170 12345678", "strength": "shared"}
    first = await created(erp, {"name": "First", "handles": [shared]})
    second = await created(erp, {"name": "Second", "handles": [shared]})
    interaction = (await told(erp, CALL, 201))["interaction"]
    assert interaction["contacts"] == []
    ada = await office.person("ada", agent="ada")
    path = f"/api/v1/interactions/{interaction['id']}/confirm"
    async with ada.post(path, json={"contact": second["id"], "handle": "tel:+4917012345678"}) as answer:
        assert answer.status == 200
        assert (await answer.json())["contacts"] == [second["id"]]
    async with ada.post(path, json={"contact": "12", "handle": "tel:+4917012345678"}) as answer:
        assert answer.status == 404
    identities = (await read(ada, f"/api/v1/contacts/{second['id']}"))["identities"]
    assert "confirmed_at" in identities[0]
    assert "confirmed_at" not in (await read(ada, f"/api/v1/contacts/{first['id']}"))["identities"][0]


# --- sources and the rest -------------------------------------------------------------------------------------------


async def test_sources_say_what_they_brought_and_what_they_refused(office: Office, erp: aiohttp.ClientSession) -> None:
    assert await office.call("c1", "ringing") == 204
    async with (await office.client()).post("/webhooks/pbx", json={}) as answer:
        assert answer.status == 401
    await office.app[REFUSALS].flush()
    found = {source["name"]: source for source in (await read(erp, "/api/v1/sources"))["items"]}
    assert set(found) == {"pbx", "front-desk"}
    assert found["pbx"]["items"] == 1
    assert found["pbx"]["refused"] == {"forged": 1}
    assert found["pbx"]["webhook_url"] == "https://hub.example.org/webhooks/pbx"
    last = datetime.fromisoformat(found["pbx"]["last_item_at"])
    assert datetime.now(UTC) - last < timedelta(minutes=1)


async def test_only_those_in_charge_delete_an_interaction(office: Office, erp: aiohttp.ClientSession) -> None:
    await office.service.ingest.record("front-desk", [letter("a@x.example", Copy("INBOX", "1"))])
    interaction = (await read(erp, "/api/v1/interactions?key=mail:a@x.example"))["id"]
    async with erp.delete(f"/api/v1/interactions/{interaction}") as answer:
        assert answer.status == 403
    boss = await office.token("boss", Scope.ADMIN)
    async with boss.delete(f"/api/v1/interactions/{interaction}") as answer:
        assert answer.status == 204
    await read(boss, f"/api/v1/interactions/{interaction}", 404)
    async with boss.delete(f"/api/v1/interactions/{interaction}") as answer:
        assert answer.status == 404


async def test_openapi_describes_every_endpoint_and_is_valid(office: Office) -> None:
    described = await read(await office.client(), "/api/v1/openapi.json")
    openapi_spec_validator.validate(described)
    told_of = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert told_of == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    for methods in described["paths"].values():
        for operation in methods.values():
            assert operation["summary"], operation["operationId"]
