"""Edits and deletions of messages and posts, in whatever order they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import orjson
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from hub import Channel, Event, File, Mention, Message, Participant, Role
from hub.facts import encode
from hub.fold import Told, fold
from tests.hub.core import Core

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
ADA, US = "matrix:u/ada:hub.test", "matrix:u/hub:hub.test"
SECRET = "xyzzyoriginal"
REVISED = "xyzzyrevised"


def said(ident: str, minutes: int, text: str | None = None, *, deleted: bool = False, edited: bool = False) -> Event:
    """An event of one message: its first wording, an edit, or its deletion."""
    at = AT + timedelta(minutes=minutes)
    facts = Message(deleted=True)
    if not deleted:
        facts = Message(
            participants=(Participant(ADA, Role.SENDER, "Ada"), Participant(US, Role.RECIPIENT)),
            text=text,
            sent_at=None if edited else at,
            ident=None if edited else "matrix:$1",
            edited_at=at if edited else None,
            files=None if edited else (File("mxc://hub.test/1", f"{text}.png", "image/png", 5),),
        )
    raw = None if text is None else f"raw {text}".encode() * 9_000
    return Event(
        key="matrix:$1", id=ident, channel=Channel.CHAT, at=at, facts=facts, conversation="!room:hub.test", raw=raw
    )


FIRST = said("1", 0, SECRET)
EDIT = said("2", 5, REVISED, edited=True)
AGAIN = said("3", 9, "xyzzylast", edited=True)
GONE = said("4", 12, deleted=True)


@given(st.permutations([FIRST, EDIT, AGAIN, GONE]), st.booleans())
def test_edit_deletion_and_first_wording_amount_to_the_same_in_any_order(
    order: Sequence[Event], is_deleted: bool
) -> None:
    told = [Told("matrix", event) for event in order if is_deleted or event is not GONE]
    facts = fold(told, frozenset({US}))
    assert isinstance(facts, Message)
    assert [each.handle for each in facts.participants or ()] == [ADA, US]
    assert facts.sent_at == AT
    if is_deleted:
        assert facts.deleted
        assert (facts.text, facts.files, facts.title, facts.preview, facts.edited_at) == (None,) * 5
        assert "xyzzy" not in encode(facts)
    else:
        assert (facts.text, facts.edited_at) == ("xyzzylast", AGAIN.at)
        assert facts.files == (File("mxc://hub.test/1", f"{SECRET}.png", "image/png", 5),)


def test_a_post_that_was_taken_down_keeps_nothing_of_what_it_said() -> None:
    author = (Participant("acct:mo@social.test", Role.SENDER, "Mo"),)
    first = Mention(participants=author, title="Lamps", text="bad", posted_at=AT, links=("https://a.test",), url="u")
    event = replace(FIRST, key="activitypub:u", facts=first, channel=Channel.SOCIAL)
    gone = replace(GONE, key="activitypub:u", facts=Mention(deleted=True), channel=Channel.SOCIAL)
    for order in ((event, gone), (gone, event)):
        facts = fold([Told("mastodon", each) for each in order], frozenset())
        assert facts == Mention(participants=author, posted_at=AT, url="u", deleted=True)


async def _everything(core: Core) -> str:
    """Whatever any table holds, as text; blobs too."""
    if core.store.dialect == "sqlite":
        listed = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search_%'"
    else:
        listed = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"

    def work(conn: sa.Connection) -> str:
        words = []
        for name in conn.scalars(sa.text(listed)).all():
            for row in conn.execute(sa.text(f'SELECT * FROM "{name}"')):
                words += [bytes(each).decode("latin-1") if isinstance(each, bytes | memoryview) else str(each)
                          for each in row]  # fmt: skip
        return " ".join(words)

    return await core.store.read(work)


async def found_by(core: Core, word: str) -> int:
    """How many interactions the search index finds."""
    if core.store.dialect == "sqlite":
        return int(await core.one("SELECT count(*) FROM search WHERE search MATCH :q", q=word))
    return int(await core.one("SELECT count(*) FROM search WHERE body @@ to_tsquery('simple', :q)", q=word))


async def test_nothing_that_was_said_is_left_in_any_table(core: Core) -> None:
    for number, order in enumerate(permutations((FIRST, EDIT, GONE))):
        for event in order:
            told = replace(event, key=f"matrix:${number}", conversation=f"!room{number}:hub.test")
            await core.ingest.record("matrix", [told])
            await core.ingest.record("matrix", [told])
    rows = await core.rows("SELECT facts, title, preview, blob, direction FROM interactions")
    assert len(rows) == 6
    for facts, *others in rows:
        kept = orjson.loads(facts)
        assert (kept["deleted"], kept.get("text"), *others) == (True, None, "", "", None, "inbound")
        assert kept["participants"][0]["handle"] == ADA
    assert await core.one("SELECT count(*) FROM events") == 18
    assert "xyzzy" not in await _everything(core)
    assert (await found_by(core, SECRET), await found_by(core, REVISED)) == (0, 0)
    assert await core.one("SELECT count(*) FROM blobs") == 0
    assert await core.one("SELECT count(*) FROM chat_files") == 0


async def test_what_was_edited_is_found_by_its_new_words_and_its_first_wording_is_kept(core: Core) -> None:
    await core.ingest.record("matrix", [EDIT])
    await core.ingest.record("matrix", [FIRST])
    assert (await found_by(core, SECRET), await found_by(core, REVISED)) == (0, 1)
    assert await core.one("SELECT preview FROM interactions") == REVISED
    assert SECRET in str(await core.rows("SELECT facts FROM events"))
    assert await core.rows("SELECT thread, source FROM chat_threads") == [("!room:hub.test", "matrix")]


async def test_a_deletion_of_what_nobody_knew_opens_no_conversation(core: Core) -> None:
    await core.ingest.record("matrix", [GONE])
    assert await core.one("SELECT state FROM conversations") == "closed"
    await core.ingest.record("matrix", [FIRST])
    assert await core.one("SELECT state FROM conversations") == "closed"
