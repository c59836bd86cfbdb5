"""Posts become mentions: once, with their spread, with why; and what is taken down is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from hub import Withdrawn
from hub.deletion import delete
from hub.inbox import listing
from hub.mentions.listing import Filter, MentionView
from hub.mentions.marking import Marking, Refused
from hub.mentions.posts import canonical
from hub.mentions.queries import Stale, Unknown
from hub.mentions.query import QueryError
from hub.privacy.visibility import HUB
from hub.service import Service
from hub.store.mention_tables import mention_counts, posts
from hub.store.schema import contacts, conversations, identities, metadata
from tests.hub.mentions.posts import LI, TEXT, deletion, post, repost
from tests.hub.web.office import TOML, Office, open_office

UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture
async def office(store_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(store_url, tmp_path, TOML + "\n[watch]\nkeep_an_hour = 50\n") as opened:
        yield opened


@pytest.fixture
async def quick_office(tmp_path: Path) -> AsyncIterator[Office]:
    """On SQLite alone: what these tests ask does not depend on the database."""
    async with open_office(f"sqlite:///{tmp_path / 'hub.sqlite3'}", tmp_path, TOML) as opened:
        yield opened


async def watched(office: Office, text: str = "ExampleBrand", name: str = "Brand") -> Service:
    """The hub, in which Ada watches for *text*."""
    await office.service.watch.make(HUB, name, text, ["ada"])
    return office.service


async def mentions(service: Service, **which: object) -> list[MentionView]:
    return list((await service.watch.listed(HUB, Filter(**which))).items)  # type: ignore[arg-type]


async def test_one_post_through_three_sources_with_reposts_and_copies_is_one_mention_with_its_spread(
    office: Office,
) -> None:
    service = await watched(office)
    url = "https://news.example/2026/brand?utm_source=feed&id=7"
    await asyncio.gather(
        service.ingest.record("bluesky", [post("at:1", url=url, reach=100)]),
        service.ingest.record("feed", [post("feed:9", url="http://www.news.example/2026/brand/?id=7")]),
        service.ingest.record("fediverse", [post("mastodon:a/3", url="https://news.example/2026/brand?id=7#top")]),
    )
    await service.ingest.record(
        "bluesky",
        [
            repost("at:4", "at:1", reach=900),
            repost("at:5", "at:unknown"),
            post("at:6", f"RT @li: {TEXT} https://t.example/x", author="did:plc:wang", reach=50),
        ],
    )
    (mention,) = await mentions(service)
    assert [(why.name, why.spans) for why in mention.why] == [("Brand", (("text", 35, 47),))]
    assert TEXT[35:47] == "ExampleBrand"
    assert sorted(each.how for each in mention.spread) == ["copy", "repost", "same", "same"]
    assert mention.sentiment == "positive"
    assert mention.language == "en"
    assert mention.whole_reach >= 950
    assert await service.store.read(lambda conn: conn.scalar(sa.select(sa.func.sum(mention_counts.c.count)))) == 1


async def test_a_stream_that_repeats_its_last_hour_changes_nothing(office: Office) -> None:
    service = await watched(office)
    told = [post("at:1"), post("at:2", "nothing of ours"), repost("at:3", "at:1"), post("at:4", "ExampleBrand again")]
    for _ in range(3):
        await service.ingest.record("bluesky", told)
    found = await mentions(service)
    assert sorted(each.key for each in found) == ["at:1", "at:4"]
    assert [len(each.spread) for each in found if each.key == "at:1"] == [1]
    assert await service.store.read(lambda conn: conn.scalar(sa.select(sa.func.count()).select_from(posts))) == 1
    assert await service.store.read(lambda conn: conn.scalar(sa.select(sa.func.sum(mention_counts.c.count)))) == 2


async def test_edits_and_deletions_are_honoured_and_no_word_of_what_was_taken_down_is_kept(office: Office) -> None:
    service = await watched(office)
    secret = "ExampleBrand zyxwvut"
    await service.ingest.record("bluesky", [post("at:1", secret), post("at:2", f"{secret}, for good")])
    await service.ingest.record("bluesky", [post("at:9", "unheard zyxwvut of anything")])
    (first,) = [each for each in await mentions(service) if each.key == "at:1"]
    await service.watch.mark(HUB, [first.id], Marking(sentiment="negative"))
    await service.ingest.record(
        "bluesky", [post("at:1", "Another firm altogether", id="2", edited_at=datetime.now(UTC))]
    )
    edited = await service.watch.mention(HUB, first.id)
    assert edited.text == "Another firm altogether"
    assert edited.edited_at is not None
    assert [why.stands for why in edited.why] == [False]
    assert edited.corrected_by
    assert edited.sentiment == "negative", "what a person said of it stands"
    await service.ingest.record("bluesky", [deletion("at:1"), deletion("at:2"), deletion("at:9"), deletion("at:77")])
    gone = await mentions(service)
    assert [(each.deleted, each.text, each.title) for each in gone] == [(True, "", "")] * 2
    for table in metadata.sorted_tables:
        rows = await service.store.read(lambda conn, table=table: conn.execute(sa.select(table)).all())
        assert not any("zyxwvut" in str(value) for row in rows for value in row), table.name


async def test_whoever_leaves_takes_all_posts_along(quick_office: Office) -> None:
    service = await watched(quick_office)
    await service.ingest.record(
        "bluesky", [post("at:1"), post("at:2", "ExampleBrand once more"), post("at:3", "ExampleBrand", author="did:x")]
    )
    await service.ingest.record("bluesky", [Withdrawn(LI, datetime.now(UTC))])
    assert {each.key: each.deleted for each in await mentions(service)} == {"at:1": True, "at:2": True, "at:3": False}


async def test_what_names_us_is_heard_whatever_is_watched_and_our_own_words_are_not(quick_office: Office) -> None:
    service = quick_office.service
    await service.ingest.record("bluesky", [post("at:1", "@brand are you there?", addressed=True)])
    await service.ingest.record(
        "bluesky", [post("at:2", "@brand hello", addressed=True, author="mailto:ada@example.org")]
    )
    (mention,) = await mentions(service)
    assert (mention.key, mention.addressed, mention.why) == ("at:1", True, ())
    states = sa.select(conversations.c.state).where(conversations.c.id == mention.conversation_id)
    assert await service.store.read(lambda conn: conn.scalar(states)) == "open"


async def test_mentions_do_not_fill_the_inbox_until_somebody_takes_one(quick_office: Office) -> None:
    service = await watched(quick_office)
    await service.ingest.record("bluesky", [post("at:1")])
    (mention,) = await mentions(service)
    wanted = sa.select(conversations.c.state, conversations.c.owner).where(
        conversations.c.id == mention.conversation_id
    )
    assert tuple(await service.store.read(lambda conn: conn.execute(wanted).one())) == ("closed", "")

    def strangers(conn: sa.Connection) -> int:
        return listing.count(conn, HUB, listing.Wanted(unknown=True))

    assert await service.store.read(strangers) == 0
    await service.desk.change(HUB, [mention.conversation_id], {"owner": "ada", "state": "open"})
    assert (await service.watch.mention(HUB, mention.id)).owner == "ada"
    assert await service.store.read(strangers) == 1


async def test_an_answer_stands_with_what_it_answers(quick_office: Office) -> None:
    service = await watched(quick_office)
    await service.ingest.record("bluesky", [post("at:1")])
    await service.ingest.record("bluesky", [post("at:2", "ExampleBrand? me too", author="did:x", answers="at:1")])
    one, other = await mentions(service)
    assert one.conversation_id == other.conversation_id


async def test_an_author_is_a_contact_only_on_strong_evidence(quick_office: Office) -> None:
    service, now = await watched(quick_office), datetime.now(UTC)
    ids = [service.store.ids() for _ in range(3)]

    def people(conn: sa.Connection) -> None:
        for id, name, fields in (
            (ids[0], "Li Na", {}),
            (ids[1], "Wang", {"website": "https://social.example/@wang"}),
            (ids[2], "Known", {}),
        ):
            conn.execute(contacts.insert().values(id=id, name=name, fields=fields, created_at=now, updated_at=now))
        conn.execute(identities.insert().values(handle="acct:k@x", contact_id=ids[2], how="agent", learned_at=now))

    await service.store.write(people)
    await service.ingest.record(
        "fediverse",
        [
            post("mastodon:x/1", "ExampleBrand", name="Li Na"),
            post(
                "mastodon:x/2",
                "ExampleBrand!",
                author="acct:wang@social.example",
                author_url="https://social.example/@wang",
            ),
            post("mastodon:x/3", "ExampleBrand?", author="acct:k@x"),
        ],
    )
    found = {each.key[-1]: [(maybe.name, maybe.sure) for maybe in each.contacts] for each in await mentions(service)}
    assert found == {"1": [], "2": [("Wang", False)], "3": [("Known", True)]}


async def test_a_query_is_tried_on_what_was_heard_before_and_a_flood_is_a_fair_sample(office: Office) -> None:
    service = office.service
    text = "a word about Zebra cards, number"
    await service.ingest.record("bluesky", [post(f"at:{number}", f"{text} {number}") for number in range(400)])
    kept = await service.store.read(lambda conn: conn.scalar(sa.select(sa.func.count()).select_from(posts)))
    assert 50 <= kept < 300
    found = await service.watch.preview("zebra", UTC_ZONE)
    assert found.count == found.looked == kept
    assert 200 <= found.estimated <= 800
    assert found.sample[0].spans[0].field == "text"
    with pytest.raises(QueryError) as told:
        await service.watch.preview('brand AND ("open', UTC_ZONE)
    assert 0 <= told.value.place <= len('brand AND ("open')


async def test_a_post_of_a_megabyte_is_cut(quick_office: Office) -> None:
    service = await watched(quick_office)
    await service.ingest.record("feed", [post("feed:1", "ExampleBrand " + "x" * 1_000_000)])
    (mention,) = await mentions(service)
    assert len(mention.text) == 20_000


async def test_a_flood_that_nothing_finds_writes_no_more_than_its_sample(quick_office: Office) -> None:
    service = await watched(quick_office)
    statements: list[str] = []
    engine = service.store._engine  # what is counted here no test sees otherwise
    sa.event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    await service.ingest.record("bluesky", [post(f"at:{n}", f"number {n}", id="1") for n in range(500)])
    assert len(statements) < 100


async def test_corrections_are_kept_and_used_and_irrelevant_ones_propose_a_clause(quick_office: Office) -> None:
    service = await watched(quick_office)
    sick = "This ExampleBrand drill is sick"
    await service.ingest.record(
        "bluesky", [post("at:1", sick, language="en"), post("at:2", "ExampleBrand casino bonus, casino now")]
    )
    by_key = {each.key: each for each in await mentions(service)}
    assert by_key["at:1"].sentiment == "negative"
    await service.watch.mark(HUB, [by_key["at:1"].id], Marking(sentiment="positive", state="done"))
    await service.ingest.record("feed", [post("feed:1", sick.upper(), author="mailto:x@y.example", language="en")])
    assert [each.sentiment for each in await mentions(service) if each.key == "feed:1"] == ["positive"]
    await service.watch.mark(HUB, [by_key["at:2"].id], Marking(state="irrelevant"))
    offered = await service.watch.proposals(HUB, by_key["at:2"].id)
    assert any("casino" in proposal.clause and proposal.costs == 0 for _, proposal in offered)
    assert [each.key for each in await mentions(service, state="irrelevant")] == ["at:2"]
    with pytest.raises(Refused):
        await service.watch.mark(HUB, [by_key["at:2"].id], Marking(state="lost"))
    with pytest.raises(Unknown):
        await service.watch.mark(HUB, [7], Marking(state="seen"))


async def test_queries_change_by_version_and_what_is_archived_finds_nothing_more(quick_office: Office) -> None:
    service = await watched(quick_office)
    (query,) = await service.watch.queries()
    changed = await service.watch.change(HUB, query.id, query.version, text="Other")
    with pytest.raises(Stale):
        await service.watch.change(HUB, query.id, query.version, text="Third")
    await service.ingest.record("bluesky", [post("at:1"), post("at:2", "the other one")])
    assert [each.key for each in await mentions(service)] == ["at:2"]
    await service.watch.archive(HUB, changed.id)
    await service.ingest.record("bluesky", [post("at:3", "yet another other")])
    assert [each.key for each in await mentions(service)] == ["at:2"]


async def test_what_is_exported_is_harmless_in_a_spreadsheet(quick_office: Office) -> None:
    service = await watched(quick_office)
    await service.ingest.record("bluesky", [post("at:1", "=HYPERLINK(ExampleBrand)", name="@cmd")])
    lines = b"".join([piece async for piece in service.watch.export(HUB, Filter(), "csv")]).decode("utf-8-sig")
    assert "'=HYPERLINK(ExampleBrand)" in lines
    assert ",'@cmd," in lines


async def test_pages_go_on_where_the_last_one_ended(quick_office: Office) -> None:
    service = await watched(quick_office)
    at = datetime.now(UTC) - timedelta(hours=1)
    await service.ingest.record("bluesky", [post(f"at:{n}", f"ExampleBrand {n}", at=at) for n in range(25)])
    seen, beyond = [], None
    while True:
        page = await service.watch.listed(HUB, Filter(), 10, beyond)
        seen += [each.key for each in page.items]
        if page.next is None:
            break
        beyond = page.next
    assert len(seen) == len(set(seen)) == 25


@pytest.mark.parametrize(
    ("url", "one"),
    [
        ("https://www.example.org/a/?utm_source=x&b=1#c", "example.org/a?b=1"),
        ("http://EXAMPLE.org:80/a", "example.org/a"),
        ("https://example.org:8443/", "example.org:8443"),
        ("javascript:alert(1)", ""),
        ("http://[", ""),
    ],
)
def test_addresses_in_one_form(url: str, one: str) -> None:
    assert canonical(url) == one


async def test_a_mention_that_is_deleted_here_leaves_nothing_and_does_not_come_back(quick_office: Office) -> None:
    service = await watched(quick_office)
    told = [post("at:1", f"{TEXT} zyxwvut"), repost("at:2", "at:1")]
    await service.ingest.record("bluesky", told)
    (mention,) = await mentions(service)
    now = datetime.now(UTC)
    await service.store.write(lambda conn: delete(conn, service.store, HUB, mention.id, now))
    await service.ingest.record("bluesky", told)
    assert await mentions(service) == []
    for table in metadata.sorted_tables:
        rows = await service.store.read(lambda conn, table=table: conn.execute(sa.select(table)).all())
        assert not any("zyxwvut" in str(value) for row in rows for value in row), table.name
