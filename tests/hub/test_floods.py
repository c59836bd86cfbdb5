"""A sender who writes too fast fills no inbox, and loses nothing."""

from __future__ import annotations

from hub import Message
from hub.floods import BURST, SECONDS_PER_MAIL, WORD, Floods
from hub.privacy.mail_rules import MailRules
from hub.understanding import Guide, Opened, understand
from tests.hub.core import OURS, Core, letter


def automatic(floods: Floods, ident: str, sender: str) -> str | None:
    opened = understand("mail", letter(ident, sender=sender), Guide(MailRules()))
    assert isinstance(opened, Opened)
    assert opened.event is not None
    facts = floods.marked(opened.event, OURS.handles).facts
    assert isinstance(facts, Message)
    return facts.automatic


def test_a_burst_is_taken_and_then_one_for_each_so_many_seconds() -> None:
    now = [0.0]
    floods = Floods(lambda: now[0])
    said = [automatic(floods, f"{n}@x.example", "loop@x.example") for n in range(BURST + 5)]
    assert said == [None] * BURST + [WORD] * 5
    assert automatic(floods, "a@y.example", "other@y.example") is None
    now[0] += SECONDS_PER_MAIL
    assert automatic(floods, "b@x.example", "loop@x.example") is None
    assert automatic(floods, "c@x.example", "loop@x.example") == WORD
    now[0] += BURST * SECONDS_PER_MAIL
    assert [automatic(floods, f"d{n}@x.example", "loop@x.example") for n in range(BURST)] == [None] * BURST


def test_our_own_people_may_write_as_they_like() -> None:
    floods = Floods(lambda: 0.0)
    assert {automatic(floods, f"{n}@example.org", "ada@example.org") for n in range(BURST + 5)} == {None}


async def test_what_floods_in_is_recorded_and_opens_nothing(core: Core) -> None:
    mails = [letter(f"{n}@x.example", sender="loop@x.example", subject=f"Number {n}", uid=n) for n in range(BURST + 9)]
    await core.ingest.record("mail", mails)
    assert await core.one("SELECT count(*) FROM interactions") == BURST + 9
    states = await core.rows("SELECT state, count(*) FROM conversations GROUP BY state ORDER BY state")
    assert states == [("closed", 9), ("open", BURST)]
