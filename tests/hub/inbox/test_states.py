"""What is recorded moves its conversation: who writes waits until we answer, and what is new finds an owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from hub import CallState, Outcome
from hub.batch import Books, Entry, Part
from hub.inbox.states import settle
from hub.inbox.teams import Assign, Assignment, Team
from hub.record import record
from hub.store.schema import moment
from hub.vocabulary import Channel, Event, Message, Participant, Role
from tests.hub.core import OURS, Core, call, letter

NOW = datetime.now(UTC).replace(microsecond=0)
LI = Participant("mailto:li.na@customer.example", Role.SENDER)
SUPPORT = "mailto:support@example.org"


def said(
    ident: str,
    ago: timedelta,
    *,
    by: str = LI.handle,
    to: str = SUPPORT,
    thread: str = "t",
    automatic: str | None = None,
) -> Event:
    """A message of the conversation *thread*, so long *ago*."""
    at = NOW - ago
    return Event(
        key=f"mail:<{ident}>",
        id="1",
        channel=Channel.EMAIL,
        at=at,
        conversation=thread,
        facts=Message(
            participants=(Participant(by, Role.SENDER), Participant(to, Role.RECIPIENT)),
            title="Offer",
            sent_at=at,
            ident=f"<{ident}>",
            automatic=automatic,
        ),
    )


def answer(ident: str, ago: timedelta, **more: Any) -> Event:
    return said(ident, ago, by="mailto:ada@example.org", to=LI.handle, **more)


async def told(
    core: Core, *events: Event, live: bool = True, source: str = "mail", assignment: Assignment | None = None
) -> None:
    """One batch."""
    books = Books(OURS, core.store.ids, core.store.blobs, assignment=assignment or Assignment())
    part = Part(source, tuple(Entry(event, live) for event in events))
    await core.store.write(lambda conn: record(conn, [part], books))


async def standing(core: Core) -> list[tuple[str, timedelta | None]]:
    """The state of each conversation, and for how long somebody has been waiting there."""
    rows = await core.rows("SELECT state, waiting_since FROM conversations ORDER BY id")
    return [(state, None if since is None else NOW - moment(since)) for state, since in rows]


def days(count: float) -> timedelta:
    return timedelta(days=count)


async def test_who_writes_waits_since_then_until_we_answer(core: Core) -> None:
    await told(core, said("1", days(3)))
    assert await standing(core) == [("open", days(3))]
    await told(core, said("2", days(2)))
    assert await standing(core) == [("open", days(3))]
    await told(core, answer("3", days(1)))
    assert await standing(core) == [("waiting", None)]
    await told(core, said("4", days(0)))
    assert await standing(core) == [("open", days(0))]


async def test_a_machine_changes_nothing(core: Core) -> None:
    await told(core, said("1", days(3)), answer("2", days(2)))
    await told(core, said("3", days(1), automatic="auto-replied"))
    assert await standing(core) == [("waiting", None)]
    await told(core, said("4", days(1), automatic="list", thread="news"))
    assert await standing(core) == [("waiting", None), ("open", None)]
    await told(core, said("5", days(0)))
    await told(core, answer("6", days(0), automatic="auto-replied"))
    assert (await standing(core))[0] == ("open", days(0))


@pytest.mark.parametrize("state", ["waiting", "snoozed", "closed"])
async def test_who_writes_opens_it_from_any_state(core: Core, state: str) -> None:
    await told(core, said("1", days(3)))
    conversation = await core.one("SELECT id FROM conversations")
    until = NOW + days(5)
    await core.store.write(lambda conn: settle(conn, conversation, state, until))
    assert await standing(core) == [(state, None)]
    await told(core, said("2", days(1)))
    assert await standing(core) == [("open", days(1))]
    assert await core.one("SELECT snoozed_until FROM conversations") is None


@pytest.mark.parametrize("state", ["snoozed", "closed"])
async def test_an_answer_leaves_what_was_put_away(core: Core, state: str) -> None:
    await told(core, said("1", days(3)))
    conversation = await core.one("SELECT id FROM conversations")
    await core.store.write(lambda conn: settle(conn, conversation, state, NOW + days(5)))
    await told(core, answer("2", days(1)))
    assert await standing(core) == [(state, None)]


async def test_the_same_mail_in_another_mailbox_changes_nothing(core: Core) -> None:
    await core.ingest.record("mail", [letter("1@x.example", date=NOW)])
    await told(core, said("other", days(1)))
    await core.store.write(_all_closed)
    await core.ingest.record("mail2", [letter("1@x.example", date=NOW, uid=7)])
    assert await standing(core) == [("closed", None), ("closed", None)]


def _all_closed(conn: Connection) -> None:
    conn.exec_driver_sql("UPDATE conversations SET state = 'closed', waiting_since = NULL")


ORDERS: Sequence[Sequence[int]] = ((0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("together", [True, False])
async def test_what_comes_out_of_order_ends_the_same(core: Core, order: Sequence[int], together: bool) -> None:
    events = [said("1", days(9)), answer("2", days(8)), said("3", days(7)), said("4", days(6))]
    if together:
        await told(core, *(events[index] for index in order), live=False)
    else:
        for index in order:
            await told(core, events[index], live=False)
    assert await standing(core) == [("open", days(7))]


@pytest.mark.parametrize("order", ORDERS)
async def test_a_late_question_does_not_open_what_was_answered(core: Core, order: Sequence[int]) -> None:
    events = [said("1", days(9)), said("2", days(8)), said("3", days(7), automatic="list"), answer("4", days(6))]
    for index in order:
        await told(core, events[index], live=False)
    assert await standing(core) == [("closed", None)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([said("1", days(13))], ("open", days(13))),
        ([said("1", days(15))], ("closed", None)),
        ([said("1", days(2), automatic="list")], ("closed", None)),
        ([answer("1", days(2))], ("closed", None)),
        ([said("1", days(40)), said("2", days(2))], ("open", days(40))),
    ],
)
async def test_what_was_before_the_hub_is_closed_but_for_what_somebody_waits_for(
    core: Core, events: Sequence[Event], expected: tuple[str, timedelta | None]
) -> None:
    await told(core, *events, live=False)
    assert await standing(core) == [expected]


# --- calls -----------------------------------------------------------------------------------------------------------


async def test_a_missed_call_waits_until_it_is_returned(core: Core) -> None:
    began = NOW - timedelta(hours=2)
    await told(core, call("1", CallState.RINGING, at=began), source="pbx")
    assert await standing(core) == [("open", None)]
    await told(core, call("1", CallState.ENDED, at=began, outcome=Outcome.MISSED), source="pbx")
    ((state, waiting),) = await standing(core)
    assert (state, waiting is not None) == ("open", True)
    await told(core, call("2", CallState.ENDED, at=NOW, outcome=Outcome.COMPLETED), source="pbx")
    assert await standing(core) == [("closed", None), ("closed", None)]


async def test_a_call_that_was_taken_is_closed(core: Core) -> None:
    for state, outcome in ((CallState.RINGING, None), (CallState.ANSWERED, None)):
        await told(core, call("1", state, outcome=outcome), source="pbx")
    assert await standing(core) == [("open", None)]
    await told(core, call("1", CallState.ENDED, outcome=Outcome.COMPLETED), source="pbx")
    assert await standing(core) == [("closed", None)]


# --- teams and owners ------------------------------------------------------------------------------------------------


def team(assign: Assign) -> Assignment:
    personal = {handle: agent.id for agent in OURS.agents for handle in agent.handles}
    return Assignment({"mail": Team("support", "Support", ("ada", "ben"), assign)}, personal)


async def owners(core: Core) -> list[tuple[str, str]]:
    return [tuple(row) for row in await core.rows("SELECT team, owner FROM conversations ORDER BY id")]  # type: ignore[misc]


async def test_new_mail_of_a_team_goes_round(core: Core) -> None:
    rule = team(Assign.ROUND_ROBIN)
    await told(core, *(said(f"a{n}", days(1), thread=f"a{n}") for n in range(3)), assignment=rule)
    await told(core, said("b", days(1), thread="b"), assignment=rule)
    await told(core, said("c", days(1), thread="b"), assignment=rule)
    assert sorted(await owners(core)) == [("support", "ada")] * 2 + [("support", "ben")] * 2


async def test_who_has_least_to_do_gets_the_next(core: Core) -> None:
    await told(core, *(said(f"o{n}", days(1), thread=f"o{n}") for n in range(3)))
    await core.store.write(lambda conn: conn.exec_driver_sql("UPDATE conversations SET owner = 'ada'") and None)
    rule = team(Assign.LEAST_BUSY)
    await told(core, *(said(f"a{n}", days(1), thread=f"a{n}") for n in range(5)), assignment=rule)
    found = [owner for team, owner in await owners(core) if team]
    assert (found.count("ben"), found.count("ada")) == (4, 1)


async def test_nobody_is_given_what_a_machine_sent_or_what_was_before(core: Core) -> None:
    rule = team(Assign.ROUND_ROBIN)
    await told(core, said("1", days(1), thread="1", automatic="list"), assignment=rule)
    await told(core, said("2", days(1), thread="2"), live=False, assignment=rule)
    assert await owners(core) == [("support", ""), ("", "")]


async def test_what_is_for_one_of_us_alone_does_not_go_round(core: Core) -> None:
    rule = team(Assign.ROUND_ROBIN)
    for _ in range(2):
        await told(core, said("1", days(1), to="mailto:ben@example.org", thread="1"), assignment=rule)
    await told(core, answer("2", days(1), thread="2"), assignment=rule)
    assert await owners(core) == [("support", "ben"), ("", "ada")]


async def test_by_hand_has_the_team_only(core: Core) -> None:
    await told(core, said("1", days(1)), assignment=team(Assign.BY_HAND))
    assert await owners(core) == [("support", "")]


async def test_what_was_sent_to_one_colleague_is_hers(core: Core) -> None:
    rule = replace(team(Assign.BY_HAND), teams={})
    await told(core, said("1", days(3), to="mailto:ada@example.org", thread="1"), assignment=rule)
    await told(core, said("2", days(2), by="mailto:ben@example.org", to=LI.handle, thread="2"), assignment=rule)
    await told(core, said("3", days(1), thread="3"), assignment=rule)
    assert await owners(core) == [("", "ada"), ("", "ben"), ("", "")]
