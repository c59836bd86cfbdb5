"""Of an author whose posts tell only an id, name and reach stand there a moment later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import hub
from hub.mentions.authors import WAIT_SECONDS, Authors
from hub.mentions.listing import Filter, MentionView
from hub.privacy.visibility import HUB
from tests.hub.mentions.posts import LI, deletion, post, repost
from tests.hub.web.office import TOML, Office, open_office

FAN = "did:plc:fan"


class People(hub.Profiles):
    """A platform that knows *known*, and notes what it was *asked*."""

    Settings = hub.Settings
    most = 2

    def __init__(self) -> None:
        self.known = {LI: hub.Profile("Li Na", 1200), FAN: hub.Profile("Fan", 80)}
        self.asked: list[list[str]] = []
        self.down = False
        self.asked_again = asyncio.Event()

    async def look_up(self, handles: Sequence[str]) -> Mapping[str, hub.Profile]:
        self.asked.append(list(handles))
        self.asked_again.set()
        if self.down:
            raise hub.Unavailable("nobody is there")
        return {handle: self.known[handle] for handle in handles if handle in self.known}


@pytest.fixture
async def office(store_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(store_url, tmp_path, TOML) as opened:
        await opened.service.watch.make(HUB, "Brand", "ExampleBrand", ["ada"])
        yield opened


async def the_mention(office: Office) -> MentionView:
    (mention,) = (await office.service.watch.listed(HUB, Filter())).items
    return mention


def authors(office: Office, people: People, now: datetime | None = None) -> Authors:
    service = office.service
    return Authors(service.store, service.ingest, service.live, {"bluesky": people}, lambda: now or datetime.now(UTC))


async def test_an_author_gets_her_name_and_her_reach_and_so_does_who_spread_it(office: Office) -> None:
    service, people = office.service, People()
    await service.ingest.record("bluesky", [post("at:1", name="")])
    await service.ingest.record("bluesky", [repost("at:2", "at:1", reach=None)])
    looking = authors(office, people)
    assert await looking.look() == 1
    mention = await the_mention(office)
    assert (mention.author, mention.author_name) == (LI, "Li Na")
    assert (mention.reach, mention.whole_reach) == (1200, 1280)
    assert mention.text
    assert await looking.look() == 0
    assert people.asked == [[LI, FAN]]


async def test_what_nobody_knows_is_not_asked_again_at_once(office: Office) -> None:
    people = People()
    people.known = {}
    await office.service.ingest.record("bluesky", [post("at:1", name="")])
    looking = authors(office, people)
    assert await looking.look() == 0
    assert await looking.look() == 0
    assert people.asked == [[LI]]
    assert (await the_mention(office)).reach is None


async def test_a_platform_that_is_down_is_left_alone_for_a_while(office: Office) -> None:
    service, people, now = office.service, People(), datetime.now(UTC)
    people.down = True
    await service.ingest.record("bluesky", [post("at:1", name="")])
    looking = Authors(service.store, service.ingest, service.live, {"bluesky": people}, lambda: now)
    assert await looking.look() == 0
    people.down = False
    assert await looking.look() == 0
    assert len(people.asked) == 1
    now += timedelta(seconds=WAIT_SECONDS)
    assert await looking.look() == 1


async def test_of_a_post_that_was_taken_down_nobody_is_asked(office: Office) -> None:
    people = People()
    await office.service.ingest.record("bluesky", [post("at:1", name="")])
    await office.service.ingest.record("bluesky", [deletion("at:1")])
    assert await authors(office, people).look() == 0
    assert people.asked == []


async def test_a_running_hub_asks_by_itself(office: Office) -> None:
    people = People()
    async with asyncio.timeout(30), authors(office, people):
        await office.service.ingest.record("bluesky", [post("at:1", name="")])
        await people.asked_again.wait()
