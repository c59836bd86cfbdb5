"""The Sources page: what it says of each state, of a first reading, of the last day, and what can be done there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import aiohttp
import pytest

from hub.privacy.visibility import Authority, Scope
from hub.sources import State
from hub.sources.canary import Flight
from hub.sources.habits import Quiet
from hub.sources.lag import Measured, measured
from hub.sources.reading import Progress
from hub.sources.states import Said, say
from hub.store.schema import sources
from hub.vocabulary import Freshness
from hub.web.i18n import Reader
from hub.web.pages import source_words
from hub.web.pages.source_words import Known
from tests.hub.web.office import Office, open_office
from tests.hub.web.pages.test_pages import read, send

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
READER = Reader("en", "UTC", NOON)
UP = Known(State.LISTENING.value, 0, 0.0, NOON - timedelta(minutes=3))
FLIGHT = Flight("mail", ("ab",), NOON - timedelta(minutes=30), NOON - timedelta(minutes=30) + timedelta(seconds=4), "")


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "reading", "flight", "words", "tone"),
    [
        (Known(), None, None, "waits for its first message", ""),
        (replace(Known(), last_item_at=NOON), None, None, "listening", "well"),
        (UP, None, FLIGHT, "up to date, measured 3 min ago", "well"),
        (replace(UP, behind_messages=312, behind_seconds=120.0), None, None,
         "behind by 312 messages, catching up, 2 min", "waiting"),
        (replace(UP, behind_messages=1, behind_seconds=None), None, None,
         "behind by 1 message, catching up", "waiting"),
        (replace(UP, behind_messages=1312, behind_seconds=7200.0), None, None,
         "behind by 1,312 messages for 2 hr", "late"),
        (replace(UP, behind_messages=8000, behind_seconds=7200.0), Progress(1, 2, None, None), None,
         "reads what is there for the first time", "waiting"),
        (UP, None, replace(FLIGHT, cause="It did not come back."), "the test mail did not come back", "late"),
        (Known(State.WAITING.value, next_try_at=NOON + timedelta(minutes=2)), None, None,
         "cannot be reached, trying again in 2 min", "waiting"),
        (Known(State.WAITING.value, next_try_at=NOON), None, None, "cannot be reached, trying again", "waiting"),
        (Known(State.REJECTED.value), None, None, "the provider refuses us", "late"),
    ],
)  # fmt: skip
def test_a_state_in_words(known: Known, reading: Progress | None, flight: Flight | None, words: str, tone: str) -> None:
    assert source_words.said(READER, known, reading, flight, permission=False) == (words, tone)


def test_whoever_permits_us_is_asked_to_sign_in_again() -> None:
    rejected = Known(State.REJECTED.value)

    assert source_words.said(READER, rejected, None, None, permission=True) == ("sign in again", "late")
    assert source_words.cure(READER, rejected.state, config=False, permission=True) == ""
    assert "then try now" in source_words.cure(READER, rejected.state, config=False, permission=False)


def test_a_first_reading_says_how_fast_it_goes_and_how_long_it_takes() -> None:
    assert source_words.reads(READER, Progress(1204, 9800, 62.4, 138.0)) == "1,204 of 9,800 · 62 a second · 2 min left"
    assert source_words.reads(READER, Progress(0, 9800, None, None)) == "0 of 9,800"


def test_silence_and_test_mails_are_said() -> None:
    quiet = source_words.hint(READER, Quiet(5 * 3600, 720))

    assert quiet == "quiet for 5 hr, usually every 12 min at this time of the week"
    assert source_words.hint(READER, None) == ""
    assert source_words.round_trip(READER, FLIGHT) == "the test mail of 11:30 came back after 4 sec"
    going = source_words.round_trip(READER, replace(FLIGHT, arrived_at=None))
    assert going == "a test mail is on its way since 11:30"


# --- the page -------------------------------------------------------------------------------------------------------


async def told(office: Office, news: Sequence[Said], behind: Sequence[Measured] = ()) -> None:
    now = datetime.now(UTC)

    def work(conn: object) -> None:
        say(conn, news)  # type: ignore[arg-type]
        measured(conn, behind, now)  # type: ignore[arg-type]

    await office.service.store.write(work)


async def lines(client: aiohttp.ClientSession) -> dict[str, str]:
    """The text of each source's line, in the order of the page."""
    _, page = await read(client, "/sources", **{"HX-Request": "true"})
    rows = re.findall(r'<tr id="([^"]+)">(.*?)</tr>', page, re.DOTALL)
    return {name: " ".join(unescape(re.sub(r"<[^>]+>", " ", row)).split()) for name, row in rows}


async def test_a_first_reading_has_a_bar(office: Office) -> None:
    ben = await office.person("ben", Authority.AGENT, "ben")
    await told(office, [Said("pbx", State.LISTENING)])
    began = datetime.now(UTC) - timedelta(seconds=1000)
    await office.service.store.write(
        lambda conn: (
            conn.execute(
                sources.update().values(backfill_done=20_000, backfill_total=80_000, backfill_began_at=began)
            ).rowcount
        )
    )
    _, page = await read(ben, "/sources")

    assert '<progress max="1" value="0.2500" aria-label="First reading of pbx">' in page
    assert "20,000 of 80,000 · 20 a second · 5" in (await lines(ben))["pbx"]
    token = await office.token("t", Scope.READ)
    async with token.get("/api/v1/sources") as answer:
        found = {each["name"]: each for each in (await answer.json())["items"]}
    assert (found["pbx"]["first_reading"]["done"], found["pbx"]["first_reading"]["total"]) == (20_000, 80_000)
    assert found["pbx"]["first_reading"]["rate"] == pytest.approx(20, rel=0.1)
    assert "first_reading" not in found["front-desk"]


async def test_what_is_wrong_comes_first_with_its_cause(office: Office) -> None:
    ben = await office.person("ben", Authority.AGENT, "ben")
    cause = "The server refuses the password."
    behind = Measured("front-desk", Freshness(312, 120.0))
    await told(office, [Said("front-desk", State.LISTENING), Said("pbx", State.REJECTED, cause)], [behind])
    found = await lines(ben)

    assert list(found) == ["pbx", "front-desk"]
    assert f"the provider refuses us {cause} Renew the password" in found["pbx"]
    assert "behind by 312 messages, catching up, 2 min" in found["front-desk"]
    _, page = await read(ben, "/sources")
    assert "1 needs you" in page
    assert "1 is not up to date" in page


async def test_the_last_day_is_a_table_too(office: Office) -> None:
    assert await office.call("c1", "missed") == 204
    await told(office, [Said("pbx", State.LISTENING)], [Measured("pbx", Freshness(312, 120.0))])
    ben = await office.person("ben", Authority.AGENT, "ben")
    _, page = await read(ben, "/sources")
    status, day = await read(ben, "/sources/pbx/day")

    assert 'aria-label="pbx: 1 item in the last day, behind in 1 hour"' in page
    assert status == 200
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", day)
    assert len(rows) == 24
    assert ">1<" in rows[0]
    assert ">312<" in rows[0]
    assert "not measured" in rows[5]
    assert (await read(ben, "/sources/nobody/day"))[0] == 404


async def test_only_administrators_try_a_source(office: Office) -> None:
    await told(office, [Said("pbx", State.REJECTED, "No.")])
    ben, root = await office.person("ben", Authority.AGENT, "ben"), await office.person("root", Authority.ADMIN)

    assert "Try now" not in (await lines(ben))["pbx"]
    assert "Try now" in (await lines(root))["pbx"]
    assert (await send(ben, "/sources/pbx/retry"))[0] == 403
    assert (await send(root, "/sources/pbx/retry"))[0] == 404, "this office runs no sources"
    token = await office.token("t", Scope.WRITE)
    async with token.post("/api/v1/sources/pbx/retry") as answer:
        assert answer.status == 403


# --- a thousand of them ---------------------------------------------------------------------------------------------


@pytest.fixture
async def large(tmp_path: Path) -> AsyncIterator[Office]:
    """An office with 1,000 mailboxes."""
    toml = '[hub]\nstore = "{store}"\n' + "".join(
        f'[sources.mail-{number:04}]\nprovider = "imap"\nhost = "imap.example.org"\nusername = "u"\n'
        'password = "env:PBX_TOKEN"\n'
        for number in range(1000)
    )
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, toml) as office:
        yield office


async def test_of_a_thousand_the_first_hundred_are_shown_and_any_can_be_found(large: Office) -> None:
    await told(large, [Said("mail-0999", State.REJECTED, "No.")])
    ben = await large.person("ben", Authority.AGENT)
    found = await lines(ben)

    assert len(found) == 100
    assert next(iter(found)) == "mail-0999"
    assert "Show 900 more" in (await read(ben, "/sources"))[1]
    assert "mail-0500" in (await read(ben, "/sources?all=1"))[1]
    _, page = await read(ben, "/sources?q=0500")
    assert re.findall(r'<tr id="([^"]+)">', page) == ["mail-0500"]
