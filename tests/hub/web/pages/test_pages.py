"""The pages over HTTP: who may read what, what a mail may do in its frame, and what is said when it goes wrong."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import aiohttp
import pytest

from hub import Copy, Level, RawMail, Unreadable
from hub.crm.records import Draft, Strength
from hub.privacy.visibility import HUB, Authority
from hub.timeline import Item, by_key
from tests.hub.web.office import PASSWORD, Office

LI_NA = "mailto:li.na@customer.example"
HTML = """<p>Hello <script>alert(1)</script><b>Ada</b></p><img src="cid:logo"><img src="https://tracker.example/x.gif">
<form action="https://evil.example"><input name="password"></form><a href="javascript:alert(2)">click</a>
<blockquote type="cite"><p>What you wrote last week</p></blockquote>"""
PNG = bytes.fromhex("89504e470d0a1a0a")

Part = Callable[..., Awaitable[tuple[int, str]]]


def mail(ident: str, subject: str = "Offer for 200", text: str = "Could you send an offer?", **more: Any) -> RawMail:
    """A mail of Li Na's to Ada."""
    message = EmailMessage()
    message["Message-ID"], message["Subject"] = f"<{ident}@customer.example>", subject
    message["From"], message["To"] = "Li Na <li.na@customer.example>", "ada@example.org"
    message["Date"] = "Fri, 20 Nov 2026 09:00:00 +0000"
    message.set_content(text)
    if more.get("html"):
        message.add_alternative(more["html"], subtype="html")
        related = message.get_payload()[1]  # type: ignore[index]
        related.add_related(PNG, "image", "png", cid="<logo>")  # type: ignore[union-attr]
        message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename='offer "200" 报价.pdf')
        message.add_attachment(b"<svg/>", maintype="image", subtype="svg+xml", filename="x.svg")
    copy = more.get("copy") or Copy("INBOX", ident)
    return RawMail(message.as_bytes(), copy, datetime(2026, 11, 20, 9, tzinfo=UTC))


async def arrived(office: Office, *mails: RawMail) -> Item:
    """Record *mails* and answer the last one as the hub sees it."""
    await office.service.ingest.record("mail", mails, live=False)
    ident = re.search(rb"Message-ID: <(.*?)>", mails[-1].raw)
    assert ident
    found = await office.service.store.read(lambda conn: by_key(conn, HUB, f"mail:{ident[1].decode()}"))
    assert found
    return found


async def contact(office: Office, name: str = "Li Na", *handles: str) -> int:
    """A contact of those handles."""
    known = tuple((handle, Strength.PERSONAL) for handle in handles)
    return (await office.service.directory.create(HUB, Draft(name=name, company="Lamps & Co", handles=known))).id


async def read(client: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, str]:
    """Status and text of *path*."""
    async with client.get(path, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def send(client: aiohttp.ClientSession, path: str, **form: str) -> tuple[int, str]:
    """Status and text of what a form on *path* answers."""
    async with client.post(path, data=form, headers={"X-Fragment": "1"}, allow_redirects=False) as answer:
        return answer.status, await answer.text()


# --- who may read what ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/inbox", "/contacts", "/calls", "/sources", "/settings", "/interactions/1"])
async def test_nobody_reads_anything_before_signing_in(office: Office, path: str) -> None:
    client = await office.client()
    async with client.get(path, allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] == ("/login" if path == "/" else f"/login?next={path.replace('?', '%3F')}")
    async with client.get(path, headers={"HX-Request": "true"}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["HX-Refresh"]) == (401, "true")


@pytest.mark.parametrize(
    ("level", "subject", "body"),
    [(Level.METADATA, False, False), (Level.SUBJECT, True, False), (Level.ALL, True, True)],
)
async def test_a_mailbox_shows_what_its_owner_shares(office: Office, level: Level, subject: bool, body: bool) -> None:
    who = await contact(office, "Li Na", LI_NA)
    item = await arrived(office, mail("m1", "Secret price", "Sixty percent off", copy=Copy("INBOX", "1", level=level)))
    client = await office.person("ben", Authority.AGENT, "ben")
    pages = [
        await read(client, f"/contacts/{who}"),
        await read(client, "/inbox"),
        await read(client, f"/inbox/{item.conversation_id}"),
    ]
    assert [(status, "Secret price" in text) for status, text in pages] == [(200, subject)] * 3
    assert any("Sixty percent" in text for _, text in pages) is body
    assert ("Sixty percent" in (await read(client, f"/interactions/{item.id}"))[1]) is body
    assert ("Sixty" in (await read(client, f"/contacts/{who}/timeline?q=sixty"))[1]) is body
    assert (await read(client, f"/interactions/{item.id}/body"))[0] == (200 if body else 404)


async def test_a_private_mail_is_nowhere_for_others(office: Office) -> None:
    who = await contact(office, "Li Na", LI_NA)
    item = await arrived(office, mail("m2", "To Ada alone", copy=Copy("INBOX", "1", audience="ada")))
    ada, ben = await office.person("ada", Authority.AGENT, "ada"), await office.person("ben", Authority.AGENT, "ben")
    places = (f"/contacts/{who}", "/inbox", "/search?q=alone", "/")
    assert ["To Ada alone" in (await read(ada, place))[1] for place in places] == [True] * 4
    assert ["To Ada alone" in (await read(ben, place))[1] for place in places] == [False] * 4
    for path in (f"/inbox/{item.conversation_id}", f"/interactions/{item.id}", f"/interactions/{item.id}/files/0"):
        assert (await read(ben, path))[0] == 404
    assert (await send(ben, f"/interactions/{item.id}/notes", text="seen"))[0] == 404


async def test_only_administrators_see_quarantine_and_logins(office: Office) -> None:
    rubbish = Unreadable(b"rubbish\x00", "no mail header", datetime(2026, 11, 20, tzinfo=UTC))
    await office.service.ingest.record("mail", [rubbish], live=False)
    admin, agent = await office.person("root", Authority.ADMIN), await office.person("ben", Authority.AGENT, "ben")
    _, page = await read(admin, "/sources")
    held = re.search(r"/quarantine/(\d+)", page)
    assert held
    assert "rubbish␀" in (await read(admin, held[0]))[1]
    assert "no mail header" not in (await read(agent, "/sources"))[1]
    assert (await read(agent, held[0]))[0] == 403
    assert (await send(agent, f"{held[0]}/replay"))[0] == 403
    status, table = await send(admin, f"{held[0]}/replay")
    assert status == 200
    assert "rubbish" not in table
    assert 'class="held"' in table
    assert "Who may sign in" in (await read(admin, "/settings"))[1]
    assert "Who may sign in" not in (await read(agent, "/settings"))[1]


# --- a mail in its frame --------------------------------------------------------------------------------------------


async def test_a_mail_in_its_frame_runs_and_loads_nothing(office: Office) -> None:
    item = await arrived(office, mail("m3", html=HTML))
    client = await office.person("ada", Authority.AGENT, "ada")
    _, unfolded = await read(client, f"/interactions/{item.id}")
    assert f'src="/interactions/{item.id}/body" sandbox="allow-same-origin allow-popups' in unfolded
    assert "allow-scripts" not in unfolded
    async with client.get(f"/interactions/{item.id}/body") as answer:
        policy, body = answer.headers["Content-Security-Policy"], await answer.text()
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "img-src 'self' data:;" in policy
    assert "<b>Ada</b>" in body
    assert not re.search(r"<script|alert|<form|<input|javascript:|[^-]src=\"https://tracker", body)
    assert re.search(r"<details><summary>Earlier mails.*What you wrote last week", body, re.DOTALL)
    async with client.get(f"/interactions/{item.id}/body?images=1") as answer:
        assert "img-src 'self' data: https: http:;" in answer.headers["Content-Security-Policy"]
        assert ' src="https://tracker.example/x.gif"' in await answer.text()
    picture = re.search(r'src="(/interactions/\d+/files/\d+\?inline)"', body)
    assert picture
    async with client.get(picture[1]) as answer:
        assert (answer.headers["Content-Type"], await answer.read()) == ("image/png", PNG)


async def test_attachments_are_kept_never_opened(office: Office) -> None:
    item = await arrived(office, mail("m4", html=HTML))
    client = await office.person("ada", Authority.AGENT, "ada")
    _, unfolded = await read(client, f"/interactions/{item.id}")
    links = re.findall(r'href="(/interactions/\d+/files/\d+)" download', unfolded)
    assert len(links) == 2
    for link in (*links, f"{links[1]}?inline"):
        async with client.get(link) as answer:
            assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with client.get(links[0]) as answer:
        assert "filename*=UTF-8''offer%20_200_%20%E6%8A%A5%E4%BB%B7.pdf" in answer.headers["Content-Disposition"]
        assert await answer.read() == b"%PDF"


async def test_what_is_quoted_is_folded_and_nothing_is_lost(office: Office) -> None:
    item = await arrived(office, mail("m5", text="Fine.\n\nOn Monday, Ada wrote:\n> See https://a.example/x?a=1&b=2\n"))
    client = await office.person("ada", Authority.AGENT, "ada")
    _, unfolded = await read(client, f"/interactions/{item.id}")
    assert re.search(r'<div class="written">Fine\.</div>', unfolded)
    quoted = re.search(r"<details class=\"quoted\">.*?</details>", unfolded, re.DOTALL)
    assert quoted
    assert 'href="https://a.example/x?a=1&amp;b=2" target="_blank" rel="noopener noreferrer nofollow"' in quoted[0]


# --- people ---------------------------------------------------------------------------------------------------------


async def test_naming_a_stranger_brings_what_came_before(office: Office) -> None:
    item = await arrived(office, mail("m6"))
    client = await office.person("ada", Authority.AGENT, "ada")
    assert "Li Na" in (await read(client, "/"))[1].partition("Who is this?")[2]
    async with client.post(
        "/contacts", data={"name": "李娜", "company": "光谱", "handle": LI_NA}, allow_redirects=False
    ) as answer:
        assert answer.status == 303
        page = answer.headers["Location"]
    assert f'data-entry="{item.id}"' in (await read(client, page))[1]
    assert "李娜" in (await read(client, f"/inbox/{item.conversation_id}", **{"X-Fragment": "1"}))[1]


async def test_a_number_that_is_somebody_elses_is_refused_by_name_and_may_be_shared(office: Office) -> None:
    await contact(office, "Anna", "tel:+493055512300")
    peter = await contact(office, "Peter")
    client = await office.person("ada", Authority.AGENT, "ada")
    status, said = await send(client, f"/contacts/{peter}/link", handle="030 55512300")
    assert status == 422
    assert "+49 30 55512300 already belongs to Anna." in said
    assert "They share it" in said
    assert (await send(client, f"/contacts/{peter}/link", handle="030 55512300", shared="1", then="stay"))[0] == 204
    assert "shared with others" in (await read(client, f"/contacts/{peter}"))[1]
    assert "neither a phone number" in (await send(client, f"/contacts/{peter}/link", handle="Peter"))[1]
    assert "one of our own" in (await send(client, "/contacts", name="Desk", handle="+49 30 123456"))[1]
    assert "needs a name" in (await send(client, "/contacts", name="", handle=""))[1]


async def test_an_address_that_is_taken_away_can_be_given_back(office: Office) -> None:
    who = await contact(office, "Li Na", LI_NA)
    item = await arrived(office, mail("m7"))
    client = await office.person("ada", Authority.AGENT, "ada")
    status, handles = await send(client, f"/contacts/{who}/unlink", handle=LI_NA)
    assert status == 200
    assert "Undo" in handles
    assert f'data-entry="{item.id}"' not in (await read(client, f"/contacts/{who}"))[1]
    await send(client, f"/contacts/{who}/link", handle=LI_NA, then="stay")
    assert f'data-entry="{item.id}"' in (await read(client, f"/contacts/{who}"))[1]


async def test_markup_in_names_and_subjects_is_text(office: Office) -> None:
    who = await contact(office, "<b>Li</b>", LI_NA)
    await arrived(office, mail("m8", "<script>alert(1)</script>", "& more"))
    client = await office.person("ada", Authority.AGENT, "ada")
    for path in ("/", "/inbox", "/contacts", f"/contacts/{who}", f"/contacts/{who}/timeline?q=script", "/search?q=li"):
        _, text = await read(client, path)
        assert "<b>Li</b>" not in text
        assert "<script>alert" not in text


async def test_the_timeline_goes_on_where_the_page_ended(office: Office) -> None:
    who = await contact(office, "Li Na", LI_NA)
    await office.service.ingest.record("mail", [mail(f"p{n}", f"Mail {n}") for n in range(95)], live=False)
    client = await office.person("ada", Authority.AGENT, "ada")
    seen: list[str] = []
    path: str | None = f"/contacts/{who}/timeline"
    while path:
        _, text = await read(client, path)
        seen += re.findall(r'data-entry="(\d+)"', text)
        assert text.count('class="heading"') == text.count('class="heading" hidden') or len(seen) <= 40
        more = re.search(r'hx-get="(/contacts/\d+/timeline\?after=[^"]+)"', text)
        path = more[1].replace("&amp;", "&") if more else None
    assert len(seen) == len(set(seen)) == 95


async def test_notes_are_kept_changed_and_taken_back(office: Office) -> None:
    item = await arrived(office, mail("m9"))
    ada, ben = await office.person("ada", Authority.AGENT, "ada"), await office.person("ben", Authority.AGENT, "ben")
    path, as_json = f"/interactions/{item.id}/notes", {"Accept": "application/json"}

    async def note(client: aiohttp.ClientSession, **form: str) -> str:
        async with client.post(path, data=form, headers=as_json) as answer:
            return str((await answer.json())["id"])

    first = await note(ada, text="asks for")
    assert await note(ada, text="asks for a discount", id=first) == first
    assert await note(ben, text="mine now", id=first) != first
    _, unfolded = await read(ben, f"/interactions/{item.id}")
    assert "asks for a discount" in unfolded
    assert "mine now" in unfolded
    assert await note(ada, text="", id=first) == ""
    assert "asks for" not in (await read(ada, f"/interactions/{item.id}"))[1]


# --- pops -----------------------------------------------------------------------------------------------------------


async def test_a_card_is_shown_to_those_for_whom_it_rings(office: Office) -> None:
    await contact(office, "Li Na", "tel:+4917012345678")
    await office.call("c1", "ringing")
    ada, other = await office.person("ada", Authority.AGENT, "ada"), await office.person("carl", Authority.AGENT)
    (pop,) = await office.service.pops.ringing("ada")
    status, card = await read(ada, f"/pops/{pop['id']}/card")
    assert status == 200
    assert "+49 170 12345678 is the number of Li Na, confirmed on" in card
    assert "also rings for Ben" in card
    assert (await read(other, f"/pops/{pop['id']}/card"))[0] == 404
    assert (await send(other, f"/pops/{pop['id']}/who", name="X"))[0] == 404
    assert f'"id": "{pop["id"]}"' in (await read(ada, "/calls"))[1]


async def test_who_calls_is_said_in_one_step(office: Office) -> None:
    await office.call("c2", "ringing", **{"from": "+4940334455"})
    ada = await office.person("ada", Authority.AGENT, "ada")
    (pop,) = await office.service.pops.ringing("ada")
    assert "Hamburg" in (await read(ada, f"/pops/{pop['id']}/card"))[1]
    status, card = await send(ada, f"/pops/{pop['id']}/who", name=" ")
    assert (status, "needs a name" in card) == (422, True)
    status, card = await send(ada, f"/pops/{pop['id']}/who", name="Nina", company="Elbe")
    assert (status, 'data-name="Nina"' in card) == (200, True)
    (contact_,) = await office.service.directory.by_handle(HUB, "+4940334455")
    assert contact_.name == "Nina"


async def test_a_marketer_changes_nothing_and_reads_no_words(office: Office) -> None:
    who = await contact(office, "Li Na", LI_NA)
    await arrived(office, mail("m10", "Secret price"))
    client = await office.person("mia", Authority.MARKETER)
    assert "Secret price" not in (await read(client, f"/contacts/{who}"))[1]
    assert (await send(client, f"/contacts/{who}", name="Other"))[0] == 403


# --- the pages outside ----------------------------------------------------------------------------------------------


async def test_a_wrong_password_says_so_on_the_form(office: Office) -> None:
    await office.login("ada")
    client = await office.client()
    async with client.post("/login", data={"name": "ada", "password": "wrong", "next": "/calls"}) as answer:
        page = await answer.text()
        assert answer.status == 401
    assert "Name or password is wrong." in page
    assert 'name="name" value="ada"' in page
    assert 'name="next" value="/calls"' in page
    async with client.post(
        "/login", data={"name": "ada", "password": PASSWORD, "next": "https://evil.example"}, allow_redirects=False
    ) as answer:
        assert answer.headers["Location"] == "/"


async def test_errors_are_pages_in_the_readers_language(office: Office) -> None:
    client = await office.client()
    status, page = await read(client, "/nowhere", **{"Accept-Language": "zh-TW,zh;q=0.9"})
    assert status == 404
    assert '<html lang="zh-Hant"' in page
    assert "這裡什麼也沒有" in page
    ada = await office.person("ada")
    for path in ("/contacts/9999999999999999999", "/inbox/0", "/interactions/1", "/pops/1/card", "/contacts/x"):
        assert (await read(ada, path))[0] == 404, path
    status, page = await read(client, "/setup/used-up")
    assert status == 410
    assert "This link is used up" in page


@pytest.mark.parametrize(
    ("accepted", "tag"),
    [
        ("", "en"),
        ("de-DE,de;q=0.9", "en"),
        ("zh-CN", "zh-Hans"),
        ("zh-SG", "zh-Hans"),
        ("zh-HK;q=0.8, fr;q=0.9", "zh-Hant"),
        ("zh-Hant-TW", "zh-Hant"),
        ("fr, zh;q=0.5, en;q=0.7", "en"),
    ],
)
async def test_the_browser_says_which_language(office: Office, accepted: str, tag: str) -> None:
    client = await office.client()
    _, page = await read(client, "/login", **{"Accept-Language": accepted})
    assert f'<html lang="{tag}"' in page


async def test_a_persons_own_choice_beats_the_browsers(office: Office) -> None:
    client = await office.person("ada", Authority.AGENT, "ada")
    async with client.post("/settings", data={"language": "zh-Hans", "timezone": "Asia/Shanghai"}) as answer:
        assert answer.status == 200
        page = await answer.text()
    assert '<html lang="zh-Hans"' in page
    assert "Asia/Shanghai" in page
    item = await arrived(office, mail("m11"))
    assert "2026年11月20日星期五 17:00:00" in (await read(client, f"/interactions/{item.id}"))[1]


async def test_no_page_carries_a_script_or_a_style_of_its_own(office: Office) -> None:
    client = await office.person("ada", Authority.ADMIN, "ada")
    await arrived(office, mail("m12"))
    for path in ("/", "/inbox", "/contacts", "/calls", "/sources", "/settings", "/contacts/new"):
        status, page = await read(client, path)
        assert status == 200
        inline = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>|\sstyle=|\son\w+=|<style", page)
        assert inline == [], path
