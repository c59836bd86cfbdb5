"""A conversation may be opened to everyone or closed to others, and what comes later follows."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hub import Copy, Level
from hub.privacy.sharing import NotYours, Sharing, decide
from hub.privacy.visibility import Actor, Authority, sees
from hub.store.schema import interactions
from tests.hub.core import Core, letter

ADA = Actor("ada", Authority.AGENT, "ada")
BEN = Actor("ben", Authority.AGENT, "ben")
NOBODY = Actor("kiosk", Authority.AGENT)
BOSS = Actor("boss", Authority.MANAGER)
ADAS_OWN = Copy("INBOX", "1:1", audience="ada")
SHARED, PRIVATE, PLAIN = Sharing.SHARED, Sharing.PRIVATE, Sharing.AS_ITS_COPIES


async def levels(core: Core, actor: Actor) -> list[int]:
    """How much the actor reads of each interaction, oldest first."""
    statement = sa.select(sees(actor)).order_by(interactions.c.occurred_at, interactions.c.id)
    return await core.store.read(lambda conn: list(conn.execute(statement).scalars()))


async def share(core: Core, actor: Actor, sharing: Sharing, *readers: str) -> None:
    conversation = await core.one("SELECT id FROM conversations")
    await core.store.write(lambda conn: decide(conn, actor, conversation, sharing, readers))


async def test_her_own_mail_may_be_shared_and_taken_back(core: Core) -> None:
    await core.ingest.record("mail", [letter("a@x.example", copy=ADAS_OWN)])
    assert (await levels(core, ADA), await levels(core, BEN)) == ([3], [0])
    await share(core, ADA, SHARED)
    assert (await levels(core, ADA), await levels(core, BEN), await levels(core, NOBODY)) == ([3], [3], [3])
    await core.ingest.record("mail", [letter("b@x.example", copy=ADAS_OWN, references=["a@x.example"])])
    assert await levels(core, BEN) == [3, 3]
    await share(core, ADA, PLAIN)
    assert (await levels(core, ADA), await levels(core, BEN)) == ([3, 3], [0, 0])


async def test_a_conversation_in_a_shared_mailbox_may_be_private(core: Core) -> None:
    await core.ingest.record("mail", [letter("a@x.example")])
    await share(core, BOSS, PRIVATE, "ada")
    seen = [await levels(core, actor) for actor in (ADA, BEN, NOBODY, BOSS)]
    assert seen == [[3], [0], [0], [3]]
    await core.ingest.record("mail", [letter("b@x.example", references=["a@x.example"])])
    await core.ingest.record("other", [letter("a@x.example", place="Archive")])
    assert [await levels(core, actor) for actor in (ADA, BEN)] == [[3, 3], [0, 0]]
    await share(core, BOSS, PLAIN)
    assert await levels(core, BEN) == [3, 3]


async def test_sharing_opens_no_more_than_was_kept(core: Core) -> None:
    copy = Copy("INBOX", "1:1", level=Level.SUBJECT, audience="ada")
    await core.ingest.record("mail", [letter("a@x.example", copy=copy)])
    await share(core, ADA, SHARED)
    assert await levels(core, BEN) == [Level.SUBJECT.rank]


async def test_only_whose_it_is_decides(core: Core) -> None:
    await core.ingest.record("mail", [letter("a@x.example", copy=ADAS_OWN)])
    for actor in (BEN, NOBODY):
        with pytest.raises(NotYours):
            await share(core, actor, SHARED)


async def test_any_course_of_decisions_ends_as_the_last_one_says(core: Core) -> None:
    await core.ingest.record("mail", [letter("a@x.example"), letter("b@y.example", references=["a@x.example"])])
    for sharing in (PRIVATE, SHARED, PRIVATE, PLAIN, SHARED, PLAIN):
        await share(core, BOSS, sharing, "ada")
        expected = {PRIVATE: [0, 0], SHARED: [3, 3], PLAIN: [3, 3]}[sharing]
        assert await levels(core, BEN) == expected
        assert await levels(core, ADA) == [3, 3]
