"""Writing by mail through the API: what a page or a program sends, and what it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from hub.letters import drafts, reports
from hub.privacy.visibility import Authority, Scope
from tests.hub.core import letter as mail
from tests.hub.letters.firm import LI_NA, TOML
from tests.hub.web.office import Office, open_office
from tests.servers.mail import MailSink

TEXT = TOML.replace('"env:PASSWORD"', '"env:PBX_TOKEN"')


@pytest.fixture
async def office(store_url: str, tmp_path: Path, mail_sink: MailSink) -> AsyncIterator[Office]:
    """The firm's hub behind a real HTTP server. Nothing is sent until a test enters `service.letters`."""
    toml = TEXT.replace("{smtp_port}", str(mail_sink.port))
    async with open_office(store_url, tmp_path, toml) as opened:
        yield opened


async def came(office: Office, ident: str = "first@customer.example", **more: Any) -> str:
    """A mail comes in: its conversation."""
    await office.service.ingest.record("support", [mail(ident, **more)])
    wanted = sa.text("SELECT conversation_id FROM interactions WHERE key = :key")
    found = await office.service.store.read(lambda conn: conn.execute(wanted, {"key": f"mail:<{ident}>"}).scalar_one())
    return str(found)


async def asked(client: aiohttp.ClientSession, method: str, path: str, **more: Any) -> tuple[int, Any]:
    async with client.request(method, f"/api/v1{path}", **more) as answer:
        return answer.status, await answer.json() if answer.content_length else None


async def test_an_answer_from_the_first_look_to_calling_it_back(office: Office) -> None:
    conversation = await came(office, to="sales@example.org, ada@example.org, bo@customer.example")
    ada = await office.person("ada", agent="ada")
    status, begin = await asked(ada, "GET", f"/conversations/{conversation}/answer")
    assert status == 200
    assert begin["identities"][0] == {
        "source": "support", "handle": "mailto:sales@example.org", "name": "Ada at Example", "preferred": True,
    }  # fmt: skip
    assert begin["reply"] == {"to": ["Li Na <li.na@customer.example>"], "cc": []}
    assert begin["reply_all"] == {"to": ["Li Na <li.na@customer.example>"], "cc": ["bo@customer.example"]}
    assert (begin["subject"], begin["undeliverable"]) == ("Re: Offer for 200", {})
    assert begin["quoted"].endswith("> Could you send an offer?")

    answer = {"to": ["Li Na <li.na@customer.example>"], "text": "Gladly", "if_latest": begin["interaction"]}
    status, letter = await asked(ada, "POST", f"/conversations/{conversation}/letters", json=answer)
    assert status == 201
    assert (letter["state"], letter["delivery"], letter["agent"]) == ("queued", "queued", "ada")
    undo = datetime.fromisoformat(letter["undo_until"]) - datetime.now(UTC)
    assert timedelta(0) < undo <= timedelta(seconds=10)
    assert await asked(ada, "GET", f"/letters/{letter['id']}") == (200, letter)

    status, gone = await asked(ada, "DELETE", f"/letters/{letter['id']}")
    assert (status, gone["state"], "undo_until" in gone) == (200, "cancelled", False)
    status, draft = await asked(ada, "GET", f"/conversations/{conversation}/draft")
    assert (status, draft["text"], draft["to"]) == (200, "Gladly", ["Li Na <li.na@customer.example>"])
    status, problem = await asked(ada, "DELETE", f"/letters/{letter['id']}")
    assert (status, problem["type"]) == (409, "urn:hub:problem:too-late")
    status, problem = await asked(ada, "POST", f"/letters/{letter['id']}/retry")
    assert status == 409
    audit = await office.service.store.read(
        lambda conn: [tuple(row) for row in conn.execute(sa.text("SELECT action, record FROM audit ORDER BY id"))]
    )
    assert ("letter.write", f"letter/{letter['id']}") in audit
    assert ("letter.cancel", f"letter/{letter['id']}") in audit


async def test_what_is_in_the_way_is_told_and_may_be_forced(office: Office) -> None:
    conversation = await came(office)
    ada = await office.person("ada", agent="ada")
    path = f"/conversations/{conversation}/letters"
    now = datetime.now(UTC)
    await office.service.store.write(lambda conn: reports.mark(conn, LI_NA, "unknown-user", "550 5.1.1 No", 7, now))
    status, problem = await asked(ada, "POST", path, json={"text": "Hello"})
    assert (status, problem["type"]) == (409, "urn:hub:problem:undeliverable")
    assert problem["recipients"] == {LI_NA: "unknown-user: 550 5.1.1 No"}
    status, marked = await asked(ada, "GET", "/undeliverable/li.na@customer.example")
    assert (marked["handle"], marked["interaction"]) == (LI_NA, "7")
    assert (await asked(ada, "POST", path, json={"text": "Hello", "force": True}))[0] == 201
    assert (await asked(ada, "DELETE", "/undeliverable/li.na@customer.example"))[0] == 204
    assert (await asked(ada, "GET", "/undeliverable/li.na@customer.example"))[0] == 404
    assert (await asked(ada, "DELETE", "/undeliverable/li.na@customer.example"))[0] == 404

    status, problem = await asked(ada, "POST", path, json={"text": "Dear {{contact.name}}"})
    assert (status, problem["gaps"]) == (409, ["{{contact.name}}"])
    status, problem = await asked(ada, "POST", path, json={"text": "x", "to": ["nobody"]})
    assert (status, problem["errors"][0]["field"]) == (422, "to.0")
    status, problem = await asked(ada, "POST", path, json={"text": "x", "then": "snooze"})
    assert (status, problem["errors"][0]["field"]) == (422, "snoozed_until")
    assert (await asked(ada, "POST", "/conversations/17/letters", json={"text": "x"}))[0] == 404
    assert (await asked(ada, "POST", "/letters", json={"text": "x"}))[1]["type"] == "urn:hub:problem:no-recipient"


async def test_drafts_are_her_own_and_files_stay_with_them(office: Office, mail_sink: MailSink) -> None:
    conversation = await came(office)
    ada, ben = await office.person("ada", agent="ada"), await office.person("ben", agent="ben")
    data = bytes(range(256)) * 4000
    status, file = await asked(ada, "POST", "/uploads?name=报价.pdf&type=application/pdf", data=data)
    assert (status, file["name"], file["size"]) == (201, "报价.pdf", len(data))
    path = f"/conversations/{conversation}/draft"
    draft = {"text": "So far", "to": ["half an addr"], "uploads": [file["id"]]}
    assert (await asked(ada, "PUT", path, json=draft))[0] == 200
    status, kept = await asked(ada, "PUT", path, json=draft)
    assert (kept["text"], kept["to"], kept["files"]) == ("So far", ["half an addr"], [file])
    assert (await asked(ben, "GET", path))[0] == 404
    assert (await asked(ben, "DELETE", f"/uploads/{file['id']}"))[0] == 404
    assert (await asked(ada, "PUT", "/conversations/17/draft", json=draft))[0] == 404

    async with office.service.letters:
        answer = {"text": "Here it is", "uploads": [file["id"]]}
        status, letter = await asked(ada, "POST", f"/conversations/{conversation}/letters", json=answer)
        assert (await asked(ada, "GET", path))[0] == 404
        assert (await asked(ada, "POST", f"/letters/{letter['id']}/send-now"))[0] == 200
        received = await mail_sink.next()
    (attached,) = received.message.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("报价.pdf", data)
    assert (await asked(ada, "DELETE", f"/uploads/{file['id']}"))[0] == 204


async def test_files_that_nobody_needs_are_forgotten_after_two_days(office: Office) -> None:
    conversation = await came(office)
    ada, store = await office.person("ada", agent="ada"), office.service.store
    ids = [(await asked(ada, "POST", f"/uploads?name={n}", data=b"the same"))[1]["id"] for n in "abc"]
    await asked(ada, "PUT", f"/conversations/{conversation}/draft", json={"uploads": [ids[0]]})
    later = {"text": "x", "uploads": [ids[1]], "send_at": (datetime.now(UTC) + timedelta(days=9)).isoformat()}
    assert (await asked(ada, "POST", f"/conversations/{conversation}/letters", json=later))[0] == 201
    await asked(ada, "PUT", f"/conversations/{conversation}/draft", json={"uploads": [ids[0]]})
    at = datetime.now(UTC) + timedelta(days=1)
    assert await store.write(lambda conn: drafts.clean(conn, store.blobs, at)) == 0
    at = datetime.now(UTC) + timedelta(days=3)
    assert await store.write(lambda conn: drafts.clean(conn, store.blobs, at)) == 1
    left = await store.read(lambda conn: drafts.uploaded(conn, "ada", [int(each) for each in ids]))
    assert [str(each.id) for each in left] == ids[:2]
    assert await store.read(lambda conn: store.blobs.read(conn, left[0].blob)) == b"the same"


async def test_a_file_that_is_too_large_is_refused(office: Office) -> None:
    ada = await office.person("ada", agent="ada")
    status, problem = await asked(ada, "POST", "/uploads?name=x", data=BytesIO(b"x" * 25_000_001))
    assert (status, problem["type"]) == (413, "urn:hub:problem:too-large")


async def test_letters_are_listed_for_those_who_may_see_them(office: Office) -> None:
    ada, ben = await office.person("ada", agent="ada"), await office.person("ben", agent="ben")
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    about = {"to": ["li.na@customer.example"], "subject": "s", "text": "t", "send_at": later}
    _, private = await asked(ada, "POST", "/letters", json={**about, "source": "ada-private"})
    _, shared = await asked(ada, "POST", "/letters", json={**about, "source": "support"})
    assert shared["state"] == "scheduled"

    async def seen(client: aiohttp.ClientSession, query: str = "") -> set[str]:
        return {each["id"] for each in (await asked(client, "GET", f"/letters{query}"))[1]["items"]}

    assert await seen(ada) == {private["id"], shared["id"]}
    assert await seen(ben) == {shared["id"]}
    assert await seen(ben, "?mine=true") == set()
    assert await seen(ada, "?state=failed,perhaps") == set()
    assert (await asked(ben, "GET", f"/letters/{private['id']}"))[0] == 404
    assert (await asked(ben, "DELETE", f"/letters/{private['id']}"))[0] == 404
    marketer = await office.person("mia", Authority.MARKETER)
    assert await seen(marketer) == set()
    assert (await asked(marketer, "POST", "/letters", json=about))[0] == 403
    reader = await office.token("reader", Scope.READ)
    assert (await asked(reader, "POST", "/letters", json=about))[0] == 403


async def test_canned_answers_and_signatures(office: Office) -> None:
    conversation = await came(office)
    ada, ben = await office.person("ada", agent="ada"), await office.person("ben", agent="ben")
    status, shared = await asked(
        ada, "POST", "/canned", json={"title": "Hi", "body": "Hi {{agent.name}}", "shortcut": "h"}
    )
    assert (status, shared["mine"], shared["uses"]) == (201, False, 0)
    _, own = await asked(ada, "POST", "/canned", json={"title": "Mine", "body": "x", "mine": True})
    assert [each["id"] for each in (await asked(ben, "GET", "/canned"))[1]["items"]] == [shared["id"]]
    assert len((await asked(ada, "GET", "/canned?q=hi"))[1]["items"]) == 1
    assert (await asked(ben, "PATCH", f"/canned/{own['id']}", json={"title": "Ha"}))[0] == 404
    assert (await asked(ben, "PATCH", f"/canned/{shared['id']}", json={"title": "Hello"}))[1]["title"] == "Hello"
    filled = await asked(ben, "GET", f"/canned/{shared['id']}?conversation={conversation}")
    assert filled == (200, {"text": "Hi Ben"})
    assert (await asked(ada, "GET", f"/conversations/{conversation}/suggestions")) == (200, {"items": []})
    assert (await asked(ada, "DELETE", f"/canned/{own['id']}"))[0] == 204

    assert await asked(ada, "PUT", "/signatures/default", json={"text": "Ada"}) == (200, {"text": "Ada"})
    assert await asked(ada, "PUT", "/signatures/support", json={"text": "Ada, Support"}) == (
        200,
        {"text": "Ada, Support"},
    )
    assert (await asked(ben, "GET", "/signatures/default"))[1] == {"text": ""}
    assert (await asked(ada, "GET", "/signatures/nowhere"))[0] == 404
    assert (await asked(ada, "GET", f"/conversations/{conversation}/answer"))[1]["signature"] == "Ada, Support"
    await asked(ada, "PUT", "/signatures/support", json={"text": ""})
    assert (await asked(ada, "GET", f"/conversations/{conversation}/answer"))[1]["signature"] == "Ada"
