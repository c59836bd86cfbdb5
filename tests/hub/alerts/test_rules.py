"""What each condition lets through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hub.alerts.facts import Fact, FactKind
from hub.alerts.rules import Customer, Rule, RuleTable
from hub.config import Config, ConfigError
from tests.hub.alerts.conftest import NOW

CUSTOMER = Customer(
    contact_id=7, owner="ada", company_id=9, domain="example.com", fields={"tier": "gold", "tags": ["vip"]}, deal=5000
)


def fact(kind: str, **more: Any) -> Fact:
    return Fact(kind=FactKind(kind), key="k", at=NOW, **more)


@pytest.mark.parametrize(
    ("rule", "matches", "but_not"),
    [
        ({"kind": "message"}, fact("message"), fact("call")),
        ({"kind": "message", "channels": ["email"]}, fact("message", values={"channel": "email"}), fact("message")),
        ({"kind": "call", "sources": ["pbx"]}, fact("call", source="pbx"), fact("call", source="line")),
        ({"kind": "deal-moved", "stages": ["won"]}, fact("deal-moved", values={"stage": "won"}), fact("deal-moved")),
        (
            {"kind": "deal-still", "days": 10, "deal_at_least": 100},
            fact("deal-still", values={"days": 10, "amount": 100.0}),
            fact("deal-still", values={"days": 9, "amount": 100.0}),
        ),
        (
            {"kind": "silence-of-contact"},
            fact("silence-of-contact", values={"days": 30}),
            fact("silence-of-contact", values={"days": 29}),
        ),
        ({"kind": "source"}, fact("source-silent"), fact("source-ok")),
        (
            {"kind": "mention", "queries": ["12"], "sentiments": ["negative"], "reach_at_least": 1000},
            fact("mention", query_id=12, values={"sentiment": "negative", "reach": 1000}),
            fact("mention", query_id=12, values={"sentiment": "negative", "reach": 999}),
        ),
        ({"kind": "spike", "queries": ["12"]}, fact("spike", query_id=12), fact("spike", query_id=13)),
        ({"kind": "booking", "states": ["moved"]}, fact("booking", values={"state": "moved"}), fact("booking")),
    ],
)
def test_a_rule_matches_what_it_says(rule: dict[str, Any], matches: Fact, but_not: Fact) -> None:
    made = Rule(name="r", table=RuleTable.model_validate(rule))
    assert made.matches(matches, None)
    assert not made.matches(but_not, None)
    off = Rule(name="r", table=made.table.model_copy(update={"enabled": False}))
    assert not off.matches(matches, None)


@pytest.mark.parametrize(
    ("condition", "is_so"),
    [
        ({"owned": True}, True),
        ({"deal_at_least": 5000}, True),
        ({"deal_at_least": 5001}, False),
        ({"field": "tier", "values": ["gold", "silver"]}, True),
        ({"field": "tier", "values": ["silver"]}, False),
        ({"field": "tags", "values": ["vip"]}, True),
        ({"field": "region"}, False),
        ({"contacts": ["7"]}, True),
        ({"contacts": ["8"]}, False),
        ({"companies": ["example.com"]}, True),
        ({"companies": ["10"]}, False),
    ],
)
def test_an_important_customer_is_who_the_rule_says(condition: dict[str, Any], is_so: bool) -> None:
    rule = Rule(name="r", table=RuleTable.model_validate({"kind": "message", **condition}))
    assert rule.matches(fact("message", contact_id=7), CUSTOMER) is is_so
    assert not rule.matches(fact("message"), None), "nobody knows who she is"


def test_a_rule_of_the_file_stands_in_the_place_of_a_built_in_one(configured: Callable[[str], Config]) -> None:
    config = configured('[rules.spike]\nkind = "spike"\nenabled = false\n')
    assert not config.alerts.rules["spike"].table.enabled


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ('kind = "spike"\ndays = 3', "rules.mine.days"),
        ('kind = "spik"', "rules.mine.kind"),
        ('kind = "spike"\nwho = ["zoe"]', "rules.mine.who[0]"),
        ('kind = "spike"\nwho = ["team:support"]', "rules.mine.who[0]"),
        ('kind = "spike"\nescalate_to = "ada"', "rules.mine.escalate_to"),
        ('kind = "message"\nvalues = ["gold"]', "rules.mine.values"),
        ('kind = "message"\nurgency = "high"', "rules.mine.urgency"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_with_its_place(
    configured: Callable[[str], Config], lines: str, where: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(f"[rules.mine]\n{lines}\n")
    assert where in [problem.path for problem in caught.value.problems]
