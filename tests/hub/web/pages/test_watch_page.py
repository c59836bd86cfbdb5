"""The pages of what is watched, over HTTP: who may see what, and what an address must never become."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import pytest

from hub import Channel, Event, Mention, Participant, Role
from hub.mentions.listing import Filter
from hub.privacy.visibility import HUB
from hub.web.pages.watch import around, outside, pieces
from tests.hub.web.office import Office


async def heard(office: Office, url: str) -> int:
    """A post that a query finds; answers the mention's id."""
    await office.service.watch.make(HUB, "Name", "acme", ["ada"])
    at = datetime.now(UTC)
    by = Participant("acct:li@social.example", Role.SENDER, "<b>Li</b>")
    facts = Mention(participants=(by,), text="<script>Acme</script>", url=url, posted_at=at, site="social.example")
    event = Event(key="mastodon:social.example/1", id="1", channel=Channel.SOCIAL, at=at, facts=facts)
    await office.service.ingest.record("social", [event])
    return (await office.service.watch.listed(HUB, Filter())).items[0].id


async def read(client: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, str]:
    """Status and text of *path*."""
    async with client.get(path, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def test_what_strangers_write_stays_text_and_only_web_addresses_are_links(office: Office) -> None:
    mention = await heard(office, "javascript:alert(1)")
    ada = await office.person("ada", agent="ada")
    status, text = await read(ada, f"/watch/{mention}")
    assert status == 200
    assert "javascript:" not in text
    assert "&lt;script&gt;<mark>Acme</mark>&lt;/script&gt;" in text
    assert "&lt;b&gt;Li&lt;/b&gt;" in text
    assert outside("https://a.example/1") == "https://a.example/1"
    assert outside("data:text/html,x") == outside("https://[") == ""


async def test_pages_of_nothing_and_for_nobody(office: Office) -> None:
    ada = await office.person("ada", agent="ada")
    for path in ("/watch/1", "/watch/queries/1", "/watch/1/proposals"):
        assert (await read(ada, path))[0] == 404
    for path in ("/watch", "/watch?query=x&state=y&days=5&after=z", "/watch/charts?days=1", "/watch/queries/new"):
        assert (await read(ada, path))[0] == 200
        assert (await read(await office.client(), path))[0] == 303


async def test_the_volume_is_a_file_of_numbers(office: Office) -> None:
    await heard(office, "https://social.example/1")
    status, text = await read(await office.person("ada", agent="ada"), "/watch/charts?format=csv&days=7")
    rows = [line.split(",") for line in text.splitlines()]
    assert (status, rows[0][:2]) == (200, ["at", "count"])
    assert sum(int(row[1]) for row in rows[1:]) == 1


@pytest.mark.parametrize(
    ("spans", "found"),
    [
        ([], (("a lamp", False),)),
        ([(2, 6)], (("a ", False), ("lamp", True))),
        ([(2, 5), (4, 6)], (("a ", False), ("lam", True), ("p", True))),
        ([(5, 99)], (("a lam", False), ("p", True))),
    ],
)
def test_highlights_lie_where_the_query_matched(
    spans: list[tuple[int, int]], found: tuple[tuple[str, bool], ...]
) -> None:
    assert pieces("a lamp", spans) == found


def test_the_list_shows_the_place_that_matched() -> None:
    text = f"{'x ' * 200}lamp"
    assert around(text, [(400, 404)])[-1] == ("lamp", True)
    assert around(text, [(400, 404)])[0] == ("…", False)
