"""A plan brings every caller to an end, and rings nobody who does not want it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from hub import Asked, HangUp, Heard, Listen, Ring, Step, TakeMessage, Wait
from hub.hours import Hours, read_spans
from hub.routing.engine import MOST_MENUS, WAIT_SECONDS, Answer, Known, Person, advance
from hub.routing.plan import Plan
from hub.routing.tables import PlanTable, read

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OFFICE = Hours("office", ZoneInfo("UTC"), [read_spans("08:00-17:00")] * 5 + [(), ()], frozenset({MONDAY.date()}))
AGENTS = {"ada": frozenset({"tax"}), "ben": frozenset[str](), "cleo": frozenset({"tax"})}
TEAMS = {"service": ("ada", "ben", "cleo")}
BOX = {"kind": "voicemail", "say": "Nobody is there."}


def plan_of(start: str, nodes: dict[str, dict[str, Any]], **more: Any) -> Plan:
    """The plan in a table; it must be right."""
    wrong: list[str] = []
    table = PlanTable(start=start, nodes=nodes, **more)
    made = read(
        "p", "plans.p", table, lambda *told: wrong.append(": ".join(told)), hours={"office"}, agents=AGENTS, teams=TEAMS
    )
    assert made is not None, wrong
    return made


def people(**states: str) -> dict[str, Person]:
    """The agents, each free unless *states* says "busy", "dnd" or "out"."""
    return {
        name: Person(
            id=name,
            phones=(f"pbx/{name}",),
            free=name not in states,
            out=states.get(name) == "out",
            skills=skills,
        )
        for name, skills in AGENTS.items()
    }


def known(at: datetime = MONDAY, **more: Any) -> Known:
    """What is known, with all agents free."""
    usual: dict[str, Any] = {"at": at, "people": people(), "teams": TEAMS, "hours": {"office": OFFICE}}
    return Known(**usual | more)


def began(place: str = "", heard: Heard = Heard.BEGAN, digits: str = "") -> Asked:
    """A question of the same caller."""
    return Asked(
        key="pbx:1", caller="tel:+491701", line="tel:+4930", at=MONDAY, place=place, heard=heard, digits=digits
    )


def after(plan: Plan, answer: Answer, heard: Heard, digits: str = "", **more: Any) -> Answer:
    """The answer to what came of the step before."""
    return advance(plan, began(answer.step.place, heard, digits), known(**more))


# --- any plan, any caller -------------------------------------------------------------------------------------------


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any valid plan of a few nodes: what happens without the caller leads on, her keys lead anywhere."""
    count = draw(st.integers(1, 7))
    nodes: dict[str, dict[str, Any]] = {f"n{count}": BOX}
    for number in reversed(range(count)):
        on = st.sampled_from([f"n{later}" for later in range(number + 1, count + 1)])
        forward = f"n{number + 1}"  # so that every node is reached
        kind = draw(st.sampled_from(["hours", "say", "menu", "route", "ring", "queue"]))
        strategy = draw(st.sampled_from(["all", "in-turn", "least-busy"]))
        node: dict[str, Any]
        if kind == "hours":
            node = {"hours": "office", "open": forward, "closed": draw(on)}
        elif kind == "say":
            node = {"say": "Hello.", "then": forward}
        elif kind == "menu":
            keys = draw(st.lists(st.sampled_from("0123456789*#"), max_size=4, unique=True))
            anywhere = st.sampled_from([f"n{other}" for other in range(count + 1)])
            node = {"say": "Press.", "choices": {key: draw(anywhere) for key in keys}, "otherwise": forward}
        elif kind == "route":
            when = draw(st.sampled_from(["known", "owner", "vip", "open-case", "language:zh", "number:+49"]))
            node = {"rules": [{"when": when, "then": draw(on)}], "otherwise": forward}
        elif kind == "ring":
            whom: list[dict[str, Any]] = [{"owner": True}, {"team": "service"}, {"skill": "tax"}, {"agents": ["ben"]}]
            who = draw(st.sampled_from(whom))
            node = {**who, "then": forward, "strategy": strategy}
        else:
            node = {"team": "service", "then": forward, "strategy": strategy, "most_seconds": 60}
        nodes[f"n{number}"] = {"kind": kind, **node}
    return plan_of("n0", nodes)


HEARD = st.tuples(st.sampled_from(list(Heard)[1:]), st.sampled_from("0123456789*#"))
STATES = st.dictionaries(st.sampled_from(sorted(AGENTS)), st.sampled_from(["busy", "dnd", "out"]))


@settings(max_examples=150, deadline=None)
@given(plans(), st.lists(HEARD, min_size=1, max_size=12), st.lists(STATES, min_size=1, max_size=5), st.booleans())
def test_whatever_a_caller_does_it_ends_and_nobody_is_rung_who_cannot_be(
    plan: Plan, does: Sequence[tuple[Heard, str]], states: Sequence[Mapping[str, str]], vip: bool
) -> None:
    at, asked, steps = MONDAY, began(), 0
    while True:
        now = people(**states[steps % len(states)])
        answer = advance(plan, asked, known(at, people=now, vip=vip, owner="ada", contact=1))
        action = answer.step.action
        if isinstance(action, HangUp | TakeMessage):
            break
        if isinstance(action, Ring):
            assert action.phones
            assert all(now[phone.removeprefix("pbx/")].free for phone in action.phones)
            at += timedelta(seconds=action.seconds)
        if isinstance(action, Wait):
            at += timedelta(seconds=action.seconds)
        steps += 1
        # Menus that are heard for ever, and everybody rung in every node, are the longest way.
        assert steps < 2 * (MOST_MENUS + 1) * (len(plan.nodes) + 1) * (60 // WAIT_SECONDS + len(AGENTS) + 2)
        heard, digits = does[steps % len(does)]
        asked = began(answer.step.place, heard, digits)


# --- one kind of node after the other -------------------------------------------------------------------------------


def test_hours_and_holidays_decide_who_hears_the_menu() -> None:
    plan = plan_of(
        "hours",
        {
            "hours": {"kind": "hours", "hours": "office", "open": "menu", "closed": "box"},
            "menu": {"kind": "menu", "say": "Press 1.", "choices": {"1": "box"}, "otherwise": "box"},
            "box": BOX,
        },
    )
    tuesday = MONDAY + timedelta(days=1)

    assert isinstance(advance(plan, began(), known(tuesday)).step.action, Listen)
    assert isinstance(advance(plan, began(), known(tuesday + timedelta(hours=9))).step.action, TakeMessage)
    assert isinstance(advance(plan, began(), known(MONDAY)).step.action, TakeMessage)  # a holiday


def test_a_menu_is_heard_again_then_given_up_in_the_callers_language() -> None:
    say = {"de": "Drücken Sie 1.", "zh-Hant": "請按 1。"}
    menu = {"kind": "menu", "say": say, "choices": {"1": "bye"}, "otherwise": "box", "tries": 2}
    plan = plan_of("menu", {"menu": menu, "box": BOX, "bye": {"kind": "hang-up"}})

    first = advance(plan, began(), known(languages=("zh",)))
    second = after(plan, first, Heard.NOTHING)
    third = after(plan, second, Heard.DIGITS, "7")

    assert [each.text for each in first.step.prompts] == ["請按 1。"]
    assert [each.text for each in second.step.prompts] == ["Drücken Sie 1."]  # nothing known: the first
    assert isinstance(third.step.action, TakeMessage)
    assert isinstance(after(plan, first, Heard.DIGITS, "1").step.action, HangUp)


def test_the_owner_of_the_contact_is_rung_first_then_her_team() -> None:
    plan = plan_of(
        "who",
        {
            "who": {"kind": "route", "rules": [{"when": "owner", "then": "own"}], "otherwise": "team"},
            "own": {"kind": "ring", "owner": True, "then": "team"},
            "team": {"kind": "ring", "team": "service", "then": "box", "strategy": "in-turn"},
            "box": BOX,
        },
    )

    first = advance(plan, began(), known(owner="cleo"))
    second = after(plan, first, Heard.UNANSWERED, owner="cleo")
    third = after(plan, second, Heard.UNANSWERED, owner="cleo")

    assert _rung(first) == ["pbx/cleo"]
    assert _rung(second) == ["pbx/ada"]
    assert _rung(third) == ["pbx/ben"]
    assert isinstance(after(plan, third, Heard.ANSWERED).step.action, HangUp)
    assert _rung(advance(plan, began(), known(people=people(ada="dnd"), owner=""))) == ["pbx/ben"]


def test_a_stand_in_is_rung_for_who_is_out_of_the_office() -> None:
    plan = plan_of("own", {"own": {"kind": "ring", "agents": ["ben"], "then": "box"}, "box": BOX})
    away = people(ben="out") | {"ben": Person(id="ben", phones=("pbx/ben",), free=False, out=True, stand_in="cleo")}

    assert _rung(advance(plan, began(), known(people=away))) == ["pbx/cleo"]
    assert isinstance(advance(plan, began(), known(people=people(ben="out"))).step.action, TakeMessage)


def test_who_has_the_skill_and_the_fewest_calls_is_rung() -> None:
    node = {"kind": "ring", "skill": "tax", "strategy": "least-busy", "then": "box"}
    plan = plan_of("tax", {"tax": node, "box": BOX})
    loads = {"ada": 5, "ben": 0, "cleo": 2}
    now = {
        name: Person(id=name, phones=(f"pbx/{name}",), skills=skills, load=loads[name])
        for name, skills in AGENTS.items()
    }

    assert _rung(advance(plan, began(), known(people=now))) == ["pbx/cleo"]


def test_who_waited_longest_is_served_first_and_hears_her_place() -> None:
    position = {"en": "You are number {position}."}
    queue = {"kind": "queue", "team": "service", "then": "box", "position": position, "most_seconds": 30}
    plan = plan_of("q", {"q": queue, "box": BOX})
    now = int(MONDAY.timestamp())
    one_free = people(ada="busy", cleo="dnd")

    behind = advance(plan, began(), known(people=one_free, ahead={"service": [now - 60]}))
    same = after(plan, behind, Heard.DONE, people=one_free, ahead={"service": [now - 60]})
    late = after(plan, behind, Heard.DONE, at=MONDAY + timedelta(seconds=30))

    assert isinstance(behind.step.action, Wait)
    assert (behind.queue, behind.entered, same.entered) == ("service", True, False)
    assert [each.text for each in behind.step.prompts] == ["You are number 2."]
    assert same.step.prompts == ()
    assert _rung(after(plan, behind, Heard.DONE, people=one_free)) == ["pbx/ben"]
    assert isinstance(late.step.action, TakeMessage)
    assert late.queue == ""


def test_a_blocked_number_hears_the_busy_tone() -> None:
    plan = plan_of("box", {"box": BOX})

    assert advance(plan, began(), known(blocked=True)).step.action == HangUp(busy=True)


def test_a_call_is_recorded_only_where_its_line_allows_it_and_after_it_was_said() -> None:
    ring = {"kind": "ring", "team": "service", "then": "box", "record": True}
    plan = plan_of("ring", {"ring": ring, "box": BOX}, record_says="We record.")

    quiet = advance(plan, began(), known())
    told = advance(plan, began(), known(recording=True, announcement=plan.announcement))

    assert isinstance(quiet.step.action, Ring)
    assert not quiet.step.action.record
    assert quiet.step.prompts == ()
    assert isinstance(told.step.action, Ring)
    assert told.step.action.record
    assert [each.text for each in told.step.prompts] == ["We record."]


def test_a_call_whose_node_is_gone_from_the_plan_begins_again() -> None:
    plan = plan_of("box", {"box": BOX})

    assert isinstance(advance(plan, began("lost.1:2", Heard.DONE), known()).step.action, TakeMessage)


def _rung(answer: Answer) -> list[str]:
    step: Step = answer.step
    assert isinstance(step.action, Ring)
    return list(step.action.phones)
