"""Rules: of which facts who is told, how urgently, and by which ways. Pure: nothing here reads the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub.alerts.facts import Fact, FactKind
from hub.alerts.timing import Severity

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Kind = Literal[
    "message",
    "call",
    "missed",
    "overdue-call",
    "deal-moved",
    "deal-still",
    "silence-of-contact",
    "promise-due",
    "source",
    "mention",
    "spike",
    "silence",
    "booking",
    "bounce",
    "reminder",
    "test",
]
"""What a rule can be about. `source` is all trouble of sources."""

_FACTS: Mapping[str, tuple[FactKind, ...]] = {"source": (FactKind.SOURCE_LAG, FactKind.SOURCE_SILENT)}
_SEVERITY: Mapping[str, Severity] = {
    "message": "notice",
    "call": "notice",
    "missed": "notice",
    "deal-moved": "info",
    "deal-still": "info",
    "silence-of-contact": "info",
    "mention": "info",
    "booking": "info",
    "bounce": "notice",
    "promise-due": "notice",
    "reminder": "notice",
    "test": "info",
}
_CUSTOMER = ("owned", "deal_at_least", "field", "values", "contacts", "companies")
_TAKES: Mapping[str, tuple[str, ...]] = {
    "message": (*_CUSTOMER, "channels", "sources"),
    "call": (*_CUSTOMER, "sources"),
    "missed": (*_CUSTOMER, "sources"),
    "overdue-call": _CUSTOMER,
    "deal-moved": ("deal_at_least", "stages"),
    "deal-still": ("days", "deal_at_least", "stages"),
    "silence-of-contact": ("days", *_CUSTOMER),
    "promise-due": (),
    "source": ("sources",),
    "mention": ("queries", "sentiments", "reach_at_least", "sources"),
    "spike": ("queries",),
    "silence": ("queries",),
    "booking": ("states",),
    "bounce": ("sources",),
    "reminder": (),
    "test": (),
}
DAYS = {"deal-still": 14, "silence-of-contact": 30}
"""After how many days, where the rule does not say."""


class RuleTable(BaseModel):
    """`[rules.<name>]`: a rule, in the file or made on a page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    enabled: bool = True
    severity: Severity | None = None
    who: list[Word] = Field(["concerned"], max_length=100)
    ways: list[Word] = Field([], max_length=20)
    escalate_minutes: int | None = Field(None, ge=1, le=10_080)
    escalate_to: str = Field("", max_length=100)
    owned: bool = False
    deal_at_least: float | None = Field(None, ge=0)
    field: str = Field("", max_length=100)
    values: list[Word] = Field([], max_length=100)
    contacts: list[Word] = Field([], max_length=1000)
    companies: list[Word] = Field([], max_length=1000)
    channels: list[Word] = Field([], max_length=20)
    sources: list[Word] = Field([], max_length=100)
    stages: list[Word] = Field([], max_length=50)
    days: int | None = Field(None, ge=1, le=365)
    queries: list[Word] = Field([], max_length=1000)
    sentiments: list[Literal["positive", "neutral", "negative", "unclear"]] = []
    reach_at_least: int | None = Field(None, ge=0)
    states: list[Literal["booked", "moved", "cancelled"]] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """What a rule may ask of whom a fact is about: who owns the contact, what the CRM keeps in its fields, and the
    largest open deal with her or her company, in whatever currency it is."""

    contact_id: int
    owner: str = ""
    company_id: int | None = None
    domain: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    deal: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the file (*origin* `file`), of a page (`page`, with the *id* of its row) or one that every hub has
    (`built-in`). *name* is what alerts and settings call it."""

    name: str
    table: RuleTable
    origin: Literal["built-in", "file", "page"] = "built-in"
    id: int | None = None
    version: int = 1

    @property
    def kinds(self) -> tuple[FactKind, ...]:
        """The facts that it is about."""
        return _FACTS.get(self.table.kind) or (FactKind(self.table.kind),)

    @property
    def severity(self) -> Severity:
        """How urgent it is."""
        return self.table.severity or _SEVERITY.get(self.table.kind, "warning")

    @property
    def days(self) -> int:
        """After how many days a deal stands still, or a contact is silent."""
        return self.table.days or DAYS.get(self.table.kind, 0)

    @property
    def asks_customer(self) -> bool:
        """Whether it must be known who the customer is."""
        table = self.table
        return bool(
            table.owned or table.deal_at_least is not None or table.field or table.contacts or table.companies
        ) and not table.kind.startswith("deal-")

    def matches(self, fact: Fact, customer: Customer | None) -> bool:
        """Whether *fact* is one of its own. *customer* is whom it is about, where that is sure."""
        table, values = self.table, fact.values
        if not table.enabled or fact.kind not in self.kinds:
            return False
        if self.asks_customer and (customer is None or not self._is_such(customer)):
            return False
        known = (
            (table.channels, str(values.get("channel", ""))),
            (table.sources, fact.source),
            (table.stages, str(values.get("stage", ""))),
            (table.queries, str(fact.query_id)),
            (table.sentiments, str(values.get("sentiment", ""))),
            (table.states, str(values.get("state", ""))),
        )
        if any(wanted and found not in wanted for wanted, found in known):
            return False
        least: tuple[tuple[float | None, str], ...] = (
            (table.reach_at_least, "reach"),
            (table.deal_at_least if table.kind.startswith("deal-") else None, "amount"),
            (self.days or None, "days"),
        )
        return all(wanted is None or _number(values.get(name)) >= wanted for wanted, name in least)

    def _is_such(self, customer: Customer) -> bool:
        table = self.table
        if table.owned and not customer.owner:
            return False
        if table.deal_at_least is not None and customer.deal < table.deal_at_least:
            return False
        if table.contacts and str(customer.contact_id) not in table.contacts:
            return False
        if table.companies and not {str(customer.company_id), customer.domain} & set(table.companies):
            return False
        return not table.field or _says(customer.fields.get(table.field), table.values)


def takes(kind: str) -> tuple[str, ...]:
    """The conditions that a rule of *kind* may have."""
    return _TAKES[kind]


def complaints(table: RuleTable, given: Iterable[str]) -> list[tuple[str, str]]:
    """What is wrong with a rule beyond its shape: the keys of *given* that its kind does not take, with the cure."""
    wrong = []
    takes = (*_TAKES[table.kind], "kind", "enabled", "severity", "who", "ways", "escalate_minutes", "escalate_to")
    for key in given:
        if key not in takes:
            wrong.append((key, f"a rule of kind {table.kind} has no such condition. Leave it out."))
    if table.values and not table.field:
        wrong.append(("values", "needs a field whose values these are. Write field, too."))
    if table.escalate_to and table.escalate_minutes is None:
        wrong.append(("escalate_to", "says who is told, and not when. Write escalate_minutes, too."))
    return wrong


BUILT_IN: tuple[Rule, ...] = (
    Rule(name="overdue-call", table=RuleTable(kind="overdue-call")),
    Rule(name="promise-due", table=RuleTable(kind="promise-due")),
    Rule(name="reminder", table=RuleTable(kind="reminder")),
    Rule(name="source", table=RuleTable(kind="source", who=["admins"])),
    Rule(name="spike", table=RuleTable(kind="spike")),
    Rule(name="silence", table=RuleTable(kind="silence")),
)
"""What every hub has, until a rule of the same name says otherwise."""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _says(value: object, wanted: list[str]) -> bool:
    """Whether a field has one of the *wanted* values, or any where none is named; a list of tags has each of them."""
    found = {str(each) for each in (value if isinstance(value, list) else [value]) if each not in (None, "")}
    return bool(found & set(wanted)) if wanted else bool(found)
