"""What is wrong with a plan is said with its place in the file, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.config import ConfigError, load

FIRM = """
[hub]
public_url = "https://hub.example.org"

[agents.ada]
name = "Ada"
skills = ["tax"]

[teams.service]
agents = ["ada"]

[hours.office]
mon = "09:00-17:00"
"""


def said(folder: Path, plan: str, firm: str = FIRM) -> list[str]:
    """What the hub says of a file with this plan."""
    path = folder / "config.toml"
    path.write_text(firm + plan)
    try:
        load(path, {})
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


PLAN = """
[plans.front]
start = "menu"
[plans.front.nodes.menu]
kind = "menu"
say = { en = "Press 1.", de = "Drücken Sie 1." }
choices = { 1 = "ring", 9 = "menu" }
otherwise = "box"
[plans.front.nodes.ring]
kind = "ring"
team = "service"
then = "box"
[plans.front.nodes.box]
kind = "voicemail"
say = "Nobody is there."
"""


def test_a_plan_is_read(tmp_path: Path) -> None:
    assert said(tmp_path, PLAN) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('start = "menu"', 'start = "moon"', 'plans.front.start: there is no node "moon"'),
        ('then = "box"', 'then = "bax"', 'plans.front.nodes.ring.then: leads to "bax", and there is no such node.'),
        ('otherwise = "box"', "", "plans.front.nodes.menu.otherwise: field required."),
        ('otherwise = "box"', 'otherwise = "menu"', "plans.front.nodes.menu: leads back to itself"),
        ("{ 1 = ", "{ 12 = ", 'plans.front.nodes.menu.choices: "12" is no key of a telephone.'),
        ('1 = "ring"', '1 = "box"', "plans.front.nodes.ring: is never reached."),
        ('team = "service"', 'team = "sales"', 'plans.front.nodes.ring.team: there is no team "sales".'),
        ('team = "service"', 'skill = "law"', 'plans.front.nodes.ring.skill: no agent has the skill "law".'),
        ('team = "service"', 'agents = ["bob"]', 'plans.front.nodes.ring.agents[0]: there is no agent "bob".'),
        ('team = "service"', "", "plans.front.nodes.ring: must say who is to ring"),
        ('kind = "ring"', 'kind = "rang"', "plans.front.nodes.ring.kind: must be one of hours, say, menu"),
        ('kind = "ring"', 'kind = "ring"\nrecord = true', 'plans.front.record_says: is missing, and "ring" records.'),
        ('kind = "ring"', 'kind = "ring"\nseconds = 900', "plans.front.nodes.ring.seconds: "),
        (
            '[plans.front.nodes.ring]\nkind = "ring"\nteam = "service"\nthen = "box"',
            '[plans.front.nodes.ring]\nkind = "hours"\nhours = "shop"\nopen = "box"\nclosed = "box"',
            "plans.front.nodes.ring.hours: there is no [hours.shop].",
        ),
        (
            '[plans.front.nodes.ring]\nkind = "ring"\nteam = "service"\nthen = "box"',
            '[plans.front.nodes.ring]\nkind = "route"\nrules = [{ when = "rich", then = "box" }]\notherwise = "box"',
            "plans.front.nodes.ring.rules[0].when: must be one of known, owner, vip",
        ),
    ],
)
def test_what_is_wrong_names_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in PLAN

    told = said(tmp_path, PLAN.replace(old, new))

    assert any(message in each for each in told), told


def test_a_source_cannot_name_a_plan_that_is_not_there(tmp_path: Path) -> None:
    source = '\n[sources.pbx]\nprovider = "calls"\nours = ["tel:+4930123456"]\ntoken = "env:T"\nplan = "frunt"\n'
    path = tmp_path / "config.toml"
    path.write_text(FIRM + PLAN + source)

    problems = load(path, {"T": "pbx-3f9a7c21"}).problems

    assert [str(each) for each in problems] == ['sources.pbx.plan: there is no [plans.frunt]. Did you mean "front"?']
