"""What happened that somebody may want to be told of, in ids and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

Value = int | float | str


class FactKind(StrEnum):
    """What a fact is about. Rules name these."""

    MESSAGE = "message"
    CALL = "call"
    MISSED = "missed"
    OVERDUE_CALL = "overdue-call"
    DEAL_MOVED = "deal-moved"
    DEAL_STILL = "deal-still"
    SILENCE_OF_CONTACT = "silence-of-contact"
    PROMISE_DUE = "promise-due"
    SOURCE_LAG = "source-lag"
    SOURCE_SILENT = "source-silent"
    SOURCE_OK = "source-ok"
    MENTION = "mention"
    SPIKE = "spike"
    SILENCE = "silence"
    BOOKING = "booking"
    BOUNCE = "bounce"
    REMINDER = "reminder"
    TEST = "test"


LASTING = frozenset(
    (
        FactKind.OVERDUE_CALL,
        FactKind.DEAL_STILL,
        FactKind.SILENCE_OF_CONTACT,
        FactKind.PROMISE_DUE,
        FactKind.SOURCE_LAG,
        FactKind.SOURCE_SILENT,
        FactKind.SPIKE,
        FactKind.SILENCE,
    )
)
"""Facts that hold until a fact with `ended` says that they do not. Of the others the episode is over when somebody has
seen to it: what comes after is news again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that happened at *at* (UTC). *key* makes two facts the same episode ("spike/12", "mention/345").
    *agents* are whom it concerns: who owns the customer, who watches the query. *values* hold numbers and words of
    ours, never names or texts of people. *ended*: it is over, and no rule is asked. Nobody is told after *expires_at*.
    What is not *live* (older than the connection of its source) raises nothing."""

    kind: FactKind
    key: str
    at: datetime
    interaction_id: int | None = None
    contact_id: int | None = None
    company_id: int | None = None
    deal_id: int | None = None
    case_id: int | None = None
    conversation_id: int | None = None
    source: str = ""
    query_id: int | None = None
    task_id: int | None = None
    booking_id: int | None = None
    mention_id: int | None = None
    reminder_id: int | None = None
    agents: tuple[str, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)
    ended: bool = False
    expires_at: datetime | None = None
    live: bool = True

    def about(self) -> dict[str, object]:
        """What an alert keeps of it beside the interaction and the contact. Ids are text: they are longer than what
        JavaScript counts exactly."""
        named = {name: getattr(self, f"{name}_id") for name in _NAMED}
        found: dict[str, object] = {name: str(number) for name, number in named.items() if number is not None}
        if self.source:
            found["source"] = self.source
        if self.values:
            found["values"] = dict(self.values)
        return found


_NAMED = ("company", "deal", "case", "conversation", "query", "task", "booking", "mention", "reminder")
