"""The ledger of missed calls: it opens by itself, and closes when anyone reaches the person, on any channel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
import sqlalchemy as sa

from hub import CallState, Channel, Event, Message, Outcome, Participant, Role
from hub.batch import Books, Entry, Part
from hub.calls import missed
from hub.calls.missed import MissedCall
from hub.calls.overdue import Overdue
from hub.live import LiveEvent
from hub.record import record
from hub.store.schema import blocked_numbers
from tests.hub.core import OURS, Core, call

NOW = datetime.now(UTC).replace(microsecond=0)
CALLER = "tel:+4917012345678"
MAIL = "mailto:li.na@customer.example"


async def told(core: Core, *events: Event, live: bool = True, source: str = "pbx") -> list[LiveEvent]:
    """One batch; answers what the screens are told."""
    books = Books(OURS, core.store.ids, core.store.blobs)
    part = Part(source, tuple(Entry(event, live) for event in events))
    return (await core.store.write(lambda conn: record(conn, [part], books))).news


def missed_call(ident: str, ago: timedelta, *, caller: str = CALLER, outcome: Outcome = Outcome.MISSED) -> Event:
    return call(ident, CallState.ENDED, at=NOW - ago, outcome=outcome, caller=caller)


def letter(ident: str, ago: timedelta, *, by: str, to: str, automatic: str | None = None) -> Event:
    people = (Participant(by, Role.SENDER), Participant(to, Role.RECIPIENT))
    facts = Message(participants=people, title="Offer", sent_at=NOW - ago, ident=f"<{ident}>", automatic=automatic)
    return Event(key=f"mail:<{ident}>", id="1", channel=Channel.EMAIL, at=NOW - ago, facts=facts)


async def ledger(core: Core, state: str = "open") -> list[MissedCall]:
    return await core.store.read(lambda conn: missed.listed(conn, sa.true(), state=state))


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


async def test_no_missed_call_is_forgotten(core: Core) -> None:
    contact = await core.contact("Li Na", CALLER, confirmed=True)
    news = await told(core, missed_call("1", hours(1)), missed_call("2", hours(0.5)))
    entries = await ledger(core)
    assert [(each.handle, each.contact_id, each.times) for each in entries] == [(CALLER, contact, 2)] * 2
    assert [each.due_at for each in entries] == [each.missed_at + hours(4) for each in entries]
    assert [len(event.data["missed"]) for event in news if "missed" in event.data] == [2]


async def test_a_call_that_was_taken_is_not_in_it(core: Core) -> None:
    await told(core, missed_call("1", hours(1), outcome=Outcome.COMPLETED))
    assert await ledger(core) == []


async def test_nobody_is_to_call_a_blocked_number_back(core: Core) -> None:
    blocked = blocked_numbers.insert().values(handle=CALLER, actor="login/1", at=NOW)
    await core.store.write(lambda conn: conn.execute(blocked))
    await told(core, missed_call("1", hours(1)))
    assert await ledger(core) == []


REACHED: list[tuple[str, Event]] = [
    ("she called again and was spoken with", missed_call("9", hours(0.1), outcome=Outcome.COMPLETED)),
    ("one of us wrote to her", letter("a", hours(0.1), by="mailto:ada@example.org", to=MAIL)),
]


@pytest.mark.parametrize("event", [event for _, event in REACHED], ids=[name for name, _ in REACHED])
async def test_it_closes_itself_when_anyone_reaches_the_person_on_any_channel(core: Core, event: Event) -> None:
    await core.contact("Li Na", CALLER, MAIL, confirmed=True)
    await told(core, missed_call("1", hours(2)), missed_call("2", hours(1)))
    news = await told(core, event)
    assert await ledger(core) == []
    closed = await ledger(core, "closed")
    assert {each.closed_how for each in closed} <= {"call", "message"}
    assert [len(event.data["missed"]) for event in news if "missed" in event.data] == [2]
    assert await core.rows("SELECT DISTINCT state FROM conversations WHERE channel = 'voice'") == [("closed",)]


@pytest.mark.parametrize(
    "event",
    [
        letter("a", hours(0.1), by="mailto:ada@example.org", to=MAIL, automatic="auto-replied"),
        letter("a", hours(0.1), by=MAIL, to="mailto:ada@example.org"),
        letter("a", hours(3), by="mailto:ada@example.org", to=MAIL),
        missed_call("9", hours(0.1), outcome=Outcome.COMPLETED, caller="tel:+4917099999999"),
    ],
    ids=["a machine answered", "she wrote to us", "we wrote before", "somebody else called"],
)
async def test_what_reaches_nobody_closes_nothing(core: Core, event: Event) -> None:
    await core.contact("Li Na", CALLER, MAIL, confirmed=True)
    await told(core, missed_call("1", hours(2)))
    await told(core, event)
    assert len(await ledger(core)) == 1


async def test_the_order_in_which_it_becomes_known_changes_nothing(core: Core) -> None:
    events = (
        missed_call("1", hours(2)),
        missed_call("2", hours(1), outcome=Outcome.COMPLETED),
        missed_call("3", hours(0.5)),
    )
    for number, order in enumerate(permutations(events)):
        caller = f"tel:+49170000000{number}"
        again = [_of(event, caller, str(number)) for event in order]
        for event in again:
            await told(core, event)
        assert [each.missed_at for each in await ledger(core) if each.handle == caller] == [NOW - hours(0.5)]


def _of(event: Event, caller: str, suffix: str) -> Event:
    outcome = getattr(event.facts, "outcome", None) or Outcome.MISSED
    return missed_call(f"{event.key}-{suffix}", NOW - event.at, caller=caller, outcome=outcome)


async def test_a_call_that_was_answered_after_all_leaves_it(core: Core) -> None:
    await told(core, missed_call("1", hours(1)))
    late = call("1", CallState.ANSWERED, at=NOW - hours(1), step="late", outcome=Outcome.COMPLETED)
    await told(core, late)
    assert await ledger(core) == []


async def test_who_withheld_her_number_cannot_be_called_back_but_her_message_is_heard(core: Core) -> None:
    await told(core, missed_call("1", hours(1), caller=""))
    assert await ledger(core) == []
    await told(core, missed_call("2", hours(1), caller="", outcome=Outcome.VOICEMAIL))
    assert [each.handle for each in await ledger(core)] == [""]


async def test_what_was_missed_long_before_the_hub_was_connected_is_not_in_it(core: Core) -> None:
    await told(core, missed_call("1", timedelta(days=20)), missed_call("2", timedelta(days=3)), live=False)
    assert len(await ledger(core)) == 1


async def test_the_owner_of_the_contact_is_to_call_back_and_may_give_it_away(core: Core) -> None:
    contact = await core.contact("Li Na", CALLER, confirmed=True)
    await core.store.write(
        lambda conn: conn.execute(sa.text(f"UPDATE contacts SET owner = 'ben' WHERE id = {contact}"))
    )
    await told(core, missed_call("1", hours(1)))
    (entry,) = await ledger(core)
    assert entry.owner == "ben"
    await core.store.write(lambda conn: missed.change(conn, entry.interaction_id, NOW, owner="ada"))
    assert await core.rows("SELECT owner FROM conversations") == [("ada",)]


async def test_closing_it_by_hand_closes_its_conversation(core: Core) -> None:
    await told(core, missed_call("1", hours(1)))
    (entry,) = await ledger(core)
    await core.store.write(lambda conn: missed.close(conn, entry.interaction_id, NOW))
    assert [each.closed_how for each in await ledger(core, "closed")] == ["agent"]
    assert await core.rows("SELECT state FROM conversations") == [("closed",)]


async def test_an_overdue_one_alerts_once_and_its_owner_alone(core: Core) -> None:
    contact = await core.contact("Li Na", CALLER, confirmed=True)
    await core.store.write(
        lambda conn: conn.execute(sa.text(f"UPDATE contacts SET owner = 'ben' WHERE id = {contact}"))
    )
    await told(core, missed_call("1", hours(5)), missed_call("2", hours(1)))
    watch = Overdue(core.store, core.live, ("ada", "ben"))
    with core.live.subscribe("ada") as ada, core.live.subscribe("ben") as ben:
        await watch.look()
        await watch.look()
        core.live.publish(LiveEvent("end", {}, agent) for agent in ("ada", "ben"))
        heard = [(await ada.frames() or b"").count(b"overdue"), (await ben.frames() or b"").count(b"overdue")]
    assert heard == [0, 1]
