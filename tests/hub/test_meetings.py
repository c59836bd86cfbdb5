"""What a calendar's event becomes, from the corpus: iTIP messages of one series, and single invitations."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import facts as documents
from hub.formats import ics
from hub.meetings import event_of
from hub.vocabulary import Attendance, Channel, Copy, Event, Level, Meeting, Participant, Role
from tests.hub.core import Core

CALENDARS = Path(__file__).parents[1] / "data" / "calendar" / "synthetic"
ANN = Participant("mailto:ann@example.org", Role.ORGANIZER, "Ann")
BOB = Participant("mailto:bob@example.com", Role.ATTENDEE, "Bob")
CLEO = Participant("mailto:cleo@example.net", Role.ATTENDEE, "Cleo")


def read(name: str, level: Level = Level.ALL) -> list[Event | None]:
    said = ics.events((CALENDARS / name).read_bytes())
    return [event_of(each, Copy(level=level), "DE") for each in said]


def only(name: str, level: Level = Level.ALL) -> tuple[Event, Meeting]:
    (event,) = read(name, level)
    assert event is not None
    assert isinstance(event.facts, Meeting)
    return event, event.facts


def test_an_invitation_to_a_series() -> None:
    event, facts = only("itip-sequence/01-request-series.ics")

    assert (event.key, event.conversation) == ("ical:seq-77@example.org", "ical:seq-77@example.org")
    assert event.channel is Channel.CALENDAR
    assert (event.at, event.order) == (datetime(2026, 3, 2, 9, tzinfo=UTC), 0)
    assert facts == Meeting(
        participants=(ANN, BOB, CLEO),
        title="Account review",
        starts_at=datetime(2026, 3, 2, 14, tzinfo=UTC),
        ends_at=datetime(2026, 3, 2, 15, tzinfo=UTC),
        all_day=False,
        cancelled=False,
        sequence=0,
        rule="FREQ=WEEKLY;COUNT=6",
    )


def test_an_instance_that_moves_is_a_meeting_of_the_same_conversation() -> None:
    event, facts = only("itip-sequence/04-request-move-one.ics")

    assert event.key == "ical:seq-77@example.org/20260316T130000Z"
    assert event.conversation == "ical:seq-77@example.org"
    assert facts.starts_at == datetime(2026, 3, 17, 18, tzinfo=UTC)


def test_a_cancellation_says_no_more_than_that() -> None:
    event, facts = only("itip-sequence/11-cancel-one.ics")

    assert event.key == "ical:seq-77@example.org/20260323T130000Z"
    assert facts == Meeting(
        participants=(ANN, BOB, CLEO), cancelled=True, sequence=3, series_start=datetime(2026, 3, 23, 13, tzinfo=UTC)
    )


def test_who_asks_for_the_meeting_anew_says_nothing_of_it() -> None:
    assert read("itip-sequence/12-refresh.ics") == [None]


def test_the_same_event_said_twice_has_one_id() -> None:
    ids = {only("itip-sequence/01-request-series.ics")[0].id for _ in range(2)}

    assert len(ids) == 1
    assert only("itip-sequence/13-cancel-all.ics")[0].id not in ids


def test_nothing_beyond_the_level_is_said() -> None:
    whole, most = only("imip/google-request.ics"), only("imip/google-request.ics", Level.SUBJECT)
    least = only("imip/google-request.ics", Level.METADATA)

    assert whole[1].title
    assert (most[1].title, most[1].text, most[1].place) == (whole[1].title, None, None)
    assert (least[1].title, least[1].text, least[1].place) == (None, None, None)
    assert least[1].participants == whole[1].participants


# --- the sequence of RFC 5546 messages, in the order they were sent and in any other ---------------------------------

SEQUENCE = sorted(path.stem for path in (CALENDARS / "itip-sequence").glob("*.ics"))
SERIES = "ical:seq-77@example.org"
BOBS, CLEOS, DANS, ZEDS = (
    f"mailto:{each}" for each in ("bob@example.com", "cleo@example.net", "dan@example.net", "zed@example.net")
)


async def stand(core: Core) -> dict[str, Meeting]:
    """What the meetings amount to: "" is the series, the others by the start they had in it."""
    found = {}
    for key, text in await core.rows("SELECT key, facts FROM interactions"):
        facts = documents.decode("meeting", text)
        assert isinstance(facts, Meeting)
        found[key.removeprefix(SERIES).removeprefix("/")] = facts
    return found


async def say(core: Core, *names: str) -> dict[str, Meeting]:
    for name in names:
        events = [event for event in read(f"itip-sequence/{name}.ics") if event]
        await core.ingest.record("mail", events)
    return await stand(core)


def answers(facts: Meeting) -> dict[str, tuple[Attendance, bool]]:
    return {each.handle: (each.attendance, each.uninvited) for each in facts.answers}


async def test_fourteen_messages_about_one_series(core: Core) -> None:
    """Each step is what expected.json of the corpus says."""
    now = await say(core, *SEQUENCE[:1])
    assert list(now) == [""]
    assert (now[""].rule, now[""].starts_at) == ("FREQ=WEEKLY;COUNT=6", datetime(2026, 3, 2, 14, tzinfo=UTC))
    now = await say(core, SEQUENCE[1])
    assert answers(now[""]) == {BOBS: (Attendance.ACCEPTED, False)}
    now = await say(core, SEQUENCE[2])
    assert answers(now["20260309T130000Z"]) == {CLEOS: (Attendance.DECLINED, False)}
    assert CLEOS not in answers(now[""])
    now = await say(core, SEQUENCE[3])
    moved = now["20260316T130000Z"]
    assert (moved.starts_at, answers(moved)) == (datetime(2026, 3, 17, 18, tzinfo=UTC), {})
    now = await say(core, SEQUENCE[4])
    assert answers(now[""]) == {BOBS: (Attendance.ACCEPTED, False)}
    now = await say(core, SEQUENCE[5])
    assert answers(now[""])[ZEDS] == (Attendance.ACCEPTED, True)
    assert now[""].participants == (ANN, BOB, CLEO)
    now = await say(core, SEQUENCE[6])
    assert answers(now[""])[CLEOS] == (Attendance.DELEGATED, False)
    assert answers(now[""])[DANS] == (Attendance.ACCEPTED, False)
    now = await say(core, SEQUENCE[7])
    (asked,) = now["20260316T130000Z"].answers
    assert (asked.proposed_start, asked.refused) == (datetime(2026, 3, 17, 20, tzinfo=UTC), False)
    assert now["20260316T130000Z"].starts_at == moved.starts_at
    now = await say(core, SEQUENCE[8])
    (asked,) = now["20260316T130000Z"].answers
    assert asked.refused
    assert now["20260316T130000Z"].starts_at == moved.starts_at
    now = await say(core, SEQUENCE[9])
    assert now["20260415T130000Z"].starts_at == datetime(2026, 4, 15, 13, tzinfo=UTC)
    now = await say(core, SEQUENCE[10])
    assert now["20260323T130000Z"].cancelled
    assert not now[""].cancelled
    assert await say(core, SEQUENCE[11]) == now
    now = await say(core, SEQUENCE[12])
    assert now[""].cancelled
    assert all(facts.cancelled for facts in now.values())
    assert await say(core, SEQUENCE[13]) == now


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_comes_to_the_same(core: Core, seed: int) -> None:
    shuffled = SEQUENCE * 2
    random.Random(seed).shuffle(shuffled)
    now = await say(core, *shuffled)

    assert all(facts.cancelled for facts in now.values())
    assert sorted(now) == ["", "20260309T130000Z", "20260316T130000Z", "20260323T130000Z", "20260415T130000Z"]
    assert now["20260316T130000Z"].starts_at == datetime(2026, 3, 17, 18, tzinfo=UTC)
    assert now[""].sequence == 4


async def test_copies_of_one_meeting_in_several_calendars_are_one(core: Core) -> None:
    said = ics.events((CALENDARS / "itip-sequence" / f"{SEQUENCE[0]}.ics").read_bytes())
    for source, place in itertools.product(("ada-calendar", "ben-calendar"), ("home", "work")):
        event = event_of(said[0], Copy(f"{source}/{place}", "1.ics"), "DE")
        assert event is not None
        await core.ingest.record(source, [event])
    assert list(await stand(core)) == [""]
    assert await core.one("SELECT count(*) FROM copies") == 4
