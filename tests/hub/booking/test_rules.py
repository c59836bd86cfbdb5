"""The rules one by one, with times that were worked out by hand; and that they say what they do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.booking.explain import named, told
from hub.booking.rules import Away, Fact, Own, Reason
from hub.booking.together import Board, Group
from hub.booking.types import Assign
from tests.hub.booking.boards import BERLIN, Busy, Event, State, at, board, event, hours_only, week

MONDAY, TUESDAY = at("2026-11-23"), at("2026-11-24")


def own(begins: str, ends: str, *, id: int = 1, starts: str = "", slug: str = "talk") -> Own:
    """An appointment that takes that time, its buffers included."""
    return Own(id, slug, "confirmed", at(starts or begins), (at(begins), at(ends)))


def busy(*spans: tuple[str, str], **more: object) -> Busy:
    """A calendar in which that time is taken."""
    return Busy(tuple((at(begins), at(ends)) for begins, ends in spans), (State("work"),))


def closing(found: Board, when: str, host: str = "ada") -> list[str]:
    """What closes a time for a host."""
    return [reason.kind for reason in told(found, at(when))[1][host] if not reason.opens]


def test_an_event_closes_what_touches_it_and_nothing_beside_it() -> None:
    calendar = busy(("2026-11-23T10:00", "2026-11-23T10:45"))
    found = board(event(), MONDAY, TUESDAY, hours=week("09:00-12:00"), busy={"ada": calendar})
    assert hours_only(found.times()) == ["09:00", "09:30", "11:00", "11:30"]
    assert closing(found, "2026-11-23T10:30") == ["calendar"]


def test_buffers_are_kept_free_on_both_sides() -> None:
    calendar = busy(("2026-11-23T10:00", "2026-11-23T10:30"))
    of = event(step=15, buffer_before=15, buffer_after=20)
    found = board(of, MONDAY, TUESDAY, hours=week("09:00-12:00"), busy={"ada": calendar})
    # 30 minutes and 20 after them end by 10:00: 09:00 is the last. 15 before it begins are free from 10:45 on.
    assert hours_only(found.times()) == ["09:00", "10:45", "11:00", "11:15", "11:30"]


def test_an_appointment_of_ours_takes_its_time_with_its_own_buffers() -> None:
    taken = own("2026-11-23T09:50", "2026-11-23T10:40", starts="2026-11-23T10:00")
    found = board(event(buffer_after=10), MONDAY, TUESDAY, hours=week("09:00-12:00"), own={"ada": [taken]})
    # 09:30 needs until 10:10
    assert hours_only(found.times()) == ["09:00", "11:00", "11:30"]
    assert closing(found, "2026-11-23T09:30") == ["appointment"]


def test_notice_and_window_are_counted_from_now_to_the_minute() -> None:
    of = event(notice=60, window_days=1)
    found = board(of, MONDAY, at("2026-11-26"), hours=week("09:00-11:00"), now=at("2026-11-23T09:00"))
    assert hours_only(found.times()) == ["10:00", "10:30", "09:00"]
    assert closing(found, "2026-11-23T09:30") == ["notice"]
    assert closing(found, "2026-11-24T09:30") == ["window"]


def test_no_more_a_day_and_a_week_than_she_takes_in_her_own_zone() -> None:
    # 23:30 in Berlin on Monday is 17:30 in New York: the same Monday there, and one before midnight here
    new_york = ZoneInfo("America/New_York")
    late = Own(1, "talk", "confirmed", at("2026-11-23T17:30", new_york), (0, 0))
    other = Own(2, "another", "confirmed", at("2026-11-24T09:00", new_york), (0, 0))
    hours = week("09:00-10:00", new_york)
    days = (at("2026-11-23", new_york), at("2026-12-02", new_york))
    daily = board(event(most_per_day=1), *days, hours=hours, own={"ada": [late, other]})
    assert closing(daily, "2026-11-23T15:00") == ["most-per-day"]
    assert closing(daily, "2026-11-24T15:00") == []
    weekly = board(event(most_per_week=1), *days, hours=hours, own={"ada": [late, other]})
    assert closing(weekly, "2026-11-29T15:00") == ["most-per-week"], "a Sunday still belongs to the week"
    assert closing(weekly, "2026-11-30T15:00") == []


def test_stale_calendar_no_slots() -> None:
    """cal.diy#5749: what we do not know we do not offer, and say so."""
    seen = datetime(2026, 11, 23, 7, 40, tzinfo=UTC)
    calendars = Busy((), (State("work", seen), State("home", seen, stale=True, why="unreachable")))
    found = board(event(), MONDAY, TUESDAY, busy={"ada": calendars})
    assert found.times() == {}
    said = [reason for reason in told(found, at("2026-11-23T09:00"))[1]["ada"] if not reason.opens]
    assert said == [Reason("stale-calendar", False, {"why": "unreachable"}, "home", seen)]


def test_hours_say_which_of_them_closes() -> None:
    of = event(holidays=["2026-11-24"], special={"2026-11-25": "14:00-15:00"})
    found = board(of, MONDAY, at("2026-11-28"), hours=week("09:00-12:00"))
    assert closing(found, "2026-11-23T08:00") == ["outside-hours"]
    assert closing(found, "2026-11-23T11:45") == ["past-closing"]
    assert closing(found, "2026-11-23T09:10") == ["between-times"]
    assert closing(found, "2026-11-24T09:00") == ["holiday"]
    assert closing(found, "2026-11-25T09:00") == ["special-day"]
    assert closing(found, "2026-11-25T14:00") == []


def test_a_stand_in_takes_the_place_of_who_is_absent_in_her_hours_while_he_is_free() -> None:
    away = Away(at("2026-11-23T10:00"), at("2026-11-23T12:00"), "ben")
    calendar = busy(("2026-11-23T11:00", "2026-11-23T11:30"))
    found = board(
        event(),
        MONDAY,
        TUESDAY,
        hours={"ada": week("09:00-12:30"), "ben": week("08:00-17:00")},
        away={"ada": [away]},
        busy={"ben": calendar},
        others=["ben"],
    )
    names = dict(zip(hours_only(found.times()), found.times().values(), strict=True))
    assert names == {
        "09:00": [("ada",)],
        "09:30": [("ada",)],
        "10:00": [("ben",)],
        "10:30": [("ben",)],
        "11:30": [("ben",)],
        "12:00": [("ada",)],
    }
    open_, reasons = told(found, at("2026-11-23T10:00"))
    stand_in = Reason("stand-in", True, {"agent": "ben", "for": "ada", "until": "2026-11-23T11:00:00+00:00"})
    assert open_
    assert stand_in in reasons["ada"]
    assert closing(found, "2026-11-23T11:00") == ["absent", "calendar"], "hers, and why nobody stands in"


def test_all_hosts_are_counted_from_when_all_of_them_are_there() -> None:
    hours = {"ada": week("09:00-12:00"), "ben": week("09:15-11:00"), "cleo": week("08:00-10:50")}
    found = board(event(["ada", "ben", "cleo"], assign="collective"), MONDAY, TUESDAY, hours=hours)
    assert found.times() == {
        at("2026-11-23T09:15"): [("ada", "ben", "cleo")],
        at("2026-11-23T09:45"): [("ada", "ben", "cleo")],
        at("2026-11-23T10:15"): [("ada", "ben", "cleo")],
    }
    assert closing(found, "2026-11-23T09:30") == ["between-times"]


def test_nobody_takes_two_places_at_once() -> None:
    away = Away(at("2026-11-23T09:00"), at("2026-11-23T10:00"), "ben")
    of = event(["ada", "ben"], assign="collective")
    found = board(of, MONDAY, TUESDAY, hours=week("09:00-11:00"), away={"ada": [away]})
    assert hours_only(found.times()) == ["10:00", "10:30"]
    assert "takes-part-already" in closing(found, "2026-11-23T09:30", "ben")


def test_the_fixed_host_takes_part_with_each_of_the_others_in_turn() -> None:
    of = event(["ada", "ben", "cleo"], assign="fixed-and-rotating", fixed=["ada"])
    calendar = {
        "ben": busy(("2026-11-23T09:00", "2026-11-23T09:30")),
        "ada": busy(("2026-11-23T10:00", "2026-11-23T12:00")),
    }
    found = board(of, MONDAY, TUESDAY, hours=week("09:00-11:00"), busy=calendar)
    assert found.times() == {
        at("2026-11-23T09:00"): [("ada", "cleo")],
        at("2026-11-23T09:30"): [("ada", "ben"), ("ada", "cleo")],
    }


def test_in_turn_every_free_host_could_take_it_and_one_can_be_asked_for() -> None:
    of = event(["ada", "ben"], assign="round-robin")
    calendar = {"ada": busy(("2026-11-23T09:00", "2026-11-23T09:30"))}
    found = board(of, MONDAY, TUESDAY, hours=week("09:00-10:00"), busy=calendar)
    assert list(found.times().values()) == [[("ben",)], [("ada",), ("ben",)]]
    asked = board(of, MONDAY, TUESDAY, hours=week("09:00-10:00"), busy=calendar, host="ada")
    assert list(asked.times().values()) == [[("ada",)]]


def test_a_group_with_seats_left_is_offered_at_its_own_start() -> None:
    taken = own("2026-11-23T09:10", "2026-11-23T09:40")
    group = Group(1, at("2026-11-23T09:10"), ("ada",), 3)
    of = event(seats=5, notice=30)
    found = board(of, MONDAY, TUESDAY, hours=week("09:00-10:30"), own={"ada": [taken]}, groups=[group])
    assert hours_only(found.times()) == ["09:10", "10:00"]
    assert told(found, at("2026-11-23T09:10")) == (
        True,
        {"ada": (Reason("seats-left", True, {"appointment": 1, "left": 3}),)},
    )
    late = board(of, MONDAY, TUESDAY, own={"ada": [taken]}, groups=[group], now=at("2026-11-23T09:00"))
    assert at("2026-11-23T09:10") not in late.times()


async def test_nobody_can_say_why_a_slot_is_offered() -> None:
    """cal.diy#5749, #18534: each rule says what it does, each event which calendar it lies in and how fresh that is."""
    seen = datetime(2026, 11, 23, 7, 59, tzinfo=UTC)
    begins, ends = at("2026-11-23T10:00"), at("2026-11-23T11:00")
    calendar = Busy(((begins, ends),), (State("work", seen), State("home", seen)))
    found = board(event(most_per_day=4), MONDAY, TUESDAY, busy={"ada": calendar})
    open_, reasons = told(found, at("2026-11-23T09:00"))
    assert open_
    assert [(reason.kind, reason.source, reason.current_at) for reason in reasons["ada"]] == [
        ("hours", "", None),
        ("notice", "", None),
        ("window", "", None),
        ("calendar", "work", seen),
        ("calendar", "home", seen),
        ("most-per-day", "", None),
    ]
    open_, reasons = told(found, at("2026-11-23T10:30"))
    assert not open_

    async def taking(agent: str, since: datetime, until: datetime) -> list[Event]:
        assert (agent, since, until) == ("ada", touched[0], datetime(2026, 11, 23, 10, tzinfo=UTC))
        return [Event(since - timedelta(minutes=30), until, "Dentist", "home", current_at=seen)]

    touched = datetime(2026, 11, 23, 9, 30, tzinfo=UTC), datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
    closes = [reason for reason in await named("ada", reasons["ada"], *touched, taking) if not reason.opens]
    facts: dict[str, Fact] = {
        "since": "2026-11-23T09:00:00+00:00",
        "until": "2026-11-23T10:00:00+00:00",
        "title": "Dentist",
        "private": 0,
    }
    assert closes == [Reason("calendar", False, facts, "home", seen)]


HOSTS = ("ada", "ben", "cleo")
QUARTERS = st.integers(0, 24 * 4 * 2)
WEEKS = st.sampled_from(["09:00-17:00", "00:00-24:00", "22:00-24:00, 00:00-02:00", "09:20-12:00, 12:00-13:00", ""])
ZONES = st.sampled_from(
    [BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("Australia/Lord_Howe")]
)


@st.composite
def boards(draw: st.DrawFn) -> Board:
    """Three hosts and a stand-in around a change of the clocks, with a bit of everything."""
    assign = draw(st.sampled_from(list(Assign)))
    hosts = HOSTS[:1] if assign is Assign.ONE else HOSTS
    of = event(
        hosts,
        assign=assign,
        fixed=("ada",) if assign is Assign.FIXED_AND_ROTATING else (),
        durations=[draw(st.sampled_from([15, 30, 50]))],
        step=draw(st.sampled_from([0, 10, 45])),
        buffer_before=draw(st.sampled_from([0, 10])),
        buffer_after=draw(st.sampled_from([0, 20])),
        notice=draw(st.sampled_from([0, 125])),
        window_days=draw(st.sampled_from([1, 60])),
        most_per_day=draw(st.sampled_from([0, 1])),
        most_per_week=draw(st.sampled_from([0, 2])),
        seats=draw(st.sampled_from([1, 4])),
    )
    begin = at(draw(st.sampled_from(["2026-03-28T12:00", "2026-10-24T12:00", "2026-10-03T12:00"])))
    spans = st.tuples(QUARTERS, st.integers(1, 12)).map(lambda each: (begin + each[0] * 900, begin + sum(each) * 900))
    everybody = (*hosts, "dora")
    appointments = {
        agent: [
            Own(place, "talk", "confirmed", span[0], span)
            for place, span in enumerate(draw(st.lists(spans, max_size=2)))
        ]
        for agent in everybody
    }
    stand_ins = st.sampled_from(["", *everybody])
    away = {
        agent: [
            Away(*span, who) for span, who in draw(st.lists(st.tuples(spans, stand_ins), max_size=2)) if who != agent
        ]
        for agent in everybody
    }
    groups = [
        Group(each.id, each.starts_at, (agent,), 2)
        for agent, some in appointments.items()
        for each in some
        if of.seats > 1 and assign in (Assign.ONE, Assign.ROUND_ROBIN)
    ]
    return board(
        of,
        begin,
        begin + 2 * 86_400,
        hours={agent: week(draw(WEEKS), draw(ZONES)) for agent in everybody},
        busy={agent: Busy(tuple(sorted(draw(st.lists(spans, max_size=2))))[:1]) for agent in everybody},
        own=appointments,
        away=away,
        groups=groups,
        now=begin + draw(st.sampled_from([0, 7 * 3600])),
        others=["dora"],
    )


@settings(max_examples=60, deadline=None)
@given(boards(), st.integers(0, 60))
def test_what_is_explained_as_open_is_what_is_offered(found: Board, seconds: int) -> None:
    times = found.times()
    for when in {*range(found.since + seconds * 5, found.until, 300), *times}:
        assert told(found, when)[0] == (when in times), when


@settings(max_examples=40, deadline=None)
@given(boards())
def test_everybody_who_is_offered_is_free_by_all_rules_of_hers(found: Board) -> None:
    joined = found.joinable()
    for when, sets in found.times().items():
        for members in sets:
            assert len(set(members)) == len(members)
            reasons = [reason for agent in members for reason in found.people[agent].reasons(when)]
            assert when in joined or all(reason.opens for reason in reasons)


@pytest.mark.parametrize("count", [1, 2])
def test_the_same_is_offered_whichever_part_of_the_time_one_asks_for(count: int) -> None:
    of = event(durations=[50], step=35)
    hours = week("", mon="20:10-24:00", tue="00:00-24:00", wed="00:00-09:00")
    whole = board(of, MONDAY, at("2026-11-27"), hours=hours, now=0).times()
    since = at("2026-11-24T22:17") + count * 86_400 // 2
    assert list(board(of, since, at("2026-11-27"), hours=hours, now=0).times()) == [
        each for each in whole if each >= since
    ]
