"""The form as browsers without scripts, programs, and machines that send spam meet it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from hub.vocabulary import Channel
from hub.web.visitors import gate
from tests.hub.web.office import Office, open_office
from tests.hub.web.visitors.conftest import LI_NA, SITE, VISITORS, document, got, inbox, page, sent, stamp

FORM = "/form/contact-form"
CHINESE = {"Accept-Language": "zh-CN"}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """That firm's hub; what differs between the databases the chat's tests show."""
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, VISITORS) as opened:
        yield opened


async def shown(client: aiohttp.ClientSession, form: dict[str, str], status: int) -> str:
    """The page that answers to a form."""
    async with client.post(FORM, data=form) as answer:
        assert answer.status == status
        return await answer.text()


async def test_a_lead_is_matched_owned_and_answered_like_any_other_message(
    office: Office, stranger: aiohttp.ClientSession, ada: aiohttp.ClientSession
) -> None:
    await sent(ada, "/api/v1/contacts", {"name": "Li Na Chen", "handles": [{"handle": LI_NA["mail"]}]}, 201)
    async with stranger.post(FORM, data=page(stamp(office)), allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, f"{FORM}?sent=1")
    async with stranger.get(f"{FORM}?sent=1") as answer:
        assert "Thanks, until soon." in await answer.text()
    (lead,) = await inbox(ada)
    assert (lead["channel"], lead["title"], lead["team"], lead["state"]) == ("web", "Write to us", "sales", "open")
    assert lead["who"]["name"] == "Li Na Chen"
    answering = await got(ada, f"/api/v1/conversations/{lead['id']}/answering")
    assert answering["channel"] == "email"
    begun = await got(ada, f"/api/v1/conversations/{lead['id']}/answer")
    assert begun["reply"]["to"] == ["Li Na <li.na@customer.example>"]
    assert begun["subject"] == "Re: Write to us"
    assert "> Do you repair lamps?" in begun["quoted"]
    refused = await sent(ada, f"/api/v1/conversations/{lead['id']}/letters", {"text": "Yes"}, 409)
    assert (refused["type"].rpartition(":")[2], refused["detail"]) == (
        "no-sender",
        "No mailbox that you may use is set up for sending.",
    )


async def test_who_left_only_a_phone_is_answered_by_text(
    office: Office, stranger: aiohttp.ClientSession, ada: aiohttp.ClientSession
) -> None:
    await sent(stranger, FORM, document(stamp(office), mail="", phone="030 901820"), 202)
    (lead,) = await inbox(ada)
    assert lead["who"]["handle"] == "tel:+4930901820"
    answering = await got(ada, f"/api/v1/conversations/{lead['id']}/answering")
    assert (answering["channel"], answering["to"]) == ("sms", "tel:+4930901820")
    assert [each["source"] for each in answering["identities"]] == ["front-desk"]
    letter = await sent(ada, f"/api/v1/conversations/{lead['id']}/letters", {"text": "Yes, we do."}, 201)
    assert (letter["channel"], letter["conversation"]) == ("sms", lead["id"])


async def test_two_clicks_and_a_reload_are_one_lead(
    office: Office, stranger: aiohttp.ClientSession, ada: aiohttp.ClientSession
) -> None:
    once = stamp(office)
    for _ in range(3):
        await sent(stranger, FORM, document(once), 202)
    await shown(stranger, page(once), 200)
    assert len(await inbox(ada)) == 1
    await sent(stranger, FORM, document(stamp(office)), 202)
    assert len(await inbox(ada)) == 2


async def test_what_is_wrong_is_marked_and_nothing_typed_is_lost(
    office: Office, stranger: aiohttp.ClientSession, ada: aiohttp.ClientSession
) -> None:
    wrong = page(stamp(office), mail="li at home", message="<b>Lamps & more</b>") | {"consent": ""}
    back = await shown(stranger, wrong, 422)
    assert 'value="li at home"' in back
    assert "&lt;b&gt;Lamps &amp; more&lt;/b&gt;" in back
    assert 'aria-describedby="mail-wrong"' in back
    assert 'aria-describedby="consent-wrong"' in back
    for token in ("", stamp(office, seconds=90_000), stamp(office, source="another"), "1.2.3"):
        again = await shown(stranger, page(token), 422)
        assert "send it once more" in again
        assert "Do you repair lamps?" in again
        assert re.search(r'name="token" value="\d{10}\.', again)
        problem = await sent(stranger, FORM, document(token), 422)
        assert problem["token"] != token
    bad = {"token": stamp(office), "answers": {"name": "Li", "mail": "no", "bogus": "x"}, "consent": True}
    problem = await sent(stranger, FORM, bad, 422)
    assert {each["field"] for each in problem["errors"]} == {"mail", "message", "bogus"}
    assert await inbox(ada) == []


@pytest.mark.parametrize(
    ("reason", "seconds", "answers"),
    [
        ("trap", 30, {"website": "https://buy.example"}),
        ("quick", 1, {}),
        ("throw-away", 30, {"mail": "somebody@mailinator.com"}),
        ("links", 30, {"message": "http://a.example http://b.example [url=http://c.example]c[/url]"}),
        ("links", 30, {"name": "Win at https://casino.example"}),
    ],
)
async def test_what_looks_like_spam_is_held_and_can_be_released(
    office: Office,
    stranger: aiohttp.ClientSession,
    ada: aiohttp.ClientSession,
    reason: str,
    seconds: float,
    answers: dict[str, str],
) -> None:
    once = page(stamp(office, seconds), **answers)
    assert "Thanks, until soon." in await shown(stranger, once, 200)
    await shown(stranger, once, 200)
    assert await inbox(ada) == []
    (held,) = (await got(ada, "/api/v1/leads", state="suspected"))["items"]
    assert held["reasons"] == [reason]
    await sent(ada, f"/api/v1/leads/{held['id']}/release", status=204)
    assert (await got(ada, "/api/v1/leads"))["items"] == []
    (lead,) = await inbox(ada)
    assert (lead["channel"], lead["state"], lead["team"]) == ("web", "open", "sales")
    await sent(ada, f"/api/v1/leads/{held['id']}/release", status=404)


async def test_agents_see_what_is_held_on_the_page_of_the_sources(
    office: Office, stranger: aiohttp.ClientSession, ada: aiohttp.ClientSession
) -> None:
    for name in ("Li Na", "Casino"):
        await sent(stranger, FORM, document(stamp(office, 1), name=name), 202)
    person = await office.person("ada", agent="ada")
    held = (await got(ada, "/api/v1/leads"))["items"]
    async with person.get("/sources") as answer:
        page_shown = await answer.text()
    assert "it was sent within three seconds" in page_shown
    assert [each["name"] for each in held] == ["Casino", "Li Na"]
    for lead, deed in zip(held, ("discard", "release"), strict=True):
        async with person.post(f"/leads/{lead['id']}/{deed}", headers={"HX-Request": "true"}) as answer:
            assert answer.status == 200, await answer.text()
            page_shown = await answer.text()
    assert "Leads that look like spam" not in page_shown
    (lead,) = await inbox(ada)
    assert lead["who"]["name"] == "Li Na"


async def test_a_flood_is_held_and_one_address_is_slowed_down(
    office: Office, stranger: aiohttp.ClientSession, ada: aiohttp.ClientSession
) -> None:
    for _ in range(gate.FORMS_OF_SOURCE - 1):
        assert office.app[gate.GATE].flooded("contact-form") is False
    for _ in range(gate.FORMS_OF_ADDRESS):
        await sent(stranger, FORM, document(stamp(office)), 202)
    async with stranger.post(FORM, json=document(stamp(office))) as answer:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0
    assert len(await inbox(ada)) == 1
    held = (await got(ada, "/api/v1/leads"))["items"]
    assert {tuple(each["reasons"]) for each in held} == {("flood",)}
    await sent(ada, f"/api/v1/leads/{held[0]['id']}/discard", status=204)
    assert len((await got(ada, "/api/v1/leads"))["items"]) == gate.FORMS_OF_ADDRESS - 2


async def test_an_address_of_ours_makes_nobody_one_of_us(
    office: Office, stranger: aiohttp.ClientSession, ada: aiohttp.ClientSession
) -> None:
    await sent(stranger, FORM, document(stamp(office), mail="ada@example.org"), 202)
    (lead,) = await inbox(ada)
    assert lead["who"]["handle"].startswith("web:")
    assert lead["unread"] is True
    await sent(stranger, FORM, document(stamp(office), mail="", phone="+49 30 999999"), 202)
    assert len(await inbox(ada)) == 1  # whom the config never records


async def test_the_sites_of_the_config_and_no_others(office: Office, stranger: aiohttp.ClientSession) -> None:
    async with stranger.get(FORM) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert f"frame-ancestors 'self' {SITE};" in policy
        assert "Set-Cookie" not in answer.headers
    for origin, allowed in ((SITE, SITE), ("https://evil.example", None)):
        for path in (FORM, f"{FORM}/token"):
            async with stranger.options(path, headers={"Origin": origin}) as answer:
                assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        async with stranger.post(FORM, json=document(stamp(office)), headers={"Origin": origin}) as answer:
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    async with stranger.get(FORM, headers=CHINESE) as answer:
        assert "联系我们" in await answer.text()
    for path in ("/form/website-chat", "/chat/contact-form", "/form/pbx", "/form/none"):
        async with stranger.get(path) as answer:
            assert answer.status == 404


async def test_what_is_too_large_is_refused_before_it_is_read(office: Office, stranger: aiohttp.ClientSession) -> None:
    async with stranger.post(FORM, data=page(stamp(office), message="x" * gate.LARGEST)) as answer:
        assert answer.status == 413
    async with stranger.post(FORM, data=b'{"answers": {', headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 400
    async with stranger.post(FORM, data=page(stamp(office), message="x" * 5001)) as answer:
        assert answer.status == 422


async def test_while_the_store_is_full_the_form_keeps_what_was_typed(tmp_path: Path) -> None:
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, VISITORS) as office:
        store, client = office.service.store, await office.client()
        pages = await store.read(lambda conn: conn.exec_driver_sql("PRAGMA page_count").scalar_one())
        await store.write(lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar_one())
        long = "Do you repair lamps? " + "lamp " * 900
        status, back, once = 0, "", page("")
        for _ in range(gate.FORMS_OF_ADDRESS):
            once = page(stamp(office), message=long)
            async with client.post(FORM, data=once, allow_redirects=False) as answer:
                status, back = answer.status, await answer.text()
            if status != 303:
                break
        assert status == 503
        assert "Do you repair lamps?" in back
        assert f'value="{once["token"]}"' in back
        await store.write(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count = 100000").scalar_one())
        async with client.post(FORM, data=once, allow_redirects=False) as answer:
            assert answer.status == 303


async def test_after_it_she_is_led_where_the_config_says(tmp_path: Path) -> None:
    toml = VISITORS.replace('thanks = "Thanks, until soon."', f'redirect = "{SITE}/thanks"')
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, toml) as office:
        client = await office.client()
        async with client.post(FORM, data=page(stamp(office)), allow_redirects=False) as answer:
            assert answer.headers["Location"] == f"{SITE}/thanks"
        async with client.get(FORM) as answer:
            assert f"form-action 'self' {SITE}" in answer.headers["Content-Security-Policy"]
        lead = await office.service.store.read(
            lambda conn: conn.exec_driver_sql("SELECT channel, key FROM interactions").one()
        )
        assert lead.channel == Channel.WEB
        assert lead.key.startswith("web:")
