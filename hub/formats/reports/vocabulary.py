"""What a report says, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a report tells. `BOUNCE`: somebody will not get the mail. `DELAY`: not yet, it is tried again. `DELIVERED`:
    it arrived. `RECEIPT`: a reader opened or deleted it. `COMPLAINT`: a reader called it spam or wants no more.
    `FEEDBACK`: what else a feedback loop says (a failed authentication, "not spam"); nobody complained."""

    BOUNCE = "bounce"
    DELAY = "delay"
    DELIVERED = "delivered"
    RECEIPT = "receipt"
    COMPLAINT = "complaint"
    FEEDBACK = "feedback"


class Reason(StrEnum):
    """Why a mail was not delivered. docs/BOUNCES.md says what each means for the address."""

    UNKNOWN_USER = "unknown-user"
    HOST_UNKNOWN = "host-unknown"
    SUSPENDED = "suspended"
    MAILBOX_FULL = "mailbox-full"
    TOO_BIG = "too-big"
    FILTERED = "filtered"
    BLOCKED = "blocked"
    AUTH = "auth"
    POLICY = "policy"
    SPAM = "spam"
    CONTENT = "content"
    RATE_LIMITED = "rate-limited"
    NETWORK = "network"
    SYSTEM = "system"
    LOOP = "loop"
    EXPIRED = "expired"
    UNDEFINED = "undefined"


DEAD = frozenset((Reason.UNKNOWN_USER, Reason.HOST_UNKNOWN, Reason.SUSPENDED))
"""The reasons that lie with the address. All others lie with this mail, with us, or with the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """What became of the mail for one address.

    *address* is `local@domain` as we wrote to it, where the report says that. *outcome* is the report's own word:
    `failed`, `delayed`, `delivered`, `relayed` or `expanded` (RFC 3464), `displayed`, `deleted` and the others of
    RFC 8098, or the feedback type (RFC 5965: `abuse`, `opt-out`…). *permanent* says that the same mail would fail
    again. *reason* is None where nothing failed. *status* is the code of RFC 3463, *diagnostic* one line of the
    server that refused, *remote* its name; each is empty where the report has none.
    """

    address: str
    outcome: str
    permanent: bool = False
    reason: Reason | None = None
    status: str = ""
    diagnostic: str = ""
    remote: str = ""

    @property
    def dead(self) -> bool:
        """Whether this marks the address: it will fail for every mail. A refusal of this one mail does not."""
        return self.permanent and self.reason in DEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A machine's word about a mail of ours.

    *original_message_id* is that mail's, with its angle brackets; empty where nothing that came back shows it.
    Anybody can write a report: believe it only where that id is one that we sent, to that address. *recipients* are
    those concerned; of a bounce, those that failed or wait, not those that were reached.
    """

    kind: Kind
    original_message_id: str
    original_subject: str
    recipients: tuple[Recipient, ...]
