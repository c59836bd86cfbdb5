"""The shared inbox through the API, as programs and the pages' scripts use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from hub.privacy.visibility import Authority, Scope
from hub.vocabulary import Copy, Level, RawMail
from tests.hub.core import letter
from tests.hub.web.office import TOML, Office, open_office

TEAMS = """
[sources.mail]
provider = "smtp"
listen = "127.0.0.1:0"
ours = ["mailto:support@example.org"]
team = "support"

[teams.support]
name = "Support"
agents = ["ada", "ben"]
"""


@pytest.fixture
async def office(store_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    """The firm with a team that shares a mailbox."""
    async with open_office(store_url, tmp_path, TOML + TEAMS) as opened:
        yield opened


@pytest.fixture
async def ada(office: Office) -> aiohttp.ClientSession:
    return await office.person("ada", Authority.AGENT, "ada")


@pytest.fixture
async def ben(office: Office) -> aiohttp.ClientSession:
    return await office.person("ben", Authority.AGENT, "ben")


async def told(
    client: aiohttp.ClientSession, method: str, path: str, body: Any = None, status: int = 200, **headers: str
) -> Any:
    """What an endpoint answers, with that status."""
    async with client.request(method, URL(f"/api/v1{path}", encoded=True), json=body, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json(content_type=None) if status != 204 else None


def mail(ident: str, subject: str = "Offer", *, copy: Copy | None = None, **more: Any) -> RawMail:
    return letter(f"{ident}@customer.example", subject=subject, date=datetime.now(UTC), copy=copy, **more)


async def arrived(office: Office, *mails: RawMail) -> list[str]:
    """The conversations of these mails, in their order."""
    await office.service.ingest.record("mail", list(mails))
    found = []
    for each in mails:
        ident = each.raw.decode().partition("Message-ID: ")[2].partition("\r\n")[0]
        found.append(await of(office, f"mail:{ident}"))
    return found


async def of(office: Office, key: str) -> str:
    """The conversation of the interaction of that key."""
    from hub.privacy.visibility import HUB
    from hub.timeline import by_key

    item = await office.service.store.read(lambda conn: by_key(conn, HUB, key))
    assert item is not None
    return str(item.conversation_id)


async def test_a_new_mail_is_open_unread_and_the_teams(office: Office, ada: aiohttp.ClientSession) -> None:
    (id,) = await arrived(office, mail("m1"))
    page = await told(ada, "GET", "/conversations")
    (item,) = page["items"]
    assert (item["id"], item["state"], item["team"], item["owner"]) == (id, "open", "support", "")
    assert item["unread"]
    assert item["waiting_since"]
    assert item["who"] == {"name": "Li Na", "handle": "mailto:li.na@customer.example"}
    assert await told(ada, "GET", "/conversations?team=support&only=waiting,unknown&box=unassigned") == page
    assert await told(ada, "GET", "/conversations?channel=mail&q=offer&state=open,closed") == {
        "items": [item],
    }
    for nothing in ("state=closed", "box=mine", "team=sales", "channel=calls", "q=nonsense"):
        assert (await told(ada, "GET", f"/conversations?{nothing}"))["items"] == []


async def test_boxes_are_counted(office: Office, ada: aiohttp.ClientSession) -> None:
    ids = await arrived(office, mail("m1"), mail("m2", "Other"), mail("m3", "Third"))
    await told(ada, "PATCH", f"/conversations/{ids[0]}", {"owner": "ada"})
    await told(ada, "PATCH", f"/conversations/{ids[1]}", {"state": "closed"})
    assert await told(ada, "GET", "/conversations/counts") == {
        "mine": 1, "unassigned": 1, "all": 2, "mentioned": 0, "snoozed": 0, "closed": 1,
    }  # fmt: skip
    assert [each["id"] for each in (await told(ada, "GET", "/conversations?box=mine"))["items"]] == [ids[0]]


async def test_pages_follow_one_another_in_either_order(office: Office, ada: aiohttp.ClientSession) -> None:
    now = datetime.now(UTC)
    dated = [letter(f"p{n}@customer.example", subject=f"P {n}", date=now - timedelta(hours=n)) for n in range(5)]
    ids = await arrived(office, *dated)
    for sort, order in (("newest", ids), ("longest-waiting", ids[::-1])):
        path, found = f"/conversations?limit=2&sort={sort}", []
        while path:
            page = await told(ada, "GET", path)
            found += [each["id"] for each in page["items"]]
            path = page.get("next", "").removeprefix("/api/v1")
        assert found == order


async def test_a_change_is_undone_unless_somebody_changed_it_since(
    office: Office, ada: aiohttp.ClientSession, ben: aiohttp.ClientSession
) -> None:
    (id,) = await arrived(office, mail("m1"))
    before = await told(ada, "GET", f"/conversations/{id}")
    closed = await told(ada, "PATCH", f"/conversations/{id}", {"state": "closed", "owner": "ada"})
    assert (closed["state"], closed["owner"], "waiting_since" in closed) == ("closed", "ada", False)
    assert await told(ada, "POST", f"/deeds/{closed['undo']}/undo") == {"undone": True, "refused": []}
    after = await told(ada, "GET", f"/conversations/{id}")
    assert {**after, "revision": 0} == {**before, "revision": 0}
    assert (await told(ada, "POST", f"/deeds/{closed['undo']}/undo", status=409))["detail"] == "It is undone already."

    mine = await told(ada, "PATCH", f"/conversations/{id}", {"owner": "ada"})
    await told(ben, "POST", f"/deeds/{mine['undo']}/undo", status=404)
    await told(ben, "PATCH", f"/conversations/{id}", {"owner": "ben"})
    refused = await told(ada, "POST", f"/deeds/{mine['undo']}/undo", status=409)
    assert refused["detail"] == "ben has changed it since."


async def test_a_stale_change_is_refused(office: Office, ada: aiohttp.ClientSession) -> None:
    (id,) = await arrived(office, mail("m1"))
    read = await told(ada, "GET", f"/conversations/{id}")
    tag = f'"{read["revision"]}"'
    changed = await told(ada, "PATCH", f"/conversations/{id}", {"team": ""}, **{"If-Match": tag})
    problem = await told(ada, "PATCH", f"/conversations/{id}", {"team": "support"}, 412, **{"If-Match": tag})
    assert problem["revision"] == changed["revision"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"owner": "nobody"},
        {"team": "nobody"},
        {"state": "snoozed"},
        {"state": "snoozed", "snoozed_until": "2020-01-01T00:00:00Z"},
        {"deal": "7"},
        {"sharing": "secret"},
        {"state": "gone"},
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(
    office: Office, ada: aiohttp.ClientSession, body: dict[str, Any]
) -> None:
    (id,) = await arrived(office, mail("m1"))
    before = await told(ada, "GET", f"/conversations/{id}")
    await told(ada, "PATCH", f"/conversations/{id}", body, 422)
    assert await told(ada, "GET", f"/conversations/{id}") == before


async def test_many_are_done_at_once_and_each_refusal_has_its_reason(
    office: Office, ada: aiohttp.ClientSession, ben: aiohttp.ClientSession
) -> None:
    ids = await arrived(office, *(mail(f"m{n}", f"Mail {n}") for n in range(3)))
    await told(ben, "POST", f"/conversations/{ids[1]}/claim")
    done = await told(ada, "POST", "/conversations/actions", {"ids": [*ids, "12345"], "action": "claim"})
    assert done["done"] == [ids[0], ids[2]]
    assert done["refused"] == [
        {"id": ids[1], "reason": "Ben has it."},
        {"id": "12345", "reason": "There is no such conversation, or it is not open to you."},
    ]
    await told(ada, "POST", f"/deeds/{done['undo']}/undo")
    assert {each["owner"] for each in (await told(ada, "GET", "/conversations"))["items"]} == {"", "ben"}
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    for action, more, state in (
        ("snooze", {"snoozed_until": until}, "snoozed"),
        ("close", {}, "closed"),
        ("open", {}, "open"),
        ("waiting", {}, "waiting"),
    ):
        found = await told(ada, "POST", "/conversations/actions", {"ids": ids, "action": action, **more})
        assert (found["done"], found["refused"]) == (ids, [])
        assert len((await told(ada, "GET", f"/conversations?state={state}"))["items"]) == 3
    await told(ada, "POST", "/conversations/actions", {"ids": ids, "action": "assign"}, 422)
    await told(ada, "POST", "/conversations/actions", {"ids": ["1"] * 201, "action": "close"}, 422)


async def test_of_two_claims_at_once_one_wins(
    office: Office, ada: aiohttp.ClientSession, ben: aiohttp.ClientSession
) -> None:
    ids = await arrived(office, *(mail(f"m{n}", f"Mail {n}") for n in range(8)))

    async def claim(client: aiohttp.ClientSession, id: str) -> tuple[int, Any]:
        async with client.post(f"/api/v1/conversations/{id}/claim") as answer:
            return answer.status, await answer.json()

    for id in ids:
        results = await asyncio.gather(claim(ada, id), claim(ben, id))
        assert sorted(status for status, _ in results) == [200, 409]
        won = next(body for status, body in results if status == 200)
        lost = next(body for status, body in results if status == 409)
        assert lost["owner"] == won["owner"]
        assert lost["name"] == {"ada": "Ada", "ben": "Ben"}[won["owner"]]


async def test_what_is_not_open_to_her_does_not_exist(
    office: Office, ada: aiohttp.ClientSession, ben: aiohttp.ClientSession
) -> None:
    (id,) = await arrived(office, mail("secret", "Secret", copy=Copy("INBOX", "1:1", audience="ada")))
    (other,) = await arrived(office, mail("open", "Open"))
    assert [each["id"] for each in (await told(ben, "GET", "/conversations"))["items"]] == [other]
    assert (await told(ben, "GET", "/conversations/counts"))["all"] == 1
    until = "2099-01-01T00:00:00Z"
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"state": "closed"}),
        ("POST", "/claim", None),
        ("POST", "/merge", {"into": other}),
        ("POST", "/split", {"from": "1"}),
        ("POST", "/notes", {"text": "hm"}),
        ("POST", "/presence", {"doing": "reading"}),
    ):
        await told(ben, method, f"/conversations/{id}{path}", body, 404)
    await told(ben, "POST", f"/conversations/{other}/merge", {"into": id}, 404)
    for action, more in (
        ("close", {}),
        ("read", {}),
        ("claim", {}),
        ("snooze", {"snoozed_until": until}),
    ):
        done = await told(ben, "POST", "/conversations/actions", {"ids": [id], "action": action, **more})
        assert (done["done"], len(done["refused"]), "undo" in done) == ([], 1, False)
    whole = await told(ada, "GET", f"/conversations/{id}")
    assert (whole["state"], whole["owner"], len(whole["items"])) == ("open", "", 1)


async def test_who_read_what_is_kept_for_each(
    office: Office, ada: aiohttp.ClientSession, ben: aiohttp.ClientSession
) -> None:
    (id,) = await arrived(office, mail("m1"))

    async def unread(client: aiohttp.ClientSession) -> bool:
        return bool((await told(client, "GET", f"/conversations/{id}"))["unread"])

    done = await told(ada, "POST", "/conversations/actions", {"ids": [id], "action": "read"})
    assert (await unread(ada), await unread(ben)) == (False, True)
    await told(ada, "POST", f"/deeds/{done['undo']}/undo")
    assert await unread(ada)
    await told(ada, "POST", "/conversations/actions", {"ids": [id], "action": "read"})
    await told(ada, "POST", "/conversations/actions", {"ids": [id], "action": "unread"})
    assert await unread(ada)
    await told(ada, "POST", "/conversations/actions", {"ids": [id], "action": "read"})
    await arrived(office, mail("m2", "Re: Offer", references=["m1@customer.example"]))
    assert await unread(ada)


async def test_what_comes_later_is_unread_whatever_its_date(office: Office, ada: aiohttp.ClientSession) -> None:
    now = datetime.now(UTC)
    first = letter("m1@customer.example", subject="Offer", date=now)
    (id,) = await arrived(office, first)
    await told(ada, "POST", "/conversations/actions", {"ids": [id], "action": "read"})
    for number, before in enumerate((0, 3600), 2):
        late = letter(
            f"m{number}@customer.example",
            subject="Re: Offer",
            date=now - timedelta(seconds=before),
            references=["m1@customer.example"],
        )
        assert await arrived(office, late) == [id]
        assert (await told(ada, "GET", f"/conversations/{id}"))["unread"], before
        await told(ada, "POST", "/conversations/actions", {"ids": [id], "action": "read"})
        assert not (await told(ada, "GET", f"/conversations/{id}"))["unread"]
    history = letter(
        "m0@customer.example", subject="Re: Offer", date=now - timedelta(days=30), references=["m1@customer.example"]
    )
    assert await arrived(office, history) == [id]
    assert not (await told(ada, "GET", f"/conversations/{id}"))["unread"]


async def test_undoing_a_reading_makes_unread_again_what_came_late(office: Office, ada: aiohttp.ClientSession) -> None:
    now = datetime.now(UTC)
    first = letter("m1@customer.example", subject="Offer", date=now)
    (id,) = await arrived(office, first)
    await told(ada, "POST", "/conversations/actions", {"ids": [id], "action": "read"})
    hour_ago = now - timedelta(hours=1)
    await arrived(office, letter("m2@customer.example", date=hour_ago, references=["m1@customer.example"]))
    done = await told(ada, "POST", "/conversations/actions", {"ids": [id], "action": "read"})
    await told(ada, "POST", f"/deeds/{done['undo']}/undo")
    assert (await told(ada, "GET", f"/conversations/{id}"))["unread"]


async def test_what_comes_after_an_answer_with_an_earlier_date_is_unread(
    office: Office, ada: aiohttp.ClientSession
) -> None:
    now = datetime.now(UTC)
    ours = {"sender": "support@example.org", "to": "li.na@customer.example", "references": ["m1@customer.example"]}
    (id,) = await arrived(office, letter("m1@customer.example", subject="Offer", date=now - timedelta(minutes=2)))
    assert await arrived(office, letter("m2@example.org", subject="Re: Offer", date=now, **ours)) == [id]
    await told(ada, "POST", "/conversations/actions", {"ids": [id], "action": "read"})
    assert not (await told(ada, "GET", f"/conversations/{id}"))["unread"]
    slow = letter("m3@customer.example", date=now - timedelta(minutes=1), references=["m2@example.org"])
    assert await arrived(office, slow) == [id]
    assert (await told(ada, "GET", f"/conversations/{id}"))["unread"]


async def test_a_note_alerts_whom_it_names(
    office: Office, ada: aiohttp.ClientSession, ben: aiohttp.ClientSession
) -> None:
    (id,) = await arrived(office, mail("m1"))
    with office.service.live.subscribe("ben") as screen:
        written = await told(ada, "POST", f"/conversations/{id}/notes", {"text": "Ask @Ben, not ada@x.org"}, 201)
        frames = await screen.frames()
    assert frames is not None
    assert b"event: alert" in frames
    assert id.encode() in frames
    assert written["mentioned"] == ["ben"]
    assert (await told(ben, "GET", "/conversations/counts"))["mentioned"] == 1
    (item,) = (await told(ben, "GET", "/conversations?box=mentioned"))["items"]
    assert item["id"] == id
    (note,) = [each["note"] for each in (await told(ben, "GET", f"/conversations/{id}"))["items"] if "note" in each]
    assert (note["author"], note["text"], note["mentions"]) == ("ada", "Ask @Ben, not ada@x.org", ["ben"])
    await told(ben, "POST", "/conversations/actions", {"ids": [id], "action": "read"})
    assert (await told(ben, "GET", "/conversations/counts"))["mentioned"] == 0
    await told(ada, "POST", f"/deeds/{written['undo']}/undo")
    assert not [each for each in (await told(ben, "GET", f"/conversations/{id}"))["items"] if "note" in each]


async def test_a_note_does_not_tell_of_what_is_private(office: Office, ada: aiohttp.ClientSession) -> None:
    (id,) = await arrived(office, mail("secret", copy=Copy("INBOX", "1:1", audience="ada")))
    written = await told(ada, "POST", f"/conversations/{id}/notes", {"text": "@ben should not know"}, 201)
    assert (written["mentioned"], written["unreached"]) == ([], ["ben"])


async def test_presence_is_seen_by_the_others(
    office: Office, ada: aiohttp.ClientSession, ben: aiohttp.ClientSession
) -> None:
    (id,) = await arrived(office, mail("m1"))
    await told(ada, "POST", f"/conversations/{id}/presence", {"doing": "writing"}, 204)
    await told(ben, "POST", f"/conversations/{id}/presence", {"doing": "reading"}, 204)
    item = await told(ben, "GET", f"/conversations/{id}")
    assert (item["writers"], item["readers"]) == (["ada"], ["ben"])
    await told(ada, "POST", f"/conversations/{id}/presence", {"doing": "left"}, 204)
    assert (await told(ben, "GET", f"/conversations/{id}"))["writers"] == []


async def test_merged_conversations_lead_on_and_come_apart_again(office: Office, ada: aiohttp.ClientSession) -> None:
    one, other = await arrived(office, mail("m1", "Lamps"), mail("m2", "Shades"))
    merged = await told(ada, "POST", f"/conversations/{one}/merge", {"into": other})
    assert merged["conversation"]["id"] == other
    async with ada.get(f"/api/v1/conversations/{one}", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (308, f"/api/v1/conversations/{other}")
    assert len((await told(ada, "GET", f"/conversations/{one}"))["items"]) == 2
    assert await arrived(office, mail("m3", "Re: Lamps", references=["m1@customer.example"])) == [other]
    await told(ada, "POST", f"/deeds/{merged['undo']}/undo")
    assert len((await told(ada, "GET", f"/conversations/{one}"))["items"]) == 2
    assert len((await told(ada, "GET", f"/conversations/{other}"))["items"]) == 1
    assert await arrived(office, mail("m4", "Re: Lamps", references=["m3@customer.example"])) == [one]
    await told(ada, "POST", f"/conversations/{one}/merge", {"into": one}, 409)


async def test_a_split_conversation_stays_split(office: Office, ada: aiohttp.ClientSession) -> None:
    (id,) = await arrived(office, letter("m1@customer.example", date=datetime.now(UTC) - timedelta(hours=3)))
    await arrived(office, mail("m2", "Re: Offer", references=["m1@customer.example"]))
    items = (await told(ada, "GET", f"/conversations/{id}"))["items"]
    first, second = [each["interaction"]["id"] for each in items]
    await told(ada, "POST", f"/conversations/{id}/split", {"from": first}, 409)
    made = await told(ada, "POST", f"/conversations/{id}/split", {"from": second})
    new = made["conversation"]["id"]
    assert new != id
    assert len((await told(ada, "GET", f"/conversations/{id}"))["items"]) == 1
    late = mail("m3", "Re: Offer", references=["m1@customer.example", "m2@customer.example"])
    assert await arrived(office, late) == [new]
    early = mail("m4", "Re: Offer", references=["m1@customer.example"])
    assert await arrived(office, early) == [id]
    await told(ada, "POST", f"/deeds/{made['undo']}/undo")
    assert len((await told(ada, "GET", f"/conversations/{id}"))["items"]) == 4
    assert len((await told(ada, "GET", f"/conversations/{new}"))["items"]) == 4


async def test_sharing_opens_no_more_than_she_may_read_herself(
    office: Office, ada: aiohttp.ClientSession, ben: aiohttp.ClientSession
) -> None:
    (id,) = await arrived(office, mail("secret", copy=Copy("INBOX", "1:1", audience="ada")))
    shared = await told(ada, "PATCH", f"/conversations/{id}", {"sharing": "shared"})
    assert shared["sharing"] == "shared"
    assert (await told(ben, "GET", f"/conversations/{id}"))["level"] == "all"
    await told(ada, "POST", f"/deeds/{shared['undo']}/undo")
    await told(ben, "GET", f"/conversations/{id}", status=404)

    (half,) = await arrived(
        office, mail("half", "Half", copy=Copy("INBOX", "1:2", audience="ada")),
    )  # fmt: skip
    await office.service.ingest.record("mail2", [mail("half", "Half", copy=Copy("INBOX", "2:2", level=Level.METADATA))])
    await told(ben, "POST", f"/conversations/{half}/claim")
    await told(ben, "PATCH", f"/conversations/{half}", {"sharing": "shared"}, 403)
    assert (await told(ben, "GET", f"/conversations/{half}"))["level"] == "metadata"
    await told(ben, "POST", f"/conversations/{half}/notes", {"text": "hm"}, 403)


async def test_deeds_are_audited(office: Office, ada: aiohttp.ClientSession) -> None:
    (id,) = await arrived(office, mail("m1"))
    changed = await told(ada, "PATCH", f"/conversations/{id}", {"state": "closed"})
    await told(ada, "POST", f"/deeds/{changed['undo']}/undo")
    import sqlalchemy as sa

    from hub.store.schema import audit

    query = sa.select(audit.c.action).where(audit.c.record == f"conversation/{id}").order_by(audit.c.id)
    done = await office.service.store.read(lambda conn: list(conn.execute(query).scalars()))
    assert done == ["conversation.state", "conversation.undo"]


async def test_colleagues_and_teams_are_listed(office: Office, ada: aiohttp.ClientSession) -> None:
    assert await told(ada, "GET", "/agents") == {"items": [{"id": "ada", "name": "Ada"}, {"id": "ben", "name": "Ben"}]}
    assert await told(ada, "GET", "/teams") == {
        "items": [{"id": "support", "name": "Support", "agents": ["ada", "ben"], "assign": "by-hand"}]
    }


async def test_a_token_that_only_reads_does_nothing(office: Office) -> None:
    (id,) = await arrived(office, mail("m1"))
    reader = await office.token("reader", Scope.READ)
    await told(reader, "GET", f"/conversations/{id}")
    await told(reader, "PATCH", f"/conversations/{id}", {"state": "closed"}, 403)
    writer = await office.token("writer", Scope.WRITE)
    await told(writer, "POST", f"/conversations/{id}/claim", None, 422)
    await told(writer, "PATCH", f"/conversations/{id}", {"owner": "ben"})
