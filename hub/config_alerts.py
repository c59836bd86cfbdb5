"""`[alerts]`: how people are told, and where the hub may send what it tells. `[rules.<name>]`: of what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from hub import config_values as values
from hub.alerts.rules import Rule, RuleTable, complaints
from hub.config_reader import STRICT, Reader


class AlertsTable(BaseModel):
    """`[alerts]`: what holds for all alerts."""

    model_config = STRICT

    allow_private: list[str] = []


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """*allow_private* are the `host:port`s of our own network to which alerts may be sent: all others must be
    public. *rules* are those of the file, by name."""

    allow_private: frozenset[str] = frozenset()
    rules: Mapping[str, Rule] = field(default_factory=dict)


def read_alerts(reader: Reader) -> AlertsConfig:
    """How people are told, and of what."""
    table = reader.checked("alerts", AlertsTable, reader.section("alerts")) or AlertsTable()
    rules = {}
    for name, given in reader.tables("rules"):
        path = f"rules.{values.quoted(name)}"
        rule = reader.checked(path, RuleTable, given)
        if rule is None:
            continue
        for key, message in complaints(rule, given):
            reader.wrong(f"{path}.{key}", message)
        for place, who in enumerate(rule.who):
            where = f"{path}.who[{place}]"
            if who.startswith("team:"):
                reader.named(where, who.removeprefix("team:"), "teams")
            elif who not in ("concerned", "admins", "everyone"):
                reader.agent(where, who, reader.section("agents"))
        if rule.escalate_to:
            reader.agent(f"{path}.escalate_to", rule.escalate_to, reader.section("agents"))
        for place, source in enumerate(rule.sources):
            reader.named(f"{path}.sources[{place}]", source, "sources")
        rules[name] = Rule(name=name, table=rule, origin="file")
    return AlertsConfig(frozenset(table.allow_private), rules)
