"""What a calendar's event becomes, from the corpus: iTIP messages of one series, and single invitations."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hub.formats import ics
from hub.meetings import event_of
from hub.vocabulary import Channel, Copy, Event, Level, Meeting, Participant, Role

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
    )


def test_an_instance_that_moves_is_a_meeting_of_the_same_conversation() -> None:
    event, facts = only("itip-sequence/04-request-move-one.ics")

    assert event.key == "ical:seq-77@example.org/20260316T130000Z"
    assert event.conversation == "ical:seq-77@example.org"
    assert facts.starts_at == datetime(2026, 3, 17, 18, tzinfo=UTC)


def test_a_cancellation_says_no_more_than_that() -> None:
    event, facts = only("itip-sequence/11-cancel-one.ics")

    assert event.key == "ical:seq-77@example.org/20260323T130000Z"
    assert facts == Meeting(participants=(ANN, BOB, CLEO), cancelled=True, sequence=3)


def test_negotiations_are_no_meetings() -> None:
    for name in ("02-reply-bob-accepted", "08-counter-bob", "09-declinecounter", "12-refresh"):
        assert read(f"itip-sequence/{name}.ics") == [None]


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
