"""The rules in memory, and what else raising alerts has to know: the people, their ways, their clocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Connection

from hub.alerts.facts import FactKind
from hub.alerts.rules import BUILT_IN, Rule, RuleTable
from hub.availability.states import Rota
from hub.store.alert_tables import alert_rules

if TYPE_CHECKING:
    from hub.alerts.ways.registry import Reach, WayOf
    from hub.config import Config


class Rulebook:
    """All rules: the built-in ones, those of the file in their place, and those of the page (`refresh`). Without a
    *config* there are no rules, no people and no ways. *reach* says which ways people have; without one they have only
    their screens."""

    def __init__(self, config: Config | None = None, reach: Reach | None = None) -> None:
        self._config = config
        self._reach = reach
        self.rota = Rota(config.agents, config.telephony.hours) if config else Rota()
        file = config.alerts.rules if config else {}
        self._fixed = {rule.name: rule for rule in BUILT_IN} | dict(file) if config else {}
        self._made: dict[str, Rule] = {}
        self._by_kind: Mapping[FactKind, tuple[Rule, ...]] = {}
        self._index()

    @property
    def rules(self) -> list[Rule]:
        """All, by name; those that are switched off, too."""
        return [rule for _, rule in sorted((self._fixed | self._made).items())]

    def named(self, name: str) -> Rule | None:
        """The rule that alerts call so, None where there is none any more."""
        return self._made.get(name) or self._fixed.get(name)

    def fixed(self, name: str) -> Rule | None:
        """The rule of that name in the file, or built in."""
        return self._fixed.get(name)

    def wants(self, kind: FactKind) -> tuple[Rule, ...]:
        """The rules that are switched on and about facts of that kind: one look-up where there is none."""
        return self._by_kind.get(kind, ())

    def refresh(self, conn: Connection) -> bool:
        """Read the rules of the page. Answers whether they are others than before."""
        made = {rule.name: rule for rule in page_made(conn)}
        if made == self._made:
            return False
        self._made = made
        self._index()
        return True

    def zone(self, agent: str) -> ZoneInfo:
        """Whose clock quiet hours go by."""
        return self._config.zone(agent) if self._config else ZoneInfo("UTC")

    def people(self) -> frozenset[str]:
        """All of us."""
        return frozenset(self.rota.agents)

    def team(self, name: str) -> tuple[str, ...]:
        """The people of a team."""
        teams = self._config.teams if self._config else {}
        return teams[name].agents if name in teams else ()

    def ways_of(self, conn: Connection, agent: str) -> Sequence[WayOf]:
        """The ways of *agent*."""
        if self._config is None or self._reach is None:
            return ()
        from hub.alerts.ways.registry import ways_of  # the registry reads the config, which reads rules

        return ways_of(conn, self._config, agent, self._reach)

    def changes(self, way: str) -> bool:
        """Whether what was told by *way* can be changed afterwards."""
        made = self._config.ways.get(way) if self._config else None
        return way.startswith("chat-") or (made is not None and made.kind == "ntfy")

    def _index(self) -> None:
        found: dict[FactKind, list[Rule]] = defaultdict(list)
        for rule in self.rules:
            if rule.table.enabled:
                for kind in rule.kinds:
                    found[kind].append(rule)
        self._by_kind = {kind: tuple(rules) for kind, rules in found.items()}


def page_made(conn: Connection, which: Iterable[sa.ColumnElement[bool]] = ()) -> list[Rule]:
    """The rules that were made on a page, by name."""
    rows = conn.execute(sa.select(alert_rules).where(*which).order_by(alert_rules.c.name))
    return [
        Rule(
            name=row.name,
            table=RuleTable.model_validate({**row.rule, "enabled": row.enabled}),
            origin="page",
            id=row.id,
            version=row.version,
        )
        for row in rows
    ]
