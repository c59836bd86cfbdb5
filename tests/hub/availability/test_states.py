"""Whether an agent can be reached at a moment: what she says, what she does, and when she works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hub import Agent
from hub.availability import Declared, Known, Rota, Standing, State, standings, stands_in
from hub.availability.states import Away
from hub.hours import Hours, read_spans

MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)  # 10:30 in Berlin
EVENING = MONDAY.replace(hour=19)
OFFICE = Hours("office", ZoneInfo("Europe/Berlin"), [read_spans("09:00-17:00")] * 5 + [(), ()])
ROTA = Rota(
    {
        "ada": Agent("ada", "Ada", hours="office", stand_in="ben"),
        "ben": Agent("ben", "Ben", stand_in="cyd"),
        "cyd": Agent("cyd", "Cyd", stand_in="ada"),
    },
    {"office": OFFICE},
)


def ada(known: Known, now: datetime = MONDAY) -> Standing:
    return standings(ROTA, known, now)["ada"]


def test_who_says_nothing_is_available_within_her_hours() -> None:
    assert (ada(Known()).state, ada(Known()).why) == (State.AVAILABLE, "available")
    off = ada(Known(), EVENING)
    assert (off.state, off.why, off.stand_in) == (State.OFF, "outside-hours:office", "ben")
    assert off.until == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("state", [State.AWAY, State.DND])
def test_what_she_says_holds_until_the_time_she_named(state: State) -> None:
    said = Known(declared={"ada": Declared(state, MONDAY + timedelta(minutes=30), "lunch")})
    standing = ada(said)
    assert (standing.state, standing.why, standing.note) == (state, f"said:{state}", "lunch")
    assert ada(said, MONDAY + timedelta(minutes=30)).state is State.AVAILABLE


def test_who_says_until_when_she_is_there_is_there_after_hours() -> None:
    said = Known(declared={"ada": Declared(State.AVAILABLE, EVENING + timedelta(hours=1))})
    assert ada(said, EVENING).state is State.AVAILABLE
    assert ada(Known(declared={"ada": Declared(State.AVAILABLE)}), EVENING).state is State.OFF


def test_a_call_and_the_time_after_it_make_her_busy_and_name_it() -> None:
    ends = MONDAY + timedelta(seconds=60)
    wraps = Known(wrapping={"ada": (8, ends)})
    assert (ada(wraps).state, ada(wraps).why, ada(wraps).until) == (State.WRAPPING, "wraps-up:8", ends)
    talks = Known(talking={"ada": 7}, wrapping={"ada": (8, ends)})
    assert (ada(talks).state, ada(talks).why) == (State.BUSY, "on-a-call:7")
    assert (ada(talks).present, ada(talks).free) == (True, False)


def test_an_absence_comes_first_and_names_who_stands_in() -> None:
    away = Known(
        declared={"ada": Declared(State.DND)}, absent={"ada": Away(MONDAY + timedelta(days=7), "cyd", "holiday")}
    )
    standing = ada(away)
    assert (standing.state, standing.stand_in, standing.note) == (State.ABSENT, "cyd", "holiday")
    assert standing.holds == {State.ABSENT, State.DND}


def test_a_stand_in_who_is_out_has_one_herself_and_a_circle_ends() -> None:
    week = Away(MONDAY + timedelta(days=7))
    everybody = standings(ROTA, Known(absent={"ada": week, "ben": week}), MONDAY)
    assert stands_in("ada", everybody) == "cyd"
    assert stands_in("cyd", everybody) == "cyd"
    nobody = standings(ROTA, Known(absent={"ada": week, "ben": week, "cyd": week}), MONDAY)
    assert stands_in("ada", nobody) == ""
